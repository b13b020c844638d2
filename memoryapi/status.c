/* -errno to NTSTATUS, one table. */
#include "memoryapi/status.h"

#include <errno.h>
#include "memoryapi/base.h"

static const struct {
    int error;
    NTSTATUS status;
} table[] = {
    {0, STATUS_SUCCESS},
    {EACCES, STATUS_ACCESS_DENIED},
    {EAGAIN, STATUS_INSUFFICIENT_RESOURCES},
    {EBADF, STATUS_INVALID_HANDLE},
    {EEXIST, STATUS_CONFLICTING_ADDRESSES},
    {EFAULT, STATUS_ACCESS_VIOLATION},
    {EINVAL, STATUS_INVALID_PARAMETER},
    {ENOMEM, STATUS_NO_MEMORY},
    {EPERM, STATUS_ACCESS_DENIED},
};

NTSTATUS status_from_errno(int error)
{
    for (unsigned i = 0; i < array_length(table); i++)
        if (table[i].error == -error)
            return table[i].status;
    return STATUS_NO_MEMORY;
}
