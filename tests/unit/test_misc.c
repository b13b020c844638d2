/* Error modes, encoded pointers, the empty registry, the absent network. */
#include <check.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <winmem/windef.h>
#include "faces.h"
#include "kernel32/face.h"
#include "memoryapi/exports.h"
#include "tests/unit/suite.h"

#define W(text) ((LPCWSTR)u"" text)

START_TEST(error_modes)
{
    DWORD old = 99;
    ck_assert_uint_eq(k32_SetErrorMode(0x8003), 0);
    ck_assert_uint_eq(k32_GetErrorMode(), 0x8003);
    ck_assert_uint_eq(k32_SetErrorMode(4), 0x8003);
    ck_assert_uint_eq(k32_SetErrorMode(1), 4);
    ck_assert_uint_eq(k32_GetErrorMode(), 5); /* 4 stays */
    ck_assert_int_eq(k32_SetThreadErrorMode(2, &old), TRUE);
    ck_assert_uint_eq(old, 0);
    ck_assert_uint_eq(k32_GetThreadErrorMode(), 2);
    ck_assert_int_eq(k32_SetThreadErrorMode(4, NULL), FALSE);
    ck_assert_uint_eq(last_error_get(), ERROR_INVALID_PARAMETER);
    ck_assert_int_eq(k32_WerSetFlags(8), 0);
    ck_assert_int_eq(k32_WerGetFlags((HANDLE)-1, &old), 0);
    ck_assert_uint_eq(old, 8);
    ck_assert_int_lt(k32_WerGetFlags((HANDLE)-2, &old), 0);
}
END_TEST

START_TEST(fail_fast_ends_the_process)
{
    pid_t child = fork();
    if (child == 0) {
        EXCEPTION_RECORD record = {.ExceptionCode = 0xC0000142};
        close(STDERR_FILENO);
        k32_RaiseFailFastException(&record, NULL, 0);
        _exit(0);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), 0x42);
}
END_TEST

START_TEST(encoded_pointers)
{
    int value;
    PVOID encoded = k32_EncodePointer(&value);
    ck_assert_ptr_ne(encoded, &value);
    ck_assert_ptr_eq(k32_DecodePointer(encoded), &value);
    ck_assert_ptr_ne(k32_EncodePointer(NULL), NULL);
    ck_assert_ptr_null(k32_DecodePointer(k32_EncodePointer(NULL)));
}
END_TEST

START_TEST(multiply_and_divide)
{
    ck_assert_int_eq(k32_MulDiv(7, 1, 2), 4); /* 3.5 away from zero */
    ck_assert_int_eq(k32_MulDiv(-7, 1, 2), -4);
    ck_assert_int_eq(k32_MulDiv(7, 1, -2), -4);
    ck_assert_int_eq(k32_MulDiv(INT32_MAX, INT32_MAX, INT32_MAX), INT32_MAX);
    ck_assert_int_eq(k32_MulDiv(INT32_MAX, 2, 1), -1);
    ck_assert_int_eq(k32_MulDiv(1, 1, 0), -1);
    ck_assert_int_eq(k32_MulDiv(100, 0, 7), 0);
}
END_TEST

#define LOCAL_MACHINE ((HKEY)(intptr_t)(int32_t)0x80000002)

START_TEST(registry_is_empty)
{
    HKEY key = NULL;
    DWORD keys = 9;
    ck_assert_int_eq(adv_RegOpenKeyExW(LOCAL_MACHINE, W("SOFTWARE"), 0, 0x20019, &key),
                     ERROR_FILE_NOT_FOUND);
    ck_assert_ptr_null(key);
    ck_assert_int_eq(adv_RegOpenKeyExW(LOCAL_MACHINE, NULL, 0, 0x20019, &key), ERROR_SUCCESS);
    ck_assert_ptr_eq(key, LOCAL_MACHINE);
    ck_assert_int_eq(adv_RegCloseKey(key), ERROR_SUCCESS);
    ck_assert_int_eq(adv_RegCloseKey((HKEY)0x80000001), ERROR_SUCCESS);
    ck_assert_int_eq(adv_RegCloseKey((HKEY)0x44), ERROR_INVALID_HANDLE);
    ck_assert_int_eq(adv_RegOpenKeyExW(NULL, W("x"), 0, 0, &key), ERROR_INVALID_HANDLE);
    ck_assert_int_eq(adv_RegCreateKeyExW(LOCAL_MACHINE, W("x"), 0, NULL, 0, 0, NULL, &key, NULL),
                     ERROR_ACCESS_DENIED);
    ck_assert_int_eq(adv_RegQueryInfoKeyW(LOCAL_MACHINE, NULL, NULL, NULL, &keys, NULL, NULL, NULL,
                                          NULL, NULL, NULL, NULL),
                     ERROR_SUCCESS);
    ck_assert_uint_eq(keys, 0);
    ck_assert_int_eq(adv_RegEnumKeyExW(LOCAL_MACHINE, 0, NULL, &keys, NULL, NULL, NULL, NULL),
                     ERROR_NO_MORE_ITEMS);
}
END_TEST

START_TEST(no_network)
{
    WSADATA data;
    char text[64], name[256];
    uint8_t address[16];
    ck_assert_int_eq(ws2_WSACleanup(), -1);
    ck_assert_int_eq(ws2_WSAStartup(0x0202, &data), 0);
    ck_assert_int_eq(ws2_WSACleanup(), 0);
    ck_assert_int_eq(ws2_WSAStartup(0x0200, NULL), WSAEFAULT);
    ck_assert_int_eq(ws2_WSACleanup(), -1);
    ck_assert_int_eq(ws2_WSAGetLastError(), WSANOTINITIALISED);
    ck_assert_uint_eq(ws2_htons(0x1234), 0x3412);
    ck_assert_uint_eq(ws2_ntohl(0x12345678), 0x78563412);
    ck_assert_uint_eq(ws2_inet_addr("127.0.0.1"), 0x0100007F);
    ck_assert_uint_eq(ws2_inet_addr("1.2.3.x"), 0xFFFFFFFF);
    ck_assert_int_eq(ws2_inet_pton(23, "::1", address), 1);
    ck_assert_uint_eq(address[15], 1);
    ck_assert_str_eq(ws2_inet_ntop(23, address, text, sizeof text), "::1");
    ck_assert_int_eq(ws2_inet_pton(10, "::1", address), -1); /* Linux' AF_INET6 */
    ck_assert_int_eq(ws2_WSAGetLastError(), WSAEAFNOSUPPORT);
    ck_assert_int_eq(ws2_gethostname(name, sizeof name), 0);
    ck_assert_int_eq(ws2_gethostname(name, (INT)strlen(name)), -1);
    ck_assert_str_eq(ws2_inet_ntoa(0x0100007F), "127.0.0.1");
    uint16_t wide[16];
    const uint8_t loopback[4] = {127, 0, 0, 1};
    ck_assert_ptr_eq(ws2_InetNtopW(2, loopback, wide, 10), wide);
    ck_assert_mem_eq(wide, W("127.0.0.1"), 20);
    ck_assert_ptr_null(ws2_InetNtopW(2, loopback, wide, 9));
    ck_assert_int_eq(ws2_InetPtonW(2, W("127.0.0.1"), address), 1);
    ck_assert_mem_eq(address, loopback, 4);
    struct {
        UINT count;
        SOCKET sockets[2];
    } set = {2, {5, 9}};
    ck_assert_int_eq(ws2___WSAFDIsSet(9, &set), 1);
    ck_assert_int_eq(ws2___WSAFDIsSet(7, &set), 0);
    ck_assert_int_eq(dns_DnsNameCompare_W(W("Host.A"), W("hOST.a")), TRUE);
}
END_TEST

START_TEST(ordinals_that_never_change)
{
    ck_assert_ptr_eq(export_find_ordinal("WS2_32.dll", 115),
                     export_find("ws2_32.dll", "WSAStartup"));
    ck_assert_ptr_nonnull(export_find_ordinal("ws2_32", 23));
    ck_assert_ptr_null(export_find_ordinal("ws2_32.dll", 0));
    ck_assert_ptr_null(export_find_ordinal("ws2_32.dll", 24));
    ck_assert_ptr_null(export_find_ordinal("kernel32.dll", 115));
}
END_TEST

int main(void)
{
    TCase *all = tcase_create("misc");
    tcase_add_test(all, error_modes);
    tcase_add_test(all, fail_fast_ends_the_process);
    tcase_add_test(all, encoded_pointers);
    tcase_add_test(all, multiply_and_divide);
    tcase_add_test(all, registry_is_empty);
    tcase_add_test(all, no_network);
    tcase_add_test(all, ordinals_that_never_change);
    return suite_run("misc", all);
}
