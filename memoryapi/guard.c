/*
 * What a fault means to the memory manager: a guard page, a stack that grows, a race that is over,
 * or no right to be there.
 */
#include "memoryapi/mm.h"

#include "memoryapi/base.h"
#include "memoryapi/fault.h"
#include "memoryapi/gate.h"
#include "memoryapi/host.h"
#include "memoryapi/limits.h"
#include "memoryapi/offer.h"
#include "memoryapi/prot.h"
#include "memoryapi/reset.h"
#include "memoryapi/space.h"
#include "memoryapi/watch.h"

/*
 * Our own code runs on the program's stack below the dispatcher of exceptions: this much is kept
 * for both when a stack overflows.
 */
#define OVERFLOW_ROOM (16u << 10)
/*
 * The same where the commit limit ends a stack that has address space left: the handlers' calls
 * make sure of GATE_ROOM below them, and must not meet the limit again.
 */
#define LIMIT_ROOM (2 * GATE_ROOM)
/*
 * So often in a row the same access may fault, with nothing wrong in the books and no call that
 * changed anything in between, before it is taken as denied.
 */
#define SAME_FAULT_LIMIT 64
/* a stack that grows changes two stretches of pages */
#define RUNS_OF_A_FAULT 4

static __thread struct {
    uint64_t address;
    uint64_t changes; /* of space->changes */
    unsigned count;
} last_fault __attribute__((tls_model("initial-exec")));

static void drop_guard(struct run_state *state, void *context)
{
    (void)context;
    state->protect &= ~(uint32_t)PAGE_GUARD;
}

/* A lock stays, and what a reset has lost: the host knows nothing of the change. */
static void set_state(struct run_state *state, void *context)
{
    struct run_state before = *state;
    *state = *(const struct run_state *)context;
    state->locked = before.locked;
    state->reset = before.reset;
    state->offer = before.offer;
}

/*
 * Another thread may have made the page accessible since the fault. Endless repetition means that
 * books and host disagree.
 */
static enum mm_fault_result retry(uint64_t address)
{
    uint64_t changes = __atomic_load_n(&space.changes, __ATOMIC_RELAXED);
    if (last_fault.address != address || last_fault.changes != changes) {
        last_fault.address = address;
        last_fault.changes = changes;
        last_fault.count = 0;
    }
    return ++last_fault.count > SAME_FAULT_LIMIT ? MM_FAULT_DENIED : MM_FAULT_RESUME;
}

static bool allows(uint32_t protect, unsigned access)
{
    unsigned host_access = prot_host_access(protect);
    return access == FAULT_WRITE     ? host_access & HOST_WRITE
           : access == FAULT_EXECUTE ? host_access & HOST_EXECUTE
                                     : host_access & HOST_READ;
}

/* What is behind [from, to) is again what the books say. */
static void close_stack(const struct region *region, uint64_t from, uint64_t to)
{
    for (const struct run *run = run_find(region, from); run && run_start(run) < to;
         run = run_next(run)) {
        uint64_t first, last;
        run_clip(run, from, to, &first, &last);
        host->protect(first, last - first,
                      run->state.committed ? backing_access(&run->state) : HOST_READ_WRITE);
        if (!run->state.committed)
            backing_decommit(region, first, last);
    }
}

enum growth {
    GROWN,
    LIMITED, /* the commit limit is reached; nothing was changed */
    REFUSED  /* by the host, or for an offer; nothing was changed */
};

/*
 * Charges what is not committed of [from, to), `beyond` the limit or not, and makes it accessible,
 * unless some is offered. *ret_pages: so many were charged.
 */
static enum growth open_stack(struct region *region, uint64_t from, uint64_t to, unsigned access,
                              bool beyond, uint64_t *ret_pages)
{
    uint64_t pages = 0;
    for (const struct run *run = run_find(region, from); run && run_start(run) < to;
         run = run_next(run)) {
        uint64_t first, last;
        run_clip(run, from, to, &first, &last);
        if (run->state.priority)
            return REFUSED;
        pages += run->state.committed ? 0 : (last - first) / PAGE_SIZE;
    }
    if (beyond)
        commit_charge_beyond(pages);
    else if (!commit_charge(pages))
        return LIMITED;
    *ret_pages = pages;
    bool open = backing_commit(region, from, to) == STATUS_SUCCESS;
    if (open && host->protect(from, to - from, access) == 0)
        return GROWN;
    if (open)
        close_stack(region, from, to);
    commit_return(pages);
    return REFUSED;
}

/* Commits [from, to) of the stack read-write, whatever it was: reserved, or guard pages. */
static enum growth commit_stack(struct region *region, uint64_t from, uint64_t to, bool beyond)
{
    struct run_state state = {.committed = true, .protect = PAGE_READWRITE};
    uint64_t pages;
    enum growth growth = open_stack(region, from, to, HOST_READ_WRITE, beyond, &pages);
    if (growth == GROWN)
        space_change(region, from, to, set_state, &state);
    return growth;
}

/* The same, with a guard page below; both or nothing. */
static enum growth commit_above_guard(struct region *region, uint64_t from, uint64_t to)
{
    struct run_state state = {.committed = true, .protect = PAGE_READWRITE | PAGE_GUARD};
    uint64_t pages, guard = from - PAGE_SIZE;
    enum growth growth = open_stack(region, guard, from, HOST_NONE, false, &pages);
    if (growth != GROWN)
        return growth;
    growth = commit_stack(region, from, to, false);
    if (growth != GROWN) {
        close_stack(region, guard, from);
        commit_return(pages);
        return growth;
    }
    space_change(region, guard, from, set_state, &state);
    return GROWN;
}

static void move_limit(struct mm_stack *stack, uint64_t limit)
{
    stack->limit = limit;
    gate_self.stack_limit = limit;
    if (stack->moved)
        stack->moved(stack);
}

/*
 * Another thread has reset pages between the stack and its guard: what sleeps there wakes as if it
 * was written, a part for each fault. False: nothing does.
 */
static bool wake_stack(struct region *region, uint64_t page, uint64_t end,
                       enum mm_fault_result *ret_result)
{
    const struct run *run = reset_sleepers() ? run_find(region, page) : NULL;
    while (run && run_start(run) < end && run->state.reset != RESET_ASLEEP)
        run = run_next(run);
    if (!run || run_start(run) >= end)
        return false;
    page = run_start(run) > page ? run_start(run) : page;
    *ret_result = reset_wake_for_fault(region, page) ? MM_FAULT_RESUME : MM_FAULT_DENIED;
    return true;
}

/*
 * The calling thread ran into the guard page of its stack, or (native code, which does not probe)
 * past it. The stack grows down to the page touched, with a new guard page below; the lowest page
 * is never committed. When no room is left for the guard and the overflow handler, everything is
 * committed at once and the overflow is raised, once. When the commit limit is reached instead, the
 * handler gets its room without a guard below it. Its pages are there whatever the limit says: the
 * thread could not be told else.
 */
static enum mm_fault_result grow_stack(struct mm_stack *stack, struct region *region, uint64_t page)
{
    uint64_t lowest = stack->floor + PAGE_SIZE;
    uint64_t room = stack->guarantee > OVERFLOW_ROOM ? stack->guarantee : OVERFLOW_ROOM;
    enum mm_fault_result result;

    if (page < lowest || stack->limit <= lowest)
        return MM_FAULT_DENIED;
    if (wake_stack(region, page < lowest + room ? lowest : page - PAGE_SIZE, stack->limit, &result))
        return result;
    if (page >= lowest + room) {
        enum growth growth = commit_above_guard(region, page, stack->limit);
        if (growth == GROWN) {
            move_limit(stack, page);
            return MM_FAULT_RESUME;
        }
        if (growth == REFUSED)
            return MM_FAULT_STACK;
        if (page - lowest > room + LIMIT_ROOM)
            lowest = page - room - LIMIT_ROOM;
        if (wake_stack(region, lowest, stack->limit, &result))
            return result;
    }
    if (commit_stack(region, lowest, stack->limit, true) != GROWN)
        return MM_FAULT_DENIED;
    move_limit(stack, lowest);
    return MM_FAULT_STACK;
}

/* pre: four runs prepared. */
static enum mm_fault_result fault_in(struct region *region, uint64_t address, unsigned access)
{
    uint64_t page = round_down(address, PAGE_SIZE);
    struct mm_stack *stack = mm_thread_stack;
    struct run *run;

    if (region->adopted)
        return MM_FAULT_DENIED;
    run = run_find(region, page);
    if (run->state.priority)
        return MM_FAULT_DENIED;
    if (stack && page >= stack->floor && page < stack->limit &&
        (!run->state.committed || (run->state.protect & PAGE_GUARD)))
        return grow_stack(stack, region, page);
    if (stack && page >= stack->limit && page < stack->base && run->state.committed &&
        (run->state.protect & PAGE_GUARD)) {
        /* the program put its guard back where the stack had grown (_resetstkoflw does) */
        move_limit(stack, page + PAGE_SIZE);
        return grow_stack(stack, region, page);
    }
    if (!run->state.committed)
        return MM_FAULT_DENIED;
    if (run->state.protect & PAGE_GUARD) {
        if (watch_protect(region, page, PAGE_SIZE,
                          prot_host_access(run->state.protect & ~(uint32_t)PAGE_GUARD)) != 0)
            return MM_FAULT_DENIED;
        space_change(region, page, page + PAGE_SIZE, drop_guard, NULL);
        return MM_FAULT_GUARD;
    }
    if (!allows(run->state.protect, access))
        return MM_FAULT_DENIED;
    if (access == FAULT_WRITE && run->state.reset == RESET_ASLEEP)
        return reset_wake_for_fault(region, page) ? MM_FAULT_RESUME : MM_FAULT_DENIED;
    if (access == FAULT_WRITE && region->marks && !watch_fault(region, page))
        return MM_FAULT_DENIED;
    return retry(address);
}

enum mm_fault_result mm_fault(uint64_t address, unsigned access)
{
    enum mm_fault_result result = MM_FAULT_DENIED;
    /* whoever holds something of ours touches no program memory: a fault then is our own mistake */
    if (address > MM_HIGHEST_ADDRESS || !space.usable || gate_self.locks)
        return MM_FAULT_DENIED;
    /* as inside a gate: a thread that is suspended must not stop with a claim */
    gate_step_in();
    struct region *region = space_claim_for_fault(round_down(address, PAGE_SIZE));
    if (region && space_prepare(0, RUNS_OF_A_FAULT)) {
        result = fault_in(region, address, access);
        space_settle(0, RUNS_OF_A_FAULT);
    }
    if (region)
        space_release(region);
    gate_leave();
    return result;
}
