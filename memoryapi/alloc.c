/* Reserve and commit. */
#include "memoryapi/mm.h"

#include <stdlib.h>
#include "memoryapi/awe.h"
#include "memoryapi/base.h"
#include "memoryapi/host.h"
#include "memoryapi/limits.h"
#include "memoryapi/offer.h"
#include "memoryapi/privilege.h"
#include "memoryapi/prot.h"
#include "memoryapi/space.h"
#include "memoryapi/status.h"
#include "memoryapi/watch.h"

#define SPACE_END  (MM_HIGHEST_ADDRESS + 1)
#define LARGE_PAGE (2ull << 20)
#define ACTIONS    (MEM_COMMIT | MEM_RESERVE | MEM_RESET | MEM_RESET_UNDO)
#define MODIFIERS  (MEM_TOP_DOWN | MEM_WRITE_WATCH | MEM_PHYSICAL | MEM_LARGE_PAGES)

static NTSTATUS check_physical(const struct mm_request *request)
{
    if ((request->type & ~(uint32_t)MEM_TOP_DOWN) != (MEM_RESERVE | MEM_PHYSICAL))
        return STATUS_INVALID_PARAMETER;
    if (request->protect != PAGE_READWRITE)
        return STATUS_INVALID_PAGE_PROTECTION;
    return privilege_enabled(PRIVILEGE_LOCK_MEMORY) ? STATUS_SUCCESS : STATUS_PRIVILEGE_NOT_HELD;
}

static NTSTATUS check_large(const struct mm_request *request)
{
    if ((request->type & (MEM_RESERVE | MEM_COMMIT)) != (MEM_RESERVE | MEM_COMMIT) ||
        !is_aligned(request->size, LARGE_PAGE) || !is_aligned(request->base, LARGE_PAGE))
        return STATUS_INVALID_PARAMETER;
    return privilege_enabled(PRIVILEGE_LOCK_MEMORY) ? STATUS_INSUFFICIENT_RESOURCES
                                                    : STATUS_PRIVILEGE_NOT_HELD;
}

static NTSTATUS check_type(const struct mm_request *request)
{
    uint32_t type = request->type;
    if (!(type & ACTIONS) || (type & ~(uint32_t)(ACTIONS | MODIFIERS)))
        return STATUS_INVALID_PARAMETER;
    if ((type & (MEM_RESET | MEM_RESET_UNDO)) && (type & (type - 1)))
        return STATUS_INVALID_PARAMETER;
    if (!prot_is_valid(request->protect, request->kind == MM_PRIVATE ? PROT_PRIVATE : PROT_IMAGE,
                       false))
        return STATUS_INVALID_PAGE_PROTECTION;
    if (type & MEM_PHYSICAL)
        return check_physical(request);
    if (type & MEM_LARGE_PAGES)
        return check_large(request);
    if (type & MEM_WRITE_WATCH)
        return type & MEM_RESERVE ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
    return STATUS_SUCCESS;
}

static NTSTATUS check_range(const struct mm_request *request)
{
    uint64_t end;
    if (request->size == 0)
        return STATUS_INVALID_PARAMETER;
    if (request->base == 0)
        return request->size > SPACE_END ? STATUS_NO_MEMORY : STATUS_SUCCESS;
    if (add_overflows(request->base, request->size, &end) || end > SPACE_END ||
        request->base < MM_LOWEST_ADDRESS)
        return STATUS_INVALID_PARAMETER;
    return STATUS_SUCCESS;
}

/*
 * A place for what is requested, with books held and a region promised (space.h). *ret_size: to the
 * end of the last page.
 */
static NTSTATUS place(const struct mm_request *request, uint64_t *ret_base, uint64_t *ret_size)
{
    uint64_t base = round_down(request->base, ALLOCATION_GRANULARITY);
    uint64_t size = round_up(request->base + request->size, PAGE_SIZE) - base;
    struct region_request wanted = {
        .size = size,
        .alignment = request->alignment ? request->alignment : ALLOCATION_GRANULARITY,
        .lowest = request->lowest > MM_LOWEST_ADDRESS ? request->lowest : MM_LOWEST_ADDRESS,
        .end = request->highest ? request->highest + 1 : SPACE_END,
        .top_down = request->type & MEM_TOP_DOWN,
    };
    *ret_base = base;
    *ret_size = size;
    return base ? space_open_place(base, size) : space_find_place(&wanted, ret_base);
}

/* Lack of memory at the host is, to a program, the limit of what may be committed. */
static NTSTATUS commit_status(NTSTATUS status)
{
    return status == STATUS_NO_MEMORY ? STATUS_COMMITMENT_LIMIT : status;
}

/* The access of the pages of [start, end) that a commit makes, or (`back`) that they had before. */
static int set_access(const struct region *region, uint64_t start, uint64_t end, unsigned access,
                      bool back)
{
    int error = 0;
    for (const struct run *run = run_find(region, start); run && run_start(run) < end && !error;
         run = run_next(run)) {
        uint64_t from, to;
        run_clip(run, start, end, &from, &to);
        unsigned wanted = back ? prot_host_access(run->state.protect) : access;
        if (back && !run->state.committed) {
            host->protect(from, to - from, HOST_READ_WRITE);
            backing_decommit(from, to);
            continue;
        }
        /* offered pages stay closed until they are reclaimed */
        int result =
            watch_protect(region, from, to - from, run->state.priority ? HOST_NONE : wanted);
        error = back ? 0 : result;
    }
    return error;
}

/*
 * Commits with the host: accessible as `protect` says. `mixed`: some page has other access now.
 * Undone on failure.
 */
static NTSTATUS commit_pages(const struct region *region, uint64_t start, uint64_t end,
                             uint32_t protect, bool mixed)
{
    unsigned access = prot_host_access(protect);
    NTSTATUS status = backing_commit(region, start, end);
    if (status != STATUS_SUCCESS || (access == HOST_READ_WRITE && !mixed && !region->watched))
        return commit_status(status);
    int error = watch_committed(region, start, end);
    if (!error)
        error = mixed ? set_access(region, start, end, access, false)
                      : watch_protect(region, start, end - start, access);
    if (!error)
        return STATUS_SUCCESS;
    set_access(region, start, end, access, true);
    return commit_status(status_from_errno(error));
}

/* What an image takes is not charged: most of it is never written. */
static NTSTATUS charge_pages(const struct region *region, uint64_t pages)
{
    return region->kind != MM_PRIVATE || commit_charge(pages) ? STATUS_SUCCESS
                                                              : STATUS_COMMITMENT_LIMIT;
}

static void return_pages(const struct region *region, uint64_t pages)
{
    if (region->kind == MM_PRIVATE)
        commit_return(pages);
}

/* Commits all of a new region, which is the caller's; without success it goes again. */
static NTSTATUS commit_new(struct region *region, uint32_t protect)
{
    struct run_state committed = {.committed = true, .protect = protect};
    uint64_t base = region_base(region), end = region_end(region);
    NTSTATUS status;

    region->touched = true;
    status = charge_pages(region, region->size / PAGE_SIZE);
    if (status == STATUS_SUCCESS) {
        status = commit_pages(region, base, end, protect, false);
        if (status != STATUS_SUCCESS)
            return_pages(region, region->size / PAGE_SIZE);
    }
    if (status == STATUS_SUCCESS) {
        space_finish_new(region, &committed);
    } else {
        watch_stop(region);
        reserve_return(region->size);
        space_remove(region);
    }
    return status;
}

/* Watches and commits what is asked of a new region, which is the caller's. */
static NTSTATUS complete(struct region *region, uint32_t protect, bool commit)
{
    NTSTATUS status = watch_start(region);
    if (status != STATUS_SUCCESS) {
        reserve_return(region->size);
        space_remove(region);
    } else if (commit) {
        status = commit_new(region, protect);
    } else {
        space_release(region);
    }
    return status;
}

static NTSTATUS reserve(struct mm_request *request)
{
    bool commit = request->type & MEM_COMMIT;
    /* a loader fills it first and protects its sections then */
    bool image = request->kind == MM_IMAGE;
    uint32_t protect = image ? PAGE_READWRITE : prot_shown(request->protect);
    struct run_state reserved = {0};
    struct awe_window *window = NULL;
    struct region *region;
    uint64_t base, size;
    NTSTATUS status;

    if ((request->type & MEM_PHYSICAL) && !(window = awe_new_window(request->base, request->size)))
        return STATUS_NO_MEMORY;
    status = place(request, &base, &size);
    if (status == STATUS_SUCCESS && !reserve_charge(size)) {
        pool_settle(&space.map.region_pool, 1);
        books_unlock();
        status = STATUS_NO_MEMORY;
    }
    if (status != STATUS_SUCCESS) {
        free(window);
        return status;
    }
    region = region_insert(&space.map, base, size, &reserved);
    region->protect = image ? PAGE_EXECUTE_WRITECOPY : protect;
    region->kind = request->kind;
    region->physical = window != NULL;
    region->window = window;
    region->watched = request->type & MEM_WRITE_WATCH;
    pool_settle(&space.map.region_pool, 1);
    if (commit || region->watched)
        space_claim_new(region);
    books_unlock();
    if (commit || region->watched)
        status = complete(region, protect, commit);
    request->base = base;
    request->size = size;
    return status;
}

struct commit_change {
    uint32_t protect;
};

/* An offered page stays offered; only what it will be accessible as changes. */
static void become_committed(struct run_state *state, void *context)
{
    state->committed = true;
    state->protect = ((struct commit_change *)context)->protect;
}

/*
 * Whether these pages may be committed; *ret_mixed: some have access that is not read-write;
 * *ret_pages: so many are not committed yet.
 */
static NTSTATUS check_commit(const struct region *region, uint64_t start, uint64_t end,
                             bool *ret_mixed, uint64_t *ret_pages)
{
    *ret_mixed = false;
    *ret_pages = 0;
    if (region->adopted || region->physical || region_end(region) < end)
        return STATUS_CONFLICTING_ADDRESSES;
    if (region->kind != MM_PRIVATE)
        return STATUS_ALREADY_COMMITTED;
    for (const struct run *run = run_find(region, start); run && run_start(run) < end;
         run = run_next(run)) {
        uint64_t from, to;
        run_clip(run, start, end, &from, &to);
        if (!run->state.committed)
            *ret_pages += (to - from) / PAGE_SIZE;
        else if (run->state.priority || prot_host_access(run->state.protect) != HOST_READ_WRITE)
            *ret_mixed = true;
    }
    return STATUS_SUCCESS;
}

static NTSTATUS commit(struct mm_request *request)
{
    uint64_t start = round_down(request->base, PAGE_SIZE),
             end = round_up(request->base + request->size, PAGE_SIZE);
    struct region *region = space_claim(start);
    struct commit_change change = {prot_shown(request->protect)};
    uint64_t pages;
    bool mixed;
    NTSTATUS status;

    request->base = start;
    request->size = end - start;
    if (!region)
        return STATUS_CONFLICTING_ADDRESSES;
    status = check_commit(region, start, end, &mixed, &pages);
    if (status == STATUS_SUCCESS && !space_prepare(0, 2))
        status = STATUS_NO_MEMORY;
    if (status != STATUS_SUCCESS) {
        space_release(region);
        return status;
    }
    status = charge_pages(region, pages);
    if (status == STATUS_SUCCESS) {
        region->touched = true;
        status = commit_pages(region, start, end, request->protect, mixed);
        if (status != STATUS_SUCCESS)
            return_pages(region, pages);
    }
    if (status == STATUS_SUCCESS)
        space_finish(region, start, end, become_committed, &change);
    else
        space_give_up(region);
    return status;
}

NTSTATUS mm_allocate(struct mm_request *request)
{
    NTSTATUS status = check_range(request);
    if (status == STATUS_SUCCESS)
        status = check_type(request);
    if (status == STATUS_SUCCESS)
        status = space_init();
    if (status != STATUS_SUCCESS)
        return status;
    if (request->type & (MEM_RESET | MEM_RESET_UNDO))
        return mm_reset(request);
    /* what a loader maps is no allocation of the program's */
    if (request->kind == MM_PRIVATE && limits_refuse())
        return request->type & MEM_COMMIT ? STATUS_COMMITMENT_LIMIT : STATUS_NO_MEMORY;
    if ((request->type & MEM_RESERVE) || request->base == 0)
        return reserve(request);
    return commit(request);
}

NTSTATUS mm_share_page(uint64_t base, void **ret_writable)
{
    struct run_state committed = {.committed = true, .protect = PAGE_READONLY};
    NTSTATUS status = space_init();
    if (status == STATUS_SUCCESS)
        status = space_open_place(base, PAGE_SIZE);
    if (status != STATUS_SUCCESS)
        return status;
    struct region *region = region_insert(&space.map, base, PAGE_SIZE, &committed);
    region->protect = PAGE_READONLY;
    region->kind = MM_PRIVATE;
    region->adopted = true;
    pool_settle(&space.map.region_pool, 1);
    space_claim_new(region);
    books_unlock();
    if (host_shared_page(base, ret_writable) != 0) {
        space_remove(region);
        return STATUS_NO_MEMORY;
    }
    space_release(region);
    return STATUS_SUCCESS;
}
