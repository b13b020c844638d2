/*
 * Address windowing extensions: physical pages ("frames") that the program itself shows in windows.
 *
 * WORDS
 *   frame     one page of memory that the process owns, named by its number (from 1; 0 is none).
 *   window    a region reserved with MEM_PHYSICAL. Its pages are reserved pages for everybody else:
 *             they can be neither committed nor protected, and touching one without a frame is an
 *             access violation.
 *   place     where a frame is shown: the address of a window's page.
 *
 * Invariants, walked by awe_is_valid:
 *   1. a frame is shown at most once: the window's page names the frame whose place is that page
 *   2. `shown` of a window == its pages with a frame; they are in [low, end), which may be too wide
 *   3. frames that are free or on their way have no place; `owned` counts those that are not free
 *
 * A MAP CALL claims its windows, so that their pages stay as they are; then books all of it under
 * awe.lock: the frames that are there now may leave, each new frame must be the process's own, not
 * shown, or about to leave, and belongs to its new place from then on, which keeps other calls away
 * from it. What does not fit takes the booking back. Then the host hides and shows; when it fails,
 * it is asked to undo what was done. At the end the table is made to say what there really is.
 *
 * Frames belong to the process: a child of fork has none, and its windows are empty.
 *
 * LOCKS: claims, then awe.lock, which is never held across a host call.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <winmem/windef.h>
#include "memoryapi/futex.h"

struct region;

/* What a window shows. Its claimer's. */
struct awe_window {
    uint64_t shown;    /* pages with a frame */
    uint64_t low, end; /* pages with a frame are among these: low <= page < end */
    bool open;         /* the host knows of the window: since it was first mapped to */
    uint32_t frames[]; /* by page of the region; 0: none */
};

/* Values of awe.places below the lowest address; else the address where the frame is shown. */
enum {
    FRAME_FREE,
    FRAME_STALE,   /* free, but the host still has what was in it */
    FRAME_OWNED,   /* and shown nowhere */
    FRAME_PASSING, /* being filled or freed: nobody else's business */
    FRAME_LEAVING, /* shown at a place that a map call overwrites */
};

struct awe {
    struct futex_lock lock;
    /* constant from the first allocation on */
    uint64_t *places; /* by frame */
    uint32_t count;   /* of frames there may be, and number 0 */
    /* under lock */
    uint32_t lowest; /* no frame below is free */
    uint32_t top;    /* no frame from here on was ever given */
    uint64_t owned;  /* frames that are not free */
};

extern struct awe awe;

/*
 * Arrays are the caller's, of 64-bit numbers, and may be anywhere: STATUS_ACCESS_VIOLATION.
 *
 * Gives up to `wanted` frames. STATUS_SUCCESS with fewer when memory is short (*ret_count);
 * STATUS_INSUFFICIENT_RESOURCES when there is none at all. The privilege is the caller's to check.
 */
NTSTATUS awe_allocate(uint64_t wanted, void *array, uint64_t *ret_count);
/* Frees frames in order; those that are shown are hidden. *ret_count: so many are free, always. */
NTSTATUS awe_free(uint64_t count, const void *array, uint64_t *ret_count);
/* `array` NULL: the pages are emptied. All or nothing. */
NTSTATUS awe_map(uint64_t address, uint64_t count, const void *array);
NTSTATUS awe_map_scatter(const void *addresses, uint64_t count, const void *array);

/* For a region of `size` bytes wherever it will be, or at `base`; free() ends it. NULL: no memory. */
struct awe_window *awe_new_window(uint64_t base, uint64_t size);
/* A window goes back to reserved space; its frames are kept. pre: claimed. */
NTSTATUS awe_close(struct region *region);
/* Whether the address lies in a window. Async-signal-safe. */
bool awe_is_window(uint64_t address);

/* The frame table and the store; STATUS_NO_MEMORY. */
NTSTATUS awe_init(void);
/* Empties the places of the first frames, until one is not shown or repeated; at most AWE_PIECE. */
#define AWE_PIECE 64u
NTSTATUS awe_hide_frames(const uint32_t *frames, uint32_t count);

/* For tests and debugging; nobody else at work. */
bool awe_is_valid(void);
