/*
 * Resources that other devices and processes may open.
 *
 * THEORY. What is shared of a resource is told in a file beside the machine, its description: which
 * allocations of which adapter, and the private data. A record in the machine (gpu_record_take)
 * names the file and knows which processes have the resource; the file goes with the last of them,
 * be it that it leaves or that it is swept. The global handle is the record and a part of the file's
 * id, so that one of a resource that is gone does not name the next one with the same record.
 *
 * WHO KEEPS WHAT
 *   a resource of a device      the record; and through its allocations' openings the memory
 *   an NT handle (share_nt.h)   the same with openings of its own, in no device
 * So the memory and the global handle live until the last of them goes (KMT-333, KMT-334).
 *
 * A description may have been written by a process that lies, or died: sizes and counts are checked
 * when it is read, and that its allocations are those it means when they are opened, under the
 * adapter's lock. What is half written has no magic yet.
 *
 * pre, for all: kmt_lock
 */
#pragma once

#include "d3dkmt/kmt.h"

#define SHARE_ALLOWED 64u   /* processes that may open a restricted resource */
#define SHARE_MOST    1024u /* allocations */

struct share_part {
    uint32_t index; /* of the allocation, in the adapter */
    uint16_t generation;
    uint8_t primary;
    uint8_t unused;
    uint32_t driver_size; /* bytes */
    uint32_t unused_too;
    uint64_t share, size; /* of the allocation */
};

/* The file: this, then its parts, then private data: the runtime's, the resource's, each part's. */
struct share_head {
    uint64_t magic;
    uint64_t id;    /* of the file */
    uint64_t bytes; /* of the whole file */
    uint32_t adapter;
    uint32_t flags; /* D3DKMT_CREATEALLOCATIONFLAGS_* */
    uint32_t count;
    uint32_t runtime_size, driver_size, parts_size; /* bytes of private data */
    uint32_t creator, creator_generation;           /* the process */
    uint32_t allowed_count;                         /* with RestrictSharedAccess: */
    uint32_t allowed[SHARE_ALLOWED];                /* process ids */
};

/* What a resource keeps. */
struct kmt_share {
    uint64_t id;
    uint32_t record;
    uint32_t flags; /* D3DKMT_CREATEALLOCATIONFLAGS_* */
};

/* A description that was read and is in order; the record is held meanwhile. */
struct share_view {
    struct share_head *head; /* all of it, malloc'd */
    const struct share_part *parts;
    const char *runtime, *driver, *parts_data;
    uint32_t record;
};

/* A name for new shared contents. */
uint64_t share_new_id(const struct vidmm *mm);
/*
 * Makes a resource that was created with CreateShared known. *ret_share is its global handle, 0 with
 * NtSecuritySharing. STATUS_NO_MEMORY; STATUS_NOT_SUPPORTED: memory of the program is part of it.
 */
NTSTATUS share_resource(struct kmt_resource *resource, D3DKMT_HANDLE *ret_share);
/* The resource goes. */
void share_leave(struct kmt_resource *resource);

/* share_view_free it. STATUS_INVALID_PARAMETER: there is none, or not in order. STATUS_NO_MEMORY */
NTSTATUS share_view(uint32_t record, struct share_view *ret_view);
/* By global handle. */
NTSTATUS share_view_global(D3DKMT_HANDLE global, struct share_view *ret_view);
void share_view_free(struct share_view *view);
/* Whether the part is what it says. pre: the adapter's lock */
bool share_part_is_there(const struct vidmm *mm, const struct share_part *part);
/*
 * The resource once more, for a device; all of it or nothing. STATUS_INVALID_PARAMETER: it is of
 * another adapter, or gone. STATUS_NO_MEMORY.
 */
NTSTATUS share_open(struct kmt_device *device, const struct share_view *view,
                    struct kmt_resource **ret_resource);
/* Whether a process may open it by its global handle. */
bool share_allows(const struct share_head *head, uint32_t process_id);
/* STATUS_NO_MEMORY: too many processes may already. */
NTSTATUS share_allow(const struct kmt_share *share, uint32_t process_id, bool allow);

/*
 * share_file.c. Written completely or not at all; the first eight bytes, which are not 0, last.
 * STATUS_NO_MEMORY.
 */
NTSTATUS share_file_write(uint64_t id, const void *bytes, size_t size);
/* A part of one that is there. STATUS_NO_MEMORY */
NTSTATUS share_file_change(uint64_t id, size_t offset, const void *bytes, size_t size);
/* malloc'd. STATUS_INVALID_PARAMETER: there is none, or it is below `least` or above `most` bytes. */
NTSTATUS share_file_read(uint64_t id, size_t least, size_t most, void **ret_bytes,
                         size_t *ret_size);
