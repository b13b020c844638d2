/* Taking pages out of memory, as far as the host has another place for them. */
#include <sys/mman.h>
#include "memoryapi/host.h"
#include "memoryapi/host_kernel.h"

void host_page_out(uint64_t address, uint64_t size)
{
    madvise((void *)address, size, MADV_PAGEOUT);
}
