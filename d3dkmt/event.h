/*
 * What an adapter remembers of what happened to it: the newest VID_EVENTS, in its table of the
 * machine's file (machine.h). Written by vidmm_event, read by `winmem gpu timeline`.
 */
#pragma once

#include <stdint.h>

enum vid_event_kind {
    VID_EVENT_NONE,
    VID_EVENT_CREATE,
    VID_EVENT_DESTROY,
    VID_EVENT_PAGE_IN,
    VID_EVENT_EVICT,
    VID_EVENT_OFFER,
    VID_EVENT_RECLAIM,
    VID_EVENT_DISCARD,
    VID_EVENT_BUDGET,   /* `bytes` is the new one, `before` the old one */
    VID_EVENT_TRIM,     /* `bytes` were asked for */
    VID_EVENT_PRESSURE, /* `bytes` are taken from now on */
    VID_EVENT_ARRIVE,   /* a process; `bytes` is its pid */
    VID_EVENT_LEAVE,    /* the same */
    VID_EVENT_RESET,
    VID_EVENT_HANG,
    VID_EVENT_STOP,
    VID_EVENT_REMOVE,
    VID_EVENT_RESTORE,
    VID_EVENT_KINDS
};

struct vid_event {
    uint64_t time; /* virtual nanoseconds */
    uint64_t bytes;
    union {
        uint32_t allocation;
        uint32_t before; /* MiB, rounded down */
    };
    uint16_t process;
    uint8_t kind;
    uint8_t place; /* enum vid_place; of an offer or discard its priority */
};
