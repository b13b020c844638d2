/* winmem gpu timeline: copies what the machine remembers, and writes the picture. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "tools/winmem/gpu_replay.h"

/* The newest events, oldest first. Under the adapter's lock. */
static void copy_events(const struct vidmm *mm, struct replay_source *source)
{
    uint64_t all = mm->adapter->events;
    uint64_t first = all > VID_EVENTS ? all - VID_EVENTS : 0;
    for (uint64_t i = first; i < all; i++) {
        const struct vid_event *event = &mm->events[i % VID_EVENTS];
        source->events[source->count++] = *event;
        if (VID_EVENT_CREATE <= event->kind && event->kind <= VID_EVENT_DISCARD &&
            event->allocation >= source->allocations && event->allocation < VID_ALLOCATIONS)
            source->allocations = event->allocation + 1;
    }
    source->lost = first;
}

static bool copy(uint32_t index, struct replay_source *source)
{
    const struct vidmm *mm = gpu_adapter(index);
    source->figures = gpu_figures_take(index);
    source->events = malloc(VID_EVENTS * sizeof *source->events);
    if (!source->figures || !source->events)
        return false;
    vidmm_lock(mm);
    source->records = source->allocations = mm->adapter->allocations_used;
    source->now = malloc(source->records * sizeof *source->now);
    if (source->now) {
        copy_events(mm, source);
        memcpy(source->now, mm->allocations, source->records * sizeof *source->now);
        memcpy(source->processes, mm->machine->processes, sizeof source->processes);
        source->figures->clock = mm->adapter->clock;
    }
    vidmm_unlock(mm);
    return source->now != NULL;
}

static int write_file(const char *path, const struct replay_source *source, struct replay *replay)
{
    FILE *out = fopen(path, "we");
    int error = out ? 0 : errno;
    if (out) {
        chart_write(out, source, replay);
        error = ferror(out) ? EIO : 0;
        if (fclose(out) != 0)
            error = errno;
    }
    if (error)
        fprintf(stderr, "winmem: gpu: %s: %s\n", path, strerror(error));
    return error ? 1 : 0;
}

int gpu_timeline(int argc, char **argv)
{
    struct replay_source *source;
    struct replay *replay = NULL;
    uint32_t index;
    int code;
    if (argc != 2 && argc != 3)
        return gpu_usage();
    code = gpu_open_adapter(argc == 2 ? "0" : argv[2], &index);
    if (code)
        return code;
    source = calloc(1, sizeof *source);
    if (source && copy(index, source))
        replay = replay_make(source);
    if (replay) {
        code = write_file(argv[1], source, replay);
    } else {
        fputs("winmem: gpu: no memory\n", stderr);
        code = 1;
    }
    if (source) {
        free(source->figures);
        free(source->events);
        free(source->now);
    }
    free(source);
    free(replay);
    return code;
}
