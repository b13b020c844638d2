/*
 * Pages held in memory for a moment: locked with the kernel. Only what is present is locked, so
 * nothing is made present by it.
 */
#include "memoryapi/host.h"

#include <errno.h>
#include <sys/mman.h>
#include "memoryapi/host_kernel.h"

int host_linux_pin(uint64_t address, uint64_t size)
{
    return mlock2((void *)address, size, MLOCK_ONFAULT) == 0 ? 0 : -errno;
}

int host_linux_unpin(uint64_t address, uint64_t size)
{
    return host_munlock(address, size);
}
