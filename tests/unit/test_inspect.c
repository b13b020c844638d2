/*
 * What a program may learn about its memory: whole allocations, and the classes of
 * NtQueryVirtualMemory.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <winmem/memoryapi.h>
#include "kernel32/loader/module.h"
#include "memoryapi/image.h"
#include "memoryapi/mm.h"
#include "tests/unit/memory_kit.h"
#include "tests/unit/suite.h"

#define P            4096u
#define THIS_PROCESS ((HANDLE)-1)

static WIN32_MEMORY_REGION_INFORMATION region_of(const void *address)
{
    WIN32_MEMORY_REGION_INFORMATION region;
    SIZE_T size = 0;
    memset(&region, 0xEE, sizeof region);
    ck_assert(QueryVirtualMemoryInformation(THIS_PROCESS, address, MemoryRegionInfo, &region,
                                            sizeof region, &size));
    ck_assert_uint_eq(size, 32);
    return region;
}

START_TEST(a_region_is_the_whole_allocation) /* 87, 88, 89 */
{
    char *memory = allocate(16 * P, MEM_RESERVE, PAGE_READONLY);
    WIN32_MEMORY_REGION_INFORMATION region = region_of(memory + 9 * P + 123);
    ck_assert_ptr_eq(region.AllocationBase, memory);
    ck_assert_uint_eq(region.AllocationProtect, PAGE_READONLY);
    ck_assert_uint_eq(region.Flags, 1);
    ck_assert_uint_eq(region.Private, 1);
    ck_assert_uint_eq(region.RegionSize, 16 * P);
    ck_assert_uint_eq(region.CommitSize, 0);
    for (unsigned i = 1; i <= 8; i++) {
        VirtualAlloc(memory + 2 * i % 16 * P, P, MEM_COMMIT, PAGE_READWRITE);
        ck_assert_uint_eq(region_of(memory).CommitSize, i * P);
    }
    VirtualFree(memory + 4 * P, P, MEM_DECOMMIT);
    ck_assert_uint_eq(region_of(memory).CommitSize, 7 * P);
    DWORD old;
    VirtualProtect(memory + 2 * P, P, PAGE_NOACCESS, &old);
    ck_assert_uint_eq(region_of(memory + 15 * P + 4095).CommitSize, 7 * P);
    ck_assert_uint_eq(region_of(memory).AllocationProtect, PAGE_READONLY);
    VirtualFree(memory, 0, MEM_RELEASE);
}
END_TEST

START_TEST(reserved_flags_are_not_told)
{
    MEMORY_REGION_INFORMATION native;
    setenv("WINMEM_PRIVILEGES", "SeLockMemoryPrivilege", 1);
    static const DWORD types[] = {MEM_WRITE_WATCH, MEM_PHYSICAL};
    for (unsigned i = 0; i < 2; i++) {
        char *memory = allocate(P, MEM_RESERVE | types[i], PAGE_READWRITE);
        ck_assert_uint_eq(region_of(memory).Flags, 1);
        ck_assert_int_eq(nt_NtQueryVirtualMemory(THIS_PROCESS, memory, MemoryRegionInformation,
                                                 &native, 32, NULL),
                         STATUS_SUCCESS);
        ck_assert_uint_eq(native.RegionType, i ? 0x201 : 0x401);
        VirtualFree(memory, 0, MEM_RELEASE);
    }
}
END_TEST

START_TEST(a_region_query_that_fails_writes_nothing) /* 90, 91 */
{
    char *memory = allocate(P, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE), pattern[64], buffer[64];
    char *readonly = allocate(P, MEM_RESERVE | MEM_COMMIT, PAGE_READONLY);
    char *gone = allocate(P, MEM_RESERVE, PAGE_READWRITE);
    HANDLE weak;
    SIZE_T size = 5;
    VirtualFree(gone, 0, MEM_RELEASE);
    memset(pattern, 0x5A, sizeof pattern);
    memcpy(buffer, pattern, sizeof buffer);
    EXPECT_FAILS(QueryVirtualMemoryInformation(THIS_PROCESS, gone, 0, buffer, 64, &size), 487);
    EXPECT_FAILS(QueryVirtualMemoryInformation(THIS_PROCESS, memory, 1, buffer, 64, &size), 87);
    EXPECT_FAILS(QueryVirtualMemoryInformation(THIS_PROCESS, memory, 0, buffer, 31, &size), 24);
    EXPECT_FAILS(QueryVirtualMemoryInformation(THIS_PROCESS, (void *)(MM_HIGHEST_ADDRESS + 1), 0,
                                               buffer, 64, &size),
                 87);
    EXPECT_FAILS(QueryVirtualMemoryInformation((HANDLE)0x7770, memory, 0, buffer, 64, &size), 6);
    weak = k32_OpenProcess(PROCESS_VM_OPERATION, FALSE, k32_GetCurrentProcessId());
    EXPECT_FAILS(QueryVirtualMemoryInformation(weak, memory, 0, buffer, 64, &size), 5);
    k32_CloseHandle(weak);
    EXPECT_FAILS(
        QueryVirtualMemoryInformation(THIS_PROCESS, memory, 0, buffer, 64, (SIZE_T *)readonly),
        998);
    EXPECT_FAILS(QueryVirtualMemoryInformation(THIS_PROCESS, memory, 0, readonly, 64, &size), 998);
    ck_assert_mem_eq(buffer, pattern, sizeof buffer);
    ck_assert_uint_eq(size, 5);
    ck_assert(QueryVirtualMemoryInformation(THIS_PROCESS, memory, 0, buffer, 64, NULL));
    ck_assert_mem_eq(buffer + 32, pattern, 32);
    VirtualFree(memory, 0, MEM_RELEASE);
    VirtualFree(readonly, 0, MEM_RELEASE);
}
END_TEST

static NTSTATUS native(const void *address, INT class, void *buffer, SIZE_T length, SIZE_T *ret)
{
    return nt_NtQueryVirtualMemory(THIS_PROCESS, (PVOID)address, class, buffer, length, ret);
}

START_TEST(every_native_class_has_its_length)
{
    static const struct {
        INT class;
        SIZE_T size;
    } classes[] = {{0, 48}, {3, 32}, {5, 8}, {7, 48}, {8, 48}, {10, 48}};
    char *memory = allocate(3 * P, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    for (unsigned i = 0; i < sizeof classes / sizeof classes[0]; i++) {
        unsigned char buffer[80];
        SIZE_T size = 1;
        memset(buffer, 0x77, sizeof buffer);
        ck_assert_int_eq(native(memory, classes[i].class, buffer, classes[i].size - 1, &size),
                         STATUS_INFO_LENGTH_MISMATCH);
        ck_assert_uint_eq(size, 1);
        ck_assert_int_eq(native(memory, classes[i].class, buffer, sizeof buffer, &size), 0);
        ck_assert_uint_eq(size, classes[i].size);
        for (unsigned j = (unsigned)classes[i].size; j < sizeof buffer; j++)
            ck_assert_uint_eq(buffer[j], 0x77);
    }
    MEMORY_REGION_INFORMATION region;
    ck_assert_int_eq(native(memory + P, 7, &region, sizeof region, NULL), 0);
    ck_assert_ptr_eq(region.AllocationBase, memory);
    ck_assert_uint_eq(region.RegionType, 1);
    ck_assert_uint_eq(region.CommitSize, 3 * P);
    ck_assert_uint_eq(region.NodePreference, NUMA_NO_PREFERRED_NODE);
    char buffer[64];
    for (INT class = 11; class < 40; class ++)
        ck_assert_int_eq(native(memory, class, buffer, 64, NULL), STATUS_INVALID_INFO_CLASS);
    ck_assert_int_eq(native(memory, -1, buffer, 64, NULL), STATUS_INVALID_INFO_CLASS);
    ck_assert_int_eq(native(memory, 9, buffer, 64, NULL), STATUS_INVALID_INFO_CLASS);
    VirtualFree(memory, 0, MEM_RELEASE);
}
END_TEST

static uint16_t *fixed_name(uint64_t base, size_t *ret_length)
{
    (void)base;
    uint16_t *name = calloc(5, sizeof *name);
    memcpy(name, u"\\D\\x", 10);
    *ret_length = 4;
    return name;
}

START_TEST(an_image_has_extent_and_name)
{
    struct mm_request request = {.size = 5 * P,
                                 .type = MEM_RESERVE | MEM_COMMIT,
                                 .protect = PAGE_EXECUTE_WRITECOPY,
                                 .kind = MM_IMAGE};
    struct {
        UNICODE_STRING string;
        uint16_t text[16];
    } name;
    MEMORY_IMAGE_INFORMATION image;
    SIZE_T size = 0;
    ck_assert_int_eq(mm_allocate(&request), 0);
    char *base = (char *)request.base;
    DWORD old;
    ck_assert(VirtualProtect(base, P, PAGE_READONLY, &old));
    ck_assert(VirtualProtect(base + P, P, PAGE_EXECUTE_READ, &old));
    ck_assert(VirtualProtect(base + 2 * P, P, PAGE_WRITECOPY, &old));
    ck_assert_int_eq(native(base + 3 * P, 6, &image, sizeof image, &size), 0);
    ck_assert_uint_eq(size, 24);
    ck_assert_ptr_eq(image.ImageBase, base);
    ck_assert_uint_eq(image.SizeOfImage, 5 * P);
    ck_assert_uint_eq(image.ImageFlags, 0);
    ck_assert_uint_eq(region_of(base).Flags, 4);
    /* one page of copy-on-write and two still writable */
    ck_assert_uint_eq(region_of(base).CommitSize, 3 * P);
    mm_image_name = NULL;
    ck_assert_int_eq(native(base, 2, &name, sizeof name, &size), STATUS_INVALID_ADDRESS);
    mm_image_name = fixed_name;
    size = 0;
    ck_assert_int_eq(native(base, 2, &name, 25, &size), STATUS_INFO_LENGTH_MISMATCH);
    ck_assert_uint_eq(size, 26);
    ck_assert_int_eq(native(base, 2, NULL, 0, &size), STATUS_INFO_LENGTH_MISMATCH);
    ck_assert_int_eq(native(base + 4 * P, 2, &name, 26, &size), 0);
    ck_assert_uint_eq(name.string.Length, 8);
    ck_assert_uint_eq(name.string.MaximumLength, 10);
    ck_assert_ptr_eq(name.string.Buffer, name.text);
    ck_assert_mem_eq(name.text, u"\\D\\x", 10);
    ck_assert_int_eq(native(base, 2, base + P, 64, &size), STATUS_ACCESS_VIOLATION);
    mm_image_name = NULL;
    ck_assert_int_eq(native(&size, 6, &image, sizeof image, NULL), STATUS_INVALID_ADDRESS);
    image_unmap(request.base);
}
END_TEST

START_TEST(a_device_path_has_the_volume_of_its_drive)
{
    static const struct {
        const uint16_t *path, *device;
    } paths[] = {{u"C:\\a\\b.dll", u"\\Device\\HarddiskVolume3\\a\\b.dll"},
                 {u"z:\\x", u"\\Device\\HarddiskVolume26\\x"},
                 {u"J:\\", u"\\Device\\HarddiskVolume10\\"},
                 {u"I:\\", u"\\Device\\HarddiskVolume9\\"}};
    size_t length, wanted;
    for (unsigned i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        for (length = 0; paths[i].path[length]; length++)
            ;
        for (wanted = 0; paths[i].device[wanted]; wanted++)
            ;
        uint16_t *device = module_device_path(paths[i].path, length, &length);
        ck_assert_ptr_nonnull(device);
        ck_assert_uint_eq(length, wanted);
        ck_assert_mem_eq(device, paths[i].device, (wanted + 1) * 2);
        free(device);
    }
    ck_assert_ptr_null(module_device_path(u"\\\\?\\x", 5, &length));
    ck_assert_ptr_null(module_device_path(u"@:\\", 3, &length));
    ck_assert_ptr_null(module_device_path(u"C:", 2, &length));
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("inspect");
    tcase_add_checked_fixture(tests, fault_init, NULL);
    tcase_add_test(tests, a_region_is_the_whole_allocation);
    tcase_add_test(tests, reserved_flags_are_not_told);
    tcase_add_test(tests, a_region_query_that_fails_writes_nothing);
    tcase_add_test(tests, every_native_class_has_its_length);
    tcase_add_test(tests, an_image_has_extent_and_name);
    tcase_add_test(tests, a_device_path_has_the_volume_of_its_drive);
    return suite_run("inspect", tests);
}
