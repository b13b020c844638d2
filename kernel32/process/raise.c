/* Raising and unwinding on request: gates in assembler, since they need the caller's registers. */
#include <string.h>
#include "kernel32/face.h"
#include "kernel32/process/context.h"
#include "kernel32/process/exception.h"
#include "kernel32/process/unwind.h"
#include "kernel32/process/unwind_dispatch.h"
#include "memoryapi/guarded.h"

#define MAXIMUM_PARAMETERS 15
#define LONGJUMP_CODE      0x80000026u

/* Called by the gates below with the caller's context; they never return. */
_Noreturn void winmem_raise(CONTEXT *context, uint32_t code, uint32_t flags, uint32_t count,
                            const uint64_t *arguments);
_Noreturn void winmem_raise_record(CONTEXT *context, EXCEPTION_RECORD *record);
_Noreturn void winmem_raise_status(CONTEXT *context, uint32_t status);
_Noreturn void winmem_unwind(const CONTEXT *context, uint64_t target, uint64_t target_ip,
                             EXCEPTION_RECORD *record, uint64_t value);

_Noreturn void winmem_raise(CONTEXT *context, uint32_t code, uint32_t flags, uint32_t count,
                            const uint64_t *arguments)
{
    EXCEPTION_RECORD record = {.ExceptionCode = code & ~0x10000000u,
                               .ExceptionFlags = flags & EXCEPTION_NONCONTINUABLE};
    record.ExceptionAddress = (PVOID)context->Rip;
    if (arguments) {
        record.NumberParameters = count < MAXIMUM_PARAMETERS ? count : MAXIMUM_PARAMETERS;
        for (uint32_t i = 0; i < record.NumberParameters; i++)
            record.ExceptionInformation[i] = arguments[i];
    }
    exception_raise(&record, context);
}

_Noreturn void winmem_raise_record(CONTEXT *context, EXCEPTION_RECORD *record)
{
    record->ExceptionAddress = (PVOID)context->Rip;
    exception_raise(record, context);
}

_Noreturn void winmem_raise_status(CONTEXT *context, uint32_t status)
{
    EXCEPTION_RECORD record = {.ExceptionCode = status,
                               .ExceptionFlags = EXCEPTION_NONCONTINUABLE,
                               .ExceptionAddress = (PVOID)context->Rip};
    exception_raise(&record, context);
}

_Noreturn void winmem_unwind(const CONTEXT *context, uint64_t target, uint64_t target_ip,
                             EXCEPTION_RECORD *record, uint64_t value)
{
    unwind_to(context, target, target_ip, record, value);
}

/*
 * Entry: rsp is 16n + 8. The four register arguments go to their home; CONTEXT (1232 bytes) and 8
 * bytes of padding below. `function` gets CONTEXT, and what `arguments` loads.
 */
#define CAPTURE_GATE(name, arguments, function)                                                    \
    ".globl gate_" name "\n"                                                                       \
    ".hidden gate_" name "\n"                                                                      \
    "gate_" name ":\n"                                                                             \
    "    .cfi_startproc\n"                                                                         \
    "    mov %rcx, 8(%rsp)\n"                                                                      \
    "    mov %rdx, 16(%rsp)\n"                                                                     \
    "    mov %r8, 24(%rsp)\n"                                                                      \
    "    mov %r9, 32(%rsp)\n"                                                                      \
    "    sub $1240, %rsp\n"                                                                        \
    "    .cfi_adjust_cfa_offset 1240\n"                                                            \
    "    mov %rsp, %rcx\n"                                                                         \
    "    call winmem_capture\n"                                                                    \
    "    mov 1240(%rsp), %rax\n"                                                                   \
    "    mov %rax, 0xF8(%rsp)\n"                                                                   \
    "    lea 1248(%rsp), %rax\n"                                                                   \
    "    mov %rax, 0x98(%rsp)\n"                                                                   \
    "    mov %rsp, %rdi\n" arguments "    call " function "\n"                                     \
    "    .cfi_endproc\n"
#define BREAK_GATE(name)                                                                           \
    ".globl gate_" name "\n"                                                                       \
    ".hidden gate_" name "\n"                                                                      \
    "gate_" name ":\n"
#define RAISE_ARGUMENTS                                                                            \
    "    mov 1248(%rsp), %esi\n"                                                                   \
    "    mov 1256(%rsp), %edx\n"                                                                   \
    "    mov 1264(%rsp), %ecx\n"                                                                   \
    "    mov 1272(%rsp), %r8\n"
#define UNWIND_ARGUMENTS                                                                           \
    "    mov 1248(%rsp), %rsi\n"                                                                   \
    "    mov 1256(%rsp), %rdx\n"                                                                   \
    "    mov 1264(%rsp), %rcx\n"                                                                   \
    "    mov 1272(%rsp), %r8\n"

/* clang-format off: it would break each of these lines to pieces */
__asm__(".text\n" CAPTURE_GATE("RaiseException", RAISE_ARGUMENTS, "winmem_raise")
            CAPTURE_GATE("RtlRaiseException", "    mov 1248(%rsp), %rsi\n", "winmem_raise_record")
                CAPTURE_GATE("RtlRaiseStatus", "    mov 1248(%rsp), %esi\n", "winmem_raise_status")
                    CAPTURE_GATE("RtlUnwindEx", UNWIND_ARGUMENTS, "winmem_unwind")
                        CAPTURE_GATE("RtlUnwind", UNWIND_ARGUMENTS, "winmem_unwind")
                            BREAK_GATE("DebugBreak")
                                BREAK_GATE("DbgBreakPoint") "    .cfi_startproc\n"
                                                            "    int3\n"
                                                            "    ret\n"
                                                            "    .cfi_endproc\n");
/* clang-format on */

/* What the C runtime's setjmp leaves on x64 (_JUMP_BUFFER of winnt.h's setjmp.h). */
struct jump_buffer {
    uint64_t frame, rbx, rsp, rbp, rsi, rdi, r12, r13, r14, r15, rip;
    uint32_t mxcsr;
    uint16_t control, spare;
    M128A xmm[10];
};

static void load_jump(CONTEXT *context, const struct jump_buffer *jump)
{
    context->Rbx = jump->rbx;
    context->Rsp = jump->rsp;
    context->Rbp = jump->rbp;
    context->Rsi = jump->rsi;
    context->Rdi = jump->rdi;
    context->R12 = jump->r12;
    context->R13 = jump->r13;
    context->R14 = jump->r14;
    context->R15 = jump->r15;
    context->Rip = jump->rip;
    context->FltSave.MxCsr = jump->mxcsr;
    context->FltSave.ControlWord = jump->control;
    memcpy(&context->FltSave.XmmRegisters[6], jump->xmm, sizeof jump->xmm);
}

static _Noreturn void go_on_at(CONTEXT *context)
{
    if ((context->ContextFlags & CONTEXT_FLOATING_POINT) != CONTEXT_FLOATING_POINT)
        __asm__ volatile("fxsave64 %0" : "=m"(context->FltSave));
    gate_self.depth = 0;
    if (gate_self.pending)
        gate_park();
    context_restore(context, NULL);
}

void nt_RtlRestoreContext(PCONTEXT ContextRecord, PEXCEPTION_RECORD ExceptionRecord)
{
    if (ExceptionRecord && ExceptionRecord->ExceptionCode == LONGJUMP_CODE &&
        ExceptionRecord->NumberParameters >= 1)
        load_jump(ContextRecord,
                  (const struct jump_buffer *)ExceptionRecord->ExceptionInformation[0]);
    go_on_at(ContextRecord);
}

NTSTATUS nt_NtContinue(PCONTEXT ContextRecord, BOOLEAN TestAlert)
{
    CONTEXT context;
    if (!guarded_read(ContextRecord, &context, sizeof context))
        return STATUS_ACCESS_VIOLATION;
    if (TestAlert)
        wait_run_apcs();
    go_on_at(&context);
}

NTSTATUS nt_NtRaiseException(PEXCEPTION_RECORD ExceptionRecord, PCONTEXT ContextRecord,
                             BOOLEAN FirstChance)
{
    EXCEPTION_RECORD record;
    CONTEXT context;
    if (!guarded_read(ExceptionRecord, &record, sizeof record) ||
        !guarded_read(ContextRecord, &context, sizeof context))
        return STATUS_ACCESS_VIOLATION;
    if (!FirstChance)
        exception_fatal(&record);
    exception_raise(&record, &context);
}
