/* Copies whose faults the fault door turns into a `false`. */
#include "memoryapi/guarded.h"

/*
 * rdi: to, rsi: from, rdx: size. Returns 1; the fault door sends a fault between `copy` and
 * `failed` to `failed`, which returns 0. Small fixed sizes go in one move so that a reader in
 * another thread never sees half a pointer.
 */
__asm__(".text\n"
        ".globl winmem_guarded_copy, winmem_guarded_touch, winmem_guarded_failed\n"
        ".globl winmem_guarded_length8, winmem_guarded_length16\n"
        ".hidden winmem_guarded_copy, winmem_guarded_touch, winmem_guarded_failed\n"
        ".hidden winmem_guarded_length8, winmem_guarded_length16\n"
        ".type winmem_guarded_copy, @function\n"
        "winmem_guarded_copy:\n"
        "    cmp $8, %rdx\n"
        "    je 8f\n"
        "    cmp $4, %rdx\n"
        "    je 4f\n"
        "    mov %rdx, %rcx\n"
        "    shr $3, %rcx\n"
        "    rep movsq\n"
        "    mov %edx, %ecx\n"
        "    and $7, %ecx\n"
        "    rep movsb\n"
        "    mov $1, %eax\n"
        "    ret\n"
        "8:  mov (%rsi), %rax\n"
        "    mov %rax, (%rdi)\n"
        "    mov $1, %eax\n"
        "    ret\n"
        "4:  mov (%rsi), %eax\n"
        "    mov %eax, (%rdi)\n"
        "    mov $1, %eax\n"
        "    ret\n"
        "winmem_guarded_touch:\n"
        "    lock orb $0, (%rdi)\n"
        "    mov $1, %eax\n"
        "    ret\n"
        /*
         * rdi: a string; one more than its length in rax. By aligned 16 bytes, which lie in one
         * page with at least one byte or unit of the string: a good one never faults.
         */
        "winmem_guarded_length8:\n"
        "    mov %rdi, %rdx\n"
        "    mov %edi, %ecx\n"
        "    and $-16, %rdi\n"
        "    and $15, %ecx\n"
        "    pxor %xmm0, %xmm0\n"
        "    movdqa (%rdi), %xmm1\n"
        "    pcmpeqb %xmm0, %xmm1\n"
        "    pmovmskb %xmm1, %eax\n"
        "    shr %cl, %eax\n" /* what is before the string does not count */
        "    shl %cl, %eax\n"
        "    jmp 2f\n"
        "1:  add $16, %rdi\n"
        "    movdqa (%rdi), %xmm1\n"
        "    pcmpeqb %xmm0, %xmm1\n"
        "    pmovmskb %xmm1, %eax\n"
        "2:  test %eax, %eax\n"
        "    jz 1b\n"
        "    bsf %eax, %eax\n"
        "    sub %rdx, %rdi\n"
        "    lea 1(%rdi, %rax), %rax\n"
        "    ret\n"
        "winmem_guarded_length16:\n"
        "    mov %rdi, %rdx\n"
        "    test $1, %dil\n"
        "    jnz 6f\n"
        "    mov %edi, %ecx\n"
        "    and $-16, %rdi\n"
        "    and $15, %ecx\n"
        "    pxor %xmm0, %xmm0\n"
        "    movdqa (%rdi), %xmm1\n"
        "    pcmpeqw %xmm0, %xmm1\n"
        "    pmovmskb %xmm1, %eax\n"
        "    shr %cl, %eax\n"
        "    shl %cl, %eax\n"
        "    jmp 4f\n"
        "3:  add $16, %rdi\n"
        "    movdqa (%rdi), %xmm1\n"
        "    pcmpeqw %xmm0, %xmm1\n"
        "    pmovmskb %xmm1, %eax\n"
        "4:  test %eax, %eax\n"
        "    jz 3b\n"
        "    bsf %eax, %eax\n"
        "    add %rax, %rdi\n"
        "    jmp 7f\n"
        "5:  add $2, %rdi\n"
        "6:  cmpw $0, (%rdi)\n" /* at an odd address a unit may lie in two pages */
        "    jne 5b\n"
        "7:  sub %rdx, %rdi\n"
        "    shr $1, %rdi\n"
        "    lea 1(%rdi), %rax\n"
        "    ret\n"
        "winmem_guarded_failed:\n"
        "    xor %eax, %eax\n"
        "    ret\n"
        ".size winmem_guarded_copy, . - winmem_guarded_copy\n");

extern int copy_or_fail(void *to, const void *from, size_t size) __asm__("winmem_guarded_copy");
extern size_t length8_or_fail(const void *string) __asm__("winmem_guarded_length8");
extern size_t length16_or_fail(const void *string) __asm__("winmem_guarded_length16");
extern int touch_or_fail(void *at) __asm__("winmem_guarded_touch");

bool guarded_copy(void *to, const void *from, size_t size)
{
    return copy_or_fail(to, from, size);
}

bool guarded_read(const void *from, void *ret_value, size_t size)
{
    return copy_or_fail(ret_value, from, size);
}

bool guarded_write(void *to, const void *value, size_t size)
{
    return copy_or_fail(to, value, size);
}

bool guarded_touch(void *at)
{
    return touch_or_fail(at);
}

bool guarded_writable(void *at, size_t size)
{
    return guarded_touch(at) && guarded_touch((char *)at + size - 1);
}

static bool length_of(size_t one_more, size_t *ret_length)
{
    if (one_more)
        *ret_length = one_more - 1;
    return one_more;
}

bool guarded_length(const char *string, size_t *ret_length)
{
    return length_of(length8_or_fail(string), ret_length);
}

bool guarded_wide_length(const uint16_t *string, size_t *ret_length)
{
    return length_of(length16_or_fail(string), ret_length);
}
