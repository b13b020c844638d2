/*
 * What manages the room of a place. The memory manager asks before it places something and tells
 * when it took it away; how a manager counts is its own business. Pages of an allocation may be
 * scattered, as with a GPU that translates addresses, so room is a number, not a place in the
 * segment.
 *
 * pre, for all: the adapter's lock is held; sizes are those of allocations, in bytes, above 0.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct vid_segment;

struct vid_segment_ops {
    const char *name;
    /* What an allocation of `size` takes of the segment. */
    uint64_t (*cost)(const struct vid_segment *segment, uint64_t size);
    /* Bytes that can be had now. */
    uint64_t (*room)(const struct vid_segment *segment);
    /*
     * Takes room for it; false: there is none, and nothing changed. What `room` says is a promise: a
     * manager that breaks it fails the request, but what went out for it stays out.
     */
    bool (*take)(struct vid_segment *segment, uint64_t size);
    void (*give)(struct vid_segment *segment, uint64_t size);
    /* It is there already, found after a crash: counted whatever the pressure. False: impossible. */
    bool (*find)(struct vid_segment *segment, uint64_t size);
    /* Bytes that could be had if nothing else were there: what never fits is refused early. */
    uint64_t (*most)(const struct vid_segment *segment);
};

/* Virtual nanoseconds of moving `bytes`; nothing takes no time. */
uint64_t segment_time(const struct vid_segment *segment, uint64_t bytes);

extern const struct vid_segment_ops seg_local, seg_system;
/* By enum vid_place: what the machine has. */
extern const struct vid_segment_ops *const segment_managers[];
