/*
 * The limits of the system's file cache. The host's cache knows none: what a program that may set
 * them sets is remembered, and flushing really drops the host's cache.
 */
#include <fcntl.h>
#include <unistd.h>
#include "kernel32/face.h"
#include "memoryapi/futex.h"
#include "memoryapi/privilege.h"
#include "memoryapi/textfile.h"

#define FLUSH      ((SIZE_T)-1) /* for both limits */
#define MOST_PAIR  (FILE_CACHE_MAX_HARD_ENABLE | FILE_CACHE_MAX_HARD_DISABLE)
#define LEAST_PAIR (FILE_CACHE_MIN_HARD_ENABLE | FILE_CACHE_MIN_HARD_DISABLE)

static struct {
    struct futex_lock lock;
    /* under lock; bytes. Until they are set: 1 MiB and 1 TiB, not enforced (chosen) */
    SIZE_T minimum, maximum;
    DWORD flags; /* FILE_CACHE_MAX_HARD_ENABLE, FILE_CACHE_MIN_HARD_ENABLE */
} cache = {.minimum = 1u << 20, .maximum = (SIZE_T)1 << 40};

/* Clean pages of files (proc_sys_vm(5)); only root may. */
static NTSTATUS flush(void)
{
    int file = text_open_file("/proc/sys/vm/drop_caches", O_WRONLY);
    bool done = file >= 0 && write(file, "1", 1) == 1;
    if (file >= 0)
        close(file);
    return done ? STATUS_SUCCESS : STATUS_ACCESS_DENIED;
}

BOOL k32_GetSystemFileCacheSize(PSIZE_T lpMinimumFileCacheSize, PSIZE_T lpMaximumFileCacheSize,
                                PDWORD lpFlags)
{
    futex_lock(&cache.lock);
    SIZE_T minimum = cache.minimum, maximum = cache.maximum;
    DWORD flags = cache.flags;
    futex_unlock(&cache.lock);
    if (!face_may_give(lpMinimumFileCacheSize, sizeof minimum) ||
        !face_may_give(lpMaximumFileCacheSize, sizeof maximum) ||
        !face_give(lpFlags, &flags, sizeof flags) ||
        !face_give(lpMinimumFileCacheSize, &minimum, sizeof minimum) ||
        !face_give(lpMaximumFileCacheSize, &maximum, sizeof maximum))
        return face_bool(STATUS_ACCESS_VIOLATION);
    return TRUE;
}

/* Flags that contradict each other are refused before the privilege is looked at. */
static NTSTATUS check(SIZE_T minimum, SIZE_T maximum, DWORD flags)
{
    if ((flags & MOST_PAIR) == MOST_PAIR || (flags & LEAST_PAIR) == LEAST_PAIR ||
        (flags & ~(MOST_PAIR | LEAST_PAIR)))
        return STATUS_INVALID_PARAMETER;
    if ((minimum == FLUSH) != (maximum == FLUSH) || minimum > maximum)
        return STATUS_INVALID_PARAMETER;
    return privilege_enabled(PRIVILEGE_INCREASE_QUOTA) ? STATUS_SUCCESS : STATUS_PRIVILEGE_NOT_HELD;
}

BOOL k32_SetSystemFileCacheSize(SIZE_T MinimumFileCacheSize, SIZE_T MaximumFileCacheSize,
                                DWORD Flags)
{
    NTSTATUS status = check(MinimumFileCacheSize, MaximumFileCacheSize, Flags);
    if (status == STATUS_SUCCESS && MinimumFileCacheSize == FLUSH)
        status = flush();
    if (status != STATUS_SUCCESS)
        return face_bool(status);
    futex_lock(&cache.lock);
    if (MinimumFileCacheSize != FLUSH) {
        cache.minimum = MinimumFileCacheSize;
        cache.maximum = MaximumFileCacheSize;
    }
    if (Flags & MOST_PAIR)
        cache.flags = (cache.flags & ~MOST_PAIR) | (Flags & FILE_CACHE_MAX_HARD_ENABLE);
    if (Flags & LEAST_PAIR)
        cache.flags = (cache.flags & ~LEAST_PAIR) | (Flags & FILE_CACHE_MIN_HARD_ENABLE);
    futex_unlock(&cache.lock);
    return TRUE;
}
