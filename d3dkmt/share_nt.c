/* What is behind an NT handle. */
#include "d3dkmt/share_nt.h"

#include <stdlib.h>
#include "d3dkmt/engine.h"
#include "d3dkmt/state.h"

#define STANDARD_RIGHTS 0x1F0000u

static void close_openings(struct share_nt *nt)
{
    if (!nt->mm)
        return;
    vidmm_lock(nt->mm);
    while (nt->count)
        vidmm_close(nt->mm, nt->openings[--nt->count]);
    vidmm_remove_device(nt->mm);
    vidmm_unlock(nt->mm);
    nt->mm = NULL;
}

/* pre: kmt_lock */
static void close_all(struct share_nt *nt)
{
    close_openings(nt);
    free(nt->openings);
    if (nt->sync)
        sync_destroy(nt->sync);
    if (nt->keyed)
        keyed_close(nt->keyed);
    gpu_record_give(nt->parts.record);
    gpu_record_give(nt->name_record);
    engine_settle();
}

static void destroy(struct object *object)
{
    struct share_nt *nt = (struct share_nt *)object;
    kmt_lock();
    if (nt->generation == kmt_generation)
        close_all(nt);
    kmt_unlock();
    free(nt);
}

static const struct object_rights rights = {.read = 0x20000u, /* READ_CONTROL */
                                            .write = 0x20001u,
                                            .execute = 0x20000u,
                                            .all = STANDARD_RIGHTS | 3u};
static const struct object_ops ops = {
    OBJECT_SHARED, "shared graphics object", destroy, NULL, &rights, NULL};

/* Openings of the process, of no device of it; they count as one. */
static NTSTATUS open_allocations(struct share_nt *nt, const struct share_view *view)
{
    const struct vidmm *mm = gpu_adapter(view->head->adapter);
    NTSTATUS status = STATUS_SUCCESS;
    nt->openings = malloc((view->head->count + 1) * sizeof *nt->openings);
    if (!nt->openings)
        return STATUS_NO_MEMORY;
    nt->mm = mm;
    vidmm_lock(mm);
    vidmm_add_device(mm);
    while (nt->count < view->head->count && status == STATUS_SUCCESS) {
        const struct share_part *part = &view->parts[nt->count];
        status = share_part_is_there(mm, part)
                     ? vidmm_open(mm, part->index, 0, &nt->openings[nt->count])
                     : STATUS_INVALID_PARAMETER;
        nt->count += status == STATUS_SUCCESS;
    }
    vidmm_unlock(mm);
    return status;
}

static NTSTATUS open_resource(struct share_nt *nt, const struct share_parts *parts)
{
    struct share_view view;
    NTSTATUS status = share_view(parts->record, &view);
    if (status != STATUS_SUCCESS)
        return status;
    status = view.head->id == parts->id ? open_allocations(nt, &view) : STATUS_INVALID_PARAMETER;
    if (status == STATUS_SUCCESS) {
        nt->parts.record = parts->record; /* which the view held */
        nt->parts.id = parts->id;
        view.record = VID_NONE;
    }
    share_view_free(&view);
    return status;
}

NTSTATUS share_nt_create(const struct share_parts *parts, uint32_t name_record,
                         struct share_nt **ret_nt)
{
    const struct keyed_data none = {NULL, 0};
    struct share_nt *nt = calloc(1, sizeof *nt);
    NTSTATUS status = STATUS_SUCCESS;
    if (!nt)
        return STATUS_NO_MEMORY;
    object_init(&nt->object, &ops);
    nt->generation = kmt_generation;
    if (parts->id)
        status = open_resource(nt, parts);
    if (status == STATUS_SUCCESS && parts->sync)
        status = sync_open(parts->sync, 0, NULL, &nt->sync);
    if (status == STATUS_SUCCESS && parts->keyed)
        status = keyed_open(parts->keyed, &none, &nt->keyed);
    if (status != STATUS_SUCCESS) {
        close_all(nt);
        free(nt);
        return status;
    }
    nt->parts.sync = parts->sync;
    nt->parts.keyed = parts->keyed;
    nt->name_record = name_record;
    *ret_nt = nt;
    return status;
}

NTSTATUS share_nt_lookup(HANDLE handle, struct share_nt **ret_nt)
{
    struct object *object;
    NTSTATUS status = handle_lookup(handle, OBJECT_SHARED, 0, &object);
    if (status == STATUS_SUCCESS)
        *ret_nt = (struct share_nt *)object;
    return status;
}
