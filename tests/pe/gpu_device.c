/*
 * What a Windows program can see of the adapters, devices and synchronisation of the simulated GPU,
 * statement by statement (kit.h). The work that it submits is what this adapter understands
 * (winmem/gpu.h); all else is as on any system.
 *
 *     gpu_device.exe [PREFIX]      only the statements whose identity begins with PREFIX
 */
#include "gpu_device.h"

enum { MOST = 16 };

static D3DKMT_ADAPTERINFO found[MOST];
static unsigned found_count;

D3DKMT_HANDLE adapter(void)
{
    return found[0].hAdapter;
}

LUID adapter_luid(void)
{
    return found[0].AdapterLuid;
}

D3DKMT_HANDLE last_adapter(void)
{
    return found_count ? found[found_count - 1].hAdapter : 0;
}

LUID last_adapter_luid(void)
{
    return found_count ? found[found_count - 1].AdapterLuid : NO_LUID;
}

int same_luid(LUID a, LUID b)
{
    return a.LowPart == b.LowPart && a.HighPart == b.HighPart;
}

NTSTATUS open_luid(LUID luid, D3DKMT_HANDLE *ret_adapter)
{
    D3DKMT_OPENADAPTERFROMLUID open = {.AdapterLuid = luid, .hAdapter = *ret_adapter};
    NTSTATUS status = D3DKMTOpenAdapterFromLuid(&open);
    *ret_adapter = open.hAdapter;
    return status;
}

NTSTATUS close_adapter(D3DKMT_HANDLE handle)
{
    const D3DKMT_CLOSEADAPTER close = {handle};
    return D3DKMTCloseAdapter(&close);
}

NTSTATUS ask(D3DKMT_HANDLE handle, unsigned type, void *answer, unsigned size)
{
    const D3DKMT_QUERYADAPTERINFO question = {handle, type, answer, size};
    return D3DKMTQueryAdapterInfo(&question);
}

NTSTATUS statistics(LUID luid, unsigned type, HANDLE process, unsigned number,
                    D3DKMT_QUERYSTATISTICS_RESULT *ret_result)
{
    static D3DKMT_QUERYSTATISTICS query;
    NTSTATUS status;

    memset(&query, 0, sizeof query);
    query.Type = type;
    query.AdapterLuid = luid;
    query.hProcess = process;
    query.QuerySegment.SegmentId = number;
    status = D3DKMTQueryStatistics(&query);
    if (ret_result)
        *ret_result = query.QueryResult;
    return status;
}

D3DKMT_HANDLE make_device_on(D3DKMT_HANDLE handle)
{
    D3DKMT_CREATEDEVICE create = {.hAdapter = handle};
    good(D3DKMTCreateDevice(&create));
    return create.hDevice;
}

D3DKMT_HANDLE make_device(void)
{
    return make_device_on(adapter());
}

NTSTATUS try_context(D3DKMT_HANDLE device, unsigned node, D3DKMT_HANDLE *ret_context)
{
    D3DKMT_CREATECONTEXTVIRTUAL create = {
        .hDevice = device, .NodeOrdinal = node, .ClientHint = D3DKMT_CLIENTHINT_VULKAN};
    NTSTATUS status = D3DKMTCreateContextVirtual(&create);
    *ret_context = create.hContext;
    return status;
}

D3DKMT_HANDLE make_context(D3DKMT_HANDLE device, unsigned node)
{
    D3DKMT_HANDLE context;
    good(try_context(device, node, &context));
    return context;
}

NTSTATUS drop_device(D3DKMT_HANDLE device)
{
    const D3DKMT_DESTROYDEVICE destroy = {device};
    return D3DKMTDestroyDevice(&destroy);
}

NTSTATUS drop_context(D3DKMT_HANDLE context)
{
    const D3DKMT_DESTROYCONTEXT destroy = {context};
    return D3DKMTDestroyContext(&destroy);
}

unsigned state_of(D3DKMT_HANDLE device)
{
    D3DKMT_GETDEVICESTATE state = {.hDevice = device, .StateType = D3DKMT_DEVICESTATE_EXECUTION};
    NTSTATUS status = D3DKMTGetDeviceState(&state);
    good(status);
    return status == STATUS_SUCCESS ? state.ExecutionState : 0;
}

NTSTATUS mark_failed(D3DKMT_HANDLE device)
{
    D3DKMT_MARKDEVICEASERROR mark = {device, D3DKMT_DEVICE_ERROR_REASON_GENERIC};
    return D3DKMTMarkDeviceAsError(&mark);
}

NTSTATUS try_object(D3DKMT_CREATESYNCHRONIZATIONOBJECT2 *create, D3DKMT_HANDLE device, int type,
                    unsigned flags)
{
    create->hDevice = device;
    create->Info.Type = (D3DDDI_SYNCHRONIZATIONOBJECT_TYPE)type;
    create->Info.Flags.Value = flags;
    return D3DKMTCreateSynchronizationObject2(create);
}

struct fence make_fence(D3DKMT_HANDLE device, ULONG64 first, unsigned flags)
{
    static const ULONG64 nothing;
    D3DKMT_CREATESYNCHRONIZATIONOBJECT2 create = {.hSyncObject = 0};
    struct fence fence = {.value = &nothing};

    create.Info.MonitoredFence.InitialFenceValue = first;
    good(try_object(&create, device, D3DDDI_MONITORED_FENCE, flags));
    fence.handle = create.hSyncObject;
    fence.global = create.Info.SharedHandle;
    if (create.Info.MonitoredFence.FenceValueCPUVirtualAddress)
        fence.value = create.Info.MonitoredFence.FenceValueCPUVirtualAddress;
    return fence;
}

D3DKMT_HANDLE make_object(D3DKMT_HANDLE device, int type, unsigned first)
{
    D3DKMT_CREATESYNCHRONIZATIONOBJECT2 create = {.hSyncObject = 0};

    if (type == D3DDDI_SEMAPHORE) {
        create.Info.Semaphore.MaxCount = 3;
        create.Info.Semaphore.InitialCount = first;
    } else if (type == D3DDDI_SYNCHRONIZATION_MUTEX) {
        create.Info.SynchronizationMutex.InitialState = (BOOL)first;
    } else {
        create.Info.Fence.FenceValue = first;
    }
    good(try_object(&create, device, type, 0));
    return create.hSyncObject;
}

NTSTATUS drop_object(D3DKMT_HANDLE object)
{
    const D3DKMT_DESTROYSYNCHRONIZATIONOBJECT destroy = {object};
    return D3DKMTDestroySynchronizationObject(&destroy);
}

NTSTATUS signal_cpu(D3DKMT_HANDLE device, D3DKMT_HANDLE fence, ULONG64 value)
{
    const D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMCPU signal = {.hDevice = device,
                                                              .ObjectCount = 1,
                                                              .ObjectHandleArray = &fence,
                                                              .FenceValueArray = &value};
    return D3DKMTSignalSynchronizationObjectFromCpu(&signal);
}

NTSTATUS wait_cpu(D3DKMT_HANDLE device, D3DKMT_HANDLE fence, ULONG64 value, HANDLE event)
{
    const D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMCPU wait = {.hDevice = device,
                                                             .ObjectCount = 1,
                                                             .ObjectHandleArray = &fence,
                                                             .FenceValueArray = &value,
                                                             .hAsyncEvent = event};
    return D3DKMTWaitForSynchronizationObjectFromCpu(&wait);
}

NTSTATUS signal_gpu(D3DKMT_HANDLE context, D3DKMT_HANDLE fence, ULONG64 value)
{
    const D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU signal = {.hContext = context,
                                                              .ObjectCount = 1,
                                                              .ObjectHandleArray = &fence,
                                                              .MonitoredFenceValueArray = &value};
    return D3DKMTSignalSynchronizationObjectFromGpu(&signal);
}

NTSTATUS wait_gpu(D3DKMT_HANDLE context, D3DKMT_HANDLE fence, ULONG64 value)
{
    const D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMGPU wait = {.hContext = context,
                                                             .ObjectCount = 1,
                                                             .ObjectHandleArray = &fence,
                                                             .MonitoredFenceValueArray = &value};
    return D3DKMTWaitForSynchronizationObjectFromGpu(&wait);
}

NTSTATUS signal_old(D3DKMT_HANDLE context, D3DKMT_HANDLE object, ULONG64 value)
{
    D3DKMT_SIGNALSYNCHRONIZATIONOBJECT2 signal = {.hContext = context, .ObjectCount = 1};
    signal.ObjectHandleArray[0] = object;
    signal.Fence.FenceValue = value;
    return D3DKMTSignalSynchronizationObject2(&signal);
}

NTSTATUS wait_old(D3DKMT_HANDLE context, D3DKMT_HANDLE object, ULONG64 value)
{
    D3DKMT_WAITFORSYNCHRONIZATIONOBJECT2 wait = {.hContext = context, .ObjectCount = 1};
    wait.ObjectHandleArray[0] = object;
    wait.Fence.FenceValue = value;
    return D3DKMTWaitForSynchronizationObject2(&wait);
}

NTSTATUS submit(D3DKMT_HANDLE context, ULONG64 duration)
{
    struct winmem_gpu_work work = {duration};
    D3DKMT_SUBMITCOMMAND command = {.BroadcastContextCount = 1,
                                    .pPrivateDriverData = &work,
                                    .PrivateDriverDataSize = sizeof work};
    command.BroadcastContext[0] = context;
    return D3DKMTSubmitCommand(&command);
}

NTSTATUS wait_idle(D3DKMT_HANDLE device)
{
    const D3DKMT_WAITFORIDLE wait = {device};
    return D3DKMTWaitForIdle(&wait);
}

int allowed(DWORD privilege)
{
    TOKEN_PRIVILEGES wanted = {1, {{{privilege, 0}, SE_PRIVILEGE_ENABLED}}};
    HMODULE library = LoadLibraryA("advapi32.dll");
    BOOL(WINAPI * open_token)(HANDLE, DWORD, HANDLE *);
    BOOL(WINAPI * adjust)(HANDLE, BOOL, PTOKEN_PRIVILEGES, DWORD, PTOKEN_PRIVILEGES, PDWORD);
    HANDLE token;
    int enabled = 0;

    *(void **)&open_token = (void *)GetProcAddress(library, "OpenProcessToken");
    *(void **)&adjust = (void *)GetProcAddress(library, "AdjustTokenPrivileges");
    if (open_token && adjust &&
        open_token(GetCurrentProcess(), TOKEN_ADJUST_PRIVILEGES | TOKEN_QUERY, &token)) {
        SetLastError(0);
        enabled = adjust(token, FALSE, &wanted, sizeof wanted, NULL, NULL) &&
                  GetLastError() == ERROR_SUCCESS;
        CloseHandle(token);
    }
    if (!enabled)
        kit_skip("the privilege for it is not held");
    return enabled;
}

/* What resets the adapter comes behind what needs it, and what stops one last. */
static const struct statement *const tables[] = {
    adapter_statements,
    info_statements,
    usage_statements,
    device_statements,
    fence_statements,
    stream_statements,
    share_statements,
    mutex_statements,
    display_statements,
    priority_statements,
    hang_statements,
    escape_statements,
    NULL,
};

static void find_adapters(void)
{
    D3DKMT_ENUMADAPTERS2 list = {MOST, found};
    if (D3DKMTEnumAdapters2(&list) == STATUS_SUCCESS)
        found_count = list.NumAdapters;
}

void start(void)
{
    char *command = GetCommandLineA(), *only = NULL;

    for (; *command; command++)
        if (command[0] == ' ' && (command[1] == 'K' || command[1] == 'o'))
            only = command + 1;
    find_adapters();
    if (only && *only == 'o')
        be_the_other();
    ExitProcess((UINT)kit_run_tables(tables, only));
}
