/* winmem gpu: the simulated GPU from outside. What is shown is in files of its own. */
#include <stdlib.h>
#include <string.h>
#include "memoryapi/base.h"
#include "memoryapi/setting.h"
#include "tools/winmem/commands.h"
#include "tools/winmem/gpu.h"

static const char help[] =
    "usage: winmem gpu COMMAND ...\n"
    "\n"
    "  list [--json]            adapters, their memory, and who has it\n"
    "  top [-n COUNT] [-d SECONDS]\n"
    "                           the same as it changes; plain when the output is no terminal\n"
    "  timeline FILE [ADAPTER]  a picture (HTML) of who had how much memory when\n"
    "  reset ADAPTER [--process PID]\n"
    "                           as after a hang: devices made so far are lost (for PID's work)\n"
    "  stop | start ADAPTER     the adapter answers nothing; goes on\n"
    "  remove | restore ADAPTER it is taken out, and put in again as new: with another LUID,\n"
    "                           and whoever had it open has to open it again\n"
    "  pressure ADAPTER [local | nonlocal] SIZE\n"
    "                           so much of its memory is gone from now on (0: none)\n"
    "  discard ADAPTER [SIZE]   offered memory beyond SIZE (0) is lost\n"
    "  background PID on | off  the process counts less when memory is shared out\n"
    "  destroy                  remove the machine that nobody uses\n"
    "\n"
    "WINMEM_GPU names the machine (name=NAME), WINMEM_GPU_DIR the directory it is in. A SIZE is a\n"
    "number of bytes, or one with K, M, G or T. The exit code is 0, 1 (said why), or 2: usage.\n";

int gpu_usage(void)
{
    fputs(help, stderr);
    return GPU_USAGE;
}

static int refuse(const char *what, const char *why)
{
    fprintf(stderr, "winmem: gpu: %s: %s\n", what, why);
    return 1;
}

/* What keeps a command from its machine. */
static int missing(enum gpu_found found)
{
    switch (found) {
    case GPU_FOUND:
        return 0;
    case GPU_ABSENT:
        fputs("winmem: gpu: there is no machine: a program that uses the GPU makes it "
              "(WINMEM_GPU, WINMEM_GPU_DIR)\n",
              stderr);
        return 1;
    case GPU_IN_USE:
        fputs("winmem: gpu: the machine is in use\n", stderr);
        return 1;
    default:
        return 1; /* said where it was found out */
    }
}

int gpu_open(void)
{
    return missing(gpu_observe());
}

static bool read_number(const char *text, uint64_t *ret_number)
{
    const char *rest = text;
    return setting_number(&rest, ret_number) && !*rest;
}

int gpu_open_adapter(const char *text, uint32_t *ret_index)
{
    uint64_t number;
    if (!read_number(text, &number)) {
        refuse(text, "is no adapter's number");
        return GPU_USAGE;
    }
    if (gpu_open() != 0)
        return 1;
    if (number >= gpu_adapter_count())
        return refuse(text, "there is no such adapter");
    *ret_index = (uint32_t)number;
    return 0;
}

static bool read_process(const char *text, uint64_t *ret_pid)
{
    if (read_number(text, ret_pid) && *ret_pid)
        return true;
    refuse(text, "is no process id");
    return false;
}

/* pre: open. VID_NONE: there is no such process, said. */
static uint16_t find_process(uint64_t pid)
{
    char text[24];
    for (uint16_t slot = 1; slot < VID_PROCESSES; slot++)
        if (gpu_machine()->processes[slot].pid == pid)
            return slot;
    snprintf(text, sizeof text, "%lu", pid);
    refuse(text, "no such process uses the machine");
    return VID_NONE;
}

static bool read_size(const char *text, uint64_t *ret_size)
{
    if (setting_size(text, ret_size))
        return true;
    refuse(text, "is no size (a number, or with K, M, G or T)");
    return false;
}

static int reset(int argc, char **argv)
{
    uint32_t index;
    uint64_t pid = 0;
    uint16_t hung = VID_PROCESSES;
    int code;
    if (argc != 2 && !(argc == 4 && strcmp(argv[2], "--process") == 0))
        return gpu_usage();
    if (argc == 4 && !read_process(argv[3], &pid))
        return GPU_USAGE;
    code = gpu_open_adapter(argv[1], &index);
    if (code || (pid && (hung = find_process(pid)) == VID_NONE))
        return code ? code : 1;
    vidmm_lock(gpu_adapter(index));
    vidmm_reset_adapter(gpu_adapter(index), hung);
    vidmm_unlock(gpu_adapter(index));
    return 0;
}

/* stop, start, remove, restore: what it has to be before, and what then happens. */
static int change(int argc, char **argv)
{
    static const struct {
        const char *name;
        unsigned before; /* 1 << enum vid_running */
        void (*work)(const struct vidmm *mm);
        const char *otherwise;
    } changes[] = {
        {"stop", 1 << VID_RUNNING, vidmm_stop_adapter, "it is not running"},
        {"start", 1 << VID_STOPPED, vidmm_start_adapter, "it is not stopped"},
        {"remove", 1 << VID_RUNNING | 1 << VID_STOPPED, vidmm_remove_adapter, "it is not there"},
        {"restore", 1 << VID_REMOVED, vidmm_restore_adapter, "it is not removed"},
    };
    uint32_t index;
    unsigned which = 0;
    bool fits;
    int code = argc == 2 ? gpu_open_adapter(argv[1], &index) : gpu_usage();
    if (code)
        return code;
    while (strcmp(changes[which].name, argv[0]) != 0)
        which++;
    vidmm_lock(gpu_adapter(index));
    fits = changes[which].before >> gpu_adapter(index)->adapter->running & 1;
    if (fits)
        changes[which].work(gpu_adapter(index));
    vidmm_unlock(gpu_adapter(index));
    return fits ? 0 : refuse(argv[1], changes[which].otherwise);
}

static int pressure(int argc, char **argv)
{
    uint32_t index;
    uint64_t bytes;
    unsigned place = VID_LOCAL;
    bool done;
    int code;
    if (argc != 3 && argc != 4)
        return gpu_usage();
    if (argc == 4 && strcmp(argv[2], "nonlocal") == 0)
        place = VID_NONLOCAL;
    else if (argc == 4 && strcmp(argv[2], "local") != 0)
        return gpu_usage();
    if (!read_size(argv[argc - 1], &bytes))
        return GPU_USAGE;
    code = gpu_open_adapter(argv[1], &index);
    if (code)
        return code;
    const struct vidmm *mm = gpu_adapter(index);
    if (bytes > mm->adapter->segments[place].size)
        return refuse(argv[argc - 1], "it has not so much memory");
    vidmm_lock(mm);
    done = vidmm_press(mm, place, bytes);
    vidmm_unlock(mm);
    if (!done)
        printf("taken as it becomes free: the rest is held by processes within their budgets\n");
    return 0;
}

static int discard(int argc, char **argv)
{
    uint32_t index;
    uint64_t most = 0, before;
    char text[16];
    int code;
    if (argc != 2 && argc != 3)
        return gpu_usage();
    if (argc == 3 && !read_size(argv[2], &most))
        return GPU_USAGE;
    code = gpu_open_adapter(argv[1], &index);
    if (code)
        return code;
    const struct vidmm *mm = gpu_adapter(index);
    vidmm_lock(mm);
    before = mm->adapter->discards;
    vidmm_discard_offers(mm, most);
    before = mm->adapter->discards - before;
    most = mm->adapter->offered_bytes;
    vidmm_unlock(mm);
    printf("%lu discarded, %s offered\n", before, gpu_size(most, text));
    return 0;
}

static int background(int argc, char **argv)
{
    uint64_t pid;
    uint16_t slot;
    bool on;
    if (argc != 3 || (strcmp(argv[2], "on") != 0 && strcmp(argv[2], "off") != 0))
        return gpu_usage();
    if (!read_process(argv[1], &pid))
        return GPU_USAGE;
    if (gpu_open() != 0 || (slot = find_process(pid)) == VID_NONE)
        return 1;
    on = strcmp(argv[2], "on") == 0;
    for (uint32_t i = 0; i < gpu_adapter_count(); i++) {
        vidmm_lock(gpu_adapter(i));
        vidmm_set_background(gpu_adapter(i), slot, on);
        vidmm_unlock(gpu_adapter(i));
    }
    return 0;
}

int cmd_gpu(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(int argc, char **argv);
    } commands[] = {
        {"list", gpu_list},   {"top", gpu_top},           {"timeline", gpu_timeline},
        {"reset", reset},     {"stop", change},           {"start", change},
        {"remove", change},   {"restore", change},        {"pressure", pressure},
        {"discard", discard}, {"background", background},
    };
    char why[300];
    if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        fputs(help, stdout);
        return 0;
    }
    if (gpu_plan_is_refused(why)) {
        fprintf(stderr, "winmem: gpu: WINMEM_GPU is not understood: %s\n", why);
        return 2;
    }
    gpu_be_impatient();
    if (argc == 2 && strcmp(argv[1], "destroy") == 0)
        return missing(gpu_destroy());
    for (size_t i = 0; argc > 1 && i < array_length(commands); i++) {
        if (strcmp(commands[i].name, argv[1]) != 0)
            continue;
        int code = commands[i].run(argc - 1, argv + 1);
        if (gpu_is_lost()) /* said already */
            code = 1;
        gpu_detach();
        return code;
    }
    return gpu_usage();
}
