/* Locking pages into memory, and hints about pages. */
#pragma once

#include "memoryapi/host.h"
#include "memoryapi/mm.h"

/*
 * Locks every page of the range: all of them committed and accessible, in one allocation or several.
 * *ret_was_locked: some were locked before. STATUS_MEMORY_NOT_ALLOCATED: a page is free;
 * STATUS_ACCESS_VIOLATION: reserved, offered or PAGE_NOACCESS; STATUS_GUARD_PAGE_VIOLATION: a guard
 * page was met, which is now spent; STATUS_WORKING_SET_QUOTA: more than may be locked, here or at
 * the host.
 */
NTSTATUS mm_lock(uint64_t *base, uint64_t *size, bool *ret_was_locked);
/* STATUS_NOT_LOCKED: some page is not locked; such pages leave the working set, others stay. */
NTSTATUS mm_unlock(uint64_t *base, uint64_t *size);

/*
 * Passes a hint on for what is committed in [start, end), which may be any part of the address
 * space. It is no more than a hint: what the host makes of it is not told.
 */
NTSTATUS mm_hint(uint64_t start, uint64_t end, enum host_hint hint);
