/* NUMA nodes: how many there are, and from which one the pages of a range are taken. */
#include "memoryapi/host.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "memoryapi/base.h"
#include "memoryapi/host_numa.h"

#define MOST_NODES 1024u /* of any kernel's configuration */
#define ONLINE     "/sys/devices/system/node/online"

/* The last number of "0-3,6"; 0 when there is no such file: one node then. */
static uint32_t read_highest(void)
{
    char text[256];
    int file = open(ONLINE, O_RDONLY | O_CLOEXEC);
    ssize_t size = file < 0 ? -1 : read(file, text, sizeof text - 1);
    const char *last = text;

    if (file >= 0)
        close(file);
    if (size <= 0)
        return 0;
    text[size] = 0;
    for (const char *at = text; *at; at++)
        if (*at == '-' || *at == ',')
            last = at + 1;
    unsigned long highest = strtoul(last, NULL, 10);
    return highest < MOST_NODES ? (uint32_t)highest : MOST_NODES - 1;
}

uint32_t host_highest_node(void)
{
    static atomic_uint known; /* one more than the answer; 0: not asked yet */
    uint32_t value = atomic_load_explicit(&known, memory_order_relaxed);
    if (value == 0) {
        value = read_highest() + 1;
        atomic_store_explicit(&known, value, memory_order_relaxed);
    }
    return value - 1;
}

int linux_prefer_node(uint64_t address, uint64_t size, uint32_t node, bool mandatory)
{
    unsigned long mask[MOST_NODES / 64] = {0};
    if (node >= MOST_NODES)
        return -EINVAL;
    mask[node / 64] = 1ul << node % 64;
    /* the kernel counts one bit less than it is told */
    return syscall(SYS_mbind, address, size, mandatory ? MPOL_BIND : MPOL_PREFERRED, mask,
                   MOST_NODES + 1ul, 0) == 0
               ? 0
               : -errno;
}
