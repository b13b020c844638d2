/*
 * Control events: handlers run in a thread of their own, the newest first, until one takes the
 * event. Exit code 0, or the line that failed.
 */
#include "kit.h"

#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition))                                                                          \
            ExitProcess(__LINE__ & 0x7F);                                                          \
    } while (0)

static HANDLE done;
static volatile LONG older_calls, newer_calls;
static volatile DWORD thread_of_handler, event_of_handler;
static volatile BOOL newer_takes;
static HANDLE handler_thread;

static BOOL WINAPI older(DWORD event)
{
    event_of_handler = event;
    thread_of_handler = GetCurrentThreadId();
    InterlockedIncrement(&older_calls);
    if (!handler_thread)
        DuplicateHandle(GetCurrentProcess(), GetCurrentThread(), GetCurrentProcess(),
                        &handler_thread, 0, FALSE, DUPLICATE_SAME_ACCESS);
    SetEvent(done);
    while (older_calls == 1) /* until the second event, so that the thread can be stopped here */
        Sleep(1);
    return TRUE;
}

static BOOL WINAPI newer(DWORD event)
{
    InterlockedIncrement(&newer_calls);
    if (newer_takes)
        SetEvent(done);
    return newer_takes;
}

void start(void)
{
    done = CreateEventW(NULL, FALSE, FALSE, NULL);
    EXPECT(SetConsoleCtrlHandler(older, TRUE));
    EXPECT(SetConsoleCtrlHandler(newer, TRUE));
    EXPECT(GenerateConsoleCtrlEvent(CTRL_C_EVENT, 0));
    EXPECT(WaitForSingleObject(done, 10000) == WAIT_OBJECT_0);
    EXPECT(older_calls == 1 && newer_calls == 1);
    EXPECT(event_of_handler == CTRL_C_EVENT);
    EXPECT(thread_of_handler != GetCurrentThreadId());

    EXPECT(SuspendThread(handler_thread) == 0); /* the threads of handlers are like all others */
    EXPECT(ResumeThread(handler_thread) == 1);

    newer_takes = TRUE;
    EXPECT(GenerateConsoleCtrlEvent(CTRL_BREAK_EVENT, 0));
    EXPECT(WaitForSingleObject(done, 10000) == WAIT_OBJECT_0);
    EXPECT(older_calls == 1 && newer_calls == 2);

    EXPECT(SetConsoleCtrlHandler(newer, FALSE));
    EXPECT(!SetConsoleCtrlHandler(newer, FALSE) && GetLastError() == ERROR_INVALID_PARAMETER);
    EXPECT(GenerateConsoleCtrlEvent(CTRL_BREAK_EVENT, 0));
    EXPECT(WaitForSingleObject(done, 10000) == WAIT_OBJECT_0);
    EXPECT(older_calls == 2 && newer_calls == 2 && event_of_handler == CTRL_BREAK_EVENT);

    EXPECT(SetConsoleCtrlHandler(NULL, TRUE));
    EXPECT(GenerateConsoleCtrlEvent(CTRL_C_EVENT, 0));
    EXPECT(WaitForSingleObject(done, 200) == WAIT_TIMEOUT);
    ExitProcess(0);
}
