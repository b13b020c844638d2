/* Contents of shared allocations: a file each, beside the machine. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "d3dkmt/machine_file.h"
#include "memoryapi/base.h"
#include "memoryapi/host.h"
#include "memoryapi/mm.h"

int share_file_open(uint64_t id, int flags)
{
    const struct machine_file *machine = state_file();
    char name[64];
    snprintf(name, sizeof name, "share-%s-%lu", machine->name, id);
    return gpu_directory_file(machine->directory, name, flags);
}

static const char shared[] = "shared memory";

static int fill(int file, uint64_t size)
{
    return size ? host->shared_fill(file, 0, size) : 0;
}

NTSTATUS share_contents_create(uint64_t id, uint64_t size)
{
    int error, file = share_file_open(id, O_RDWR | O_CREAT | O_EXCL);
    if (file == -EEXIST) { /* of a machine that was removed by hand */
        share_contents_remove(id);
        file = share_file_open(id, O_RDWR | O_CREAT | O_EXCL);
    }
    if (file < 0) {
        gpu_no_room(shared, file);
        return STATUS_NO_MEMORY;
    }
    size = round_up(size, PAGE_SIZE);
    error = ftruncate(file, (off_t)size) == 0 ? fill(file, size) : -errno;
    close(file);
    if (!error)
        return STATUS_SUCCESS;
    gpu_no_room(shared, error);
    share_contents_remove(id);
    return STATUS_NO_MEMORY;
}

NTSTATUS share_contents_map(uint64_t id, uint64_t size, void **ret_contents)
{
    int file = share_file_open(id, O_RDWR);
    struct stat info;
    uint64_t base;
    NTSTATUS status = STATUS_NO_MEMORY;
    if (file < 0)
        return STATUS_NO_MEMORY;
    /* never more than there is: what lies beyond the end of a file cannot be touched */
    if (fstat(file, &info) == 0 && (uint64_t)info.st_size >= size)
        status = mm_map_shared(file, 0, size, true, &base);
    close(file);
    if (status != STATUS_SUCCESS)
        return STATUS_NO_MEMORY;
    *ret_contents = (void *)base;
    return STATUS_SUCCESS;
}

void share_contents_unmap(void *contents)
{
    mm_unmap_shared((uint64_t)contents);
}

static int change_contents(uint64_t id, int (*change)(int file, uint64_t offset, uint64_t size))
{
    int error = 0, file = share_file_open(id, O_RDWR);
    struct stat info;
    if (file < 0)
        return file;
    if (fstat(file, &info) != 0)
        error = -errno;
    else if (info.st_size)
        error = change(file, 0, (uint64_t)info.st_size);
    close(file);
    return error;
}

static int write_all(int file, uint64_t offset, uint64_t size, const char *piece, size_t room)
{
    for (uint64_t end = offset + size; offset < end;) {
        size_t wanted = end - offset < room ? (size_t)(end - offset) : room;
        ssize_t done = pwrite(file, piece, wanted, (off_t)offset);
        if (done < 0 && errno != EINTR)
            return -errno;
        offset += done > 0 ? (uint64_t)done : 0;
    }
    return 0;
}

/* Where no hole can be made, the zeros are written. */
static int write_zeros(int file, uint64_t offset, uint64_t size)
{
    static const char zeros[65536];
    return write_all(file, offset, size, zeros, sizeof zeros);
}

static int write_poison(int file, uint64_t offset, uint64_t size)
{
    char poison[2048];
    memset(poison, VID_POISON, sizeof poison);
    return write_all(file, offset, size, poison, sizeof poison);
}

void share_contents_drop(uint64_t id)
{
    if (change_contents(id, host->shared_drop) != 0)
        change_contents(id, write_zeros);
}

bool share_contents_poison(uint64_t id)
{
    if (change_contents(id, write_poison) == 0)
        return true;
    share_contents_drop(id);
    return false;
}

NTSTATUS share_contents_back(uint64_t id)
{
    int error = change_contents(id, host->shared_fill);
    if (error)
        gpu_no_room(shared, error);
    return error ? STATUS_NO_MEMORY : STATUS_SUCCESS;
}

void share_contents_remove(uint64_t id)
{
    const struct machine_file *machine = state_file();
    char name[64];
    snprintf(name, sizeof name, "share-%s-%lu", machine->name, id);
    unlinkat(machine->directory, name, 0);
}
