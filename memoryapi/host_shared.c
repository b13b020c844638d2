/* Files that processes share. */
#include "memoryapi/host_linux.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/mman.h>

int linux_shared_map(int file, uint64_t offset, uint64_t size, unsigned access, uint64_t address,
                     uint64_t *ret_address)
{
    int protection = (access & HOST_READ ? PROT_READ : 0) | (access & HOST_WRITE ? PROT_WRITE : 0);
    void *memory = mmap((void *)address, size, protection, MAP_SHARED | (address ? MAP_FIXED : 0),
                        file, (off_t)offset);
    if (memory == MAP_FAILED)
        return -errno;
    *ret_address = (uint64_t)memory;
    return 0;
}

/* A signal may come while memory is found. */
static int allocate(int file, int mode, uint64_t offset, uint64_t size)
{
    int answer;
    do
        answer = fallocate(file, mode, (off_t)offset, (off_t)size);
    while (answer != 0 && errno == EINTR);
    return answer == 0 ? 0 : -errno;
}

int linux_shared_fill(int file, uint64_t offset, uint64_t size)
{
    return allocate(file, 0, offset, size);
}

int linux_shared_drop(int file, uint64_t offset, uint64_t size)
{
    return allocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, size);
}
