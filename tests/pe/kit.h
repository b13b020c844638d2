/*
 * What a conformance program needs, without a C runtime: output through the Windows API, verdict
 * lines, and probes that touch memory and tell which exception came.
 *
 *     VM-068 pass
 *     VM-071 fail  first: got 0xC0000005, wanted 0x80000001 (line 123)
 *     VM-099 skip  OfferVirtualMemory is not here
 */
#ifndef KIT_H
#define KIT_H

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#define PAGE    4096u
#define GRANULE 65536u

/* One statement: its identity and the function that proves it. */
struct statement {
    const char *id;
    void (*prove)(void);
};

/*
 * Runs all, or those whose id begins with `only`; prints "N passed, N failed, N skipped"; returns
 * the exit code.
 */
int kit_run(const struct statement *statements, unsigned count, const char *only);
/*
 * The same for several tables, each ended by a NULL id; a NULL table ends the list. A
 * statement that raises an exception by mistake is a failed one.
 */
int kit_run_tables(const struct statement *const *tables, const char *only);

/* Compares and notes a failure of the statement that runs; always goes on. */
void kit_same(const char *what, ULONG64 got, ULONG64 wanted, int line);
void kit_skip(const char *why);
#define same(what, got, wanted) kit_same(what, (ULONG64)(got), (ULONG64)(wanted), __LINE__)
#define ok(what, condition)     kit_same(what, !!(condition), 1, __LINE__)

/* What a probe met. */
struct probe {
    DWORD first; /* the first exception's code, 0 when the access went through */
    DWORD code;  /* the last one's, with what follows */
    DWORD parameters;
    ULONG64 kind; /* 0 read, 1 write, 8 execute */
    ULONG64 address;
    unsigned count; /* exceptions met */
};
/* give up at the first exception; retry the access after each (at most 8) */
enum { PROBE_ONCE, PROBE_RETRY };

struct probe probe_read(const volatile void *address, int mode);
struct probe probe_write(volatile void *address, int mode);
struct probe probe_call(void *address);

/* Calls function(argument) with the stack pointer at `top` (a multiple of 16); returns its result. */
ULONG64 kit_call_on(void *top, ULONG64 (*function)(void *argument), void *argument);

void kit_print(const char *text);
void kit_number(ULONG64 number, unsigned base);

#endif
