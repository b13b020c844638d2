/* Exceptions: which ones come, with what, and who handles them. */
#include "process.h"

static volatile LONG counter;

static volatile struct {
    DWORD code;
    DWORD count;
    ULONG64 rip;
    ULONG64 information[2];
} seen;

static char *go_on;

static LONG CALLBACK note(EXCEPTION_POINTERS *pointers)
{
    seen.code = pointers->ExceptionRecord->ExceptionCode;
    seen.count++;
    seen.rip = pointers->ContextRecord->Rip;
    seen.information[0] = pointers->ExceptionRecord->ExceptionInformation[0];
    seen.information[1] = pointers->ExceptionRecord->ExceptionInformation[1];
    if (go_on)
        pointers->ContextRecord->Rip = (ULONG64)go_on;
    return EXCEPTION_CONTINUE_EXECUTION;
}

__asm__(
    ".text\n"
    "do_divide: xor %eax, %eax\n"
    "xor %edx, %edx\n"
    "xor %ecx, %ecx\n"
    "do_divide_at: div %ecx\n"
    "do_divide_on: ret\n"
    "do_break: nop\n"
    "do_break_at: int3\n"
    "do_break_on: ret\n"
    "do_illegal_at: ud2\n"
    "do_illegal_on: ret\n"
    "do_privileged_at: hlt\n"
    "do_privileged_on: ret\n"
    "do_null: xor %eax, %eax\n"
    "do_null_at: mov 0x18(%rax), %rax\n"
    "do_null_on: ret\n"
    "do_wild: mov $0x8000000000000000, %rax\n"
    "do_wild_at: mov (%rax), %rax\n"
    "do_wild_on: ret\n"
    /* writes through rcx with every register holding something; returns a sum of them */
    "do_keep: push %rbx\n push %rsi\n push %rdi\n push %r12\n"
    "vpcmpeqd %ymm3, %ymm3, %ymm3\n"
    "mov $1, %ebx\n mov $2, %esi\n mov $4, %edi\n mov $8, %r12d\n mov $16, %r10d\n mov $32, %r11d\n"
    "movb $1, (%rcx)\n"
    "lea (%rbx,%rsi), %rax\n add %rdi, %rax\n add %r12, %rax\n add %r10, %rax\n add %r11, %rax\n"
    "vextracti128 $1, %ymm3, %xmm2\n vmovd %xmm2, %ecx\n and $64, %ecx\n add %rcx, %rax\n"
    "vzeroupper\n"
    "pop %r12\n pop %rdi\n pop %rsi\n pop %rbx\n"
    "ret\n");
extern void do_divide(void), do_break(void), do_illegal_at(void), do_privileged_at(void),
    do_null(void), do_wild(void);
extern ULONG64 do_keep(void *address);
extern char do_divide_at[], do_divide_on[], do_break_at[], do_break_on[], do_illegal_on[],
    do_privileged_on[], do_null_at[], do_null_on[], do_wild_at[], do_wild_on[];

static void raise(void (*what)(void), char *on)
{
    void *handler = AddVectoredExceptionHandler(1, note);
    memset((void *)&seen, 0, sizeof seen);
    go_on = on;
    what();
    RemoveVectoredExceptionHandler(handler);
}

static void ex001(void)
{
    raise(do_divide, do_divide_on);
    same("code", seen.code, EXCEPTION_INT_DIVIDE_BY_ZERO);
    same("rip", seen.rip, (ULONG64)do_divide_at);
    same("once", seen.count, 1);
}

static void ex002(void)
{
    raise(do_break, do_break_on);
    same("code", seen.code, EXCEPTION_BREAKPOINT);
    same("rip", seen.rip, (ULONG64)do_break_at);
}

static void ex003(void)
{
    raise(do_illegal_at, do_illegal_on);
    same("code", seen.code, EXCEPTION_ILLEGAL_INSTRUCTION);
    same("rip", seen.rip, (ULONG64)do_illegal_at);
}

static void ex004(void)
{
    raise(do_privileged_at, do_privileged_on);
    same("code", seen.code, EXCEPTION_PRIV_INSTRUCTION);
}

static void ex005(void)
{
    raise(do_null, do_null_on);
    same("code", seen.code, EXCEPTION_ACCESS_VIOLATION);
    same("rip", seen.rip, (ULONG64)do_null_at);
    same("read", seen.information[0], 0);
    same("address", seen.information[1], 0x18);
}

static void ex006(void)
{
    raise(do_wild, do_wild_on);
    same("code", seen.code, EXCEPTION_ACCESS_VIOLATION);
    same("read", seen.information[0], 0);
    same("address", seen.information[1], ~0ull);
}

static void raise_own(void)
{
    ULONG_PTR arguments[2] = {11, 22};
    RaiseException(0xE0001234, 0, 2, arguments);
}

static void ex007(void)
{
    raise(raise_own, NULL);
    same("code", seen.code, 0xE0001234);
    same("first", seen.information[0], 11);
    same("second", seen.information[1], 22);
    same("once", seen.count, 1);
}

static char *guarded;

static LONG CALLBACK clobber(EXCEPTION_POINTERS *pointers)
{
    DWORD old;
    __asm__ volatile("vpxor %%ymm3, %%ymm3, %%ymm3\n vzeroupper" ::: "xmm3");
    if (pointers->ExceptionRecord->ExceptionCode != EXCEPTION_ACCESS_VIOLATION)
        return EXCEPTION_CONTINUE_SEARCH;
    VirtualProtect(guarded, PAGE, PAGE_READWRITE, &old);
    return EXCEPTION_CONTINUE_EXECUTION;
}

static void ex008(void)
{
    void *handler;
    if (!IsProcessorFeaturePresent(40 /* PF_AVX2_INSTRUCTIONS_AVAILABLE */)) {
        kit_skip("no AVX2");
        return;
    }
    handler = AddVectoredExceptionHandler(1, clobber);
    guarded = VirtualAlloc(NULL, PAGE, MEM_RESERVE | MEM_COMMIT, PAGE_READONLY);
    same("every register comes back, upper halves too", do_keep(guarded), 127);
    same("written", guarded[0], 1);
    VirtualFree(guarded, 0, MEM_RELEASE);
    RemoveVectoredExceptionHandler(handler);
}

static LONG CALLBACK first_handler(EXCEPTION_POINTERS *pointers)
{
    (void)pointers;
    counter = counter * 10 + 1;
    return EXCEPTION_CONTINUE_SEARCH;
}

static LONG CALLBACK second_handler(EXCEPTION_POINTERS *pointers)
{
    (void)pointers;
    counter = counter * 10 + 2;
    return EXCEPTION_CONTINUE_EXECUTION;
}

static LONG CALLBACK continued(EXCEPTION_POINTERS *pointers)
{
    (void)pointers;
    counter = counter * 10 + 3;
    return EXCEPTION_CONTINUE_SEARCH;
}

static void ex009(void)
{
    void *second = AddVectoredExceptionHandler(0, second_handler),
         *first = AddVectoredExceptionHandler(1, first_handler);
    void *after = AddVectoredContinueHandler(1, continued);
    counter = 0;
    RaiseException(0xE0000001, 0, 0, NULL);
    same("first, second, continue", counter, 123);
    ok("removed", RemoveVectoredExceptionHandler(first) && RemoveVectoredExceptionHandler(second));
    ok("removed", RemoveVectoredContinueHandler(after));
    ok("twice", !RemoveVectoredExceptionHandler(first));
}

static unsigned deep(unsigned depth)
{
    volatile char block[4000];
    block[0] = (char)depth;
    return depth == ~0u ? 0 : deep(depth + 1) + (unsigned)block[0];
}

static volatile ULONG64 overflow_code;

static LONG CALLBACK on_overflow(EXCEPTION_POINTERS *pointers)
{
    if (pointers->ExceptionRecord->ExceptionCode != EXCEPTION_STACK_OVERFLOW)
        return EXCEPTION_CONTINUE_SEARCH;
    overflow_code = pointers->ExceptionRecord->ExceptionCode;
    pointers->ContextRecord->Rip = (ULONG64)ExitThread;
    pointers->ContextRecord->Rcx = 5;
    pointers->ContextRecord->Rsp = ((ULONG64)((NT_TIB *)NtCurrentTeb())->StackBase - 0x1000) | 8;
    return EXCEPTION_CONTINUE_EXECUTION;
}

static DWORD WINAPI overflows(void *argument)
{
    (void)argument;
    return deep(0);
}

static void ex010(void)
{
    void *handler = AddVectoredExceptionHandler(1, on_overflow);
    HANDLE thread =
        CreateThread(NULL, 0x40000, overflows, NULL, STACK_SIZE_PARAM_IS_A_RESERVATION, NULL);
    DWORD code = 0;
    same("ends", WaitForSingleObject(thread, 10000), WAIT_OBJECT_0);
    GetExitCodeThread(thread, &code);
    same("seen", overflow_code, 0xC00000FD);
    same("exit code", code, 5);
    CloseHandle(thread);
    RemoveVectoredExceptionHandler(handler);
}

const struct statement exception_statements[] = {
    S("EX-001", ex001),
    S("EX-002", ex002),
    S("EX-003", ex003),
    S("EX-004", ex004),
    S("EX-005", ex005),
    S("EX-006", ex006),
    S("EX-007", ex007),
    S("EX-008", ex008),
    S("EX-009", ex009),
    S("EX-010", ex010),
    END,
};
