/*
 * What a device of the simulated GPU owns, with every call to the host and to the allocator failing
 * once, and each number of the machine and each handle being refused once: a call that fails changed
 * nothing, left nothing, and succeeds when it is made again.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <winmem/gpu.h>
#include "d3dkmt/context.h"
#include "d3dkmt/keyed.h"
#include "d3dkmt/state.h"
#include "faces.h"
#include "memoryapi/base.h"
#include "memoryapi/limits.h"
#include "memoryapi/mm.h"
#include "memoryapi/object.h"
#include "tests/fault/failing.h"

#define FLAG(name) D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS_##name
#define NAME       u"\\BaseNamedObjects\\fence"

static char directory[] = "/dev/shm/winmem-test-XXXXXX";
static D3DKMT_HANDLE adapter, device;
static unsigned failures;

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s (%s failed)\n", __FILE__, __LINE__, #condition,             \
                    what_failed());                                                                \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

/* The linker's --wrap: what the machine and the table of handles refuse, beside failing.h. */
static unsigned refusals, refused_at;
static const char *refused;

static const char *what_failed(void)
{
    const char *host_call = failing_happened();
    return refused ? refused : host_call ? host_call : "nothing";
}

static bool refuse(const char *name)
{
    if (!refused_at || ++refusals != refused_at)
        return false;
    refused = name;
    return true;
}

uint32_t __real_gpu_fence_take(void);
uint32_t __wrap_gpu_fence_take(void);
uint32_t __wrap_gpu_fence_take(void)
{
    return refuse("gpu_fence_take") ? VID_NONE : __real_gpu_fence_take();
}

uint32_t __real_gpu_record_take(uint64_t share, uint64_t name);
uint32_t __wrap_gpu_record_take(uint64_t share, uint64_t name);
uint32_t __wrap_gpu_record_take(uint64_t share, uint64_t name)
{
    return refuse("gpu_record_take") ? VID_NONE : __real_gpu_record_take(share, name);
}

bool __real_kmt_handle_create(struct kmt_object *object, enum kmt_type type);
bool __wrap_kmt_handle_create(struct kmt_object *object, enum kmt_type type);
bool __wrap_kmt_handle_create(struct kmt_object *object, enum kmt_type type)
{
    return !refuse("kmt_handle_create") && __real_kmt_handle_create(object, type);
}

int __real_share_file_open(uint64_t id, int flags);
int __wrap_share_file_open(uint64_t id, int flags);
int __wrap_share_file_open(uint64_t id, int flags)
{
    return refuse("share_file_open") ? -EMFILE : __real_share_file_open(id, flags);
}

/* The directory is full. */
ssize_t __real_pwrite64(int file, const void *bytes, size_t size, off_t offset);
ssize_t __wrap_pwrite64(int file, const void *bytes, size_t size, off_t offset);
ssize_t __wrap_pwrite64(int file, const void *bytes, size_t size, off_t offset)
{
    if (!refuse("pwrite"))
        return __real_pwrite64(file, bytes, size, offset);
    errno = ENOSPC;
    return -1;
}

int __real_ftruncate64(int file, off_t size);
int __wrap_ftruncate64(int file, off_t size);
int __wrap_ftruncate64(int file, off_t size)
{
    if (!refuse("ftruncate"))
        return __real_ftruncate64(file, size);
    errno = ENOSPC;
    return -1;
}

/* --- the calls: each leaves in `made` what undo() destroys */

static struct {
    D3DKMT_HANDLE device, context, queue, sync, keyed;
    HANDLE nt;
} made;
/* what calls work on; scratch is made anew by undo() */
static D3DKMT_HANDLE fence, semaphore, shared_fence, global_fence, nt_fence, plain, plain_global;
static struct {
    D3DKMT_HANDLE device, context;
} scratch;
static HANDLE event, named;

static NTSTATUS create_device(uint32_t flags, D3DKMT_HANDLE *ret_device)
{
    D3DKMT_CREATEDEVICE create = {.hAdapter = adapter, .Flags = {.Value = flags}};
    NTSTATUS status = kmt_CreateDevice(&create);
    *ret_device = create.hDevice;
    return status;
}

static NTSTATUS do_device(void)
{
    return create_device(0, &made.device);
}

static NTSTATUS do_legacy_device(void)
{
    return create_device(D3DKMT_CREATEDEVICEFLAGS_LegacyMode, &made.device);
}

static NTSTATUS do_context(void)
{
    D3DKMT_CREATECONTEXT create = {.hDevice = device};
    NTSTATUS status = kmt_CreateContext(&create);
    made.context = create.hContext;
    return status;
}

static NTSTATUS create_context(D3DKMT_HANDLE of, D3DKMT_HANDLE *ret_context)
{
    char data[100] = "driver";
    D3DKMT_CREATECONTEXTVIRTUAL create = {
        .hDevice = of, .pPrivateDriverData = data, .PrivateDriverDataSize = sizeof data};
    NTSTATUS status = kmt_CreateContextVirtual(&create);
    *ret_context = create.hContext;
    return status;
}

static NTSTATUS do_virtual_context(void)
{
    return create_context(device, &made.context);
}

static NTSTATUS do_queue(void)
{
    D3DKMT_CREATEPAGINGQUEUE create = {.hDevice = device};
    NTSTATUS status = kmt_CreatePagingQueue(&create);
    made.queue = create.hPagingQueue;
    return status;
}

static NTSTATUS create_sync(int type, uint32_t flags, D3DKMT_HANDLE *ret_sync,
                            D3DKMT_HANDLE *ret_global)
{
    D3DKMT_CREATESYNCHRONIZATIONOBJECT2 create = {.hDevice = device};
    create.Info.Type = (D3DDDI_SYNCHRONIZATIONOBJECT_TYPE)type;
    create.Info.Flags.Value = flags;
    if (type == D3DDDI_SEMAPHORE)
        create.Info.Semaphore.MaxCount = 3;
    if (type == D3DDDI_CPU_NOTIFICATION)
        create.Info.CPUNotification.Event = event;
    NTSTATUS status = kmt_CreateSynchronizationObject2(&create);
    *ret_sync = create.hSyncObject;
    if (ret_global)
        *ret_global = create.Info.SharedHandle;
    return status;
}

static NTSTATUS do_fence(void)
{
    return create_sync(D3DDDI_MONITORED_FENCE, 0, &made.sync, NULL);
}

static NTSTATUS do_shared_fence(void)
{
    return create_sync(D3DDDI_MONITORED_FENCE, FLAG(Shared), &made.sync, NULL);
}

static NTSTATUS do_semaphore(void)
{
    return create_sync(D3DDDI_SEMAPHORE, FLAG(Shared), &made.sync, NULL);
}

static NTSTATUS do_notification(void)
{
    return create_sync(D3DDDI_CPU_NOTIFICATION, 0, &made.sync, NULL);
}

static NTSTATUS do_open_sync(void)
{
    D3DKMT_OPENSYNCHRONIZATIONOBJECT open = {.hSharedHandle = global_fence};
    NTSTATUS status = kmt_OpenSynchronizationObject(&open);
    made.sync = open.hSyncObject;
    return status;
}

static NTSTATUS do_open_sync_nt(void)
{
    D3DKMT_OPENSYNCOBJECTFROMNTHANDLE2 open = {.hNtHandle = named, .hDevice = device};
    NTSTATUS status = kmt_OpenSyncObjectFromNtHandle2(&open);
    made.sync = open.hSyncObject;
    return status;
}

static WCHAR first_name[] = NAME, other_name[] = NAME u"2";

static OBJECT_ATTRIBUTES *named_as(WCHAR *name, size_t size)
{
    static UNICODE_STRING string;
    static OBJECT_ATTRIBUTES attributes;
    string = (UNICODE_STRING){(USHORT)(size - 2), (USHORT)size, name};
    attributes = (OBJECT_ATTRIBUTES){.Length = sizeof attributes, .ObjectName = &string};
    return &attributes;
}

static NTSTATUS do_share_sync(void)
{
    return kmt_ShareObjects(1, &nt_fence, named_as(other_name, sizeof other_name), 0x10000000,
                            &made.nt);
}

static NTSTATUS do_open_sync_name(void)
{
    D3DKMT_OPENSYNCOBJECTNTHANDLEFROMNAME open = {
        .dwDesiredAccess = 0x10000000, .pObjAttrib = named_as(first_name, sizeof first_name)};
    NTSTATUS status = kmt_OpenSyncObjectNtHandleFromName(&open);
    made.nt = open.hNtHandle;
    return status;
}

static NTSTATUS create_keyed(const char *data, D3DKMT_HANDLE *ret_keyed, D3DKMT_HANDLE *ret_global)
{
    D3DKMT_CREATEKEYEDMUTEX2 create = {.pPrivateRuntimeData = (void *)data,
                                       .PrivateRuntimeDataSize = data ? (UINT)strlen(data) : 0};
    NTSTATUS status = kmt_CreateKeyedMutex2(&create);
    *ret_keyed = create.hKeyedMutex;
    if (ret_global)
        *ret_global = create.hSharedHandle;
    return status;
}

static NTSTATUS do_keyed(void)
{
    return create_keyed(NULL, &made.keyed, NULL);
}

static NTSTATUS do_keyed_data(void)
{
    return create_keyed("private data", &made.keyed, NULL);
}

/* The first private data that the mutex gets. */
static NTSTATUS do_open_keyed(void)
{
    char data[] = "private data";
    D3DKMT_OPENKEYEDMUTEX2 open = {.hSharedHandle = plain_global,
                                   .pPrivateRuntimeData = data,
                                   .PrivateRuntimeDataSize = sizeof data};
    NTSTATUS status = kmt_OpenKeyedMutex2(&open);
    made.keyed = open.hKeyedMutex;
    return status;
}

static NTSTATUS do_wait_later(void)
{
    const uint64_t value = 100;
    const D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMCPU wait = {.hDevice = device,
                                                             .ObjectCount = 1,
                                                             .ObjectHandleArray = &fence,
                                                             .FenceValueArray = &value,
                                                             .hAsyncEvent = event};
    return kmt_WaitForSynchronizationObjectFromCpu(&wait);
}

static NTSTATUS do_gpu_wait(void)
{
    const uint64_t value = 100;
    const D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMGPU wait = {.hContext = scratch.context,
                                                             .ObjectCount = 1,
                                                             .ObjectHandleArray = &fence,
                                                             .MonitoredFenceValueArray = &value};
    return kmt_WaitForSynchronizationObjectFromGpu(&wait);
}

/* Of two objects, and an event. */
static NTSTATUS do_gpu_signal(void)
{
    const D3DKMT_SIGNALSYNCHRONIZATIONOBJECT2 signal = {
        .hContext = scratch.context, .ObjectCount = 1, .ObjectHandleArray = {semaphore}};
    return kmt_SignalSynchronizationObject2(&signal);
}

static NTSTATUS do_work(void)
{
    struct winmem_gpu_work work = {.duration = 1000};
    const D3DKMT_SUBMITCOMMAND submit = {.BroadcastContextCount = 1,
                                         .BroadcastContext = {scratch.context},
                                         .pPrivateDriverData = &work,
                                         .PrivateDriverDataSize = sizeof work};
    return kmt_SubmitCommand(&submit);
}

static void destroy_device(D3DKMT_HANDLE handle)
{
    const D3DKMT_DESTROYDEVICE destroy = {handle};
    if (handle)
        CHECK(kmt_DestroyDevice(&destroy) == STATUS_SUCCESS);
}

static void make_scratch(void)
{
    CHECK(create_device(0, &scratch.device) == STATUS_SUCCESS);
    CHECK(create_context(scratch.device, &scratch.context) == STATUS_SUCCESS);
    CHECK(create_sync(D3DDDI_MONITORED_FENCE, 0, &fence, NULL) == STATUS_SUCCESS);
    CHECK(create_sync(D3DDDI_SEMAPHORE, 0, &semaphore, NULL) == STATUS_SUCCESS);
    CHECK(create_keyed(NULL, &plain, &plain_global) == STATUS_SUCCESS);
}

static void destroy_sync(D3DKMT_HANDLE handle)
{
    const D3DKMT_DESTROYSYNCHRONIZATIONOBJECT destroy = {handle};
    if (handle)
        CHECK(kmt_DestroySynchronizationObject(&destroy) == STATUS_SUCCESS);
}

static void destroy_keyed(D3DKMT_HANDLE handle)
{
    const D3DKMT_DESTROYKEYEDMUTEX destroy = {handle};
    if (handle)
        CHECK(kmt_DestroyKeyedMutex(&destroy) == STATUS_SUCCESS);
}

static void undo(void)
{
    const D3DKMT_DESTROYCONTEXT context = {made.context};
    D3DDDI_DESTROYPAGINGQUEUE queue = {.hPagingQueue = made.queue};
    if (context.hContext)
        CHECK(kmt_DestroyContext(&context) == STATUS_SUCCESS);
    if (queue.hPagingQueue)
        CHECK(kmt_DestroyPagingQueue(&queue) == STATUS_SUCCESS);
    destroy_device(made.device);
    destroy_sync(made.sync);
    destroy_keyed(made.keyed);
    if (made.nt)
        CHECK(handle_close(made.nt) == STATUS_SUCCESS);
    memset(&made, 0, sizeof made);
    destroy_device(scratch.device);
    destroy_sync(fence);
    destroy_sync(semaphore);
    destroy_keyed(plain);
    make_scratch();
}

/* --- what can be seen of what was done; compared as bytes, so there are no holes in it */

struct sight {
    uint64_t objects[KMT_ALLOCATION + 1], steps, waits, numbers, devices, charge, files, handles;
    uint64_t blocks, event_references, private_data;
};

static bool count_one(struct kmt_object *object, void *context)
{
    (void)object;
    ++*(uint64_t *)context;
    return true;
}

static bool count_steps(struct kmt_object *object, void *context)
{
    const struct kmt_context *of = container_of(object, struct kmt_context, object);
    for (const struct context_step *step = of->first; step; step = step->next)
        ++*(uint64_t *)context;
    return true;
}

static uint64_t count_files(void)
{
    const struct dirent *entry;
    uint64_t count = 0;
    DIR *list = opendir(directory);
    CHECK(list);
    while ((entry = readdir(list)))
        count += strncmp(entry->d_name, "share-", 6) == 0;
    closedir(list);
    return count;
}

static uint64_t count_numbers(void)
{
    uint16_t slot = gpu_process();
    uint64_t count = 0;
    for (uint32_t i = 1; i < VID_FENCES; i++)
        count += vid_fence_at(gpu_machine(), i)->holders[slot / 64] >> slot % 64 & 1;
    return count;
}

static struct sight look(void)
{
    const struct vidmm *mm = gpu_adapter(0);
    struct mm_commit commit;
    struct object *object;
    struct sight sight = {.files = count_files(), .handles = handle_count()};
    kmt_lock();
    for (int type = KMT_ADAPTER; type <= KMT_ALLOCATION; type++)
        kmt_for_each((enum kmt_type)type, count_one, &sight.objects[type]);
    kmt_for_each(KMT_CONTEXT, count_steps, &sight.steps);
    sight.waits = sync_wait_is_pending();
    const struct kmt_keyed_mutex *mutex = kmt_find(plain, KMT_KEYED_MUTEX);
    sight.private_data = keyed_number(mutex->keyed, KEYED_DATA) != 0;
    kmt_unlock();
    sight.numbers = count_numbers();
    sight.devices = mm->adapter->usage[gpu_process()].devices;
    mm_commit_state(&commit);
    sight.charge = commit.charge;
    CHECK(handle_lookup(event, OBJECT_EVENT, 0, &object) == STATUS_SUCCESS);
    sight.event_references = __atomic_load_n(&object->refs, __ATOMIC_RELAXED) - 1;
    object_unref(object);
    sight.blocks = (uint64_t)failing_live_blocks();
    return sight;
}

#define REFUSALS FAILING_KINDS /* one more kind of failure */

/* Whether there was an n-th call of this kind to fail. */
static bool try_one(NTSTATUS (*work)(void), const struct sight *clean, unsigned kind, unsigned n)
{
    failing_start(kind == REFUSALS ? FAILING_HOST : (enum failing_kind)kind,
                  kind == REFUSALS ? 0 : n);
    refusals = 0;
    refused = NULL;
    refused_at = kind == REFUSALS ? n : 0;
    failing_on();
    NTSTATUS status = work();
    failing_off();
    refused_at = 0;
    bool failed = refused || failing_happened();
    if (status != STATUS_SUCCESS) {
        struct sight now = look();
        CHECK(failed && status == STATUS_NO_MEMORY);
        CHECK(memcmp(&now, clean, sizeof now) == 0);
        failures++;
        CHECK(work() == STATUS_SUCCESS);
    }
    undo();
    return failed;
}

static void try_all(const char *name, NTSTATUS (*work)(void), unsigned least)
{
    unsigned before = failures;
    CHECK(work() == STATUS_SUCCESS); /* tables grow once */
    undo();
    struct sight clean = look();
    for (unsigned kind = 0; kind <= REFUSALS; kind++)
        for (unsigned n = 1; try_one(work, &clean, kind, n); n++)
            continue;
    struct sight now = look();
    CHECK(memcmp(&now, &clean, sizeof now) == 0);
    printf("%-40s %u failures\n", name, failures - before);
    if (failures - before < least)
        exit(1);
}

static void make_all(void)
{
    static struct kmt_adapter opening;
    CHECK(gpu_attach() == STATUS_SUCCESS);
    opening.mm = gpu_adapter(0);
    kmt_lock();
    CHECK(kmt_handle_create(&opening.object, KMT_ADAPTER));
    kmt_unlock();
    adapter = opening.object.handle;
    CHECK(create_device(0, &device) == STATUS_SUCCESS);
    make_scratch();
}

/* What another process made is found by its record. */
static void try_another_process(void)
{
    int status;
    fflush(stdout);
    pid_t child = fork();
    if (!child) {
        D3DKMT_HANDLE global = plain_global;
        make_all();
        plain_global = global;
        try_all("open a fence of another process", do_open_sync, 2);
        try_all("open it by name", do_open_sync_name, 4);
        gpu_detach();
        fflush(stdout);
        _exit(0); /* objects of the parent are nobody's here: the leak checker would miss them */
    }
    CHECK(child > 0 && waitpid(child, &status, 0) == child && status == 0);
}

int main(void)
{
    CHECK(mkdtemp(directory));
    setenv("WINMEM_GPU_DIR", directory, 1);
    setenv("WINMEM_GPU_TICK", "0", 1);
    event = k32_CreateEventW(NULL, TRUE, FALSE, NULL);
    CHECK(event);
    make_all();
    CHECK(create_sync(D3DDDI_MONITORED_FENCE, FLAG(Shared), &shared_fence, &global_fence) ==
          STATUS_SUCCESS);
    CHECK(create_sync(D3DDDI_MONITORED_FENCE, FLAG(Shared) | FLAG(NtSecuritySharing), &nt_fence,
                      NULL) == STATUS_SUCCESS);
    CHECK(kmt_ShareObjects(1, &nt_fence, named_as(first_name, sizeof first_name), 0x10000000,
                           &named) == STATUS_SUCCESS);
    failing_install();
    try_all("device", do_device, 2);
    try_all("device in legacy mode", do_legacy_device, 5);
    try_all("context with buffers", do_context, 4);
    try_all("context", do_virtual_context, 3);
    try_all("paging queue", do_queue, 5);
    try_all("fence", do_fence, 4);
    try_all("shared fence", do_shared_fence, 5);
    try_all("shared semaphore", do_semaphore, 5);
    try_all("notification", do_notification, 3);
    try_all("open a fence", do_open_sync, 2);
    try_all("open a fence by NT handle", do_open_sync_nt, 2);
    try_all("share a fence by name", do_share_sync, 5);
    try_all("open a fence's name", do_open_sync_name, 4);
    try_all("keyed mutex", do_keyed, 7);
    try_all("keyed mutex with data", do_keyed_data, 10);
    try_all("open a keyed mutex and bring data", do_open_keyed, 5);
    try_all("wait that sets an event", do_wait_later, 1);
    try_all("wait of the GPU", do_gpu_wait, 1);
    try_all("signal of the GPU", do_gpu_signal, 2);
    try_all("work", do_work, 1);
    try_another_process();
    gpu_detach();
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", directory);
    printf("%u failures\n", failures);
    return system(command) != 0;
}
