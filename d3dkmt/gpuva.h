/*
 * GPU virtual addresses of one process on one adapter: the books alone, without handles and clock.
 *
 * A RANGE is what one call gave, and what one call frees. It is never split nor merged.
 *     reserved    by Reserve; has a state
 *     mapped      by Map; where an allocation was mapped it goes with the last allocation in it
 * A PIECE says of pages inside one range what is there: memory, or a state that is not the range's.
 * Where no piece is the range's state holds.
 *
 * INVARIANTS, walked by gpuva_is_valid():
 *   1  ranges are not empty, lie in [PAGE_SIZE, end), in whole pages, and do not overlap
 *   2  the weight of a range is the free pages before it
 *   3  pieces are not empty, lie in whole pages within their range, and do not overlap
 *   4  a piece without memory has a state that its range does not have
 *   5  no two neighbours in one range could be one piece
 *   6  range.backed is the number of its pieces with memory
 *   7  each piece with memory is in the chain of that memory, the others are in none
 *   8  a mapped range that goes with its allocations has one
 *
 * SETTING pages (Map inside a range, Update), one unit test per number. o and p: old pieces, n: new,
 * a dot: no piece, the range's state.
 *
 *    1  ......  .nnnn.     where nothing is
 *    2  oooooo  nnnnnn     just one
 *    3  oooooo  nnnooo     the beginning of one
 *    4  oooooo  ooonnn     the end of one
 *    5  oooooo  oonnoo     the middle of one
 *    6  ooopp.  nnnnnn     several and what is between or behind them
 *    7  oooppp  oonnpp     the end of one and the beginning of another
 *    8  ooo...  oooooo     what continues the piece before it becomes part of it
 *    9  ...ooo  oooooo     what continues into the piece behind it
 *   10  oo..oo  oooooo     both
 *   11  oooooo  oooooo     the same again inside
 *   12  oooooo  oo..oo     the range's state: no piece
 *   13  ababab  abnnab     a piece that repeats keeps its phase behind what was set
 *   14  oo.p..  oo.poo     copy: pieces and what is between them
 *   15  op.q..  opop.q     copy onto its own end: the source as it was before
 *   16  ..op.q  op.q.q     copy onto its own beginning
 *
 * pre, for all: under kmt_lock. A call that fails changed nothing.
 */
#pragma once

#include <winmem/windef.h>
#include "d3dkmt/list.h"
#include "memoryapi/itree.h"

#define GPUVA_BITS  48u
#define GPUVA_END   (1ull << GPUVA_BITS)
#define GPUVA_FIRST 0x10000ull /* the lowest address that is chosen */

/* D3DDDIGPUVIRTUALADDRESS_RESERVATION_TYPE has the same numbers. */
enum gpuva_state { GPUVA_NO_ACCESS, GPUVA_ZERO, GPUVA_NO_COMMIT, GPUVA_STATES };

struct gpuva {
    struct itree ranges; /* struct gpuva_range, weighted */
    struct itree pieces; /* struct gpuva_piece */
    uint64_t end;
    uint64_t numbers; /* of the newest range */
};

struct gpuva_range {
    struct itree_weighted node; /* weight: free pages before it, UINT32_MAX for more */
    uint64_t end;
    uint64_t number; /* its own for ever */
    uint32_t backed; /* pieces with memory */
    uint8_t state;   /* enum gpuva_state */
    bool reserved;
    bool goes; /* with the last memory in it */
};

/* What pages are to be. */
struct gpuva_content {
    struct kmt_link *memory; /* head of the chain of its pieces; NULL: a state */
    uint64_t offset;         /* bytes in the memory */
    uint64_t period;         /* bytes after which it begins again; 0: never */
    uint64_t phase;          /* where in the period it begins */
    uint8_t protection;      /* D3DDDIGPUVIRTUALADDRESS_PROTECTION_TYPE_Write and _Execute */
    uint8_t state;           /* enum gpuva_state, without memory */
};

struct gpuva_piece {
    struct itree_node node;
    uint64_t end;
    struct gpuva_range *range;
    struct kmt_link link; /* in the memory's chain */
    struct gpuva_content content;
    struct gpuva_piece *next; /* while it is in no tree */
};

struct gpuva_wish {
    uint64_t base;             /* 0: any */
    uint64_t minimum, maximum; /* of any; 0: no limit */
    uint64_t size, alignment;  /* bytes */
};

/* Sets pages, or repeats there what is at `source`. */
struct gpuva_operation {
    bool copy;
    uint64_t address, size;
    uint64_t source;
    struct gpuva_content content;
};

/* What is at an address. */
struct gpuva_seen {
    uint64_t range_start, range_end, number; /* of the range */
    bool reserved;
    struct gpuva_content content; /* offset: of this very address; period 0 */
};

/* gpuva.c */
void gpuva_init(struct gpuva *space, uint64_t end);
void gpuva_fini(struct gpuva *space);
/*
 * STATUS_INVALID_PARAMETER: the base is not free. STATUS_GRAPHICS_NO_VIDEO_MEMORY: there is no such
 * room. STATUS_NO_MEMORY.
 */
NTSTATUS gpuva_reserve(struct gpuva *space, const struct gpuva_wish *wish, enum gpuva_state state,
                       uint64_t *ret_address);
/*
 * Free pages become a range; with a base, they may lie in one range instead, of Reserve where the
 * content has no memory. The codes of gpuva_reserve.
 */
NTSTATUS gpuva_map(struct gpuva *space, const struct gpuva_wish *wish,
                   const struct gpuva_content *content, uint64_t *ret_address);
/* STATUS_INVALID_PARAMETER: it is not just one range. */
NTSTATUS gpuva_free(struct gpuva *space, uint64_t base, uint64_t size);
/* The memory goes: nothing is mapped to it any more. */
void gpuva_forget(struct gpuva *space, struct kmt_link *memory);
/* False: it is free. */
bool gpuva_look(const struct gpuva *space, uint64_t address, struct gpuva_seen *ret_seen);
/* The range that these pages lie in, NULL without one. */
struct gpuva_range *gpuva_range_of(const struct gpuva *space, uint64_t start, uint64_t size);
/* The first invariant that does not hold is said on `fd` (-1: silently). */
bool gpuva_is_valid(const struct gpuva *space, int fd);

/* gpuva_pieces.c */
/* All, in their order, or none: STATUS_NO_MEMORY. pre: each lies in one range, its source too */
NTSTATUS gpuva_update(struct gpuva *space, const struct gpuva_operation *operations,
                      uint32_t count);
/* The first piece that ends behind `start`, or NULL. */
struct gpuva_piece *gpuva_first_piece(const struct gpuva *space, uint64_t start);
struct gpuva_piece *gpuva_next_piece(const struct gpuva_piece *piece);
void gpuva_insert_piece(struct gpuva *space, struct gpuva_piece *piece);
void gpuva_remove_piece(struct gpuva *space, struct gpuva_piece *piece);
/* Whether `right` goes on where `left` ends. */
bool gpuva_continues(const struct gpuva_piece *left, const struct gpuva_piece *right);
