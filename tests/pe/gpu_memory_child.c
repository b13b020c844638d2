/* The other process. */
#include "gpu_memory_child.h"

#define PATIENCE 30000 /* ms */

static HANDLE inheritable(HANDLE handle)
{
    SetHandleInformation(handle, HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT);
    return handle;
}

static void join(char *to, const char *text)
{
    while (*to)
        to++;
    while ((*to++ = *text++))
        continue;
}

BOOL child_start_with(struct child *child, const char *verb, UINT value)
{
    char text[64] = "", digits[12];
    UINT at = sizeof digits;
    digits[--at] = 0;
    do
        digits[--at] = (char)('0' + value % 10);
    while (value /= 10);
    join(text, verb);
    join(text, " ");
    join(text, digits + at);
    return child_start(child, text);
}

BOOL child_start(struct child *child, const char *verb)
{
    char text[2 * MAX_PATH] = "\"";
    STARTUPINFOA startup = {.cb = sizeof startup, .dwFlags = STARTF_USESTDHANDLES};
    PROCESS_INFORMATION info;
    HANDLE input, output;
    DWORD got = 0;
    BOOL started;
    child->said = 0;
    GetModuleFileNameA(NULL, text + 1, MAX_PATH);
    join(text, "\" +");
    join(text, verb);
    if (!CreatePipe(&input, &child->to, NULL, 0) || !CreatePipe(&child->from, &output, NULL, 0))
        return FALSE;
    startup.hStdInput = inheritable(input);
    startup.hStdOutput = startup.hStdError = inheritable(output);
    started = CreateProcessA(NULL, text, NULL, NULL, TRUE, 0, NULL, NULL, &startup, &info);
    CloseHandle(input);
    CloseHandle(output);
    ok("a child", started);
    if (!started)
        return FALSE;
    CloseHandle(info.hThread);
    child->process = info.hProcess;
    ReadFile(child->from, &child->said, 1, &got, NULL);
    same("the child is ready", (UCHAR)child->said, 'y');
    if (child->said != 'y')
        child_end(child);
    return child->said == 'y';
}

DWORD child_end(struct child *child)
{
    DWORD code = ~0u;
    CloseHandle(child->to);
    same("it ends", WaitForSingleObject(child->process, PATIENCE), 0);
    GetExitCodeProcess(child->process, &code);
    CloseHandle(child->process);
    CloseHandle(child->from);
    return code;
}

/*
 * --- the child's side
 */

static const char *argument(const char *text, const char *verb)
{
    while (*verb)
        if (*text++ != *verb++)
            return NULL;
    while (*text == ' ')
        text++;
    return text;
}

static UINT number(const char *text)
{
    UINT value = 0;
    while (*text >= '0' && *text <= '9')
        value = value * 10 + (UINT)(*text++ - '0');
    return value;
}

static NTSTATUS hold(UINT64 size)
{
    struct winmem_gpu_allocation wanted = {size, LOCAL, LOCAL};
    D3DDDI_ALLOCATIONINFO info = {.pPrivateDriverData = &wanted,
                                  .PrivateDriverDataSize = sizeof wanted};
    D3DKMT_CREATEALLOCATION data = {
        .hDevice = device, .NumAllocations = 1, .pAllocationInfo = &info};
    NTSTATUS status = D3DKMTCreateAllocation(&data);
    return status == OK ? resident(info.hAllocation) : status;
}

/* The first allocation of the resource, which has two or one; or 0. */
static D3DKMT_HANDLE open_global(D3DKMT_HANDLE global)
{
    static char runtime[64], driver[64], total[256];
    D3DDDI_OPENALLOCATIONINFO2 infos[2] = {{0}};
    D3DKMT_OPENRESOURCE data = {.hDevice = device,
                                .hGlobalShare = global,
                                .NumAllocations = 2,
                                .pOpenAllocationInfo2 = infos,
                                .pPrivateRuntimeData = runtime,
                                .PrivateRuntimeDataSize = sizeof runtime,
                                .pResourcePrivateDriverData = driver,
                                .ResourcePrivateDriverDataSize = sizeof driver,
                                .pTotalPrivateDriverDataBuffer = total,
                                .TotalPrivateDriverDataBufferSize = sizeof total};
    if (D3DKMTOpenResource2(&data) == OK)
        return infos[0].hAllocation;
    data.NumAllocations = 1;
    return D3DKMTOpenResource2(&data) == OK ? infos[0].hAllocation : 0;
}

static NTSTATUS look_at(D3DKMT_HANDLE allocation)
{
    if (!allocation || lock_status(allocation) != OK || !holds(allocation, MIB, 1))
        return BAD;
    fill(allocation, MIB, 2);
    return OK;
}

static NTSTATUS lock_is_refused(D3DKMT_HANDLE allocation)
{
    D3DKMT_LOCK data = {
        .hDevice = device, .hAllocation = allocation, .Flags.Value = D3DDDICB_LOCKFLAGS_LockEntire};
    return allocation && D3DKMTLock(&data) == BAD ? OK : BAD;
}

static NTSTATUS reserve_address(UINT64 base)
{
    D3DDDI_RESERVEGPUVIRTUALADDRESS data = {
        .hAdapter = adapter, .BaseAddress = base, .Size = 64 * KIB};
    return D3DKMTReserveGpuVirtualAddress(&data);
}

UINT run_verb(const char *text)
{
    const char *rest;
    D3DKMT_HANDLE restricted = 0;
    NTSTATUS status = OK;
    char end;
    DWORD count;
    device = make_device();
    queue = make_queue(device);
    if (!queue)
        status = BAD;
    else if ((rest = argument(text, "reserve")))
        status = reserve(0, number(rest) * MIB);
    else if ((rest = argument(text, "hold")))
        status = hold(number(rest) * MIB);
    else if ((rest = argument(text, "open")))
        status = look_at(open_global(number(rest)));
    else if ((rest = argument(text, "lock")))
        status = lock_is_refused(open_global(number(rest)));
    else if ((rest = argument(text, "restricted")))
        status = open_global(restricted = number(rest)) ? BAD : OK;
    else if ((rest = argument(text, "address")))
        status = reserve_address(number(rest) * 64 * KIB);
    WriteFile(GetStdHandle(STD_OUTPUT_HANDLE), status == OK ? "y" : "n", 1, &count, NULL);
    ReadFile(GetStdHandle(STD_INPUT_HANDLE), &end, 1, &count, NULL);
    if (restricted && !open_global(restricted))
        status = BAD;
    return (UINT)status;
}
