/* How a call is written down. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <winmem/memoryapi.h>
#include <winmem/winmem.h>
#include "memoryapi/exports.h"
#include "memoryapi/gate.h"
#include "memoryapi/trace.h"
#include "tests/unit/suite.h"

static const char *format(const char *name, const uint64_t *arguments, const uint64_t *result)
{
    static char text[512];
    const struct export_entry *entry = export_find(NULL, name);
    ck_assert_ptr_nonnull(entry);
    size_t length =
        trace_format(text, sizeof text, (unsigned)(entry - winmem_exports), arguments, result);
    ck_assert_uint_eq(length, strlen(text));
    return text;
}

#define LINE(name, result, ...)                                                                    \
    format(name, (const uint64_t[]){0, __VA_ARGS__}, &(uint64_t){result})

START_TEST(a_call_and_its_result)
{
    ck_assert_str_eq(LINE("VirtualFree", 1, 0x7f0000010000, 0, 0x8000),
                     "VirtualFree(lpAddress=0x7f0000010000, dwSize=0, dwFreeType=MEM_RELEASE) = 1");
    ck_assert_str_eq(
        LINE("VirtualAlloc", 0x10000, 0, 65536, 0x3000, 0x104),
        "VirtualAlloc(lpAddress=NULL, dwSize=65536, flAllocationType=MEM_COMMIT|MEM_RESERVE, "
        "flProtect=PAGE_READWRITE|PAGE_GUARD) = 0x10000");
}
END_TEST

START_TEST(flags_that_nobody_knows_are_numbers)
{
    ck_assert_str_eq(LINE("VirtualFree", 1, 0x10000, 0, 0),
                     "VirtualFree(lpAddress=0x10000, dwSize=0, dwFreeType=0x0) = 1");
    ck_assert_str_eq(LINE("VirtualFree", 1, 0x10000, 0, 0x9000),
                     "VirtualFree(lpAddress=0x10000, dwSize=0, dwFreeType=MEM_RELEASE|0x1000) = 1");
}
END_TEST

START_TEST(failure_tells_the_code)
{
    winmem_set_last_error(ERROR_INVALID_ADDRESS);
    ck_assert_str_eq(LINE("VirtualFree", 0, 0x10000, 0, 0x8000),
                     "VirtualFree(lpAddress=0x10000, dwSize=0, dwFreeType=MEM_RELEASE) = 0 "
                     "(ERROR_INVALID_ADDRESS 487)");
    winmem_set_last_error(54321);
    ck_assert_ptr_nonnull(strstr(LINE("VirtualAlloc", 0, 0, 1, 0x1000, 4), ") = NULL (54321)"));
    ck_assert_ptr_nonnull(
        strstr(LINE("OfferVirtualMemory", 87, 0, 0, 1), ") = 87 (ERROR_INVALID_PARAMETER 87)"));
    ck_assert_ptr_nonnull(strstr(LINE("OfferVirtualMemory", 0, 0, 0, 1), ") = 0"));
    ck_assert_ptr_null(strstr(LINE("OfferVirtualMemory", 0, 0, 0, 1), "(ERROR"));
    ck_assert_ptr_nonnull(strstr(LINE("NtFreeVirtualMemory", 0xC0000005, ~0ull, 0, 0, 0x8000),
                                 ") = 0xc0000005 STATUS_ACCESS_VIOLATION"));
    ck_assert_ptr_nonnull(strstr(LINE("WaitForSingleObject", 0xFFFFFFFF, 4, 0), ") = "));
}
END_TEST

START_TEST(arguments_are_cut_to_their_type)
{
    ck_assert_ptr_nonnull(strstr(LINE("VirtualFree", 0xFFFFFFFF00000001, 0, 0, 0xFFFFFFFF00008000),
                                 "dwFreeType=MEM_RELEASE) = 1"));
    ck_assert_ptr_nonnull(
        strstr(LINE("OpenEventA", 4, 0xABCD00000002, 0xFFFFFFFF, 0),
               "OpenEventA(dwDesiredAccess=2, bInheritHandle=-1, lpName=NULL) = 0x4"));
}
END_TEST

START_TEST(strings_and_values_behind_pointers)
{
    DWORD old = 4;
    char text[64];
    snprintf(text, sizeof text, "lpflOldProtect=0x%lx->0x4) = 1", (unsigned long)&old);
    ck_assert_ptr_nonnull(strstr(LINE("VirtualProtect", 1, 0x10000, 1, 2, (uint64_t)&old), text));
    ck_assert_ptr_nonnull(strstr(LINE("OpenEventA", 4, 2, 0, (uint64_t) "a\"b\\\n\xff"),
                                 "lpName=\"a\\\"b\\\\\\xa\\xff\") = "));
    ck_assert_ptr_nonnull(
        strstr(LINE("OpenEventW", 4, 2, 0, (uint64_t)u"a\u20ac"), "lpName=L\"a\\x20ac\") = "));
    ck_assert_ptr_nonnull(strstr(
        LINE("OpenEventA", 4, 2, 0, (uint64_t) "0123456789012345678901234567890123456789too long"),
        "=\"0123456789012345678901234567890123456789\"...) = "));
}
END_TEST

START_TEST(memory_that_cannot_be_read_does_no_harm)
{
    char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char text[64];
    mprotect(pages + 4096, 4096, PROT_NONE);
    memcpy(pages + 4093, "end", 3);
    ck_assert_ptr_nonnull(
        strstr(LINE("OpenEventA", 4, 2, 0, (uint64_t)(pages + 4093)), "lpName=\"end\"?) = "));
    ck_assert_ptr_nonnull(strstr(LINE("OpenEventA", 4, 2, 0, 1), "lpName=\"\"?) = "));
    snprintf(text, sizeof text, "lpflOldProtect=0x%lx) = 1", (unsigned long)(pages + 4094));
    ck_assert_ptr_nonnull(
        strstr(LINE("VirtualProtect", 1, 0x10000, 1, 2, (uint64_t)(pages + 4094)), text));
}
END_TEST

START_TEST(a_call_that_does_not_return_has_no_result)
{
    const char *line = format("VirtualFree", (const uint64_t[]){0, 0, 0, 0x8000}, NULL);
    ck_assert_str_eq(line, "VirtualFree(lpAddress=NULL, dwSize=0, dwFreeType=MEM_RELEASE)");
}
END_TEST

START_TEST(long_lines_are_cut)
{
    const struct export_entry *entry = export_find(NULL, "VirtualAlloc");
    char text[80];
    for (size_t room = 5; room <= sizeof text; room++) {
        memset(text, '#', sizeof text);
        size_t length = trace_format(text, room, (unsigned)(entry - winmem_exports),
                                     (const uint64_t[]){0, 1, 2, 3, 4}, &(uint64_t){5});
        ck_assert_uint_eq(length, room - 1);
        ck_assert_uint_eq(strlen(text), length);
        ck_assert_str_eq(text + length - 3, "...");
        ck_assert(room == sizeof text || text[room] == '#');
    }
}
END_TEST

/* Through the gates, into a file. */
START_TEST(selected_calls_are_written_to_a_file)
{
    char path[] = "/tmp/winmem-trace-XXXXXX", text[4096] = "", start[64];
    int fd = mkstemp(path);
    WINAPI LPVOID (*allocate)(LPVOID, SIZE_T, DWORD, DWORD) = winmem_resolve(NULL, "VirtualAlloc");
    WINAPI BOOL (*release)(LPVOID, SIZE_T, DWORD) = winmem_resolve(NULL, "VirtualFree");
    WINAPI SIZE_T (*query)(LPCVOID, MEMORY_BASIC_INFORMATION *, SIZE_T) =
        winmem_resolve(NULL, "VirtualQuery");
    MEMORY_BASIC_INFORMATION info;
    ck_assert(trace_start("virtual,-VirtualQuery,OfferVirtualMemory", path));
    LPVOID p = allocate(NULL, 65536, MEM_RESERVE, PAGE_NOACCESS);
    query(p, &info, sizeof info);
    release(p, 0, MEM_RELEASE);
    gate_tracing = false;
    ck_assert_int_gt(read(fd, text, sizeof text - 1), 0);
    unlink(path);
    snprintf(start, sizeof start, "winmem: %d VirtualAlloc(", gettid());
    ck_assert_int_eq(strncmp(text, start, strlen(start)), 0);
    char *second = strchr(text, '\n') + 1;
    snprintf(start, sizeof start, "winmem: %d VirtualFree(lpAddress=0x%lx,", gettid(),
             (unsigned long)p);
    ck_assert_int_eq(strncmp(second, start, strlen(start)), 0);
    ck_assert_str_eq(strchr(second, '\n'), "\n");
    ck_assert(!trace_start("all", "/nosuch/folder/file"));
}
END_TEST

int main(void)
{
    TCase *lines = tcase_create("lines");
    tcase_add_test(lines, a_call_and_its_result);
    tcase_add_test(lines, flags_that_nobody_knows_are_numbers);
    tcase_add_test(lines, failure_tells_the_code);
    tcase_add_test(lines, arguments_are_cut_to_their_type);
    tcase_add_test(lines, strings_and_values_behind_pointers);
    tcase_add_test(lines, memory_that_cannot_be_read_does_no_harm);
    tcase_add_test(lines, a_call_that_does_not_return_has_no_result);
    tcase_add_test(lines, long_lines_are_cut);
    tcase_add_test(lines, selected_calls_are_written_to_a_file);
    return suite_run("trace", lines);
}
