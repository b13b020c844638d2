/* The files of a machine (state.h). Inside d3dkmt's state, fence and contents alone. */
#pragma once

#include <dirent.h>
#include "d3dkmt/plan.h"
#include "d3dkmt/state.h"

/* One line on stderr, "winmem: simulated GPU: ...". */
__attribute__((format(printf, 1, 2))) void gpu_say(const char *format, ...);
/* The same, for what keeps this process from having a machine: the first time only. */
__attribute__((format(printf, 1, 2))) void gpu_refuse(const char *format, ...);
/* No room for `what` in the directory, for the reason -errno: the first time only. */
void gpu_no_room(const char *what, int error);

/*
 * directory.c. The directory of all machines, checked; made with `make`. A descriptor, -ENOENT (not
 * `make`, and it is not there), or another -errno that was said.
 */
int gpu_directory_open(bool make);
/* A file of ours in it: 0600, nobody else's. As openat, -EPERM: it is not to be trusted. */
int gpu_directory_file(int directory, const char *name, int flags);
/* shared_contents.c: the file of an id of machine.shares; as gpu_directory_file. */
int share_file_open(uint64_t id, int flags);
/* Its path, for messages. */
const char *gpu_directory_path(void);
/* Removes every file there whose name is `prefix` and a number. */
DIR *gpu_directory_list(int directory); /* for closedir; NULL: it cannot be read */
void gpu_directory_remove(int directory, const char *prefix);

/* leftover.c. Contents of machines there that nobody uses go; not those of the machine `own`. */
void leftover_remove(int directory, const char *own);

struct machine_file {
    int directory, gate, file;   /* -1: closed */
    struct vid_machine *machine; /* mapped; NULL: not */
    uint64_t size;               /* bytes, of what is mapped */
    const struct vid_plan *plan; /* that it was made from, while it is mapped */
    char name[32];               /* of the machine, from its plan */
};

enum machine_use {
    MACHINE_MAKE,    /* there shall be one, as WINMEM_GPU says */
    MACHINE_LOOK,    /* if it is there, whatever it was made from */
    MACHINE_DESTROY, /* not mapped; whether it is sound does not matter */
};
/*
 * Open, sound and mapped, with the gate closed to everybody else until machine_file_pass; GPU_FOUND
 * or nothing is open. *ret_status: why, for GPU_REFUSED.
 */
enum gpu_found machine_file_open(struct machine_file *machine, enum machine_use use,
                                 NTSTATUS *ret_status);
void machine_file_pass(struct machine_file *machine);
/* What a parted machine has mapped stays: a thread may have a lock in it. */
void machine_file_close(struct machine_file *machine);
/* The lock of a slot's byte. False: somebody else has it. */
bool machine_file_hold(int file, uint16_t slot, bool shared);
/* Whether another process holds one of these. */
bool machine_file_is_held(int file, uint16_t first, uint16_t count);

/* state.c: under the state's own lock */
struct gpu_state {
    struct machine_file file;
    uint16_t process;
};
struct gpu_state *state_lock(void);
void state_unlock(void);
/* The machine is in this file from now on. Takes no lock. */
void state_use_file(int file);
/* The directory, the name and the machine: constant while attached. */
const struct machine_file *state_file(void);

/* sweep.c. pre: machine.lock is held for sweep_slot. */
void machine_lock(struct vid_machine *machine);
void machine_unlock(struct vid_machine *machine);
void sweep_slot(const struct vidmm *adapters, uint16_t slot);
bool sweep_dead(const struct vidmm *adapters, int file, uint16_t own);
/* fence.c: in the machine, and what this process remembers of its own. */
void fence_sweep(struct vid_machine *machine, uint16_t slot);
void fence_forget(void);
/* The program reads values in this file from now on. Takes no lock. */
void fence_show(int file);
bool fence_is_shown(uint64_t address); /* whether the program reads them there */

/*
 * damage.c. From watch to forget a touch of the mapped file raises no signal. part: this process
 * goes on without the file, said once; false: there is no memory for that. note_slot: it is
 * attached. is_sound: the file is as long as it was, and its header as it was made.
 */
void damage_watch(const struct machine_file *machine);
void damage_note_slot(uint16_t process);
void damage_forget(void);
bool damage_part(void);
bool damage_is_sound(void);
void damage_look(void); /* parts when the header changed */

/*
 * patience.c. wait: `holder` has had a lock for so long. close_gate: the lock of the first byte; 0 or
 * -errno.
 */
void patience_wait(uint32_t holder, unsigned milliseconds);
int patience_close_gate(int gate);
