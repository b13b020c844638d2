/*
 * A program on the simulated GPU, for `winmem gpu` to look at: gpu_guest NAME MILLISECONDS SEED. It
 * works so long in virtual time, says "ready", and stays until its input ends. A line there of "a",
 * "m" or "g" makes it hold the lock of the adapter, of the machine or of its gate until the next
 * line.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>
#include "d3dkmt/lock.h"
#include "d3dkmt/state.h"
#include "memoryapi/base.h"

#define MOST 40

static uint64_t state;

static uint64_t random_below(uint64_t limit)
{
    state += 0x9E3779B97F4A7C15ull;
    return mix64(state) % limit;
}

/* Mostly more, then mostly less: a program that loads a scene and leaves it. */
static void step(const struct vidmm *mm, uint32_t *openings, uint32_t *count, bool growing)
{
    struct vid_wish wish = {.size = (1 + random_below(96)) << 16,
                            .priority = 0x78000000,
                            .handle = 1,
                            .wanted = random_below(4) ? VID_LOCAL : VID_NONLOCAL,
                            .allowed = 6};
    struct vid_paging paging = {0};
    uint64_t missing;
    uint32_t *one = &openings[random_below(MOST)];
    vidmm_lock(mm);
    if (growing && *count < MOST && vidmm_create(mm, &wish, &openings[*count]) == STATUS_SUCCESS)
        vidmm_make_resident(mm, &openings[(*count)++], 1, 0, &paging, &missing);
    else if (!growing && *count && random_below(2))
        vidmm_close(mm, openings[--*count]);
    else if (one < openings + *count && random_below(3))
        vidmm_offer(mm, *one, 1 + (uint32_t)random_below(3), false);
    else if (one < openings + *count)
        vidmm_reclaim(mm, *one, &paging);
    for (unsigned place = VID_LOCAL; place < VID_PLACES; place++)
        mm->adapter->clock += (paging.in[place] + paging.out[place]) / 16;
    mm->adapter->clock += 20000;
    vidmm_unlock(mm);
}

/* The file beside the machine: pre: WINMEM_GPU_DIR is set, and the machine's name is "t". */
static int lock_gate(void)
{
    char path[256];
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
    snprintf(path, sizeof path, "%s/gpu-t.lock", getenv("WINMEM_GPU_DIR"));
    int file = open(path, O_RDWR | O_CLOEXEC);
    return file < 0 || fcntl(file, F_SETLKW, &lock) != 0 ? -1 : file;
}

static void say(const char *text)
{
    printf("%s\n", text);
    fflush(stdout);
}

static bool obey(const struct vidmm *mm, char *line, int room)
{
    int gate = -1;
    char what = line[0];
    if (what == 'a')
        vidmm_lock(mm);
    else if (what == 'm')
        vid_lock(&mm->machine->lock);
    else if ((gate = lock_gate()) < 0)
        return false;
    say("locked");
    bool more = fgets(line, room, stdin) != NULL;
    if (what == 'a')
        vidmm_unlock(mm);
    else if (what == 'm')
        vid_unlock(&mm->machine->lock);
    else
        close(gate);
    say("free");
    return more;
}

int main(int argc, char **argv)
{
    static uint32_t openings[MOST];
    uint32_t count = 0;
    char line[16];
    /* named before it attaches, as a program that `winmem run` starts */
    if (argc != 4 || prctl(PR_SET_NAME, argv[1]) != 0 || gpu_attach() != STATUS_SUCCESS)
        return 1;
    const struct vidmm *mm = gpu_adapter(0);
    uint64_t milliseconds = strtoull(argv[2], NULL, 10);
    state = strtoull(argv[3], NULL, 10);
    vidmm_lock(mm);
    vidmm_add_device(mm);
    uint64_t end = mm->adapter->clock + milliseconds * 1000000;
    vidmm_unlock(mm);
    for (unsigned i = 0; __atomic_load_n(&mm->adapter->clock, __ATOMIC_RELAXED) < end; i++) {
        step(mm, openings, &count, i / 60 % 3 != 2);
        if (i % 8 == 0)
            usleep(200); /* others have their turn */
    }
    say("ready");
    while (fgets(line, sizeof line, stdin))
        if (!obey(mm, line, sizeof line))
            return 1;
    return 0;
}
