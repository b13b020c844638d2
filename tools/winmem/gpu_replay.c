/* Plays the events of an adapter again. */
#include "tools/winmem/gpu_replay.h"

#include <stdlib.h>
#include <string.h>

struct piece { /* an allocation */
    uint64_t size;
    uint8_t place, owner; /* owner: of replay.processes, plus 1 */
    bool offered, settled;
};

struct player {
    const struct replay_source *source;
    struct replay *replay;
    struct piece *pieces;
    uint8_t process_of[VID_PROCESSES]; /* of replay.processes, plus 1; 0: nobody */
    struct replay_values values[REPLAY_PROCESSES];
    uint64_t pressure[VID_PLACES];
};

uint64_t replay_end_of(const struct replay *replay, uint32_t column)
{
    unsigned __int128 span = replay->last - replay->first;
    return replay->first + (uint64_t)(span * (column + 1) / REPLAY_COLUMNS);
}

void replay_label(const struct replay_process *process, char ret_text[80])
{
    if (process->name[0] && process->pid)
        snprintf(ret_text, 80, "%.40s (%u)", process->name, process->pid);
    else if (process->pid)
        snprintf(ret_text, 80, "process %u", process->pid);
    else if (process->name[0])
        snprintf(ret_text, 80, "%.40s", process->name);
    else
        snprintf(ret_text, 80, "slot %u", process->slot);
}

/* Who has the slot now; an arrival of somebody else begins a new process. */
static uint8_t process_of(struct player *player, uint16_t slot, uint32_t pid)
{
    struct replay *replay = player->replay;
    if (slot == VID_NONE || slot >= VID_PROCESSES)
        return 0;
    if (player->process_of[slot])
        return player->process_of[slot];
    for (uint32_t i = replay->count; i-- > 0;)
        if (replay->processes[i].slot == slot && replay->processes[i].last) {
            if (pid && replay->processes[i].pid == pid)
                return player->process_of[slot] = (uint8_t)(i + 1);
            replay->processes[i].last = replay->count == REPLAY_PROCESSES;
            break;
        }
    if (replay->count < REPLAY_PROCESSES)
        replay->processes[replay->count++] =
            (struct replay_process){.slot = slot, .pid = pid, .last = true};
    return player->process_of[slot] = (uint8_t)replay->count;
}

/* Adds the allocation to its owner's sums, or takes it away. */
static void count(struct player *player, const struct piece *piece, bool add)
{
    if (!piece->owner)
        return;
    struct replay_values *values = &player->values[piece->owner - 1];
    uint64_t size = add ? piece->size : 0 - piece->size;
    if (piece->place)
        values->resident[piece->place] += size;
    if (piece->offered)
        values->offered += size;
}

static void leave(struct player *player, uint16_t slot, uint32_t pid)
{
    uint8_t process = player->process_of[slot];
    if (!process)
        return;
    if (!player->replay->processes[process - 1].pid) /* it came before the first event */
        player->replay->processes[process - 1].pid = pid;
    for (uint32_t i = 1; i < player->source->allocations; i++)
        if (player->pieces[i].owner == process)
            player->pieces[i] = (struct piece){.settled = true};
    memset(&player->values[process - 1], 0, sizeof player->values[0]);
    player->process_of[slot] = 0;
}

/* What an event says of one allocation. */
static void move(struct player *player, const struct vid_event *event)
{
    struct piece *piece = &player->pieces[event->allocation];
    count(player, piece, false);
    piece->size = event->bytes;
    piece->owner = process_of(player, event->process, 0);
    switch (event->kind) {
    case VID_EVENT_CREATE:
        piece->place = VID_NOWHERE;
        piece->offered = false;
        break;
    case VID_EVENT_DESTROY:
        *piece = (struct piece){.settled = true};
        break;
    case VID_EVENT_PAGE_IN:
        piece->place = event->place;
        break;
    case VID_EVENT_DISCARD: /* offered still, but there is nothing to be had any more */
        piece->offered = false;
        /* fall through */
    case VID_EVENT_EVICT:
        piece->place = VID_NOWHERE;
        break;
    default:
        piece->offered = event->kind == VID_EVENT_OFFER;
    }
    count(player, piece, true);
}

static enum replay_mark mark_of(unsigned kind)
{
    switch (kind) {
    case VID_EVENT_DISCARD:
        return MARK_DISCARD;
    case VID_EVENT_EVICT:
        return MARK_EVICT;
    case VID_EVENT_TRIM:
        return MARK_TRIM;
    case VID_EVENT_PRESSURE:
        return MARK_PRESSURE;
    case VID_EVENT_RESET:
    case VID_EVENT_HANG:
        return MARK_RESET;
    case VID_EVENT_STOP:
    case VID_EVENT_REMOVE:
    case VID_EVENT_RESTORE:
        return MARK_CHANGE;
    default:
        return MARKS;
    }
}

static void note(struct player *player, const struct vid_event *event, struct replay_column *column)
{
    struct replay *replay = player->replay;
    enum replay_mark mark = mark_of(event->kind);
    replay->totals[event->kind]++;
    replay->total_bytes[event->kind] += event->bytes;
    if (mark == MARKS)
        return;
    column->marks[mark]++;
    column->bytes[mark] = mark == MARK_PRESSURE ? event->bytes : column->bytes[mark] + event->bytes;
    if (mark >= MARK_RESET)
        column->last_kind = event->kind;
}

static void play(struct player *player, const struct vid_event *event)
{
    bool place = event->place == VID_LOCAL || event->place == VID_NONLOCAL;
    uint8_t process;
    switch (event->kind) {
    case VID_EVENT_CREATE ... VID_EVENT_DISCARD:
        if (event->allocation < player->source->allocations)
            move(player, event);
        break;
    case VID_EVENT_BUDGET:
        /* what is left of one that has gone is told as none */
        process = event->bytes ? process_of(player, event->process, 0)
                               : player->process_of[event->process % VID_PROCESSES];
        if (process && place)
            player->values[process - 1].budget[event->place] = event->bytes;
        break;
    case VID_EVENT_PRESSURE:
        if (place)
            player->pressure[event->place] = event->bytes;
        break;
    case VID_EVENT_ARRIVE:
        process_of(player, event->process, (uint32_t)event->bytes);
        break;
    case VID_EVENT_LEAVE:
        leave(player, event->process % VID_PROCESSES, (uint32_t)event->bytes);
    }
}

/* The column's end: what everybody has then. */
static void settle(struct player *player, struct replay_column *column)
{
    struct replay *replay = player->replay;
    uint64_t offered = 0;
    memcpy(column->values, player->values, sizeof column->values);
    memcpy(column->pressure, player->pressure, sizeof column->pressure);
    for (unsigned place = VID_LOCAL; place < VID_PLACES; place++) {
        uint64_t sum = 0;
        for (uint32_t i = 0; i < replay->count; i++) {
            uint64_t resident = player->values[i].resident[place];
            sum += resident;
            if (resident > replay->processes[i].peak[place])
                replay->processes[i].peak[place] = resident;
        }
        replay->peak[place] = sum > replay->peak[place] ? sum : replay->peak[place];
    }
    for (uint32_t i = 0; i < replay->count; i++)
        offered += player->values[i].offered;
    replay->peak_offered = offered > replay->peak_offered ? offered : replay->peak_offered;
}

/* Whose budgets were what, before the first event that changes them; else what they are now. */
static void find_budgets(struct player *player)
{
    const struct replay_source *source = player->source;
    bool settled[VID_PROCESSES][VID_PLACES] = {{0}};
    for (uint64_t i = 0; i < source->count; i++) {
        const struct vid_event *event = &source->events[i];
        uint16_t slot = event->process % VID_PROCESSES;
        uint8_t process = player->process_of[slot];
        if (event->kind == VID_EVENT_ARRIVE) {
            for (unsigned place = 0; place < VID_PLACES; place++)
                settled[slot][place] = true; /* what comes later is another's */
        } else if (event->kind == VID_EVENT_BUDGET && event->place < VID_PLACES && process &&
                   !settled[slot][event->place]) {
            player->values[process - 1].budget[event->place] = (uint64_t)event->before << 20;
            settled[slot][event->place] = true;
        }
    }
    for (uint32_t i = 0; i < source->figures->count; i++) {
        const struct gpu_process *now = &source->figures->processes[i];
        uint8_t process = player->process_of[now->slot];
        for (unsigned place = VID_LOCAL; place < VID_PLACES && process; place++)
            if (!settled[now->slot][place])
                player->values[process - 1].budget[place] = now->budget[place];
    }
}

/*
 * When older events were lost: where allocations were before the first one kept. The first event
 * that tells decides; what no event touches is where it is now.
 */
static void find_beginning(struct player *player)
{
    const struct replay_source *source = player->source;
    for (uint64_t i = 0; i < source->count; i++) {
        const struct vid_event *event = &source->events[i];
        struct piece *piece = &player->pieces[event->allocation % source->allocations];
        if (event->kind < VID_EVENT_CREATE || event->kind > VID_EVENT_EVICT || piece->settled ||
            !event->allocation)
            continue;
        piece->settled = true;
        if (event->kind == VID_EVENT_CREATE)
            continue;
        piece->size = event->bytes;
        piece->owner = process_of(player, event->process, 0);
        piece->place = event->kind == VID_EVENT_PAGE_IN ? VID_NOWHERE : event->place;
        count(player, piece, true);
    }
    for (uint32_t i = 1; i < source->records; i++) {
        const struct vid_allocation *now = &source->now[i];
        struct piece *piece = &player->pieces[i];
        if (piece->settled || !now->live)
            continue;
        *piece = (struct piece){now->size, now->place, process_of(player, now->owner, 0),
                                now->offered, true};
        count(player, piece, true);
    }
}

/* A name for each, where the machine still knows it. */
static void name_processes(struct player *player)
{
    for (uint32_t i = 0; i < player->replay->count; i++) {
        struct replay_process *process = &player->replay->processes[i];
        const struct vid_process *now = &player->source->processes[process->slot];
        if (!process->last)
            continue;
        if (!process->pid)
            process->pid = now->pid;
        if (!now->pid || now->pid == process->pid)
            memcpy(process->name, now->name, sizeof process->name - 1);
    }
}

static void play_all(struct player *player)
{
    const struct replay_source *source = player->source;
    struct replay *replay = player->replay;
    uint64_t next = 0;
    for (uint32_t column = 0; column < REPLAY_COLUMNS; column++) {
        uint64_t end = replay_end_of(replay, column);
        while (next < source->count &&
               (column == REPLAY_COLUMNS - 1 ||
                (replay->by_number ? next : source->events[next].time) <= end)) {
            note(player, &source->events[next], &replay->columns[column]);
            play(player, &source->events[next++]);
        }
        settle(player, &replay->columns[column]);
    }
}

struct replay *replay_make(const struct replay_source *source)
{
    struct replay *replay = calloc(1, sizeof *replay);
    struct player *player = calloc(1, sizeof *player);
    struct piece *pieces = calloc(source->allocations, sizeof *pieces);
    if (replay && player && pieces) {
        *player = (struct player){.source = source, .replay = replay, .pieces = pieces};
        replay->first = source->count ? source->events[0].time : 0;
        replay->last = source->figures->clock;
        if (replay->last <= replay->first) {
            replay->by_number = true;
            replay->first = 0;
            replay->last = source->count;
        }
        if (source->lost) {
            find_beginning(player);
            find_budgets(player);
        }
        play_all(player);
        name_processes(player);
    } else {
        free(replay);
        replay = NULL;
    }
    free(player);
    free(pieces);
    return replay;
}
