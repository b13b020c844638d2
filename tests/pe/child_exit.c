/* Children: exit codes and waiting. */
#include "child.h"

static void ch001(void)
{
    DWORD code = 0;
    ok("started", start_child(command("+exit ", CODE), CREATE_SUSPENDED));
    ok("handles", child.hProcess && child.hThread && child.hProcess != child.hThread);
    ok("it runs", GetExitCodeProcess(child.hProcess, &code));
    same("its code while it runs", code, STILL_ACTIVE);
    ok("its thread runs", GetExitCodeThread(child.hThread, &code));
    same("the thread's code while it runs", code, STILL_ACTIVE);
    same("nothing to wait for yet", WaitForSingleObject(child.hProcess, 0), WAIT_TIMEOUT);
    same("the count before", ResumeThread(child.hThread), 1);
    same("process", WaitForSingleObject(child.hProcess, PATIENCE), WAIT_OBJECT_0);
    same("thread", WaitForSingleObject(child.hThread, PATIENCE), WAIT_OBJECT_0);
    ok("thread's code", GetExitCodeThread(child.hThread, &code));
    same("thread's code", code, CODE);
    same("all 32 bits", finish_child(), CODE);
    same("0", code_of(command("+exit ", 0), 0), 0);
    same("low bits 0", code_of(command("+exit ", 0x100), 0), 0x100);
    same("all ones", code_of(command("+exit ", 0xFFFFFFFF), 0), 0xFFFFFFFF);
    same("ended by itself", code_of(command("+terminate ", 0xC0000005), 0), 0xC0000005);
}

static void ch002(void)
{
    ok("started", start_child(command("+sleep", 0), 0));
    ok("ended", TerminateProcess(child.hProcess, 0xABCD1234));
    same("thread", WaitForSingleObject(child.hThread, PATIENCE), WAIT_OBJECT_0);
    same("code", finish_child(), 0xABCD1234);
    ok("suspended", start_child(command("+sleep", 0), CREATE_SUSPENDED));
    ok("ended before it began", TerminateProcess(child.hProcess, 7));
    same("code", finish_child(), 7);
}

static void ch003(void)
{
    DWORD code;
    if (on_wine()) {
        kit_skip("Wine ends what has ended");
        return;
    }
    ok("started", start_child(command("+exit ", 3), 0));
    same("waited", WaitForSingleObject(child.hProcess, PATIENCE), WAIT_OBJECT_0);
    SetLastError(0);
    ok("ended twice", !TerminateProcess(child.hProcess, 9));
    same("why not", GetLastError(), ERROR_ACCESS_DENIED);
    ok("code", GetExitCodeProcess(child.hProcess, &code));
    same("code stays", finish_child(), 3);
}

static void ch004(void)
{
    HANDLE any[3], marker, other;
    PROCESS_INFORMATION first;
    marker = CreateEventA(NULL, TRUE, FALSE, NULL);
    ok("first", start_child(command("+exit ", 1), CREATE_SUSPENDED));
    first = child;
    ok("second", start_child(command("+exit ", 2), CREATE_SUSPENDED));
    any[0] = first.hProcess, any[1] = marker, any[2] = child.hProcess;
    same("nothing yet", WaitForMultipleObjects(3, any, FALSE, 10), WAIT_TIMEOUT);
    ResumeThread(child.hThread);
    same("the second", WaitForMultipleObjects(3, any, FALSE, PATIENCE), WAIT_OBJECT_0 + 2);
    same("not all", WaitForMultipleObjects(3, any, TRUE, 10), WAIT_TIMEOUT);
    ResumeThread(first.hThread);
    SetEvent(marker);
    same("all", WaitForMultipleObjects(3, any, TRUE, PATIENCE), WAIT_OBJECT_0);
    other = first.hProcess;
    CloseHandle(first.hThread);
    CloseHandle(other);
    CloseHandle(marker);
    same("code", finish_child(), 2);
}

static void ch005(void)
{
    ok("started", start_child(command("+exit ", CODE), CREATE_SUSPENDED));
    same("once more", SuspendThread(child.hThread), 1);
    same("back", ResumeThread(child.hThread), 2);
    same("it does not run", WaitForSingleObject(child.hProcess, 100), WAIT_TIMEOUT);
    same("now", ResumeThread(child.hThread), 1);
    same("code", finish_child(), CODE);
}

static void ch006(void)
{
    HANDLE opened;
    ok("started", start_child(command("+sleep", 0), 0));
    ok("an id", child.dwProcessId && child.dwProcessId != GetCurrentProcessId());
    same("of the handle", GetProcessId(child.hProcess), child.dwProcessId);
    same("of the thread", GetProcessIdOfThread(child.hThread), child.dwProcessId);
    same("thread's", GetThreadId(child.hThread), child.dwThreadId);
    opened = OpenProcess(PROCESS_TERMINATE, FALSE, child.dwProcessId);
    ok("opened", opened != NULL);
    SetLastError(0);
    ok("without the right to wait", WaitForSingleObject(opened, 0) == WAIT_FAILED);
    same("why", GetLastError(), ERROR_ACCESS_DENIED);
    ok("ended", TerminateProcess(opened, 77));
    CloseHandle(opened);
    same("code", finish_child(), 77);
    ok("no such process", !OpenProcess(PROCESS_ALL_ACCESS, FALSE, 0x7FFFFFF0));
    same("why", GetLastError(), ERROR_INVALID_PARAMETER);
}

static void ch007(void)
{
    HANDLE weak = NULL;
    DWORD code = 5;
    ok("started", start_child(command("+exit ", 6), CREATE_SUSPENDED));
    ok("duplicated", DuplicateHandle(GetCurrentProcess(), child.hProcess, GetCurrentProcess(),
                                     &weak, SYNCHRONIZE, FALSE, 0));
    ok("no right to end it", !TerminateProcess(weak, 1));
    same("why", GetLastError(), ERROR_ACCESS_DENIED);
    ok("no right to ask", !GetExitCodeProcess(weak, &code));
    same("nothing told", code, 5);
    ResumeThread(child.hThread);
    same("the right to wait", WaitForSingleObject(weak, PATIENCE), WAIT_OBJECT_0);
    CloseHandle(weak);
    same("code", finish_child(), 6);
    ok("closed", !GetExitCodeProcess(child.hProcess, &code));
    same("why", GetLastError(), ERROR_INVALID_HANDLE);
}

static void ch008(void)
{
    enum { MANY = 12 };
    HANDLE all[MANY];
    DWORD before = 0, after = 0, code;
    GetProcessHandleCount(GetCurrentProcess(), &before);
    for (unsigned i = 0; i < MANY; i++) {
        ok("started", start_child(command("+exit ", 0x10000 + i), 0));
        CloseHandle(child.hThread);
        all[i] = child.hProcess;
    }
    same("all", WaitForMultipleObjects(MANY, all, TRUE, PATIENCE), WAIT_OBJECT_0);
    for (unsigned i = 0; i < MANY; i++) {
        ok("asked", GetExitCodeProcess(all[i], &code));
        same("each its own", code, 0x10000 + i);
        CloseHandle(all[i]);
    }
    GetProcessHandleCount(GetCurrentProcess(), &after);
    same("handles that stay", after, before);
}

static void ch009(void)
{
    same("a child's child", code_of(command("+another", 0), 0), CODE + 1);
}

/* Where the parent has memory, the child has its own. */
static void ch010(void)
{
    const ULONG64 address = 0x200000000000; /* above the shadow of the address sanitizer */
    volatile ULONG64 *memory =
        VirtualAlloc((void *)address, GRANULE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    ok("taken here", (ULONG64)memory == address);
    if (!memory)
        return;
    memory[0] = 42;
    same("and there", code_of(command("+memory ", address), 0), CODE);
    same("unchanged", memory[0], 42);
    VirtualFree((void *)memory, 0, MEM_RELEASE);
}

const struct statement exit_statements[] = {
    {"CH-001", ch001}, {"CH-002", ch002}, {"CH-003", ch003}, {"CH-004", ch004},
    {"CH-005", ch005}, {"CH-006", ch006}, {"CH-007", ch007}, {"CH-008", ch008},
    {"CH-009", ch009}, {"CH-010", ch010}, {NULL, NULL},
};
