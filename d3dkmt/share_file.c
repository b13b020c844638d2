/* Small files beside the machine that tell other processes what is shared. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "d3dkmt/machine_file.h"
#include "d3dkmt/share.h"

#define FIRST sizeof(uint64_t) /* what is written last */

/* 0 or -errno. */
static int put(int file, const char *bytes, size_t size, size_t offset)
{
    while (size) {
        ssize_t done = pwrite(file, bytes, size, (off_t)offset);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return done < 0 ? -errno : -EIO;
        bytes += done;
        size -= (size_t)done;
        offset += (size_t)done;
    }
    return 0;
}

static bool get(int file, char *bytes, size_t size)
{
    for (size_t at = 0; at < size;) {
        ssize_t done = pread(file, bytes + at, size - at, (off_t)at);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return false;
        at += (size_t)done;
    }
    return true;
}

NTSTATUS share_file_write(uint64_t id, const void *bytes, size_t size)
{
    int file = share_file_open(id, O_RDWR | O_CREAT | O_EXCL);
    if (file == -EEXIST) { /* of a machine that was removed by hand */
        share_contents_remove(id);
        file = share_file_open(id, O_RDWR | O_CREAT | O_EXCL);
    }
    int error = file < 0 ? file : put(file, (const char *)bytes + FIRST, size - FIRST, FIRST);
    if (!error)
        error = put(file, bytes, FIRST, 0);
    if (file >= 0)
        close(file);
    if (!error)
        return STATUS_SUCCESS;
    gpu_no_room("what is shared", error);
    if (file >= 0)
        share_contents_remove(id);
    return STATUS_NO_MEMORY;
}

NTSTATUS share_file_change(uint64_t id, size_t offset, const void *bytes, size_t size)
{
    int file = share_file_open(id, O_RDWR);
    if (file < 0)
        return STATUS_NO_MEMORY;
    int error = put(file, bytes, size, offset);
    close(file);
    return error ? STATUS_NO_MEMORY : STATUS_SUCCESS;
}

NTSTATUS share_file_read(uint64_t id, size_t least, size_t most, void **ret_bytes, size_t *ret_size)
{
    int file = share_file_open(id, O_RDONLY);
    struct stat info;
    NTSTATUS status = STATUS_INVALID_PARAMETER;
    void *bytes = NULL;
    if (file < 0)
        return file == -ENOMEM || file == -EMFILE || file == -ENFILE ? STATUS_NO_MEMORY : status;
    if (fstat(file, &info) == 0 && info.st_size >= (off_t)least && info.st_size <= (off_t)most) {
        bytes = malloc((size_t)info.st_size);
        if (!bytes)
            status = STATUS_NO_MEMORY;
        else if (get(file, bytes, (size_t)info.st_size))
            status = STATUS_SUCCESS;
    }
    close(file);
    if (status != STATUS_SUCCESS) {
        free(bytes);
        return status;
    }
    *ret_bytes = bytes;
    *ret_size = (size_t)info.st_size;
    return status;
}
