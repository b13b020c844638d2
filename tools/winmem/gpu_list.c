/* winmem gpu list: adapters, their memory and who has it, for people or as JSON. */
#include <stdlib.h>
#include <string.h>
#include "tools/winmem/gpu.h"

static void print_segment(FILE *out, const struct vid_segment *segment, unsigned place)
{
    char used[16], size[16], pressure[16];
    if (!segment->size)
        return;
    fprintf(out, "  %-10s %10s of %-10s used", gpu_place_names[place],
            gpu_size(segment->used, used), gpu_size(segment->size, size));
    if (segment->pressure)
        fprintf(out, ", %s taken by pressure", gpu_size(segment->pressure, pressure));
    fputc('\n', out);
}

static void print_process(FILE *out, const struct gpu_process *process)
{
    char text[6][16];
    fprintf(out, "  %7u  %-16.16s %10s %10s %10s %10s %10s %10s%s\n", process->pid, process->name,
            gpu_size(process->resident[VID_LOCAL], text[0]),
            gpu_size(process->budget[VID_LOCAL], text[1]),
            gpu_size(process->resident[VID_NONLOCAL], text[2]),
            gpu_size(process->budget[VID_NONLOCAL], text[3]), gpu_size(process->offered, text[4]),
            gpu_size(process->demoted, text[5]),
            !process->devices     ? "  no device"
            : process->background ? "  background"
                                  : "");
}

void gpu_print_adapter(FILE *out, const struct gpu_figures *figures)
{
    char offered[16];
    fprintf(out, "adapter %u: %s, LUID 0x%lx, %s", figures->index, figures->name, figures->luid,
            gpu_running_name(figures->running));
    if (figures->resets)
        fprintf(out, ", %u reset%s", figures->resets, figures->resets == 1 ? "" : "s");
    if (figures->hung_pid)
        fprintf(out, ", the last one for process %u", figures->hung_pid);
    fprintf(out, "\n  %lu allocations, %s offered; so far %lu evictions, %lu discards, %.3f ms\n",
            figures->live, gpu_size(figures->offered, offered), figures->evictions,
            figures->discards, (double)figures->clock / 1e6);
    for (unsigned place = VID_LOCAL; place < VID_PLACES; place++)
        print_segment(out, &figures->segments[place], place);
    if (!figures->count) {
        fputs("  no processes\n", out);
        return;
    }
    fprintf(out, "  %7s  %-16s %10s %10s %10s %10s %10s %10s\n", "PID", "PROGRAM", "LOCAL",
            "BUDGET", "NON-LOCAL", "BUDGET", "OFFERED", "DEMOTED");
    for (uint32_t i = 0; i < figures->count; i++)
        print_process(out, &figures->processes[i]);
}

/* Names may hold anything. */
static void print_string(const char *text)
{
    putchar('"');
    for (; *text; text++)
        if (*text == '"' || *text == '\\' || (unsigned char)*text < ' ')
            printf("\\u%04x", (unsigned char)*text);
        else
            putchar(*text);
    putchar('"');
}

static void print_json_segments(const struct gpu_figures *figures)
{
    fputs("\"segments\": {", stdout);
    for (unsigned place = VID_LOCAL; place < VID_PLACES; place++)
        printf("%s\"%s\": {\"size\": %lu, \"used\": %lu, \"pressure\": %lu}",
               place == VID_LOCAL ? "" : ", ", gpu_place_names[place],
               figures->segments[place].size, figures->segments[place].used,
               figures->segments[place].pressure);
    fputs("}", stdout);
}

static void print_json_process(const struct gpu_process *process)
{
    printf("\n      {\"slot\": %u, \"pid\": %u, \"name\": ", process->slot, process->pid);
    print_string(process->name);
    printf(", \"devices\": %u, \"background\": %s", process->devices,
           process->background ? "true" : "false");
    for (unsigned place = VID_LOCAL; place < VID_PLACES; place++)
        printf(", \"%s\": {\"resident\": %lu, \"budget\": %lu, \"reservation\": %lu}",
               gpu_place_names[place], process->resident[place], process->budget[place],
               process->reservation[place]);
    printf(", \"offered\": %lu, \"demoted\": %lu, \"evicted\": %lu, \"discarded\": %lu, "
           "\"paged_in\": %lu, \"trims\": %lu}",
           process->offered, process->demoted, process->evicted, process->discarded,
           process->paged_in, process->trims);
}

static void print_json_adapter(const struct gpu_figures *figures)
{
    printf("%s\n    {\"index\": %u, \"name\": ", figures->index ? "," : "", figures->index);
    print_string(figures->name);
    printf(", \"luid\": %lu, \"state\": \"%s\", \"resets\": %u, \"clock\": %lu, \"allocations\": "
           "%lu, \"offered\": %lu, \"evictions\": %lu, \"discards\": %lu,\n     ",
           figures->luid, gpu_running_name(figures->running), figures->resets, figures->clock,
           figures->live, figures->offered, figures->evictions, figures->discards);
    print_json_segments(figures);
    fputs(",\n     \"processes\": [", stdout);
    for (uint32_t i = 0; i < figures->count; i++) {
        if (i)
            putchar(',');
        print_json_process(&figures->processes[i]);
    }
    fputs("]}", stdout);
}

int gpu_list(int argc, char **argv)
{
    int code;
    bool json = argc == 2 && strcmp(argv[1], "--json") == 0;
    if (argc > 1 && !json)
        return gpu_usage();
    code = gpu_open();
    gpu_warn_of_strays();
    if (code)
        return code;
    if (json) {
        fputs("{\"machine\": ", stdout);
        print_string(gpu_machine()->description);
        fputs(", \"adapters\": [", stdout);
    }
    for (uint32_t i = 0; i < gpu_adapter_count(); i++) {
        struct gpu_figures *figures = gpu_figures_take(i);
        if (!figures)
            return 1;
        if (json)
            print_json_adapter(figures);
        else
            gpu_print_adapter(stdout, figures);
        free(figures);
    }
    if (json)
        fputs("]}\n", stdout);
    return 0;
}
