/*
 * Budgets. A place keeps a twentieth for the system; what processes reserved is theirs; the rest is
 * shared among the processes that have devices, four parts for one in the foreground, one part for
 * one in the background. Nobody documents how Windows divides: budgets of ours shift at the same
 * events, and who works in the foreground alone may have nearly everything.
 */
#include "d3dkmt/vidmm.h"

#define WEIGHT_FOREGROUND 4
#define WEIGHT_BACKGROUND 1

static uint64_t capacity(const struct vidmm *mm, unsigned place)
{
    const struct vid_segment *segment = &mm->adapter->segments[place];
    uint64_t all = mm->places[place]->most(segment);
    uint64_t usable = all > segment->pressure ? all - segment->pressure : 0;
    return usable - usable / 20;
}

/* Of a process with a device. */
static uint64_t weight_with(const struct vid_usage *usage)
{
    return usage->background ? WEIGHT_BACKGROUND : WEIGHT_FOREGROUND;
}

static uint64_t weight(const struct vid_usage *usage)
{
    return usage->devices ? weight_with(usage) : 0;
}

static uint64_t reserved(const struct vidmm *mm, unsigned place)
{
    uint64_t sum = 0;
    for (unsigned p = 1; p < VID_PROCESSES; p++)
        sum += mm->adapter->usage[p].reservation[place];
    return sum;
}

/* True: it shrank. */
static bool set_budget(const struct vidmm *mm, unsigned process, unsigned place, uint64_t budget)
{
    struct vid_usage *usage = &mm->adapter->usage[process];
    uint64_t before = usage->budget[place];
    if (budget == before)
        return false;
    usage->budget[place] = budget;
    vidmm_event(mm, VID_EVENT_BUDGET, (uint32_t)(before >> 20), (uint16_t)process, budget,
                (uint8_t)place);
    return budget < before;
}

/* Who holds more than its shrunken budgets is told; one word for both places. */
static void ask_to_trim(const struct vidmm *mm, unsigned process, unsigned shrunk)
{
    struct vid_usage *usage = &mm->adapter->usage[process];
    uint64_t all = 0;
    for (unsigned place = VID_LOCAL; place < VID_PLACES; place++) {
        uint64_t over = vidmm_over_budget(mm, (uint16_t)process, (enum vid_place)place);
        all += over;
        if (over && shrunk & 1u << place)
            vidmm_event(mm, VID_EVENT_TRIM, VID_NONE, (uint16_t)process, over, (uint8_t)place);
        else
            shrunk &= ~(1u << place);
    }
    if (!shrunk)
        return;
    __atomic_store_n(&usage->trim, all, __ATOMIC_RELEASE);
    usage->trims++;
}

void vidmm_share_budgets(const struct vidmm *mm)
{
    uint64_t weights = 0, rest[VID_PLACES];
    for (unsigned p = 1; p < VID_PROCESSES; p++)
        weights += weight(&mm->adapter->usage[p]);
    for (unsigned place = VID_LOCAL; place < VID_PLACES; place++) {
        uint64_t all = capacity(mm, place), taken = reserved(mm, place);
        rest[place] = all > taken ? all - taken : 0;
    }
    for (unsigned p = 1; p < VID_PROCESSES; p++) {
        const struct vid_usage *usage = &mm->adapter->usage[p];
        unsigned shrunk = 0;
        for (unsigned place = VID_LOCAL; place < VID_PLACES; place++) {
            unsigned __int128 part = (unsigned __int128)rest[place] * weight(usage);
            uint64_t budget =
                usage->devices ? usage->reservation[place] + (uint64_t)(part / weights) : 0;
            if (usage->devices && usage->fixed[place])
                budget = usage->fixed[place];
            if (set_budget(mm, p, place, budget))
                shrunk |= 1u << place;
        }
        ask_to_trim(mm, p, shrunk);
    }
}

/* Of a process without a device: what it would have with one. */
uint64_t vidmm_budget(const struct vidmm *mm, uint16_t process, enum vid_place place)
{
    const struct vid_usage *usage = &mm->adapter->usage[process];
    uint64_t own = weight_with(usage), weights = own, all, taken;
    if (usage->devices)
        return usage->budget[place];
    if (usage->fixed[place])
        return usage->fixed[place];
    for (unsigned p = 1; p < VID_PROCESSES; p++)
        weights += weight(&mm->adapter->usage[p]);
    all = capacity(mm, place);
    taken = reserved(mm, place);
    return all > taken ? (uint64_t)((unsigned __int128)(all - taken) * own / weights) : 0;
}

/* All processes together may reserve half of a place, so that there is something to share. */
uint64_t vidmm_available_for_reservation(const struct vidmm *mm, uint16_t process,
                                         enum vid_place place)
{
    uint64_t half = mm->places[place]->most(&mm->adapter->segments[place]) / 2;
    uint64_t others = reserved(mm, place) - mm->adapter->usage[process].reservation[place];
    return half > others ? half - others : 0;
}

NTSTATUS vidmm_reserve(const struct vidmm *mm, enum vid_place place, uint64_t bytes)
{
    if (bytes > vidmm_available_for_reservation(mm, mm->process, place))
        return STATUS_INVALID_PARAMETER;
    mm->adapter->usage[mm->process].reservation[place] = bytes;
    vidmm_share_budgets(mm);
    return STATUS_SUCCESS;
}

static void set_active(const struct vidmm *mm, uint16_t process, bool active)
{
    uint64_t bit = 1ull << process % 64;
    if (active)
        mm->adapter->active[process / 64] |= bit;
    else
        mm->adapter->active[process / 64] &= ~bit;
}

void vidmm_add_device(const struct vidmm *mm)
{
    struct vid_usage *usage = &mm->adapter->usage[mm->process];
    if (usage->devices++)
        return;
    set_active(mm, mm->process, true);
    vidmm_event_of_process(mm, VID_EVENT_ARRIVE, mm->process);
    vidmm_share_budgets(mm);
}

void vidmm_remove_device(const struct vidmm *mm)
{
    struct vid_usage *usage = &mm->adapter->usage[mm->process];
    if (--usage->devices)
        return;
    set_active(mm, mm->process, false);
    for (unsigned place = VID_LOCAL; place < VID_PLACES; place++)
        usage->reservation[place] = 0;
    vidmm_event_of_process(mm, VID_EVENT_LEAVE, mm->process);
    vidmm_share_budgets(mm);
}

void vidmm_set_background(const struct vidmm *mm, uint16_t process, bool background)
{
    mm->adapter->usage[process].background = background;
    vidmm_share_budgets(mm);
}
