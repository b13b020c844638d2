/* Threads: their ends, their stacks, their slots. */
#include "process.h"

static volatile LONG counter;

static DWORD WINAPI return_42(void *argument)
{
    InterlockedIncrement(&counter);
    return argument ? 42 : 0;
}

static void th001(void)
{
    DWORD id = 0, code = 0;
    HANDLE thread = CreateThread(NULL, 0, return_42, &code, 0, &id);
    ok("created", thread != NULL);
    ok("has an id", id != 0 && id != GetCurrentThreadId());
    same("id of the handle", GetThreadId(thread), id);
    same("wait", WaitForSingleObject(thread, 10000), WAIT_OBJECT_0);
    ok("exit code is there", GetExitCodeThread(thread, &code));
    same("exit code", code, 42);
    CloseHandle(thread);
}

static DWORD WINAPI describe_stack(void *argument)
{
    ULONG64 *facts = argument;
    MEMORY_BASIC_INFORMATION info;
    NT_TIB *tib = (NT_TIB *)NtCurrentTeb();
    char *here = (char *)&info;

    memset(&info, 0, sizeof info);
    VirtualQuery(here, &info, sizeof info);
    facts[0] = info.State;
    facts[1] = info.Protect;
    facts[2] = (ULONG64)info.AllocationBase;
    facts[3] = (ULONG64)tib->StackBase;
    facts[4] = (ULONG64)tib->StackLimit;
    facts[5] = here < (char *)tib->StackBase && here >= (char *)tib->StackLimit;
    VirtualQuery((char *)tib->StackLimit - 1, &info, sizeof info);
    facts[6] = info.State == MEM_COMMIT && (info.Protect & PAGE_GUARD);
    facts[7] = (ULONG64)info.AllocationBase;
    VirtualQuery(info.AllocationBase, &info, sizeof info);
    facts[8] = info.State;
    return 0;
}

static void th002(void)
{
    ULONG64 facts[9] = {0};
    HANDLE thread =
        CreateThread(NULL, 0x40000, describe_stack, facts, STACK_SIZE_PARAM_IS_A_RESERVATION, NULL);
    WaitForSingleObject(thread, 10000);
    CloseHandle(thread);
    same("state", facts[0], MEM_COMMIT);
    same("protect", facts[1], PAGE_READWRITE);
    same("reservation", facts[3] - facts[2], 0x40000);
    ok("a local lies in the stack", facts[5]);
    ok("a guard page lies below the limit", facts[6]);
    same("in the same allocation", facts[7], facts[2]);
    same("the lowest page is only reserved", facts[8], MEM_RESERVE);
}

static unsigned use_stack(unsigned depth)
{
    volatile char block[2048];
    block[0] = (char)depth;
    block[2047] = 1;
    return depth ? use_stack(depth - 1) + (unsigned)block[2047] : 0;
}

static DWORD WINAPI grow_stack(void *argument)
{
    NT_TIB *tib = (NT_TIB *)NtCurrentTeb();
    void *before = tib->StackLimit;
    *(ULONG64 *)argument = use_stack(300);
    return (char *)tib->StackLimit < (char *)before;
}

/*
 * A size without STACK_SIZE_PARAM_IS_A_RESERVATION is what to commit; a larger one raises the
 * reservation to whole megabytes.
 */
static void th010(void)
{
    ULONG64 facts[9] = {0};
    HANDLE thread = CreateThread(NULL, 0x280000, describe_stack, facts, 0, NULL);
    WaitForSingleObject(thread, 10000);
    CloseHandle(thread);
    same("reservation", facts[3] - facts[2], 0x300000);
    ok("committed from the start", facts[3] - facts[4] >= 0x280000);
}

static void th011(void)
{
    FILETIME created, exited, kernel, user;
    DWORD_PTR all, system;
    volatile unsigned turns = 0;
    DWORD end = GetTickCount() + 50;
    while ((int)(end - GetTickCount()) > 0)
        turns++;
    ok("times", GetThreadTimes(GetCurrentThread(), &created, &exited, &kernel, &user));
    ok("created", created.dwHighDateTime != 0);
    same("not ended", exited.dwHighDateTime | exited.dwLowDateTime, 0);
    ok("some milliseconds were used", user.dwLowDateTime + kernel.dwLowDateTime > 10000);
    ok("masks", GetProcessAffinityMask(GetCurrentProcess(), &all, &system));
    same("the mask before", SetThreadAffinityMask(GetCurrentThread(), 1), all);
    same("then", SetThreadAffinityMask(GetCurrentThread(), all), 1);
    SetLastError(0);
    same("no processor", SetThreadAffinityMask(GetCurrentThread(), 0), 0);
    same("error", GetLastError(), ERROR_INVALID_PARAMETER);
}

static void th003(void)
{
    ULONG64 frames = 0;
    DWORD grown = 0;
    HANDLE thread =
        CreateThread(NULL, 0x200000, grow_stack, &frames, STACK_SIZE_PARAM_IS_A_RESERVATION, NULL);
    same("wait", WaitForSingleObject(thread, 10000), WAIT_OBJECT_0);
    GetExitCodeThread(thread, &grown);
    CloseHandle(thread);
    same("frames", frames, 300);
    same("the limit moved down", grown, 1);
}

static void th004(void)
{
    DWORD count;
    HANDLE thread = CreateThread(NULL, 0, return_42, NULL, CREATE_SUSPENDED, NULL);
    counter = 0;
    same("does not run", WaitForSingleObject(thread, 50), WAIT_TIMEOUT);
    same("not yet", counter, 0);
    count = ResumeThread(thread);
    same("previous count", count, 1);
    same("runs", WaitForSingleObject(thread, 10000), WAIT_OBJECT_0);
    same("once", counter, 1);
    CloseHandle(thread);
}

static DWORD WINAPI exits_deep(void *argument)
{
    (void)argument;
    ExitThread(7);
}

static void th005(void)
{
    DWORD code = 0;
    HANDLE thread = CreateThread(NULL, 0, exits_deep, NULL, 0, NULL);
    WaitForSingleObject(thread, 10000);
    GetExitCodeThread(thread, &code);
    same("code", code, 7);
    CloseHandle(thread);
}

static DWORD WINAPI many(void *argument)
{
    unsigned i;
    for (i = 0; i < 1000; i++)
        InterlockedIncrement((LONG *)argument);
    return 0;
}

static void th006(void)
{
    HANDLE threads[32];
    LONG sum = 0;
    unsigned i, round;
    for (round = 0; round < 4; round++) {
        for (i = 0; i < 32; i++)
            threads[i] =
                CreateThread(NULL, 0x10000, many, &sum, STACK_SIZE_PARAM_IS_A_RESERVATION, NULL);
        same("all", WaitForMultipleObjects(32, threads, TRUE, 20000), WAIT_OBJECT_0);
        for (i = 0; i < 32; i++)
            CloseHandle(threads[i]);
    }
    same("sum", sum, 4 * 32 * 1000);
}

static DWORD slot;

static DWORD WINAPI own_slot(void *argument)
{
    ULONG64 before = (ULONG64)TlsGetValue(slot);
    TlsSetValue(slot, argument);
    Sleep(1);
    return before == 0 && TlsGetValue(slot) == argument;
}

static void th007(void)
{
    HANDLE thread;
    DWORD good = 0;
    slot = TlsAlloc();
    ok("slot", slot != TLS_OUT_OF_INDEXES);
    TlsSetValue(slot, (void *)5);
    thread = CreateThread(NULL, 0, own_slot, &good, 0, NULL);
    WaitForSingleObject(thread, 10000);
    GetExitCodeThread(thread, &good);
    CloseHandle(thread);
    same("the other thread's own", good, 1);
    same("mine", (ULONG64)TlsGetValue(slot), 5);
    ok("freed", TlsFree(slot));
}

static void th008(void)
{
    DWORD slots[200];
    unsigned i, wrong = 0;
    for (i = 0; i < 200; i++) {
        slots[i] = TlsAlloc();
        wrong += slots[i] == TLS_OUT_OF_INDEXES || !TlsSetValue(slots[i], (void *)(ULONG64)(i + 1));
    }
    for (i = 0; i < 200; i++)
        wrong += (ULONG64)TlsGetValue(slots[i]) != i + 1;
    for (i = 0; i < 200; i++)
        wrong += !TlsFree(slots[i]);
    same("wrong", wrong, 0);
}

static volatile ULONG64 fls_seen;

static void WINAPI fls_gone(void *value)
{
    fls_seen = (ULONG64)value;
}

static DWORD WINAPI fls_user(void *argument)
{
    FlsSetValue(*(DWORD *)argument, (void *)77);
    return 0;
}

static void th009(void)
{
    DWORD index = FlsAlloc(fls_gone);
    HANDLE thread = CreateThread(NULL, 0, fls_user, &index, 0, NULL);
    WaitForSingleObject(thread, 10000);
    CloseHandle(thread);
    same("callback at the thread's end", fls_seen, 77);
    ok("freed", FlsFree(index));
}

const struct statement thread_statements[] = {
    S("TH-001", th001), S("TH-002", th002), S("TH-003", th003), S("TH-004", th004),
    S("TH-005", th005), S("TH-006", th006), S("TH-007", th007), S("TH-008", th008),
    S("TH-009", th009), S("TH-010", th010), S("TH-011", th011), END,
};
