/* Room counted in pages: local memory, and system memory behind the aperture. */
#include "d3dkmt/segment.h"

#include "d3dkmt/machine.h"
#include "memoryapi/base.h"

static uint64_t cost(const struct vid_segment *segment, uint64_t size)
{
    return round_up(size, segment->page);
}

static uint64_t most(const struct vid_segment *segment)
{
    return round_down(segment->size, segment->page);
}

/* Pressure may have come over what is placed already. */
static uint64_t room(const struct vid_segment *segment)
{
    uint64_t all = most(segment), gone = segment->used + segment->pressure;
    return gone < all ? round_down(all - gone, segment->page) : 0;
}

static bool take(struct vid_segment *segment, uint64_t size)
{
    uint64_t bytes = cost(segment, size);
    if (bytes > room(segment))
        return false;
    segment->used += bytes;
    return true;
}

static void give(struct vid_segment *segment, uint64_t size)
{
    segment->used -= cost(segment, size);
}

static bool find(struct vid_segment *segment, uint64_t size)
{
    uint64_t all = most(segment);
    if (size > all || cost(segment, size) > all - segment->used)
        return false;
    segment->used += cost(segment, size);
    return true;
}

uint64_t segment_time(const struct vid_segment *segment, uint64_t bytes)
{
    if (!bytes)
        return 0;
    /* bytes below 2^46 and a second's 2^30 nanoseconds: more than 64 bits in between */
    unsigned __int128 time = (unsigned __int128)bytes * 1000000000u;
    return segment->latency + (segment->bandwidth ? (uint64_t)(time / segment->bandwidth) : 0);
}

const struct vid_segment_ops seg_local = {.name = "local",
                                          .cost = cost,
                                          .room = room,
                                          .take = take,
                                          .give = give,
                                          .find = find,
                                          .most = most};
const struct vid_segment_ops seg_system = {.name = "non-local",
                                           .cost = cost,
                                           .room = room,
                                           .take = take,
                                           .give = give,
                                           .find = find,
                                           .most = most};
/* Nowhere takes nothing: it is asked for records that were lost with the machine (damage.c). */
const struct vid_segment_ops *const segment_managers[VID_PLACES] = {
    [VID_NOWHERE] = &seg_system, [VID_LOCAL] = &seg_local, [VID_NONLOCAL] = &seg_system};
