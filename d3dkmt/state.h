/*
 * The machine as this process has it: a file in a directory of the user's, mapped by every process
 * that uses it. No daemon: who needs it makes it, and who dies is swept by the others.
 *
 * FILES, in WINMEM_GPU_DIR, else $XDG_RUNTIME_DIR/winmem, else /dev/shm/winmem-UID:
 *   gpu-NAME         the machine (machine.h); made under another name, and renamed when complete
 *   gpu-NAME.lock    the gate: whoever makes, opens or removes the machine holds its lock
 *   share-NAME-ID    the contents of a shared allocation, or what a shared resource consists of
 * The directory has to be the user's own and writable by nobody else, or it is refused.
 *
 * WHO IS ALIVE: a process has a slot in machine.processes and holds a record lock of that byte of
 * the machine file; the kernel gives it back when the process ends in whatever way. Record locks go
 * with the first close of any descriptor of the file, so a process opens it once. A child of fork()
 * has no slot; it attaches anew when it needs the machine.
 *
 * LOCK ORDER: kmt_lock, the state's own lock, the gate, machine.lock, adapter.lock.
 */
#pragma once

#include <stddef.h>
#include "d3dkmt/vidmm.h"

/*
 * STATUS_SUCCESS, or why there is no machine, which stderr says once: STATUS_NO_MEMORY (no memory,
 * no room on the disk, no slot), STATUS_DEVICE_REMOVED (refused). May be called by any thread, again
 * and again.
 */
NTSTATUS gpu_attach(void);
/* Leaves the machine: what this process has in it is swept. Does nothing when not attached. */
void gpu_detach(void);
/*
 * Whether the machine's file was cut off or overwritten, so that its adapters are removed for this
 * process (damage.c). check: a look at whether it was; any lock may be held.
 */
bool gpu_is_lost(void);
void gpu_check(void);

/* pre, for all below: attached (or observing) */
uint32_t gpu_adapter_count(void);
const struct vidmm *gpu_adapter(uint32_t index);
uint16_t gpu_process(void); /* the slot of this process in the machine */
struct vid_machine *gpu_machine(void);
/*
 * What processes that are dead left is taken away; true: there was something. Looks at most every 50
 * ms, unless `now`. pre: no lock of the machine is held.
 */
bool gpu_sweep_dead(const struct vidmm *mm);
bool gpu_sweep_dead_now(void);

/*
 * For tools, instead of attaching: looks at a machine that is there, without a slot. `gpu_process`
 * is VID_NONE.
 */
enum gpu_found { GPU_FOUND, GPU_ABSENT, GPU_REFUSED, GPU_IN_USE };
enum gpu_found gpu_observe(void);
/* Its file, there or not; after gpu_observe. */
const char *gpu_machine_path(void);
/*
 * WINMEM_GPU says something that is not understood: what, and why. A program goes on with the default
 * machine; a tool had better not.
 */
bool gpu_plan_is_refused(char ret_why[300]);
/*
 * A tool does not wait for ever where another process has the machine locked: after so many
 * milliseconds `give_up` is called with that process or thread of it, and does not return. Before
 * anything else of the machine.
 */
void gpu_set_patience(unsigned milliseconds, void (*give_up)(uint32_t thread));
/* Removes the machine that nobody uses. pre: neither attached nor observing */
enum gpu_found gpu_destroy(void);

/*
 * fence.c. Numbers of 64 bits that every process of the machine and its programs see. VID_NONE:
 * there is none left. hold: one that another process took, or this one once more; false: it is
 * nobody's. Each take and each hold is given once.
 */
uint32_t gpu_fence_take(void);
bool gpu_fence_hold(uint32_t fence);
void gpu_fence_give(uint32_t fence);
volatile uint64_t *gpu_fence_value(uint32_t fence);
/*
 * Among the fences, records of what is shared by a file with this id; share_contents_remove is
 * called for it when the last process gives it, or is swept. `name` is for who looks for it. Hold
 * returns the id; 0: there is no such record. pre, for take: machine.lock
 */
uint32_t gpu_record_take(uint64_t share, uint64_t name);
uint64_t gpu_record_hold(uint32_t record);
void gpu_record_give(uint32_t record);
/* The next record above `after` with that name, and its id; VID_NONE: none. pre: machine.lock */
uint32_t gpu_record_find(uint64_t name, uint32_t after, uint64_t *ret_share);
/* Where the program reads it; NULL: no memory. */
const void *gpu_fence_address(uint32_t fence);

/*
 * shared_contents.c: contents that processes share, named by `id` (of machine.shares). A new one
 * reads as zero, and memory is behind all of it. STATUS_NO_MEMORY: there is none.
 */
NTSTATUS share_contents_create(uint64_t id, uint64_t size);
/* Memory of the program, MEM_MAPPED, until share_contents_unmap. */
NTSTATUS share_contents_map(uint64_t id, uint64_t size, void **ret_contents);
void share_contents_unmap(void *contents);
/*
 * Reads as VID_POISON from now on, in every process. False: no memory; it reads as zero, without
 * memory behind it.
 */
bool share_contents_poison(uint64_t id);
/* Reads as zero from now on, in every process; the memory behind it is gone until share_contents_back. */
void share_contents_drop(uint64_t id);
NTSTATUS share_contents_back(uint64_t id);
/* Who has it mapped keeps it; nobody can map it any more. */
void share_contents_remove(uint64_t id);

/* kmt_commitment.c: vidmm.decommitted */
void commitment_taken(const struct vidmm *mm, uint32_t allocation);
