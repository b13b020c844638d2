/* winmem gpu: when a process keeps the machine locked, because it is stopped or debugged. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "tools/winmem/gpu.h"

#define PATIENCE 3000u /* milliseconds */

/* What of a process or thread its status tells. */
struct told {
    uint32_t process; /* 0: nothing could be read */
    char state;       /* 'T': stopped, 't': by a debugger */
    char name[64];
};

static struct told ask(uint32_t thread)
{
    struct told told = {0};
    char path[64], line[256];
    snprintf(path, sizeof path, "/proc/%u/status", thread);
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file)) {
        sscanf(line, "Tgid: %u", &told.process);
        sscanf(line, "State: %c", &told.state);
    }
    if (file)
        fclose(file);
    snprintf(path, sizeof path, "/proc/%u/comm", told.process);
    file = told.process ? fopen(path, "re") : NULL;
    if (file && fgets(told.name, sizeof told.name, file))
        told.name[strcspn(told.name, "\n")] = '\0';
    if (file)
        fclose(file);
    return told;
}

/*
 * The command ends here, with locks of the machine that its end gives back: they are robust. What
 * was printed so far is kept.
 */
static void give_up(uint32_t thread)
{
    struct told told = ask(thread);
    if (isatty(STDOUT_FILENO))
        printf("\033[?25h"); /* the cursor, which `top` hides */
    fflush(stdout);
    if (!told.process)
        fprintf(stderr, "winmem: gpu: thread %u has kept the machine locked for %u s\n", thread,
                PATIENCE / 1000);
    else
        fprintf(stderr, "winmem: gpu: process %u%s%s%s has kept the machine locked for %u s%s\n",
                told.process, *told.name ? " (" : "", told.name, *told.name ? ")" : "",
                PATIENCE / 1000,
                told.state == 'T'   ? "; it is stopped (SIGCONT lets it go on)"
                : told.state == 't' ? "; a debugger has stopped it"
                                    : "");
    _exit(1);
}

void gpu_be_impatient(void)
{
    gpu_set_patience(PATIENCE, give_up);
}
