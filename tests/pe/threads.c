/*
 * Many threads: made and ended, stopped and looked at, terminated wherever they are; and a process
 * that ends while they run.
 */
#include "kit.h"

enum { SPINNERS = 6, CROWD = 60 };

static volatile LONG turns;
static volatile LONG stop;

static DWORD WINAPI seven(void *parameter)
{
    InterlockedIncrement(&turns);
    return 7;
}

/* Outside of all system calls most of the time. */
static DWORD WINAPI spin(void *parameter)
{
    while (!*(volatile LONG *)parameter)
        InterlockedIncrement(&turns);
    return 1;
}

/* Inside of them most of the time. */
static DWORD WINAPI wait_a_little(void *parameter)
{
    while (!*(volatile LONG *)parameter)
        Sleep(1);
    return 2;
}

static void ts001(void)
{
    unsigned failed = 0, wrong = 0;
    for (unsigned i = 0; i < 2000; i++) {
        DWORD code = 0;
        HANDLE thread = CreateThread(NULL, 0, seven, NULL, 0, NULL);
        failed += !thread || WaitForSingleObject(thread, 10000) != WAIT_OBJECT_0;
        wrong += !GetExitCodeThread(thread, &code) || code != 7;
        CloseHandle(thread);
    }
    same("threads that did not run", failed, 0);
    same("wrong exit codes", wrong, 0);
    same("runs", turns, 2000);
}

static void ts002(void)
{
    static CONTEXT context;
    HANDLE threads[SPINNERS];
    unsigned failed = 0, moved = 0, rounds = 60;

    stop = 0;
    for (unsigned i = 0; i < SPINNERS; i++)
        threads[i] = CreateThread(NULL, 0, i % 2 ? spin : wait_a_little, (void *)&stop, 0, NULL);
    for (unsigned round = 0; round < rounds; round++) {
        HANDLE thread = threads[round % SPINNERS];
        DWORD64 first;
        failed += SuspendThread(thread) != 0;
        context.ContextFlags = CONTEXT_FULL;
        failed += !GetThreadContext(thread, &context) || !context.Rip || !context.Rsp;
        first = context.Rip;
        failed += SuspendThread(thread) != 1 || ResumeThread(thread) != 2;
        moved += !GetThreadContext(thread, &context) || context.Rip != first;
        failed += ResumeThread(thread) != 1;
    }
    stop = 1;
    same("failed calls", failed, 0);
    same("threads that moved while they were stopped", moved, 0);
    same("all end", WaitForMultipleObjects(SPINNERS, threads, TRUE, 20000), WAIT_OBJECT_0);
}

static void ts003(void)
{
    static LONG never;
    HANDLE threads[CROWD];
    unsigned failed = 0, wrong = 0;

    for (unsigned round = 0; round < 10; round++) {
        for (unsigned i = 0; i < CROWD; i++)
            threads[i] = CreateThread(NULL, 0, i % 3 ? spin : wait_a_little, &never,
                                      i % 2 ? CREATE_SUSPENDED : 0, NULL);
        for (unsigned i = 0; i < CROWD; i++)
            failed += !TerminateThread(threads[i], 9);
        failed += WaitForMultipleObjects(CROWD, threads, TRUE, 20000) != WAIT_OBJECT_0;
        for (unsigned i = 0; i < CROWD; i++) {
            DWORD code = 0;
            wrong += !GetExitCodeThread(threads[i], &code) || code != 9;
            CloseHandle(threads[i]);
        }
    }
    same("failed calls", failed, 0);
    same("wrong exit codes", wrong, 0);
}

static const struct statement statements[] = {
    {"TS-001", ts001}, {"TS-002", ts002}, {"TS-003", ts003}};

void start(void)
{
    static LONG never;
    UINT code = (UINT)kit_run(statements, sizeof statements / sizeof statements[0], NULL);
    for (unsigned i = 0; i < SPINNERS; i++)
        CreateThread(NULL, 0, i % 2 ? spin : wait_a_little, &never, 0, NULL);
    ExitProcess(code);
}
