/* From SIGFPE, SIGILL, SIGTRAP and general protection faults to exception codes. */
#include "kernel32/process/trap.h"

#include <signal.h>
#include <stddef.h>
#include "memoryapi/base.h"
#include "memoryapi/guarded.h"

#define CODE_SINGLE_STEP  ((NTSTATUS)0x80000004)
#define CODE_ILLEGAL      ((NTSTATUS)0xC000001D)
#define CODE_PRIVILEGED   ((NTSTATUS)0xC0000096)
#define CODE_INT_DIVIDE   ((NTSTATUS)0xC0000094)
#define CODE_INT_OVERFLOW ((NTSTATUS)0xC0000095)

/*
 * Error code of a general protection fault caused by `int n`: 8 n + 2 (Intel SDM volume 3, 6.13).
 */
#define INTERRUPT_ERROR(n)      ((n)*8 + 2)
#define TRAP_GENERAL_PROTECTION 13

static const struct {
    uint32_t code;
    const char *name;
} names[] = {
    {0x80000001, "guard page"},
    {0x80000002, "misaligned data"},
    {0x80000003, "breakpoint"},
    {0x80000004, "single step"},
    {0xC0000005, "access violation"},
    {0xC0000006, "in-page error"},
    {0xC000001D, "illegal instruction"},
    {0xC0000025, "noncontinuable"},
    {0xC0000026, "invalid disposition"},
    {0xC000008C, "array bounds exceeded"},
    {0xC000008D, "float denormal"},
    {0xC000008E, "float divide by zero"},
    {0xC000008F, "float inexact result"},
    {0xC0000090, "float invalid"},
    {0xC0000091, "float overflow"},
    {0xC0000092, "float stack check"},
    {0xC0000093, "float underflow"},
    {0xC0000094, "integer divide by zero"},
    {0xC0000095, "integer overflow"},
    {0xC0000096, "privileged instruction"},
    {0xC00000FD, "stack overflow"},
    {0xC0000135, "DLL not found"},
    {0xC0000409, "fast fail"},
    {0xE06D7363, "C++ exception"},
    {0xC0000374, "heap corruption"},
    {0xC0000028, "bad stack"},
    {0xC0000029, "invalid unwind target"},
};

const char *trap_name(uint32_t code)
{
    for (unsigned i = 0; i < array_length(names); i++)
        if (names[i].code == code)
            return names[i].name;
    return "exception";
}

/*
 * The processor raises the same fault for a zero divisor and for a quotient that does not fit;
 * Windows tells them apart. The divisor is looked up when it is a register or plain memory behind
 * one; otherwise zero is assumed.
 */
static NTSTATUS division_code(const ucontext_t *context)
{
    static const uint8_t order[] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
                                    REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                    REG_R12, REG_R13, REG_R14, REG_R15};
    const greg_t *registers = context->uc_mcontext.gregs;
    uint8_t bytes[16], rex = 0;
    const uint8_t *at = bytes;

    if (!guarded_read((const void *)registers[REG_RIP], bytes, sizeof bytes))
        return CODE_INT_DIVIDE;
    bool word = *at == 0x66;
    at += word;
    if ((*at & 0xF0) == 0x40)
        rex = *at++;
    if ((at[0] & 0xFE) != 0xF6)
        return CODE_INT_DIVIDE;
    unsigned size = at[0] == 0xF6 ? 1 : rex & 8 ? 8 : word ? 2 : 4;
    unsigned mode = at[1] >> 6, base = (at[1] & 7u) | (rex & 1u) << 3;
    uint64_t value = (uint64_t)registers[order[base]];
    if (mode != 3) {
        uint64_t address = value;
        if ((base & 7) == 4 || (mode == 0 && (base & 7) == 5))
            return CODE_INT_DIVIDE;
        if (mode == 1)
            address += (uint64_t)(int8_t)at[2];
        if (mode == 2)
            address +=
                (uint64_t)(int32_t)(at[2] | at[3] << 8 | at[4] << 16 | (uint32_t)at[5] << 24);
        value = 0;
        if (!guarded_read((const void *)address, &value, size))
            return CODE_INT_DIVIDE;
    } else if (size < 8) {
        value &= (1ull << size * 8) - 1;
    }
    return value ? CODE_INT_OVERFLOW : CODE_INT_DIVIDE;
}

static NTSTATUS arithmetic_code(int code, const ucontext_t *context)
{
    switch (code) {
    case FPE_INTDIV:
        return division_code(context);
    case FPE_INTOVF:
        return CODE_INT_OVERFLOW;
    case FPE_FLTDIV:
        return (NTSTATUS)0xC000008E;
    case FPE_FLTOVF:
        return (NTSTATUS)0xC0000091;
    case FPE_FLTUND:
        return (NTSTATUS)0xC0000093;
    case FPE_FLTRES:
        return (NTSTATUS)0xC000008F;
    case FPE_FLTSUB:
        return (NTSTATUS)0xC000008C;
    default:
        return (NTSTATUS)0xC0000090;
    }
}

/*
 * Instructions that only the kernel may execute: hlt, cli, sti, in, out, and those that touch
 * control and debug registers.
 */
static bool is_privileged(const ucontext_t *context)
{
    uint8_t bytes[4] = {0};
    if (!guarded_read((const void *)context->uc_mcontext.gregs[REG_RIP], bytes, sizeof bytes))
        return false;
    const uint8_t *at = bytes;
    while (at < bytes + 2 && (*at == 0x66 || *at == 0xF3 || *at == 0xF2 || (*at & 0xF0) == 0x40))
        at++;
    if (at[0] == 0x0F)
        return at[1] == 0x01 || (at[1] >= 0x20 && at[1] <= 0x23) || at[1] == 0x06 ||
               at[1] == 0x08 || at[1] == 0x09 || at[1] == 0x30 || at[1] == 0x32 || at[1] == 0x00;
    return at[0] == 0xF4 || at[0] == 0xFA || at[0] == 0xFB || (at[0] >= 0xE4 && at[0] <= 0xE7) ||
           (at[0] >= 0xEC && at[0] <= 0xEF) || (at[0] >= 0x6C && at[0] <= 0x6F);
}

void trap_refine(struct fault *fault)
{
    greg_t *registers = fault->context->uc_mcontext.gregs;
    if (fault->signal != SIGSEGV || registers[REG_TRAPNO] != TRAP_GENERAL_PROTECTION)
        return;
    if (registers[REG_ERR] == INTERRUPT_ERROR(0x29))
        fault->code = TRAP_FAST_FAIL;
    else if (registers[REG_ERR] == INTERRUPT_ERROR(0x2D) ||
             registers[REG_ERR] == INTERRUPT_ERROR(3))
        fault->code = STATUS_BREAKPOINT;
    else if (is_privileged(fault->context))
        fault->code = CODE_PRIVILEGED;
}

static struct sigaction before[3]; /* constant after trap_init */
static const int signals[3] = {SIGFPE, SIGILL, SIGTRAP};

static void on_trap(int signal, siginfo_t *info, void *context)
{
    struct fault fault = {.signal = signal, .info = info, .context = context};
    greg_t *registers = fault.context->uc_mcontext.gregs;

    if (info->si_code > 0) {
        switch (signal) {
        case SIGFPE:
            fault.code = arithmetic_code(info->si_code, context);
            break;
        case SIGILL:
            fault.code = CODE_ILLEGAL;
            break;
        default:
            fault.code = registers[REG_TRAPNO] == 3 ? STATUS_BREAKPOINT : CODE_SINGLE_STEP;
            if (fault.code == STATUS_BREAKPOINT)
                /* Windows shows the breakpoint itself, the processor what follows it */
                registers[REG_RIP]--;
            break;
        }
        if (fault_hook && fault_hook(&fault))
            return;
    }
    for (unsigned i = 0; i < array_length(signals); i++)
        if (signals[i] == signal)
            fault_pass_on(&before[i], signal, info, context);
}

void trap_init(void)
{
    struct sigaction action = {.sa_sigaction = on_trap,
                               .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER,
                               .sa_mask = *fault_blocked()};
    for (unsigned i = 0; i < array_length(signals); i++)
        sigaction(signals[i], &action, &before[i]);
}
