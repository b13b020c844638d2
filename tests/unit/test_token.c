/* Security identifiers, tokens, the user's directories, random bytes. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <winmem/windef.h>
#include "faces.h"
#include "kernel32/face.h"
#include "kernel32/process/sid.h"
#include "kernel32/process/utf.h"
#include "tests/unit/suite.h"

START_TEST(sid_text)
{
    static const char *const texts[] = {"S-1-5-21-1-1-1-1000", "S-1-1-0", "S-1-5-32-544",
                                        "S-1-0x123456789ABC-4294967295",
                                        "S-1-5-1-2-3-4-5-6-7-8-9-10-11-12-13-14-15"};
    for (unsigned i = 0; i < sizeof texts / sizeof *texts; i++) {
        uint16_t *wide = wide_from_utf8(texts[i]);
        struct sid *sid = NULL;
        char *text = NULL;
        ck_assert_int_eq(adv_ConvertStringSidToSidW(wide, &sid), TRUE);
        ck_assert_int_eq(adv_ConvertSidToStringSidA(sid, &text), TRUE);
        ck_assert_str_eq(text, texts[i]);
        free(text);
        free(sid);
        free(wide);
    }
    static const LPCWSTR wrong[] = {u"",
                                    u"S-1",
                                    u"S-1-5",
                                    u"S-2-5-1",
                                    u"S-1-5-",
                                    u"S-1-5-x",
                                    u"S-1-5-4294967296",
                                    u"S-1-5--1",
                                    u"S-1-5-1 ",
                                    u"S-1-5-1-2-3-4-5-6-7-8-9-10-11-12-13-14-15-16"};
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        PSID sid;
        ck_assert_int_eq(adv_ConvertStringSidToSidW(wrong[i], &sid), FALSE);
        ck_assert_uint_eq(last_error_get(), ERROR_INVALID_SID);
    }
}
END_TEST

START_TEST(sid_parts)
{
    const uint8_t nt[6] = {0, 0, 0, 0, 0, 5};
    struct sid copy, known;
    DWORD size = sizeof known;
    PSID administrators;
    ck_assert_int_eq(
        adv_AllocateAndInitializeSid((PVOID)nt, 2, 32, 544, 0, 0, 0, 0, 0, 0, &administrators),
        TRUE);
    ck_assert_uint_eq(adv_GetLengthSid(administrators), 16);
    ck_assert_uint_eq(*adv_GetSidSubAuthorityCount(administrators), 2);
    ck_assert_uint_eq(*adv_GetSidSubAuthority(administrators, 1), 544);
    ck_assert_int_eq(adv_CopySid(15, &copy, administrators), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_INSUFFICIENT_BUFFER);
    ck_assert_int_eq(adv_CopySid(16, &copy, administrators), TRUE);
    ck_assert_int_eq(adv_CreateWellKnownSid(26, NULL, &known, &size), TRUE);
    ck_assert_uint_eq(size, 16);
    ck_assert_int_eq(adv_EqualSid(&copy, &known), TRUE);
    ck_assert_int_eq(adv_IsWellKnownSid(administrators, 26), TRUE);
    ck_assert_int_eq(adv_IsWellKnownSid(administrators, 27), FALSE);
    size = 4;
    ck_assert_int_eq(adv_CreateWellKnownSid(26, NULL, &known, &size), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_INSUFFICIENT_BUFFER);
    ck_assert_uint_eq(size, 16);
    BOOL member = 5;
    ck_assert_int_eq(adv_CheckTokenMembership(NULL, administrators, &member), TRUE);
    ck_assert_int_eq(member, FALSE);
    ck_assert_int_eq(adv_CheckTokenMembership(NULL, (PSID)&sid_users, &member), TRUE);
    ck_assert_int_eq(member, TRUE);
    ck_assert_ptr_null(adv_FreeSid(administrators));
}
END_TEST

START_TEST(token)
{
    HANDLE handle = NULL;
    DWORD size = 0, elevation = 9;
    struct {
        const struct sid *sid;
        DWORD attributes;
        uint8_t room[64];
    } user;
    ck_assert_int_eq(adv_OpenProcessToken((HANDLE)-1, 8, &handle), TRUE);
    ck_assert_int_eq(adv_GetTokenInformation(handle, 1, NULL, 0, &size), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_INSUFFICIENT_BUFFER);
    ck_assert_uint_eq(size, 16 + 8 + 5 * 4);
    ck_assert_int_eq(adv_GetTokenInformation(handle, 1, &user, size, &size), TRUE);
    ck_assert_ptr_eq(user.sid, (char *)&user + 16); /* behind the structure, in the same buffer */
    ck_assert(sid_equal(user.sid, &sid_user));
    ck_assert_int_eq(adv_GetTokenInformation(handle, 20, &elevation, 4, &size), TRUE);
    ck_assert_uint_eq(elevation, 0);
    ck_assert_int_eq(adv_GetTokenInformation(handle, 999, &elevation, 4, &size), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_INVALID_PARAMETER);
    ck_assert_int_eq(adv_GetTokenInformation((HANDLE)-4, 20, &elevation, 4, &size), TRUE);
    const DWORD privileges[4] = {1, 20, 0, 2};
    ck_assert_int_eq(adv_AdjustTokenPrivileges(handle, FALSE, privileges, 0, NULL, NULL), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_ACCESS_DENIED); /* opened for queries only */
    ck_assert_int_eq(k32_CloseHandle(handle), TRUE);
    ck_assert_int_eq(adv_OpenProcessToken((HANDLE)-1, 0x28, &handle), TRUE);
    ck_assert_int_eq(adv_AdjustTokenPrivileges(handle, FALSE, privileges, 0, NULL, NULL), TRUE);
    ck_assert_uint_eq(last_error_get(), ERROR_NOT_ALL_ASSIGNED);
    ck_assert_int_eq(k32_CloseHandle(handle), TRUE);
    ck_assert_int_eq(adv_GetTokenInformation(handle, 20, &elevation, 4, &size), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_INVALID_HANDLE);
    DWORD luid[2];
    ck_assert_int_eq(adv_LookupPrivilegeValueW(NULL, u"sedebugprivilege", luid), TRUE);
    ck_assert_uint_eq(luid[0], 20);
    ck_assert_int_eq(adv_LookupPrivilegeValueA(NULL, "SeNothing", luid), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_NO_SUCH_PRIVILEGE);
}
END_TEST

START_TEST(account)
{
    uint16_t name[300], domain[32], user[300];
    DWORD name_size = 0, domain_size = 0, user_size = 300, use = 0;
    ck_assert_int_eq(
        adv_LookupAccountSidW(NULL, (PSID)&sid_user, NULL, &name_size, NULL, &domain_size, &use),
        FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_INSUFFICIENT_BUFFER);
    ck_assert_int_eq(adv_GetUserNameW(user, &user_size), TRUE);
    ck_assert_uint_eq(name_size, user_size); /* both with the terminator */
    ck_assert_int_eq(
        adv_LookupAccountSidW(NULL, (PSID)&sid_user, name, &name_size, domain, &domain_size, &use),
        TRUE);
    ck_assert_uint_eq(use, 1);
    ck_assert_mem_eq(name, user, user_size * 2);
    const struct sid unknown = {1, 1, {0, 0, 0, 0, 0, 5}, {77}};
    ck_assert_int_eq(
        adv_LookupAccountSidW(NULL, (PSID)&unknown, name, &name_size, domain, &domain_size, &use),
        FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_NONE_MAPPED);
}
END_TEST

START_TEST(directories)
{
    uint16_t path[260];
    DWORD size = 3;
    ck_assert_int_eq(userenv_GetUserProfileDirectoryW(NULL, path, &size), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_FILE_NOT_FOUND);
    k32_SetEnvironmentVariableW(u"USERPROFILE", u"Z:\\home\\me");
    ck_assert_int_eq(userenv_GetUserProfileDirectoryW(NULL, path, &size), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_INSUFFICIENT_BUFFER);
    ck_assert_uint_eq(size, 11);
    ck_assert_int_eq(userenv_GetUserProfileDirectoryW(NULL, path, &size), TRUE);
    ck_assert_mem_eq(path, u"Z:\\home\\me", 22);
    ck_assert_int_eq(userenv_GetProfilesDirectoryW(path, &size), TRUE);
    ck_assert_mem_eq(path, u"Z:\\home", 16);
    ck_assert_int_eq(shell_SHGetFolderPathW(NULL, 0x8010, NULL, 0, path), 0);
    ck_assert_mem_eq(path, u"Z:\\home\\me\\Desktop", 38);
    ck_assert_int_lt(shell_SHGetFolderPathW(NULL, 0x7F, NULL, 0, path), 0);
}
END_TEST

START_TEST(random_provider)
{
    ULONG_PTR provider = 0;
    uint8_t bytes[32] = {0}, zeros[32] = {0};
    ck_assert_int_eq(adv_CryptAcquireContextW(&provider, NULL, NULL, 1, 0), FALSE);
    ck_assert_uint_eq(last_error_get(), NTE_BAD_KEYSET);
    ck_assert_int_eq(adv_CryptAcquireContextW(&provider, NULL, NULL, 1, 0xF0000000), TRUE);
    ck_assert_int_eq(adv_CryptGenRandom(provider, sizeof bytes, bytes), TRUE);
    ck_assert_mem_ne(bytes, zeros, sizeof bytes);
    ck_assert_int_eq(adv_CryptGenRandom(0, sizeof bytes, bytes), FALSE);
    ck_assert_int_eq(adv_CryptReleaseContext(provider, 0), TRUE);
}
END_TEST

int main(void)
{
    TCase *all = tcase_create("token");
    tcase_add_test(all, sid_text);
    tcase_add_test(all, sid_parts);
    tcase_add_test(all, token);
    tcase_add_test(all, account);
    tcase_add_test(all, directories);
    tcase_add_test(all, random_provider);
    return suite_run("token", all);
}
