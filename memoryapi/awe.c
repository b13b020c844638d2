/* Showing frames in windows (awe.h has the order of a call). */
#include "memoryapi/awe.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include "memoryapi/base.h"
#include "memoryapi/gate.h"
#include "memoryapi/guarded.h"
#include "memoryapi/host.h"
#include "memoryapi/mm.h"
#include "memoryapi/space.h"

/* In awe_window.frames: a page that the call in progress already names. */
#define NAMED (1u << 31)
/* Calls of so many pages need no memory of the heap. */
#define FEW 32u

/* One page of a call. */
struct change {
    uint64_t address;
    struct region *region; /* claimed; NULL: the page is named before, and empty both times */
    uint32_t old, new;     /* frames, 0: none */
    uint32_t now;          /* what the host shows */
};

static uint32_t *slot(const struct change *change)
{
    return &change->region->window
                ->frames[(change->address - region_base(change->region)) / PAGE_SIZE];
}

struct awe_window *awe_new_window(uint64_t base, uint64_t size)
{
    uint64_t pages = (base % ALLOCATION_GRANULARITY + size + PAGE_SIZE - 1) / PAGE_SIZE;
    struct awe_window *window = NULL;
    return calloc(1, sizeof *window + pages * sizeof window->frames[0]);
}

/* A claimed region gets what mapping needs. */
static NTSTATUS prepare_window(struct region *region)
{
    if (!region->physical)
        return STATUS_INVALID_PARAMETER;
    if (region->window->open)
        return STATUS_SUCCESS;
    if (backing_close(region) != STATUS_SUCCESS ||
        host->window_open(region_base(region), region->size) != 0)
        return STATUS_INSUFFICIENT_RESOURCES;
    region->window->open = true;
    return STATUS_SUCCESS;
}

/* Under awe.lock: what is there may leave. False: a page is named twice, not to be emptied. */
static bool name_pages(struct change *changes, uint32_t count, bool emptying)
{
    bool once = true;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t *frame = slot(&changes[i]);
        if (*frame & NAMED) {
            once = false;
            changes[i].region = NULL;
            continue;
        }
        changes[i].old = changes[i].now = *frame;
        if (*frame)
            awe.places[*frame] = FRAME_LEAVING;
        *frame |= NAMED;
    }
    return once || emptying;
}

/* Under awe.lock: new frames belong to their places. Returns how many did before one could not. */
static uint32_t take_frames(const struct change *changes, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t frame = changes[i].new;
        if (!frame || !changes[i].region)
            continue;
        if (frame >= awe.count ||
            (awe.places[frame] != FRAME_OWNED && awe.places[frame] != FRAME_LEAVING))
            return i;
        awe.places[frame] = changes[i].address;
    }
    return count;
}

/* A window that had all its frames taken away begins anew. */
static void count_shown(const struct change *change)
{
    struct awe_window *window = change->region->window;
    uint64_t page = (change->address - region_base(change->region)) / PAGE_SIZE;
    window->shown -= !!change->old;
    if (!change->now)
        return;
    if (window->shown == 0 || page < window->low)
        window->low = page;
    if (window->shown == 0 || page >= window->end)
        window->end = page + 1;
    window->shown++;
}

/*
 * Under awe.lock: the table says what there is; of the new frames the first `taken` had been
 * booked. A frame may be new at one page and old at another, hence the order.
 */
static void settle_table(const struct change *changes, uint32_t count, uint32_t taken)
{
    for (uint32_t i = 0; i < taken; i++)
        if (changes[i].region && changes[i].new &&changes[i].now != changes[i].new)
            awe.places[changes[i].new] = FRAME_OWNED;
    for (uint32_t i = 0; i < count; i++) {
        if (changes[i].region && changes[i].old && awe.places[changes[i].old] == FRAME_LEAVING)
            awe.places[changes[i].old] = FRAME_OWNED;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!changes[i].region)
            continue;
        if (changes[i].now)
            awe.places[changes[i].now] = changes[i].address;
        *slot(&changes[i]) = changes[i].now;
        count_shown(&changes[i]);
    }
}

static NTSTATUS book(struct change *changes, uint32_t count, bool emptying)
{
    futex_lock(&awe.lock);
    bool fits = name_pages(changes, count, emptying);
    uint32_t taken = fits ? take_frames(changes, count) : 0;
    fits = fits && taken == count;
    if (!fits)
        settle_table(changes, count, taken);
    futex_unlock(&awe.lock);
    return fits ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

static uint32_t target(const struct change *change, bool back)
{
    return back ? change->old : change->new;
}

static bool is_to_hide(const struct change *change, bool back)
{
    uint32_t wanted = target(change, back);
    return change->region && change->now && change->now != wanted &&
           (host_caps.move || !wanted); /* the other way shows over what is there */
}

static bool is_to_show(const struct change *change, bool back)
{
    uint32_t wanted = target(change, back);
    return change->region && wanted && change->now != wanted && (!host_caps.move || !change->now);
}

/* How many changes from the first on are one piece for the host. */
static uint32_t piece(const struct change *changes, uint32_t count, bool hide, bool back)
{
    uint32_t first = hide ? changes[0].now : target(&changes[0], back), i;
    for (i = 1; i < count; i++) {
        const struct change *next = &changes[i];
        if (next->region != changes[0].region ||
            next->address != changes[0].address + (uint64_t)i * PAGE_SIZE)
            break;
        if (hide ? !is_to_hide(next, back) || next->now != first + i
                 : !is_to_show(next, back) || target(next, back) != first + i)
            break;
    }
    return i;
}

/* Hides all, or shows all. `back`: what was there before; goes on then whatever fails. */
static int carry(struct change *changes, uint32_t count, bool hide, bool back)
{
    int error = 0;
    for (uint32_t i = 0, size; i < count && (!error || back); i += size) {
        size = 1;
        if (!(hide ? is_to_hide(&changes[i], back) : is_to_show(&changes[i], back)))
            continue;
        size = piece(changes + i, count - i, hide, back);
        uint32_t frame = hide ? changes[i].now : target(&changes[i], back);
        int failed = hide ? host->window_hide(changes[i].address, frame, size)
                          : host->window_show(changes[i].address, frame, size);
        for (uint32_t j = i; j < i + size && !failed; j++)
            changes[j].now = hide ? 0 : target(&changes[j], back);
        error = failed ? failed : error;
    }
    return error;
}

/* pre: the regions are claimed, and windows. */
static NTSTATUS apply(struct change *changes, uint32_t count, bool emptying)
{
    NTSTATUS status = book(changes, count, emptying);
    if (status != STATUS_SUCCESS)
        return status;
    int error = carry(changes, count, true, false);
    if (!error)
        error = carry(changes, count, false, false);
    if (error) {
        carry(changes, count, true, true);
        carry(changes, count, false, true);
    }
    futex_lock(&awe.lock);
    settle_table(changes, count, count);
    futex_unlock(&awe.lock);
    return error ? STATUS_INSUFFICIENT_RESOURCES : STATUS_SUCCESS;
}

/* The caller's frame numbers. One that is too large names no frame. */
static NTSTATUS read_frames(const void *array, struct change *changes, uint32_t count)
{
    uint64_t numbers[AWE_PIECE];
    for (uint32_t done = 0; done < count && array;) {
        uint32_t size = count - done < AWE_PIECE ? count - done : AWE_PIECE;
        if (!guarded_read((const uint64_t *)array + done, numbers, size * sizeof numbers[0]))
            return STATUS_ACCESS_VIOLATION;
        for (uint32_t i = 0; i < size; i++)
            changes[done + i].new = numbers[i] < NAMED ? (uint32_t)numbers[i] : NAMED;
        done += size;
    }
    return STATUS_SUCCESS;
}

static bool inside_window(uint64_t start, uint64_t end)
{
    books_lock();
    const struct region *region = region_find(&space.map, start);
    bool inside = region && !region->barrier && region->physical && end <= region_end(region);
    books_unlock();
    return inside;
}

static NTSTATUS map_range(uint64_t start, struct change *changes, uint32_t count, const void *array)
{
    NTSTATUS status = read_frames(array, changes, count);
    if (status != STATUS_SUCCESS)
        return status;
    for (uint32_t i = 0; i < count && array; i++)
        if (!changes[i].new) /* an entry 0 empties only in a scattered call */
            return STATUS_INVALID_PARAMETER;
    struct region *region = space_claim(start);
    if (!region)
        return STATUS_INVALID_PARAMETER;
    status = region_end(region) < start + (uint64_t)count * PAGE_SIZE ? STATUS_INVALID_PARAMETER
                                                                      : prepare_window(region);
    for (uint32_t i = 0; i < count; i++) {
        changes[i].address = start + (uint64_t)i * PAGE_SIZE;
        changes[i].region = region;
    }
    if (status == STATUS_SUCCESS)
        status = apply(changes, count, !array);
    space_release(region);
    return status;
}

NTSTATUS awe_map(uint64_t address, uint64_t count, const void *array)
{
    uint64_t start = round_down(address, PAGE_SIZE);
    struct change few[FEW] = {0}, *changes = few;
    NTSTATUS status = awe_init();

    if (status != STATUS_SUCCESS)
        return STATUS_INSUFFICIENT_RESOURCES;
    if (count == 0)
        return STATUS_SUCCESS;
    if (start > MM_HIGHEST_ADDRESS || count > (MM_HIGHEST_ADDRESS + 1 - start) / PAGE_SIZE ||
        count > UINT32_MAX || !inside_window(start, start + count * PAGE_SIZE))
        return STATUS_INVALID_PARAMETER;
    if (count > FEW && !(changes = calloc(count, sizeof *changes)))
        return STATUS_INSUFFICIENT_RESOURCES;
    status = map_range(start, changes, (uint32_t)count, array);
    if (changes != few)
        free(changes);
    return status;
}

/* pre: `changes` has what is new; addresses are those of pages. */
static NTSTATUS map_set(const uint64_t *addresses, struct region **regions, struct change *changes,
                        uint32_t count, bool emptying)
{
    NTSTATUS status = STATUS_SUCCESS;
    if (!space_claim_set(addresses, count, regions))
        return STATUS_INVALID_PARAMETER;
    for (uint32_t i = 0; i < count && status == STATUS_SUCCESS; i++) {
        changes[i].address = addresses[i];
        changes[i].region = regions[i];
        if (i == 0 || regions[i] != regions[i - 1])
            status = prepare_window(regions[i]);
    }
    if (status == STATUS_SUCCESS)
        status = apply(changes, count, emptying);
    space_release_set(regions, count);
    return status;
}

/* What a scattered call needs for each page. */
struct scatter {
    uint64_t *addresses;
    struct region **regions;
    struct change *changes;
};

static NTSTATUS map_scatter(const struct scatter *scatter, const void *addresses, uint32_t count,
                            const void *array)
{
    if (!guarded_read(addresses, scatter->addresses, count * sizeof scatter->addresses[0]))
        return STATUS_ACCESS_VIOLATION;
    NTSTATUS status = read_frames(array, scatter->changes, count);
    if (status != STATUS_SUCCESS)
        return status;
    for (uint32_t i = 0; i < count; i++)
        scatter->addresses[i] = round_down(scatter->addresses[i], PAGE_SIZE);
    return map_set(scatter->addresses, scatter->regions, scatter->changes, count, !array);
}

NTSTATUS awe_map_scatter(const void *addresses, uint64_t count, const void *array)
{
    NTSTATUS status = awe_init();
    if (status != STATUS_SUCCESS)
        return STATUS_INSUFFICIENT_RESOURCES;
    if (count == 0)
        return STATUS_SUCCESS;
    if (count > UINT32_MAX)
        return STATUS_INVALID_PARAMETER;
    struct scatter scatter = {
        .addresses = malloc(count * sizeof scatter.addresses[0]),
        .regions = malloc(count * sizeof(struct region *)),
        .changes = calloc(count, sizeof scatter.changes[0]),
    };
    status = scatter.addresses && scatter.regions && scatter.changes
                 ? map_scatter(&scatter, addresses, (uint32_t)count, array)
                 : STATUS_INSUFFICIENT_RESOURCES;
    free(scatter.addresses);
    free(scatter.regions);
    free(scatter.changes);
    return status;
}

static bool is_among(const uint32_t *frames, uint32_t count, uint32_t frame)
{
    for (uint32_t i = 0; i < count; i++)
        if (frames[i] == frame)
            return true;
    return false;
}

/*
 * Where they are may change until the regions are claimed: those that moved are left, and a window
 * that went meanwhile hides nothing; the caller looks again.
 */
NTSTATUS awe_hide_frames(const uint32_t *frames, uint32_t count)
{
    struct change changes[AWE_PIECE] = {0};
    struct region *regions[AWE_PIECE];
    uint64_t addresses[AWE_PIECE];
    uint32_t found[AWE_PIECE], shown = 0, kept = 0;

    futex_lock(&awe.lock);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t place = frames[i] ? awe.places[frames[i]] : FRAME_FREE;
        if (place < MM_LOWEST_ADDRESS || is_among(frames, i, frames[i]))
            break;
        found[shown] = frames[i];
        addresses[shown++] = place;
    }
    futex_unlock(&awe.lock);
    if (!shown)
        sched_yield(); /* a call in progress on another thread has it */
    if (!shown || !space_claim_set(addresses, shown, regions))
        return STATUS_SUCCESS;
    for (uint32_t i = 0; i < shown; i++) {
        changes[kept].address = addresses[i];
        changes[kept].region = regions[i];
        kept += regions[i]->physical && *slot(&changes[kept]) == found[i];
    }
    NTSTATUS status = apply(changes, kept, true);
    space_release_set(regions, shown);
    return status;
}

/*
 * The next stretch of frames that follow one another, in [*page, end); false: there is none. The
 * table of a window is its claimer's, so no lock is needed to read it.
 */
static bool next_stretch(const struct awe_window *window, uint64_t *page, uint64_t end,
                         uint64_t *ret_count)
{
    const uint32_t *frames = window->frames;
    uint64_t first = *page, count = 1;
    while (first < end && !frames[first])
        first++;
    if (first >= end)
        return false;
    while (first + count < end && frames[first + count] == frames[first] + count)
        count++;
    *page = first;
    *ret_count = count;
    return true;
}

/* The host hides what the window shows. *ret_page: everything below is hidden. */
static int hide_window(const struct region *region, uint64_t *ret_page)
{
    const struct awe_window *window = region->window;
    uint64_t page = window->low, left = window->shown, count;
    int error = 0;
    while (left > 0 && !error && next_stretch(window, &page, window->end, &count)) {
        error =
            host->window_hide(region_base(region) + page * PAGE_SIZE, window->frames[page], count);
        left -= error ? 0 : count;
        page += error ? 0 : count;
    }
    *ret_page = page;
    return error;
}

/* Frames are shown nowhere any more. */
static void forget_stretch(struct awe_window *window, uint64_t page, uint64_t count)
{
    futex_lock(&awe.lock);
    for (uint64_t i = page; i < page + count; i++) {
        awe.places[window->frames[i]] = FRAME_OWNED;
        window->frames[i] = 0;
    }
    window->shown -= count;
    futex_unlock(&awe.lock);
}

/* Shows again what was hidden below page `limit`; what the host refuses, the window has lost. */
static void show_again(const struct region *region, uint64_t limit)
{
    struct awe_window *window = region->window;
    for (uint64_t page = window->low, count; next_stretch(window, &page, limit, &count);
         page += count)
        if (host->window_show(region_base(region) + page * PAGE_SIZE, window->frames[page],
                              count) != 0)
            forget_stretch(window, page, count);
}

/* With frames that are moved they have to go back first; a mapping just ends. */
NTSTATUS awe_close(struct region *region)
{
    struct awe_window *window = region->window;
    uint64_t page = window->low, count;
    int error = 0;

    if (host_caps.move)
        error = hide_window(region, &page);
    if (!error && window->open)
        error = host->reset(region_base(region), backing_size(region));
    if (error) {
        if (host_caps.move)
            show_again(region, page);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    for (page = window->low; window->shown > 0 && next_stretch(window, &page, window->end, &count);
         page += count)
        forget_stretch(window, page, count);
    region->window = NULL;
    free(window);
    return STATUS_SUCCESS;
}

bool awe_is_window(uint64_t address)
{
    if (address > MM_HIGHEST_ADDRESS || !space.usable)
        return false;
    gate_step_in(); /* a thread that is suspended must not stop with the lock held */
    bool inside = inside_window(address, address + 1);
    gate_leave();
    return inside;
}

static bool window_is_valid(const struct region *region, uint64_t *ret_shown)
{
    uint64_t shown = 0;
    if (!region->physical)
        return !region->window;
    for (uint64_t page = 0; page < region->size / PAGE_SIZE; page++) {
        uint32_t frame = region->window->frames[page];
        if (frame &&
            (frame >= awe.top || awe.places[frame] != region_base(region) + page * PAGE_SIZE))
            return false;
        if (frame && (page < region->window->low || page >= region->window->end))
            return false;
        shown += !!frame;
    }
    *ret_shown += shown;
    return shown == region->window->shown;
}

bool awe_is_valid(void)
{
    uint64_t shown = 0, placed = 0, owned = 0;
    bool valid = true;
    books_lock();
    for (const struct region *region = region_next_from(&space.map, 0); region && valid;
         region = region_next(&space.map, region))
        valid = window_is_valid(region, &shown);
    for (uint32_t frame = 1; frame < awe.top; frame++) {
        bool is_free = awe.places[frame] == FRAME_FREE || awe.places[frame] == FRAME_STALE;
        owned += !is_free;
        placed += awe.places[frame] >= MM_LOWEST_ADDRESS;
        valid = valid && awe.places[frame] != FRAME_PASSING && awe.places[frame] != FRAME_LEAVING &&
                (!is_free || frame >= awe.lowest);
    }
    books_unlock();
    return valid && shown == placed && owned == awe.owned;
}
