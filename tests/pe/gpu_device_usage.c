/* Statistics: segments, what processes have in them, and the time of nodes. */
#include "gpu_device.h"

#define SIZE (1u << 20)

static D3DKMT_QUERYSTATISTICS_ADAPTER_INFORMATION about_adapter(void)
{
    static D3DKMT_QUERYSTATISTICS_RESULT result;
    good(statistics(adapter_luid(), D3DKMT_QUERYSTATISTICS_ADAPTER, NULL, 0, &result));
    return result.AdapterInformation;
}

static D3DKMT_QUERYSTATISTICS_SEGMENT_INFORMATION about_segment(unsigned segment)
{
    static D3DKMT_QUERYSTATISTICS_RESULT result;
    good(statistics(adapter_luid(), D3DKMT_QUERYSTATISTICS_SEGMENT, NULL, segment, &result));
    return result.SegmentInformation;
}

static void kmt130(void)
{
    D3DKMT_QUERYSTATISTICS_ADAPTER_INFORMATION about = about_adapter();
    unsigned i;
    ok("segments", about.NbSegments > 0);
    ok("nodes", about.NodeCount > 0);
    for (i = 0; i < about.NbSegments && i < 64; i++)
        good(statistics(adapter_luid(), D3DKMT_QUERYSTATISTICS_SEGMENT, NULL, i, NULL));
    for (i = 0; i < about.NodeCount && i < 64; i++)
        good(statistics(adapter_luid(), D3DKMT_QUERYSTATISTICS_NODE, NULL, i, NULL));
}

static void kmt131(void)
{
    unsigned count = about_adapter().NbSegments;
    bad(statistics(adapter_luid(), D3DKMT_QUERYSTATISTICS_SEGMENT, NULL, count, NULL));
    bad(statistics(adapter_luid(), D3DKMT_QUERYSTATISTICS_PROCESS_SEGMENT, GetCurrentProcess(),
                   count, NULL));
}

static void kmt132(void)
{
    bad(statistics(NO_LUID, D3DKMT_QUERYSTATISTICS_ADAPTER, NULL, 0, NULL));
    bad(statistics(NO_LUID, D3DKMT_QUERYSTATISTICS_SEGMENT, NULL, 0, NULL));
}

static void kmt133(void)
{
    D3DKMT_SEGMENTSIZEINFO sizes = {0};
    ULONG64 limits[2] = {0, 0};
    unsigned count = about_adapter().NbSegments, i;

    for (i = 0; i < count && i < 64; i++) {
        D3DKMT_QUERYSTATISTICS_SEGMENT_INFORMATION segment = about_segment(i);
        limits[!!segment.Aperture] += segment.CommitLimit;
    }
    good(ask(adapter(), KMTQAITYPE_GETSEGMENTSIZE, &sizes, sizeof sizes));
    same("dedicated", limits[0], sizes.DedicatedVideoMemorySize + sizes.DedicatedSystemMemorySize);
    same("shared", limits[1], sizes.SharedSystemMemorySize);
}

static D3DKMT_HANDLE make_resident(D3DKMT_HANDLE device)
{
    struct winmem_gpu_allocation wanted = {.size = SIZE, .segments = WINMEM_GPU_LOCAL};
    D3DDDI_ALLOCATIONINFO2 info = {.pPrivateDriverData = &wanted,
                                   .PrivateDriverDataSize = sizeof wanted};
    D3DKMT_CREATEALLOCATION create = {
        .hDevice = device, .NumAllocations = 1, .pAllocationInfo2 = &info};
    D3DKMT_CREATEPAGINGQUEUE queue = {.hDevice = device};
    D3DDDI_MAKERESIDENT resident = {.NumAllocations = 1, .AllocationList = &info.hAllocation};
    NTSTATUS status;

    good(D3DKMTCreateAllocation2(&create));
    good(D3DKMTCreatePagingQueue(&queue));
    resident.hPagingQueue = queue.hPagingQueue;
    status = D3DKMTMakeResident(&resident);
    ok("made resident", status == STATUS_SUCCESS || status == STATUS_PENDING);
    good(wait_cpu(device, queue.hSyncObject, resident.PagingFenceValue, NULL));
    return info.hAllocation;
}

static ULONG64 committed(HANDLE process, unsigned segment)
{
    static D3DKMT_QUERYSTATISTICS_RESULT result;
    good(statistics(adapter_luid(), D3DKMT_QUERYSTATISTICS_PROCESS_SEGMENT, process, segment,
                    &result));
    return result.ProcessSegmentInformation.BytesCommitted;
}

/* The first that is no aperture. */
static unsigned local_segment(void)
{
    unsigned count = about_adapter().NbSegments, i;
    for (i = 0; i < count && about_segment(i).Aperture; i++)
        ;
    ok("local memory", i < count);
    return i;
}

static void kmt134(void)
{
    D3DKMT_HANDLE device = make_device(), allocation;
    D3DKMT_DESTROYALLOCATION2 destroy = {
        .hDevice = device, .phAllocationList = &allocation, .AllocationCount = 1};
    unsigned local = local_segment();
    ULONG64 before = committed(GetCurrentProcess(), local), with;

    allocation = make_resident(device);
    with = committed(GetCurrentProcess(), local);
    ok("raised", with >= before + SIZE);
    good(D3DKMTDestroyAllocation2(&destroy));
    same("taken back", committed(GetCurrentProcess(), local), before);
    good(drop_device(device));
}

/*
 * The other process is this program once more, which ends when its input does: it says "ready" when
 * it has memory.
 */
void be_the_other(void)
{
    D3DKMT_HANDLE device = make_device();
    char end;
    DWORD got;
    make_resident(device);
    kit_print("ready");
    ReadFile(GetStdHandle(STD_INPUT_HANDLE), &end, 1, &got, NULL);
    drop_device(device);
    ExitProcess(0);
}

static BOOL start_other(PROCESS_INFORMATION *ret_process, HANDLE *ret_from, HANDLE *ret_to)
{
    static char path[1024], command[] = "gpu_device.exe other";
    SECURITY_ATTRIBUTES inherited = {sizeof inherited, NULL, TRUE};
    STARTUPINFOA how = {.cb = sizeof how, .dwFlags = STARTF_USESTDHANDLES};
    HANDLE theirs_in, theirs_out;
    BOOL made;

    if (!CreatePipe(&theirs_in, ret_to, &inherited, 0) ||
        !CreatePipe(ret_from, &theirs_out, &inherited, 0))
        return FALSE;
    SetHandleInformation(*ret_to, HANDLE_FLAG_INHERIT, 0);
    SetHandleInformation(*ret_from, HANDLE_FLAG_INHERIT, 0);
    how.hStdInput = theirs_in;
    how.hStdOutput = how.hStdError = theirs_out;
    GetModuleFileNameA(NULL, path, sizeof path);
    made = CreateProcessA(path, command, NULL, NULL, TRUE, 0, NULL, NULL, &how, ret_process);
    CloseHandle(theirs_in);
    CloseHandle(theirs_out);
    return made;
}

static void kmt135(void)
{
    PROCESS_INFORMATION other;
    HANDLE from, to;
    DWORD got = 0;
    char word[8];
    unsigned local = local_segment();
    ULONG64 before = committed(GetCurrentProcess(), local);

    if (!start_other(&other, &from, &to)) {
        ok("another process", 0);
        return;
    }
    ok("it has its memory", ReadFile(from, word, 5, &got, NULL) && got == 5);
    same("not ours", committed(GetCurrentProcess(), local), before);
    ok("its own", committed(other.hProcess, local) >= SIZE);
    ok("all of it", about_segment(local).BytesCommitted >= before + SIZE);
    CloseHandle(to);
    same("ends", WaitForSingleObject(other.hProcess, 20000), WAIT_OBJECT_0);
    CloseHandle(from);
    CloseHandle(other.hThread);
    CloseHandle(other.hProcess);
}

static ULONG64 running_time(unsigned node)
{
    static D3DKMT_QUERYSTATISTICS_RESULT result;
    good(statistics(adapter_luid(), D3DKMT_QUERYSTATISTICS_NODE, NULL, node, &result));
    return (ULONG64)result.NodeInformation.GlobalInformation.RunningTime.QuadPart;
}

static void kmt136(void)
{
    D3DKMT_HANDLE device = make_device(), context = make_context(device, 0);
    ULONG64 before = running_time(0), after;

    ok("never back", running_time(0) >= before);
    good(submit(context, 500 * MS));
    good(wait_idle(device));
    after = running_time(0);
    ok("raised by the work", after >= before + 500 * 10000);
    ok("and not by more", after < before + 600 * 10000);
    good(drop_device(device));
}

const struct statement usage_statements[] = {
    S(130), S(131), S(132), S(133), S(134), S(135), S(136), END,
};
