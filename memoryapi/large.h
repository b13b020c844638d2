/*
 * Large pages: all of a region is of them or nothing, there from the start, read-write for good.
 * Inside memoryapi/ only. Source: win32 Memory/large-page-support.
 */
#pragma once

#include "memoryapi/mm.h"
#include "memoryapi/region.h"

/* Whether the request may have large pages; its alignment becomes theirs. */
NTSTATUS large_check(struct mm_request *request);
/* log2 of the bytes of a page of such a request. */
unsigned large_shift(const struct mm_request *request);
/* Puts large pages behind all of a claimed region that is new. Failure: it is as it was. */
NTSTATUS large_commit(const struct region *region, uint32_t protect);
