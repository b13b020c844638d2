/* A process comes to the machine, and leaves it. */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "d3dkmt/kmt.h"
#include "d3dkmt/engine.h"
#include "d3dkmt/machine_file.h"
#include "memoryapi/futex.h"
#include "memoryapi/host.h"
#include "memoryapi/leave.h"

static struct futex_lock lock;
static struct gpu_state state;
static struct vidmm adapters[VID_ADAPTERS];
static bool attached; /* atomic */

struct gpu_state *state_lock(void)
{
    futex_lock(&lock);
    return &state;
}

void state_unlock(void)
{
    futex_unlock(&lock);
}

static void before_fork(void)
{
    kmt_stop_for_fork();
    futex_lock(&lock);
}

static void after_fork(void)
{
    futex_unlock(&lock);
    kmt_go_after_fork();
}

/* The slot and its lock are the parent's. */
static void begin_child(void)
{
    if (state.file.machine)
        machine_file_close(&state.file);
    attached = false;
    state.process = VID_NONE;
    fence_forget();
    futex_unlock(&lock);
    kmt_begin_child();
}

static bool back(const struct vidmm *mm, uint64_t offset, uint64_t size)
{
    int error = host->shared_fill(mm->file, offset, size);
    if (error)
        gpu_no_room("more allocations", error);
    return !error;
}

static bool is_alive(const struct vidmm *mm, uint16_t process)
{
    return (process == mm->process && process != VID_NONE) ||
           machine_file_is_held(mm->file, process, 1);
}

static void gone(const struct vidmm *mm, uint64_t share)
{
    (void)mm;
    share_contents_remove(share);
}

void state_use_file(int file)
{
    for (uint32_t i = 0; i < VID_ADAPTERS; i++)
        adapters[i].file = file;
}

static void see_adapters(void)
{
    for (uint32_t i = 0; i < state.file.machine->adapter_count; i++) {
        vidmm_see(&adapters[i], state.file.machine, i, state.process);
        adapters[i].back = back;
        adapters[i].is_alive = is_alive;
        adapters[i].gone = gone;
        adapters[i].decommitted = commitment_taken;
        adapters[i].file = state.file.file;
    }
}

/* The name by which tools show the process: of its first thread, which `winmem run` sets. */
static void read_name(char *ret_name, size_t room)
{
    int file = open("/proc/self/comm", O_RDONLY | O_CLOEXEC);
    ssize_t length = file < 0 ? 0 : read(file, ret_name, room - 1);
    if (file >= 0)
        close(file);
    ret_name[length > 0 ? length : 0] = '\0';
    ret_name[strcspn(ret_name, "\n")] = '\0';
}

/* Whether somebody who had the slot left something there. */
static bool is_clean(uint16_t slot)
{
    for (uint32_t i = 0; i < state.file.machine->adapter_count; i++)
        if (__atomic_load_n(&adapters[i].adapter->usage[slot].devices, __ATOMIC_RELAXED))
            return false;
    return true;
}

/* A process that has left, but has not ended yet, keeps the lock of its slot. */
static bool take_slot(void)
{
    struct vid_machine *machine = state.file.machine;
    char name[sizeof machine->processes[0].name];
    uint16_t slot;
    read_name(name, sizeof name);
    see_adapters();
    machine_lock(machine);
    sweep_dead(adapters, state.file.file, VID_NONE);
    for (slot = 1; slot < VID_PROCESSES; slot++)
        if (!machine->processes[slot].pid && machine_file_hold(state.file.file, slot, false))
            break;
    if (slot < VID_PROCESSES) {
        struct vid_process *process = &machine->processes[slot];
        if (!is_clean(slot))
            sweep_slot(adapters, slot);
        fence_sweep(machine, slot);
        process->generation++;
        memcpy(process->name, name, sizeof process->name);
        __atomic_store_n(&process->pid, (uint32_t)getpid(), __ATOMIC_RELEASE);
        state.process = slot;
        see_adapters();
        damage_note_slot(slot);
    }
    machine_unlock(machine);
    return slot < VID_PROCESSES;
}

/* In a damaged machine there is nothing to find, and nobody whom it would help. */
static void sweep_own(void)
{
    if (!state.process || !damage_is_sound())
        return;
    machine_lock(state.file.machine);
    sweep_slot(adapters, state.process);
    machine_unlock(state.file.machine);
}

/* The process ends: others may have the slot when the kernel has taken back its lock. */
static void leave(void)
{
    futex_lock(&lock);
    if (state.file.machine)
        sweep_own();
    futex_unlock(&lock);
}

static NTSTATUS attach(void)
{
    static bool prepared;
    NTSTATUS status;
    if (!prepared && pthread_atfork(before_fork, after_fork, begin_child) != 0)
        return STATUS_NO_MEMORY;
    prepared = true;
    if (machine_file_open(&state.file, MACHINE_MAKE, &status) != GPU_FOUND)
        return status;
    if (!take_slot()) {
        gpu_refuse("refused: %u processes use it already", VID_PROCESSES - 1);
        machine_file_close(&state.file);
        return STATUS_NO_MEMORY;
    }
    machine_file_pass(&state.file);
    leftover_remove(state.file.directory, state.file.name);
    leave_register(leave); /* without it, others sweep */
    __atomic_store_n(&attached, true, __ATOMIC_RELEASE);
    return STATUS_SUCCESS;
}

NTSTATUS gpu_attach(void)
{
    NTSTATUS status = STATUS_SUCCESS;
    if (__atomic_load_n(&attached, __ATOMIC_ACQUIRE))
        return STATUS_SUCCESS;
    futex_lock(&lock);
    if (!attached)
        status = attach();
    futex_unlock(&lock);
    return status;
}

void gpu_detach(void)
{
    engine_leave();
    futex_lock(&lock);
    if (state.file.machine) {
        __atomic_store_n(&attached, false, __ATOMIC_RELEASE);
        sweep_own();
        machine_file_close(&state.file); /* and with it the lock of the slot */
        state.process = VID_NONE;
        fence_forget();
    }
    futex_unlock(&lock);
}

enum gpu_found gpu_observe(void)
{
    NTSTATUS status;
    enum gpu_found answer;
    futex_lock(&lock);
    answer = machine_file_open(&state.file, MACHINE_LOOK, &status);
    if (answer == GPU_FOUND) {
        machine_file_hold(state.file.file, VID_NONE, true);
        see_adapters();
        machine_lock(state.file.machine);
        sweep_dead(adapters, state.file.file, VID_NONE);
        machine_unlock(state.file.machine);
        machine_file_pass(&state.file);
    }
    futex_unlock(&lock);
    return answer;
}

enum gpu_found gpu_destroy(void)
{
    struct machine_file machine;
    char name[64];
    NTSTATUS status;
    futex_lock(&lock);
    enum gpu_found answer = machine_file_open(&machine, MACHINE_DESTROY, &status);
    if (answer == GPU_FOUND) {
        snprintf(name, sizeof name, "gpu-%s", machine.name);
        if (machine_file_is_held(machine.file, 0, VID_PROCESSES)) {
            answer = GPU_IN_USE;
        } else {
            unlinkat(machine.directory, name, 0);
            snprintf(name, sizeof name, "share-%s-", machine.name);
            gpu_directory_remove(machine.directory, name);
        }
        machine_file_close(&machine);
    }
    futex_unlock(&lock);
    return answer;
}

const struct machine_file *state_file(void)
{
    return &state.file;
}

void gpu_check(void)
{
    if (__atomic_load_n(&attached, __ATOMIC_ACQUIRE) &&
        unlikely(__atomic_load_n(&state.file.machine->magic, __ATOMIC_RELAXED) != VID_MAGIC))
        damage_part();
}

uint32_t gpu_adapter_count(void)
{
    return state.file.machine->adapter_count;
}

const struct vidmm *gpu_adapter(uint32_t index)
{
    return &adapters[index];
}

uint16_t gpu_process(void)
{
    return state.process;
}

struct vid_machine *gpu_machine(void)
{
    return state.file.machine;
}

bool gpu_sweep_dead_now(void)
{
    bool any;
    machine_lock(state.file.machine);
    any = sweep_dead(adapters, state.file.file, state.process);
    machine_unlock(state.file.machine);
    return any;
}
