/* Waits, timers, completion ports, handles. */
#include "process.h"

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

const struct statement wait_statements[] = {
    S("WA-001", wa001), S("WA-002", wa002), S("WA-003", wa003),
    S("WA-004", wa004), S("WA-005", wa005), S("WA-006", wa006),
    S("WA-007", wa007), S("WA-008", wa008), END,
};
