/*
 * A machine whose file another program of the user cut off or overwrote while this process uses it.
 * The process goes on: at the place of the mapped file comes a machine of its own, in memory, whose
 * adapters are removed and whose fences have their largest value. So every call answers as after the
 * removal of an adapter, whoever waits is let go, and nothing that is half done meets a signal.
 *
 * It is found out by a touch beyond the end of the file (SIGBUS, in whatever call that comes), by a
 * header that changed (at each call, and at the exit), and by a lock that is none. What changes
 * inside of the file and leaves the header alone is not found out.
 */
#include <sched.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "d3dkmt/lock.h"
#include "d3dkmt/machine_file.h"
#include "memoryapi/fault.h"
#include "memoryapi/host.h"

enum { WHOLE, PARTING, PARTED };

static uint32_t state; /* atomic */
/* constant from damage_watch to damage_forget */
static struct machine_file watched;
static uint16_t slot; /* of this process; VID_NONE: it only looks */

#define MANY_DEVICES (1u << 30) /* more than the process will ever take back */

static void make_removed(struct vid_machine *machine)
{
    memset((char *)machine + machine->values_at, 0xFF, VID_FENCES * sizeof(uint64_t));
    vid_lock_prepare(&machine->lock);
    machine->processes[slot].pid = slot ? (uint32_t)getpid() : 0;
    for (uint32_t i = 0; i < machine->adapter_count; i++) {
        struct vid_adapter *adapter = vid_adapter_at(machine, i);
        vid_lock_prepare(&adapter->lock);
        adapter->running = VID_REMOVED;
        adapter->usage[slot].devices = slot ? MANY_DEVICES : 0;
    }
}

/* The file of a machine that is ready to take the place of the other one, or -1. */
static int make_own(void)
{
    uint64_t address;
    int file;
    bool made;
    if (host_memory_file("winmem-gpu", &file) != 0)
        return -1;
    if (ftruncate(file, (off_t)watched.size) != 0 ||
        host->shared_fill(file, 0, vid_machine_head(watched.plan)) != 0 ||
        host->shared_map(file, 0, watched.size, HOST_READ_WRITE, 0, &address) != 0) {
        close(file);
        return -1;
    }
    made = vid_machine_make((struct vid_machine *)address, watched.plan);
    if (made)
        make_removed((struct vid_machine *)address);
    host->unreserve(address, watched.size);
    if (made)
        return file;
    close(file);
    return -1;
}

/* May run in a signal handler, in the middle of anything: it takes no lock. */
static bool part(void)
{
    uint64_t at = (uint64_t)watched.machine;
    int file = make_own();
    bool parted =
        file >= 0 && host->shared_map(file, 0, watched.size, HOST_READ_WRITE, at, &at) == 0;
    if (parted) {
        vid_locks_replaced();
        fence_show(file);
        state_use_file(file); /* and it stays open */
    } else if (file >= 0) {
        close(file);
    }
    gpu_say("%s/gpu-%s: cut off or overwritten while in use: %s", gpu_directory_path(),
            watched.name, parted ? "its adapters are removed" : "no memory to go on without it");
    return parted;
}

bool damage_part(void)
{
    uint32_t before = WHOLE;
    if (__atomic_compare_exchange_n(&state, &before, PARTING, false, __ATOMIC_ACQUIRE,
                                    __ATOMIC_ACQUIRE)) {
        bool parted = part();
        __atomic_store_n(&state, parted ? PARTED : WHOLE, __ATOMIC_RELEASE);
        return parted;
    }
    while (__atomic_load_n(&state, __ATOMIC_ACQUIRE) == PARTING)
        sched_yield();
    return __atomic_load_n(&state, __ATOMIC_ACQUIRE) == PARTED;
}

bool gpu_is_lost(void)
{
    return __atomic_load_n(&state, __ATOMIC_ACQUIRE) == PARTED;
}

static bool is_watched(uint64_t address)
{
    return address - (uint64_t)watched.machine < watched.size || fence_is_shown(address);
}

/* A touch of what is there by now is tried again. */
static bool on_bus_error(uint64_t address)
{
    return watched.machine && is_watched(address) && damage_part();
}

bool damage_is_sound(void)
{
    const struct vid_machine *machine = watched.machine;
    struct stat info;
    return !gpu_is_lost() && fstat(watched.file, &info) == 0 &&
           (uint64_t)info.st_size == watched.size && machine->magic == VID_MAGIC &&
           machine->layout == VID_LAYOUT && machine->size == watched.size &&
           vid_machine_fits(machine, watched.plan);
}

void damage_look(void)
{
    if (watched.machine && watched.machine->magic != VID_MAGIC)
        damage_part();
}

static bool on_damaged_lock(void)
{
    return watched.machine && !gpu_is_lost() && damage_part();
}

void damage_watch(const struct machine_file *machine)
{
    watched = *machine;
    slot = VID_NONE;
    vid_lock_is_damaged = on_damaged_lock;
    vid_lock_waits = patience_wait;
    fault_file_hook = on_bus_error;
    fault_init();
}

void damage_note_slot(uint16_t process)
{
    slot = process;
}

void damage_forget(void)
{
    watched.machine = NULL;
    __atomic_store_n(&state, WHOLE, __ATOMIC_RELEASE);
}
