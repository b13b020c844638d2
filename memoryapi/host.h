/*
 * THE host contract: everything the memory manager asks of the operating system. Addresses and
 * sizes are in bytes and page-aligned; a size is never 0. Every operation returns 0 or -errno and
 * on failure has changed nothing, except where it says so. No operation takes a lock of ours or
 * touches the books. A test may replace the table to count, fake or fail calls.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum host_access {
    HOST_NONE = 0,
    HOST_READ = 1,
    HOST_WRITE = 2,
    HOST_EXECUTE = 4,
    HOST_READ_WRITE = 3
};

/*
 * What this kernel can do. Constant after host_init; WINMEM_HOST_CAPS takes features away:
 * "-guard,-populate,-lazyfree,-move,-watch,-pagemap,-pin".
 */
struct host_caps {
    bool guard;    /* guard markers (Linux 6.13): make pages fault without splitting a mapping */
    bool populate; /* MADV_POPULATE_WRITE (5.14): dirty a range in one call */
    bool move;     /* UFFDIO_MOVE (6.8): a page changes its place without a mapping of its own */
    bool lazyfree; /* MADV_FREE (4.5): pages the kernel may drop when it needs memory */
    bool pin;      /* mlock2 (4.4), as far as the account may: pages the kernel must not drop */
    /* written pages told by the kernel (6.7); whether it really does, the first watch_begin says */
    bool watch;
    bool pagemap; /* PAGEMAP_SCAN (6.7): finds pages in memory without a word for each page */
};

/* Neighbouring pages that were written. */
struct host_written {
    uint64_t start, end; /* end exclusive */
    uint64_t reserved;   /* the host's own */
};

struct host_collect {
    uint64_t start, end;
    bool reset;                /* what is told restarts as not written */
    uint64_t most;             /* pages that may be told, at least 1 */
    struct host_written *list; /* ascending */
    uint32_t capacity;         /* elements of `list`, at least 1 */
    uint32_t count;            /* out: elements filled */
    uint64_t stopped;          /* out: everything below was looked at; `end` when all was */
};

struct host_stretch {
    uint64_t start, end;
};

/* What will become of pages, as far as the caller knows. */
enum host_hint {
    HOST_WILL_NEED,    /* read ahead what is in swap space or in a file */
    HOST_MAKE_PRESENT, /* bring them into memory now (Linux 5.14) */
    HOST_COOL,         /* among the first to go when memory is short (5.4) */
    HOST_PAGE_OUT      /* out of memory, where they can come back from (5.4) */
};

struct host_ops {
    /*
     * Address space without memory, at `address` or (address 0) anywhere above 64 KiB. -EEXIST:
     * something is there.
     */
    int (*reserve)(uint64_t address, uint64_t size, uint64_t *ret_address);
    /* Gives reserved space back to the host. pre: reserved by us. */
    int (*unreserve)(uint64_t address, uint64_t size);
    /* Back to how reserve left it: contents and page tables gone. pre: reserved by us. */
    int (*reset)(uint64_t address, uint64_t size);
    /*
     * Changes access; contents stay. May have changed a part when it fails with -ENOMEM (mapping
     * limit): call again to undo.
     */
    int (*protect)(uint64_t address, uint64_t size, unsigned access);
    /*
     * open_guards: pages become readable and writable where a guard marker was; other pages stay as
     * they are. close_guards: pages lose their contents and fault from then on. pre: the range is
     * HOST_READ_WRITE by protect, or will be before it is opened. Without guard markers:
     * protect(read-write), and reset.
     */
    int (*open_guards)(uint64_t address, uint64_t size);
    int (*close_guards)(uint64_t address, uint64_t size);
    /* Contents are gone, pages read as zero. */
    int (*drop)(uint64_t address, uint64_t size);
    /* The host may drop pages until they are written again. Does nothing without lazyfree. */
    int (*offer)(uint64_t address, uint64_t size);
    /* After this no page of the range is dropped any more. pre: readable and writable. */
    int (*keep)(uint64_t address, uint64_t size);
    /*
     * Write watch. watch_begin: writes to pages of the range are noted from now on; pages without
     * contents are not written, others may be told although they were not. Again for a range that
     * is watched: nothing changes. -ENOSYS: this host cannot. A `reset` ends the watch, as
     * watch_end does.
     */
    int (*watch_begin)(uint64_t address, uint64_t size);
    int (*watch_end)(uint64_t address, uint64_t size);
    /*
     * Tells, and with `reset` forgets in the same step, so that a write falls into one answer or
     * the next. Guarded pages may be told too. -EPERM: part of the range is not watched.
     */
    int (*watch_collect)(struct host_collect *collect);
    /* Pages that have contents count as written. */
    int (*watch_mark)(uint64_t address, uint64_t size);
    /*
     * Where pages of the range that are touched from now on come from; `mandatory`: from no other
     * node. reset forgets it.
     */
    int (*prefer_node)(uint64_t address, uint64_t size, uint32_t node, bool mandatory);
    /*
     * Pages of 1 << `shift` bytes, all present and zero, where reserve left nothing. -ENOMEM: there
     * are not so many. May leave a hole when it fails: reset.
     */
    int (*map_large)(uint64_t address, uint64_t size, unsigned shift, unsigned access,
                     uint32_t node, bool mandatory);
#define HOST_ANY_NODE UINT32_MAX
    /*
     * Between the two no page of the range that is present is dropped, offered or not; for a short
     * while, a part of an account's allowance. pin may change a part when it fails: unpin then.
     */
    int (*pin)(uint64_t address, uint64_t size);
    int (*unpin)(uint64_t address, uint64_t size);
    /*
     * lock: every page is in memory and stays there until unlock, close_guards or reset. -ENOMEM,
     * -EAGAIN, -EPERM: not so many, or a page cannot be brought in. pre: readable.
     */
    int (*lock)(uint64_t address, uint64_t size);
    int (*unlock)(uint64_t address, uint64_t size);
    /* Contents stay. The host may do nothing, or not know the hint: -EINVAL. */
    int (*hint)(uint64_t address, uint64_t size, enum host_hint hint);
    /*
     * Finds what is in memory in [*at, end): up to `room` stretches, ascending, of `pages` pages in
     * all. Their number or -errno; *at becomes where the search stopped, which may be before `end`.
     */
    int (*resident)(uint64_t *at, uint64_t end, uint64_t pages, struct host_stretch *ret,
                    unsigned room);
    /*
     * Counts the pages in memory in [start, end) that are the process's own: not the one page of zeros
     * that stands where private memory was only read.
     */
    int (*own_pages)(uint64_t start, uint64_t end, uint64_t *ret_pages);
    /* The NUMA node of each page; negative where there is no page. */
    int (*nodes)(const uint64_t *pages, unsigned count, int *ret_nodes);
    /*
     * Zeroed bookkeeping memory that costs nothing until it is touched; never given back. `dense`:
     * all of it will be used, so huge pages may be behind it.
     */
    int (*bookkeeping)(uint64_t size, bool dense, void **ret_memory);
    /*
     * Frames (awe.h). frames_open: room for frames 0 .. count - 1, none of them filled; once, and
     * again after host_frames_forget. frames_fill: they have memory, that reads zero. frames_drop:
     * what frames_fill gave is gone. pre: not shown.
     */
    int (*frames_open)(uint64_t count);
    int (*frames_fill)(uint64_t first, uint64_t count);
    int (*frames_drop)(uint64_t first, uint64_t count);
    /*
     * window_open: reserved space becomes a window without frames; reset ends it. window_show:
     * frames that follow one another appear at `address`. pre: filled, and with host_caps.move
     * nothing is shown there and they are shown nowhere. window_hide: they disappear again.
     */
    int (*window_open)(uint64_t address, uint64_t size);
    int (*window_show)(uint64_t address, uint64_t first, uint64_t count);
    int (*window_hide)(uint64_t address, uint64_t first, uint64_t count);
    /*
     * A part of an open file that processes share. shared_map: at `address`, in space reserved by
     * us (reset ends it), or with address 0 anywhere (unreserve ends it). shared_fill: there is
     * memory behind it, so that a touch cannot fail; -ENOSPC. shared_drop: it reads as zero, and
     * its memory went back. `offset` and `size` of the latter two need not be page-aligned.
     */
    int (*shared_map)(int file, uint64_t offset, uint64_t size, unsigned access, uint64_t address,
                      uint64_t *ret_address);
    int (*shared_fill)(int file, uint64_t offset, uint64_t size);
    int (*shared_drop)(int file, uint64_t offset, uint64_t size);
};

extern const struct host_ops *host; /* the table in use */
extern struct host_caps host_caps;

void host_init(void);
/* In the child of a fork: the frames are the parent's, and no range is a window. */
void host_frames_forget(void);

/* The NUMA nodes are numbered from 0 to this. */
uint32_t host_highest_node(void);

/*
 * The lowest and the end of the highest stretch of the address space in use by others in [from,
 * to), or `to` when none is.
 */
int host_next_mapping(uint64_t from, uint64_t to, uint64_t *ret_start, uint64_t *ret_end);

/*
 * Whether `page` is bookkeeping memory that is not dense; *ret_end: so far it is, or is not (at most
 * UINT64_MAX).
 */
bool host_is_sparse(uint64_t page, uint64_t *ret_end);

/*
 * Every mapping of the process in ascending order, until `each` returns false. False then, or when
 * the list cannot be read.
 */
bool host_for_each_mapping(bool (*each)(uint64_t start, uint64_t end, unsigned access,
                                        void *context),
                           void *context);

/*
 * A page that reads at `address`, in space reserved by us, and is written through *ret_writable:
 * what a kernel shares with a process.
 */
int host_shared_page(uint64_t address, void **ret_writable);

/* A file in memory, for what two processes share: a descriptor that is closed on exec. */
int host_memory_file(const char *name, int *ret_file);

/* Bookkeeping memory that was sparse will be used all over; a hint that may do nothing. */
void host_make_dense(void *memory, uint64_t size);

/* Makes the pages of a readable and writable range present; a hint that may do nothing. */
void host_prefault(uint64_t address, uint64_t size);

/* A whole file to read, at a place of the host's choosing. 0 or -errno. */
int host_map_file(int file, uint64_t size, const void **ret_bytes);
void host_unmap_file(const void *bytes, uint64_t size);
