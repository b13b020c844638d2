/*
 * The events of an adapter as columns of a picture: what each process had at the end of each column,
 * and what happened in it.
 */
#pragma once

#include "tools/winmem/gpu.h"

#define REPLAY_COLUMNS   240u
#define REPLAY_PROCESSES 96u /* the last one stands for all further ones */
#define REPLAY_SHOWN     8u  /* so many have a colour of their own, or 7 and the others together */

/* What the machine says, copied under its lock. */
struct replay_source {
    struct gpu_figures *figures;
    struct vid_event *events; /* oldest first */
    uint64_t count, lost;     /* lost: older ones that nobody kept */
    uint32_t allocations;     /* one more than the highest that events name */
    uint32_t records;         /* in use now */
    struct vid_allocation *now;
    struct vid_process processes[VID_PROCESSES];
};

struct replay_process {
    uint16_t slot;
    uint32_t pid; /* 0: not known */
    bool last;    /* nobody had the slot later */
    char name[56];
    uint64_t peak[VID_PLACES];
};

struct replay_values {
    uint64_t resident[VID_PLACES]; /* what is offered too, until it is lost */
    uint64_t budget[VID_PLACES], offered;
};

/* What is marked; each event of its kind counts. */
enum replay_mark {
    MARK_DISCARD,
    MARK_EVICT,
    MARK_TRIM,
    MARK_PRESSURE,
    MARK_RESET,  /* and hangs */
    MARK_CHANGE, /* stop, removal, start */
    MARKS
};

struct replay_column {
    struct replay_values values[REPLAY_PROCESSES];
    uint64_t pressure[VID_PLACES];
    uint32_t marks[MARKS];
    uint64_t bytes[MARKS];
    uint8_t last_kind; /* enum vid_event_kind of the last reset or change */
};

struct replay {
    bool by_number; /* the virtual clock stood still: columns are events, not times */
    uint64_t first, last;
    uint32_t count;
    struct replay_process processes[REPLAY_PROCESSES];
    uint64_t peak[VID_PLACES], peak_offered; /* of all together */
    uint64_t totals[VID_EVENT_KINDS], total_bytes[VID_EVENT_KINDS];
    struct replay_column columns[REPLAY_COLUMNS];
};

/* malloc'd; NULL: no memory */
struct replay *replay_make(const struct replay_source *source);
/* Where column `column` ends, in nanoseconds or events. */
uint64_t replay_end_of(const struct replay *replay, uint32_t column);
void replay_label(const struct replay_process *process, char ret_text[80]);

/* gpu_chart.c: a whole HTML document. */
void chart_write(FILE *out, const struct replay_source *source, struct replay *replay);
