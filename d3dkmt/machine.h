/*
 * The simulated machine: what every process that uses it shares. One file, mapped by all of them;
 * it holds no pointers, only indices, because each process has it at a place of its own.
 *
 * PRIMARY AND DERIVED. A process may be killed between any two stores. So every record has primary
 * fields, each of which is right by itself, and everything that must agree with something else
 * (lists, sums, counts, free records) is derived: vidmm_rebuild() makes it anew from the primary
 * fields. Whoever finds that the last owner of an adapter's lock died rebuilds before going on.
 *
 * INVARIANTS, walked by vidmm_is_valid(), while nobody holds the lock:
 *   M1  a live opening is of a live allocation and of a process that is attached
 *   M2  allocation.openings is the number of its live openings, at least 1
 *   M3  allocation.references is the sum of its openings' references
 *   M4  segment.used is the sum of what is placed in it; never more than segment.size
 *   M5  usage.resident[place] is the sum of what the process has there and did not offer;
 *       usage.referenced[place] the part of it that has references
 *   M6  one that is offered and not lost stands in offered[place][priority], placed or not; another
 *       placed one in its owner's held[place] or idle[place], with or without references, by class
 *       of priority; and each in no other list
 *   M7  what is neither is in no list, except a demoted one: in its owner's list `demoted`
 *   M8  each list is ordered by stamp, oldest first
 *   M9  a lost or decommitted allocation is not placed, and what is lost is offered
 *   M10 records that are not live are on the free chain or beyond `used`, openings too
 *   M11 easy[place] is the sum of what is placed there and offered or without references
 *   M12 a demoted allocation has references, is not offered, not decommitted and not placed
 *   M13 adapter.offered_bytes, usage.offered and usage.decommittable are the sums of what is offered
 *       and not lost
 *   M14 a process that has openings has devices, and stands in adapter.active
 *   M15 an allocation may have the place where it is, and the one it wants
 *   M16 the owner of an allocation has it open
 *   M17 nothing is planned: what vidmm_make_resident notes in records is gone when it returns
 *   M18 usage.placed[place] counts what is there, offered or not, by whether it wants to be there,
 *       adapter.placed[place] all of it; usage.demoted_bytes[wanted] what is demoted, by priority
 *   M19 usage.missing_bytes and .displaced are sums over usage.demoted and usage.held
 *
 * LOCK ORDER: machine.lock, then adapter.lock; of two adapters never both. Everything of an adapter
 * is under its lock, but for what is marked atomic.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "d3dkmt/event.h"

#define VID_MAGIC       0x314D455644495621ull
#define VID_LAYOUT      10u /* counts up with every change of this file */
#define VID_ADAPTERS    16u
#define VID_PROCESSES   256u
#define VID_ALLOCATIONS (4u << 20) /* records of one adapter: address space, not memory */
#define VID_OPENINGS    (4u << 20)
#define VID_EVENTS      (64u << 10) /* the newest of them are kept */
#define VID_FENCE_BITS  14
#define VID_FENCES      (1u << VID_FENCE_BITS) /* fence 0 is nobody's */
#define VID_FENCES_EACH (VID_FENCES / 2)       /* the most that one process takes */
#define VID_NONE        0u                     /* index 0 of every table is nobody */
#define VID_NODES       2u  /* engines of an adapter: 0 for rendering, 1 for copies */
#define VID_CLASSES     16u /* of priority: its highest four bits */
#define VID_BANDS       5u  /* of priority, as statistics tell them: minimum to maximum */

/* Where an allocation is. */
enum vid_place {
    VID_NOWHERE,  /* evicted: its contents wait in system memory */
    VID_LOCAL,    /* the adapter's own memory */
    VID_NONLOCAL, /* system memory that the adapter reaches through its aperture */
    VID_PLACES
};

struct vid_list {
    uint32_t first, last; /* of allocations */
};

struct vid_allocation {
    /* primary */
    uint64_t size;       /* bytes, a multiple of 4096 */
    uint64_t stamp;      /* grows: when it got its place in its list */
    uint64_t share;      /* names what is shared of it; 0: nothing */
    uint32_t priority;   /* D3DDDI_ALLOCATIONPRIORITY_* or any other number */
    uint16_t owner;      /* the process that its memory counts for; it has it open */
    uint16_t generation; /* of the record; changes when it is freed */
    uint8_t live;
    uint8_t place;       /* enum vid_place */
    uint8_t wanted;      /* the place it should have */
    uint8_t allowed;     /* 1 << place, each it may have */
    uint8_t offered;     /* enum vid_offer */
    uint8_t decommit;    /* offered with leave to decommit */
    uint8_t lost;        /* the contents are gone, its process was not told yet */
    uint8_t decommitted; /* so is what contents would need, for good */
    uint8_t written;     /* contents differ from what system memory has: eviction copies */
    uint8_t bare;        /* no memory is behind its shared contents; atomic */
    uint8_t planned;     /* derived, as all below: where vidmm_make_resident wants it, */
                         /* VID_PLACES: it has its place; 0: it does not matter */
    uint32_t first_opening;
    uint32_t references;
    uint32_t openings;
    uint32_t next, previous; /* in its list; `next` of a free record: the next free one */
};

/* a cache line: lists of allocations are walked by the thousand */
_Static_assert(sizeof(struct vid_allocation) == 64, "a record is a cache line");

/* An allocation as one device has it: what an allocation handle names. */
struct vid_opening {
    /* primary */
    uint32_t allocation; /* VID_NONE: the record is free */
    uint16_t process;
    uint16_t locks;      /* Lock and Lock2 that are not undone yet */
    uint32_t references; /* MakeResident less Evict */
    uint32_t handle;     /* by which the process knows it */
    uint32_t next;       /* derived: of the same allocation, or the next free one */
};

struct vid_segment {
    uint64_t size;      /* bytes; constant */
    uint64_t page;      /* sizes are rounded up to it; constant */
    uint64_t bandwidth; /* bytes of paging in a virtual second; constant */
    uint64_t latency;   /* virtual nanoseconds before the first byte; constant */
    uint64_t pressure;  /* bytes taken on demand ("winmem gpu pressure"); primary */
    uint64_t used;      /* derived, without pressure */
};

/* What one process has of one adapter. */
struct vid_usage {
    /* primary */
    uint64_t reservation[VID_PLACES];
    uint64_t fixed[VID_PLACES]; /* budgets it was given; 0: its share */
    uint32_t devices;           /* how many it has; 0: it counts for no budget */
    uint32_t background;
    /* derived */
    uint64_t resident[VID_PLACES], referenced[VID_PLACES]; /* bytes */
    uint64_t budget[VID_PLACES];                           /* bytes; see vidmm_share_budgets */
    uint64_t offered, decommittable;                       /* bytes not lost */
    struct vid_count {
        uint64_t count, bytes;
    } placed[VID_PLACES][2]; /* allocations: where they want to be, and elsewhere */
    uint64_t demoted_bytes[VID_PLACES][VID_BANDS];
    uint64_t planned[VID_PLACES]; /* bytes that vidmm_make_resident is about to give it */
    struct vid_list demoted;      /* with references, but put out */
    /* bytes of those that have only that place; VID_NOWHERE: of those that have both */
    uint64_t missing_bytes[VID_PLACES];
    uint64_t displaced[VID_PLACES]; /* bytes of what is held there and should be elsewhere */
    uint32_t idle_classes[VID_PLACES], held_classes[VID_PLACES]; /* 1 << class with a list */
    struct vid_list idle[VID_PLACES][VID_CLASSES];               /* nobody needs them resident */
    struct vid_list held[VID_PLACES][VID_CLASSES];
    /* statistics: never rebuilt */
    uint64_t evicted_bytes, discarded_bytes, paged_in_bytes;
    uint64_t ran[VID_NODES]; /* nanoseconds, of work that has ended */
    uint64_t decommits;      /* allocations whose memory went for good */
    uint64_t trims;          /* how often it was asked to trim */
    uint64_t trim; /* bytes it is asked to trim now; atomic: taken by the process itself */
};

/* How soon an offer goes. D3DKMT_OFFER_PRIORITY_AUTO is none: the allocation's priority tells which. */
enum vid_offer { VID_NOT_OFFERED, VID_OFFER_LOW, VID_OFFER_NORMAL, VID_OFFER_HIGH, VID_OFFERS };

/* What becomes of offers: a program can ask for it, to try itself. */
enum vid_offers { VID_OFFERS_AS_NEEDED, VID_OFFERS_LOSE /* at once */, VID_OFFERS_KEEP };

enum vid_running { VID_RUNNING, VID_STOPPED, VID_REMOVED };

/* Aligned, so that two adapters share no line of the cache, nor two that are fetched together. */
struct vid_adapter {
    /* constant after the machine was made */
    uint64_t luid;
    char name[64];
    char icd[256]; /* VulkanDriverName in its registry key; empty: none */
    uint32_t vendor, device_id;
    uint32_t software;  /* it says that no hardware is behind it */
    uint64_t call_cost; /* virtual nanoseconds of each call */
    uint64_t work_cost; /* virtual nanoseconds of work that does not say */
    uint64_t fail_seed; /* which allocations fail; with fail_one_in */
    uint32_t fail_one_in;
    uint32_t poison; /* what is lost reads as VID_POISON, not as zero */
    uint64_t allocations_at, arrivals_at, openings_at, events_at; /* offsets in the machine */

    pthread_mutex_t lock; /* robust, shared by processes */
    /* primary, atomic: written under the lock, read without */
    uint64_t clock;        /* virtual nanoseconds since the machine was made */
    uint32_t running;      /* enum vid_running */
    uint32_t resets;       /* devices made before the last one are lost */
    uint32_t arrivals;     /* how often it was put in again; see vidmm_luid */
    uint32_t hung_process; /* whose work the last reset was for; VID_PROCESSES: nobody's */
    uint64_t attempts;     /* allocations tried, for fail_seed */
    uint64_t stamp;        /* the newest one given */
    uint64_t events;       /* how many there were */
    uint64_t arrived;      /* when all that was brought in is there */
    uint64_t timeouts_within, timeouts_most; /* one more in so many ns stops it; 0: the default */
    uint64_t trim_intervals[3];              /* least, most, idle: kept for who asks */
    uint32_t offers;                         /* enum vid_offers */

    struct vid_segment segments[VID_PLACES]; /* VID_NOWHERE: unused */
    struct vid_usage usage[VID_PROCESSES];   /* process 0 is nobody */

    /* derived */
    struct vid_list offered[VID_PLACES][VID_OFFERS]; /* by enum vid_offer; nowhere, too */
    uint64_t easy[VID_PLACES]; /* bytes that can be had without taking them from anybody */
    uint64_t active[VID_PROCESSES / 64];         /* 1 << process: it has devices */
    uint32_t allocations_used, allocations_free; /* records ever used; first of the free chain */
    uint32_t openings_used, openings_free;
    uint32_t allocations_backed, openings_backed; /* primary: records that memory is behind */
    uint64_t live, placed[VID_PLACES];            /* allocations */
    uint64_t offered_bytes;
    /* statistics: never rebuilt */
    uint64_t decisions, discards, evictions;
    uint64_t evicted_bytes[VID_PLACES], discarded_bytes, paged_in_bytes;
    uint64_t copied_out_bytes; /* of what was evicted: the contents had changed */
    uint64_t node_timeouts;    /* of one node; those of the adapter are `resets` */
    uint64_t ran[VID_NODES];   /* nanoseconds; atomic */
} __attribute__((aligned(128)));

#define VID_POISON 0xDDu

/* A process that is attached. It holds a file lock of byte `slot`: when that is free, it is dead. */
struct vid_process {
    uint32_t pid; /* 0: free */
    uint32_t generation;
    char name[56]; /* of its program */
};

/*
 * A fence with a value that programs see. Primary: 1 << process that has it; free when nobody has.
 * Or the record of something that processes share, which is a file beside the machine: that goes
 * with the last who has it.
 */
struct vid_fence {
    uint64_t holders[VID_PROCESSES / 64];
    uint64_t share; /* the file's id; 0: a fence */
    uint64_t name;  /* a hash of the name that it is found by; 0: it has none */
};

struct vid_machine {
    /* constant after it was made */
    uint64_t magic;
    uint32_t layout;
    uint32_t adapter_count;
    uint64_t size; /* bytes of the whole file */
    uint64_t seed;
    uint64_t adapters_at, fences_at, values_at; /* values: VID_FENCES, on own pages; atomic */
    char description[1024];                     /* the configuration it was made from, in full */

    pthread_mutex_t lock; /* robust; guards `processes` and the holders of fences */
    uint64_t shares;      /* the last one given out; atomic */
    struct vid_process processes[VID_PROCESSES];
};

static inline struct vid_fence *vid_fence_at(struct vid_machine *machine, uint32_t index)
{
    return (struct vid_fence *)((char *)machine + machine->fences_at) + index;
}

static inline struct vid_adapter *vid_adapter_at(struct vid_machine *machine, uint32_t index)
{
    return (struct vid_adapter *)((char *)machine + machine->adapters_at) + index;
}
