/*
 * Placeholders: reserved regions that are cut, joined, and replaced by an allocation or a view in
 * one step. Inside memoryapi/ only. Source: sdk-api memoryapi/VirtualAlloc2, memoryapi/VirtualFree.
 *
 *   free -- VirtualAlloc2 RESERVE_PLACEHOLDER -> placeholder      placeholder_begin
 *   placeholder -- RELEASE | PRESERVE of a part -> placeholders   placeholder_preserve
 *   placeholders -- RELEASE | COALESCE -> placeholder             placeholder_coalesce
 *   placeholder -- REPLACE -> private memory, view                placeholder_claim, then _become
 *   private memory -- RELEASE | PRESERVE -> placeholder           placeholder_preserve
 *   view -- unmap with PRESERVE -> placeholder                    placeholder_return
 *   placeholder -- RELEASE -> free                                as any region
 *
 * Nothing of a placeholder is committed; it is exact, and its pages read as when they were reserved.
 */
#pragma once

#include "memoryapi/region.h"

/* Under books: a region that was just made, alone in its granules. Then, without, the rest: ends
 * its claim, with failure by its end. */
void placeholder_mark(struct region *region);
NTSTATUS placeholder_begin(struct region *region);

/*
 * The placeholder that is exactly this range, claimed; `numa` is what its successor is to have.
 * STATUS_CONFLICTING_ADDRESSES: there is none. The caller puts something behind the pages and then
 * calls one of the others, which end the claim: _become, or _give_up, for which it has dropped
 * nothing and committed nothing in the books.
 */
NTSTATUS placeholder_claim(uint64_t base, uint64_t size, uint32_t numa, struct region **ret_region);
void placeholder_become(struct region *region, enum mm_region_kind kind, uint32_t protect,
                        const struct run_state *state);
void placeholder_give_up(struct region *region);
/* All of a claimed region that is no placeholder; ends the claim. Failure: nothing changed. */
NTSTATUS placeholder_return(struct region *region);

/* VirtualFree with MEM_RELEASE and one of MEM_PRESERVE_PLACEHOLDER, MEM_COALESCE_PLACEHOLDERS. */
NTSTATUS placeholder_preserve(uint64_t base, uint64_t size);
NTSTATUS placeholder_coalesce(uint64_t base, uint64_t size);

/* Cuts [start, end) out of a claimed private region; it is free then. Ends the claim. */
NTSTATUS region_release_part(struct region *region, uint64_t start, uint64_t end);
