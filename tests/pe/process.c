/*
 * What a console program needs besides memory, statement by statement: threads and their stacks,
 * thread-local slots, waits, timers, completion ports, suspension and contexts, exceptions, files,
 * environment, modules. Same lines as conformance.exe (kit.h).
 *
 * Long on purpose, as conformance.c is: one program to take along.
 *
 *     process.exe [PREFIX]
 */
#include "kit.h"

static volatile LONG counter;

/*
 * --- threads
 * ----------------------------------------------------------------------------------------------------------------
 */

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

/*
 * --- suspension and contexts
 * -----------------------------------------------------------------------------------------------
 */

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
    Sleep(20);
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

/*
 * --- waits
 * ------------------------------------------------------------------------------------------------------------------
 */

static void wa001(void)
{
    HANDLE event = CreateEventA(NULL, FALSE, TRUE, NULL);
    same("set", WaitForSingleObject(event, 0), WAIT_OBJECT_0);
    same("was reset by the wait", WaitForSingleObject(event, 0), WAIT_TIMEOUT);
    ok("set", SetEvent(event));
    same("again", WaitForSingleObject(event, 0), WAIT_OBJECT_0);
    CloseHandle(event);
    event = CreateEventW(NULL, TRUE, FALSE, NULL);
    SetEvent(event);
    same("manual", WaitForSingleObject(event, 0), WAIT_OBJECT_0);
    same("stays", WaitForSingleObject(event, 0), WAIT_OBJECT_0);
    ResetEvent(event);
    same("until reset", WaitForSingleObject(event, 0), WAIT_TIMEOUT);
    CloseHandle(event);
}

static void wa002(void)
{
    HANDLE events[3];
    unsigned i;
    for (i = 0; i < 3; i++)
        events[i] = CreateEventA(NULL, FALSE, i == 1, NULL);
    same("any", WaitForMultipleObjects(3, events, FALSE, 1000), WAIT_OBJECT_0 + 1);
    SetEvent(events[0]);
    SetEvent(events[2]);
    same("all but one", WaitForMultipleObjects(3, events, TRUE, 10), WAIT_TIMEOUT);
    SetEvent(events[1]);
    same("all", WaitForMultipleObjects(3, events, TRUE, 1000), WAIT_OBJECT_0);
    same("all were taken", WaitForMultipleObjects(3, events, FALSE, 0), WAIT_TIMEOUT);
    for (i = 0; i < 3; i++)
        CloseHandle(events[i]);
}

static void wa003(void)
{
    SetLastError(0);
    same("closed handle", WaitForSingleObject((HANDLE)0x7FF0, 0), WAIT_FAILED);
    same("error", GetLastError(), ERROR_INVALID_HANDLE);
}

static void wa004(void)
{
    ULONGLONG before = GetTickCount64(), spent;
    HANDLE event = CreateEventA(NULL, TRUE, FALSE, NULL);
    same("times out", WaitForSingleObject(event, 100), WAIT_TIMEOUT);
    spent = GetTickCount64() - before;
    ok("not early", spent >= 85);
    ok("not very late", spent < 2000);
    CloseHandle(event);
}

static void wa005(void)
{
    HANDLE timer = CreateWaitableTimerA(NULL, FALSE, NULL);
    LARGE_INTEGER due;
    due.QuadPart = -300000; /* 30 ms from now */
    ok("set", SetWaitableTimer(timer, &due, 0, NULL, NULL, FALSE));
    same("not yet", WaitForSingleObject(timer, 0), WAIT_TIMEOUT);
    same("then", WaitForSingleObject(timer, 5000), WAIT_OBJECT_0);
    same("once", WaitForSingleObject(timer, 60), WAIT_TIMEOUT);
    CloseHandle(timer);
}

static void wa006(void)
{
    HANDLE mutex = CreateMutexA(NULL, TRUE, NULL), semaphore = CreateSemaphoreA(NULL, 2, 3, NULL);
    LONG before = -1;
    same("recursive", WaitForSingleObject(mutex, 0), WAIT_OBJECT_0);
    ok("release", ReleaseMutex(mutex));
    ok("release", ReleaseMutex(mutex));
    SetLastError(0);
    ok("not owned", !ReleaseMutex(mutex));
    same("error", GetLastError(), ERROR_NOT_OWNER);
    same("one", WaitForSingleObject(semaphore, 0), WAIT_OBJECT_0);
    ok("give back", ReleaseSemaphore(semaphore, 1, &before));
    same("previous", before, 1);
    SetLastError(0);
    ok("too many", !ReleaseSemaphore(semaphore, 2, NULL));
    same("error", GetLastError(), ERROR_TOO_MANY_POSTS);
    CloseHandle(mutex);
    CloseHandle(semaphore);
}

static DWORD WINAPI post(void *port)
{
    unsigned i;
    for (i = 1; i <= 100; i++)
        PostQueuedCompletionStatus(port, i, i * 2, (OVERLAPPED *)(ULONG64)(i * 3));
    return 0;
}

static void wa007(void)
{
    HANDLE port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 1), thread;
    OVERLAPPED *overlapped;
    ULONG_PTR key;
    DWORD bytes;
    unsigned i, wrong = 0;
    SetLastError(0);
    ok("empty", !GetQueuedCompletionStatus(port, &bytes, &key, &overlapped, 10));
    same("error", GetLastError(), WAIT_TIMEOUT);
    thread = CreateThread(NULL, 0, post, port, 0, NULL);
    for (i = 1; i <= 100; i++) {
        wrong += !GetQueuedCompletionStatus(port, &bytes, &key, &overlapped, 5000);
        wrong += bytes != i || key != i * 2 || (ULONG64)overlapped != i * 3;
    }
    same("wrong", wrong, 0);
    WaitForSingleObject(thread, 5000);
    CloseHandle(thread);
    CloseHandle(port);
}

static void wa008(void)
{
    HANDLE event = CreateEventA(NULL, FALSE, FALSE, NULL), copy = NULL;
    ok("duplicate", DuplicateHandle(GetCurrentProcess(), event, GetCurrentProcess(), &copy, 0,
                                    FALSE, DUPLICATE_SAME_ACCESS));
    ok("another handle", copy && copy != event);
    ok("close the first", CloseHandle(event));
    SetEvent(copy);
    same("the object lives", WaitForSingleObject(copy, 0), WAIT_OBJECT_0);
    ok("close", CloseHandle(copy));
    SetLastError(0);
    ok("twice", !CloseHandle(copy));
    same("error", GetLastError(), ERROR_INVALID_HANDLE);
}

/*
 * --- exceptions
 * --------------------------------------------------------------------------------------------------------------
 */

static volatile struct {
    DWORD code;
    DWORD count;
    ULONG64 rip;
    ULONG64 information[2];
} seen;

static char *go_on;

static LONG CALLBACK note(EXCEPTION_POINTERS *pointers)
{
    seen.code = pointers->ExceptionRecord->ExceptionCode;
    seen.count++;
    seen.rip = pointers->ContextRecord->Rip;
    seen.information[0] = pointers->ExceptionRecord->ExceptionInformation[0];
    seen.information[1] = pointers->ExceptionRecord->ExceptionInformation[1];
    if (go_on)
        pointers->ContextRecord->Rip = (ULONG64)go_on;
    return EXCEPTION_CONTINUE_EXECUTION;
}

__asm__(
    ".text\n"
    "do_divide: xor %eax, %eax\n"
    "xor %edx, %edx\n"
    "xor %ecx, %ecx\n"
    "do_divide_at: div %ecx\n"
    "do_divide_on: ret\n"
    "do_break: nop\n"
    "do_break_at: int3\n"
    "do_break_on: ret\n"
    "do_illegal_at: ud2\n"
    "do_illegal_on: ret\n"
    "do_privileged_at: hlt\n"
    "do_privileged_on: ret\n"
    "do_null: xor %eax, %eax\n"
    "do_null_at: mov 0x18(%rax), %rax\n"
    "do_null_on: ret\n"
    "do_wild: mov $0x8000000000000000, %rax\n"
    "do_wild_at: mov (%rax), %rax\n"
    "do_wild_on: ret\n"
    /* writes through rcx with every register holding something; returns a sum of them */
    "do_keep: push %rbx\n push %rsi\n push %rdi\n push %r12\n"
    "vpcmpeqd %ymm3, %ymm3, %ymm3\n"
    "mov $1, %ebx\n mov $2, %esi\n mov $4, %edi\n mov $8, %r12d\n mov $16, %r10d\n mov $32, %r11d\n"
    "movb $1, (%rcx)\n"
    "lea (%rbx,%rsi), %rax\n add %rdi, %rax\n add %r12, %rax\n add %r10, %rax\n add %r11, %rax\n"
    "vextracti128 $1, %ymm3, %xmm2\n vmovd %xmm2, %ecx\n and $64, %ecx\n add %rcx, %rax\n"
    "vzeroupper\n"
    "pop %r12\n pop %rdi\n pop %rsi\n pop %rbx\n"
    "ret\n");
extern void do_divide(void), do_break(void), do_illegal_at(void), do_privileged_at(void),
    do_null(void), do_wild(void);
extern ULONG64 do_keep(void *address);
extern char do_divide_at[], do_divide_on[], do_break_at[], do_break_on[], do_illegal_on[],
    do_privileged_on[], do_null_at[], do_null_on[], do_wild_at[], do_wild_on[];

static void raise(void (*what)(void), char *on)
{
    void *handler = AddVectoredExceptionHandler(1, note);
    memset((void *)&seen, 0, sizeof seen);
    go_on = on;
    what();
    RemoveVectoredExceptionHandler(handler);
}

static void ex001(void)
{
    raise(do_divide, do_divide_on);
    same("code", seen.code, EXCEPTION_INT_DIVIDE_BY_ZERO);
    same("rip", seen.rip, (ULONG64)do_divide_at);
    same("once", seen.count, 1);
}

static void ex002(void)
{
    raise(do_break, do_break_on);
    same("code", seen.code, EXCEPTION_BREAKPOINT);
    same("rip", seen.rip, (ULONG64)do_break_at);
}

static void ex003(void)
{
    raise(do_illegal_at, do_illegal_on);
    same("code", seen.code, EXCEPTION_ILLEGAL_INSTRUCTION);
    same("rip", seen.rip, (ULONG64)do_illegal_at);
}

static void ex004(void)
{
    raise(do_privileged_at, do_privileged_on);
    same("code", seen.code, EXCEPTION_PRIV_INSTRUCTION);
}

static void ex005(void)
{
    raise(do_null, do_null_on);
    same("code", seen.code, EXCEPTION_ACCESS_VIOLATION);
    same("rip", seen.rip, (ULONG64)do_null_at);
    same("read", seen.information[0], 0);
    same("address", seen.information[1], 0x18);
}

static void ex006(void)
{
    raise(do_wild, do_wild_on);
    same("code", seen.code, EXCEPTION_ACCESS_VIOLATION);
    same("read", seen.information[0], 0);
    same("address", seen.information[1], ~0ull);
}

static void raise_own(void)
{
    ULONG_PTR arguments[2] = {11, 22};
    RaiseException(0xE0001234, 0, 2, arguments);
}

static void ex007(void)
{
    raise(raise_own, NULL);
    same("code", seen.code, 0xE0001234);
    same("first", seen.information[0], 11);
    same("second", seen.information[1], 22);
    same("once", seen.count, 1);
}

static char *guarded;

static LONG CALLBACK clobber(EXCEPTION_POINTERS *pointers)
{
    DWORD old;
    __asm__ volatile("vpxor %%ymm3, %%ymm3, %%ymm3\n vzeroupper" ::: "xmm3");
    if (pointers->ExceptionRecord->ExceptionCode != EXCEPTION_ACCESS_VIOLATION)
        return EXCEPTION_CONTINUE_SEARCH;
    VirtualProtect(guarded, PAGE, PAGE_READWRITE, &old);
    return EXCEPTION_CONTINUE_EXECUTION;
}

static void ex008(void)
{
    void *handler;
    if (!IsProcessorFeaturePresent(40 /* PF_AVX2_INSTRUCTIONS_AVAILABLE */)) {
        kit_skip("no AVX2");
        return;
    }
    handler = AddVectoredExceptionHandler(1, clobber);
    guarded = VirtualAlloc(NULL, PAGE, MEM_RESERVE | MEM_COMMIT, PAGE_READONLY);
    same("every register comes back, upper halves too", do_keep(guarded), 127);
    same("written", guarded[0], 1);
    VirtualFree(guarded, 0, MEM_RELEASE);
    RemoveVectoredExceptionHandler(handler);
}

static LONG CALLBACK first_handler(EXCEPTION_POINTERS *pointers)
{
    (void)pointers;
    counter = counter * 10 + 1;
    return EXCEPTION_CONTINUE_SEARCH;
}

static LONG CALLBACK second_handler(EXCEPTION_POINTERS *pointers)
{
    (void)pointers;
    counter = counter * 10 + 2;
    return EXCEPTION_CONTINUE_EXECUTION;
}

static LONG CALLBACK continued(EXCEPTION_POINTERS *pointers)
{
    (void)pointers;
    counter = counter * 10 + 3;
    return EXCEPTION_CONTINUE_SEARCH;
}

static void ex009(void)
{
    void *second = AddVectoredExceptionHandler(0, second_handler),
         *first = AddVectoredExceptionHandler(1, first_handler);
    void *after = AddVectoredContinueHandler(1, continued);
    counter = 0;
    RaiseException(0xE0000001, 0, 0, NULL);
    same("first, second, continue", counter, 123);
    ok("removed", RemoveVectoredExceptionHandler(first) && RemoveVectoredExceptionHandler(second));
    ok("removed", RemoveVectoredContinueHandler(after));
    ok("twice", !RemoveVectoredExceptionHandler(first));
}

static unsigned deep(unsigned depth)
{
    volatile char block[4000];
    block[0] = (char)depth;
    return depth == ~0u ? 0 : deep(depth + 1) + (unsigned)block[0];
}

static volatile ULONG64 overflow_code;

static LONG CALLBACK on_overflow(EXCEPTION_POINTERS *pointers)
{
    if (pointers->ExceptionRecord->ExceptionCode != EXCEPTION_STACK_OVERFLOW)
        return EXCEPTION_CONTINUE_SEARCH;
    overflow_code = pointers->ExceptionRecord->ExceptionCode;
    pointers->ContextRecord->Rip = (ULONG64)ExitThread;
    pointers->ContextRecord->Rcx = 5;
    pointers->ContextRecord->Rsp = ((ULONG64)((NT_TIB *)NtCurrentTeb())->StackBase - 0x1000) | 8;
    return EXCEPTION_CONTINUE_EXECUTION;
}

static DWORD WINAPI overflows(void *argument)
{
    (void)argument;
    return deep(0);
}

static void ex010(void)
{
    void *handler = AddVectoredExceptionHandler(1, on_overflow);
    HANDLE thread =
        CreateThread(NULL, 0x40000, overflows, NULL, STACK_SIZE_PARAM_IS_A_RESERVATION, NULL);
    DWORD code = 0;
    same("ends", WaitForSingleObject(thread, 10000), WAIT_OBJECT_0);
    GetExitCodeThread(thread, &code);
    same("seen", overflow_code, 0xC00000FD);
    same("exit code", code, 5);
    CloseHandle(thread);
    RemoveVectoredExceptionHandler(handler);
}

/*
 * --- environment, modules, time
 * ---------------------------------------------------------------------------------------------
 */

static void en001(void)
{
    char text[64];
    ok("set", SetEnvironmentVariableA("winmem_Test", "value one"));
    same("length", GetEnvironmentVariableA("WINMEM_TEST", text, sizeof text), 9);
    same("text", text[6], 'o');
    same("needs", GetEnvironmentVariableA("winmem_test", text, 4), 10);
    ok("unset", SetEnvironmentVariableA("winmem_Test", NULL));
    SetLastError(0);
    same("gone", GetEnvironmentVariableA("winmem_Test", text, sizeof text), 0);
    same("error", GetLastError(), ERROR_ENVVAR_NOT_FOUND);
}

static void en002(void)
{
    HMODULE kernel32 = GetModuleHandleA("KERNEL32"), ntdll = GetModuleHandleW(L"ntdll.dll");
    IMAGE_DOS_HEADER *dos = (IMAGE_DOS_HEADER *)kernel32;
    ok("both", kernel32 && ntdll && kernel32 != ntdll);
    same("a module is an image", dos->e_magic, IMAGE_DOS_SIGNATURE);
    ok("function", GetProcAddress(kernel32, "VirtualAlloc") != NULL);
    SetLastError(0);
    ok("unknown", GetProcAddress(kernel32, "NoSuchFunction") == NULL);
    same("error", GetLastError(), ERROR_PROC_NOT_FOUND);
    SetLastError(0);
    ok("no module", LoadLibraryA("no-such-module.dll") == NULL);
    same("error", GetLastError(), ERROR_MOD_NOT_FOUND);
}

static void en003(void)
{
    SYSTEM_INFO info;
    memset(&info, 0, sizeof info);
    GetSystemInfo(&info);
    same("page", info.dwPageSize, PAGE);
    same("granularity", info.dwAllocationGranularity, GRANULE);
    same("lowest", (ULONG64)info.lpMinimumApplicationAddress, 0x10000);
    same("highest", (ULONG64)info.lpMaximumApplicationAddress, 0x7FFFFFFEFFFFull);
    ok("processors", info.dwNumberOfProcessors >= 1);
    same("architecture", info.wProcessorArchitecture, PROCESSOR_ARCHITECTURE_AMD64);
}

static ULONG64 shared_time(ULONG offset)
{
    volatile ULONG *at = (volatile ULONG *)(ULONG64)(0x7FFE0000 + offset);
    ULONG high, low;
    do {
        high = at[1];
        low = at[0];
    } while (high != at[2]);
    return ((ULONG64)high << 32) | low;
}

static void en004(void)
{
    ULONG64 interrupt = shared_time(0x08), system = shared_time(0x14);
    FILETIME now;
    LONGLONG difference;
    GetSystemTimeAsFileTime(&now);
    difference = (LONGLONG)((((ULONG64)now.dwHighDateTime << 32) | now.dwLowDateTime) - system);
    ok("the shared page has the time of day", difference > -2000000 && difference < 2000000);
    Sleep(50);
    difference = (LONGLONG)(shared_time(0x08) - interrupt);
    ok("interrupt time runs", difference > 300000 && difference < 20000000);
    same("major version", *(volatile ULONG *)0x7FFE026C, 10);
}

static void en005(void)
{
    LARGE_INTEGER frequency, a, b;
    ok("frequency", QueryPerformanceFrequency(&frequency) && frequency.QuadPart > 0);
    QueryPerformanceCounter(&a);
    Sleep(20);
    QueryPerformanceCounter(&b);
    ok("runs", b.QuadPart - a.QuadPart >= frequency.QuadPart / 80);
}

static void en006(void)
{
    char *teb = (char *)NtCurrentTeb(), *peb = *(char **)(teb + 0x60);
    same("self", *(ULONG64 *)(teb + 0x30), (ULONG64)teb);
    same("process", *(ULONG64 *)(teb + 0x40), GetCurrentProcessId());
    same("thread", *(ULONG64 *)(teb + 0x48), GetCurrentThreadId());
    SetLastError(0x1234);
    same("last error", *(DWORD *)(teb + 0x68), 0x1234);
    same("image base", *(ULONG64 *)(peb + 0x10), (ULONG64)GetModuleHandleA(NULL));
    ok("loader data", *(void **)(peb + 0x18) != NULL);
    ok("parameters", *(void **)(peb + 0x20) != NULL);
}

/*
 * --- files
 * -------------------------------------------------------------------------------------------------------------------
 */

static char folder[MAX_PATH];

/* A folder of this run's own below the temporary one: others may be at work there. */
static void make_folder(void)
{
    char temporary[MAX_PATH];
    unsigned at = 0;
    GetTempPathA(sizeof temporary, temporary);
    GetTempFileNameA(temporary, "wm", 0, folder);
    DeleteFileA(folder);
    CreateDirectoryA(folder, NULL);
    while (folder[at])
        at++;
    folder[at] = '\\';
}

static char *in_folder(const char *name)
{
    static char path[2 * MAX_PATH];
    unsigned at = 0, i;
    for (i = 0; folder[i]; i++)
        path[at++] = folder[i];
    for (i = 0; name[i]; i++)
        path[at++] = name[i];
    path[at] = 0;
    return path;
}

static void fi001(void)
{
    HANDLE file;
    DWORD done = 0;
    char text[16] = {0};
    file = CreateFileA(in_folder("wm-one.txt"), GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ, NULL,
                       CREATE_ALWAYS, 0, NULL);
    ok("created", file != INVALID_HANDLE_VALUE);
    ok("written", WriteFile(file, "hello file", 10, &done, NULL));
    same("bytes", done, 10);
    same("position", SetFilePointer(file, 6, NULL, FILE_BEGIN), 6);
    ok("read", ReadFile(file, text, sizeof text, &done, NULL));
    same("bytes", done, 4);
    same("text", text[0], 'f');
    ok("at the end", ReadFile(file, text, sizeof text, &done, NULL));
    same("nothing", done, 0);
    same("size", GetFileSize(file, NULL), 10);
    same("type", GetFileType(file), FILE_TYPE_DISK);
    CloseHandle(file);
}

static void fi002(void)
{
    SetLastError(0);
    ok("missing file", CreateFileA(in_folder("wm-none"), GENERIC_READ, 0, NULL, OPEN_EXISTING, 0,
                                   NULL) == INVALID_HANDLE_VALUE);
    same("error", GetLastError(), ERROR_FILE_NOT_FOUND);
    SetLastError(0);
    ok("missing path", CreateFileA(in_folder("wm-none\\x"), GENERIC_READ, 0, NULL, OPEN_EXISTING, 0,
                                   NULL) == INVALID_HANDLE_VALUE);
    same("error", GetLastError(), ERROR_PATH_NOT_FOUND);
    SetLastError(0);
    ok("exists", CreateFileA(in_folder("wm-one.txt"), GENERIC_READ, 0, NULL, CREATE_NEW, 0, NULL) ==
                     INVALID_HANDLE_VALUE);
    same("error", GetLastError(), ERROR_FILE_EXISTS);
}

static void fi003(void)
{
    WIN32_FILE_ATTRIBUTE_DATA data;
    ok("attributes in another case",
       GetFileAttributesExA(in_folder("WM-One.TXT"), GetFileExInfoStandard, &data));
    same("size", data.nFileSizeLow, 10);
    ok("not a directory", !(data.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY));
    same("the folder is one", GetFileAttributesA(in_folder("")) & FILE_ATTRIBUTE_DIRECTORY,
         FILE_ATTRIBUTE_DIRECTORY);
}

static void fi004(void)
{
    WIN32_FIND_DATAA data;
    unsigned found = 0;
    HANDLE find;
    find = FindFirstFileA(in_folder("wm-*.t?t"), &data);
    ok("found", find != INVALID_HANDLE_VALUE);
    do {
        found++;
        same("size", data.nFileSizeLow, 10);
    } while (FindNextFileA(find, &data));
    same("one", found, 1);
    same("error", GetLastError(), ERROR_NO_MORE_FILES);
    ok("closed", FindClose(find));
    SetLastError(0);
    ok("none", FindFirstFileA(in_folder("wm-*.none"), &data) == INVALID_HANDLE_VALUE);
    same("error", GetLastError(), ERROR_FILE_NOT_FOUND);
}

static void fi005(void)
{
    ok("folder", CreateDirectoryA(in_folder("wm-dir"), NULL));
    SetLastError(0);
    ok("again", !CreateDirectoryA(in_folder("wm-dir"), NULL));
    same("error", GetLastError(), ERROR_ALREADY_EXISTS);
    ok("removed", RemoveDirectoryA(in_folder("wm-dir")));
    ok("deleted", DeleteFileA(in_folder("wm-one.txt")));
    SetLastError(0);
    ok("gone", !DeleteFileA(in_folder("wm-one.txt")));
    same("error", GetLastError(), ERROR_FILE_NOT_FOUND);
}

static void fi006(void)
{
    HANDLE file = CreateFileW(L"NUL", GENERIC_WRITE, 0, NULL, OPEN_EXISTING, 0, NULL);
    DWORD done = 0;
    ok("NUL", file != INVALID_HANDLE_VALUE);
    ok("takes all", WriteFile(file, "abc", 3, &done, NULL));
    same("bytes", done, 3);
    CloseHandle(file);
}

static void fi007(void)
{
    WCHAR wide[8];
    char narrow[8];
    same("to wide", (ULONG64)MultiByteToWideChar(CP_UTF8, 0, "\xC3\xA4\xE2\x82\xAC", -1, wide, 8),
         3);
    same("a umlaut", wide[0], 0xE4);
    same("euro", wide[1], 0x20AC);
    same("back", (ULONG64)WideCharToMultiByte(CP_UTF8, 0, wide, 2, narrow, 8, NULL, NULL), 5);
    same("bytes", (unsigned char)narrow[4], 0xAC);
    SetLastError(0);
    same("too small", (ULONG64)WideCharToMultiByte(CP_UTF8, 0, wide, 2, narrow, 3, NULL, NULL), 0);
    same("error", GetLastError(), ERROR_INSUFFICIENT_BUFFER);
}

#define S(name, function)                                                                          \
    {                                                                                              \
        name, function                                                                             \
    }
static const struct statement statements[] = {
    S("TH-001", th001), S("TH-002", th002), S("TH-003", th003), S("TH-004", th004),
    S("TH-005", th005), S("TH-006", th006), S("TH-007", th007), S("TH-008", th008),
    S("TH-009", th009), S("TH-010", th010), S("TH-011", th011), S("SU-001", su001),
    S("SU-002", su002), S("SU-003", su003), S("SU-004", su004), S("WA-001", wa001),
    S("WA-002", wa002), S("WA-003", wa003), S("WA-004", wa004), S("WA-005", wa005),
    S("WA-006", wa006), S("WA-007", wa007), S("WA-008", wa008), S("EX-001", ex001),
    S("EX-002", ex002), S("EX-003", ex003), S("EX-004", ex004), S("EX-005", ex005),
    S("EX-006", ex006), S("EX-007", ex007), S("EX-008", ex008), S("EX-009", ex009),
    S("EX-010", ex010), S("EN-001", en001), S("EN-002", en002), S("EN-003", en003),
    S("EN-004", en004), S("EN-005", en005), S("EN-006", en006), S("FI-001", fi001),
    S("FI-002", fi002), S("FI-003", fi003), S("FI-004", fi004), S("FI-005", fi005),
    S("FI-006", fi006), S("FI-007", fi007),
};

/* The only argument of the command line, or NULL: the first word after the program's name. */
static const char *argument(void)
{
    const char *at = GetCommandLineA();
    int quoted = 0;
    for (; *at && (quoted || *at != ' '); at++)
        quoted ^= *at == '"';
    while (*at == ' ')
        at++;
    return *at ? at : NULL;
}

void start(void)
{
    UINT code;
    make_folder();
    code = (UINT)kit_run(statements, sizeof statements / sizeof statements[0], argument());
    RemoveDirectoryA(folder);
    ExitProcess(code);
}
