/* Waiting for whoever has the machine locked, or its gate; how long a tool does that. */
#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include "d3dkmt/lock.h"
#include "d3dkmt/machine_file.h"

/* constant after gpu_set_patience; 0: for ever */
static unsigned patience; /* milliseconds */
static void (*out_of_patience)(uint32_t thread);

void gpu_set_patience(unsigned milliseconds, void (*give_up)(uint32_t thread))
{
    patience = milliseconds;
    out_of_patience = give_up;
}

void patience_wait(uint32_t holder, unsigned milliseconds)
{
    damage_look();
    if (patience && holder && milliseconds >= patience)
        out_of_patience(holder);
}

/* Who has the first byte locked; 0: nobody. */
static uint32_t gate_holder(int gate)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
    return fcntl(gate, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK ? (uint32_t)lock.l_pid : 0;
}

int patience_close_gate(int gate)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
    const struct timespec pause = {0, VID_LOCK_SLICE * 1000000l};
    for (unsigned waited = 0;; waited += VID_LOCK_SLICE) {
        if (fcntl(gate, patience ? F_SETLK : F_SETLKW, &lock) == 0)
            return 0;
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN && errno != EACCES)
            return -errno;
        patience_wait(gate_holder(gate), waited);
        nanosleep(&pause, NULL);
    }
}
