/* Resources that devices and processes share. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <winmem/gpu.h>
#include "d3dkmt/contents.h"
#include "d3dkmt/resource.h"
#include "d3dkmt/share.h"
#include "memoryapi/object.h"
#include "tests/unit/gpu_kit.h"

#define FLAG(x) D3DKMT_CREATEALLOCATIONFLAGS_##x
#define SHARED  (FLAG(CreateResource) | FLAG(CreateShared))
#define SIZE    (64u << 10)
#define COUNT   2u

static const char runtime[] = "what the runtime says", driver[] = "of the resource";

struct made {
    D3DKMT_HANDLE resource, global, allocations[COUNT];
};

static NTSTATUS try_make(D3DKMT_HANDLE device, uint32_t flags, struct made *ret_made)
{
    /* the second has more private data than the driver needs */
    struct {
        struct winmem_gpu_allocation wanted;
        char more[5];
    } data[COUNT] = {{.wanted = {.size = SIZE}}, {.wanted = {.size = 2 * SIZE}, .more = "more"}};
    D3DDDI_ALLOCATIONINFO2 list[COUNT] = {
        {.pPrivateDriverData = &data[0], .PrivateDriverDataSize = sizeof data[0].wanted},
        {.pPrivateDriverData = &data[1], .PrivateDriverDataSize = sizeof data[1]}};
    D3DKMT_CREATEALLOCATION create = {.hDevice = device,
                                      .NumAllocations = COUNT,
                                      .pAllocationInfo2 = list,
                                      .pPrivateRuntimeData = runtime,
                                      .PrivateRuntimeDataSize = sizeof runtime,
                                      .pPrivateDriverData = driver,
                                      .PrivateDriverDataSize = sizeof driver,
                                      .hGlobalShare = 1,
                                      .Flags = {.Value = flags}};
    NTSTATUS status = kmt_CreateAllocation2(&create);
    *ret_made = (struct made){create.hResource, create.hGlobalShare, {0}};
    for (unsigned i = 0; i < COUNT; i++)
        ret_made->allocations[i] = list[i].hAllocation;
    return status;
}

static struct made make(D3DKMT_HANDLE device, uint32_t flags)
{
    struct made made;
    ck_assert_int_eq(try_make(device, flags, &made), STATUS_SUCCESS);
    return made;
}

/* An opening with buffers that are large enough. */
struct opening {
    D3DKMT_OPENRESOURCE data;
    D3DDDI_OPENALLOCATIONINFO2 list[COUNT];
};
static char got_runtime[64], got_driver[64], got_total[256];

static NTSTATUS try_open(D3DKMT_HANDLE device, D3DKMT_HANDLE global, struct opening *opening)
{
    memset(opening, 0, sizeof *opening);
    opening->data = (D3DKMT_OPENRESOURCE){.hDevice = device,
                                          .hGlobalShare = global,
                                          .NumAllocations = COUNT,
                                          .pOpenAllocationInfo2 = opening->list,
                                          .pPrivateRuntimeData = got_runtime,
                                          .PrivateRuntimeDataSize = sizeof got_runtime,
                                          .pResourcePrivateDriverData = got_driver,
                                          .ResourcePrivateDriverDataSize = sizeof got_driver,
                                          .pTotalPrivateDriverDataBuffer = got_total,
                                          .TotalPrivateDriverDataBufferSize = sizeof got_total};
    return kmt_OpenResource2(&opening->data);
}

static struct opening open_it(D3DKMT_HANDLE device, D3DKMT_HANDLE global)
{
    struct opening opening;
    ck_assert_int_eq(try_open(device, global, &opening), STATUS_SUCCESS);
    return opening;
}

static volatile uint32_t *lock(D3DKMT_HANDLE device, D3DKMT_HANDLE allocation)
{
    D3DKMT_LOCK2 lock = {.hDevice = device, .hAllocation = allocation};
    ck_assert_int_eq(kmt_Lock2(&lock), STATUS_SUCCESS);
    return lock.pData;
}

static void unlock(D3DKMT_HANDLE device, D3DKMT_HANDLE allocation)
{
    const D3DKMT_UNLOCK2 unlock = {device, allocation};
    ck_assert_int_eq(kmt_Unlock2(&unlock), STATUS_SUCCESS);
}

static void destroy(D3DKMT_HANDLE device, D3DKMT_HANDLE resource)
{
    const D3DKMT_DESTROYALLOCATION destroy = {.hDevice = device, .hResource = resource};
    ck_assert_int_eq(kmt_DestroyAllocation(&destroy), STATUS_SUCCESS);
}

/* Files beside the machine. */
static unsigned share_files(void)
{
    const struct dirent *entry;
    unsigned count = 0;
    DIR *list = opendir(kit_directory);
    ck_assert_ptr_nonnull(list);
    while ((entry = readdir(list)))
        count += strncmp(entry->d_name, "share-", 6) == 0;
    closedir(list);
    return count;
}

static uint64_t live(void)
{
    const struct vidmm *mm = kit_mm();
    vidmm_lock(mm);
    ck_assert(vidmm_is_valid(mm, STDERR_FILENO));
    vidmm_unlock(mm);
    return mm->adapter->live;
}

/* What another process, which starts anew, does with a global handle; its exit code. */
static pid_t start(int (*work)(D3DKMT_HANDLE global, int tell), D3DKMT_HANDLE global, int *ret_told)
{
    int pipes[2];
    ck_assert_int_eq(pipe(pipes), 0);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        _exit(work(global, pipes[1]));
    close(pipes[1]);
    *ret_told = pipes[0];
    return child;
}

static int finish(pid_t child, int told)
{
    int status;
    close(told);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

START_TEST(a_global_handle_is_given_unless_nt_handles_are_asked_for) /* KMT-301, 303, 306 */
{
    D3DKMT_HANDLE device = make_device();
    struct made made = make(device, SHARED), other;
    ck_assert_uint_ne(made.global, 0);
    other = make(device, SHARED | FLAG(NtSecuritySharing));
    ck_assert_uint_eq(other.global, 0);
    ck_assert_int_eq(try_make(device, FLAG(CreateShared), &other), STATUS_INVALID_PARAMETER);
    ck_assert_uint_eq(live(), 2 * COUNT);
    ck_assert_uint_eq(share_files(), 2 * (COUNT + 1));
    destroy_device(device);
    ck_assert_uint_eq(live(), 0);
    ck_assert_uint_eq(share_files(), 0);
}
END_TEST

START_TEST(its_sizes_are_told_and_its_data_comes_back) /* KMT-328, 329 */
{
    D3DKMT_HANDLE device = make_device(), second = make_device();
    struct made made = make(device, SHARED);
    const uint32_t first = sizeof(struct winmem_gpu_allocation), more = first + 8;
    char buffer[64];
    D3DKMT_QUERYRESOURCEINFO query = {.hDevice = second, .hGlobalShare = made.global};
    ck_assert_int_eq(kmt_QueryResourceInfo(&query), STATUS_SUCCESS);
    ck_assert_uint_eq(query.PrivateRuntimeDataSize, sizeof runtime);
    ck_assert_uint_eq(query.ResourcePrivateDriverDataSize, sizeof driver);
    ck_assert_uint_eq(query.TotalPrivateDriverDataSize, first + more);
    ck_assert_uint_eq(query.NumAllocations, COUNT);
    query.pPrivateRuntimeData = buffer;
    ck_assert_int_eq(kmt_QueryResourceInfo(&query), STATUS_SUCCESS);
    ck_assert_str_eq(buffer, runtime);
    query.PrivateRuntimeDataSize--;
    ck_assert_int_eq(kmt_QueryResourceInfo(&query), STATUS_INVALID_PARAMETER);

    struct opening opening = open_it(second, made.global);
    ck_assert_str_eq(got_runtime, runtime);
    ck_assert_str_eq(got_driver, driver);
    ck_assert_uint_eq(opening.data.TotalPrivateDriverDataBufferSize, first + more);
    for (unsigned i = 0; i < COUNT; i++) {
        struct winmem_gpu_allocation wanted;
        ck_assert_uint_eq(opening.list[i].PrivateDriverDataSize, i ? more : first);
        memcpy(&wanted, opening.list[i].pPrivateDriverData, sizeof wanted);
        ck_assert_uint_eq(wanted.size, (i + 1) * SIZE);
    }
    ck_assert_str_eq((const char *)opening.list[1].pPrivateDriverData + first, "more");
    ck_assert_ptr_eq(opening.list[0].pPrivateDriverData, got_total);
    destroy_device(device);
    destroy_device(second);
}
END_TEST

START_TEST(both_see_what_the_other_writes_and_handles_are_new) /* KMT-330 */
{
    D3DKMT_HANDLE device = make_device(), second = make_device();
    struct made made = make(device, SHARED);
    struct opening opening = open_it(second, made.global);
    ck_assert_uint_ne(opening.data.hResource, made.resource);
    for (unsigned i = 0; i < COUNT; i++) {
        ck_assert_uint_ne(opening.list[i].hAllocation, made.allocations[i]);
        volatile uint32_t *one = lock(device, made.allocations[i]),
                          *other = lock(second, opening.list[i].hAllocation);
        ck_assert_uint_eq(one[7], 0);
        one[7] = 5 + i;
        ck_assert_uint_eq(other[7], 5 + i);
        other[SIZE / 4 - 1] = 9;
        ck_assert_uint_eq(one[SIZE / 4 - 1], 9);
        unlock(device, made.allocations[i]);
        unlock(second, opening.list[i].hAllocation);
    }
    /* the creator's process may use D3DKMTLock */
    D3DKMT_LOCK old = {.hDevice = second,
                       .hAllocation = opening.list[0].hAllocation,
                       .Flags = {.Value = D3DDDICB_LOCKFLAGS_LockEntire}};
    ck_assert_int_eq(kmt_Lock(&old), STATUS_SUCCESS);
    destroy_device(device);
    destroy_device(second);
}
END_TEST

START_TEST(wrong_sizes_numbers_and_handles_open_nothing) /* KMT-331 */
{
    D3DKMT_HANDLE device = make_device();
    struct made made = make(device, SHARED), nt = make(device, SHARED | FLAG(NtSecuritySharing));
    struct opening good, opening;
    uint64_t before = live();
    unsigned files = share_files();
    ck_assert_int_eq(try_open(device, 0, &opening), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(try_open(device, made.global + 64, &opening), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(try_open(device, made.global ^ 1u << 20, &opening), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(try_open(device, made.resource, &opening), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(try_open(made.resource, made.global, &opening), STATUS_INVALID_PARAMETER);
    /* the record of the one with NT handles only, guessed */
    uint64_t id = kmt_find_resource(kmt_find(device, KMT_DEVICE), nt.resource)->share->id;
    for (uint32_t record = 1; record < VID_FENCES; record++)
        ck_assert_int_ne(
            try_open(device, 0x80000004u | (id & 0x1FFF) << 18 | record << 6, &opening),
            STATUS_SUCCESS);
    good = open_it(device, made.global);
#define REFUSED(change, status)                                                                    \
    do {                                                                                           \
        opening = good;                                                                            \
        change;                                                                                    \
        opening.data.hResource = 77;                                                               \
        opening.list[0].hAllocation = 78;                                                          \
        opening.data.pOpenAllocationInfo2 = opening.list;                                          \
        ck_assert_int_eq(kmt_OpenResource2(&opening.data), status);                                \
        ck_assert_uint_eq(opening.data.hResource, 77);                                             \
        ck_assert_uint_eq(opening.list[0].hAllocation, 78);                                        \
    } while (0)
    REFUSED(opening.data.NumAllocations = 1, STATUS_INVALID_PARAMETER);
    REFUSED(opening.data.NumAllocations = 3, STATUS_INVALID_PARAMETER);
    REFUSED(opening.data.PrivateRuntimeDataSize = sizeof runtime - 1, STATUS_INVALID_PARAMETER);
    REFUSED(opening.data.ResourcePrivateDriverDataSize = sizeof driver - 1,
            STATUS_INVALID_PARAMETER);
    REFUSED(opening.data.TotalPrivateDriverDataBufferSize--, STATUS_INVALID_PARAMETER);
    REFUSED(opening.data.pPrivateRuntimeData = NULL, STATUS_ACCESS_VIOLATION);
    ck_assert_int_eq(kmt_OpenResource2(NULL), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_OpenResource(NULL), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_OpenResource((D3DKMT_OPENRESOURCE *)8), STATUS_ACCESS_VIOLATION);
    ck_assert_int_eq(kmt_QueryResourceInfo(NULL), STATUS_INVALID_PARAMETER);
    ck_assert_uint_eq(live(), before);
    ck_assert_uint_eq(share_files(), files);
    destroy_device(device);
}
END_TEST

START_TEST(the_first_form_of_elements_is_not_written_beyond)
{
    D3DKMT_HANDLE device = make_device();
    struct made made = make(device, SHARED);
    struct opening opening = open_it(device, made.global);
    D3DDDI_OPENALLOCATIONINFO list[COUNT + 1];
    memset(list, 0x5A, sizeof list);
    opening.data.pOpenAllocationInfo = list;
    opening.data.TotalPrivateDriverDataBufferSize = sizeof got_total;
    opening.data.pTotalPrivateDriverDataBuffer = got_total;
    ck_assert_int_eq(kmt_OpenResource(&opening.data), STATUS_SUCCESS);
    ck_assert_uint_ne(list[1].hAllocation, 0x5A5A5A5A);
    ck_assert_uint_eq(list[COUNT].hAllocation, 0x5A5A5A5A);
    opening = open_it(device, made.global);
    ck_assert_uint_eq(opening.list[0].GpuVirtualAddress, 0);
    destroy_device(device);
}
END_TEST

START_TEST(the_memory_lives_until_the_last_device_has_left) /* KMT-333, 334 */
{
    D3DKMT_HANDLE device = make_device(), second = make_device(), third = make_device();
    struct made made = make(device, SHARED);
    struct opening opening = open_it(second, made.global), again;
    lock(device, made.allocations[0])[0] = 4711;
    destroy(device, made.resource);
    ck_assert_uint_eq(live(), COUNT);
    again = open_it(third, made.global);
    ck_assert_uint_eq(lock(third, again.list[0].hAllocation)[0], 4711);
    destroy(third, again.data.hResource);
    destroy(second, opening.data.hResource);
    ck_assert_uint_eq(live(), 0);
    ck_assert_uint_eq(share_files(), 0);
    ck_assert_int_eq(try_open(third, made.global, &again), STATUS_INVALID_PARAMETER);
    /* another resource in the same record is not taken for it */
    struct made next = make(device, SHARED);
    ck_assert_uint_ne(next.global, made.global);
    ck_assert_int_eq(try_open(third, made.global, &again), STATUS_INVALID_PARAMETER);
    destroy_device(device);
    destroy_device(second);
    destroy_device(third);
}
END_TEST

START_TEST(a_resource_without_allocations_can_be_opened) /* KMT-302 */
{
    D3DKMT_HANDLE device = make_device();
    D3DKMT_CREATEALLOCATION create = {.hDevice = device, .Flags = {.Value = SHARED}};
    ck_assert_int_eq(kmt_CreateAllocation2(&create), STATUS_SUCCESS);
    D3DKMT_OPENRESOURCE open = {.hDevice = device, .hGlobalShare = create.hGlobalShare};
    ck_assert_int_eq(kmt_OpenResource(&open), STATUS_SUCCESS);
    destroy(device, create.hResource);
    ck_assert_uint_eq(share_files(), 1);
    destroy(device, open.hResource);
    ck_assert_uint_eq(share_files(), 0);
    destroy_device(device);
}
END_TEST

static int write_and_leave(D3DKMT_HANDLE global, int tell)
{
    D3DKMT_HANDLE device = make_device();
    struct opening opening = open_it(device, global);
    volatile uint32_t *words = lock(device, opening.list[1].hAllocation);
    D3DKMT_LOCK old = {.hDevice = device,
                       .hAllocation = opening.list[0].hAllocation,
                       .Flags = {.Value = D3DDDICB_LOCKFLAGS_LockEntire}};
    ck_assert_int_eq(kmt_Lock(&old), STATUS_INVALID_PARAMETER); /* KMT-314 */
    words[1] = words[0] + 1;
    return write(tell, "", 1) == 1 ? 7 : 1;
}

static int write_and_stay(D3DKMT_HANDLE global, int tell)
{
    write_and_leave(global, tell);
    for (;;)
        pause();
    return 0;
}

START_TEST(another_process_opens_writes_and_is_killed)
{
    D3DKMT_HANDLE device = make_device();
    struct made made = make(device, SHARED);
    volatile uint32_t *words = lock(device, made.allocations[1]);
    char byte;
    int told;
    words[0] = 100;
    pid_t child = start(write_and_stay, made.global, &told);
    ck_assert_int_eq(read(told, &byte, 1), 1);
    ck_assert_uint_eq(words[1], 101);
    destroy(device, made.resource);
    ck_assert_uint_eq(live(), COUNT); /* the other has it */
    struct opening opening = open_it(device, made.global);
    destroy(device, opening.data.hResource);
    kill(child, SIGKILL);
    finish(child, told);
    ck_assert(gpu_sweep_dead_now());
    ck_assert_uint_eq(live(), 0);
    ck_assert_uint_eq(share_files(), 0);
    ck_assert_int_eq(try_open(device, made.global, &opening), STATUS_INVALID_PARAMETER);
    destroy_device(device);
}
END_TEST

static int create_and_die(D3DKMT_HANDLE unused, int tell)
{
    D3DKMT_HANDLE device = make_device();
    struct made made = make(device, SHARED);
    (void)unused;
    lock(device, made.allocations[0])[3] = 33;
    if (write(tell, &made.global, sizeof made.global) != sizeof made.global)
        return 1;
    for (;;)
        pause();
    return 0;
}

START_TEST(what_the_creator_leaves_when_it_dies_lives_with_who_opened_it)
{
    D3DKMT_HANDLE device = make_device(), global;
    int told;
    pid_t child = start(create_and_die, 0, &told);
    ck_assert_int_eq(read(told, &global, sizeof global), sizeof global);
    struct opening opening = open_it(device, global);
    kill(child, SIGKILL);
    finish(child, told);
    ck_assert(gpu_sweep_dead_now());
    ck_assert_uint_eq(lock(device, opening.list[0].hAllocation)[3], 33);
    struct opening again = open_it(device, global);
    destroy_device(device);
    (void)again;
    ck_assert_uint_eq(share_files(), 0);
}
END_TEST

START_TEST(what_nobody_opened_goes_with_its_creator)
{
    D3DKMT_HANDLE device = make_device(), global;
    struct opening opening;
    int told;
    pid_t child = start(create_and_die, 0, &told);
    ck_assert_int_eq(read(told, &global, sizeof global), sizeof global);
    ck_assert_uint_eq(share_files(), COUNT + 1);
    kill(child, SIGKILL);
    finish(child, told);
    gpu_sweep_dead_now();
    ck_assert_uint_eq(share_files(), 0);
    ck_assert_int_eq(try_open(device, global, &opening), STATUS_INVALID_PARAMETER);
    destroy_device(device);
}
END_TEST

/* Loses what an allocation holds, as a reclaim of an offer that was discarded does. */
static void lose(D3DKMT_HANDLE device, D3DKMT_HANDLE handle)
{
    const struct vidmm *mm = kit_mm();
    kmt_lock();
    struct kmt_allocation *allocation = kmt_find_allocation(kmt_find(device, KMT_DEVICE), handle);
    struct vid_paging paging = {0};
    vidmm_lock(mm);
    ck_assert_int_eq(vidmm_offer(mm, allocation->opening, D3DKMT_OFFER_PRIORITY_LOW, true, false),
                     STATUS_SUCCESS);
    contents_lose(allocation);
    vidmm_reclaim(mm, allocation->opening, &paging);
    vidmm_unlock(mm);
    kmt_unlock();
}

START_TEST(what_is_lost_is_lost_in_every_device)
{
    D3DKMT_HANDLE device = make_device(), second = make_device();
    struct made made = make(device, SHARED);
    struct opening opening = open_it(second, made.global);
    for (unsigned poison = 0; poison < 2; poison++) {
        kit_mm()->adapter->poison = poison;
        lock(device, made.allocations[0])[100] = 1;
        lock(second, opening.list[0].hAllocation);
        unlock(device, made.allocations[0]);
        unlock(second, opening.list[0].hAllocation);
        lose(device, made.allocations[0]);
        ck_assert_uint_eq(lock(second, opening.list[0].hAllocation)[100], poison ? 0xDDDDDDDD : 0);
        ck_assert_uint_eq(lock(device, made.allocations[0])[100], poison ? 0xDDDDDDDD : 0);
        unlock(device, made.allocations[0]);
        unlock(second, opening.list[0].hAllocation);
    }
    destroy_device(device);
    destroy_device(second);
}
END_TEST

/* The description of the only shared resource, to be changed by somebody who lies. */
static struct share_head *description(size_t *ret_size)
{
    const struct dirent *entry;
    DIR *list = opendir(kit_directory);
    char path[512];
    ck_assert_ptr_nonnull(list);
    while ((entry = readdir(list))) {
        struct stat info;
        snprintf(path, sizeof path, "%s/%s", kit_directory, entry->d_name);
        if (strncmp(entry->d_name, "share-", 6) == 0 && stat(path, &info) == 0 &&
            info.st_size % 4096) {
            int file = open(path, O_RDWR);
            void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
            close(file);
            closedir(list);
            *ret_size = (size_t)info.st_size;
            return at;
        }
    }
    ck_abort_msg("there is none");
}

START_TEST(a_description_that_lies_is_refused)
{
    D3DKMT_HANDLE device = make_device();
    struct made made = make(device, SHARED);
    struct opening opening;
    size_t size;
    struct share_head *head = description(&size), good = *head;
    struct share_part *parts = (struct share_part *)(head + 1), part = parts[1];
    uint64_t before = live();
#define LIE(place, value, old)                                                                     \
    do {                                                                                           \
        place = value;                                                                             \
        ck_assert_int_eq(try_open(device, made.global, &opening), STATUS_INVALID_PARAMETER);       \
        place = old;                                                                               \
    } while (0)
    LIE(head->magic, 0, good.magic);
    LIE(head->id, good.id + 1, good.id);
    LIE(head->bytes, good.bytes - 1, good.bytes);
    LIE(head->adapter, 100, good.adapter);
    LIE(head->count, 3, good.count);
    LIE(head->count, 0xFFFFFFFF, good.count);
    LIE(head->runtime_size, 0xFFFFFFF0, good.runtime_size);
    LIE(head->driver_size, good.driver_size + 1, good.driver_size);
    LIE(head->parts_size, 0, good.parts_size);
    LIE(head->allowed_count, SHARE_ALLOWED + 1, good.allowed_count);
    LIE(parts[1].driver_size, 0x80000000, part.driver_size);
    LIE(parts[1].index, 0, part.index);
    LIE(parts[1].index, 4u << 20, part.index);
    LIE(parts[1].index, 0xFFFFFFFF, part.index);
    LIE(parts[1].index, parts[0].index, part.index);
    LIE(parts[1].generation, (uint16_t)(part.generation + 1), part.generation);
    LIE(parts[1].share, 0, part.share);
    LIE(parts[1].size, part.size * 2, part.size);
    ck_assert_uint_eq(live(), before);
    ck_assert_int_eq(try_open(device, made.global, &opening), STATUS_SUCCESS);
    destroy_device(device);
}
END_TEST

/* With a directory that has room for `pages` pages beside the machine. */
START_TEST(where_there_is_no_room_nothing_is_half_shared)
{
    D3DKMT_HANDLE device;
    struct made made;
    char path[128];
    if (geteuid() != 0)
        return;
    own_machine();
    if (mount("winmem", kit_directory, "tmpfs", 0, "size=64m") != 0)
        return;
    chmod(kit_directory, 0700);
    device = make_device();
    NTSTATUS status = STATUS_NO_MEMORY;
    struct stat info;
    snprintf(path, sizeof path, "%s/full", kit_directory);
    ck_assert_int_eq(stat(kit_directory, &info), 0);
    for (unsigned pages = 0; status != STATUS_SUCCESS && pages < 100; pages++) {
        /* fill it up but for so many pages */
        int file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
        off_t size = 0;
        while (posix_fallocate(file, size, 4096) == 0)
            size += 4096;
        ck_assert_int_eq(ftruncate(file, size - (off_t)pages * 4096), 0);
        close(file);
        status = try_make(device, SHARED, &made);
        if (status == STATUS_SUCCESS)
            break;
        ck_assert_int_eq(status, STATUS_NO_MEMORY);
        ck_assert_uint_eq(live(), 0);
        ck_assert_uint_eq(share_files(), 0);
        ck_assert_uint_eq(made.global, 1); /* as it was */
    }
    ck_assert_int_eq(status, STATUS_SUCCESS);
    destroy_device(device);
    gpu_detach();
    ck_assert_int_eq(umount2(kit_directory, MNT_DETACH), 0);
}
END_TEST

static OBJECT_ATTRIBUTES *attributes(const char *text)
{
    static WCHAR wide[300];
    static UNICODE_STRING string;
    static OBJECT_ATTRIBUTES all;
    size_t length = strlen(text);
    for (size_t i = 0; i <= length; i++)
        wide[i] = (WCHAR)text[i];
    string = (UNICODE_STRING){(USHORT)(length * 2), (USHORT)(length * 2), wide};
    all = (OBJECT_ATTRIBUTES){.Length = sizeof all, .ObjectName = &string};
    return &all;
}

static NTSTATUS try_share(D3DKMT_HANDLE object, const char *name, HANDLE *ret_handle)
{
    return kmt_ShareObjects(1, &object, name ? attributes(name) : NULL, 0x10000000, ret_handle);
}

static HANDLE share(D3DKMT_HANDLE object, const char *name)
{
    HANDLE handle = NULL;
    ck_assert_int_eq(try_share(object, name, &handle), STATUS_SUCCESS);
    ck_assert_ptr_nonnull(handle);
    return handle;
}

static NTSTATUS try_name(const char *name, HANDLE *ret_handle)
{
    D3DKMT_OPENNTHANDLEFROMNAME open = {.dwDesiredAccess = 0x10000000,
                                        .pObjAttrib = attributes(name)};
    NTSTATUS status = kmt_OpenNtHandleFromName(&open);
    *ret_handle = open.hNtHandle;
    return status;
}

static NTSTATUS try_open_nt(D3DKMT_HANDLE device, HANDLE handle,
                            D3DKMT_OPENRESOURCEFROMNTHANDLE *data, D3DDDI_OPENALLOCATIONINFO2 *list)
{
    *data = (D3DKMT_OPENRESOURCEFROMNTHANDLE){.hDevice = device,
                                              .hNtHandle = handle,
                                              .NumAllocations = COUNT,
                                              .pOpenAllocationInfo2 = list,
                                              .pPrivateRuntimeData = got_runtime,
                                              .PrivateRuntimeDataSize = sizeof got_runtime,
                                              .pResourcePrivateDriverData = got_driver,
                                              .ResourcePrivateDriverDataSize = sizeof got_driver,
                                              .pTotalPrivateDriverDataBuffer = got_total,
                                              .TotalPrivateDriverDataBufferSize = sizeof got_total,
                                              .hKeyedMutex = 5,
                                              .hSyncObject = 6};
    return kmt_OpenResourceFromNtHandle(data);
}

static D3DKMT_HANDLE make_fence(D3DKMT_HANDLE device, uint32_t flags)
{
    D3DKMT_CREATESYNCHRONIZATIONOBJECT2 create = {
        .hDevice = device, .Info = {.Type = D3DDDI_MONITORED_FENCE, .Flags = {.Value = flags}}};
    ck_assert_int_eq(kmt_CreateSynchronizationObject2(&create), STATUS_SUCCESS);
    return create.hSyncObject;
}

static D3DKMT_HANDLE make_mutex(bool nt)
{
    D3DKMT_CREATEKEYEDMUTEX2 create = {.InitialValue = 3,
                                       .pPrivateRuntimeData = (void *)runtime,
                                       .PrivateRuntimeDataSize = sizeof runtime,
                                       .Flags = {.Value = nt}};
    ck_assert_int_eq(kmt_CreateKeyedMutex2(&create), STATUS_SUCCESS);
    return create.hKeyedMutex;
}

#define NT_FENCE                                                                                   \
    (D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS_Shared |                                                   \
     D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS_NtSecuritySharing)
#define NT_SHARED (SHARED | FLAG(NtSecuritySharing))

START_TEST(an_nt_handle_keeps_the_memory_without_any_device) /* KMT-333, 335, 338 */
{
    D3DKMT_HANDLE device = make_device();
    struct made made = make(device, NT_SHARED), plain = make(device, SHARED);
    HANDLE handle = (HANDLE)9;
    ck_assert_int_eq(try_share(plain.resource, NULL, &handle), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(try_share(made.allocations[0], NULL, &handle), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(try_share(0, NULL, &handle), STATUS_INVALID_PARAMETER);
    ck_assert_ptr_eq(handle, (HANDLE)9);
    handle = share(made.resource, NULL);
    lock(device, made.allocations[1])[11] = 12;
    destroy_device(device);
    ck_assert_uint_eq(live(), COUNT);

    device = make_device();
    D3DKMT_OPENRESOURCEFROMNTHANDLE open;
    D3DDDI_OPENALLOCATIONINFO2 list[COUNT];
    D3DKMT_QUERYRESOURCEINFOFROMNTHANDLE query = {.hDevice = device, .hNtHandle = handle};
    D3DKMT_GETSHAREDRESOURCEADAPTERLUID luid = {.hNtHandle = handle};
    ck_assert_int_eq(kmt_QueryResourceInfoFromNtHandle(&query), STATUS_SUCCESS);
    ck_assert_uint_eq(query.NumAllocations, COUNT);
    ck_assert_uint_eq(query.PrivateRuntimeDataSize, sizeof runtime);
    query.hNtHandle = (HANDLE)0x7770;
    ck_assert_int_eq(kmt_QueryResourceInfoFromNtHandle(&query), STATUS_INVALID_HANDLE);
    ck_assert_int_eq(kmt_GetSharedResourceAdapterLuid(&luid), STATUS_SUCCESS);
    ck_assert_uint_eq(luid.AdapterLuid.LowPart, (uint32_t)kit_mm()->adapter->luid);
    luid.hGlobalShare = 1;
    ck_assert_int_eq(kmt_GetSharedResourceAdapterLuid(&luid), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(try_open_nt(device, handle, &open, list), STATUS_SUCCESS);
    ck_assert_uint_eq(open.hKeyedMutex, 0);
    ck_assert_uint_eq(open.hSyncObject, 0);
    ck_assert_str_eq(got_runtime, runtime);
    ck_assert_uint_eq(lock(device, list[1].hAllocation)[11], 12);
    ck_assert_int_eq(handle_close(handle), STATUS_SUCCESS);
    ck_assert_uint_eq(live(), COUNT);
    ck_assert_int_eq(try_open_nt(device, handle, &open, list), STATUS_INVALID_HANDLE);
    destroy_device(device);
    ck_assert_uint_eq(live(), 0);
    ck_assert_uint_eq(share_files(), 0);
}
END_TEST

/* What the child of a fork does with an NT handle of its parent, which is in its table, too. */
static HANDLE of_parent, fence_of_parent;

static int use_in_child(D3DKMT_HANDLE unused, int tell)
{
    D3DKMT_OPENRESOURCEFROMNTHANDLE open;
    D3DDDI_OPENALLOCATIONINFO2 list[COUNT];
    D3DKMT_OPENSYNCOBJECTFROMNTHANDLE sync = {.hNtHandle = fence_of_parent};
    D3DKMT_HANDLE device = make_device();
    volatile uint32_t *contents;
    (void)unused;
    if (try_open_nt(device, of_parent, &open, list) != STATUS_SUCCESS ||
        kmt_OpenSyncObjectFromNtHandle(&sync) != STATUS_SUCCESS)
        return 1;
    contents = lock(device, list[1].hAllocation);
    if (contents[11] != 12)
        return 2;
    contents[11] = 13;
    unlock(device, list[1].hAllocation);
    destroy_device(device);
    if (handle_close(of_parent) != STATUS_SUCCESS ||
        try_open_nt(device, of_parent, &open, list) != STATUS_INVALID_HANDLE)
        return 3;
    return write(tell, "", 1) != 1;
}

/* The parent has closed its handle and its device meanwhile: nothing is left of what it shared. */
static int use_too_late(D3DKMT_HANDLE gate, int tell)
{
    D3DKMT_OPENRESOURCEFROMNTHANDLE open;
    D3DDDI_OPENALLOCATIONINFO2 list[COUNT];
    D3DKMT_OPENSYNCOBJECTFROMNTHANDLE sync = {.hNtHandle = fence_of_parent};
    D3DKMT_HANDLE device = make_device(), fence;
    char byte;
    if (write(tell, "", 1) != 1 || read((int)gate, &byte, 1) != 1)
        return 1;
    if (try_open_nt(device, of_parent, &open, list) != STATUS_INVALID_PARAMETER)
        return 2;
    /* what took its place in the machine is not mistaken for it */
    struct made made = make(device, NT_SHARED);
    fence = make_fence(device, NT_FENCE);
    if (!fence || !made.resource ||
        try_open_nt(device, of_parent, &open, list) != STATUS_INVALID_PARAMETER)
        return 3;
    NTSTATUS status = kmt_OpenSyncObjectFromNtHandle(&sync);
    if (status >= 0)
        return 4;
    if (handle_close(of_parent) != STATUS_SUCCESS ||
        handle_close(fence_of_parent) != STATUS_SUCCESS)
        return 5;
    return 0;
}

START_TEST(an_nt_handle_works_in_the_child_of_a_fork)
{
    D3DKMT_HANDLE device = make_device();
    struct made made = make(device, NT_SHARED);
    int told, gate[2];
    char byte;
    of_parent = share(made.resource, NULL);
    fence_of_parent = share(make_fence(device, NT_FENCE), NULL);
    volatile uint32_t *contents = lock(device, made.allocations[1]);
    contents[11] = 12;
    pid_t child = start(use_in_child, 0, &told);
    ck_assert_int_eq(finish(child, told), 0);
    ck_assert_uint_eq(contents[11], 13);
    ck_assert_uint_eq(live(), COUNT); /* the child's handle was its own */

    ck_assert_int_eq(pipe(gate), 0);
    child = start(use_too_late, (D3DKMT_HANDLE)gate[0], &told);
    ck_assert_int_eq(read(told, &byte, 1), 1);
    ck_assert_int_eq(handle_close(of_parent), STATUS_SUCCESS);
    ck_assert_int_eq(handle_close(fence_of_parent), STATUS_SUCCESS);
    destroy_device(device);
    ck_assert_uint_eq(live(), 0);
    ck_assert_int_eq(write(gate[1], "", 1), 1);
    ck_assert_int_eq(finish(child, told), 0);
}
END_TEST

START_TEST(only_three_combinations_can_be_shared) /* KMT-336, 382, 009 */
{
    D3DKMT_HANDLE device = make_device(), mutex = make_mutex(true);
    struct made made = make(device, NT_SHARED);
    D3DKMT_HANDLE fence = make_fence(device, NT_FENCE), plain = make_fence(device, 0);
    D3DKMT_HANDLE list[4] = {made.resource, mutex, fence, fence};
    D3DKMT_OPENRESOURCEFROMNTHANDLE open;
    D3DDDI_OPENALLOCATIONINFO2 elements[COUNT];
    HANDLE handle = NULL;
#define SHARE(count) kmt_ShareObjects(count, list, NULL, 0x10000000, &handle)
    ck_assert_int_eq(SHARE(0), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(SHARE(2), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(SHARE(4), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(try_share(mutex, NULL, &handle), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(try_share(plain, NULL, &handle), STATUS_INVALID_PARAMETER);
    list[1] = fence;
    ck_assert_int_eq(SHARE(3), STATUS_INVALID_PARAMETER);
    list[1] = make_mutex(false);
    ck_assert_int_eq(SHARE(3), STATUS_INVALID_PARAMETER);
    list[1] = mutex;
    ck_assert_ptr_null(handle);
    kmt_lock();
    ck_assert(!((struct kmt_resource *)kmt_find(made.resource, KMT_RESOURCE))->keyed);
    kmt_unlock();
    ck_assert_int_eq(SHARE(3), STATUS_SUCCESS);
    kmt_lock();
    ck_assert(((struct kmt_resource *)kmt_find(made.resource, KMT_RESOURCE))->keyed);
    kmt_unlock();
    ck_assert_int_eq(try_open_nt(device, handle, &open, elements), STATUS_SUCCESS);
    ck_assert_uint_ne(open.hKeyedMutex, 0);
    ck_assert_uint_ne(open.hSyncObject, 0);
    char data[64] = "";
    open.pKeyedMutexPrivateRuntimeData = data;
    open.KeyedMutexPrivateRuntimeDataSize = sizeof runtime - 1;
    open.TotalPrivateDriverDataBufferSize = sizeof got_total;
    ck_assert_int_eq(kmt_OpenResourceFromNtHandle(&open), STATUS_INVALID_PARAMETER);
    open.KeyedMutexPrivateRuntimeDataSize = sizeof runtime;
    ck_assert_int_eq(kmt_OpenResourceFromNtHandle(&open), STATUS_SUCCESS);
    ck_assert_str_eq(data, runtime);
    ck_assert_int_eq(handle_close(handle), STATUS_SUCCESS);
    /* a fence alone is no resource */
    handle = share(fence, NULL);
    ck_assert_int_eq(try_open_nt(device, handle, &open, elements), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(handle_close(handle), STATUS_SUCCESS);
    destroy_device(device);
    ck_assert_uint_eq(live(), 0);
}
END_TEST

START_TEST(an_offer_holds_for_every_device_and_any_may_reclaim) /* KMT-009, 010 */
{
    D3DKMT_HANDLE device = make_device(), second = make_device();
    struct made made = make(device, NT_SHARED);
    const D3DKMT_HANDLE list[3] = {made.resource, make_mutex(true), make_fence(device, NT_FENCE)};
    D3DKMT_OPENRESOURCEFROMNTHANDLE open;
    D3DDDI_OPENALLOCATIONINFO2 elements[COUNT];
    HANDLE handle = NULL;
    D3DKMT_OFFERALLOCATIONS offer = {.hDevice = device,
                                     .HandleList = made.allocations,
                                     .NumAllocations = COUNT,
                                     .Priority = D3DKMT_OFFER_PRIORITY_LOW};
    ck_assert_int_eq(kmt_OfferAllocations(&offer), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_ShareObjects(3, list, NULL, 0x10000000, &handle), STATUS_SUCCESS);
    ck_assert_int_eq(try_open_nt(second, handle, &open, elements), STATUS_SUCCESS);
    const D3DKMT_HANDLE others[COUNT] = {elements[0].hAllocation, elements[1].hAllocation};
    lock(device, made.allocations[0])[2] = 22;
    unlock(device, made.allocations[0]);
    ck_assert_int_eq(kmt_OfferAllocations(&offer), STATUS_SUCCESS);
    D3DKMT_LOCK2 refused = {.hDevice = second, .hAllocation = others[0]};
    ck_assert_int_eq(kmt_Lock2(&refused), STATUS_INVALID_PARAMETER);
    vidmm_lock(kit_mm());
    vidmm_discard_offers(kit_mm(), 0);
    vidmm_unlock(kit_mm());
    BOOL discarded[COUNT] = {0};
    D3DKMT_RECLAIMALLOCATIONS reclaim = {
        .hDevice = second, .HandleList = others, .NumAllocations = COUNT, .pDiscarded = discarded};
    ck_assert_int_eq(kmt_ReclaimAllocations(&reclaim), STATUS_SUCCESS);
    ck_assert(discarded[0] && discarded[1]);
    ck_assert_uint_eq(lock(device, made.allocations[0])[2], 0);
    ck_assert_int_eq(handle_close(handle), STATUS_SUCCESS);
    destroy_device(device);
    destroy_device(second);
    ck_assert_uint_eq(live(), 0);
}
END_TEST

static const char name[] = "\\BaseNamedObjects\\the thing";

START_TEST(a_name_is_found_while_a_handle_has_it) /* KMT-337 */
{
    D3DKMT_HANDLE device = make_device(), fence = make_fence(device, NT_FENCE);
    struct made made = make(device, NT_SHARED);
    HANDLE none, handle = share(made.resource, name), second, other;
    D3DKMT_OPENSYNCOBJECTNTHANDLEFROMNAME sync = {.pObjAttrib = attributes(name)};
    ck_assert_int_eq(try_share(fence, name, &none), STATUS_OBJECT_NAME_COLLISION);
    ck_assert_int_eq(kmt_OpenSyncObjectNtHandleFromName(&sync), STATUS_OBJECT_TYPE_MISMATCH);
    ck_assert_int_eq(try_name(name, &second), STATUS_SUCCESS);
    ck_assert_ptr_ne(second, handle);
    ck_assert_int_eq(try_name("\\Sessions\\1\\BaseNamedObjects\\Global\\the thing", &other),
                     STATUS_SUCCESS);
    ck_assert_int_eq(handle_close(other), STATUS_SUCCESS);
    ck_assert_int_eq(try_name("\\BaseNamedObjects\\THE thing", &none),
                     STATUS_OBJECT_NAME_NOT_FOUND);
    ck_assert_int_eq(try_name("\\Sessions\\1\\BaseNamedObjects\\the thing", &none),
                     STATUS_OBJECT_NAME_NOT_FOUND);
    ck_assert_int_eq(try_name("the thing", &none), STATUS_OBJECT_PATH_SYNTAX_BAD);
    ck_assert_int_eq(try_name("\\Device\\the thing", &none), STATUS_OBJECT_PATH_NOT_FOUND);
    ck_assert_int_eq(try_name("\\BaseNamedObjects\\", &none), STATUS_OBJECT_NAME_INVALID);
    ck_assert_int_eq(try_name("", &none), STATUS_INVALID_PARAMETER);
    D3DKMT_OPENNTHANDLEFROMNAME any = {.pObjAttrib = attributes("\\BaseNamedObjects\\THE THING")};
    any.pObjAttrib->Attributes = 0x40; /* OBJ_CASE_INSENSITIVE */
    ck_assert_int_eq(kmt_OpenNtHandleFromName(&any), STATUS_SUCCESS);
    ck_assert_int_eq(handle_close(any.hNtHandle), STATUS_SUCCESS);
    any.dwDesiredAccess = 0x8000;
    ck_assert_int_eq(kmt_OpenNtHandleFromName(&any), STATUS_ACCESS_DENIED);
    any.pObjAttrib = NULL;
    ck_assert_int_eq(kmt_OpenNtHandleFromName(&any), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(handle_close(handle), STATUS_SUCCESS);
    destroy_device(device);
    ck_assert_uint_eq(live(), COUNT); /* the second handle has it */
    ck_assert_int_eq(handle_close(second), STATUS_SUCCESS);
    ck_assert_uint_eq(live(), 0);
    ck_assert_uint_eq(share_files(), 0);
    ck_assert_int_eq(try_name(name, &none), STATUS_OBJECT_NAME_NOT_FOUND);
}
END_TEST

static int open_by_name(D3DKMT_HANDLE unused, int tell)
{
    D3DKMT_HANDLE device = make_device();
    D3DKMT_OPENRESOURCEFROMNTHANDLE open;
    D3DDDI_OPENALLOCATIONINFO2 list[COUNT];
    HANDLE handle;
    (void)unused;
    ck_assert_int_eq(try_name(name, &handle), STATUS_SUCCESS);
    ck_assert_int_eq(try_open_nt(device, handle, &open, list), STATUS_SUCCESS);
    lock(device, list[0].hAllocation)[5] = 55;
    destroy_device(device);
    if (write(tell, "", 1) != 1)
        return 1;
    for (;;)
        pause();
    return 0;
}

START_TEST(a_name_is_the_machines_and_goes_with_the_dead)
{
    D3DKMT_HANDLE device = make_device();
    struct made made = make(device, NT_SHARED);
    HANDLE handle = share(made.resource, name), again;
    char byte;
    int told;
    pid_t child = start(open_by_name, 0, &told);
    ck_assert_int_eq(read(told, &byte, 1), 1);
    ck_assert_uint_eq(lock(device, made.allocations[0])[5], 55);
    destroy_device(device);
    ck_assert_int_eq(handle_close(handle), STATUS_SUCCESS);
    ck_assert_uint_eq(live(), COUNT);
    ck_assert_int_eq(try_name(name, &again), STATUS_SUCCESS);
    ck_assert_int_eq(handle_close(again), STATUS_SUCCESS);
    kill(child, SIGKILL);
    finish(child, told);
    ck_assert_int_eq(try_name(name, &again), STATUS_OBJECT_NAME_NOT_FOUND);
    ck_assert_uint_eq(live(), 0);
    ck_assert_uint_eq(share_files(), 0);
}
END_TEST

START_TEST(restricted_resources_are_opened_by_who_may) /* KMT-339 */
{
    D3DKMT_HANDLE device = make_device();
    struct made made = make(device, SHARED | FLAG(RestrictSharedAccess));
    struct opening opening;
    D3DKMT_CONFIGURESHAREDRESOURCE configure = {
        .hDevice = device, .hResource = made.resource, .hProcess = (HANDLE)-1, .AllowAccess = TRUE};
    D3DKMT_CHECKSHAREDRESOURCEACCESS check = {made.resource, (UINT)getpid()};
    ck_assert_int_eq(try_open(device, made.global, &opening), STATUS_ACCESS_DENIED);
    ck_assert_int_eq(kmt_CheckSharedResourceAccess(&check), STATUS_ACCESS_DENIED);
    ck_assert_int_eq(kmt_ConfigureSharedResource(&configure), STATUS_SUCCESS);
    ck_assert_int_eq(kmt_CheckSharedResourceAccess(&check), STATUS_SUCCESS);
    ck_assert_int_eq(try_open(device, made.global, &opening), STATUS_SUCCESS);
    check.ClientPid = (UINT)getppid();
    ck_assert_int_eq(kmt_CheckSharedResourceAccess(&check), STATUS_ACCESS_DENIED);
    check.ClientPid = 0;
    ck_assert_int_eq(kmt_CheckSharedResourceAccess(&check), STATUS_INVALID_PARAMETER);
    configure.AllowAccess = FALSE;
    ck_assert_int_eq(kmt_ConfigureSharedResource(&configure), STATUS_SUCCESS);
    ck_assert_int_eq(try_open(device, made.global, &opening), STATUS_ACCESS_DENIED);
    configure.hProcess = (HANDLE)0x7770;
    ck_assert_int_eq(kmt_ConfigureSharedResource(&configure), STATUS_INVALID_HANDLE);
    configure.hResource = 0;
    ck_assert_int_eq(kmt_ConfigureSharedResource(&configure), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_ConfigureSharedResource(NULL), STATUS_INVALID_PARAMETER);
    destroy_device(device);
}
END_TEST

START_TEST(bundles_are_refused_and_presents_have_no_data)
{
    D3DKMT_HANDLE device = make_device();
    struct made made = make(device, SHARED);
    D3DDDI_GETRESOURCEPRESENTPRIVATEDRIVERDATA data = {.hResource = made.resource,
                                                       .PrivateDriverDataSize = 9};
    ck_assert_int_eq(kmt_GetResourcePresentPrivateDriverData(&data), STATUS_SUCCESS);
    ck_assert_uint_eq(data.PrivateDriverDataSize, 0);
    data.hResource = device;
    ck_assert_int_eq(kmt_GetResourcePresentPrivateDriverData(&data), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_CreateBundleObject(NULL), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(kmt_CreateBundleObject((void *)8), STATUS_ACCESS_VIOLATION);
    ck_assert_int_eq(kmt_ExtractBundleObject((void *)&data), STATUS_NOT_SUPPORTED);
    destroy_device(device);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gpu_share");
    TCase *tests = tcase_create("share");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_global_handle_is_given_unless_nt_handles_are_asked_for);
    tcase_add_test(tests, its_sizes_are_told_and_its_data_comes_back);
    tcase_add_test(tests, both_see_what_the_other_writes_and_handles_are_new);
    tcase_add_test(tests, wrong_sizes_numbers_and_handles_open_nothing);
    tcase_add_test(tests, the_first_form_of_elements_is_not_written_beyond);
    tcase_add_test(tests, the_memory_lives_until_the_last_device_has_left);
    tcase_add_test(tests, a_resource_without_allocations_can_be_opened);
    tcase_add_test(tests, another_process_opens_writes_and_is_killed);
    tcase_add_test(tests, what_the_creator_leaves_when_it_dies_lives_with_who_opened_it);
    tcase_add_test(tests, what_nobody_opened_goes_with_its_creator);
    tcase_add_test(tests, what_is_lost_is_lost_in_every_device);
    tcase_add_test(tests, a_description_that_lies_is_refused);
    tcase_add_test(tests, where_there_is_no_room_nothing_is_half_shared);
    tcase_add_test(tests, an_nt_handle_keeps_the_memory_without_any_device);
    tcase_add_test(tests, an_nt_handle_works_in_the_child_of_a_fork);
    tcase_add_test(tests, only_three_combinations_can_be_shared);
    tcase_add_test(tests, an_offer_holds_for_every_device_and_any_may_reclaim);
    tcase_add_test(tests, a_name_is_found_while_a_handle_has_it);
    tcase_add_test(tests, a_name_is_the_machines_and_goes_with_the_dead);
    tcase_add_test(tests, restricted_resources_are_opened_by_who_may);
    tcase_add_test(tests, bundles_are_refused_and_presents_have_no_data);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
