/*
 * winmem call [MODULE!]FUNCTION ARGUMENT... [then FUNCTION ARGUMENT...]...: calls by name through
 * the same gates as a program, and prints results, buffers and the last error. Arguments are read
 * by arguments.c.
 */
#include <ffi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "memoryapi/exports.h"
#include "memoryapi/fault.h"
#include "memoryapi/gate.h"
#include "memoryapi/trace.h"
#include "tools/winmem/arguments.h"
#include "tools/winmem/commands.h"

static const struct export_entry *find(const char *text)
{
    const char *mark = strchr(text, '!');
    if (!mark)
        return export_find(NULL, text);
    char module[64];
    if ((size_t)(mark - text) >= sizeof module)
        return NULL;
    memcpy(module, text, (size_t)(mark - text));
    module[mark - text] = 0;
    return export_find(module, mark + 1);
}

static const char *or_unknown(const char *name)
{
    return name ? name : "?";
}

static void print_result(const struct export_entry *entry, uint64_t value)
{
    if (entry->kinds[0] == 'v')
        printf(" = void\n");
    else if (strcmp(entry->fails, "status") == 0)
        printf(" = 0x%08X %s\n", (unsigned)value, or_unknown(trace_status_name((uint32_t)value)));
    else if (export_kind_size(entry->kinds[0]) < 8)
        printf(" = %lld (0x%llX)\n", (long long)(int32_t)value, (unsigned long long)value);
    else
        printf(" = 0x%llX\n", (unsigned long long)value);
}

static void print_buffer(unsigned number, const unsigned char *bytes, size_t size)
{
    for (size_t at = 0; at < size; at += 16) {
        size_t here = size - at < 16 ? size - at : 16;
        printf("  &%u+%02zX:", number, at);
        for (size_t i = 0; i < here; i++)
            printf("%s%02X", i == 8 ? "  " : " ", bytes[at + i]);
        putchar('\n');
    }
}

/* Every argument and result fits a 64-bit slot of the convention; results are cut to their type. */
static uint64_t invoke(const struct export_entry *entry, struct call *call)
{
    ffi_type *types[ARGUMENTS_MAX];
    void *values[ARGUMENTS_MAX];
    ffi_arg result = 0;
    ffi_cif cif;
    for (unsigned i = 0; i < entry->param_count; i++) {
        types[i] = &ffi_type_uint64;
        values[i] = &call->arguments[i].value;
    }
    if (ffi_prep_cif(&cif, FFI_WIN64, entry->param_count, &ffi_type_uint64, types) != FFI_OK) {
        fprintf(stderr, "winmem call: libffi cannot make this call\n");
        exit(1);
    }
    ffi_call(&cif, entry->function, &result, values);
    size_t size = export_kind_size(entry->kinds[0]);
    return size < 8 ? result & ((1ull << (size * 8)) - 1) : result;
}

#define FAULTED 5 /* exit code */

static const char *volatile being_called;

static void say(const char *text)
{
    ssize_t written = write(STDERR_FILENO, text, strlen(text));
    (void)written;
}

static void say_hex(uint64_t value)
{
    char text[19] = "0x", *to = text + 2;
    int shift = 60;
    while (shift > 0 && value >> shift == 0)
        shift -= 4;
    for (; shift >= 0; shift -= 4)
        *to++ = "0123456789abcdef"[value >> shift & 15];
    *to = 0;
    say(text);
}

/*
 * Nothing here handles exceptions, so a fault ends the command; from a signal handler, without
 * stdio.
 */
static bool end_at_fault(struct fault *fault)
{
    if (!being_called)
        return false;
    say("winmem: call: ");
    say(being_called);
    say(fault->code == STATUS_ACCESS_VIOLATION       ? ": access violation "
        : fault->code == STATUS_GUARD_PAGE_VIOLATION ? ": guard page met "
        : fault->code == STATUS_STACK_OVERFLOW       ? ": stack overflow "
                                                     : ": page that cannot be read in, ");
    say(fault->access == FAULT_EXECUTE ? "executing "
        : fault->access == FAULT_WRITE ? "writing "
                                       : "reading ");
    say_hex(fault->address);
    say("\n");
    _exit(FAULTED);
}

static int call_one(struct call *calls, unsigned number, int count, char **words)
{
    struct call *call = &calls[number];
    const struct export_entry *entry = find(words[0]);
    if (!entry) {
        fprintf(stderr, "winmem call: there is no function '%s'\n", words[0]);
        return 2;
    }
    if (entry->param_count != (unsigned)count - 1 || entry->param_count > ARGUMENTS_MAX) {
        fprintf(stderr, "winmem call: %s takes %u arguments:", entry->name, entry->param_count);
        for (unsigned i = 0; i < entry->param_count; i++)
            fprintf(stderr, "%s %s", i ? "," : "", entry->params[i]);
        fprintf(stderr, "\n");
        return 2;
    }
    for (unsigned i = 0; i < entry->param_count; i++)
        if (!argument_read(calls, number, entry->kinds[i + 1], words[i + 1], &call->arguments[i])) {
            fprintf(stderr, "winmem call: '%s' is no %s\n", words[i + 1], entry->params[i]);
            return 2;
        }
    call->count = entry->param_count;
    fflush(stdout);
    winmem_set_last_error(0);
    being_called = entry->name;
    call->result = invoke(entry, call);
    being_called = NULL;
    uint32_t code = winmem_get_last_error();
    printf("%s", entry->name);
    print_result(entry, call->result);
    for (unsigned i = 0; i < entry->param_count; i++)
        if (call->arguments[i].is_buffer)
            print_buffer(i + 1, call->arguments[i].memory, call->arguments[i].size);
    if (code)
        printf("  last error %u %s\n", code, or_unknown(trace_error_name(code)));
    return 0;
}

int cmd_call(int argc, char **argv)
{
    struct call *calls = calloc((size_t)argc, sizeof *calls);
    unsigned number = 0;
    int status = argc < 2 ? 2 : 0;
    if (argc < 2)
        fprintf(stderr,
                "usage: winmem call [MODULE!]FUNCTION ARGUMENT... [then ...]\n" ARGUMENTS_HELP);
    fault_hook = end_at_fault;
    for (int first = 1; calls && status == 0 && first < argc; number++) {
        int end = first;
        while (end < argc && strcmp(argv[end], "then") != 0)
            end++;
        status = end == first ? 2 : call_one(calls, number, end - first, argv + first);
        first = end + 1;
    }
    for (int i = 0; calls && i < argc; i++)
        for (unsigned a = 0; a < ARGUMENTS_MAX; a++)
            free(calls[i].arguments[a].memory);
    free(calls);
    return status;
}
