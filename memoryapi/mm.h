/*
 * The memory manager: Windows virtual memory on Linux address space.
 *
 * WORDS
 *   arena     a stretch of address space that winmem owns (mapped PROT_NONE by us). In `winmem run`
 *             one arena is nearly the whole
 *             lower address space; in a host program arenas are taken as needed.
 *   region    one allocation: what one MEM_RESERVE made. One AllocationBase. Regions never merge,
 *             except placeholders on request.
 *   run       a stretch of pages of one region with equal state, protection and side bits.
 *   books     all regions and runs; pure data, never calls the host.
 *   backing   what the kernel has behind a page of an arena: nothing (PROT_NONE), open (accessible)
 *             or guarded (guard marker).
 *   side bits guard, offered, reset, locked, write-watch dirty: independent of the protection.
 *
 * A CALL: check -> plan -> prepare -> apply. Check everything the caller said; list the region
 * operations; take every node and make the host calls; then update the books with code that cannot
 * fail. A call that failed changed nothing.
 *
 * WHO MAY DO WHAT, WHEN
 *   claim         an operation claims the region it works on; others who want it wait. Only the
 *                 claimer changes the region, its runs and what is behind its pages. Held across
 *                 host calls. So calls on different regions run at the same time.
 *   space->books  a short lock around every read of the books by others and every write of them;
 *                 never held across a host call. So a query never waits for a slow call.
 *   space->grow   held while arenas are taken from the host; taken before books.
 *   Caller memory is touched (guarded.h) with nothing held or claimed.
 *
 * Entry points take and return NTSTATUS; addresses and sizes are in bytes. Rounding is done here,
 * results are written back.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <winmem/windef.h>

/*
 * Above the highest address a program may use: 0x7FFF_FFFE_FFFF is the last byte, 0x10000 the
 * first.
 */
#define MM_LOWEST_ADDRESS  0x10000ull
#define MM_HIGHEST_ADDRESS 0x7FFFFFFEFFFFull
#define SPACE_END          (MM_HIGHEST_ADDRESS + 1)

enum mm_region_kind { MM_PRIVATE, MM_IMAGE, MM_MAPPED }; /* MEMORY_BASIC_INFORMATION.Type */

struct mm_request {
    uint64_t base;            /* 0: anywhere */
    uint64_t size;            /* bytes */
    uint32_t type;            /* MEM_* */
    uint32_t protect;         /* PAGE_* */
    uint64_t lowest;          /* lowest start, 0: none */
    uint64_t highest;         /* highest last byte (inclusive), 0: none */
    uint64_t alignment;       /* power of two >= granularity, 0: none */
    enum mm_region_kind kind; /* MM_PRIVATE but for the loader */
    bool placeholders;        /* MEM_*_PLACEHOLDER may be asked for: VirtualAlloc2 */
    uint32_t node;            /* mm_node() of where a new region's memory should be, 0: anywhere */
    uint64_t attributes;      /* MEM_EXTENDED_PARAMETER_* */
};

/* A NUMA node in a request, so that 0 is none. */
static inline uint32_t mm_node(uint32_t node)
{
    return node + 1;
}
#define MM_NODE_MANDATORY 0x8000u /* with mm_node(): no other node will do */

/* MEM_RESERVE, MEM_COMMIT, MEM_RESET, ... On success base and size are what was really taken. */
NTSTATUS mm_allocate(struct mm_request *request);
/* The part of mm_allocate for MEM_RESET and MEM_RESET_UNDO; arguments are checked. */
NTSTATUS mm_reset(struct mm_request *request);
/*
 * `type` is MEM_RELEASE or MEM_DECOMMIT. The loader adds MM_FREE_IMAGE to unmap an image. *size 0:
 * all of the region at *base.
 */
#define MM_FREE_IMAGE 0x40000000u
NTSTATUS mm_free(uint64_t *base, uint64_t *size, uint32_t type);
NTSTATUS mm_protect(uint64_t *base, uint64_t *size, uint32_t protect, uint32_t *ret_old);
/*
 * Never waits for a host call of another thread; makes no system call but for address space that
 * the host keeps in `winmem run`, whose mappings are looked up.
 */
NTSTATUS mm_query(uint64_t address, MEMORY_BASIC_INFORMATION *ret_information);
/*
 * The same for the allocation as a whole; STATUS_MEMORY_NOT_ALLOCATED where there is none. The
 * second: for an image, else STATUS_INVALID_ADDRESS.
 */
NTSTATUS mm_query_region(uint64_t address, MEMORY_REGION_INFORMATION *ret_information);
NTSTATUS mm_query_image(uint64_t address, MEMORY_IMAGE_INFORMATION *ret_information);
/*
 * The device path of the file behind the image at `base`, malloc'd and terminated; the length in
 * characters. Set by the loader; NULL in a program without one, or its answer: not known.
 */
extern uint16_t *(*mm_image_name)(uint64_t base, size_t *ret_length);

/*
 * Before the kernel is asked to write to memory of the program: what sleeps there after MEM_RESET
 * is made writable, since a system call would fail instead of waking it.
 */
void mm_will_write(uint64_t address, uint64_t size);
/* The same for the `size` bytes of stack below `address`, as far as they are of one region. */
void mm_will_push(uint64_t address, uint64_t size);

NTSTATUS mm_offer(uint64_t base, uint64_t size, uint32_t priority);
NTSTATUS mm_reclaim(uint64_t base, uint64_t size, bool *ret_discarded);
NTSTATUS mm_discard(uint64_t base, uint64_t size);
/* What is offered now, in bytes. */
struct mm_offers {
    uint64_t held;     /* not for the kernel to drop */
    uint64_t given;    /* the kernel may have dropped it */
    uint64_t dropped;  /* dropped by our own policy */
    uint64_t discards; /* by our own policy since the start */
};
void mm_offer_state(struct mm_offers *ret_offers);

/*
 * `winmem run` only, before anything else: own the lower address space, so that every address a
 * program may ask for is ours to give. Without it (drop-in use) arenas are taken on demand. Failure
 * leaves the on-demand way.
 */
void mm_own_address_space(void);

/*
 * A page at `base` (a multiple of 64 KiB) that the program can only read and winmem writes through
 * *ret_writable, as a kernel shares one with every process. It cannot be freed.
 */
NTSTATUS mm_share_page(uint64_t base, void **ret_writable);

/*
 * A part of an open file that processes share, as memory of the program: MEM_MAPPED, at an address
 * of the memory manager's choosing, not to be freed or protected by the program. `offset` is a
 * multiple of the page size. mm_unmap_shared ends it; STATUS_MEMORY_NOT_ALLOCATED: it is none.
 */
NTSTATUS mm_map_shared(int file, uint64_t offset, uint64_t size, bool writable, uint64_t *ret_base);
NTSTATUS mm_unmap_shared(uint64_t base);

/*
 * The allocation at `base` is shared by program and winmem: the program can neither free it nor
 * make it less than readable and writable, until `on` is false. Nothing happens where there is none.
 */
void mm_secure(uint64_t base, bool on);

enum mm_fault_result {
    /* the access may be retried: stack grown, guard marker race, write watch noted */
    MM_FAULT_RESUME,
    /* a PAGE_GUARD page: the guard is now off; raise STATUS_GUARD_PAGE_VIOLATION */
    MM_FAULT_GUARD,
    MM_FAULT_STACK, /* the stack is used up: raise STATUS_STACK_OVERFLOW */
    MM_FAULT_DENIED /* not accessible: STATUS_ACCESS_VIOLATION */
};
/* Called by the fault door only. `access` is enum fault_access. Async-signal-safe: no malloc. */
enum mm_fault_result mm_fault(uint64_t address, unsigned access);

/* For tests and debugging: walks every invariant of the books and compares with /proc/self/maps. */
bool mm_space_is_valid(void);
void mm_space_dump(int fd);
