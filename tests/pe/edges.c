/*
 * Rules of threads and exceptions that ordinary programs meet seldom: what a new thread's registers
 * are, how often one can be suspended, what another thread's context holds, exceptions that cannot
 * be continued. Statement by statement (kit.h).
 */
#include "kit.h"

#define MXCSR_START 0x1F80u /* all exceptions masked, to nearest */
#define MXCSR_OTHER 0x5F80u /* the same, and rounding up */

static DWORD WINAPI read_controls(void *argument)
{
    DWORD *facts = argument;
    WORD x87;
    __asm__ volatile("fnstcw %0" : "=m"(x87));
    __asm__ volatile("stmxcsr %0" : "=m"(facts[1]));
    facts[0] = x87;
    return 0;
}

static void ed001(void)
{
    DWORD facts[2] = {0};
    HANDLE thread = CreateThread(NULL, 0, read_controls, facts, 0, NULL);
    WaitForSingleObject(thread, 10000);
    CloseHandle(thread);
    same("x87 control word: 53 bits, all masked", facts[0], 0x27F);
    same("MXCSR", facts[1], MXCSR_START);
}

static void ed002(void)
{
    HANDLE thread = CreateThread(NULL, 0, read_controls, NULL, CREATE_SUSPENDED, NULL);
    unsigned wrong = 0;
    for (DWORD i = 1; i < MAXIMUM_SUSPEND_COUNT; i++)
        wrong += SuspendThread(thread) != i;
    same("counts that were not one more", wrong, 0);
    SetLastError(0);
    same("once too often", SuspendThread(thread), (DWORD)-1);
    same("last error", GetLastError(), ERROR_SIGNAL_REFUSED);
    same("the count has stayed", ResumeThread(thread), MAXIMUM_SUSPEND_COUNT);
    TerminateThread(thread, 0);
    WaitForSingleObject(thread, 10000);
    CloseHandle(thread);
}

static volatile LONG stage;

static DWORD WINAPI stop_myself(void *argument)
{
    DWORD count;
    stage = 1;
    count = SuspendThread(GetCurrentThread());
    stage = 2;
    return count;
}

static void ed003(void)
{
    DWORD code = 1;
    HANDLE thread = CreateThread(NULL, 0, stop_myself, NULL, 0, NULL);
    while (stage == 0)
        Sleep(1);
    Sleep(50);
    same("a thread that suspends itself stops there", stage, 1);
    same("its count", ResumeThread(thread), 1);
    WaitForSingleObject(thread, 10000);
    GetExitCodeThread(thread, &code);
    same("its own call told the count before", code, 0);
    CloseHandle(thread);
}

/* Where `spin` keeps going round until told, and what its registers hold then. */
static volatile LONG running, leave;
static struct {
    ULONG64 part[3]; /* r15, xmm6 */
} at_end;

static DWORD WINAPI spin(void *argument)
{
    DWORD mxcsr = MXCSR_OTHER;
    __asm__ volatile("ldmxcsr %0" ::"m"(mxcsr));
    __asm__ volatile(
        "xorps %%xmm0, %%xmm0\n xorps %%xmm1, %%xmm1\n xorps %%xmm2, %%xmm2\n"
        "xorps %%xmm3, %%xmm3\n xorps %%xmm4, %%xmm4\n xorps %%xmm5, %%xmm5\n"
        "xorps %%xmm6, %%xmm6\n xorps %%xmm7, %%xmm7\n xorps %%xmm8, %%xmm8\n"
        "xorps %%xmm9, %%xmm9\n xorps %%xmm10, %%xmm10\n xorps %%xmm11, %%xmm11\n"
        "xorps %%xmm12, %%xmm12\n xorps %%xmm13, %%xmm13\n xorps %%xmm14, %%xmm14\n"
        "xorps %%xmm15, %%xmm15\n"
        "mov $0x1212, %%r12\n mov $0x1313, %%r13\n mov $0x1414, %%r14\n mov $0x1515, %%r15\n"
        "movl $1, %[running]\n"
        "1: pause\n cmpl $0, %[leave]\n je 1b\n"
        "mov %%r15, %[end]\n movups %%xmm6, 8+%[end]\n"
        : [running] "=m"(running), [end] "=m"(at_end)
        : [leave] "m"(leave)
        : "r12", "r13", "r14", "r15", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6",
          "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "memory");
    return 0;
}

static void ed004(void)
{
    static CONTEXT context;
    HANDLE thread = CreateThread(NULL, 0, spin, NULL, 0, NULL);
    while (!running)
        Sleep(1);
    same("running", SuspendThread(thread), 0);
    context.ContextFlags = CONTEXT_FULL;
    ok("its context", GetThreadContext(thread, &context));
    same("r12", context.R12, 0x1212);
    same("r13", context.R13, 0x1313);
    same("r14", context.R14, 0x1414);
    same("r15", context.R15, 0x1515);
    same("MXCSR", context.MxCsr, MXCSR_OTHER);
    same("and where the vector registers are", context.FltSave.MxCsr, MXCSR_OTHER);
    context.R15 = 0xABCDEF0123456789;
    context.Xmm6.Low = 0x1122334455667788;
    context.Xmm6.High = 0x99AABBCCDDEEFF00;
    ok("set", SetThreadContext(thread, &context));
    leave = 1;
    same("resumed", ResumeThread(thread), 1);
    same("ended", WaitForSingleObject(thread, 10000), WAIT_OBJECT_0);
    CloseHandle(thread);
    same("r15 as it was set", at_end.part[0], 0xABCDEF0123456789);
    same("xmm6 as it was set, low", at_end.part[1], 0x1122334455667788);
    same("high", at_end.part[2], 0x99AABBCCDDEEFF00);
}

/* What the handler of ed005 met, one after the other. */
static DWORD codes[4], flags[4];
static unsigned met;
static EXCEPTION_RECORD *first_record, *chained;
static CONTEXT way_out;

static LONG CALLBACK go_on(EXCEPTION_POINTERS *pointers)
{
    EXCEPTION_RECORD *record = pointers->ExceptionRecord;
    if (met < 4) {
        codes[met] = record->ExceptionCode;
        flags[met] = record->ExceptionFlags;
    }
    if (met == 0)
        first_record = record;
    else
        chained = record->ExceptionRecord;
    if (++met >= 2)
        RtlRestoreContext(&way_out, NULL);
    return EXCEPTION_CONTINUE_EXECUTION;
}

static void ed005(void)
{
    PVOID handler = AddVectoredExceptionHandler(1, go_on);
    volatile int raised = 0, returned = 0;
    RtlCaptureContext(&way_out);
    if (!raised) {
        raised = 1;
        RaiseException(0xE0000815, EXCEPTION_NONCONTINUABLE, 0, NULL);
        returned = 1;
    }
    RemoveVectoredExceptionHandler(handler);
    same("not continued", returned, 0);
    same("exceptions", met, 2);
    same("the first", codes[0], 0xE0000815);
    same("the second", codes[1], EXCEPTION_NONCONTINUABLE_EXCEPTION);
    same("which cannot be continued either", flags[1] & EXCEPTION_NONCONTINUABLE, 1);
    ok("and refers to the first", chained == first_record);
}

static const struct statement statements[] = {
    {"ED-001", ed001}, {"ED-002", ed002}, {"ED-003", ed003}, {"ED-004", ed004}, {"ED-005", ed005},
};

void start(void)
{
    ExitProcess((UINT)kit_run(statements, sizeof statements / sizeof statements[0], NULL));
}
