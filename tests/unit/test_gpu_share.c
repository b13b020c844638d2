/* Resources that devices and processes share, by their global handle. */
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include "d3dkmt/contents.h"
#include "d3dkmt/resource.h"
#include "d3dkmt/share.h"
#include "tests/unit/gpu_share_kit.h"

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
    ck_assert_int_eq(try_open(device, made.global + 16, &opening), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(try_open(device, made.global ^ 1u << 20, &opening), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(try_open(device, made.resource, &opening), STATUS_INVALID_PARAMETER);
    ck_assert_int_eq(try_open(made.resource, made.global, &opening), STATUS_INVALID_PARAMETER);
    /* the record of the one with NT handles only, guessed */
    uint64_t id = kmt_find_resource(kmt_find(device, KMT_DEVICE), nt.resource)->share->id;
    for (uint32_t record = 1; record < VID_FENCES; record++)
        ck_assert_int_ne(
            try_open(device, 0x80000004u | (id & 0x1FFF) << 18 | record << 4, &opening),
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
    ck_assert_int_eq(vidmm_offer(mm, allocation->opening, D3DKMT_OFFER_PRIORITY_LOW, false),
                     STATUS_SUCCESS);
    vidmm_lose(mm, mm->openings[allocation->opening].allocation);
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

int main(void)
{
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
    tcase_add_test(tests, restricted_resources_are_opened_by_who_may);
    return suite_run("gpu_share", tests);
}
