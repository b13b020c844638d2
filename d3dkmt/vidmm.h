/*
 * The video memory manager: which allocation is where, what it may cost, who has to go. It works on
 * the simulated machine (machine.h) alone: no files, no handles, no caller's memory, no clock but
 * the virtual one. So a test can give it a machine in plain memory and walk every invariant.
 *
 * WORDS
 *   machine     all simulated adapters and the processes that use them
 *   place       local video memory, non-local (system memory through the aperture), or nowhere
 *   resident    placed somewhere
 *   references  how often its devices asked for it to be resident (MakeResident less Evict)
 *   idle        resident without references: goes when somebody needs the room
 *   held        resident with references
 *   demoted     with references, but put out all the same, because its process was over its budget
 *   offered     its process does not need the contents: they are lost when somebody needs the room
 *   lost        the contents of an offered allocation are gone; told once, by reclaim
 *   decommitted lost for good: reclaim says so, and nothing but closing is left
 *   budget      bytes a process may hold in a place without being asked to trim
 *
 * AN ALLOCATION'S LIFE
 *
 *     create -> nowhere -- make resident / use --> held / idle <-- evict --
 *                  ^                                |   |
 *                  |---- room is needed ------------'   '-- offer --> offered -- reclaim --> as before
 *                  |                                                     | room is needed, or at once
 *                  '---------------- reclaim: "discarded" -------------- lost
 *
 * WHO GOES, when a place has no room (room.c), in this order:
 *   1. offered ones: lowest offer priority, then oldest offer; contents lost
 *   2. idle ones: of the process that is furthest over its budget, else of any; lowest class of
 *      priority, then longest without use; contents stay
 *   3. held ones of other processes that are over their budget, as many bytes as they are over, if
 *      the process that the room counts for stays within its own; the same order as 2
 *   4. with VIDMM_MUST: held ones of other processes at all
 * Room is made only when it suffices: nothing is lost for a request that fails.
 *
 * AGE is the time since the last use: a use, a reference more or less, an offer, a reclaim, and
 * every change of the list, as by another class of priority. A new priority of the same class, a
 * device that closes its opening, or another owner do not make an offer or an allocation younger
 * while it stays in its list.
 *
 * Every call is made with the adapter's lock held (vidmm_lock), lists of allocations under one hold.
 * Sizes are in bytes, times in virtual nanoseconds.
 */
#pragma once

#include <winmem/windef.h>
#include "d3dkmt/machine.h"
#include "d3dkmt/segment.h"

/* One adapter as one process sees it. */
struct vidmm {
    struct vid_machine *machine;
    struct vid_adapter *adapter;
    struct vid_allocation *allocations;
    uint64_t *arrivals; /* of allocations: when what is placed is there, in virtual time; primary */
    struct vid_opening *openings;
    struct vid_event *events;
    const struct vid_segment_ops *const *places; /* by enum vid_place */
    uint64_t luid;                               /* vid_adapter.luid as it was when it was found */
    uint16_t process;                            /* who is asking */
    /*
     * Memory behind these bytes of the machine. False: there is none. NULL where the machine is
     * plain memory.
     */
    bool (*back)(const struct vidmm *mm, uint64_t offset, uint64_t size);
    bool (*is_alive)(const struct vidmm *mm, uint16_t process);
    /* Of what is shared under this id nothing is left in the adapter. NULL: nobody minds. */
    void (*gone)(const struct vidmm *mm, uint64_t share);
    /* vidmm_decommit takes this allocation, under the lock. NULL: nobody minds. */
    void (*decommitted)(const struct vidmm *mm, uint32_t allocation);
    int file; /* of `back` and `is_alive` */
};

/* What the calls below moved, for the paging queue to take its time for. Added to. */
struct vid_paging {
    uint64_t in[VID_PLACES];  /* bytes brought to a place */
    uint64_t out[VID_PLACES]; /* bytes copied away from it */
    uint64_t until; /* when what was placed already, but still moved by others, is there */
    uint64_t start; /* the caller says: when moving begins, in virtual time */
    bool timed;     /* ... and that it takes time */
};

struct vid_wish {
    uint64_t size; /* bytes, rounded up to pages of 4 KiB */
    uint64_t share;
    uint32_t priority;
    uint32_t handle;
    uint8_t wanted, allowed;
};

/* vidmm.c. Virtual nanoseconds that the moves take, one after the other. */
uint64_t vidmm_moving_time(const struct vidmm *mm, const struct vid_paging *paging);
/* It is there at that time; or waits for it, if others move it. */
void vidmm_arrives(const struct vidmm *mm, uint32_t allocation, uint64_t time);
void vidmm_await(const struct vidmm *mm, uint32_t allocation, struct vid_paging *paging);
/* Handing the lock on after its owner died includes vidmm_rebuild. */
void vidmm_lock(const struct vidmm *mm);
void vidmm_unlock(const struct vidmm *mm);
void vidmm_event(const struct vidmm *mm, enum vid_event_kind kind, uint32_t allocation,
                 uint16_t process, uint64_t bytes, uint8_t place);
/* It is there, or gone: with its pid, which its slot may not have for long. */
void vidmm_event_of_process(const struct vidmm *mm, enum vid_event_kind kind, uint16_t process);
/* What an opening is of. pre: live */
static inline struct vid_allocation *vidmm_of(const struct vidmm *mm, uint32_t opening)
{
    return &mm->allocations[mm->openings[opening].allocation];
}

/*
 * Called for each of a list before its element `i` is worked on: fetches what the next ones need, so
 * that the memory of many is waited for at once. An opening leads to its allocation, and that to its
 * neighbours in its list. Always inline: a compiler takes a function that only prefetches for one
 * that does nothing, and leaves out the call.
 */
__attribute__((always_inline)) static inline void
vidmm_ahead(const struct vidmm *mm, const uint32_t *openings, uint32_t i, uint32_t count)
{
    if (i + 24 < count)
        __builtin_prefetch(&mm->openings[openings[i + 24]], 1);
    if (i + 16 < count)
        __builtin_prefetch(vidmm_of(mm, openings[i + 16]), 1);
    if (i + 8 < count) {
        const struct vid_allocation *next = vidmm_of(mm, openings[i + 8]);
        __builtin_prefetch(&mm->allocations[next->next], 1);
        __builtin_prefetch(&mm->allocations[next->previous], 1);
        __builtin_prefetch(&mm->arrivals[next - mm->allocations], 1);
    }
}

/*
 * allocation.c. A new one is nowhere. STATUS_INVALID_PARAMETER: its places make no sense.
 * STATUS_GRAPHICS_NO_VIDEO_MEMORY: it would never fit, or the configured failure struck.
 * STATUS_NO_MEMORY: there is no record for it.
 */
NTSTATUS vidmm_create(const struct vidmm *mm, const struct vid_wish *wish, uint32_t *ret_opening);
/* The same allocation for another device. */
NTSTATUS vidmm_open(const struct vidmm *mm, uint32_t allocation, uint32_t handle,
                    uint32_t *ret_opening);
/*
 * With the last opening goes the allocation. True: it went. When its owner closes his last opening
 * it belongs to the process with the lowest opening.
 */
bool vidmm_close(const struct vidmm *mm, uint32_t opening);
void vidmm_set_priority(const struct vidmm *mm, uint32_t opening, uint32_t priority);
/*
 * New places for it. Where it is placed and not offered it moves: to the place it wants, if there
 * is room as for make resident; what is where it may not be goes out in any case. The same places
 * again change nothing. STATUS_INVALID_PARAMETER as create; STATUS_NO_MEMORY: it would never fit.
 */
NTSTATUS vidmm_set_places(const struct vidmm *mm, uint32_t opening, uint8_t wanted, uint8_t allowed,
                          struct vid_paging *paging);
/*
 * CPU locks. STATUS_INVALID_PARAMETER while it is offered, or once it is decommitted;
 * STATUS_GRAPHICS_TOO_MANY_REFERENCES: it has as many as the record counts.
 */
NTSTATUS vidmm_lock_cpu(const struct vidmm *mm, uint32_t opening, bool write);
NTSTATUS vidmm_unlock_cpu(const struct vidmm *mm, uint32_t opening);
/* offer.c: whether anybody has it locked. */
bool vidmm_is_locked(const struct vidmm *mm, uint32_t opening);

/* residency.c */
enum vidmm_flags {
    VIDMM_OVER_BUDGET = 1,    /* make resident: the caller cannot trim further, it may go over */
    VIDMM_MUST = 2,           /* and take what others hold */
    VIDMM_ONLY_IF_NEEDED = 4, /* evict: it stays where it is until somebody needs the room */
    VIDMM_CLEAN = 8           /* evict: the contents were not changed, nothing to copy */
};
/*
 * One more reference for each, and resident: all or none. STATUS_NO_MEMORY: beyond the budget, or
 * there is no room; *ret_missing is how many bytes the process has to evict for it.
 * STATUS_INVALID_PARAMETER: one is offered or decommitted, or has too many references.
 */
NTSTATUS vidmm_make_resident(const struct vidmm *mm, const uint32_t *openings, uint32_t count,
                             unsigned flags, struct vid_paging *paging, uint64_t *ret_missing);
/* One reference less. STATUS_INVALID_PARAMETER: it has none by this opening. */
NTSTATUS vidmm_evict(const struct vidmm *mm, uint32_t opening, unsigned flags,
                     struct vid_paging *paging);
/* Resident for a use that needs no reference (contexts with allocation lists). */
NTSTATUS vidmm_use(const struct vidmm *mm, uint32_t opening, struct vid_paging *paging);
/*
 * Demoted ones of the process come back, oldest first, within its budget and as far as there is
 * room. Some that do not fit are passed over: a big one shall not keep the others out. Then what it
 * holds at another place than it wants goes home, highest class of priority first, oldest first, as
 * far as the budget and room without taking what anybody holds go.
 */
void vidmm_restore(const struct vidmm *mm, struct vid_paging *paging);
/* Bytes that the process holds beyond its budget. */
uint64_t vidmm_over_budget(const struct vidmm *mm, uint16_t process, enum vid_place place);
/*
 * Bytes that it would have to evict so that all it wants resident fits into its budgets: what it
 * holds, and what was put out all the same.
 */
uint64_t vidmm_to_trim(const struct vidmm *mm, uint16_t process);

/* room.c: `bytes` free at `place`, or nothing changed and false. Of `flags`: VIDMM_MUST. */
bool vidmm_make_room(const struct vidmm *mm, enum vid_place place, uint64_t bytes, unsigned flags,
                     struct vid_paging *paging);
/* Everybody's offers down to `most` bytes are lost; a debugger's way to see a program take it. */
void vidmm_discard_offers(const struct vidmm *mm, uint64_t most);
/*
 * `bytes` of the place are taken away; somebody goes at once, as for a process that is nobody's and
 * within its budget. True: it is really free now.
 */
bool vidmm_press(const struct vidmm *mm, enum vid_place place, uint64_t bytes);
void vidmm_put_out(const struct vidmm *mm, uint32_t allocation, struct vid_paging *paging);
/* pre: offered. Does nothing when it is lost. */
void vidmm_lose(const struct vidmm *mm, uint32_t allocation);
/*
 * Offers of the process that may be decommitted are, in the order of discard, until `bytes` are
 * reached. Returns the bytes.
 */
uint64_t vidmm_decommit(const struct vidmm *mm, uint64_t bytes);

/* offer.c */
enum vidmm_reclaimed { VIDMM_INTACT, VIDMM_DISCARDED, VIDMM_NOT_COMMITTED };
/*
 * D3DKMT_OFFER_PRIORITY_*: AUTO goes by the allocation's priority. `decommit`: vidmm_decommit may
 * take it. STATUS_INVALID_PARAMETER: no such priority, locked by some process, or decommitted.
 */
NTSTATUS vidmm_offer(const struct vidmm *mm, uint32_t opening, uint32_t priority, bool decommit);
/*
 * The contents are gone: whoever reclaims it clears them, under the same hold of the lock and
 * before vidmm_reclaim, so that nobody finds old contents told intact when he dies in between.
 */
static inline bool vidmm_is_lost(const struct vidmm *mm, uint32_t opening)
{
    return vidmm_of(mm, opening)->lost;
}
/* Memory for what was decommitted was found again. pre: offered */
void vidmm_recommit(const struct vidmm *mm, uint32_t opening);
/*
 * With references it is brought back, over the budget too, or demoted if that fails; `paging`
 * tells. Of one that was not offered: VIDMM_INTACT, or VIDMM_NOT_COMMITTED again.
 */
enum vidmm_reclaimed vidmm_reclaim(const struct vidmm *mm, uint32_t opening,
                                   struct vid_paging *paging);

/* budget.c. Anew for everybody; who is over its budget is asked to trim (vid_usage.trim). */
void vidmm_share_budgets(const struct vidmm *mm);
/* STATUS_INVALID_PARAMETER: more than is available for reservation. */
NTSTATUS vidmm_reserve(const struct vidmm *mm, enum vid_place place, uint64_t bytes);
uint64_t vidmm_budget(const struct vidmm *mm, uint16_t process, enum vid_place place);
uint64_t vidmm_available_for_reservation(const struct vidmm *mm, uint16_t process,
                                         enum vid_place place);
void vidmm_add_device(const struct vidmm *mm);
/* pre: what the device had is closed. */
void vidmm_remove_device(const struct vidmm *mm);
void vidmm_set_background(const struct vidmm *mm, uint16_t process, bool background);

/*
 * lost.c. A reset: devices made before it are lost; `hung` is the process whose work it was for,
 * VID_PROCESSES: nobody's. A stopped adapter goes on where it was. With a removal devices are lost,
 * and no allocation is resident any more; one that is put in again is another: it has another LUID,
 * and who had it open has the one that is gone.
 */
void vidmm_reset_adapter(const struct vidmm *mm, uint16_t hung);
void vidmm_stop_adapter(const struct vidmm *mm);
void vidmm_start_adapter(const struct vidmm *mm);
void vidmm_remove_adapter(const struct vidmm *mm);
void vidmm_restore_adapter(const struct vidmm *mm);
uint32_t vidmm_arrivals(const struct vidmm *mm);
/* As programs are told it: the constant one at first. */
uint64_t vidmm_luid(const struct vidmm *mm);

/* rebuild.c. Everything a process had is closed. True: something was. */
bool vidmm_sweep(const struct vidmm *mm, uint16_t process);
/* Whoever is not alive any more is swept, then all that is derived is made anew. */
void vidmm_rebuild(const struct vidmm *mm);
/* Every invariant of machine.h; the first that does not hold is said on `fd` (-1: silently). */
bool vidmm_is_valid(const struct vidmm *mm, int fd);
void vidmm_dump(const struct vidmm *mm, int fd);
