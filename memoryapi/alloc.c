/* Reserve and commit. */
#include "memoryapi/mm.h"

#include <stdlib.h>
#include "memoryapi/awe.h"
#include "memoryapi/base.h"
#include "memoryapi/host.h"
#include "memoryapi/large.h"
#include "memoryapi/limits.h"
#include "memoryapi/offer.h"
#include "memoryapi/placeholder.h"
#include "memoryapi/privilege.h"
#include "memoryapi/prot.h"
#include "memoryapi/reset.h"
#include "memoryapi/space.h"
#include "memoryapi/status.h"
#include "memoryapi/watch.h"

#define ACTIONS      (MEM_COMMIT | MEM_RESERVE | MEM_RESET | MEM_RESET_UNDO)
#define PAGES_64K    (MEM_LARGE_PAGES | MEM_PHYSICAL) /* MEM_64K_PAGES */
#define PLACEHOLDERS (MEM_RESERVE_PLACEHOLDER | MEM_REPLACE_PLACEHOLDER)
#define MODIFIERS    (MEM_TOP_DOWN | MEM_WRITE_WATCH | MEM_PHYSICAL | MEM_LARGE_PAGES)

static NTSTATUS check_physical(const struct mm_request *request)
{
    if ((request->type & ~(uint32_t)MEM_TOP_DOWN) != (MEM_RESERVE | MEM_PHYSICAL))
        return STATUS_INVALID_PARAMETER;
    if (request->protect != PAGE_READWRITE)
        return STATUS_INVALID_PAGE_PROTECTION;
    return privilege_enabled(PRIVILEGE_LOCK_MEMORY) ? STATUS_SUCCESS : STATUS_PRIVILEGE_NOT_HELD;
}

/* Memory that stays put takes a privilege; of large pages only together with their flag. */
static NTSTATUS check_attributes(const struct mm_request *request)
{
    const uint64_t large =
        MEM_EXTENDED_PARAMETER_NONPAGED_LARGE | MEM_EXTENDED_PARAMETER_NONPAGED_HUGE;
    if ((request->attributes & large) &&
        (!(request->type & MEM_LARGE_PAGES) || (request->attributes & large) == large))
        return STATUS_INVALID_PARAMETER;
    if (!(request->attributes & MEM_EXTENDED_PARAMETER_NONPAGED) ||
        (request->type & MEM_LARGE_PAGES)) /* which never leave memory */
        return STATUS_SUCCESS;
    return privilege_enabled(PRIVILEGE_LOCK_MEMORY) ? STATUS_NOT_SUPPORTED
                                                    : STATUS_PRIVILEGE_NOT_HELD;
}

/* Either is for reservations; what replaces one says where, and may commit. */
static NTSTATUS check_placeholder(const struct mm_request *request)
{
    uint32_t type = request->type;
    if (!request->placeholders)
        return STATUS_INVALID_PARAMETER;
    if ((type & ~(uint32_t)MEM_TOP_DOWN) == (MEM_RESERVE | MEM_RESERVE_PLACEHOLDER))
        return request->protect == PAGE_NOACCESS ? STATUS_SUCCESS : STATUS_INVALID_PAGE_PROTECTION;
    return (type & ~(uint32_t)MEM_COMMIT) == (MEM_RESERVE | MEM_REPLACE_PLACEHOLDER) &&
                   request->base
               ? STATUS_SUCCESS
               : STATUS_INVALID_PARAMETER;
}

/*
 * Pages of 64 KiB are a wish: the usual ones will do. The bits are those of two other types
 * together.
 */
static NTSTATUS take_hint(struct mm_request *request)
{
    if ((request->type & PAGES_64K) != PAGES_64K || !request->placeholders)
        return STATUS_SUCCESS;
    request->type &= ~(uint32_t)PAGES_64K;
    return (request->type & ~(uint32_t)MEM_TOP_DOWN) == (MEM_RESERVE | MEM_COMMIT)
               ? STATUS_SUCCESS
               : STATUS_INVALID_PARAMETER;
}

static NTSTATUS check_type(struct mm_request *request)
{
    uint32_t type = request->type;
    if (!(type & ACTIONS) || (type & ~(uint32_t)(ACTIONS | MODIFIERS | PLACEHOLDERS)))
        return STATUS_INVALID_PARAMETER;
    if ((type & (MEM_RESET | MEM_RESET_UNDO)) && (type & (type - 1)))
        return STATUS_INVALID_PARAMETER;
    /* pages of a region that is there already follow that one's node */
    if (request->node && ((type & MEM_RESERVE) || request->base == 0) &&
        (request->node & ~MM_NODE_MANDATORY) > mm_node(host_highest_node()))
        return STATUS_INVALID_PARAMETER;
    if (!prot_is_valid(request->protect, request->kind == MM_PRIVATE ? PROT_PRIVATE : PROT_IMAGE,
                       false))
        return STATUS_INVALID_PAGE_PROTECTION;
    NTSTATUS status = check_attributes(request);
    if (status != STATUS_SUCCESS)
        return status;
    if (type & PLACEHOLDERS)
        return check_placeholder(request);
    if (type & MEM_PHYSICAL)
        return check_physical(request);
    if (type & MEM_LARGE_PAGES)
        return large_check(request);
    if (type & MEM_WRITE_WATCH)
        return type & MEM_RESERVE ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
    return STATUS_SUCCESS;
}

static NTSTATUS check_range(const struct mm_request *request)
{
    uint64_t end;
    /* what no address space could hold is a mistake; what this one has no room for is not */
    if (request->size == 0 || request->size > SPACE_END)
        return STATUS_INVALID_PARAMETER;
    if (request->base == 0)
        return STATUS_SUCCESS;
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
            backing_decommit(region, from, to);
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
    /* by marks, a page gets its access first: not for a moment may it be written unseen */
    NTSTATUS status =
        region->marks ? backing_open(region, start, end) : backing_commit(region, start, end);
    if (status != STATUS_SUCCESS || (access == HOST_READ_WRITE && !mixed && !region->watched))
        return commit_status(status);
    int error = watch_committed(region, start, end);
    if (!error)
        error = mixed ? set_access(region, start, end, access, false)
                      : watch_protect(region, start, end - start, access);
    if (!error && region->marks && host_caps.guard)
        error = host->open_guards(start, end - start);
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

/* All of a region that is reserved throughout, but for the books. */
static NTSTATUS commit_all(const struct region *region, uint32_t protect)
{
    uint64_t base = region_base(region), end = region_end(region);
    NTSTATUS status = charge_pages(region, region->size / PAGE_SIZE);
    if (status != STATUS_SUCCESS && region->large)
        return STATUS_INSUFFICIENT_RESOURCES; /* there cannot be so many */
    if (status == STATUS_SUCCESS) {
        status = region->large ? large_commit(region, protect)
                               : commit_pages(region, base, end, protect, false);
        if (status != STATUS_SUCCESS)
            return_pages(region, region->size / PAGE_SIZE);
    }
    return status;
}

/* Commits all of a new region, which is the caller's; without success it goes again. */
static NTSTATUS commit_new(struct region *region, uint32_t protect)
{
    struct run_state committed = {.committed = true, .protect = protect};
    NTSTATUS status;

    region->touched = true;
    status = commit_all(region, protect);
    if (status == STATUS_SUCCESS) {
        space_finish_new(region, &committed);
    } else {
        if (region->numa) /* mapped anew, which forgets the node */
            backing_release(region);
        watch_stop(region);
        reserve_return(region->size);
        space_remove(region);
    }
    return status;
}

/* What is asked of a new region beyond its place; it is the caller's. */
static NTSTATUS complete(struct region *region, uint32_t protect, bool commit)
{
    NTSTATUS status;
    if (region->placeholder)
        return placeholder_begin(region);
    status = watch_start(region);
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

static NTSTATUS replace(struct mm_request *request)
{
    struct run_state state = {0};
    uint32_t protect = prot_shown(request->protect);
    struct region *region;
    NTSTATUS status = placeholder_claim(request->base, request->size, request->node, &region);

    if (status != STATUS_SUCCESS)
        return status;
    if (request->type & MEM_COMMIT) {
        state = (struct run_state){.committed = true, .protect = protect};
        status = commit_all(region, protect);
    }
    if (status == STATUS_SUCCESS)
        placeholder_become(region, MM_PRIVATE, protect, &state);
    else
        placeholder_give_up(region);
    return status;
}

static NTSTATUS reserve(struct mm_request *request)
{
    bool commit = request->type & MEM_COMMIT, placeholder = request->type & MEM_RESERVE_PLACEHOLDER;
    /* a loader fills it first and protects its sections then */
    bool image = request->kind == MM_IMAGE;
    bool incomplete = commit || placeholder || request->type & MEM_WRITE_WATCH;
    uint32_t protect = image ? PAGE_WRITECOPY : prot_shown(request->protect);
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
    region->large = request->type & MEM_LARGE_PAGES ? (uint8_t)large_shift(request) : 0;
    region->numa = (uint16_t)request->node;
    pool_settle(&space.map.region_pool, 1);
    if (placeholder)
        placeholder_mark(region);
    if (incomplete)
        space_claim_new(region);
    books_unlock();
    /* one that is not claimed may be released by somebody else from here on */
    if (incomplete)
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
                             uint32_t protect, bool *ret_mixed, uint64_t *ret_pages)
{
    *ret_mixed = false;
    *ret_pages = 0;
    if (region->adopted || region->physical || region->placeholder || region_end(region) < end)
        return STATUS_CONFLICTING_ADDRESSES;
    if (region->kind != MM_PRIVATE)
        return STATUS_ALREADY_COMMITTED;
    /* committed it is; its protection is for good */
    if (region->large || (region->secured && !prot_is_open(protect)))
        return STATUS_INVALID_PAGE_PROTECTION;
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
    status = check_commit(region, start, end, request->protect, &mixed, &pages);
    if (status == STATUS_SUCCESS)
        status = reset_wake(region, start, end);
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
        status = take_hint(request);
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
    if (request->type & MEM_REPLACE_PLACEHOLDER)
        return replace(request);
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
