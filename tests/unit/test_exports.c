/* Functions found by module and name. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <winmem/winmem.h>
#include <winmem/memoryapi.h>
#include "memoryapi/exports.h"

START_TEST(the_table_is_sorted_by_name)
{
    ck_assert_uint_gt(winmem_export_count, 0);
    for (unsigned i = 1; i < winmem_export_count; i++)
        ck_assert_str_lt(winmem_exports[i - 1].name, winmem_exports[i].name);
}
END_TEST

START_TEST(every_function_is_found_under_each_of_its_names)
{
    for (unsigned i = 0; i < winmem_export_count; i++) {
        const struct export_entry *entry = &winmem_exports[i];
        ck_assert_ptr_nonnull(entry->function);
        ck_assert_ptr_eq(export_find(NULL, entry->name), entry);
        for (const char *const *module = entry->modules; *module; module++)
            ck_assert_ptr_eq(export_find(*module, entry->name), entry);
        for (const char *const *set = entry->apisets; *set; set++)
            ck_assert_ptr_eq(export_find(*set, entry->name), entry);
    }
}
END_TEST

static const char *const spellings[] = {
    "kernel32.dll",
    "kernel32",
    "KERNEL32.DLL",
    "Kernel32.Dll",
    "kernelbase",
    "KernelBase.dll",
    "api-ms-win-core-memory-l1-1-0",
    "api-ms-win-core-memory-l1-1-0.dll",
    "API-MS-Win-Core-Memory-L1-1-0.DLL",
    "api-ms-win-core-memory-l1-1-7",
    "api-ms-win-core-memory-l1-1-12.dll",
};

START_TEST(a_module_has_many_spellings)
{
    ck_assert_msg(export_find(spellings[_i], "VirtualAlloc") ==
                      export_find("kernel32.dll", "VirtualAlloc"),
                  "%s", spellings[_i]);
    ck_assert_ptr_nonnull(export_find(spellings[_i], "VirtualAlloc"));
    ck_assert_msg(winmem_has_module(spellings[_i]), "%s", spellings[_i]);
}
END_TEST

static const char *const strangers[] = {
    "",
    ".dll",
    "kernel3",
    "kernel322",
    "kernel32.dl",
    "kernel32.dll.dll",
    "ntdll.dll",
    "api-ms-win-core-memory-l1-2-0",
    "api-ms-win-core-memory",
    "api-ms-win-core-nosuch-l1-1-0",
    "api-",
    "user99",
};

START_TEST(other_modules_do_not_have_it)
{
    ck_assert_msg(!export_find(strangers[_i], "VirtualAlloc"), "%s", strangers[_i]);
    ck_assert_msg(strcmp(strangers[_i], "ntdll.dll") == 0 || !winmem_has_module(strangers[_i]),
                  "%s", strangers[_i]);
}
END_TEST

static const char *const nobody[] = {"",  "virtualalloc", "VirtualAllo", "VirtualAllocX",
                                     "A", "zzzz"};

START_TEST(names_are_exact)
{
    ck_assert_msg(!export_find("kernel32.dll", nobody[_i]), "%s", nobody[_i]);
    ck_assert_msg(!export_find(NULL, nobody[_i]), "%s", nobody[_i]);
}
END_TEST

/* VirtualAlloc names the set of memory l1-1-0, DiscardVirtualMemory does not; both live in the DLL
 * behind it. */
START_TEST(a_set_gives_what_its_dll_has)
{
    const char *set = "api-ms-win-core-synch-l1-1-0";
    const struct export_entry *entry = export_find("kernel32.dll", "DiscardVirtualMemory");
    for (const char *const *name = entry->apisets; *name; name++)
        ck_assert_str_ne(*name, set);
    ck_assert_ptr_eq(export_find(set, "DiscardVirtualMemory"), entry);
    ck_assert_ptr_null(export_find(set, "NtAllocateVirtualMemory"));
}
END_TEST

START_TEST(what_resolve_gives_can_be_called)
{
    WINAPI LPVOID (*allocate)(LPVOID, SIZE_T, DWORD, DWORD) =
        winmem_resolve("kernel32.dll", "VirtualAlloc");
    WINAPI BOOL (*release)(LPVOID, SIZE_T, DWORD) = winmem_resolve("kernel32.dll", "VirtualFree");
    char *p = allocate(NULL, 1, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    ck_assert_ptr_nonnull(p);
    p[4095] = 1;
    ck_assert_int_eq(release(p, 0, MEM_RELEASE), 1);
    ck_assert_ptr_null(winmem_resolve("kernel32.dll", NULL));
    ck_assert_int_eq(winmem_has_module(NULL), 0);
    ck_assert_ptr_nonnull(strchr(winmem_version(), '.'));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("exports");
    TCase *find = tcase_create("find");
    tcase_add_test(find, the_table_is_sorted_by_name);
    tcase_add_test(find, every_function_is_found_under_each_of_its_names);
    tcase_add_loop_test(find, a_module_has_many_spellings, 0, sizeof spellings / sizeof *spellings);
    tcase_add_loop_test(find, other_modules_do_not_have_it, 0,
                        sizeof strangers / sizeof *strangers);
    tcase_add_loop_test(find, names_are_exact, 0, sizeof nobody / sizeof *nobody);
    tcase_add_test(find, a_set_gives_what_its_dll_has);
    tcase_add_test(find, what_resolve_gives_can_be_called);
    suite_add_tcase(suite, find);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
