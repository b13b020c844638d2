/*
 * Resources that other processes and devices may open. pre, for all: kmt_lock. The name of what is
 * shared (an id above 0) is the machine's; its contents are files beside it.
 */
#pragma once

#include "d3dkmt/kmt.h"

/* A name for new shared contents. */
uint64_t share_new_id(const struct vidmm *mm);
/*
 * Makes a resource that was created with CreateShared known. *ret_share is its global handle, 0 with
 * NtSecuritySharing.
 */
NTSTATUS share_resource(struct kmt_resource *resource, D3DKMT_HANDLE *ret_share);
