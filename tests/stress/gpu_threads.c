/*
 * Threads of one process that use the same devices of the simulated GPU at once: each call may meet
 * handles that another thread destroys. What must hold: a call succeeds or gives an answer that its
 * documentation has, what a thread owns alone works as if nobody else were there, every wait ends,
 * and in the end nothing is left and the machine is sound.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <winmem/gpu.h>
#include "d3dkmt/kmt.h"
#include "d3dkmt/state.h"
#include "faces.h"
#include "memoryapi/base.h"
#include "memoryapi/object.h"

#define THREADS 4u
#define SLOTS   12u /* of each kind, for all threads */
#define SIZE    (64u << 10)
#define SHARED                                                                                     \
    (D3DKMT_CREATEALLOCATIONFLAGS_CreateResource | D3DKMT_CREATEALLOCATIONFLAGS_CreateShared)

/* A device and what a thread knows of it; handles may be of objects that are gone. atomic */
struct place {
    D3DKMT_HANDLE device, queue, context, allocation, resource, global, fence, semaphore;
    uint64_t paged; /* value of the queue's fence */
};

static struct place places[SLOTS];
static D3DKMT_HANDLE adapter;
static D3DKMT_HANDLE mutex; /* keyed; the global handle */
static uint64_t shown;      /* under the mutex: the value of its last release */
static LUID luid;
static pthread_barrier_t barrier;
static uint32_t steps = 20000;
static uint32_t working = THREADS; /* atomic */
static uint64_t good, refused;     /* atomic */

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "gpu_threads: line %d: %s\n", __LINE__, #condition);                   \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

#define GET(field)        __atomic_load_n(&(field), __ATOMIC_RELAXED)
#define SET(field, value) __atomic_store_n(&(field), (value), __ATOMIC_RELAXED)

static uint32_t below(uint64_t *random, uint32_t limit)
{
    *random = *random * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)((*random >> 33) % limit);
}

/* Whatever another thread did meanwhile: no other answers than these. */
static bool is_good(NTSTATUS status)
{
    static const NTSTATUS allowed[] = {STATUS_SUCCESS,
                                       STATUS_PENDING,
                                       STATUS_INVALID_PARAMETER,
                                       STATUS_NO_MEMORY,
                                       STATUS_INVALID_HANDLE,
                                       STATUS_DEVICE_REMOVED,
                                       STATUS_ACCESS_DENIED,
                                       STATUS_OBJECT_NAME_COLLISION,
                                       STATUS_OBJECT_NAME_NOT_FOUND};
    bool known = false;
    for (unsigned i = 0; i < array_length(allowed); i++)
        known |= status == allowed[i];
    if (!known)
        fprintf(stderr, "gpu_threads: status 0x%08x\n", (unsigned)status);
    CHECK(known);
    __atomic_add_fetch(status >= 0 ? &good : &refused, 1, __ATOMIC_RELAXED);
    return status >= 0;
}

static void do_create_device(struct place *at, uint64_t *random)
{
    D3DKMT_CREATEDEVICE create = {.hAdapter = adapter};
    (void)random;
    if (!is_good(kmt_CreateDevice(&create)))
        return;
    D3DKMT_CREATEPAGINGQUEUE queue = {.hDevice = create.hDevice};
    D3DKMT_CREATECONTEXTVIRTUAL context = {.hDevice = create.hDevice};
    if (is_good(kmt_CreatePagingQueue(&queue)))
        SET(at->queue, queue.hPagingQueue);
    if (is_good(kmt_CreateContextVirtual(&context)))
        SET(at->context, context.hContext);
    /* the one that was there may still be used */
    const D3DKMT_DESTROYDEVICE destroy = {
        __atomic_exchange_n(&at->device, create.hDevice, __ATOMIC_RELAXED)};
    if (destroy.hDevice)
        is_good(kmt_DestroyDevice(&destroy));
}

static void do_create(struct place *at, uint64_t *random)
{
    struct winmem_gpu_allocation wanted = {.size = SIZE};
    D3DDDI_ALLOCATIONINFO2 info = {.pPrivateDriverData = &wanted,
                                   .PrivateDriverDataSize = sizeof wanted};
    D3DKMT_CREATEALLOCATION create = {.hDevice = GET(at->device),
                                      .NumAllocations = 1,
                                      .pAllocationInfo2 = &info,
                                      .Flags = {.Value = below(random, 2) ? SHARED : 0}};
    if (!is_good(kmt_CreateAllocation2(&create)))
        return;
    SET(at->allocation, info.hAllocation);
    SET(at->resource, create.hResource);
    if (create.hGlobalShare)
        SET(at->global, create.hGlobalShare);
}

static void do_destroy(struct place *at, uint64_t *random)
{
    D3DKMT_HANDLE resource = GET(at->resource), allocation = GET(at->allocation);
    D3DKMT_DESTROYALLOCATION2 destroy = {.hDevice = GET(at->device)};
    (void)random;
    if (resource)
        destroy.hResource = resource;
    else
        destroy.phAllocationList = &allocation;
    destroy.AllocationCount = !resource;
    is_good(kmt_DestroyAllocation2(&destroy));
}

static void do_open(struct place *at, uint64_t *random)
{
    char total[64];
    D3DDDI_OPENALLOCATIONINFO2 list;
    D3DKMT_OPENRESOURCE open = {.hDevice = GET(at->device),
                                .hGlobalShare = GET(places[below(random, SLOTS)].global),
                                .NumAllocations = 1,
                                .pOpenAllocationInfo2 = &list,
                                .pTotalPrivateDriverDataBuffer = total,
                                .TotalPrivateDriverDataBufferSize = sizeof total};
    if (!is_good(kmt_OpenResource2(&open)))
        return;
    SET(at->allocation, list.hAllocation);
    SET(at->resource, open.hResource);
}

/* What is read there is what some thread wrote, or nothing. */
static void do_lock(struct place *at, uint64_t *random)
{
    D3DKMT_LOCK2 lock = {.hDevice = GET(at->device), .hAllocation = GET(at->allocation)};
    const D3DKMT_UNLOCK2 unlock = {lock.hDevice, lock.hAllocation};
    (void)random;
    if (is_good(kmt_Lock2(&lock)))
        is_good(kmt_Unlock2(&unlock));
}

static void do_resident(struct place *at, uint64_t *random)
{
    D3DKMT_HANDLE allocation = GET(at->allocation);
    D3DDDI_MAKERESIDENT data = {
        .hPagingQueue = GET(at->queue), .NumAllocations = 1, .AllocationList = &allocation};
    (void)random;
    if (is_good(kmt_MakeResident(&data)))
        SET(at->paged, data.PagingFenceValue);
}

static void do_evict(struct place *at, uint64_t *random)
{
    D3DKMT_HANDLE allocation = GET(at->allocation);
    D3DKMT_EVICT data = {
        .hDevice = GET(at->device), .NumAllocations = 1, .AllocationList = &allocation};
    (void)random;
    is_good(kmt_Evict(&data));
}

static void do_offer(struct place *at, uint64_t *random)
{
    D3DKMT_HANDLE allocation = GET(at->allocation);
    const D3DKMT_OFFERALLOCATIONS data = {.hDevice = GET(at->device),
                                          .HandleList = &allocation,
                                          .NumAllocations = 1,
                                          .Priority =
                                              (D3DKMT_OFFER_PRIORITY)(1 + below(random, 3))};
    is_good(kmt_OfferAllocations(&data));
}

static void do_reclaim(struct place *at, uint64_t *random)
{
    D3DKMT_HANDLE allocation = GET(at->allocation);
    D3DDDI_RECLAIM_RESULT result;
    D3DKMT_RECLAIMALLOCATIONS2 data = {.hPagingQueue = GET(at->queue),
                                       .NumAllocations = 1,
                                       .HandleList = &allocation,
                                       .pResults = &result};
    (void)random;
    is_good(kmt_ReclaimAllocations2(&data));
}

static void do_create_sync(struct place *at, uint64_t *random)
{
    bool shared = below(random, 2);
    D3DKMT_CREATESYNCHRONIZATIONOBJECT2 create = {.hDevice = GET(at->device)};
    create.Info.Type = D3DDDI_MONITORED_FENCE;
    create.Info.Flags.Value = shared ? D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS_Shared : 0;
    if (is_good(kmt_CreateSynchronizationObject2(&create))) {
        const D3DKMT_DESTROYSYNCHRONIZATIONOBJECT destroy = {
            __atomic_exchange_n(&at->fence, create.hSyncObject, __ATOMIC_RELAXED)};
        if (destroy.hSyncObject)
            is_good(kmt_DestroySynchronizationObject(&destroy));
    }
    if (!shared)
        return;
    D3DKMT_OPENSYNCHRONIZATIONOBJECT open = {.hSharedHandle = create.Info.SharedHandle};
    if (open.hSharedHandle && is_good(kmt_OpenSynchronizationObject(&open))) {
        const D3DKMT_DESTROYSYNCHRONIZATIONOBJECT destroy = {open.hSyncObject};
        CHECK(is_good(kmt_DestroySynchronizationObject(&destroy)));
    }
}

static void do_signal(struct place *at, uint64_t *random)
{
    D3DKMT_HANDLE fence = GET(at->fence);
    uint64_t value = 1 + below(random, 1000);
    const D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMCPU signal = {.hDevice = GET(at->device),
                                                              .ObjectCount = 1,
                                                              .ObjectHandleArray = &fence,
                                                              .FenceValueArray = &value};
    is_good(kmt_SignalSynchronizationObjectFromCpu(&signal));
}

/* By the GPU, after what the context does; and waits of the GPU. */
static void do_stream(struct place *at, uint64_t *random)
{
    D3DKMT_HANDLE fence = GET(at->fence), context = GET(at->context);
    uint64_t value = 1 + below(random, 1000);
    D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU signal = {
        .hContext = context, .ObjectCount = 1, .ObjectHandleArray = &fence};
    signal.MonitoredFenceValueArray = &value;
    const D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMGPU wait = {.hContext = context,
                                                             .ObjectCount = 1,
                                                             .ObjectHandleArray = &fence,
                                                             .MonitoredFenceValueArray = &value};
    if (below(random, 4))
        is_good(kmt_SignalSynchronizationObjectFromGpu(&signal));
    else
        is_good(kmt_WaitForSynchronizationObjectFromGpu(&wait));
}

static NTSTATUS wait_for(D3DKMT_HANDLE device, D3DKMT_HANDLE fence, uint64_t value, HANDLE event)
{
    const D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMCPU wait = {.hDevice = device,
                                                             .ObjectCount = 1,
                                                             .ObjectHandleArray = &fence,
                                                             .FenceValueArray = &value,
                                                             .hAsyncEvent = event};
    return kmt_WaitForSynchronizationObjectFromCpu(&wait);
}

/* The event may never be set; nobody waits for it. */
static void do_wait_later(struct place *at, uint64_t *random)
{
    HANDLE event = k32_CreateEventW(NULL, TRUE, FALSE, NULL);
    CHECK(event);
    is_good(wait_for(GET(at->device), GET(at->fence), below(random, 1000), event));
    k32_CloseHandle(event);
}

/*
 * Waits that block, for a fence of the thread's own on a device that others use and destroy: the GPU
 * signals it, or nobody does, and the end of the device is the end of the wait.
 */
static void do_wait(struct place *at, uint64_t *random)
{
    D3DKMT_HANDLE device = GET(at->device), context = GET(at->context);
    D3DKMT_CREATESYNCHRONIZATIONOBJECT2 create = {.hDevice = device};
    uint64_t value = 1 + below(random, 50);
    create.Info.Type = D3DDDI_MONITORED_FENCE;
    if (!is_good(kmt_CreateSynchronizationObject2(&create)))
        return;
    D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU signal = {
        .hContext = context, .ObjectCount = 1, .ObjectHandleArray = &create.hSyncObject};
    signal.MonitoredFenceValueArray = &value;
    if (below(random, 8))
        is_good(kmt_SignalSynchronizationObjectFromGpu(&signal));
    is_good(wait_for(device, create.hSyncObject, value, NULL));
    const D3DKMT_DESTROYSYNCHRONIZATIONOBJECT destroy = {create.hSyncObject};
    is_good(kmt_DestroySynchronizationObject(&destroy));
}

/* An NT handle: another opening, and the end of both. */
static void do_share(struct place *at, uint64_t *random)
{
    OBJECT_ATTRIBUTES attributes = {.Length = sizeof attributes};
    D3DKMT_CREATESYNCHRONIZATIONOBJECT2 create = {.hDevice = GET(at->device)};
    HANDLE nt;
    (void)random;
    create.Info.Type = D3DDDI_MONITORED_FENCE;
    create.Info.Flags.Value = D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS_Shared |
                              D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS_NtSecuritySharing;
    if (!is_good(kmt_CreateSynchronizationObject2(&create)))
        return;
    D3DKMT_HANDLE fence = create.hSyncObject;
    const D3DKMT_DESTROYSYNCHRONIZATIONOBJECT destroy = {fence};
    bool shared = is_good(kmt_ShareObjects(1, &fence, &attributes, 0x10000000, &nt));
    is_good(kmt_DestroySynchronizationObject(&destroy));
    if (!shared)
        return;
    D3DKMT_OPENSYNCOBJECTFROMNTHANDLE2 open = {.hNtHandle = nt,
                                               .hDevice = GET(places[below(random, SLOTS)].device)};
    is_good(kmt_OpenSyncObjectFromNtHandle2(&open)); /* it goes with that device */
    CHECK(handle_close(nt) == STATUS_SUCCESS);
}

/* One of a few names, which threads give and look for at the same time. */
static void name_one(uint32_t number, OBJECT_ATTRIBUTES *attributes, UNICODE_STRING *string,
                     WCHAR *text)
{
    static const WCHAR start[] = u"\\BaseNamedObjects\\threads";
    memcpy(text, start, sizeof start);
    text[array_length(start) - 1] = (WCHAR)('0' + number);
    *string = (UNICODE_STRING){sizeof start, sizeof start, text};
    *attributes = (OBJECT_ATTRIBUTES){.Length = sizeof *attributes, .ObjectName = string};
}

static void open_resource(D3DKMT_HANDLE device, HANDLE nt)
{
    char total[64];
    D3DDDI_OPENALLOCATIONINFO2 list;
    D3DKMT_OPENRESOURCEFROMNTHANDLE open = {.hDevice = device,
                                            .hNtHandle = nt,
                                            .NumAllocations = 1,
                                            .pOpenAllocationInfo2 = &list,
                                            .pTotalPrivateDriverDataBuffer = total,
                                            .TotalPrivateDriverDataBufferSize = sizeof total};
    is_good(kmt_OpenResourceFromNtHandle(&open)); /* it goes with the device */
}

/* A resource that is shared by a name, and one that another thread shared. */
static void do_name(struct place *at, uint64_t *random)
{
    OBJECT_ATTRIBUTES attributes;
    UNICODE_STRING string;
    WCHAR text[64];
    struct winmem_gpu_allocation wanted = {.size = SIZE};
    D3DDDI_ALLOCATIONINFO2 info = {.pPrivateDriverData = &wanted,
                                   .PrivateDriverDataSize = sizeof wanted};
    D3DKMT_CREATEALLOCATION create = {
        .hDevice = GET(at->device),
        .NumAllocations = 1,
        .pAllocationInfo2 = &info,
        .Flags = {.Value = SHARED | D3DKMT_CREATEALLOCATIONFLAGS_NtSecuritySharing}};
    D3DKMT_OPENNTHANDLEFROMNAME find = {.dwDesiredAccess = 0x10000000, .pObjAttrib = &attributes};
    HANDLE nt;
    name_one(below(random, 3), &attributes, &string, text);
    if (is_good(kmt_OpenNtHandleFromName(&find))) {
        open_resource(GET(places[below(random, SLOTS)].device), find.hNtHandle);
        CHECK(handle_close(find.hNtHandle) == STATUS_SUCCESS);
    }
    if (!is_good(kmt_CreateAllocation2(&create)))
        return;
    const D3DKMT_DESTROYALLOCATION2 destroy = {.hDevice = create.hDevice,
                                               .hResource = create.hResource};
    bool shared = is_good(kmt_ShareObjects(1, &create.hResource, &attributes, 0x10000000, &nt));
    is_good(kmt_DestroyAllocation2(&destroy));
    if (shared) {
        open_resource(GET(at->device), nt);
        CHECK(handle_close(nt) == STATUS_SUCCESS);
    }
}

/* Who has the mutex may use the word; every thread has an opening of its own. */
static void do_mutex(struct place *at, uint64_t *random)
{
    D3DKMT_OPENKEYEDMUTEX open = {.hSharedHandle = mutex};
    (void)at, (void)random;
    CHECK(is_good(kmt_OpenKeyedMutex(&open)));
    D3DKMT_ACQUIREKEYEDMUTEX acquire = {.hKeyedMutex = open.hKeyedMutex};
    D3DKMT_RELEASEKEYEDMUTEX release = {.hKeyedMutex = open.hKeyedMutex};
    const D3DKMT_DESTROYKEYEDMUTEX destroy = {open.hKeyedMutex};
    CHECK(kmt_AcquireKeyedMutex(&acquire) == STATUS_SUCCESS);
    CHECK(acquire.FenceValue == shown);
    release.FenceValue = ++shown;
    CHECK(kmt_ReleaseKeyedMutex(&release) == STATUS_SUCCESS);
    CHECK(kmt_DestroyKeyedMutex(&destroy) == STATUS_SUCCESS);
}

static void do_address(struct place *at, uint64_t *random)
{
    D3DDDI_MAPGPUVIRTUALADDRESS map = {.hPagingQueue = GET(at->queue),
                                       .hAllocation = GET(at->allocation),
                                       .SizeInPages = SIZE / PAGE_SIZE};
    (void)random;
    map.Protection.Value = D3DDDIGPUVIRTUALADDRESS_PROTECTION_TYPE_Write;
    if (!is_good(kmt_MapGpuVirtualAddress(&map)))
        return;
    const D3DKMT_FREEGPUVIRTUALADDRESS give = {
        .hAdapter = adapter, .BaseAddress = map.VirtualAddress, .Size = SIZE};
    is_good(kmt_FreeGpuVirtualAddress(&give)); /* gone with the allocation, or another's by now */
}

/* Its fences have their largest value then; the next that makes a device here ends it. */
static void do_fail(struct place *at, uint64_t *random)
{
    D3DKMT_MARKDEVICEASERROR mark = {GET(at->device), D3DKMT_DEVICE_ERROR_REASON_GENERIC};
    if (below(random, 16) == 0)
        is_good(kmt_MarkDeviceAsError(&mark));
}

static void do_count(struct place *at, uint64_t *random)
{
    static const int kinds[] = {D3DKMT_QUERYSTATISTICS_ADAPTER, D3DKMT_QUERYSTATISTICS_SEGMENT,
                                D3DKMT_QUERYSTATISTICS_NODE};
    D3DKMT_QUERYSTATISTICS query = {.AdapterLuid = luid};
    (void)at;
    query.Type = (D3DKMT_QUERYSTATISTICS_TYPE)kinds[below(random, array_length(kinds))];
    CHECK(kmt_QueryStatistics(&query) == STATUS_SUCCESS);
}

/* Its context may wait for a value that never comes: then the end of the device is the end of this. */
static void do_idle(struct place *at, uint64_t *random)
{
    const D3DKMT_WAITFORIDLE wait = {GET(at->device)};
    if (below(random, 8) == 0)
        is_good(kmt_WaitForIdle(&wait));
}

static void do_ask(struct place *at, uint64_t *random)
{
    D3DKMT_QUERYVIDEOMEMORYINFO info = {
        .hAdapter = adapter, .MemorySegmentGroup = (D3DKMT_MEMORY_SEGMENT_GROUP)below(random, 2)};
    D3DKMT_GETDEVICESTATE state = {.hDevice = GET(at->device),
                                   .StateType = D3DKMT_DEVICESTATE_EXECUTION};
    CHECK(kmt_QueryVideoMemoryInfo(&info) == STATUS_SUCCESS);
    is_good(kmt_GetDeviceState(&state));
}

/* A device that nobody else knows: everything on it succeeds. */
static void work_alone(uint64_t *random)
{
    struct place mine = {0};
    do_create_device(&mine, random);
    CHECK(mine.device && mine.queue && mine.context);
    do_create(&mine, random);
    CHECK(mine.allocation);
    D3DKMT_LOCK2 lock = {.hDevice = mine.device, .hAllocation = mine.allocation};
    const D3DKMT_UNLOCK2 unlock = {mine.device, mine.allocation};
    CHECK(kmt_Lock2(&lock) == STATUS_SUCCESS);
    uint64_t word = ((uint64_t)below(random, 1u << 30) << 8) + 1;
    *(volatile uint64_t *)lock.pData = word;
    CHECK(kmt_Unlock2(&unlock) == STATUS_SUCCESS);
    for (unsigned i = 0; i < 4; i++) {
        do_resident(&mine, random);
        do_evict(&mine, random);
    }
    CHECK(kmt_Lock2(&lock) == STATUS_SUCCESS && *(volatile uint64_t *)lock.pData == word);
    CHECK(kmt_Unlock2(&unlock) == STATUS_SUCCESS);
    do_create_sync(&mine, random);
    uint64_t value = 7;
    D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU signal = {
        .hContext = mine.context, .ObjectCount = 1, .ObjectHandleArray = &mine.fence};
    signal.MonitoredFenceValueArray = &value;
    CHECK(mine.fence && kmt_SignalSynchronizationObjectFromGpu(&signal) == STATUS_SUCCESS);
    CHECK(wait_for(mine.device, mine.fence, value, NULL) == STATUS_SUCCESS);
    const D3DKMT_DESTROYDEVICE destroy = {mine.device};
    CHECK(kmt_DestroyDevice(&destroy) == STATUS_SUCCESS);
}

static void *work(void *argument)
{
    static void (*const operations[])(struct place * at, uint64_t * random) = {
        do_create,      do_create,   do_create_sync, do_destroy, do_open,    do_lock,
        do_lock,        do_resident, do_resident,    do_evict,   do_offer,   do_reclaim,
        do_create_sync, do_signal,   do_signal,      do_stream,  do_wait,    do_wait_later,
        do_ask,         do_share,    do_mutex,       do_mutex,   do_address, do_fail,
        do_count,       do_name,     do_idle};
    uint64_t random = (uintptr_t)argument;
    pthread_barrier_wait(&barrier);
    for (uint32_t step = 0; step < steps; step++) {
        struct place *at = &places[below(&random, SLOTS)];
        uint32_t what = below(&random, 64);
        if (what == 0)
            do_create_device(at, &random);
        else if (what == 1 && step % 4 == 0)
            work_alone(&random);
        else
            operations[what % array_length(operations)](at, &random);
    }
    __atomic_sub_fetch(&working, 1, __ATOMIC_RELEASE);
    return NULL;
}

/* As long as somebody may be waiting, devices end. */
static void end_devices(uint64_t *random)
{
    const struct timespec pause = {0, 500000};
    while (__atomic_load_n(&working, __ATOMIC_ACQUIRE)) {
        nanosleep(&pause, NULL);
        do_create_device(&places[below(random, SLOTS)], random);
    }
}

static bool count_one(struct kmt_object *object, void *context)
{
    (void)object;
    ++*(uint32_t *)context;
    return true;
}

/* Nothing but the adapter's handle; a wait that is not over holds no object. */
static void check_end(void)
{
    const struct vidmm *mm = gpu_adapter(0);
    uint32_t left = 0;
    for (unsigned i = 0; i < SLOTS; i++) {
        const D3DKMT_DESTROYDEVICE destroy = {places[i].device};
        CHECK(kmt_DestroyDevice(&destroy) == STATUS_SUCCESS);
    }
    kmt_lock();
    for (int type = KMT_DEVICE; type <= KMT_ALLOCATION; type++)
        kmt_for_each((enum kmt_type)type, count_one, &left);
    kmt_unlock();
    CHECK(left == 0);
    vidmm_lock(mm);
    CHECK(vidmm_is_valid(mm, STDERR_FILENO));
    CHECK(mm->adapter->live == 0 && mm->adapter->usage[gpu_process()].devices == 0);
    vidmm_unlock(mm);
}

static char directory[] = "/dev/shm/winmem-test-XXXXXX";

int main(int argc, char **argv)
{
    const char *seed = getenv("WINMEM_SEED");
    uint64_t first = seed ? strtoull(seed, NULL, 0) : (uint64_t)time(NULL), random = first;
    pthread_t threads[THREADS];
    D3DKMT_ADAPTERINFO found[1];
    D3DKMT_ENUMADAPTERS2 list = {.NumAdapters = 1, .pAdapters = found};
    char command[64];

    if (argc > 1)
        steps = (uint32_t)strtoul(argv[1], NULL, 0);
    printf("gpu_threads: WINMEM_SEED=%lu\n", first);
    fflush(stdout);
    CHECK(mkdtemp(directory));
    setenv("WINMEM_GPU_DIR", directory, 1);
    setenv("WINMEM_GPU", "adapter local=1M nonlocal=1M", 1);
    CHECK(kmt_EnumAdapters2(&list) == STATUS_SUCCESS && list.NumAdapters == 1);
    adapter = found[0].hAdapter;
    luid = found[0].AdapterLuid;
    D3DKMT_CREATEKEYEDMUTEX keyed = {.InitialValue = 0};
    CHECK(kmt_CreateKeyedMutex(&keyed) == STATUS_SUCCESS);
    mutex = keyed.hSharedHandle;
    for (unsigned i = 0; i < SLOTS; i++)
        do_create_device(&places[i], &random);
    pthread_barrier_init(&barrier, NULL, THREADS);
    for (unsigned i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, work, (void *)(uintptr_t)(first * 16 + i)) == 0);
    end_devices(&random);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    const D3DKMT_DESTROYKEYEDMUTEX destroy = {keyed.hKeyedMutex};
    CHECK(kmt_DestroyKeyedMutex(&destroy) == STATUS_SUCCESS);
    check_end();
    printf("gpu_threads: %lu calls succeeded, %lu were refused\n", good, refused);
    gpu_detach();
    snprintf(command, sizeof command, "rm -rf %s", directory);
    return system(command) != 0;
}
