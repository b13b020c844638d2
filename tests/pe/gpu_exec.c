/*
 * Fences, semaphores and keyed mutexes between programs that know of each other only a name or a
 * global handle: this one starts itself. Same lines as gpu_device.exe (kit.h).
 *
 *     gpu_exec.exe [PREFIX]
 *     gpu_exec.exe +VERB NUMBER     what the child is to do with the objects of that number; it says
 *                                   "r" when it is ready, goes on when its input has a letter or
 *                                   ends, and answers with its exit code
 *
 * That a wait for a fence ends when its value is reached, and not before, is all that is documented:
 * nobody says that a fence is abandoned. So who waits for one whose other program has died goes on
 * waiting, can be told by anybody who has it, and by its device. A keyed mutex is abandoned
 * (WAIT_ABANDONED of IDXGIKeyedMutex::AcquireSync).
 *
 * One file, though a long one: each statement here has its other half in a verb of the child.
 */
#include "gpu.h"

#define PATIENCE   20000u /* ms: nothing takes that long */
#define A_WHILE    150u
#define CODE       0x4711u
#define FLAG(name) D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS_##name
#define FOR_NT     (FLAG(Shared) | FLAG(NtSecuritySharing))

static D3DKMT_HANDLE adapter, device, context;

struct fence {
    D3DKMT_HANDLE handle;
    const volatile ULONG64 *value;
    HANDLE nt; /* what keeps its name */
};

/*
 * --- objects
 */

static BOOL begin(void)
{
    D3DKMT_ADAPTERINFO found[16];
    D3DKMT_ENUMADAPTERS2 list = {.NumAdapters = 16, .pAdapters = found};
    D3DKMT_CREATEDEVICE create = {.hAdapter = 0};
    D3DKMT_CREATECONTEXTVIRTUAL stream = {.NodeOrdinal = 0};
    if (D3DKMTEnumAdapters2(&list) != STATUS_SUCCESS || !list.NumAdapters)
        return FALSE;
    create.hAdapter = adapter = found[0].hAdapter;
    if (D3DKMTCreateDevice(&create) != STATUS_SUCCESS)
        return FALSE;
    device = stream.hDevice = create.hDevice;
    if (D3DKMTCreateContextVirtual(&stream) != STATUS_SUCCESS)
        return FALSE;
    context = stream.hContext;
    return TRUE;
}

static NTSTATUS end(void)
{
    const D3DKMT_DESTROYDEVICE destroy = {device};
    return D3DKMTDestroyDevice(&destroy);
}

/* "\BaseNamedObjects\winmem fence N" */
static OBJECT_ATTRIBUTES *name_of(ULONG64 number)
{
    static const char text[] = "\\BaseNamedObjects\\winmem fence ";
    static WCHAR name[64];
    static UNICODE_STRING string;
    static OBJECT_ATTRIBUTES attributes;
    unsigned length = 0;
    for (; text[length]; length++)
        name[length] = (WCHAR)text[length];
    for (int i = 60; i >= 0; i -= 4)
        name[length++] = (WCHAR) "0123456789ABCDEF"[number >> i & 15];
    string = (UNICODE_STRING){(USHORT)(length * 2), sizeof name, name};
    attributes = (OBJECT_ATTRIBUTES){.Length = sizeof attributes, .ObjectName = &string};
    return &attributes;
}

static NTSTATUS make_object(int type, unsigned flags, D3DKMT_CREATESYNCHRONIZATIONOBJECT2 *create)
{
    create->hDevice = device;
    create->Info.Type = (D3DDDI_SYNCHRONIZATIONOBJECT_TYPE)type;
    create->Info.Flags.Value = flags;
    return D3DKMTCreateSynchronizationObject2(create);
}

/* A new one, which the number names. */
static NTSTATUS make_fence(ULONG64 number, ULONG64 first, struct fence *ret_fence)
{
    D3DKMT_CREATESYNCHRONIZATIONOBJECT2 create = {.hDevice = 0};
    create.Info.MonitoredFence.InitialFenceValue = first;
    NTSTATUS status = make_object(D3DDDI_MONITORED_FENCE, FOR_NT, &create);
    ret_fence->handle = create.hSyncObject;
    ret_fence->value = create.Info.MonitoredFence.FenceValueCPUVirtualAddress;
    return status == STATUS_SUCCESS
               ? D3DKMTShareObjects(1, &ret_fence->handle, name_of(number),
                                    D3DDDI_SYNC_OBJECT_ALL_ACCESS, &ret_fence->nt)
               : status;
}

/* By its name, and by the NT handle that the name gives. */
static NTSTATUS open_fence(ULONG64 number, struct fence *ret_fence)
{
    D3DKMT_OPENSYNCOBJECTNTHANDLEFROMNAME find = {.dwDesiredAccess = D3DDDI_SYNC_OBJECT_ALL_ACCESS,
                                                  .pObjAttrib = name_of(number)};
    NTSTATUS status = D3DKMTOpenSyncObjectNtHandleFromName(&find);
    D3DKMT_OPENSYNCOBJECTFROMNTHANDLE2 open = {.hNtHandle = find.hNtHandle, .hDevice = device};
    if (status == STATUS_SUCCESS)
        status = D3DKMTOpenSyncObjectFromNtHandle2(&open);
    ret_fence->nt = find.hNtHandle;
    ret_fence->handle = open.hSyncObject;
    ret_fence->value = open.MonitoredFence.FenceValueCPUVirtualAddress;
    return status;
}

static NTSTATUS drop_object(D3DKMT_HANDLE handle)
{
    const D3DKMT_DESTROYSYNCHRONIZATIONOBJECT destroy = {handle};
    return D3DKMTDestroySynchronizationObject(&destroy);
}

static void drop_fence(const struct fence *fence)
{
    good(drop_object(fence->handle));
    ok("closed", CloseHandle(fence->nt));
}

static NTSTATUS signal_cpu(D3DKMT_HANDLE fence, ULONG64 value)
{
    const D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMCPU signal = {.hDevice = device,
                                                              .ObjectCount = 1,
                                                              .ObjectHandleArray = &fence,
                                                              .FenceValueArray = &value};
    return D3DKMTSignalSynchronizationObjectFromCpu(&signal);
}

static NTSTATUS wait_cpu(D3DKMT_HANDLE fence, ULONG64 value, HANDLE event)
{
    const D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMCPU wait = {.hDevice = device,
                                                             .ObjectCount = 1,
                                                             .ObjectHandleArray = &fence,
                                                             .FenceValueArray = &value,
                                                             .hAsyncEvent = event};
    return D3DKMTWaitForSynchronizationObjectFromCpu(&wait);
}

static NTSTATUS signal_gpu(D3DKMT_HANDLE fence, ULONG64 value)
{
    D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU signal = {
        .hContext = context, .ObjectCount = 1, .ObjectHandleArray = &fence};
    signal.MonitoredFenceValueArray = &value;
    return D3DKMTSignalSynchronizationObjectFromGpu(&signal);
}

static NTSTATUS wait_gpu(D3DKMT_HANDLE fence, ULONG64 value)
{
    D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMGPU wait = {
        .hContext = context, .ObjectCount = 1, .ObjectHandleArray = &fence};
    wait.MonitoredFenceValueArray = &value;
    return D3DKMTWaitForSynchronizationObjectFromGpu(&wait);
}

/* Of a semaphore, by the context. */
static NTSTATUS take(D3DKMT_HANDLE semaphore)
{
    const D3DKMT_WAITFORSYNCHRONIZATIONOBJECT2 wait = {
        .hContext = context, .ObjectCount = 1, .ObjectHandleArray = {semaphore}};
    return D3DKMTWaitForSynchronizationObject2(&wait);
}

static NTSTATUS give(D3DKMT_HANDLE semaphore)
{
    const D3DKMT_SIGNALSYNCHRONIZATIONOBJECT2 signal = {
        .hContext = context, .ObjectCount = 1, .ObjectHandleArray = {semaphore}};
    return D3DKMTSignalSynchronizationObject2(&signal);
}

static NTSTATUS acquire(D3DKMT_HANDLE mutex, ULONG64 key)
{
    LARGE_INTEGER timeout = {.QuadPart = -(LONGLONG)PATIENCE * 10000};
    D3DKMT_ACQUIREKEYEDMUTEX data = {.hKeyedMutex = mutex, .Key = key, .pTimeout = &timeout};
    return D3DKMTAcquireKeyedMutex(&data);
}

/*
 * --- the child
 */

static void join(char *to, const char *text)
{
    while (*to)
        to++;
    while ((*to++ = *text++))
        continue;
}

static void join_number(char *to, ULONG64 number)
{
    char digits[24];
    unsigned at = sizeof digits;
    digits[--at] = 0;
    do
        digits[--at] = (char)('0' + number % 10);
    while (number /= 10);
    join(to, digits + at);
}

/* The command line of this program with a verb and a number. */
static char *command_of(const char *verb, ULONG64 number)
{
    static char text[2 * MAX_PATH];
    text[0] = '"';
    text[1] = 0;
    GetModuleFileNameA(NULL, text + 1, MAX_PATH);
    join(text, "\" +");
    join(text, verb);
    join(text, " ");
    join_number(text, number);
    return text;
}

static void be_ready(void)
{
    char letter;
    DWORD count;
    WriteFile(GetStdHandle(STD_OUTPUT_HANDLE), "r", 1, &count, NULL);
    ReadFile(GetStdHandle(STD_INPUT_HANDLE), &letter, 1, &count, NULL);
}

/* 5 by the CPU, 6 by the GPU, each after a while. */
static UINT child_signal(ULONG64 number)
{
    struct fence fence;
    if (open_fence(number, &fence) != STATUS_SUCCESS || *fence.value != 3)
        return 1;
    be_ready();
    Sleep(A_WHILE);
    if (signal_cpu(fence.handle, 5) != STATUS_SUCCESS)
        return 2;
    be_ready();
    Sleep(A_WHILE);
    return signal_gpu(fence.handle, 6) == STATUS_SUCCESS && wait_cpu(fence.handle, 6, NULL) == 0
               ? CODE
               : 3;
}

/* Blocks for 5; then for 6 by an event; then its context waits for 7. */
static UINT child_wait(ULONG64 number)
{
    struct fence fence, own;
    HANDLE event = CreateEventW(NULL, TRUE, FALSE, NULL);
    if (open_fence(number, &fence) != STATUS_SUCCESS ||
        make_fence(GetCurrentProcessId(), 0, &own) != STATUS_SUCCESS)
        return 1;
    be_ready();
    if (wait_cpu(fence.handle, 5, NULL) != STATUS_SUCCESS || *fence.value < 5)
        return 2;
    if (wait_cpu(fence.handle, 6, event) != STATUS_SUCCESS)
        return 3;
    be_ready();
    if (WaitForSingleObject(event, PATIENCE) != WAIT_OBJECT_0 || *fence.value < 6)
        return 4;
    if (wait_gpu(fence.handle, 7) != STATUS_SUCCESS || signal_gpu(own.handle, 1) != STATUS_SUCCESS)
        return 5;
    be_ready();
    return wait_cpu(own.handle, 1, NULL) == STATUS_SUCCESS && *fence.value == 7 ? CODE : 6;
}

/* The number is a global handle. Gives twice. */
static UINT child_give(ULONG64 global)
{
    D3DKMT_OPENSYNCHRONIZATIONOBJECT open = {.hSharedHandle = (D3DKMT_HANDLE)global};
    if (D3DKMTOpenSynchronizationObject(&open) != STATUS_SUCCESS)
        return 1;
    be_ready();
    if (give(open.hSyncObject) != STATUS_SUCCESS)
        return 2;
    be_ready();
    return give(open.hSyncObject) == STATUS_SUCCESS ? CODE : 3;
}

/* Has a fence that others wait for, and work in its stream that would signal it; does neither. */
static UINT child_own(ULONG64 number)
{
    struct fence fence, never;
    if (make_fence(number, 3, &fence) != STATUS_SUCCESS ||
        make_fence(GetCurrentProcessId(), 0, &never) != STATUS_SUCCESS ||
        wait_gpu(never.handle, 1) != STATUS_SUCCESS ||
        signal_gpu(fence.handle, 5) != STATUS_SUCCESS)
        return 1;
    be_ready();
    Sleep(PATIENCE);
    return 2;
}

static DWORD WINAPI signal_soon(void *fence)
{
    Sleep(A_WHILE);
    return (DWORD)signal_cpu(((struct fence *)fence)->handle, 9);
}

/* Waits for what child_own does not signal; that one dies when this one is ready. */
static UINT child_survive(ULONG64 number)
{
    struct fence fence, again;
    HANDLE event = CreateEventW(NULL, TRUE, FALSE, NULL), thread;
    if (open_fence(number, &fence) != STATUS_SUCCESS ||
        wait_cpu(fence.handle, 5, event) != STATUS_SUCCESS)
        return 1;
    be_ready(); /* it is dead */
    if (WaitForSingleObject(event, A_WHILE) != WAIT_TIMEOUT || *fence.value != 3)
        return 2;
    if (open_fence(number, &again) != STATUS_SUCCESS) /* our handle keeps the name */
        return 3;
    thread = CreateThread(NULL, 0, signal_soon, &again, 0, NULL);
    if (wait_cpu(fence.handle, 9, NULL) != STATUS_SUCCESS) /* blocks, and ends */
        return 4;
    return WaitForSingleObject(event, PATIENCE) == WAIT_OBJECT_0 && *fence.value == 9 &&
                   WaitForSingleObject(thread, PATIENCE) == WAIT_OBJECT_0
               ? CODE
               : 5;
}

/* The same with our input and output: its own parent dies. Nobody else sees how it ends. */
static UINT child_orphan(ULONG64 number)
{
    DWORD count;
    UINT code = child_survive(number);
    WriteFile(GetStdHandle(STD_OUTPUT_HANDLE), code == CODE ? "p" : "f", 1, &count, NULL);
    return code;
}

static UINT child_parent(ULONG64 number)
{
    STARTUPINFOA how = {.cb = sizeof how, .dwFlags = STARTF_USESTDHANDLES};
    PROCESS_INFORMATION info;
    struct fence fence;
    how.hStdInput = GetStdHandle(STD_INPUT_HANDLE);
    how.hStdOutput = how.hStdError = GetStdHandle(STD_OUTPUT_HANDLE);
    if (make_fence(number, 3, &fence) != STATUS_SUCCESS ||
        !CreateProcessA(NULL, command_of("orphan", number), NULL, NULL, TRUE, 0, NULL, NULL, &how,
                        &info))
        return 1;
    Sleep(PATIENCE);
    return 2;
}

static NTSTATUS open_mutex(ULONG64 global, D3DKMT_HANDLE *ret_mutex)
{
    D3DKMT_OPENKEYEDMUTEX open = {.hSharedHandle = (D3DKMT_HANDLE)global};
    NTSTATUS status = D3DKMTOpenKeyedMutex(&open);
    *ret_mutex = open.hKeyedMutex;
    return status;
}

static UINT child_hold(ULONG64 global)
{
    D3DKMT_HANDLE mutex;
    if (open_mutex(global, &mutex) != STATUS_SUCCESS || acquire(mutex, 0) != STATUS_SUCCESS)
        return 1;
    be_ready();
    Sleep(PATIENCE);
    return 2;
}

static const struct {
    const char *verb;
    UINT (*run)(ULONG64 number);
} verbs[] = {{"signal", child_signal}, {"wait", child_wait},       {"give", child_give},
             {"own", child_own},       {"survive", child_survive}, {"hold", child_hold},
             {"orphan", child_orphan}, {"parent", child_parent}};

/* "+verb number" */
static UINT run_verb(const char *text)
{
    for (unsigned i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        const char *at = text, *verb = verbs[i].verb;
        ULONG64 number = 0;
        while (*verb && *at == *verb)
            at++, verb++;
        if (*verb || *at != ' ')
            continue;
        while (*++at >= '0' && *at <= '9')
            number = number * 10 + (ULONG64)(*at - '0');
        return begin() ? verbs[i].run(number) : 90;
    }
    return 91;
}

/*
 * --- the parent
 */

struct child {
    HANDLE process, to, from;
};

static void await_ready(const struct child *child)
{
    char letter = 0;
    DWORD got;
    ReadFile(child->from, &letter, 1, &got, NULL);
    same("the child is ready", letter, 'r');
}

static void go_on(const struct child *child)
{
    DWORD written;
    ok("told to go on", WriteFile(child->to, "g", 1, &written, NULL));
}

static void start_child(struct child *child, const char *verb, ULONG64 number)
{
    STARTUPINFOA how = {.cb = sizeof how, .dwFlags = STARTF_USESTDHANDLES};
    SECURITY_ATTRIBUTES inherited = {sizeof inherited, NULL, TRUE};
    PROCESS_INFORMATION info;
    if (!CreatePipe(&how.hStdInput, &child->to, &inherited, 0) ||
        !CreatePipe(&child->from, &how.hStdOutput, &inherited, 0))
        ExitProcess(92);
    SetHandleInformation(child->to, HANDLE_FLAG_INHERIT, 0);
    SetHandleInformation(child->from, HANDLE_FLAG_INHERIT, 0);
    how.hStdError = how.hStdOutput;
    if (!CreateProcessA(NULL, command_of(verb, number), NULL, NULL, TRUE, 0, NULL, NULL, &how,
                        &info))
        ExitProcess(93);
    CloseHandle(how.hStdInput);
    CloseHandle(how.hStdOutput);
    CloseHandle(info.hThread);
    child->process = info.hProcess;
    await_ready(child);
}

static void finish(struct child *child, DWORD wanted)
{
    DWORD code = 0;
    same("the child ends", WaitForSingleObject(child->process, PATIENCE), WAIT_OBJECT_0);
    GetExitCodeProcess(child->process, &code);
    same("its code", code, wanted);
    CloseHandle(child->process);
    CloseHandle(child->to);
    CloseHandle(child->from);
}

static void kill(struct child *child)
{
    ok("killed", TerminateProcess(child->process, 99));
    finish(child, 99);
}

/* The child signals, the parent waits: blocking, and by an event. */
static void gx001(void)
{
    struct child child;
    struct fence fence;
    HANDLE event = CreateEventW(NULL, TRUE, FALSE, NULL);
    ULONG64 number = GetCurrentProcessId();
    good(make_fence(number, 3, &fence));
    start_child(&child, "signal", number);
    same("not yet", *fence.value, 3);
    go_on(&child);
    good(wait_cpu(fence.handle, 5, NULL));
    same("by the CPU", *fence.value, 5);
    await_ready(&child);
    good(wait_cpu(fence.handle, 6, event));
    same("waits", WaitForSingleObject(event, 0), WAIT_TIMEOUT);
    go_on(&child);
    same("told", WaitForSingleObject(event, PATIENCE), WAIT_OBJECT_0);
    same("by the GPU", *fence.value, 6);
    finish(&child, CODE);
    same("and it stays so", *fence.value, 6);
    CloseHandle(event);
    drop_fence(&fence);
}

/* The parent signals, the child waits in three ways. */
static void gx002(void)
{
    struct child child;
    struct fence fence;
    ULONG64 number = GetCurrentProcessId();
    good(make_fence(number, 3, &fence));
    start_child(&child, "wait", number);
    go_on(&child);
    Sleep(A_WHILE); /* it blocks */
    good(signal_cpu(fence.handle, 5));
    await_ready(&child);
    good(signal_gpu(fence.handle, 6));
    go_on(&child);
    await_ready(&child);
    go_on(&child);
    Sleep(A_WHILE);
    same("it waits", WaitForSingleObject(child.process, 0), WAIT_TIMEOUT);
    good(signal_cpu(fence.handle, 7));
    finish(&child, CODE);
    drop_fence(&fence);
}

/* A semaphore that the child opens by its global handle: what it gives, the parent's context takes. */
static void gx003(void)
{
    D3DKMT_CREATESYNCHRONIZATIONOBJECT2 create = {.hDevice = 0};
    struct child child;
    struct fence taken;
    HANDLE event = CreateEventW(NULL, TRUE, FALSE, NULL);
    good(make_fence(GetCurrentProcessId(), 0, &taken));
    create.Info.Semaphore.MaxCount = 3;
    good(make_object(D3DDDI_SEMAPHORE, FLAG(Shared), &create));
    start_child(&child, "give", create.Info.SharedHandle);
    for (ULONG64 i = 1; i <= 3; i++) {
        good(take(create.hSyncObject));
        good(signal_gpu(taken.handle, i));
    }
    good(wait_cpu(taken.handle, 2, event));
    go_on(&child);
    good(wait_cpu(taken.handle, 1, NULL));
    same("one", *taken.value, 1);
    await_ready(&child);
    same("not two", WaitForSingleObject(event, A_WHILE), WAIT_TIMEOUT);
    go_on(&child);
    same("two", WaitForSingleObject(event, PATIENCE), WAIT_OBJECT_0);
    finish(&child, CODE);
    Sleep(A_WHILE);
    same("not three", *taken.value, 2);
    CloseHandle(event);
    drop_fence(&taken);
    good(drop_object(create.hSyncObject));
}

/* Who was to signal dies: the wait of another goes on, and is not lost. */
static void gx004(void)
{
    struct child owner, waiter;
    struct fence fence;
    ULONG64 number = GetCurrentProcessId();
    start_child(&owner, "own", number);
    start_child(&waiter, "survive", number);
    kill(&owner);
    go_on(&waiter);
    finish(&waiter, CODE);
    /* with the last who has it the fence goes, and its name */
    gives(STATUS_OBJECT_NAME_NOT_FOUND, open_fence(number, &fence));
}

/* The same, but who waits is the one that is left alone with a blocking call and its device's end. */
static DWORD WINAPI end_device_soon(void *unused)
{
    (void)unused;
    Sleep(A_WHILE);
    return (DWORD)end();
}

static void gx005(void)
{
    struct child owner;
    struct fence fence;
    ULONG64 number = GetCurrentProcessId();
    start_child(&owner, "own", number);
    good(open_fence(number, &fence));
    kill(&owner);
    HANDLE thread = CreateThread(NULL, 0, end_device_soon, NULL, 0, NULL);
    bad(wait_cpu(fence.handle, 5, NULL)); /* its device is no device any more */
    same("ended", WaitForSingleObject(thread, PATIENCE), WAIT_OBJECT_0);
    CloseHandle(thread);
    CloseHandle(fence.nt);
    ok("another device", begin());
}

/* The one that dies has started the one that waits. */
static void gx007(void)
{
    struct child parent;
    char letter = 0;
    DWORD got;
    start_child(&parent, "parent", GetCurrentProcessId()); /* who is ready is the orphan to be */
    ok("killed", TerminateProcess(parent.process, 99));
    same("the parent is dead", WaitForSingleObject(parent.process, PATIENCE), WAIT_OBJECT_0);
    go_on(&parent);
    ok("the orphan answers", ReadFile(parent.from, &letter, 1, &got, NULL) && got == 1);
    same("well", letter, 'p');
    finish(&parent, 99);
}

/* A keyed mutex whose holder dies while the parent waits for it. */
static D3DKMT_HANDLE contested;

static DWORD WINAPI acquire_contested(void *unused)
{
    (void)unused;
    return (DWORD)acquire(contested, 0);
}

static void gx006(void)
{
    D3DKMT_CREATEKEYEDMUTEX create = {.InitialValue = 0};
    struct child holder;
    DWORD answer = 0;
    good(D3DKMTCreateKeyedMutex(&create));
    start_child(&holder, "hold", create.hSharedHandle);
    contested = create.hKeyedMutex;
    HANDLE thread = CreateThread(NULL, 0, acquire_contested, NULL, 0, NULL);
    same("waits", WaitForSingleObject(thread, A_WHILE), WAIT_TIMEOUT);
    kill(&holder);
    same("has it", WaitForSingleObject(thread, PATIENCE), WAIT_OBJECT_0);
    GetExitCodeThread(thread, &answer);
    same("abandoned", answer, STATUS_ABANDONED_WAIT_0);
    CloseHandle(thread);
    const D3DKMT_DESTROYKEYEDMUTEX destroy = {create.hKeyedMutex};
    good(D3DKMTDestroyKeyedMutex(&destroy));
}

static const struct statement statements[] = {
    {"GX-001", gx001}, {"GX-002", gx002}, {"GX-003", gx003}, {"GX-004", gx004},
    {"GX-005", gx005}, {"GX-006", gx006}, {"GX-007", gx007},
};

void start(void);
void start(void)
{
    const char *command = GetCommandLineA(), *only = NULL;
    for (; *command; command++) {
        if (command[0] == ' ' && command[1] == '+')
            ExitProcess(run_verb(command + 2));
        if (command[0] == ' ' && command[1] == 'G' && command[2] == 'X')
            only = command + 1;
    }
    if (!begin())
        ExitProcess(94);
    int code = kit_run(statements, sizeof statements / sizeof statements[0], only);
    end();
    ExitProcess((UINT)code);
}
