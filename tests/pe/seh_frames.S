/*
 * Frames with unwind information written by hand, as compilers for Windows emit it. What C cannot spell here: __try/__except, __finally,
 * functions without any unwind information, and frames whose size only the frame pointer knows.
 */
    .text

/* int guarded_read(const void *address): __try { value = *address; } __except (seh_filter()) { value = -1; } */
    .globl guarded_read
    .seh_proc guarded_read
guarded_read:
    pushq %rbx
    .seh_pushreg %rbx
    subq $32, %rsp
    .seh_stackalloc 32
    .seh_endprologue
    movl $-1, %ebx              /* must be back at the except block, whatever ran in between */
.Lread_begin:
    movl (%rcx), %eax
    nop
.Lread_end:
.Lread_out:
    addq $32, %rsp
    popq %rbx
    ret
.Lread_except:
    movl %ebx, %eax
    jmp .Lread_out
    .seh_handler __C_specific_handler, @except
    .seh_handlerdata
    .long 1
    .rva .Lread_begin, .Lread_end, seh_filter, .Lread_except
    .text
    .seh_endproc

/* DWORD call_caught(void (*function)(void *), void *argument): 0, or the code of the exception, which seh_note keeps */
    .globl call_caught
    .seh_proc call_caught
call_caught:
    subq $40, %rsp
    .seh_stackalloc 40
    .seh_endprologue
    movq %rcx, %rax
    movq %rdx, %rcx
.Lcaught_begin:
    call *%rax
    nop
.Lcaught_end:
    xorl %eax, %eax
.Lcaught_out:
    addq $40, %rsp
    ret
.Lcaught_except:
    movl seh_noted(%rip), %eax
    jmp .Lcaught_out
    .seh_handler __C_specific_handler, @except
    .seh_handlerdata
    .long 1
    .rva .Lcaught_begin, .Lcaught_end, seh_note, .Lcaught_except
    .text
    .seh_endproc

/* DWORD code_in_eax(const void *address): 0, or what eax holds at the beginning of the except block. The filter is the constant 1. */
    .globl code_in_eax
    .seh_proc code_in_eax
code_in_eax:
    subq $40, %rsp
    .seh_stackalloc 40
    .seh_endprologue
.Leax_begin:
    movl (%rcx), %eax
    nop
.Leax_end:
    xorl %eax, %eax
.Leax_out:
    addq $40, %rsp
    ret
    .seh_handler __C_specific_handler, @except
    .seh_handlerdata
    .long 1
    .rva .Leax_begin, .Leax_end
    .long 1
    .rva .Leax_out
    .text
    .seh_endproc

/* void call_filtered(function, argument): __try { __try { function(argument); } __finally { seh_finally(); } } __except (seh_filter()) {} */
    .globl call_filtered
    .seh_proc call_filtered
call_filtered:
    subq $40, %rsp
    .seh_stackalloc 40
    .seh_endprologue
    movq %rcx, %rax
    movq %rdx, %rcx
.Lfiltered_begin:
    call *%rax
    nop
.Lfiltered_end:
.Lfiltered_out:
    addq $40, %rsp
    ret
    .seh_handler __C_specific_handler, @except, @unwind
    .seh_handlerdata
    .long 2                     /* the inner scope stands first */
    .rva .Lfiltered_begin, .Lfiltered_end, seh_finally
    .long 0
    .rva .Lfiltered_begin, .Lfiltered_end, seh_filter, .Lfiltered_out
    .text
    .seh_endproc

/* int keep_registers(void (*function)(void *), void *argument): bits of the nonvolatile registers that a caught exception brought back */
    .globl keep_registers
    .seh_proc keep_registers
keep_registers:
    pushq %rbp
    .seh_pushreg %rbp
    pushq %rbx
    .seh_pushreg %rbx
    pushq %rsi
    .seh_pushreg %rsi
    pushq %rdi
    .seh_pushreg %rdi
    pushq %r12
    .seh_pushreg %r12
    pushq %r15
    .seh_pushreg %r15
    subq $56, %rsp
    .seh_stackalloc 56
    movaps %xmm6, 32(%rsp)
    .seh_savexmm %xmm6, 32
    .seh_endprologue
    movq %rcx, %rax
    movq %rdx, %rcx
    movl $101, %ebp
    movl $102, %ebx
    movl $103, %esi
    movl $104, %edi
    movl $105, %r12d
    movl $106, %r15d
    movl $107, %r8d
    movq %r8, %xmm6
.Lkeep_begin:
    call *%rax
    nop
.Lkeep_end:
    xorl %eax, %eax
    jmp .Lkeep_out
.Lkeep_except:
    xorl %eax, %eax
    cmpl $101, %ebp
    jne 1f
    orl $1, %eax
1:  cmpl $102, %ebx
    jne 1f
    orl $2, %eax
1:  cmpl $103, %esi
    jne 1f
    orl $4, %eax
1:  cmpl $104, %edi
    jne 1f
    orl $8, %eax
1:  cmpl $105, %r12d
    jne 1f
    orl $16, %eax
1:  cmpl $106, %r15d
    jne 1f
    orl $32, %eax
1:  movq %xmm6, %r8
    cmpq $107, %r8
    jne .Lkeep_out
    orl $64, %eax
.Lkeep_out:
    movaps 32(%rsp), %xmm6
    addq $56, %rsp
    popq %r15
    popq %r12
    popq %rdi
    popq %rsi
    popq %rbx
    popq %rbp
    ret
    .seh_handler __C_specific_handler, @except
    .seh_handlerdata
    .long 1
    .rva .Lkeep_begin, .Lkeep_end
    .long 1
    .rva .Lkeep_except
    .text
    .seh_endproc

/* void spoil_registers(const void *address): overwrites them all after saving them in every way there is, then reads *address */
    .globl spoil_registers
    .seh_proc spoil_registers
spoil_registers:
    movq %rbx, 8(%rsp)          /* into the caller's space for register parameters */
    pushq %rbp
    .seh_pushreg %rbp
    pushq %rsi
    .seh_pushreg %rsi
    subq $0x2008, %rsp          /* "alloc large"; no page is skipped, the callers left the stack committed */
    .seh_stackalloc 0x2008
    .seh_savereg %rbx, 0x2020
    movq %rdi, 0x1000(%rsp)
    .seh_savereg %rdi, 0x1000
    movq %r12, 0x1008(%rsp)
    .seh_savereg %r12, 0x1008
    movq %r15, 0x1010(%rsp)
    .seh_savereg %r15, 0x1010
    movaps %xmm6, 0x1020(%rsp)
    .seh_savexmm %xmm6, 0x1020
    .seh_endprologue
    xorl %ebp, %ebp
    xorl %ebx, %ebx
    xorl %esi, %esi
    xorl %edi, %edi
    xorl %r12d, %r12d
    xorl %r15d, %r15d
    xorps %xmm6, %xmm6
    movl (%rcx), %eax
    movaps 0x1020(%rsp), %xmm6
    movq 0x1010(%rsp), %r15
    movq 0x1008(%rsp), %r12
    movq 0x1000(%rsp), %rdi
    addq $0x2008, %rsp
    popq %rsi
    popq %rbp
    movq 8(%rsp), %rbx
    ret
    .seh_endproc

/* void bare_leaf(const void *address): no unwind information at all; the return address is on top of the stack */
    .globl bare_leaf
bare_leaf:
    movl (%rcx), %eax
    ret

/* void deep_frame(const void *address): as Go and alloca make them, the frame is known by the frame pointer alone; calls a bare leaf */
    .globl deep_frame
    .seh_proc deep_frame
deep_frame:
    pushq %rbp
    .seh_pushreg %rbp
    subq $64, %rsp
    .seh_stackalloc 64
    leaq 32(%rsp), %rbp
    .seh_setframe %rbp, 32
    .seh_endprologue
    subq $0x540, %rsp           /* not in the unwind information */
    call bare_leaf
    leaq 32(%rbp), %rsp
    popq %rbp
    ret
    .seh_endproc

/* void in_epilogue(const void *address): the fault is at the epilogue's door: half of the frame is gone already */
    .globl in_epilogue
    .seh_proc in_epilogue
in_epilogue:
    pushq %rbx
    .seh_pushreg %rbx
    subq $32, %rsp
    .seh_stackalloc 32
    .seh_endprologue
    xorl %ebx, %ebx
    nop
    addq $32, %rsp
    popq %rbx
    .globl in_epilogue_return
in_epilogue_return:
    ret
    .seh_endproc

/*
 * int caught_as_cpp(function, argument): what function leaves in eax is 0; an exception is caught as C++ compilers do it. The handler
 * unwinds to this frame with STATUS_UNWIND_CONSOLIDATE, its catch block runs on top of the frame and says where to go on.
 */
    .globl caught_as_cpp
    .seh_proc caught_as_cpp
caught_as_cpp:
    pushq %rbx
    .seh_pushreg %rbx
    subq $32, %rsp
    .seh_stackalloc 32
    .seh_endprologue
    movl $70, %ebx
    movq %rcx, %rax
    movq %rdx, %rcx
    call *%rax
    nop
    xorl %eax, %eax
.Lcpp_out:
    addq $32, %rsp
    popq %rbx
    ret
    .globl cpp_continue
cpp_continue:
    leal 7(%rbx), %eax
    jmp .Lcpp_out
    .seh_handler cpp_handler, @except, @unwind
    .seh_handlerdata
    .text
    .seh_endproc

/* Code to be copied, a function of its own: calls rcx with NULL in a frame of 40 bytes. */
    .globl copied_begin, copied_end
copied_begin:
    subq $40, %rsp
    movq %rcx, %rax
    xorl %ecx, %ecx
    call *%rax
    addq $40, %rsp
    ret
copied_end:

/*
 * DWORD keep_all(function, argument, ULONG64 *ret_registers): gives every nonvolatile register its value of kept_values, calls function(argument),
 * and tells what is in them afterwards. 0, or the code of the exception that was caught.
 */
    .globl keep_all
    .seh_proc keep_all
keep_all:
    .irp register, rbp, rbx, rsi, rdi, r12, r13, r14, r15
    pushq %\register
    .seh_pushreg %\register
    .endr
    subq $200, %rsp
    .seh_stackalloc 200
    .irp number, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    movaps %xmm\number, (\number - 4) * 16(%rsp)
    .seh_savexmm %xmm\number, (\number - 4) * 16
    .endr
    .seh_endprologue
    movq %r8, 192(%rsp)
    movq %rcx, %rax
    movq %rdx, %rcx
    leaq kept_values(%rip), %r10
    .set place, 0
    .irp register, rbp, rbx, rsi, rdi, r12, r13, r14, r15
    movq place(%r10), %\register
    .set place, place + 8
    .endr
    .irp number, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    movups 64 + (\number - 6) * 16(%r10), %xmm\number
    .endr
.Lall_begin:
    call *%rax
    nop
.Lall_end:
    xorl %eax, %eax
.Lall_out:
    movq 192(%rsp), %r10
    .set place, 0
    .irp register, rbp, rbx, rsi, rdi, r12, r13, r14, r15
    movq %\register, place(%r10)
    .set place, place + 8
    .endr
    .irp number, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    movups %xmm\number, 64 + (\number - 6) * 16(%r10)
    movaps (\number - 4) * 16(%rsp), %xmm\number
    .endr
    addq $200, %rsp
    .irp register, r15, r14, r13, r12, rdi, rsi, rbx, rbp
    popq %\register
    .endr
    ret
.Lall_except:
    movl seh_noted(%rip), %eax
    jmp .Lall_out
    .seh_handler __C_specific_handler, @except
    .seh_handlerdata
    .long 1
    .rva .Lall_begin, .Lall_end, seh_note, .Lall_except
    .text
    .seh_endproc
