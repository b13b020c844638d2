/* Pages that stay in memory, and hints about pages. */
#include "memoryapi/host_linux.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "memoryapi/host_kernel.h"

/*
 * The kernel marks the range before it brings the pages in: a failure of that has to be taken back,
 * since the range counts as locked already.
 */
int linux_lock(uint64_t address, uint64_t size)
{
    int error = syscall(SYS_mlock, address, size) == 0 ? 0 : -errno;
    if (error)
        host_munlock(address, size);
    return error;
}

int linux_unlock(uint64_t address, uint64_t size)
{
    return host_munlock(address, size);
}

int linux_pin(uint64_t address, uint64_t size)
{
    return mlock2((void *)address, size, MLOCK_ONFAULT) == 0 ? 0 : -errno;
}

int linux_hint(uint64_t address, uint64_t size, enum host_hint hint)
{
    static const int advice[] = {[HOST_WILL_NEED] = MADV_WILLNEED,
                                 [HOST_MAKE_PRESENT] = MADV_POPULATE_READ,
                                 [HOST_COOL] = MADV_COLD,
                                 [HOST_PAGE_OUT] = MADV_PAGEOUT};
    return madvise((void *)address, size, advice[hint]) == 0 ? 0 : -errno;
}
