/* The share modes of this process's open files: who may open or delete what, by device and inode.
 */
#include "kernel32/process/file.h"

#include "memoryapi/base.h"

#define BUCKETS 1024u

static struct futex_lock lock;
static struct file *buckets[BUCKETS]; /* under lock */

static unsigned bucket_of(uint64_t device, uint64_t inode)
{
    return (unsigned)((inode ^ inode >> 13 ^ device * 31) % BUCKETS);
}

static ACCESS_MASK share_needed(ACCESS_MASK access)
{
    ACCESS_MASK needed = 0;
    if (access & (FILE_READ_DATA | FILE_EXECUTE))
        needed |= FILE_SHARE_READ;
    if (access & (FILE_WRITE_DATA | FILE_APPEND_DATA))
        needed |= FILE_SHARE_WRITE;
    if (access & DELETE)
        needed |= FILE_SHARE_DELETE;
    return needed;
}

/* Both must share what the other does (sdk-api fileapi/CreateFileW, dwShareMode); who only looks
 * at attributes is in nobody's way. */
static NTSTATUS check_locked(uint64_t device, uint64_t inode, ACCESS_MASK access, uint32_t share)
{
    ACCESS_MASK needed = share_needed(access);
    for (struct file *file = buckets[bucket_of(device, inode)]; file; file = file->next) {
        if (file->inode != inode || file->device != device)
            continue;
        if (file->delete_pending)
            return STATUS_DELETE_PENDING;
        ACCESS_MASK held = share_needed(file->access);
        if (needed && held && ((needed & ~file->share) || (held & ~share)))
            return STATUS_SHARING_VIOLATION;
    }
    return STATUS_SUCCESS;
}

NTSTATUS file_share_check(uint64_t device, uint64_t inode, ACCESS_MASK access, uint32_t share)
{
    futex_lock(&lock);
    NTSTATUS status = check_locked(device, inode, access, share);
    futex_unlock(&lock);
    return status;
}

NTSTATUS file_share_enter(struct file *file)
{
    futex_lock(&lock);
    NTSTATUS status = check_locked(file->device, file->inode, file->access, file->share);
    if (status == STATUS_SUCCESS) {
        struct file **bucket = &buckets[bucket_of(file->device, file->inode)];
        file->next = *bucket;
        if (file->next)
            file->next->previous = &file->next;
        file->previous = bucket;
        *bucket = file;
    }
    futex_unlock(&lock);
    return status;
}

void file_share_leave(struct file *file)
{
    futex_lock(&lock);
    if (file->previous) {
        *file->previous = file->next;
        if (file->next)
            file->next->previous = file->previous;
        file->previous = NULL;
    }
    futex_unlock(&lock);
}

void file_share_set_delete(struct file *file, bool delete_pending)
{
    futex_lock(&lock);
    file->delete_pending = delete_pending;
    futex_unlock(&lock);
}
