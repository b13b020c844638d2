/* Privileges: what is held, what is enabled, and the calls that ask and change it. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include "kernel32/face.h"
#include "kernel32/process/token.h"
#include "tests/unit/suite.h"

struct state {
    uint32_t count;
    struct token_privilege list[8];
};

static HANDLE open_process_token(DWORD access)
{
    HANDLE handle = NULL;
    ck_assert_int_eq(adv_OpenProcessToken((HANDLE)-1, access, &handle), TRUE);
    return handle;
}

START_TEST(ordinary_user)
{
    unsetenv("WINMEM_PRIVILEGES");
    ck_assert(privilege_enabled(PRIVILEGE_INCREASE_WORKING_SET));
    ck_assert(privilege_enabled(PRIVILEGE_CHANGE_NOTIFY));
    ck_assert(!privilege_enabled(PRIVILEGE_LOCK_MEMORY));
    ck_assert(!privilege_held(PRIVILEGE_LOCK_MEMORY));
    ck_assert(!privilege_enabled(0) && !privilege_enabled(PRIVILEGE_COUNT));
    ck_assert(!privilege_held(1u << 31) && !privilege_held(64 + PRIVILEGE_CHANGE_NOTIFY));
}
END_TEST

START_TEST(held_counts_without_a_token)
{
    setenv("WINMEM_PRIVILEGES", "SeLockMemoryPrivilege,-seincreaseworkingsetprivilege,", 1);
    ck_assert(privilege_enabled(PRIVILEGE_LOCK_MEMORY));
    ck_assert(!privilege_held(PRIVILEGE_INCREASE_WORKING_SET));
    ck_assert(privilege_held(PRIVILEGE_CHANGE_NOTIFY));
}
END_TEST

START_TEST(mistaken_setting_counts_as_none)
{
    setenv("WINMEM_PRIVILEGES", "SeLockMemoryPrivilege,SeLockMemory", 1);
    ck_assert(!privilege_held(PRIVILEGE_LOCK_MEMORY));
    ck_assert(privilege_held(PRIVILEGE_INCREASE_WORKING_SET));
}
END_TEST

START_TEST(names)
{
    uint16_t name[40];
    DWORD luid[2], size = 0;
    for (uint32_t number = 2; number < PRIVILEGE_COUNT; number++)
        ck_assert_uint_eq(privilege_number(privilege_name(number)), number);
    ck_assert_ptr_null(privilege_name(1));
    ck_assert_ptr_null(privilege_name(PRIVILEGE_COUNT));
    luid[0] = PRIVILEGE_DEBUG;
    luid[1] = 0;
    ck_assert_int_eq(adv_LookupPrivilegeNameW(NULL, luid, NULL, &size), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_INSUFFICIENT_BUFFER);
    ck_assert_uint_eq(size, 17); /* with the terminator */
    ck_assert_int_eq(adv_LookupPrivilegeNameW(NULL, luid, name, &size), TRUE);
    ck_assert_uint_eq(size, 16);
    ck_assert_mem_eq(name, u"SeDebugPrivilege", 34);
    luid[1] = 1;
    ck_assert_int_eq(adv_LookupPrivilegeNameW(NULL, luid, name, &size), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_NO_SUCH_PRIVILEGE);
    ck_assert_int_eq(adv_LookupPrivilegeValueW(NULL, name, (PVOID)8), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_NOACCESS);
    ck_assert_int_eq(adv_LookupPrivilegeValueW(NULL, (LPCWSTR)8, luid), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_NOACCESS);
    ck_assert_int_eq(adv_LookupPrivilegeValueA(NULL, "selockmemoryprivilege", luid), TRUE);
    ck_assert_uint_eq(luid[0], 4);
    ck_assert_uint_eq(luid[1], 0);
}
END_TEST

START_TEST(enabling)
{
    setenv("WINMEM_PRIVILEGES", "SeLockMemoryPrivilege", 1);
    privilege_start_token();
    HANDLE token = open_process_token(TOKEN_QUERY | TOKEN_ADJUST_PRIVILEGES);
    struct state wanted = {2, {{4, 0, PRIVILEGE_ENABLED}, {5, 0, PRIVILEGE_ENABLED}}}, before, now;
    DWORD size = 99;

    ck_assert(privilege_held(4) && !privilege_enabled(4) && privilege_enabled(23));
    ck_assert_int_eq(adv_GetTokenInformation(token, 3, &now, sizeof now, &size), TRUE);
    ck_assert_uint_eq(size, 4 + 3 * 12);
    ck_assert_uint_eq(now.count, 3);
    ck_assert_uint_eq(now.list[0].number, 4);
    ck_assert_uint_eq(now.list[0].attributes, 0);
    ck_assert_uint_eq(now.list[1].number, 23);
    ck_assert_uint_eq(now.list[1].attributes, PRIVILEGE_ENABLED | PRIVILEGE_ENABLED_BY_DEFAULT);

    /* no room for the previous state: nothing is changed */
    ck_assert_int_eq(adv_AdjustTokenPrivileges(token, FALSE, &wanted, 8, &before, &size), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_INSUFFICIENT_BUFFER);
    ck_assert_uint_eq(size, 16);
    ck_assert(!privilege_enabled(4));

    ck_assert_int_eq(
        adv_AdjustTokenPrivileges(token, FALSE, &wanted, sizeof before, &before, &size), TRUE);
    ck_assert_uint_eq(last_error_get(), ERROR_NOT_ALL_ASSIGNED);
    ck_assert(privilege_enabled(4) && !privilege_enabled(5));
    ck_assert_uint_eq(size, 16);
    ck_assert_uint_eq(before.count, 1);
    ck_assert_uint_eq(before.list[0].number, 4);
    ck_assert_uint_eq(before.list[0].attributes, 0);

    /* back to how it was */
    ck_assert_int_eq(adv_AdjustTokenPrivileges(token, FALSE, &before, 0, NULL, NULL), TRUE);
    ck_assert_uint_eq(last_error_get(), ERROR_SUCCESS);
    ck_assert(!privilege_enabled(4));
    wanted.count = 1;
    ck_assert_int_eq(adv_AdjustTokenPrivileges(token, FALSE, &wanted, 0, NULL, NULL), TRUE);
    ck_assert(privilege_enabled(4));
    ck_assert_int_eq(adv_AdjustTokenPrivileges(token, TRUE, NULL, 0, NULL, NULL), TRUE);
    ck_assert(!privilege_enabled(4) && !privilege_enabled(23) && privilege_held(23));

    wanted.list[0].attributes = PRIVILEGE_REMOVED;
    ck_assert_int_eq(adv_AdjustTokenPrivileges(token, FALSE, &wanted, 0, NULL, NULL), TRUE);
    ck_assert(!privilege_held(4));
    wanted.list[0].attributes = PRIVILEGE_ENABLED;
    ck_assert_int_eq(adv_AdjustTokenPrivileges(token, FALSE, &wanted, 0, NULL, NULL), TRUE);
    ck_assert_uint_eq(last_error_get(), ERROR_NOT_ALL_ASSIGNED);
    ck_assert(!privilege_enabled(4));
}
END_TEST

START_TEST(twice_in_one_call)
{
    setenv("WINMEM_PRIVILEGES", "SeLockMemoryPrivilege", 1);
    privilege_start_token();
    HANDLE token = open_process_token(TOKEN_QUERY | TOKEN_ADJUST_PRIVILEGES);
    struct state wanted = {2, {{4, 0, PRIVILEGE_ENABLED}, {4, 0, 0}}};
    ck_assert_int_eq(adv_AdjustTokenPrivileges(token, FALSE, &wanted, 0, NULL, NULL), TRUE);
    ck_assert(!privilege_enabled(4)); /* the last word counts */
    wanted.count = PRIVILEGE_COUNT + 1;
    ck_assert_int_eq(adv_AdjustTokenPrivileges(token, FALSE, &wanted, 0, NULL, NULL), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_INVALID_PARAMETER);
    ck_assert_int_eq(adv_AdjustTokenPrivileges(token, FALSE, (LPCVOID)8, 0, NULL, NULL), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_NOACCESS);
    wanted.count = 1;
    struct state before;
    ck_assert_int_eq(adv_AdjustTokenPrivileges(token, FALSE, &wanted, sizeof before, &before, NULL),
                     FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_NOACCESS); /* nowhere to say how long it is */
    ck_assert(!privilege_enabled(4));
}
END_TEST

START_TEST(a_duplicate_is_its_own)
{
    setenv("WINMEM_PRIVILEGES", "SeLockMemoryPrivilege", 1);
    privilege_start_token();
    HANDLE copy = NULL, token = open_process_token(TOKEN_ALL);
    struct state wanted = {1, {{4, 0, PRIVILEGE_ENABLED}}};
    struct {
        uint32_t count, control;
        struct token_privilege list[2];
    } set = {2, 1, {{4, 0, 0}, {23, 0, 0}}};
    BOOL result = 9;
    ck_assert_int_eq(adv_DuplicateTokenEx(token, 0, NULL, 2, 2, &copy), TRUE);
    ck_assert_int_eq(adv_AdjustTokenPrivileges(copy, FALSE, &wanted, 0, NULL, NULL), TRUE);
    ck_assert(!privilege_enabled(4));
    ck_assert_int_eq(adv_PrivilegeCheck(copy, &set, &result), TRUE);
    ck_assert_int_eq(result, TRUE);
    ck_assert_uint_eq(set.list[0].attributes, PRIVILEGE_USED);
    set.list[0].attributes = 0;
    ck_assert_int_eq(adv_PrivilegeCheck(token, &set, &result), TRUE);
    ck_assert_int_eq(result, FALSE); /* all are necessary, one is there */
    ck_assert_uint_eq(set.list[0].attributes, 0);
    set.control = 0;
    ck_assert_int_eq(adv_PrivilegeCheck(token, &set, &result), TRUE);
    ck_assert_int_eq(result, TRUE); /* any will do */
    ck_assert_int_eq(adv_PrivilegeCheck((HANDLE)-6, &set, &result), TRUE);
    ck_assert_int_eq(adv_AdjustTokenPrivileges((HANDLE)-6, FALSE, &wanted, 0, NULL, NULL), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_ACCESS_DENIED);
}
END_TEST

START_TEST(native)
{
    BOOLEAN was = 9;
    setenv("WINMEM_PRIVILEGES", "SeLockMemoryPrivilege", 1);
    privilege_start_token();
    ck_assert_uint_eq((uint32_t)nt_RtlAdjustPrivilege(4, TRUE, FALSE, &was), STATUS_SUCCESS);
    ck_assert_uint_eq(was, FALSE);
    ck_assert(privilege_enabled(4));
    ck_assert_uint_eq((uint32_t)nt_RtlAdjustPrivilege(4, TRUE, FALSE, &was), STATUS_SUCCESS);
    ck_assert_uint_eq(was, TRUE);
    ck_assert_uint_eq((uint32_t)nt_RtlAdjustPrivilege(4, FALSE, FALSE, &was), STATUS_SUCCESS);
    ck_assert_uint_eq(was, TRUE);
    ck_assert(!privilege_enabled(4));
    ck_assert_uint_eq((uint32_t)nt_RtlAdjustPrivilege(20, TRUE, FALSE, &was),
                      (uint32_t)STATUS_PRIVILEGE_NOT_HELD);
    ck_assert_uint_eq((uint32_t)nt_RtlAdjustPrivilege(4, TRUE, TRUE, &was),
                      (uint32_t)STATUS_NO_TOKEN);
    ck_assert_uint_eq((uint32_t)nt_RtlAdjustPrivilege(4, TRUE, FALSE, NULL),
                      (uint32_t)STATUS_ACCESS_VIOLATION);
    ck_assert(!privilege_enabled(4));
}
END_TEST

int main(void)
{
    TCase *all = tcase_create("privilege");
    tcase_add_test(all, ordinary_user);
    tcase_add_test(all, held_counts_without_a_token);
    tcase_add_test(all, mistaken_setting_counts_as_none);
    tcase_add_test(all, names);
    tcase_add_test(all, enabling);
    tcase_add_test(all, twice_in_one_call);
    tcase_add_test(all, a_duplicate_is_its_own);
    tcase_add_test(all, native);
    return suite_run("privilege", all);
}
