/* Sharing of resources. */
#include "d3dkmt/share.h"

uint64_t share_new_id(const struct vidmm *mm)
{
    return __atomic_add_fetch(&mm->machine->shares, 1, __ATOMIC_RELAXED);
}

NTSTATUS share_resource(struct kmt_resource *resource, D3DKMT_HANDLE *ret_share)
{
    return STATUS_NOT_SUPPORTED;
}
