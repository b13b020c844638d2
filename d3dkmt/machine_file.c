/* The file of a machine: found, judged, made, mapped. All of it behind the gate. */
#include "d3dkmt/state.h"
#include "d3dkmt/machine_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "memoryapi/base.h"
#include "memoryapi/host.h"
#include "memoryapi/setting.h"

/* Plans are large; both are under the state's lock. */
static struct vid_plan wanted; /* what WINMEM_GPU says */
static struct vid_plan found;  /* what the file was made from */
static bool any_plan;          /* it does not say what of: any that is there will do */

/* Words about the machine alone: its name, and whatever it was made from. */
static bool read_name_only(const char *text)
{
    char *whole;
    struct vid_plan_wrong wrong;
    bool good =
        !strstr(text, "adapter") && asprintf(&whole, "%s; adapter local=8G nonlocal=16G", text) > 0;
    if (!good)
        return false;
    good = vid_plan_parse(whole, &wanted, &wrong);
    free(whole);
    return good;
}

static const char *quote(const struct vid_plan_wrong *wrong, char *ret_part, size_t room)
{
    snprintf(ret_part, room, "%.*s", (int)wrong->length, wrong->at);
    return ret_part;
}

static void read_plan(void)
{
    static atomic_flag said = ATOMIC_FLAG_INIT;
    const char *text = getenv("WINMEM_GPU");
    struct vid_plan_wrong wrong;
    char part[200];
    any_plan = true;
    if (text && *text) {
        any_plan = read_name_only(text);
        if (any_plan || vid_plan_parse(text, &wanted, &wrong))
            return;
        setting_refuse_part("WINMEM_GPU", quote(&wrong, part, sizeof part), wrong.why,
                            "[name=NAME] [seed=N]; adapter local=SIZE ...", &said);
        any_plan = true;
    }
    vid_plan_parse(vid_plan_default, &wanted, &wrong);
}

bool gpu_plan_is_refused(char ret_why[300])
{
    const char *text = getenv("WINMEM_GPU");
    struct vid_plan_wrong wrong;
    char part[200];
    /* what is wanted is read again where it is needed */
    if (!text || !*text || read_name_only(text) || vid_plan_parse(text, &wanted, &wrong))
        return false;
    snprintf(ret_why, 300, "'%s': %s", quote(&wrong, part, sizeof part), wrong.why);
    return true;
}

/* The kernel's answer about a record lock of other processes, or the attempt to get it. */
static int lock_bytes(int file, int command, short type, uint16_t first, uint16_t count)
{
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = first, .l_len = count};
    int answer;
    do
        answer = fcntl(file, command, &lock);
    while (answer != 0 && errno == EINTR);
    if (answer != 0)
        return -errno;
    return command == F_GETLK ? lock.l_type != F_UNLCK : 0;
}

bool machine_file_hold(int file, uint16_t slot, bool shared)
{
    return lock_bytes(file, F_SETLK, shared ? F_RDLCK : F_WRLCK, slot, 1) == 0;
}

/* When the kernel does not answer, they are taken to live. */
bool machine_file_is_held(int file, uint16_t first, uint16_t count)
{
    return lock_bytes(file, F_GETLK, F_WRLCK, first, count) != 0;
}

/* Under its name, with a word behind it. */
static const char *name_of(const struct machine_file *machine, const char *behind,
                           char ret_name[64])
{
    snprintf(ret_name, 64, "gpu-%s%s", machine->name, behind);
    return ret_name;
}

const char *gpu_machine_path(void)
{
    static char path[PATH_MAX + 64];
    snprintf(path, sizeof path, "%s/gpu-%s", gpu_directory_path(), wanted.name);
    return path;
}

static NTSTATUS refuse(const struct machine_file *machine, const char *why)
{
    gpu_refuse("%s/gpu-%s: refused: %s", gpu_directory_path(), machine->name, why);
    return STATUS_DEVICE_REMOVED;
}

static void close_one(int *file)
{
    if (*file >= 0)
        close(*file);
    *file = -1;
}

/* *ret_directory and its gate, which is closed to others then. */
static NTSTATUS pass_gate(struct machine_file *machine)
{
    char name[64];
    int error;
    machine->gate =
        gpu_directory_file(machine->directory, name_of(machine, ".lock", name), O_RDWR | O_CREAT);
    error = machine->gate < 0 ? machine->gate : patience_close_gate(machine->gate);
    if (!error)
        return STATUS_SUCCESS;
    gpu_refuse("%s/%s: %s", gpu_directory_path(), name,
               error == -EPERM ? "refused: it is no file of this user alone" : strerror(-error));
    return error == -ENOSPC || error == -ENOMEM ? STATUS_NO_MEMORY : STATUS_DEVICE_REMOVED;
}

/* NULL: the file is sound as far as it was read, and `found` is what it was made from. */
static const char *judge_header(int file, struct vid_machine *header)
{
    const size_t constant = offsetof(struct vid_machine, lock);
    struct vid_plan_wrong wrong;
    struct stat info;
    if (fstat(file, &info) != 0 || pread(file, header, constant, 0) != (ssize_t)constant)
        return "it is cut off";
    if (header->magic != VID_MAGIC)
        return "it is no machine";
    if (header->layout != VID_LAYOUT)
        return "another version of winmem made it";
    if (!memchr(header->description, 0, sizeof header->description) ||
        !vid_plan_parse(header->description, &found, &wrong))
        return "its description is damaged";
    if (header->size != vid_machine_size(&found) || (uint64_t)info.st_size != header->size)
        return "its size is wrong";
    return NULL;
}

/* Memory behind everything but the tables, which get theirs when they grow. */
static int fill(int file, const struct vid_plan *plan)
{
    uint64_t head = vid_machine_head(plan),
             table = (vid_machine_size(plan) - head) / plan->adapter_count;
    uint64_t events = round_up(VID_EVENTS * sizeof(struct vid_event), PAGE_SIZE);
    int error = host->shared_fill(file, 0, head);
    for (uint32_t i = 0; i < plan->adapter_count && !error; i++)
        error = host->shared_fill(file, head + (i + 1) * table - events, events);
    return error;
}

static NTSTATUS no_room(const struct machine_file *machine, int error)
{
    gpu_refuse("%s/gpu-%s: %s", gpu_directory_path(), machine->name, strerror(-error));
    return STATUS_NO_MEMORY;
}

static NTSTATUS map(struct machine_file *machine, int file, const struct vid_plan *plan)
{
    uint64_t address;
    int error = fill(file, plan);
    if (!error)
        error = host->shared_map(file, 0, vid_machine_size(plan), HOST_READ_WRITE, 0, &address);
    if (error)
        return no_room(machine, error);
    machine->file = file;
    machine->machine = (struct vid_machine *)address;
    machine->size = vid_machine_size(plan);
    machine->plan = plan;
    damage_watch(machine);
    return STATUS_SUCCESS;
}

static void unmap(struct machine_file *machine)
{
    if (!gpu_is_lost())
        host->unreserve((uint64_t)machine->machine, machine->size);
    damage_forget();
    machine->machine = NULL;
}

/* Contents that somebody left, when nobody has them any more. */
static void remove_shares(const struct machine_file *machine)
{
    char prefix[64];
    snprintf(prefix, sizeof prefix, "share-%s-", machine->name);
    gpu_directory_remove(machine->directory, prefix);
}

/*
 * A machine as WINMEM_GPU says, under another name until it is complete: who dies meanwhile leaves
 * nothing that looks like one.
 */
static NTSTATUS make(struct machine_file *machine)
{
    char name[64], half[64];
    int file, error = 0;
    NTSTATUS status;
    name_of(machine, "", name);
    name_of(machine, ".new", half);
    unlinkat(machine->directory, half, 0);
    file = gpu_directory_file(machine->directory, half, O_RDWR | O_CREAT | O_EXCL);
    if (file < 0 || ftruncate(file, (off_t)vid_machine_size(&wanted)) != 0)
        error = file < 0 ? file : -errno;
    status = error ? no_room(machine, error) : map(machine, file, &wanted);
    if (status == STATUS_SUCCESS &&
        (!vid_machine_make(machine->machine, &wanted) ||
         renameat(machine->directory, half, machine->directory, name) != 0)) {
        status = no_room(machine, errno ? -errno : -ENOMEM);
        unmap(machine);
    }
    if (status != STATUS_SUCCESS) {
        unlinkat(machine->directory, half, 0);
        close_one(&file);
        machine->file = -1;
        return status;
    }
    remove_shares(machine);
    machine->file = file;
    return STATUS_SUCCESS;
}

/* Nobody uses the machine: what the dead left goes, and the memory behind it. */
static NTSTATUS renew(struct machine_file *machine)
{
    uint64_t head = vid_machine_head(&found),
             table = (vid_machine_size(&found) - head) / found.adapter_count,
             events = round_up(VID_EVENTS * sizeof(struct vid_event), PAGE_SIZE);
    if (!vid_machine_renew(machine->machine))
        return no_room(machine, -ENOMEM);
    for (uint32_t i = 0; i < found.adapter_count; i++)
        host->shared_drop(machine->file, head + i * table, table - events);
    remove_shares(machine);
    return STATUS_SUCCESS;
}

/* The file is there: NULL when it is sound, and mapped then. */
static const char *judge(struct machine_file *machine, NTSTATUS *ret_status)
{
    struct vid_machine *header = calloc(1, sizeof *header);
    const char *why = header ? judge_header(machine->file, header) : "no memory";
    free(header);
    *ret_status = STATUS_DEVICE_REMOVED;
    if (why)
        return why;
    *ret_status = map(machine, machine->file, &found);
    if (*ret_status != STATUS_SUCCESS)
        return "no memory";
    if (vid_machine_fits(machine->machine, &found))
        return NULL;
    unmap(machine);
    *ret_status = STATUS_DEVICE_REMOVED;
    return "it is damaged";
}

/* What is there is not what is asked for: made anew when nobody uses it. */
static NTSTATUS replace(struct machine_file *machine, const char *why, bool alone)
{
    if (!alone)
        return refuse(machine, why);
    if (machine->machine)
        unmap(machine);
    close_one(&machine->file);
    gpu_say("%s/gpu-%s: made anew: %s", gpu_directory_path(), machine->name, why);
    return make(machine);
}

static bool differs(void)
{
    return !any_plan && strcmp(wanted.description, found.description) != 0;
}

static NTSTATUS refuse_other(const struct machine_file *machine)
{
    gpu_refuse("%s/gpu-%s: refused: it is in use, and was made from '%s', not from WINMEM_GPU='%s'",
               gpu_directory_path(), machine->name, found.description, wanted.description);
    return STATUS_DEVICE_REMOVED;
}

/* With the gate closed. */
static NTSTATUS find(struct machine_file *machine, enum machine_use use)
{
    char name[64];
    NTSTATUS status;
    const char *why;
    bool alone;
    machine->file = gpu_directory_file(machine->directory, name_of(machine, "", name), O_RDWR);
    if (machine->file == -ENOENT)
        return use == MACHINE_MAKE ? make(machine) : STATUS_SUCCESS;
    if (machine->file < 0)
        return refuse(machine, machine->file == -EPERM ? "it is no file of this user alone"
                                                       : strerror(-machine->file));
    alone = !machine_file_is_held(machine->file, 0, VID_PROCESSES);
    if (use == MACHINE_DESTROY)
        return STATUS_SUCCESS;
    why = judge(machine, &status);
    if (why && status == STATUS_NO_MEMORY)
        return status;
    if (why)
        return use == MACHINE_MAKE ? replace(machine, why, alone) : refuse(machine, why);
    if (use == MACHINE_MAKE && differs())
        return alone ? replace(machine, "WINMEM_GPU has changed", alone) : refuse_other(machine);
    return alone ? renew(machine) : STATUS_SUCCESS;
}

enum gpu_found machine_file_open(struct machine_file *machine, enum machine_use use,
                                 NTSTATUS *ret_status)
{
    *machine = (struct machine_file){.directory = -1, .gate = -1, .file = -1};
    read_plan();
    memcpy(machine->name, wanted.name, sizeof machine->name);
    machine->directory = gpu_directory_open(use == MACHINE_MAKE);
    *ret_status = machine->directory < 0 && machine->directory != -ENOENT ? STATUS_DEVICE_REMOVED
                                                                          : STATUS_SUCCESS;
    if (machine->directory >= 0) {
        *ret_status = pass_gate(machine);
        if (*ret_status == STATUS_SUCCESS)
            *ret_status = find(machine, use);
    }
    if (*ret_status == STATUS_SUCCESS && machine->file >= 0)
        return GPU_FOUND;
    enum gpu_found answer = *ret_status == STATUS_SUCCESS ? GPU_ABSENT : GPU_REFUSED;
    machine_file_close(machine);
    return answer;
}

void machine_file_pass(struct machine_file *machine)
{
    close_one(&machine->gate);
}

void machine_file_close(struct machine_file *machine)
{
    if (machine->machine)
        unmap(machine);
    close_one(&machine->file);
    close_one(&machine->gate);
    close_one(&machine->directory);
}
