/* Decommit and release. */
#include "memoryapi/mm.h"

#include "memoryapi/awe.h"
#include "memoryapi/base.h"
#include "memoryapi/host.h"
#include "memoryapi/limits.h"
#include "memoryapi/offer.h"
#include "memoryapi/placeholder.h"
#include "memoryapi/prot.h"
#include "memoryapi/space.h"
#include "memoryapi/status.h"
#include "memoryapi/watch.h"

#define PRESERVE (MEM_RELEASE | MEM_PRESERVE_PLACEHOLDER)
#define COALESCE (MEM_RELEASE | MEM_COALESCE_PLACEHOLDERS)

/* Ends the claim: with success by the end of the region. */
static NTSTATUS release(struct region *region)
{
    NTSTATUS status = region->physical ? awe_close(region) : backing_release(region);
    if (status != STATUS_SUCCESS) {
        space_release(region);
        return status;
    }
    for (struct run *run = run_find(region, region_base(region)); run; run = run_next(run))
        offer_forget(&run->state, run->size / PAGE_SIZE);
    if (region->kind == MM_PRIVATE)
        commit_return(region->committed);
    reserve_return(region->size);
    watch_stop(region);
    space_remove(region);
    return STATUS_SUCCESS;
}

static void become_reserved(struct run_state *state, void *context)
{
    (void)context;
    *state = (struct run_state){0};
}

/* Puts [start, end) back to what the runs say, after a decommit that failed half-way. */
static void restore(const struct region *region, uint64_t start, uint64_t end)
{
    for (const struct run *run = run_find(region, start); run && run_start(run) < end;
         run = run_next(run)) {
        uint64_t from, to;
        run_clip(run, start, end, &from, &to);
        if (!run->state.committed)
            continue;
        backing_commit(region, from, to); /* stretches that were closed before the failure */
        watch_protect(region, from, to - from, backing_access(&run->state));
        if (run->state.locked)
            host->lock(from, to - from);
    }
}

/*
 * No page is locked any more, which the host would refuse to drop, and all is read-write: that may
 * fail, and dropping what is in the pages cannot be undone.
 */
static int prepare_decommit(const struct region *region, uint64_t start, uint64_t end)
{
    int error = 0;
    for (const struct run *run = run_find(region, start); run && run_start(run) < end && !error;
         run = run_next(run)) {
        uint64_t from, to;
        run_clip(run, start, end, &from, &to);
        if (run->state.locked)
            error = host->unlock(from, to - from);
        if (!error && run->state.committed &&
            (region->marks || backing_access(&run->state) != HOST_READ_WRITE))
            error = host->protect(from, to - from, HOST_READ_WRITE);
    }
    return error;
}

/* Ends the claim. */
static NTSTATUS decommit(struct region *region, uint64_t start, uint64_t end)
{
    uint64_t from, to, pages = 0;
    int error;
    if (!space_prepare(0, 2)) {
        space_release(region);
        return STATUS_NO_MEMORY;
    }
    error = prepare_decommit(region, start, end);
    if (!error)
        error = backing_decommit(region, start, end);
    if (error) {
        restore(region, start, end);
        space_give_up(region);
        return status_from_errno(error);
    }
    for (struct run *run = run_find(region, start); run && run_start(run) < end;
         run = run_next(run)) {
        run_clip(run, start, end, &from, &to);
        offer_forget(&run->state, (to - from) / PAGE_SIZE);
        pages += run->state.committed ? (to - from) / PAGE_SIZE : 0;
    }
    commit_return(pages);
    watch_forget(region, start, end);
    space_finish(region, start, end, become_reserved, NULL);
    return STATUS_SUCCESS;
}

static bool is_all(const struct region *region, uint64_t start, uint64_t end)
{
    return start == region_base(region) && end == region_end(region);
}

/* *size 0 becomes all of the region. */
static NTSTATUS check_free(const struct region *region, uint64_t *base, uint64_t *size,
                           uint32_t type, bool image)
{
    uint64_t start = round_down(*base, PAGE_SIZE), end = round_up(*base + *size, PAGE_SIZE);

    if (region->adopted || region->secured || (region->kind != MM_PRIVATE) != image)
        return STATUS_UNABLE_TO_FREE_VM;
    if (*size == 0 && start != region_base(region))
        return STATUS_FREE_VM_NOT_AT_BASE;
    if (*size == 0)
        end = region_end(region);
    if (end > region_end(region))
        return STATUS_UNABLE_TO_FREE_VM;
    if (type == MEM_RELEASE && !is_all(region, start, end) &&
        (image || region->placeholder || region->physical || region->large || region->watched))
        return STATUS_UNABLE_TO_FREE_VM;
    if (type != MEM_RELEASE && (region->physical || region->large))
        return STATUS_UNABLE_TO_FREE_VM; /* a window has nothing that was committed */
    *base = start;
    *size = end - start;
    return STATUS_SUCCESS;
}

NTSTATUS mm_free(uint64_t *base, uint64_t *size, uint32_t type)
{
    bool image = type & MM_FREE_IMAGE;
    uint64_t start = *base, length = *size, end;
    NTSTATUS status;

    type &= ~(uint32_t)MM_FREE_IMAGE;
    if (type != MEM_RELEASE && type != MEM_DECOMMIT && type != PRESERVE && type != COALESCE)
        return STATUS_INVALID_PARAMETER;
    if (start >= SPACE_END || add_overflows(start, length, &end) || end > SPACE_END)
        return STATUS_INVALID_PARAMETER;
    status = space_init();
    if (status != STATUS_SUCCESS)
        return status;
    if (type == PRESERVE)
        return placeholder_preserve(start, length);
    if (type == COALESCE)
        return placeholder_coalesce(start, length);
    struct region *region = space_claim(round_down(start, PAGE_SIZE));
    if (!region)
        return STATUS_MEMORY_NOT_ALLOCATED;
    status = check_free(region, &start, &length, type, image);
    if (status != STATUS_SUCCESS) {
        space_release(region);
        return status;
    }
    if (type == MEM_DECOMMIT)
        status = decommit(region, start, start + length);
    else if (is_all(region, start, start + length))
        status = release(region);
    else
        status = region_release_part(region, start, start + length);
    if (status == STATUS_SUCCESS) {
        *base = start;
        *size = length;
    }
    return status;
}
