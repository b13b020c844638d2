/*
 * Sharing with every call to the host and to the allocator failing once: a call that fails changed
 * nothing, left no file, and succeeds when it is made again.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <winmem/gpu.h>
#include "d3dkmt/share_nt.h"
#include "d3dkmt/state.h"
#include "faces.h"
#include "tests/fault/failing.h"

#define SHARED                                                                                     \
    (D3DKMT_CREATEALLOCATIONFLAGS_CreateResource | D3DKMT_CREATEALLOCATIONFLAGS_CreateShared)
#define NT_SHARED (SHARED | D3DKMT_CREATEALLOCATIONFLAGS_NtSecuritySharing)

static char directory[] = "/dev/shm/winmem-test-XXXXXX";
static D3DKMT_HANDLE adapter, device, global, nt_resource, made;
static HANDLE nt, opened;
static unsigned failures;

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s (%s failed)\n", __FILE__, __LINE__, #condition,             \
                    failing_happened() ? failing_happened() : "nothing");                          \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

/* The linker's --wrap: files that tell what is shared, of which the n-th call fails. */
static unsigned opens, failing_open;
int __real_share_file_open(uint64_t id, int flags);
int __wrap_share_file_open(uint64_t id, int flags);
int __wrap_share_file_open(uint64_t id, int flags)
{
    return ++opens == failing_open ? -EMFILE : __real_share_file_open(id, flags);
}

/* The directory is full. */
ssize_t __real_pwrite64(int file, const void *bytes, size_t size, off_t offset);
ssize_t __wrap_pwrite64(int file, const void *bytes, size_t size, off_t offset);
ssize_t __wrap_pwrite64(int file, const void *bytes, size_t size, off_t offset)
{
    if (++opens != failing_open)
        return __real_pwrite64(file, bytes, size, offset);
    errno = ENOSPC;
    return -1;
}

int __real_ftruncate64(int file, off_t size);
int __wrap_ftruncate64(int file, off_t size);
int __wrap_ftruncate64(int file, off_t size)
{
    if (++opens != failing_open)
        return __real_ftruncate64(file, size);
    errno = ENOSPC;
    return -1;
}

static NTSTATUS create(uint32_t flags, D3DKMT_HANDLE *ret_resource, D3DKMT_HANDLE *ret_global)
{
    struct winmem_gpu_allocation wanted = {.size = 65536};
    D3DDDI_ALLOCATIONINFO2 list[2] = {
        {.pPrivateDriverData = &wanted, .PrivateDriverDataSize = sizeof wanted},
        {.pPrivateDriverData = &wanted, .PrivateDriverDataSize = sizeof wanted}};
    D3DKMT_CREATEALLOCATION create = {.hDevice = device,
                                      .NumAllocations = 2,
                                      .pAllocationInfo2 = list,
                                      .Flags = {.Value = flags}};
    NTSTATUS status = kmt_CreateAllocation2(&create);
    *ret_resource = create.hResource;
    *ret_global = create.hGlobalShare;
    return status;
}

static NTSTATUS do_create(void)
{
    D3DKMT_HANDLE unused;
    return create(SHARED, &made, &unused);
}

static NTSTATUS do_open(void)
{
    char total[64];
    D3DDDI_OPENALLOCATIONINFO2 list[2];
    D3DKMT_OPENRESOURCE open = {.hDevice = device,
                                .hGlobalShare = global,
                                .NumAllocations = 2,
                                .pOpenAllocationInfo2 = list,
                                .pTotalPrivateDriverDataBuffer = total,
                                .TotalPrivateDriverDataBufferSize = sizeof total};
    NTSTATUS status = kmt_OpenResource2(&open);
    made = open.hResource;
    return status;
}

static NTSTATUS do_open_nt(void)
{
    char total[64];
    D3DDDI_OPENALLOCATIONINFO2 list[2];
    D3DKMT_OPENRESOURCEFROMNTHANDLE open = {.hDevice = device,
                                            .hNtHandle = nt,
                                            .NumAllocations = 2,
                                            .pOpenAllocationInfo2 = list,
                                            .pTotalPrivateDriverDataBuffer = total,
                                            .TotalPrivateDriverDataBufferSize = sizeof total};
    NTSTATUS status = kmt_OpenResourceFromNtHandle(&open);
    made = open.hResource;
    return status;
}

static WCHAR text[] = u"\\BaseNamedObjects\\first", other_text[] = u"\\BaseNamedObjects\\other";

static OBJECT_ATTRIBUTES *named(WCHAR *name)
{
    static UNICODE_STRING string;
    static OBJECT_ATTRIBUTES attributes;
    string = (UNICODE_STRING){sizeof text - 2, sizeof text, name};
    attributes = (OBJECT_ATTRIBUTES){.Length = sizeof attributes, .ObjectName = &string};
    return &attributes;
}

static NTSTATUS do_share(void)
{
    return kmt_ShareObjects(1, &nt_resource, named(other_text), 0x10000000, &opened);
}

static NTSTATUS do_open_name(void)
{
    D3DKMT_OPENNTHANDLEFROMNAME open = {.dwDesiredAccess = 0x10000000, .pObjAttrib = named(text)};
    NTSTATUS status = kmt_OpenNtHandleFromName(&open);
    opened = open.hNtHandle;
    return status;
}

static NTSTATUS do_query(void)
{
    D3DKMT_QUERYRESOURCEINFO query = {.hDevice = device, .hGlobalShare = global};
    return kmt_QueryResourceInfo(&query);
}

static NTSTATUS do_allow(void)
{
    const D3DKMT_CONFIGURESHAREDRESOURCE allow = {
        .hDevice = device, .hResource = nt_resource, .IsDwm = TRUE, .AllowAccess = TRUE};
    return kmt_ConfigureSharedResource(&allow);
}

/* What can be seen of what was done; compared as bytes, so there are no holes in it. */
struct sight {
    uint64_t live, openings, devices, files, handles, records;
};

static struct sight look(void)
{
    const struct vidmm *mm = gpu_adapter(0);
    const struct dirent *entry;
    struct sight sight = {.live = mm->adapter->live, .handles = handle_count()};
    DIR *list = opendir(directory);
    CHECK(list);
    while ((entry = readdir(list)))
        sight.files += strncmp(entry->d_name, "share-", 6) == 0;
    closedir(list);
    vidmm_lock(mm);
    CHECK(vidmm_is_valid(mm, STDERR_FILENO));
    for (uint32_t i = 1; i < mm->adapter->openings_used; i++)
        sight.openings += mm->openings[i].allocation != 0;
    sight.devices = mm->adapter->usage[gpu_process()].devices;
    vidmm_unlock(mm);
    for (uint32_t i = 1; i < VID_FENCES; i++)
        sight.records += vid_fence_at(gpu_machine(), i)->share != 0;
    return sight;
}

static void undo(void)
{
    const D3DKMT_DESTROYALLOCATION destroy = {.hDevice = device, .hResource = made};
    if (made)
        CHECK(kmt_DestroyAllocation(&destroy) == STATUS_SUCCESS);
    if (opened)
        CHECK(handle_close(opened) == STATUS_SUCCESS);
    made = 0;
    opened = NULL;
}

static void try_all(const char *name, NTSTATUS (*work)(void), unsigned least)
{
    unsigned before = failures;
    CHECK(work() == STATUS_SUCCESS); /* tables grow once */
    undo();
    struct sight clean = look();
    for (unsigned kind = 0; kind <= FAILING_KINDS; kind++)
        for (unsigned n = 1;; n++) {
            bool of_file = kind == FAILING_KINDS;
            failing_start((enum failing_kind)(of_file ? 0 : kind), of_file ? 0 : n);
            opens = 0;
            failing_open = of_file ? n : 0;
            failing_on();
            NTSTATUS status = work();
            failing_off();
            failing_open = 0;
            if (of_file ? opens < n : !failing_happened()) {
                CHECK(status == STATUS_SUCCESS);
                undo();
                break;
            }
            if (status != STATUS_SUCCESS) {
                struct sight now = look();
                CHECK(status == STATUS_NO_MEMORY);
                CHECK(!made && !opened);
                CHECK(memcmp(&now, &clean, sizeof now) == 0);
                failures++;
                CHECK(work() == STATUS_SUCCESS);
            }
            undo();
        }
    if (failures - before < least) {
        fprintf(stderr, "%s failed %u times only\n", name, failures - before);
        exit(1);
    }
}

int main(void)
{
    D3DKMT_HANDLE resource, none;
    static struct kmt_adapter opening;
    CHECK(mkdtemp(directory));
    setenv("WINMEM_GPU_DIR", directory, 1);
    CHECK(gpu_attach() == STATUS_SUCCESS);
    opening.mm = gpu_adapter(0);
    kmt_lock();
    CHECK(kmt_handle_create(&opening.object, KMT_ADAPTER));
    kmt_unlock();
    adapter = opening.object.handle;
    D3DKMT_CREATEDEVICE create_device = {.hAdapter = adapter};
    CHECK(kmt_CreateDevice(&create_device) == STATUS_SUCCESS);
    device = create_device.hDevice;
    CHECK(create(SHARED, &resource, &global) == STATUS_SUCCESS);
    CHECK(create(NT_SHARED, &nt_resource, &none) == STATUS_SUCCESS);
    CHECK(kmt_ShareObjects(1, &nt_resource, named(text), 0x10000000, &nt) == STATUS_SUCCESS);
    failing_install();
    try_all("create", do_create, 8);
    try_all("open", do_open, 4);
    try_all("open by NT handle", do_open_nt, 4);
    try_all("share", do_share, 4);
    try_all("open by name", do_open_name, 4);
    try_all("query", do_query, 1);
    try_all("allow", do_allow, 1);
    gpu_detach();
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", directory);
    return system(command) != 0;
}
