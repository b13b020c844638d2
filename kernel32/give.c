/*
 * Memory of the caller's that Windows touches in user mode, as the function that was called: a bad
 * pointer is an exception there, which a handler may mend, and not an error as where the kernel
 * touches it. A native program has no such handlers: it gets the error.
 */
#include <string.h>
#include "kernel32/face.h"
#include "kernel32/process/thread.h"
#include "memoryapi/guarded.h"

static bool has_handlers(void)
{
    const struct thread *thread = thread_self();
    return thread && thread->teb;
}

/* Not inlined: the bytes are touched whatever the caller makes of them. */
static __attribute__((noinline)) void copy(void *to, const void *from, size_t size)
{
    memcpy(to, from, size);
    __asm__ volatile("" ::: "memory");
}

bool face_give(void *to, const void *value, size_t size)
{
    if (!has_handlers())
        return guarded_copy(to, value, size);
    copy(to, value, size);
    return true;
}

bool face_may_give(void *to, size_t size)
{
    return has_handlers() || guarded_writable(to, size);
}

bool face_take(const void *from, void *ret_value, size_t size)
{
    if (!has_handlers())
        return guarded_read(from, ret_value, size);
    copy(ret_value, from, size);
    return true;
}
