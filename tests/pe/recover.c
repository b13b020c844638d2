/*
 * Programs that live on after an exception: a vectored handler goes back to where all was well.
 * Nothing of the process may be left locked or half done.
 */
#include "kit.h"

enum { SMALL_STACK = 0x10000, ENDLESS = 1 << 30 };

static CONTEXT safe; /* where the handler goes back to; one thread at a time */
static volatile LONG armed;
static DWORD met;
static unsigned count;

static LONG CALLBACK go_back(EXCEPTION_POINTERS *pointers)
{
    if (!armed)
        return EXCEPTION_CONTINUE_SEARCH;
    armed = 0;
    count++;
    met = pointers->ExceptionRecord->ExceptionCode;
    *pointers->ContextRecord = safe;
    return EXCEPTION_CONTINUE_EXECUTION;
}

/* 0 when `function` came back, else the code of its exception. */
static __attribute__((noinline)) DWORD attempt(void (*function)(void *), void *argument)
{
    volatile LONG passes = 0;
    met = 0;
    RtlCaptureContext(&safe);
    if (passes++ == 0) {
        armed = 1;
        function(argument);
        armed = 0;
    }
    return met;
}

static __attribute__((noinline)) int descend(int depth)
{
    volatile char block[40];
    block[0] = (char)depth;
    CloseHandle(CreateEventA(NULL, 0, 0, NULL));
    VirtualAlloc(NULL, 0, 0, 0);
    return depth < ENDLESS ? descend(depth + 1) + block[0] : 0;
}

static void overflow_in_calls(void *argument)
{
    descend(1);
}

static DWORD WINAPI overflowing_thread(void *argument)
{
    return attempt(overflow_in_calls, NULL);
}

static void rc001(void)
{
    unsigned wrong = 0;
    for (unsigned i = 0; i < 20; i++) {
        DWORD code = 0;
        HANDLE thread = CreateThread(NULL, SMALL_STACK, overflowing_thread, NULL,
                                     STACK_SIZE_PARAM_IS_A_RESERVATION, NULL);
        wrong += WaitForSingleObject(thread, 10000) != WAIT_OBJECT_0;
        wrong += !GetExitCodeThread(thread, &code) || code != EXCEPTION_STACK_OVERFLOW;
        CloseHandle(thread);
        wrong += !VirtualFree(VirtualAlloc(NULL, GRANULE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE),
                              0, MEM_RELEASE);
    }
    same("a stack that is used up inside calls of the API is the caller's exception", wrong, 0);
}

static __attribute__((noinline)) int fill_stack(int depth)
{
    volatile char block[3000];
    block[0] = block[2999] = (char)depth;
    return depth < ENDLESS ? fill_stack(depth + 1) + block[0] : 0;
}

static void overflow(void *argument)
{
    fill_stack(1);
}

static void rc002(void)
{
    MEMORY_BASIC_INFORMATION stack;
    DWORD old;
    for (unsigned i = 0; i < 3; i++) {
        same("overflow", attempt(overflow, NULL), EXCEPTION_STACK_OVERFLOW);
        VirtualQuery(&stack, &stack, sizeof stack);
        /* what a C runtime's _resetstkoflw does: the guard is put back above the lowest page */
        ok("the guard is back", VirtualProtect((char *)stack.AllocationBase + PAGE, 2 * PAGE,
                                               PAGE_READWRITE | PAGE_GUARD, &old));
    }
}

static void wild_name(void *argument)
{
    GetModuleHandleW(argument);
}

static void wild_procedure(void *argument)
{
    GetProcAddress(GetModuleHandleW(L"kernel32.dll"), argument);
}

static DWORD WINAPI seven(void *parameter)
{
    return 7;
}

static void rc003(void)
{
    HANDLE thread;
    same("a wild name", attempt(wild_name, (void *)0x50), EXCEPTION_ACCESS_VIOLATION);
    same("a wild procedure", attempt(wild_procedure, (void *)0x7FFF0000),
         EXCEPTION_ACCESS_VIOLATION);
    ok("modules are found", GetModuleHandleW(L"kernel32.dll") != NULL);
    thread = CreateThread(NULL, 0, seven, NULL, 0, NULL);
    same("threads begin and end", WaitForSingleObject(thread, 10000), WAIT_OBJECT_0);
    CloseHandle(thread);
}

static unsigned steps;

static LONG CALLBACK count_steps(EXCEPTION_POINTERS *pointers)
{
    if (pointers->ExceptionRecord->ExceptionCode != EXCEPTION_SINGLE_STEP)
        return EXCEPTION_CONTINUE_SEARCH;
    return ++steps < 100 ? EXCEPTION_CONTINUE_EXECUTION : EXCEPTION_CONTINUE_SEARCH;
}

static void rc004(void)
{
    void *handler = AddVectoredExceptionHandler(1, count_steps);
    __asm__ volatile("pushfq\n orl $0x100, (%%rsp)\n popfq\n nop\n nop\n nop" ::: "cc", "memory");
    same("one step for one trap flag", steps, 1);
    RemoveVectoredExceptionHandler(handler);
}

static void rc005(void)
{
    static CONTEXT context;
    context.ContextFlags = CONTEXT_CONTROL;
    ok("the calling thread's context is given", GetThreadContext(GetCurrentThread(), &context));
}

static void breakpoint(void *argument)
{
    DebugBreak();
}

static void rc006(void)
{
    same("DebugBreak", attempt(breakpoint, NULL), EXCEPTION_BREAKPOINT);
    same("exceptions met in all", count, 26);
}

static const struct statement statements[] = {
    {"RC-001", rc001}, {"RC-002", rc002}, {"RC-003", rc003},
    {"RC-004", rc004}, {"RC-005", rc005}, {"RC-006", rc006},
};

void start(void)
{
    AddVectoredExceptionHandler(0, go_back);
    UINT code = (UINT)kit_run(statements, sizeof statements / sizeof statements[0], NULL);
    ExitProcess(code);
}
