/* Protection and guard changes. */
#include "memoryapi/mm.h"

#include "memoryapi/base.h"
#include "memoryapi/host.h"
#include "memoryapi/prot.h"
#include "memoryapi/reset.h"
#include "memoryapi/space.h"
#include "memoryapi/status.h"
#include "memoryapi/watch.h"

static void change_protect(struct run_state *state, void *context)
{
    state->protect = *(const uint32_t *)context;
}

/*
 * Every page committed, none beyond the region; *ret_offered: some are offered and stay
 * inaccessible.
 */
static NTSTATUS check_pages(const struct region *region, uint64_t start, uint64_t end,
                            bool *ret_offered)
{
    *ret_offered = false;
    for (const struct run *run = run_find(region, start); run && run_start(run) < end;
         run = run_next(run)) {
        if (!run->state.committed)
            return STATUS_NOT_COMMITTED;
        *ret_offered |= run->state.priority != 0;
    }
    return STATUS_SUCCESS;
}

/*
 * Gives the pages of [start, end) that are not offered `access`, or (`back`) what their runs say.
 */
static int set_access(const struct region *region, uint64_t start, uint64_t end, unsigned access,
                      bool back)
{
    int error = 0;
    for (const struct run *run = run_find(region, start); run && run_start(run) < end;
         run = run_next(run)) {
        uint64_t from, to;
        run_clip(run, start, end, &from, &to);
        if (run->state.priority)
            continue;
        int result = watch_protect(region, from, to - from,
                                   back ? prot_host_access(run->state.protect) : access);
        if (result && !back)
            return result;
        error = error ? error : result;
    }
    return error;
}

/* Whether memory of this region may have such a protection at all. */
static bool allowed(const struct region *region, uint32_t protect)
{
    if (protect & PROT_CACHE_BITS & ~region->protect)
        return false;
    if (region->secured && !prot_is_open(protect))
        return false;
    return prot_is_valid(protect, region->kind == MM_PRIVATE ? PROT_PRIVATE : PROT_IMAGE, true);
}

/* Ends the claim. */
static NTSTATUS protect_pages(struct region *region, uint64_t start, uint64_t end, uint32_t protect,
                              uint32_t *ret_old)
{
    unsigned access = prot_host_access(protect);
    uint32_t shown = prot_shown(protect), old;
    bool offered;
    int error;
    NTSTATUS status = check_pages(region, start, end, &offered);

    if (status == STATUS_SUCCESS)
        status = reset_wake(region, start, end);
    if (status == STATUS_SUCCESS && !space_prepare(0, 2))
        status = STATUS_NO_MEMORY;
    if (status != STATUS_SUCCESS) {
        space_release(region);
        return status;
    }
    old = run_find(region, start)->state.protect;
    error = offered ? set_access(region, start, end, access, false)
                    : watch_protect(region, start, end - start, access);
    if (error) {
        set_access(region, start, end, 0, true);
        space_give_up(region);
        return status_from_errno(error);
    }
    space_finish(region, start, end, change_protect, &shown);
    *ret_old = old;
    return STATUS_SUCCESS;
}

NTSTATUS mm_protect(uint64_t *base, uint64_t *size, uint32_t protect, uint32_t *ret_old)
{
    uint64_t start = round_down(*base, PAGE_SIZE), end;
    struct region *region;
    NTSTATUS status;

    if (*size == 0 || add_overflows(*base, *size, &end) || end > SPACE_END)
        return STATUS_INVALID_PARAMETER;
    if (!prot_is_valid(protect, PROT_IMAGE, true) && !prot_is_valid(protect, PROT_PRIVATE, true))
        return STATUS_INVALID_PAGE_PROTECTION;
    end = round_up(end, PAGE_SIZE);
    status = space_init();
    if (status != STATUS_SUCCESS)
        return status;
    region = space_claim(start);
    if (!region)
        return STATUS_CONFLICTING_ADDRESSES;
    if (region->adopted || region_end(region) < end)
        status = STATUS_CONFLICTING_ADDRESSES;
    else if (region->large || !allowed(region, protect))
        status = STATUS_INVALID_PAGE_PROTECTION;
    if (status != STATUS_SUCCESS) {
        space_release(region);
        return status;
    }
    if (region->kind == MM_IMAGE)
        protect = prot_of_image(protect);
    status = protect_pages(region, start, end, protect, ret_old);
    if (status == STATUS_SUCCESS) {
        *base = start;
        *size = end - start;
    }
    return status;
}

void mm_secure(uint64_t base, bool on)
{
    struct region *region = space_claim(base);
    if (!region)
        return;
    books_lock();
    region->secured = on;
    books_unlock();
    space_release(region);
}
