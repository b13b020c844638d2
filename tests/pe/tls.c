/*
 * Static thread-local storage and its callbacks, as a compiler lays them out: a TLS directory, a
 * template, an index. Statement by statement (kit.h).
 */
#include "kit.h"

enum { TEMPLATE_VALUE = 0x1234, ZERO_BYTES = 64 };

/*
 * The template lies between the first and the last .tls$ section; what the directory adds as zeros
 * follows it in each thread's copy.
 */
__attribute__((section(".tls"), used)) static ULONG64 tls_begin = 0;
__attribute__((section(".tls$M"), used)) static ULONG64 tls_value = TEMPLATE_VALUE;
__attribute__((section(".tls$ZZZ"), used)) static ULONG64 tls_end = 0;

ULONG _tls_index;
static volatile LONG attached, detached, process_attached;
static DWORD attach_thread;
static LONG attached_before_start = -1;
static PVOID callback_module;

static void NTAPI on_notice(PVOID module, DWORD reason, PVOID reserved)
{
    if (reason == DLL_PROCESS_ATTACH) {
        InterlockedIncrement(&process_attached);
        attach_thread = GetCurrentThreadId();
        callback_module = module;
    } else if (reason == DLL_THREAD_ATTACH) {
        InterlockedIncrement(&attached);
    } else if (reason == DLL_THREAD_DETACH) {
        InterlockedIncrement(&detached);
    }
}

static volatile LONG second_calls;
static void NTAPI on_notice_too(PVOID module, DWORD reason, PVOID reserved)
{
    InterlockedIncrement(&second_calls);
}

static const PIMAGE_TLS_CALLBACK callbacks[] = {on_notice, on_notice_too, NULL};

/* The linker makes the TLS directory entry of this name. */
const IMAGE_TLS_DIRECTORY64 _tls_used = {
    (ULONG64)&tls_begin, (ULONG64)&tls_end, (ULONG64)&_tls_index, (ULONG64)callbacks, ZERO_BYTES, 0,
};

/*
 * What a compiler emits for a __declspec(thread) variable: the TEB's array of blocks, the module's
 * index, the offset in the section. The offset is a difference here, since the linker of binutils
 * 2.40 wrongly relocates section-relative ones when the image moves.
 */
static ULONG64 *value_of_this_thread(void)
{
    char **blocks;
    __asm__("movq %%gs:0x58, %0" : "=r"(blocks));
    return (ULONG64 *)(blocks[_tls_index] + ((char *)&tls_value - (char *)&tls_begin));
}

static void tl001(void)
{
    same("value of the template", *value_of_this_thread(), TEMPLATE_VALUE);
    ok("a copy, not the template", value_of_this_thread() != &tls_value);
}

static DWORD WINAPI thread(void *argument)
{
    ULONG64 *facts = argument, *value = value_of_this_thread();
    const char *zeros = (const char *)value + ((char *)&tls_end - (char *)&tls_value);
    unsigned i;

    facts[0] = *value;
    facts[1] = (ULONG64)value;
    for (i = 0; i < ZERO_BYTES; i++)
        facts[2] |= (ULONG64)(unsigned char)zeros[i];
    *value = 77;
    facts[3] = (ULONG64)attached;
    return 0;
}

static void run_thread(ULONG64 *facts)
{
    HANDLE handle = CreateThread(NULL, 0, thread, facts, 0, NULL);
    WaitForSingleObject(handle, 10000);
    CloseHandle(handle);
}

static void tl002(void)
{
    ULONG64 facts[4] = {0};

    *value_of_this_thread() = 5;
    run_thread(facts);
    same("value in a new thread", facts[0], TEMPLATE_VALUE);
    ok("at an address of its own", facts[1] != (ULONG64)value_of_this_thread());
    same("value here, after the other thread wrote its own", *value_of_this_thread(), 5);
    *value_of_this_thread() = TEMPLATE_VALUE;
}

static void tl003(void)
{
    ULONG64 facts[4] = {0};
    run_thread(facts);
    same("bytes behind the template", facts[2], 0);
}

static void tl004(void)
{
    same("attached to the process, when the program started", attached_before_start, 1);
    same("in the main thread", attach_thread, GetCurrentThreadId());
    same("module", (ULONG64)callback_module, (ULONG64)GetModuleHandleW(NULL));
}

static void tl005(void)
{
    ULONG64 facts[4] = {0};
    LONG before = attached, gone = detached, second = second_calls;

    run_thread(facts);
    same("attached when the thread's function began", facts[3], (ULONG64)before + 1);
    same("detached when it ended", detached, gone + 1);
    same("calls of the second callback", second_calls, second + 2);
}

static const struct statement statements[] = {
    {"TL-001", tl001}, {"TL-002", tl002}, {"TL-003", tl003}, {"TL-004", tl004}, {"TL-005", tl005},
};

void start(void)
{
    attached_before_start = process_attached;
    ExitProcess((UINT)kit_run(statements, sizeof statements / sizeof statements[0], NULL));
}
