/* Suspension of threads, and their contexts. */
#include "process.h"

static volatile LONG stop;
static volatile ULONG64 beats;

static DWORD WINAPI beat(void *argument)
{
    (void)argument;
    while (!stop)
        beats++;
    return 0;
}

static void su001(void)
{
    HANDLE thread;
    CONTEXT context;
    ULONG64 first;
    stop = 0;
    thread = CreateThread(NULL, 0, beat, NULL, 0, NULL);
    Sleep(5);
    same("first suspension", SuspendThread(thread), 0);
    same("second suspension", SuspendThread(thread), 1);
    memset(&context, 0, sizeof context);
    context.ContextFlags = CONTEXT_FULL;
    ok("context", GetThreadContext(thread, &context));
    ok("in this program", context.Rip - (ULONG64)GetModuleHandleA(NULL) < 0x100000);
    first = beats;
    Sleep(20);
    same("stands still", beats, first);
    same("resume", ResumeThread(thread), 2);
    Sleep(5);
    same("still stands", beats, first);
    same("resume", ResumeThread(thread), 1);
    for (unsigned i = 0; i < 500 && beats == first; i++)
        Sleep(20); /* a busy machine may take its time */
    ok("goes on", beats != first);
    stop = 1;
    WaitForSingleObject(thread, 10000);
    CloseHandle(thread);
}

__asm__(".text\n"
        "spin: movq $1, (%rcx)\n"
        "1: pause\n"
        "jmp 1b\n"
        "spin_out: mov $99, %eax\n"
        "ret\n");
extern DWORD WINAPI spin(void *argument);
extern char spin_out[];

static void su002(void)
{
    volatile ULONG64 running = 0;
    HANDLE thread = CreateThread(NULL, 0, spin, (void *)&running, 0, NULL);
    CONTEXT context;
    DWORD code = 0;
    while (!running)
        Sleep(1);
    SuspendThread(thread);
    memset(&context, 0, sizeof context);
    context.ContextFlags = CONTEXT_CONTROL;
    ok("get", GetThreadContext(thread, &context));
    context.Rip = (ULONG64)spin_out;
    ok("set", SetThreadContext(thread, &context));
    ResumeThread(thread);
    same("ends", WaitForSingleObject(thread, 10000), WAIT_OBJECT_0);
    GetExitCodeThread(thread, &code);
    same("code", code, 99);
    CloseHandle(thread);
}

static DWORD WINAPI work(void *argument)
{
    volatile ULONG64 sum = 0;
    ULONG64 i;
    (void)argument;
    while (!stop) {
        void *block = VirtualAlloc(NULL, 65536, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
        *(volatile char *)block = 1;
        VirtualFree(block, 0, MEM_RELEASE);
        for (i = 0; i < 100; i++)
            sum += i;
        beats++;
    }
    return 0;
}

static void su003(void)
{
    HANDLE thread;
    unsigned i, wrong = 0;
    ULONG64 before;
    stop = 0;
    beats = 0;
    thread = CreateThread(NULL, 0, work, NULL, 0, NULL);
    while (!beats)
        Sleep(1);
    for (i = 0; i < 3000; i++) {
        CONTEXT context;
        void *block;
        wrong += SuspendThread(thread) != 0;
        context.ContextFlags = CONTEXT_CONTROL | CONTEXT_INTEGER;
        wrong += !GetThreadContext(thread, &context);
        /* nothing the stopped thread held may be needed here */
        block = VirtualAlloc(NULL, 65536, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
        wrong += !block || !VirtualFree(block, 0, MEM_RELEASE);
        wrong += ResumeThread(thread) != 1;
    }
    before = beats;
    for (i = 0; i < 5000 && beats == before; i++)
        Sleep(1);
    ok("it goes on working", beats != before);
    stop = 1;
    same("ends", WaitForSingleObject(thread, 10000), WAIT_OBJECT_0);
    same("wrong", wrong, 0);
    CloseHandle(thread);
}

static DWORD WINAPI wait_for_event(void *argument)
{
    return WaitForSingleObject(argument, 10000);
}

static void su004(void)
{
    HANDLE event = CreateEventA(NULL, FALSE, FALSE, NULL);
    HANDLE thread = CreateThread(NULL, 0, wait_for_event, event, 0, NULL);
    DWORD code = 1;
    Sleep(10);
    same("suspended while it waits", SuspendThread(thread), 0);
    SetEvent(event);
    same("does not end", WaitForSingleObject(thread, 50), WAIT_TIMEOUT);
    ResumeThread(thread);
    same("ends", WaitForSingleObject(thread, 10000), WAIT_OBJECT_0);
    GetExitCodeThread(thread, &code);
    same("the wait succeeded", code, WAIT_OBJECT_0);
    CloseHandle(thread);
    CloseHandle(event);
}

const struct statement suspend_statements[] = {
    S("SU-001", su001), S("SU-002", su002), S("SU-003", su003), S("SU-004", su004), END,
};
