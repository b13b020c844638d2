/* Being told of memory pressure: stall triggers, and thresholds of control groups of version 1. */
#include "memoryapi/pressure_source.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "memoryapi/memory_group.h"
#include "memoryapi/textfile.h"

/*
 * Some task stood still for memory for 20 ms of 2 s. Processes without privileges may only choose
 * windows of whole 2 s (kernel documentation, accounting/psi).
 */
static const char trigger[] = "some 20000 2000000";

static int open_trigger(const char *path)
{
    int file = text_open_file(path, O_RDWR | O_NONBLOCK);
    if (file < 0)
        return -1;
    if (write(file, trigger, sizeof trigger) == (ssize_t)sizeof trigger)
        return file;
    close(file);
    return -1;
}

/* The group's own stalls tell of its limit; the machine's are what is left without. */
static int open_stall(const struct memory_group *group)
{
    char path[TEXT_PATH];
    int file = -1;
    if (group->version == 2 && memory_group_tightest(group, "memory.pressure", path))
        file = open_trigger(path);
    return file >= 0 ? file : open_trigger("/proc/pressure/memory");
}

/* "EVENTFD FILE THRESHOLD" written to cgroup.event_control (cgroup-v1/memory, Thresholds). */
static bool arm(int event, const struct memory_group *group, uint64_t threshold)
{
    char path[TEXT_PATH], order[64];
    bool armed = false;
    if (!memory_group_tightest(group, "memory.usage_in_bytes", path))
        return false;
    int usage = text_open_file(path, O_RDONLY);
    if (usage < 0)
        return false;
    if (memory_group_tightest(group, "cgroup.event_control", path)) {
        int control = text_open_file(path, O_WRONLY);
        int length = snprintf(order, sizeof order, "%d %d %llu", event, usage,
                              (unsigned long long)threshold);
        armed = control >= 0 && write(control, order, (size_t)length) == length;
        if (control >= 0)
            close(control);
    }
    close(usage);
    return armed;
}

static int open_threshold(const struct memory_group *group, uint64_t limit, uint64_t margin)
{
    if (group->version != 1 || limit == UINT64_MAX || limit <= margin)
        return -1;
    int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (event < 0)
        return -1;
    if (arm(event, group, limit - margin))
        return event;
    close(event);
    return -1;
}

static void shut(int *file)
{
    if (*file >= 0)
        close(*file);
    *file = -1;
}

void pressure_source_open(struct pressure_source *source, uint64_t limit, uint64_t margin)
{
    struct memory_group group;
    if (source->limit == limit)
        return;
    pressure_source_close(source);
    memory_group_find(&group);
    source->stall = open_stall(&group);
    source->threshold = open_threshold(&group, limit, margin);
    source->limit = limit;
}

void pressure_source_close(struct pressure_source *source)
{
    shut(&source->stall);
    shut(&source->threshold);
    source->limit = 0;
}

bool pressure_wait(const struct pressure_source *source, int wake, int timeout)
{
    uint64_t count;
    struct pollfd files[] = {
        {.fd = wake, .events = POLLIN},
        {.fd = source->stall, .events = POLLPRI},
        {.fd = source->threshold, .events = POLLIN},
    };
    if (poll(files, 3, timeout) <= 0)
        return true;
    if (files[0].revents && read(wake, &count, sizeof count) < 0)
        return true;
    if (files[2].revents && read(source->threshold, &count, sizeof count) < 0)
        return false;
    return !(files[1].revents & (POLLERR | POLLNVAL));
}
