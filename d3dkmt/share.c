/* Sharing of resources: described, found by their global handle, opened. */
#include "d3dkmt/share.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include "d3dkmt/clock.h"
#include "d3dkmt/contents.h"
#include "d3dkmt/machine_file.h"
#include "d3dkmt/resource.h"

#define MAGIC   0x3130455241485357ull /* "WSHARE01" */
#define FLAG(x) D3DKMT_CREATEALLOCATIONFLAGS_##x
#define BYTES_MOST                                                                                 \
    (sizeof(struct share_head) + 2ull * KMT_DATA_MOST +                                            \
     SHARE_MOST * (sizeof(struct share_part) + (uint64_t)KMT_DATA_MOST))

/*
 * Global handles, from the highest bit: 1 of mark, 13 of the id, 14 of the record, 4 that neither an
 * object's handle nor the global handle of a synchronisation object has.
 */
#define GLOBAL_MARK    0x80000000u
#define GLOBAL_LOW     4u
#define GLOBAL_RECORD  4
#define GLOBAL_ID      18
#define GLOBAL_ID_MASK 0x1FFFu
_Static_assert(VID_FENCE_BITS == GLOBAL_ID - GLOBAL_RECORD, "a record fits into a handle");

uint64_t share_new_id(const struct vidmm *mm)
{
    return __atomic_add_fetch(&mm->machine->shares, 1, __ATOMIC_RELAXED);
}

static D3DKMT_HANDLE global_of(uint32_t record, uint64_t id)
{
    return GLOBAL_MARK | (uint32_t)(id & GLOBAL_ID_MASK) << GLOBAL_ID | record << GLOBAL_RECORD |
           GLOBAL_LOW;
}

/* The sizes of a description. False: memory of the program is in it, which nobody else sees. */
static bool measure(const struct kmt_resource *resource, struct share_head *ret_head)
{
    const struct vidmm *mm = resource->device->mm;
    uint16_t process = gpu_process();
    *ret_head =
        (struct share_head){.magic = MAGIC,
                            .bytes = sizeof *ret_head,
                            .adapter = vidmm_index(mm),
                            .flags = resource->flags,
                            .count = resource->count,
                            .runtime_size = resource->runtime_size,
                            .driver_size = resource->driver_size,
                            .creator = process,
                            .creator_generation = mm->machine->processes[process].generation};
    link_each(at, &resource->allocations)
    {
        const struct kmt_allocation *allocation = container_of(at, struct kmt_allocation, link);
        if (allocation->kind != CONTENTS_SHARED)
            return false;
        ret_head->bytes += sizeof(struct share_part);
        ret_head->parts_size += allocation->driver_size;
    }
    ret_head->bytes +=
        (uint64_t)ret_head->runtime_size + ret_head->driver_size + ret_head->parts_size;
    return true;
}

static char *append(char *to, const void *from, size_t size)
{
    if (size)
        memcpy(to, from, size);
    return to + size;
}

static void describe(const struct kmt_resource *resource, struct share_head *head)
{
    const struct vidmm *mm = resource->device->mm;
    struct share_part *part = (struct share_part *)(head + 1);
    char *data = (char *)(part + head->count);
    data = append(data, resource->runtime_data, resource->runtime_size);
    data = append(data, resource->driver_data, resource->driver_size);
    vidmm_lock(mm);
    link_each(at, &resource->allocations)
    {
        const struct kmt_allocation *allocation = container_of(at, struct kmt_allocation, link);
        const struct vid_allocation *of = vidmm_of(mm, allocation->opening);
        *part++ = (struct share_part){.index = (uint32_t)(of - mm->allocations),
                                      .generation = of->generation,
                                      .primary = allocation->primary,
                                      .driver_size = allocation->driver_size,
                                      .share = of->share,
                                      .size = of->size};
        data = append(data, allocation->driver_data, allocation->driver_size);
    }
    vidmm_unlock(mm);
}

static NTSTATUS publish(struct share_head *head, struct kmt_share *share)
{
    machine_lock(gpu_machine());
    share->record = gpu_record_take(share->id, 0);
    machine_unlock(gpu_machine());
    if (!share->record)
        return STATUS_NO_MEMORY;
    NTSTATUS status = share_file_write(share->id, head, head->bytes);
    if (status != STATUS_SUCCESS)
        gpu_record_give(share->record);
    return status;
}

NTSTATUS share_resource(struct kmt_resource *resource, D3DKMT_HANDLE *ret_share)
{
    struct share_head sizes;
    if (!measure(resource, &sizes))
        return STATUS_NOT_SUPPORTED;
    struct share_head *head = malloc(sizes.bytes);
    struct kmt_share *share = malloc(sizeof *share);
    NTSTATUS status = STATUS_NO_MEMORY;
    if (head && share) {
        share->id = sizes.id = share_new_id(resource->device->mm);
        share->flags = resource->flags;
        *head = sizes;
        describe(resource, head);
        status = publish(head, share);
    }
    free(head);
    if (status != STATUS_SUCCESS) {
        free(share);
        return status;
    }
    resource->share = share;
    *ret_share = share->flags & FLAG(NtSecuritySharing) ? 0 : global_of(share->record, share->id);
    return status;
}

void share_leave(struct kmt_resource *resource)
{
    if (!resource->share)
        return;
    gpu_record_give(resource->share->record);
    free(resource->share);
    resource->share = NULL;
}

/* Everything that can be said without the adapter. Sums cannot overflow: every term is bounded. */
static bool is_sound(const struct share_head *head, uint64_t id, size_t bytes)
{
    const struct share_part *parts = (const struct share_part *)(head + 1);
    uint64_t driver = 0, sum = sizeof *head;
    if (head->magic != MAGIC || head->id != id || head->bytes != bytes ||
        head->adapter >= gpu_adapter_count() || head->count > SHARE_MOST ||
        head->runtime_size > KMT_DATA_MOST || head->driver_size > KMT_DATA_MOST ||
        head->allowed_count > SHARE_ALLOWED)
        return false;
    sum += head->count * sizeof *parts;
    if (sum > bytes)
        return false;
    for (uint32_t i = 0; i < head->count; i++) {
        if (parts[i].driver_size > KMT_DATA_MOST)
            return false;
        driver += parts[i].driver_size;
    }
    return driver == head->parts_size &&
           sum + head->runtime_size + head->driver_size + driver == bytes;
}

/* Of a record that is held already; gives it back on failure. */
static NTSTATUS read_view(uint32_t record, uint64_t id, struct share_view *ret_view)
{
    void *bytes;
    size_t size;
    NTSTATUS status = share_file_read(id, sizeof(struct share_head), BYTES_MOST, &bytes, &size);
    if (status == STATUS_SUCCESS && !is_sound(bytes, id, size)) {
        free(bytes);
        status = STATUS_INVALID_PARAMETER;
    }
    if (status != STATUS_SUCCESS) {
        gpu_record_give(record);
        return status;
    }
    ret_view->record = record;
    ret_view->head = bytes;
    ret_view->parts = (const struct share_part *)(ret_view->head + 1);
    ret_view->runtime = (const char *)(ret_view->parts + ret_view->head->count);
    ret_view->driver = ret_view->runtime + ret_view->head->runtime_size;
    ret_view->parts_data = ret_view->driver + ret_view->head->driver_size;
    return status;
}

NTSTATUS share_view(uint32_t record, struct share_view *ret_view)
{
    uint64_t id = gpu_record_hold(record);
    return id ? read_view(record, id, ret_view) : STATUS_INVALID_PARAMETER;
}

NTSTATUS share_view_global(D3DKMT_HANDLE global, struct share_view *ret_view)
{
    uint32_t record = (global & ~GLOBAL_MARK) >> GLOBAL_RECORD & (VID_FENCES - 1);
    uint64_t id = gpu_record_hold(record);
    if (!id)
        return STATUS_INVALID_PARAMETER;
    if (global != global_of(record, id)) {
        gpu_record_give(record);
        return STATUS_INVALID_PARAMETER;
    }
    NTSTATUS status = read_view(record, id, ret_view);
    if (status == STATUS_SUCCESS && ret_view->head->flags & FLAG(NtSecuritySharing)) {
        share_view_free(ret_view);
        status = STATUS_INVALID_PARAMETER;
    }
    return status;
}

void share_view_free(struct share_view *view)
{
    if (view->head)
        gpu_record_give(view->record);
    free(view->head);
    view->head = NULL;
}

bool share_part_is_there(const struct vidmm *mm, const struct share_part *part)
{
    const struct vid_allocation *allocation = &mm->allocations[part->index];
    return part->index && part->index < mm->adapter->allocations_used && allocation->live &&
           allocation->generation == part->generation && part->share &&
           allocation->share == part->share && allocation->size == part->size;
}

static NTSTATUS open_parts(const struct share_view *view, struct kmt_resource *resource)
{
    const struct share_head *head = view->head;
    const struct vid_process *creator = &gpu_machine()->processes[head->creator % VID_PROCESSES];
    bool own = head->creator == gpu_process() && creator->generation == head->creator_generation;
    NTSTATUS status = STATUS_SUCCESS;
    for (uint32_t i = 0; i < head->count && status == STATUS_SUCCESS; i++) {
        struct kmt_allocation *allocation =
            kmt_allocation_open(resource->device, resource, &view->parts[i], &status);
        if (allocation)
            allocation->opened = !own;
    }
    return status;
}

NTSTATUS share_open(struct kmt_device *device, const struct share_view *view,
                    struct kmt_resource **ret_resource)
{
    struct kmt_share *share;
    struct kmt_resource *resource;
    NTSTATUS status;
    if (view->head->adapter != vidmm_index(device->mm))
        return STATUS_INVALID_PARAMETER;
    share = malloc(sizeof *share);
    resource = share ? kmt_resource_create(device) : NULL;
    if (!resource) {
        free(share);
        return STATUS_NO_MEMORY;
    }
    resource->flags = view->head->flags;
    status = open_parts(view, resource);
    if (status == STATUS_SUCCESS && !gpu_record_hold(view->record))
        status = STATUS_NO_MEMORY; /* this process has it too often */
    if (status != STATUS_SUCCESS) {
        free(share);
        kmt_resource_destroy(resource);
        return status;
    }
    *share = (struct kmt_share){view->head->id, view->record, view->head->flags};
    resource->share = share;
    *ret_resource = resource;
    return status;
}

bool share_allows(const struct share_head *head, uint32_t process_id)
{
    if (!(head->flags & FLAG(RestrictSharedAccess)))
        return true;
    for (uint32_t i = 0; i < head->allowed_count; i++)
        if (head->allowed[i] == process_id)
            return true;
    return false;
}

static void drop_allowed(struct share_head *head, uint32_t i)
{
    head->allowed[i] = head->allowed[--head->allowed_count];
}

static bool process_exists(uint32_t process_id)
{
    return kill((pid_t)process_id, 0) == 0 || errno != ESRCH;
}

/* False: there are too many. */
static bool change(struct share_head *head, uint32_t process_id, bool allow)
{
    for (uint32_t i = head->allowed_count; i-- > 0;)
        if (head->allowed[i] == process_id || !process_exists(head->allowed[i]))
            drop_allowed(head, i);
    if (allow && head->allowed_count == SHARE_ALLOWED)
        return false;
    if (allow)
        head->allowed[head->allowed_count++] = process_id;
    return true;
}

/* machine.lock keeps others from changing it meanwhile; the resource's record keeps the file. */
NTSTATUS share_allow(const struct kmt_share *share, uint32_t process_id, bool allow)
{
    void *bytes;
    size_t size;
    machine_lock(gpu_machine());
    NTSTATUS status =
        share_file_read(share->id, sizeof(struct share_head), BYTES_MOST, &bytes, &size);
    if (status == STATUS_SUCCESS) {
        struct share_head *head = bytes;
        if (!is_sound(head, share->id, size))
            status = STATUS_INVALID_PARAMETER;
        else if (!change(head, process_id, allow))
            status = STATUS_NO_MEMORY;
        else
            status = share_file_change(share->id, offsetof(struct share_head, allowed_count),
                                       &head->allowed_count,
                                       sizeof *head - offsetof(struct share_head, allowed_count));
        free(bytes);
    }
    machine_unlock(gpu_machine());
    return status;
}
