/* Virtual time, and what this process will have complete later. */
#include "d3dkmt/clock.h"

#include <stdlib.h>
#include "d3dkmt/engine.h"
#include "memoryapi/base.h"

struct due {
    uint64_t time, order; /* first key, second key */
    void (*happen)(void *subject, uint64_t value);
    void *subject;
    uint64_t value;
};

/* A heap: no element comes before the one at half its index. Element 0 is unused. */
struct clock {
    const struct vidmm *mm; /* NULL: never used */
    struct due *heap;
    uint32_t count, room;
    bool running;
    uint64_t here; /* while running */
};

#define ROOM_AT_FIRST 64u

/* under kmt_lock */
static struct clock clocks[VID_ADAPTERS];
static uint64_t orders;

static struct clock *clock_of(const struct vidmm *mm)
{
    struct clock *clock = &clocks[vidmm_index(mm)];
    clock->mm = mm;
    return clock;
}

uint64_t clock_now(const struct vidmm *mm)
{
    return __atomic_load_n(&mm->adapter->clock, __ATOMIC_ACQUIRE);
}

uint64_t clock_here(const struct vidmm *mm)
{
    const struct clock *clock = clock_of(mm);
    return clock->running ? clock->here : clock_now(mm);
}

static void move(const struct vidmm *mm, uint64_t time)
{
    uint64_t now = clock_now(mm);
    while (now < time && !__atomic_compare_exchange_n(&mm->adapter->clock, &now, time, true,
                                                      __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        ;
}

static bool is_before(const struct due *a, const struct due *b)
{
    return a->time != b->time ? a->time < b->time : a->order < b->order;
}

static struct due take_first(struct clock *clock)
{
    struct due first = clock->heap[1], last = clock->heap[clock->count--];
    uint32_t at = 1, below;
    while ((below = 2 * at) <= clock->count) {
        if (below < clock->count && is_before(&clock->heap[below + 1], &clock->heap[below]))
            below++;
        if (!is_before(&clock->heap[below], &last))
            break;
        clock->heap[at] = clock->heap[below];
        at = below;
    }
    clock->heap[at] = last;
    return first;
}

bool clock_reserve(const struct vidmm *mm, uint32_t more)
{
    struct clock *clock = clock_of(mm);
    uint32_t room = clock->room ? clock->room : ROOM_AT_FIRST;
    while (room < clock->count + more + CLOCK_SURE + 1)
        room *= 2;
    if (room == clock->room)
        return true;
    struct due *heap = realloc(clock->heap, room * sizeof *heap);
    if (!heap)
        return false;
    clock->heap = heap;
    clock->room = room;
    return true;
}

static void rise(struct clock *clock, struct due due)
{
    uint32_t at = ++clock->count;
    while (at > 1 && is_before(&due, &clock->heap[at / 2])) {
        clock->heap[at] = clock->heap[at / 2];
        at /= 2;
    }
    clock->heap[at] = due;
}

void clock_at(const struct vidmm *mm, uint64_t time, void (*happen)(void *subject, uint64_t value),
              void *subject, uint64_t value)
{
    rise(clock_of(mm), (struct due){time, ++orders, happen, subject, value});
    ticker_wake();
}

void clock_forget(const struct vidmm *mm, const void *subject)
{
    struct clock *clock = clock_of(mm);
    uint32_t count = clock->count;
    clock->count = 0;
    for (uint32_t i = 1; i <= count; i++)
        if (clock->heap[i].subject != subject)
            rise(clock, clock->heap[i]);
}

void clock_reach(const struct vidmm *mm, uint64_t time)
{
    struct clock *clock = clock_of(mm);
    bool outer = !clock->running;
    move(mm, time);
    if (!outer)
        return; /* whoever is at it goes on */
    clock->running = true;
    while (clock->count && clock->heap[1].time <= clock_now(mm)) {
        struct due due = take_first(clock);
        clock->here = due.time;
        due.happen(due.subject, due.value);
        engine_settle();
    }
    clock->running = false;
}

void clock_call(const struct vidmm *mm)
{
    uint64_t now =
        __atomic_add_fetch(&mm->adapter->clock, mm->adapter->call_cost, __ATOMIC_ACQ_REL);
    ticker_note_call();
    engine_notice(mm);
    clock_reach(mm, now);
    engine_settle();
}

static bool step(const struct clock *clock)
{
    if (!clock->count)
        return false;
    clock_reach(clock->mm, clock->heap[1].time);
    return true;
}

bool clock_step(const struct vidmm *mm)
{
    return step(clock_of(mm));
}

bool clock_step_all(void)
{
    bool stepped = false;
    for (unsigned i = 0; i < VID_ADAPTERS; i++)
        stepped |= step(&clocks[i]);
    return stepped;
}

bool clock_is_pending(void)
{
    for (unsigned i = 0; i < VID_ADAPTERS; i++)
        if (clocks[i].count)
            return true;
    return false;
}

void clock_leave(void)
{
    for (unsigned i = 0; i < VID_ADAPTERS; i++)
        clocks[i].count = 0;
}
