/* winmem gpu top: the figures again and again, in place on a terminal. */
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "tools/winmem/gpu.h"

static volatile sig_atomic_t stopped;

static void stop(int number)
{
    (void)number;
    stopped = 1;
}

/* What was counted at the last look, by adapter. */
struct before {
    uint64_t evictions, discards, paged_in;
};

static void print_bar(FILE *out, const struct vid_segment *segment, unsigned place)
{
    enum { WIDTH = 50 };
    uint64_t used = segment->used * WIDTH / segment->size,
             pressed = segment->pressure * WIDTH / segment->size;
    fprintf(out, "  %-10s [", gpu_place_names[place]);
    for (unsigned i = 0; i < WIDTH; i++)
        fputc(i < used ? '#' : i >= WIDTH - pressed ? '/' : '.', out);
    fprintf(out, "] %3.0f%%\n", 100 * (double)segment->used / (double)segment->size);
}

static void print_rates(FILE *out, const struct gpu_figures *figures, struct before *before,
                        double seconds)
{
    char paged[16];
    uint64_t bytes = figures->paged_in - before->paged_in;
    if (figures->paged_in < before->paged_in) /* with a process its count went */
        bytes = 0;
    if (seconds > 0)
        fprintf(out, "  %.0f evictions, %.0f discards, %s paged in a second\n",
                (double)(figures->evictions - before->evictions) / seconds,
                (double)(figures->discards - before->discards) / seconds,
                gpu_size((uint64_t)((double)bytes / seconds), paged));
    *before = (struct before){figures->evictions, figures->discards, figures->paged_in};
}

/* One look at everything, malloc'd text. */
static char *look(struct before *before, double seconds)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    if (!out)
        return NULL;
    for (uint32_t i = 0; i < gpu_adapter_count(); i++) {
        struct gpu_figures *figures = gpu_figures_take(i);
        if (!figures)
            break;
        gpu_print_adapter(out, figures);
        for (unsigned place = VID_LOCAL; place < VID_PLACES; place++)
            if (figures->segments[place].size)
                print_bar(out, &figures->segments[place], place);
        print_rates(out, figures, &before[i], seconds);
        free(figures);
    }
    fclose(out);
    return text;
}

/* Line by line over what is there, so that nothing flickers. */
static void paint(char *text, double seconds)
{
    printf("\033[Hwinmem gpu top: every %g s, Ctrl-C ends it\033[K\n", seconds);
    for (char *line = text, *end; *line; line = end + 1) {
        end = strchr(line, '\n');
        printf("%.*s\033[K\n", (int)(end - line), line);
    }
    printf("\033[J");
}

static bool read_arguments(int argc, char **argv, unsigned long *ret_count, double *ret_seconds)
{
    char *end;
    int option;
    optind = 1;
    while ((option = getopt(argc, argv, "n:d:")) != -1) {
        if (option == 'n')
            *ret_count = strtoul(optarg, &end, 10);
        else if (option == 'd')
            *ret_seconds = strtod(optarg, &end);
        else
            return false;
        if (end == optarg || *end || *optarg == '-')
            return false;
    }
    return optind == argc && *ret_count && *ret_seconds >= 0.05 && *ret_seconds <= 3600;
}

int gpu_top(int argc, char **argv)
{
    static struct before before[VID_ADAPTERS];
    bool terminal = isatty(STDOUT_FILENO);
    unsigned long count = terminal ? ~0ul : 1;
    double seconds = 1;
    struct sigaction action = {.sa_handler = stop};
    if (!read_arguments(argc, argv, &count, &seconds))
        return gpu_usage();
    if (gpu_open() != 0)
        return 1;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    if (terminal)
        printf("\033[?25l\033[2J");
    for (unsigned long i = 0; i < count && !stopped; i++) {
        struct timespec pause = {(time_t)seconds,
                                 (long)((seconds - (double)(time_t)seconds) * 1e9)};
        if (i)
            nanosleep(&pause, NULL);
        gpu_sweep_dead_now();
        char *text = look(before, i ? seconds : 0);
        if (!text)
            break;
        if (terminal)
            paint(text, seconds);
        else
            printf("%s%s", i ? "\n" : "", text);
        fflush(stdout);
        free(text);
    }
    if (terminal)
        printf("\033[?25h");
    return 0;
}
