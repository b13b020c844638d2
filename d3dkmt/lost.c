/* What an adapter can lose: its devices by a reset after a hang, by a stop, by its removal. */
#include "d3dkmt/vidmm.h"

static void set_running(const struct vidmm *mm, enum vid_running running, enum vid_event_kind event)
{
    __atomic_store_n(&mm->adapter->running, running, __ATOMIC_RELEASE);
    vidmm_event(mm, event, VID_NONE, VID_NONE, 0, VID_NOWHERE);
}

/* Devices made before are lost from now on. */
static void lose_devices(const struct vidmm *mm, uint16_t hung)
{
    __atomic_store_n(&mm->adapter->hung_process, hung, __ATOMIC_RELAXED);
    __atomic_add_fetch(&mm->adapter->resets, 1, __ATOMIC_RELEASE);
}

void vidmm_reset_adapter(const struct vidmm *mm, uint16_t hung)
{
    if (hung < VID_PROCESSES)
        vidmm_event(mm, VID_EVENT_HANG, VID_NONE, hung, 0, VID_NOWHERE);
    lose_devices(mm, hung);
    vidmm_event(mm, VID_EVENT_RESET, VID_NONE, VID_NONE, 0, VID_NOWHERE);
}

void vidmm_stop_adapter(const struct vidmm *mm)
{
    set_running(mm, VID_STOPPED, VID_EVENT_STOP);
}

void vidmm_start_adapter(const struct vidmm *mm)
{
    set_running(mm, VID_RUNNING, VID_EVENT_RESTORE);
}

void vidmm_remove_adapter(const struct vidmm *mm)
{
    struct vid_paging paging = {0};
    lose_devices(mm, VID_PROCESSES);
    set_running(mm, VID_REMOVED, VID_EVENT_REMOVE);
    for (uint32_t i = 1; i < mm->adapter->allocations_used; i++)
        if (mm->allocations[i].live && mm->allocations[i].place)
            vidmm_put_out(mm, i, &paging);
}

void vidmm_restore_adapter(const struct vidmm *mm)
{
    __atomic_add_fetch(&mm->adapter->arrivals, 1, __ATOMIC_RELEASE);
    set_running(mm, VID_RUNNING, VID_EVENT_RESTORE);
}

uint32_t vidmm_arrivals(const struct vidmm *mm)
{
    return __atomic_load_n(&mm->adapter->arrivals, __ATOMIC_ACQUIRE);
}

uint64_t vidmm_luid(const struct vidmm *mm)
{
    return mm->adapter->luid + ((uint64_t)vidmm_arrivals(mm) << 16);
}
