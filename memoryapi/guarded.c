/* Copies whose faults the fault door turns into a `false`. */
#include "memoryapi/guarded.h"

/*
 * rdi: to, rsi: from, rdx: size. Returns 1; the fault door sends a fault between `copy` and
 * `failed` to `failed`, which returns 0. Small fixed sizes go in one move so that a reader in
 * another thread never sees half a pointer.
 */
__asm__(".text\n"
        ".globl winmem_guarded_copy, winmem_guarded_touch, winmem_guarded_failed\n"
        ".hidden winmem_guarded_copy, winmem_guarded_touch, winmem_guarded_failed\n"
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
        "winmem_guarded_failed:\n"
        "    xor %eax, %eax\n"
        "    ret\n"
        ".size winmem_guarded_copy, . - winmem_guarded_copy\n");

extern int copy_or_fail(void *to, const void *from, size_t size) __asm__("winmem_guarded_copy");
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
