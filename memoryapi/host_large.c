/* Memory of large pages, which the administrator has set aside (/proc/sys/vm/nr_hugepages). */
#include "memoryapi/host_large.h"

#include <errno.h>
#include <sys/mman.h>
#include "memoryapi/host.h"
#include "memoryapi/host_kernel.h"
#include "memoryapi/host_numa.h"

/* All of it is there before anything else sees it: a page that is short later would be a SIGBUS. */
static int fill(void *memory, uint64_t size, uint32_t node, bool mandatory)
{
    int error =
        node == HOST_ANY_NODE ? 0 : linux_prefer_node((uint64_t)memory, size, node, mandatory);
    if (error && mandatory)
        return error;
    if (host_caps.populate)
        return madvise(memory, size, MADV_POPULATE_WRITE) == 0 ? 0 : -errno;
    /* an older kernel: what a mapping of large pages may need is its own already */
    return 0;
}

int linux_map_large(uint64_t address, uint64_t size, unsigned shift, unsigned access, uint32_t node,
                    bool mandatory)
{
    int protection = PROT_READ | PROT_WRITE | (access & HOST_EXECUTE ? PROT_EXEC : 0), error;
    void *memory =
        mmap(NULL, size, protection,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | (int)(shift << MAP_HUGE_SHIFT), -1, 0);
    if (memory == MAP_FAILED)
        return -errno;
    error = fill(memory, size, node, mandatory);
    /* only what is complete takes the place of the reservation */
    if (!error &&
        mremap(memory, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)address) == MAP_FAILED)
        error = -errno;
    if (error)
        munmap(memory, size);
    return error;
}
