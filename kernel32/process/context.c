/* Register contexts: conversion from and to signal frames, capture, and going on at one. */
#include "kernel32/process/context.h"

#include <cpuid.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include "memoryapi/base.h"

/* What the kernel writes behind a signal's 512 bytes of fxsave state (asm/sigcontext.h). */
#define XSTATE_MAGIC   0x46505853u
#define SOFTWARE_BYTES 464 /* where, inside the 512 */
#define CODE_SELECTOR  0x33
#define STACK_SELECTOR 0x2B
/*
 * The bits of EFLAGS a program may set: status, direction, trap, alignment check, identification
 * (Intel SDM volume 1, 3.4.3).
 */
#define USER_FLAGS  0x240DD5u
#define FIXED_FLAGS 0x202u

struct software_bytes {
    uint32_t magic, extended_size;
    uint64_t features;
    uint32_t xstate_size;
};

_Static_assert(offsetof(CONTEXT, Rax) == 0x78 && offsetof(CONTEXT, Rsp) == 0x98 &&
                   offsetof(CONTEXT, Rip) == 0xF8,
               "used by the assembler below");
_Static_assert(offsetof(CONTEXT, FltSave) == 0x100 && offsetof(CONTEXT, EFlags) == 0x44 &&
                   offsetof(CONTEXT, MxCsr) == 0x34,
               "the same");

/* Integer registers: place in CONTEXT, place in gregs. */
static const struct {
    uint16_t offset;
    uint8_t index;
} integers[] = {
    {offsetof(CONTEXT, Rax), REG_RAX}, {offsetof(CONTEXT, Rcx), REG_RCX},
    {offsetof(CONTEXT, Rdx), REG_RDX}, {offsetof(CONTEXT, Rbx), REG_RBX},
    {offsetof(CONTEXT, Rbp), REG_RBP}, {offsetof(CONTEXT, Rsi), REG_RSI},
    {offsetof(CONTEXT, Rdi), REG_RDI}, {offsetof(CONTEXT, R8), REG_R8},
    {offsetof(CONTEXT, R9), REG_R9},   {offsetof(CONTEXT, R10), REG_R10},
    {offsetof(CONTEXT, R11), REG_R11}, {offsetof(CONTEXT, R12), REG_R12},
    {offsetof(CONTEXT, R13), REG_R13}, {offsetof(CONTEXT, R14), REG_R14},
    {offsetof(CONTEXT, R15), REG_R15},
};

static bool asks(const CONTEXT *context, uint32_t part)
{
    return (context->ContextFlags & part) == part;
}

void context_from_signal(const ucontext_t *signal, CONTEXT *context)
{
    const greg_t *registers = signal->uc_mcontext.gregs;
    if (asks(context, CONTEXT_CONTROL)) {
        context->Rip = (uint64_t)registers[REG_RIP];
        context->Rsp = (uint64_t)registers[REG_RSP];
        context->EFlags = (uint32_t)registers[REG_EFL];
        context->SegCs = CODE_SELECTOR;
        context->SegSs = STACK_SELECTOR;
    }
    if (asks(context, CONTEXT_INTEGER))
        for (unsigned i = 0; i < array_length(integers); i++)
            *(uint64_t *)((char *)context + integers[i].offset) =
                (uint64_t)registers[integers[i].index];
    if (asks(context, CONTEXT_SEGMENTS)) {
        context->SegDs = context->SegEs = context->SegGs = STACK_SELECTOR;
        context->SegFs = 0x53;
    }
    if (asks(context, CONTEXT_FLOATING_POINT) && signal->uc_mcontext.fpregs) {
        memcpy(&context->FltSave, signal->uc_mcontext.fpregs, offsetof(XSAVE_FORMAT, Reserved4));
        memset(context->FltSave.Reserved4, 0, sizeof context->FltSave.Reserved4);
        context->MxCsr = context->FltSave.MxCsr;
    }
    if (asks(context, CONTEXT_DEBUG_REGISTERS))
        context->Dr0 = context->Dr1 = context->Dr2 = context->Dr3 = context->Dr6 = context->Dr7 = 0;
}

void context_to_signal(const CONTEXT *context, ucontext_t *signal)
{
    greg_t *registers = signal->uc_mcontext.gregs;
    if (asks(context, CONTEXT_CONTROL)) {
        registers[REG_RIP] = (greg_t)context->Rip;
        registers[REG_RSP] = (greg_t)context->Rsp;
        registers[REG_EFL] = (context->EFlags & USER_FLAGS) | FIXED_FLAGS;
    }
    if (asks(context, CONTEXT_INTEGER))
        for (unsigned i = 0; i < array_length(integers); i++)
            registers[integers[i].index] =
                *(const greg_t *)((const char *)context + integers[i].offset);
    if (asks(context, CONTEXT_FLOATING_POINT) && signal->uc_mcontext.fpregs) {
        struct software_bytes *software =
            (void *)((char *)signal->uc_mcontext.fpregs + SOFTWARE_BYTES);
        memcpy(signal->uc_mcontext.fpregs, &context->FltSave, offsetof(XSAVE_FORMAT, Reserved4));
        /* the xsave header behind it says which parts are there: x87 and SSE now are */
        if (software->magic == XSTATE_MAGIC)
            *(uint64_t *)((char *)signal->uc_mcontext.fpregs + sizeof(XSAVE_FORMAT)) |= 3;
    }
}

uint32_t context_xsave_size(const ucontext_t *signal)
{
    const struct software_bytes *software =
        (const void *)((const char *)signal->uc_mcontext.fpregs + SOFTWARE_BYTES);
    return software->magic == XSTATE_MAGIC ? software->xstate_size : sizeof(XSAVE_FORMAT);
}

uint32_t context_xsave_room(void)
{
    static uint32_t room;
    unsigned a, b, c, d;
    if (!room)
        room = __get_cpuid_count(0xD, 0, &a, &b, &c, &d)
                   ? (uint32_t)round_up(b > sizeof(XSAVE_FORMAT) ? b : sizeof(XSAVE_FORMAT), 64)
                   : (uint32_t)sizeof(XSAVE_FORMAT);
    return room;
}

__asm__(".text\n"
        ".globl winmem_context_jump\n"
        ".hidden winmem_context_jump\n"
        /*
         * rdi: CONTEXT with an iret frame in its home words, rsi: xsave area or 0, edx: its
         * components
         */
        "winmem_context_jump:\n"
        "    test %rsi, %rsi\n"
        "    jz 1f\n"
        "    mov %edx, %eax\n"
        "    xor %edx, %edx\n"
        "    xrstor64 (%rsi)\n"
        "1:  fxrstor64 0x100(%rdi)\n"
        "    mov %rdi, %rsp\n"
        "    mov 0x78(%rsp), %rax\n"
        "    mov 0x80(%rsp), %rcx\n"
        "    mov 0x88(%rsp), %rdx\n"
        "    mov 0x90(%rsp), %rbx\n"
        "    mov 0xA0(%rsp), %rbp\n"
        "    mov 0xA8(%rsp), %rsi\n"
        "    mov 0xB0(%rsp), %rdi\n"
        "    mov 0xB8(%rsp), %r8\n"
        "    mov 0xC0(%rsp), %r9\n"
        "    mov 0xC8(%rsp), %r10\n"
        "    mov 0xD0(%rsp), %r11\n"
        "    mov 0xD8(%rsp), %r12\n"
        "    mov 0xE0(%rsp), %r13\n"
        "    mov 0xE8(%rsp), %r14\n"
        "    mov 0xF0(%rsp), %r15\n"
        "    iretq\n");
extern _Noreturn void winmem_context_jump(CONTEXT *context, const void *xsave, uint32_t components);

_Noreturn void context_restore(CONTEXT *context, const void *xsave)
{
    uint32_t components = 0;
    if (xsave) {
        const struct software_bytes *software =
            (const void *)((const char *)xsave + SOFTWARE_BYTES);
        components = software->magic == XSTATE_MAGIC ? (uint32_t)software->features & ~3u : 0;
    }
    /* reserved bits of MXCSR would fault */
    context->FltSave.MxCsr &= 0xFFFF;
    context->P1Home = context->Rip;
    context->P2Home = CODE_SELECTOR;
    context->P3Home = (context->EFlags & USER_FLAGS) | FIXED_FLAGS;
    context->P4Home = context->Rsp;
    context->P5Home = STACK_SELECTOR;
    winmem_context_jump(context, components ? xsave : NULL, components);
}

/*
 * gate_RtlCaptureContext(rcx: CONTEXT): the registers of the caller as they will be when this call
 * has returned. winmem_capture is what it shares with the gates that raise and unwind: everything
 * but rip and rsp; changes rax and the flags.
 */
__asm__(".text\n"
        ".globl gate_RtlCaptureContext\n"
        ".hidden gate_RtlCaptureContext\n"
        ".globl winmem_capture\n"
        ".hidden winmem_capture\n"
        "gate_RtlCaptureContext:\n"
        "    .cfi_startproc\n"
        "    call winmem_capture\n"
        "    mov (%rsp), %rax\n"
        "    mov %rax, 0xF8(%rcx)\n"
        "    lea 8(%rsp), %rax\n"
        "    mov %rax, 0x98(%rcx)\n"
        "    mov 0x44(%rcx), %eax\n"
        "    push %rax\n"
        "    .cfi_adjust_cfa_offset 8\n"
        "    popfq\n"
        "    .cfi_adjust_cfa_offset -8\n"
        "    mov 0x78(%rcx), %rax\n"
        "    ret\n"
        "    .cfi_endproc\n"
        "winmem_capture:\n"
        "    .cfi_startproc\n"
        "    mov %rax, 0x78(%rcx)\n"
        "    pushfq\n"
        "    .cfi_adjust_cfa_offset 8\n"
        "    popq %rax\n"
        "    .cfi_adjust_cfa_offset -8\n"
        "    mov %eax, 0x44(%rcx)\n"
        "    mov %rcx, 0x80(%rcx)\n"
        "    mov %rdx, 0x88(%rcx)\n"
        "    mov %rbx, 0x90(%rcx)\n"
        "    mov %rbp, 0xA0(%rcx)\n"
        "    mov %rsi, 0xA8(%rcx)\n"
        "    mov %rdi, 0xB0(%rcx)\n"
        "    mov %r8, 0xB8(%rcx)\n"
        "    mov %r9, 0xC0(%rcx)\n"
        "    mov %r10, 0xC8(%rcx)\n"
        "    mov %r11, 0xD0(%rcx)\n"
        "    mov %r12, 0xD8(%rcx)\n"
        "    mov %r13, 0xE0(%rcx)\n"
        "    mov %r14, 0xE8(%rcx)\n"
        "    mov %r15, 0xF0(%rcx)\n"
        "    fxsave64 0x100(%rcx)\n"
        "    stmxcsr 0x34(%rcx)\n"
        "    movl $0x10000F, 0x30(%rcx)\n"   /* control, integer, segments, floating point */
        "    movl $0x002B0033, 0x38(%rcx)\n" /* cs, ds */
        "    movl $0x0053002B, 0x3C(%rcx)\n" /* es, fs */
        "    movl $0x002B002B, 0x40(%rcx)\n" /* gs, ss */
        "    ret\n"
        "    .cfi_endproc\n");
