/*
 * How much memory there is, for this process: the machine's, as far as control groups let it, and
 * being told when it runs short.
 *
 * WINMEM_AVAILABLE=SIZE (bytes, or with K, M, G or T behind) pretends that no more than SIZE is
 * available; =@FILE reads the size from the file again each time.
 *
 * One thread, with all signals blocked, looks: when the kernel tells of pressure, and as often as
 * what is left could have been used up meanwhile. It is started by the first subscription and
 * sleeps when there is none. After a fork the child has none until somebody asks for it.
 *
 * LOCKS: one of its own, inside everything else. None is held while a subscriber is called.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <winmem/windef.h>

/*
 * Windows' defaults: low below 32 MiB for each 4 GiB begun, at most 64 MiB, and never more than an
 * eighth of all; high from three times that on.
 */
enum memory_level { MEMORY_LOW, MEMORY_MIDDLE, MEMORY_HIGH };

/* All in bytes. */
struct mm_memory {
    uint64_t total;     /* the machine's memory, or the limit of the container when lower */
    uint64_t available; /* what can be had without swapping; at most `total` */
    uint64_t unused;    /* the part of it that nobody has at the moment; always up to date */
    bool pretended;     /* by WINMEM_AVAILABLE */
    uint64_t given; /* part of `available`: in memory still, ours to take back, offered or reset */
    uint64_t limit; /* the container's, UINT64_MAX: none */
    uint64_t machine_total, machine_available;
    uint64_t swap_total, swap_free;      /* as far as the container lets */
    bool commit_strict;                  /* the kernel promises no more than commit_limit */
    uint64_t commit_limit, commit_used;  /* the kernel's books, of all processes */
    uint64_t cached;                     /* files in memory */
    uint64_t kernel, kernel_reclaimable; /* slabs; the second is part of the first */
    uint64_t low, high;                  /* where the levels begin */
    uint64_t spare;                      /* what may be used up before anybody has looked */
    enum memory_level level;
};

/*
 * False when the kernel does not tell; *ret_memory is then untouched. Makes system calls only, few of
 * them; that limits have changed is seen half a second later.
 */
bool pressure_read(struct mm_memory *ret_memory);

/*
 * `on_look` is called by the thread: at once, and after each look, whether or not the level is
 * another one. It may take its time and any lock. STATUS_NO_MEMORY: no thread is to be
 * had. Subscribing again is cheap and changes nothing, but starts the thread where a fork left it
 * behind.
 */
NTSTATUS pressure_subscribe(void (*on_look)(const struct mm_memory *));
/* The thread looks now. */
void pressure_look_again(void);
/* A call that has begun may still be running afterwards. */
void pressure_unsubscribe(void (*on_look)(const struct mm_memory *));
/* Whether the thread is there: not in the child of a fork, until somebody subscribes (again). */
bool pressure_is_watched(void);

/* Takes WINMEM_AVAILABLE as it is now; done once at the start. */
void pressure_read_setting(void);
