/* Functions found by module and name. */
#include <check.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <winmem/errhandlingapi.h>
#include <winmem/memoryapi.h>
#include <winmem/winmem.h>
#include "memoryapi/exports.h"
#include "tests/unit/suite.h"

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

typedef WINAPI uint64_t any_function(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t,
                                     uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t,
                                     uint64_t, uint64_t, uint64_t, uint64_t);

static uint64_t call_with_zeros(const struct export_entry *entry, uint64_t first)
{
    ck_assert_uint_le(entry->param_count, 16);
    return ((any_function *)entry->function)(first, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
}

/* Whether `result` is the failure that the table of spec/README.md gives for entry->fails. */
static bool is_failure(const struct export_entry *entry, uint64_t result, uint64_t first)
{
    unsigned size = export_kind_size(entry->kinds[0]);
    const char *fails = entry->fails;
    uint64_t all = size == 8 ? UINT64_MAX : (1ull << size * 8) - 1;
    result &= all;
    if (strcmp(fails, "false") == 0 || strcmp(fails, "null") == 0 || strcmp(fails, "zero") == 0)
        return result == 0;
    if (strcmp(fails, "invalid") == 0 || strcmp(fails, "minus1") == 0)
        return result == all;
    if (strcmp(fails, "argument") == 0)
        return result == first;
    if (strcmp(fails, "badmem") == 0)
        return result == GMEM_INVALID_HANDLE;
    if (strcmp(fails, "code") == 0)
        return result != ERROR_SUCCESS;
    return (strcmp(fails, "status") == 0 || strcmp(fails, "hresult") == 0) && (int32_t)result < 0;
}

/* The last error is told, except by those whose result is the code. */
static void check_refusal(const struct export_entry *entry)
{
    static const uint64_t first = 0x1234560;
    const char *fails = entry->fails;
    bool in_result =
        strcmp(fails, "code") == 0 || strcmp(fails, "status") == 0 || strcmp(fails, "hresult") == 0;
    SetLastError(0);
    uint64_t result = call_with_zeros(entry, strcmp(fails, "argument") == 0 ? first : 0);
    uint32_t error = GetLastError();
    ck_assert_msg(is_failure(entry, result, first), "%s (fails = %s) answers %#lx", entry->name,
                  fails, result);
    ck_assert_msg(in_result ? error == 0 : error != 0, "%s leaves the last error %u", entry->name,
                  error);
    if (entry->status != EXPORT_PLANNED)
        return;
    if (!in_result)
        ck_assert_msg(error == ERROR_NOT_SUPPORTED, "%s: last error %u", entry->name, error);
    else if (fails[0] == 's')
        ck_assert_msg((int32_t)result == (int32_t)STATUS_NOT_SUPPORTED, "%s: %#lx", entry->name,
                      result);
}

START_TEST(what_is_not_built_fails_as_documented)
{
    unsigned called = 0;
    for (unsigned i = 0; i < winmem_export_count; i++) {
        const struct export_entry *entry = &winmem_exports[i];
        if (entry->status == EXPORT_DONE || strcmp(entry->fails, "never") == 0)
            continue;
        check_refusal(entry);
        called++;
    }
    ck_assert_uint_gt(called, 0);
}
END_TEST

/* Those that cannot report a failure end the process instead, with a line that names them. */
START_TEST(what_cannot_fail_ends_the_program)
{
    for (unsigned i = 0; i < winmem_export_count; i++) {
        const struct export_entry *entry = &winmem_exports[i];
        char said[256] = "";
        int ends[2], status;
        if (entry->status == EXPORT_DONE || strcmp(entry->fails, "never") != 0)
            continue;
        ck_assert_int_eq(pipe(ends), 0);
        pid_t child = fork();
        if (child == 0) {
            dup2(ends[1], STDERR_FILENO);
            call_with_zeros(entry, 0);
            _exit(0);
        }
        close(ends[1]);
        ck_assert_int_ge(read(ends[0], said, sizeof said - 1), 0);
        close(ends[0]);
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 3, "%s: %#x", entry->name,
                      status);
        ck_assert_msg(strstr(said, entry->name) && strstr(said, entry->modules[0]), "%s: %s",
                      entry->name, said);
    }
}
END_TEST

int main(void)
{
    TCase *find = tcase_create("find");
    tcase_add_test(find, the_table_is_sorted_by_name);
    tcase_add_test(find, every_function_is_found_under_each_of_its_names);
    tcase_add_loop_test(find, a_module_has_many_spellings, 0, sizeof spellings / sizeof *spellings);
    tcase_add_loop_test(find, other_modules_do_not_have_it, 0,
                        sizeof strangers / sizeof *strangers);
    tcase_add_loop_test(find, names_are_exact, 0, sizeof nobody / sizeof *nobody);
    tcase_add_test(find, a_set_gives_what_its_dll_has);
    tcase_add_test(find, what_is_not_built_fails_as_documented);
    tcase_add_test(find, what_cannot_fail_ends_the_program);
    tcase_add_test(find, what_resolve_gives_can_be_called);
    return suite_run("exports", find);
}
