/* The program itself in memory, and memory reached through process handles. */
#include "conformance.h"

static int written = 1; /* data of the program */

static void vm145(void)
{
    char *image = (char *)GetModuleHandleA(NULL);
    MEMORY_BASIC_INFORMATION headers = look(image), code = look((void *)vm145),
                             data = look(&written);
    written = 2;
    same("headers", headers.Type, MEM_IMAGE);
    same("headers protect", headers.Protect, PAGE_READONLY);
    same("code", code.Type, MEM_IMAGE);
    same("code protect", code.Protect, PAGE_EXECUTE_READ);
    same("one allocation", (ULONG64)code.AllocationBase, (ULONG64)image);
    same("allocation protect", code.AllocationProtect, PAGE_EXECUTE_WRITECOPY);
    same("data", data.Type, MEM_IMAGE);
    ok("data can be written", data.Protect == PAGE_READWRITE || data.Protect == PAGE_WRITECOPY);
    same("data stays of the image", look(&written).Type, MEM_IMAGE);
    ok("code cannot be written",
       probe_write((void *)vm145, PROBE_ONCE).code == STATUS_ACCESS_VIOLATION);
}

static void vm146(void)
{
    char *image = (char *)GetModuleHandleA(NULL);
    ok("release", !VirtualFree(image, 0, MEM_RELEASE));
    ok("decommit", !VirtualFree(image, PAGE, MEM_DECOMMIT));
    no_memory("reserve over it", VirtualAlloc(image, PAGE, MEM_RESERVE, PAGE_READWRITE),
              ERROR_INVALID_ADDRESS);
    same("still there", look(image).State, MEM_COMMIT);
}

static void vm147(void)
{
    HANDLE event = CreateEventA(NULL, TRUE, FALSE, NULL);
    MEMORY_BASIC_INFORMATION info;
    char *p = take_rw(1);
    DWORD old;
    no_memory("allocate", VirtualAllocEx(event, NULL, PAGE, MEM_RESERVE, PAGE_NOACCESS),
              ERROR_INVALID_HANDLE);
    no_success("free", VirtualFreeEx(event, p, 0, MEM_RELEASE), ERROR_INVALID_HANDLE);
    no_success("protect", VirtualProtectEx(event, p, PAGE, PAGE_READONLY, &old),
               ERROR_INVALID_HANDLE);
    no_success("query", !!VirtualQueryEx(event, p, &info, sizeof info), ERROR_INVALID_HANDLE);
    same("unchanged", look(p).Protect, PAGE_READWRITE);
    CloseHandle(event);
    drop(p);
}

static void vm148(void)
{
    HANDLE operate = OpenProcess(PROCESS_VM_OPERATION, FALSE, GetCurrentProcessId()),
           ask = OpenProcess(PROCESS_QUERY_INFORMATION, FALSE, GetCurrentProcessId());
    MEMORY_BASIC_INFORMATION info;
    char *p = VirtualAllocEx(operate, NULL, PAGE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    DWORD old;
    ok("with the right", p != NULL);
    no_memory("allocate", VirtualAllocEx(ask, NULL, PAGE, MEM_RESERVE, PAGE_NOACCESS),
              ERROR_ACCESS_DENIED);
    no_success("protect", VirtualProtectEx(ask, p, PAGE, PAGE_READONLY, &old), ERROR_ACCESS_DENIED);
    no_success("free", VirtualFreeEx(ask, p, 0, MEM_RELEASE), ERROR_ACCESS_DENIED);
    no_success("query", !!VirtualQueryEx(operate, p, &info, sizeof info), ERROR_ACCESS_DENIED);
    same("query with the right", VirtualQueryEx(ask, p, &info, sizeof info), 48);
    ok("freed", VirtualFreeEx(operate, p, 0, MEM_RELEASE));
    CloseHandle(operate);
    CloseHandle(ask);
}

static void vm149(void)
{
    char here = 0;
    char *base = look(&here).AllocationBase, *at = base;
    MEMORY_BASIC_INFORMATION info = look(&here);
    DWORD guards = 0;
    same("type", info.Type, MEM_PRIVATE);
    same("protect", info.Protect, PAGE_READWRITE);
    ok("not all of it is committed",
       look(base).State == MEM_RESERVE || look(base).Protect == PAGE_NOACCESS);
    for (; at < &here; at += info.RegionSize) {
        info = look(at);
        same("one allocation", (ULONG64)info.AllocationBase, (ULONG64)base);
        guards += info.State == MEM_COMMIT && (info.Protect & PAGE_GUARD) != 0;
    }
    same("one run of guard pages below what is used", guards, 1);
}

static void vm150(void)
{
    char *shared = (char *)(ULONG64)0x7FFE0000;
    same("read", probe_read(shared, PROBE_ONCE).code, 0);
    same("write", probe_write(shared, PROBE_ONCE).code, STATUS_ACCESS_VIOLATION);
    same("state", look(shared).State, MEM_COMMIT);
    same("protect", look(shared).Protect, PAGE_READONLY);
    ok("cannot be freed", !VirtualFree(shared, 0, MEM_RELEASE));
}

static struct probe overflow;

static __attribute__((noinline)) int descend(int depth)
{
    volatile char block[2000];
    block[0] = (char)depth;
    return depth < 1 << 30 ? descend(depth + 1) + block[0] : 0;
}

static DWORD WINAPI use_stack_up(void *argument)
{
    ULONG handler = 2 * PAGE; /* what the handler may use */
    SetThreadStackGuarantee(&handler);
    *(MEMORY_BASIC_INFORMATION *)argument = look(&handler);
    return (DWORD)descend(1);
}

/* Ends the thread, which has its stack to itself again. */
static LONG CALLBACK note_overflow(EXCEPTION_POINTERS *pointers)
{
    const EXCEPTION_RECORD *record = pointers->ExceptionRecord;
    CONTEXT *context = pointers->ContextRecord;
    if (record->ExceptionCode != EXCEPTION_STACK_OVERFLOW)
        return EXCEPTION_CONTINUE_SEARCH;
    overflow.code = record->ExceptionCode;
    overflow.parameters = record->NumberParameters;
    overflow.kind = record->ExceptionInformation[0];
    overflow.address = record->ExceptionInformation[1];
    context->Rip = (ULONG64)ExitThread;
    context->Rcx = 7;
    context->Rsp = ((ULONG64)((NT_TIB *)NtCurrentTeb())->StackBase - PAGE) | 8;
    return EXCEPTION_CONTINUE_EXECUTION;
}

static void vm199(void)
{
    void *handler = AddVectoredExceptionHandler(1, note_overflow);
    MEMORY_BASIC_INFORMATION stack;
    DWORD code = 0;
    HANDLE thread =
        CreateThread(NULL, 0x40000, use_stack_up, &stack, STACK_SIZE_PARAM_IS_A_RESERVATION, NULL);
    same("ends", WaitForSingleObject(thread, 10000), WAIT_OBJECT_0);
    GetExitCodeThread(thread, &code);
    CloseHandle(thread);
    RemoveVectoredExceptionHandler(handler);
    same("exit code", code, 7);
    same("code", overflow.code, EXCEPTION_STACK_OVERFLOW);
    same("parameters", overflow.parameters, 2);
    same("kind", overflow.kind, 1);
    ok("an address of the stack", overflow.address >= (ULONG64)stack.AllocationBase &&
                                      overflow.address < (ULONG64)stack.BaseAddress);
}

/* mov eax, 0x1234; ret */
static const char replacement[] = {(char)0xB8, 0x34, 0x12, 0, 0, (char)0xC3};

static void vm197(void)
{
    HMODULE kernel = GetModuleHandleA("kernel32"), native = GetModuleHandleA("ntdll"), found = NULL;
    char *function = (char *)GetProcAddress(kernel, "GetVersion"), kept[sizeof replacement];
    MEMORY_BASIC_INFORMATION code = look(function);
    DWORD old = 0;
    same("type", code.Type, MEM_IMAGE);
    same("state", code.State, MEM_COMMIT);
    same("protect", code.Protect, PAGE_EXECUTE_READ);
    same("allocation", (ULONG64)code.AllocationBase, (ULONG64)kernel);
    ok("module of the address",
       GetModuleHandleExA(6 /* the address, uncounted */, function, &found));
    same("the same", (ULONG64)found, (ULONG64)kernel);
    same("another module", (ULONG64)look((void *)GetProcAddress(native, "NtClose")).AllocationBase,
         (ULONG64)native);
    same("imported", (ULONG64)&GetVersion, (ULONG64)function);
    ok("made writable", VirtualProtect(function, sizeof kept, PAGE_EXECUTE_READWRITE, &old));
    same("old", old, PAGE_EXECUTE_READ);
    memcpy(kept, function, sizeof kept);
    memcpy(function, replacement, sizeof replacement);
    FlushInstructionCache(GetCurrentProcess(), function, sizeof replacement);
    same("replaced", GetVersion(), 0x1234);
    memcpy(function, kept, sizeof kept);
    FlushInstructionCache(GetCurrentProcess(), function, sizeof kept);
    ok("back", VirtualProtect(function, sizeof kept, PAGE_EXECUTE_READ, &old));
    ok("as before", GetVersion() != 0x1234);
}

static void vm198(void)
{
    WCHAR *block = GetEnvironmentStringsW();
    const void *const each[] = {GetCommandLineA(), GetCommandLineW(), block};
    unsigned i;
    for (i = 0; i < 3; i++) {
        MEMORY_BASIC_INFORMATION info = look(each[i]);
        same("state", info.State, MEM_COMMIT);
        same("protect", info.Protect, PAGE_READWRITE);
        ok("all of it", (ULONG64)each[i] < (ULONG64)info.BaseAddress + info.RegionSize);
    }
    FreeEnvironmentStringsW(block);
}

/* The address of a field of the TEB that leads to a block. */
static char *block_at(unsigned offset)
{
    return *(char **)((char *)NtCurrentTeb() + offset);
}

static void vm200(void)
{
    char *const each[] = {block_at(0x30) /* the TEB itself */, block_at(0x60) /* the PEB */};
    unsigned i;
    if (GetProcAddress(GetModuleHandleA("ntdll"), "wine_get_version")) {
        kit_skip("Wine lets a program take them away, and ends");
        return;
    }
    for (i = 0; i < 2; i++) {
        char *block = each[i], *base = look(block).AllocationBase;
        DWORD old = 0x5555;
        no_success("decommit", VirtualFree(block, PAGE, MEM_DECOMMIT), ERROR_INVALID_PARAMETER);
        no_success("release", VirtualFree(base, 0, MEM_RELEASE), ERROR_INVALID_PARAMETER);
        no_success("read only", VirtualProtect(block, PAGE, PAGE_READONLY, &old),
                   ERROR_INVALID_PARAMETER);
        no_success("guard", VirtualProtect(block, PAGE, PAGE_READWRITE | PAGE_GUARD, &old),
                   ERROR_INVALID_PARAMETER);
        no_success("no access", VirtualProtect(block, PAGE, PAGE_NOACCESS, &old),
                   ERROR_INVALID_PARAMETER);
        no_memory("commit", VirtualAlloc(block, PAGE, MEM_COMMIT, PAGE_NOACCESS),
                  ERROR_INVALID_PARAMETER);
        same("untouched", old, 0x5555);
        if (api.DiscardVirtualMemory)
            ok("discard", api.DiscardVirtualMemory(block, PAGE) != 0);
        same("protect", look(block).Protect, PAGE_READWRITE);
        ok("the same again", VirtualProtect(block, PAGE, PAGE_READWRITE, &old));
        same("old", old, PAGE_READWRITE);
    }
}

const struct statement process_statements[] = {S(145), S(146), S(147), S(148), S(149),
                                               S(150), S(197), S(198), S(199), S(200), END};
