/* Reserve, commit, decommit, release, reset. */
#include "memoryapi/mm.h"

#include "memoryapi/base.h"
#include "memoryapi/host.h"
#include "memoryapi/offer.h"
#include "memoryapi/prot.h"
#include "memoryapi/space.h"
#include "memoryapi/status.h"

#define SPACE_END  (MM_HIGHEST_ADDRESS + 1)
#define LARGE_PAGE (2ull << 20)
/*
 * Where a search for any address begins: far from NULL, so that small wild pointers fault. Full, it
 * goes on below.
 */
#define USUAL_FLOOR (64ull << 30)

#define ACTIONS   (MEM_COMMIT | MEM_RESERVE | MEM_RESET | MEM_RESET_UNDO)
#define MODIFIERS (MEM_TOP_DOWN | MEM_WRITE_WATCH | MEM_PHYSICAL | MEM_LARGE_PAGES)

static NTSTATUS check_physical(const struct mm_request *request)
{
    if ((request->type & ~(uint32_t)MEM_TOP_DOWN) != (MEM_RESERVE | MEM_PHYSICAL))
        return STATUS_INVALID_PARAMETER;
    return request->protect == PAGE_READWRITE ? STATUS_PRIVILEGE_NOT_HELD
                                              : STATUS_INVALID_PAGE_PROTECTION;
}

static NTSTATUS check_large(const struct mm_request *request)
{
    if ((request->type & (MEM_RESERVE | MEM_COMMIT)) != (MEM_RESERVE | MEM_COMMIT) ||
        !is_aligned(request->size, LARGE_PAGE) || !is_aligned(request->base, LARGE_PAGE))
        return STATUS_INVALID_PARAMETER;
    return STATUS_PRIVILEGE_NOT_HELD;
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
        return type & MEM_RESERVE ? STATUS_NOT_SUPPORTED : STATUS_INVALID_PARAMETER;
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

/* A free place for a request that names none. */
static NTSTATUS find_place(const struct mm_request *request, uint64_t size, uint64_t *ret_base)
{
    struct region_request wanted = {
        .size = size,
        .alignment = request->alignment ? request->alignment : ALLOCATION_GRANULARITY,
        .lowest = request->lowest > MM_LOWEST_ADDRESS ? request->lowest : MM_LOWEST_ADDRESS,
        .end = request->highest ? request->highest + 1 : SPACE_END,
        .top_down = request->type & MEM_TOP_DOWN,
    };
    uint64_t lowest = wanted.lowest;
    for (unsigned tries = 0; tries < 2; tries++) {
        if (!wanted.top_down && lowest < USUAL_FLOOR) {
            wanted.lowest = USUAL_FLOOR;
            *ret_base = region_find_free(&space.map, &wanted);
            wanted.lowest = lowest;
            if (*ret_base)
                return STATUS_SUCCESS;
        }
        *ret_base = region_find_free(&space.map, &wanted);
        if (*ret_base)
            return STATUS_SUCCESS;
        if (space.owned || tries || space_grow_locked(&wanted) != STATUS_SUCCESS)
            break;
    }
    return STATUS_NO_MEMORY;
}

static NTSTATUS place(const struct mm_request *request, uint64_t *ret_base, uint64_t *ret_size)
{
    uint64_t base = round_down(request->base, ALLOCATION_GRANULARITY);
    uint64_t size = round_up(request->base + request->size, PAGE_SIZE) - base;
    NTSTATUS status = STATUS_SUCCESS;

    if (base == 0) {
        status = find_place(request, size, &base);
    } else {
        struct region *there = region_next_from(&space.map, base);
        if (region_base(there) < base + size && there->barrier)
            status = space_take_locked(base, size);
        if (status == STATUS_SUCCESS && !region_is_free(&space.map, base, size))
            status = STATUS_CONFLICTING_ADDRESSES;
    }
    *ret_base = base;
    *ret_size = size;
    return status;
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
        uint64_t from = run_start(run) > start ? run_start(run) : start,
                 to = run_end(run) < end ? run_end(run) : end;
        unsigned wanted = access;
        if (back)
            wanted = run->state.committed ? prot_host_access(run->state.protect) : HOST_READ_WRITE;
        /* offered pages stay closed until they are reclaimed */
        int result = host->protect(from, to - from, run->state.priority ? HOST_NONE : wanted);
        if (!back)
            error = result;
        else if (!run->state.committed)
            backing_decommit(from, to);
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
    if (status != STATUS_SUCCESS || (access == HOST_READ_WRITE && !mixed))
        return commit_status(status);
    int error = mixed ? set_access(region, start, end, access, false)
                      : host->protect(start, end - start, access);
    if (!error)
        return STATUS_SUCCESS;
    set_access(region, start, end, access, true);
    return commit_status(status_from_errno(error));
}

static NTSTATUS reserve_locked(struct mm_request *request)
{
    bool commit = request->type & MEM_COMMIT;
    /* a loader fills it first and protects its sections then */
    bool image = request->kind == MM_IMAGE;
    uint32_t protect = image ? PAGE_READWRITE : prot_shown(request->protect);
    struct run_state reserved = {0}, committed = {.committed = true, .protect = protect};
    struct region *region;
    uint64_t base, size;
    NTSTATUS status;

    if (!pool_reserve(&space.map.region_pool, 1) || !pool_reserve(&space.map.run_pool, 2))
        return STATUS_NO_MEMORY;
    status = place(request, &base, &size);
    if (status != STATUS_SUCCESS)
        return status;
    futex_lock(&space.books);
    region = region_insert(&space.map, base, size, &reserved);
    region->protect = image ? PAGE_EXECUTE_WRITECOPY : protect;
    region->kind = request->kind;
    futex_unlock(&space.books);
    if (commit) {
        region->touched = true;
        status = commit_pages(region, base, base + size, protect, false);
        futex_lock(&space.books);
        if (status == STATUS_SUCCESS)
            region_set(&space.map, region, base, base + size, &committed);
        else
            region_remove(&space.map, region);
        futex_unlock(&space.books);
    }
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

static NTSTATUS commit_locked(struct mm_request *request)
{
    uint64_t start = round_down(request->base, PAGE_SIZE),
             end = round_up(request->base + request->size, PAGE_SIZE);
    struct region *region = region_find(&space.map, start);
    struct commit_change change = {prot_shown(request->protect)};
    bool mixed = false;
    NTSTATUS status;

    if (!region || region->barrier || region->adopted || region_end(region) < end)
        return STATUS_CONFLICTING_ADDRESSES;
    if (region->kind != MM_PRIVATE)
        return STATUS_ALREADY_COMMITTED;
    if (!pool_reserve(&space.map.run_pool, 2))
        return STATUS_NO_MEMORY;
    for (const struct run *run = run_find(region, start); run && run_start(run) < end;
         run = run_next(run)) {
        mixed |= run->state.priority ||
                 (run->state.committed && prot_host_access(run->state.protect) != HOST_READ_WRITE);
    }
    region->touched = true;
    status = commit_pages(region, start, end, request->protect, mixed);
    if (status == STATUS_SUCCESS) {
        futex_lock(&space.books);
        region_change(&space.map, region, start, end, become_committed, &change);
        futex_unlock(&space.books);
    }
    request->base = start;
    request->size = end - start;
    return status;
}

/*
 * MEM_RESET and its undo keep the data: the hint is taken and nothing is dropped, so an undo always
 * finds everything.
 */
static NTSTATUS reset_locked(struct mm_request *request)
{
    uint64_t start = round_down(request->base, PAGE_SIZE),
             end = round_up(request->base + request->size, PAGE_SIZE);
    struct region *region = region_find(&space.map, start);

    if (!region || region->barrier || region_end(region) < end)
        return STATUS_CONFLICTING_ADDRESSES;
    if (region->kind == MM_IMAGE)
        return STATUS_INVALID_PARAMETER;
    for (const struct run *run = run_find(region, start); run && run_start(run) < end;
         run = run_next(run))
        if (!run->state.committed)
            return STATUS_NOT_COMMITTED;
    request->base = start;
    request->size = end - start;
    return STATUS_SUCCESS;
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
    space_lock();
    if (request->type & (MEM_RESET | MEM_RESET_UNDO))
        status = request->base ? reset_locked(request) : STATUS_CONFLICTING_ADDRESSES;
    else if ((request->type & MEM_RESERVE) || request->base == 0)
        status = reserve_locked(request);
    else
        status = commit_locked(request);
    space_unlock();
    return status;
}

static NTSTATUS release_locked(struct region *region)
{
    NTSTATUS status = backing_release(region);
    if (status != STATUS_SUCCESS)
        return status;
    for (struct run *run = run_find(region, region_base(region)); run; run = run_next(run))
        offer_forget(&run->state, run->size / PAGE_SIZE);
    futex_lock(&space.books);
    region_remove(&space.map, region);
    futex_unlock(&space.books);
    return STATUS_SUCCESS;
}

static void become_reserved(struct run_state *state, void *context)
{
    (void)context;
    *state = (struct run_state){0};
}

/*
 * Access that is not read-write goes back to it first: that may fail, and dropping what is in the
 * pages cannot be undone.
 */
static NTSTATUS decommit_locked(struct region *region, uint64_t start, uint64_t end)
{
    int error = 0;
    if (!pool_reserve(&space.map.run_pool, 2))
        return STATUS_NO_MEMORY;
    for (const struct run *run = run_find(region, start); run && run_start(run) < end && !error;
         run = run_next(run)) {
        uint64_t from = run_start(run) > start ? run_start(run) : start,
                 to = run_end(run) < end ? run_end(run) : end;
        if (run->state.committed &&
            (run->state.priority || prot_host_access(run->state.protect) != HOST_READ_WRITE))
            error = host->protect(from, to - from, HOST_READ_WRITE);
    }
    if (!error)
        error = backing_decommit(start, end);
    if (error) {
        for (const struct run *run = run_find(region, start); run && run_start(run) < end;
             run = run_next(run)) {
            uint64_t from = run_start(run) > start ? run_start(run) : start,
                     to = run_end(run) < end ? run_end(run) : end;
            if (!run->state.committed)
                continue;
            backing_commit(region, from, to); /* stretches that were closed before the failure */
            host->protect(from, to - from,
                          run->state.priority ? HOST_NONE : prot_host_access(run->state.protect));
        }
        return status_from_errno(error);
    }
    for (struct run *run = run_find(region, start); run && run_start(run) < end;
         run = run_next(run)) {
        uint64_t from = run_start(run) > start ? run_start(run) : start,
                 to = run_end(run) < end ? run_end(run) : end;
        offer_forget(&run->state, (to - from) / PAGE_SIZE);
    }
    futex_lock(&space.books);
    region_change(&space.map, region, start, end, become_reserved, NULL);
    futex_unlock(&space.books);
    return STATUS_SUCCESS;
}

static NTSTATUS free_locked(uint64_t *base, uint64_t *size, uint32_t type, bool image)
{
    uint64_t start = round_down(*base, PAGE_SIZE), end = round_up(*base + *size, PAGE_SIZE);
    struct region *region = region_find(&space.map, start);
    NTSTATUS status;

    if (!region || region->barrier)
        return STATUS_MEMORY_NOT_ALLOCATED;
    if (region->adopted || (region->kind != MM_PRIVATE) != image)
        return STATUS_UNABLE_TO_FREE_VM;
    if (*size == 0 && start != region_base(region))
        return STATUS_FREE_VM_NOT_AT_BASE;
    if (*size == 0)
        end = region_end(region);
    if (end > region_end(region))
        return STATUS_UNABLE_TO_FREE_VM;
    if (type == MEM_RELEASE && (start != region_base(region) || end != region_end(region)))
        return STATUS_UNABLE_TO_FREE_VM;
    *base = start;
    *size = end - start;
    status = type == MEM_RELEASE ? release_locked(region) : decommit_locked(region, start, end);
    return status;
}

NTSTATUS mm_free(uint64_t *base, uint64_t *size, uint32_t type)
{
    bool image = type & MM_FREE_IMAGE;
    uint64_t end;
    NTSTATUS status;

    type &= ~(uint32_t)MM_FREE_IMAGE;
    if (type != MEM_RELEASE && type != MEM_DECOMMIT)
        return STATUS_INVALID_PARAMETER;
    if (*base >= SPACE_END || add_overflows(*base, *size, &end) || end > SPACE_END)
        return STATUS_INVALID_PARAMETER;
    status = space_init();
    if (status != STATUS_SUCCESS)
        return status;
    space_lock();
    status = free_locked(base, size, type, image);
    space_unlock();
    return status;
}

/* Under space->lock: the page is mapped, and booked. */
static NTSTATUS share_locked(uint64_t base, void **ret_writable)
{
    struct run_state committed = {.committed = true, .protect = PAGE_READONLY};
    NTSTATUS status = STATUS_SUCCESS;
    if (!pool_reserve(&space.map.region_pool, 4))
        return STATUS_NO_MEMORY;
    if (!region_is_free(&space.map, base, PAGE_SIZE))
        status = space_take_locked(base, ALLOCATION_GRANULARITY);
    if (status == STATUS_SUCCESS && !region_is_free(&space.map, base, PAGE_SIZE))
        status = STATUS_CONFLICTING_ADDRESSES;
    if (status == STATUS_SUCCESS && host_shared_page(base, ret_writable) != 0)
        status = STATUS_NO_MEMORY;
    if (status != STATUS_SUCCESS)
        return status;
    futex_lock(&space.books);
    struct region *region = region_insert(&space.map, base, PAGE_SIZE, &committed);
    region->protect = PAGE_READONLY;
    region->kind = MM_PRIVATE;
    region->adopted = true;
    futex_unlock(&space.books);
    return STATUS_SUCCESS;
}

NTSTATUS mm_share_page(uint64_t base, void **ret_writable)
{
    NTSTATUS status = space_init();
    if (status != STATUS_SUCCESS)
        return status;
    space_lock();
    status = share_locked(base, ret_writable);
    space_unlock();
    return status;
}
