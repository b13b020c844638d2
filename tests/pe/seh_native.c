/*
 * What happens inside functions of the system. Whatever they had in the registers when they met a
 * bad pointer, the frames of the caller find their own in them. Fact: Microsoft Learn, "x64 calling
 * convention", caller and callee saved registers.
 */
#include "seh.h"

#undef RtlMoveMemory
#undef RtlFillMemory
#undef RtlZeroMemory
void NTAPI RtlMoveMemory(void *to, const void *from, SIZE_T length);
void NTAPI RtlFillMemory(void *to, SIZE_T length, UCHAR fill);
void NTAPI RtlZeroMemory(void *to, SIZE_T length);

#define K(number) 0x1010101010101010ull * (number)
const ULONG64 kept_values[KEPT] = {
    K(1),        K(2),        K(3),        K(4),        K(5),        K(6),        K(7),
    K(8),        K(9) + 6,    K(9) + 0x61, K(9) + 7,    K(9) + 0x71, K(9) + 8,    K(9) + 0x81,
    K(9) + 9,    K(9) + 0x91, K(9) + 10,   K(9) + 0xA1, K(9) + 11,   K(9) + 0xB1, K(9) + 12,
    K(9) + 0xC1, K(9) + 13,   K(9) + 0xD1, K(9) + 14,   K(9) + 0xE1, K(9) + 15,   K(9) + 0xF1,
};

static char block[256];

static void fill(void *bad)
{
    RtlFillMemory(bad, 100, 1);
}

static void fill_much(void *bad)
{
    RtlFillMemory(bad, PAGE, 1);
}

static void zero(void *bad)
{
    RtlZeroMemory(bad, 3);
}

static void move_to(void *bad)
{
    RtlMoveMemory(bad, block, sizeof block);
}

static void move_from(void *bad)
{
    RtlMoveMemory(block, bad, 7);
}

static void compare(void *bad)
{
    RtlCompareMemory(block, bad, sizeof block);
}

static void memory_status(void *bad)
{
    GlobalMemoryStatus(bad);
}

static void system_info(void *bad)
{
    GetSystemInfo(bad);
}

static void system_time(void *bad)
{
    GetSystemTimeAsFileTime(bad);
}

static void module(void *bad)
{
    GetModuleHandleW(bad);
}

static void capture(void *bad)
{
    RtlCaptureContext(bad);
}

static void critical(void *bad)
{
    InitializeCriticalSection(bad);
}

static void startup(void *bad)
{
    GetStartupInfoW(bad);
}

static guarded_function *const functions[] = {
    fill,        fill_much,   zero,   move_to, move_from, compare, memory_status,
    system_info, system_time, module, capture, critical,  startup,
};
enum { FUNCTIONS = sizeof functions / sizeof functions[0] };

/* How many of the registers are not the caller's; the number of the first is told. */
static unsigned lost(const ULONG64 *registers)
{
    unsigned wrong = 0;
    for (unsigned i = 0; i < KEPT; i++)
        if (registers[i] != kept_values[i] && wrong++ == 0)
            same("the first that was lost", registers[i], kept_values[i]);
    return wrong;
}

static void se018(void)
{
    ULONG64 registers[KEPT];
    for (unsigned i = 0; i < FUNCTIONS; i++) {
        same("code", keep_all(functions[i], (void *)16, registers), EXCEPTION_ACCESS_VIOLATION);
        same("registers lost", lost(registers), 0);
    }
}

/* An exception is over in an inner frame; another passes it, and its termination handler. */
static void pass_on(void *function)
{
    ULONG64 registers[KEPT];
    same("inner code", keep_all((guarded_function *)function, (void *)16, registers),
         EXCEPTION_ACCESS_VIOLATION);
    same("inner registers lost", lost(registers), 0);
    call_filtered((guarded_function *)function, (void *)16);
}

static void se019(void)
{
    ULONG64 registers[KEPT];
    for (unsigned i = 0; i < FUNCTIONS; i++) {
        seh_expect(EXCEPTION_CONTINUE_SEARCH);
        same("outer code", keep_all(pass_on, (void *)(ULONG64)functions[i], registers),
             EXCEPTION_ACCESS_VIOLATION);
        same("outer registers lost", lost(registers), 0);
        same("termination handler", seh_finally_calls(), 1);
    }
}

static struct {
    char *closed;         /* a page to open, and to go on */
    ULONG64 wanted[KEPT]; /* what a walk from the exception to keep_all found there */
    unsigned met;
    int reached_from_handler, reached_start;
} seen;

void start(void);

static void keep_found(const CONTEXT *context)
{
    const ULONG64 integers[] = {context->Rbp, context->Rbx, context->Rsi, context->Rdi,
                                context->R12, context->R13, context->R14, context->R15};
    memcpy(seen.wanted, integers, sizeof integers);
    memcpy(seen.wanted + KEPT_INTEGERS, &context->Xmm6, 10 * sizeof(M128A));
}

/* From where the exception happened, as a crash reporter walks. */
static void walk_exception(const CONTEXT *from)
{
    static CONTEXT context;
    context = *from;
    for (unsigned i = 0; i < 20; i++) {
        if (seh_inside(context.Rip, (const void *)(ULONG64)keep_all)) {
            keep_found(&context);
            break;
        }
        if (!seh_step(&context))
            break;
    }
}

/* From the handler's own frame, across the delivery, as one that only has its own stack. */
static void walk_handler(void)
{
    static CONTEXT context;
    RtlCaptureContext(&context);
    for (unsigned i = 0; i < 100 && seh_step(&context); i++) {
        seen.reached_from_handler |= seh_inside(context.Rip, (const void *)(ULONG64)keep_all);
        seen.reached_start |= seh_inside(context.Rip, (const void *)(ULONG64)start);
    }
}

static LONG CALLBACK look_and_open(EXCEPTION_POINTERS *pointers)
{
    DWORD old;
    if (pointers->ExceptionRecord->ExceptionCode != EXCEPTION_ACCESS_VIOLATION)
        return EXCEPTION_CONTINUE_SEARCH;
    seen.met++;
    walk_exception(pointers->ContextRecord);
    walk_handler();
    if (!seen.closed)
        return EXCEPTION_CONTINUE_SEARCH;
    VirtualProtect(seen.closed, PAGE, PAGE_READWRITE, &old);
    return EXCEPTION_CONTINUE_EXECUTION;
}

static void se020(void)
{
    ULONG64 registers[KEPT];
    void *handler = AddVectoredExceptionHandler(1, look_and_open);

    for (unsigned i = 0; i < FUNCTIONS; i++) {
        memset(&seen, 0, sizeof seen);
        same("code", keep_all(functions[i], (void *)16, registers), EXCEPTION_ACCESS_VIOLATION);
        same("exceptions", seen.met, 1);
        same("registers that a walk from the exception does not find", lost(seen.wanted), 0);
        ok("a walk from the handler comes by", seen.reached_from_handler);
        ok("and ends where the program began", seen.reached_start);
    }
    RemoveVectoredExceptionHandler(handler);
}

static void se021(void)
{
    ULONG64 registers[KEPT];
    void *handler = AddVectoredExceptionHandler(1, look_and_open);
    char *page = VirtualAlloc(NULL, PAGE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    DWORD old;

    for (unsigned i = 0; i < FUNCTIONS; i++) {
        memset(&seen, 0, sizeof seen);
        memset(page, 0, PAGE);
        page[100] = 3;
        seen.closed = page;
        VirtualProtect(page, PAGE, PAGE_NOACCESS, &old);
        same("no exception is left", keep_all(functions[i], page, registers), 0);
        same("it was met once", seen.met, 1);
        same("registers lost", lost(registers), 0);
        if (functions[i] == fill)
            ok("what was asked for is done", page[0] == 1 && page[99] == 1 && page[100] == 3);
        if (functions[i] == fill_much)
            ok("the whole page", page[0] == 1 && page[PAGE - 1] == 1);
    }
    RemoveVectoredExceptionHandler(handler);
    VirtualFree(page, 0, MEM_RELEASE);
}

static USHORT backtrace_of(void *frames)
{
    return RtlCaptureStackBackTrace(0, 20, frames, NULL);
}

static void trace_self(void *frames)
{
    ((void **)frames)[20] = (void *)(ULONG64)backtrace_of(frames);
}

static void se022(void)
{
    ULONG64 registers[KEPT];
    void *frames[21] = {NULL};
    int found = 0;
    same("no exception", keep_all(trace_self, frames, registers), 0);
    for (ULONG64 i = 0; i < (ULONG64)frames[20]; i++)
        found |= seh_inside((ULONG64)frames[i], (const void *)(ULONG64)keep_all);
    ok("the first is the caller",
       frames[20] && (seh_inside((ULONG64)frames[0], (const void *)(ULONG64)backtrace_of) ||
                      seh_inside((ULONG64)frames[0], (const void *)(ULONG64)trace_self)));
    ok("its callers follow", found);
}

/* --- a stack that the commit limit ends ------------------------------------------------------ */

enum { SMALL_LIMIT = 64 << 20, BLOCKS = 512, STACK = 0x100000, ENDLESS = 1 << 30 };

static void *taken[BLOCKS];

/* Commits all that may be, in ever smaller blocks. */
static void take_all(void)
{
    unsigned count = 0;
    for (SIZE_T size = SMALL_LIMIT; size >= PAGE; size /= 2)
        while (count < BLOCKS &&
               (taken[count] = VirtualAlloc(NULL, size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE)))
            count++;
}

static void give_all_back(void)
{
    for (unsigned i = 0; i < BLOCKS && taken[i]; i++)
        VirtualFree(taken[i], 0, MEM_RELEASE);
    memset(taken, 0, sizeof taken);
}

static __attribute__((noinline)) int descend(int depth)
{
    volatile char local[1000];
    local[0] = (char)depth;
    return depth < ENDLESS ? descend(depth + 1) + local[0] : 0;
}

static void overflow(void *unused)
{
    descend(1);
}

/* Calls make sure of stack for themselves. */
static __attribute__((noinline)) int descend_in_calls(int depth)
{
    volatile char local[200];
    local[0] = (char)depth;
    CloseHandle(CreateEventA(NULL, 0, 0, NULL));
    return depth < ENDLESS ? descend_in_calls(depth + 1) + local[0] : 0;
}

static void overflow_in_calls(void *unused)
{
    descend_in_calls(1);
}

static struct {
    unsigned count;
    DWORD code, parameters;
    ULONG64 address;
} overflowed;

static LONG CALLBACK note_overflow(EXCEPTION_POINTERS *pointers)
{
    const EXCEPTION_RECORD *record = pointers->ExceptionRecord;
    volatile char local[PAGE]; /* what a handler may use */
    local[0] = 1;
    overflowed.count += (unsigned)local[0];
    overflowed.code = record->ExceptionCode;
    overflowed.parameters = record->NumberParameters;
    overflowed.address = record->ExceptionInformation[1];
    CloseHandle(CreateEventA(NULL, 0, 0, NULL));
    return EXCEPTION_CONTINUE_SEARCH;
}

struct limited {
    guarded_function *function;
    ULONG guarantee;
};

static DWORD WINAPI overflow_at_limit(void *argument)
{
    const struct limited *limited = argument;
    ULONG guarantee = limited->guarantee;
    ULONG64 registers[KEPT];
    MEMORY_BASIC_INFORMATION stack;
    DWORD code;

    VirtualQuery(&guarantee, &stack, sizeof stack);
    if (guarantee)
        ok("guaranteed", SetThreadStackGuarantee(&guarantee));
    take_all();
    code = keep_all(limited->function, NULL, registers);
    give_all_back();
    same("registers lost", lost(registers), 0);
    ok("not at the end of the stack",
       overflowed.address > (ULONG64)stack.AllocationBase + STACK / 2);
    /* with memory to be had it goes on growing */
    same("again", keep_all(limited->function, NULL, registers), EXCEPTION_STACK_OVERFLOW);
    ok("at the end of the stack", overflowed.address < (ULONG64)stack.AllocationBase + STACK / 4);
    return code;
}

static void se023(void)
{
    static const struct limited each[] = {
        {overflow, 0}, {overflow, 0x10000}, {overflow_in_calls, 0}, {overflow_in_calls, 0x8000}};
    MEMORYSTATUSEX status = {.dwLength = sizeof status};
    void *handler;

    GlobalMemoryStatusEx(&status);
    if (status.ullTotalPageFile > SMALL_LIMIT) {
        kit_skip("needs --commit-limit 8M");
        return;
    }
    handler = AddVectoredExceptionHandler(1, note_overflow);
    for (unsigned i = 0; i < sizeof each / sizeof each[0]; i++) {
        DWORD code = 0;
        memset(&overflowed, 0, sizeof overflowed);
        HANDLE thread = CreateThread(NULL, STACK, overflow_at_limit, (void *)&each[i],
                                     STACK_SIZE_PARAM_IS_A_RESERVATION, NULL);
        same("ends", WaitForSingleObject(thread, 10000), WAIT_OBJECT_0);
        GetExitCodeThread(thread, &code);
        CloseHandle(thread);
        same("caught", code, EXCEPTION_STACK_OVERFLOW);
        same("exceptions", overflowed.count, 2);
        same("code", overflowed.code, EXCEPTION_STACK_OVERFLOW);
        same("parameters", overflowed.parameters, 2);
    }
    RemoveVectoredExceptionHandler(handler);
}

const struct statement seh_native_statements[] = {
    {"SE-018", se018}, {"SE-019", se019}, {"SE-020", se020}, {"SE-021", se021},
    {"SE-022", se022}, {"SE-023", se023}, {NULL, NULL},
};
