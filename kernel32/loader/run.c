/* From a command line to a running Windows program. */
#include "kernel32/loader/run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include "kernel32/face.h"
#include "kernel32/loader/module.h"
#include "kernel32/process/command_line.h"
#include "kernel32/process/console.h"
#include "kernel32/process/create_process.h"
#include "kernel32/process/environ.h"
#include "kernel32/process/exception.h"
#include "kernel32/process/path.h"
#include "kernel32/process/process.h"
#include "kernel32/process/started.h"
#include "kernel32/process/teb.h"
#include "kernel32/process/thread.h"
#include "kernel32/process/utf.h"
#include "memoryapi/limits.h"
#include "memoryapi/mm.h"
#include "memoryapi/privilege.h"
#include "memoryapi/trace.h"

static int refuse(const char *name, const char *text, int code)
{
    fprintf(stderr, "winmem: %s: %s\n", name, text);
    return code;
}

static void where(uint64_t address, char *ret_text, size_t size)
{
    struct module *module = module_by_address(address);
    if (module)
        snprintf(ret_text, size, "%s+0x%llx", module->name,
                 (unsigned long long)(address - module->base));
}

static NTSTATUS describe_process(struct module *program)
{
    struct process_parameters *parameters = process_peb->parameters;
    NTSTATUS status = path_publish(&parameters->current_directory);
    if (status != STATUS_SUCCESS)
        return status;
    process_peb->image_base = (void *)program->base;
    process_peb->image_subsystem = program->image->subsystem;
    parameters->image_path = program->entry.full_name;
    parameters->command_line = *command_line_string();
    environ_publish(&parameters->environment);
    if (started_record())
        started_adopt();
    console_standard_init();
    return STATUS_SUCCESS;
}

typedef __attribute__((ms_abi)) DWORD program_entry(PVOID peb);

/* On the program's stack. */
static void start_program(void *argument)
{
    struct module *program = argument;
    gate_enter();
    started_wait();
    limits_exempt(false);
    loader_lock();
    bool willing = attach_module(program, true);
    attach_init();
    loader_unlock();
    gate_leave();
    if (!willing) {
        refuse(program->name, "a library refused to start", RUN_CANNOT_RUN);
        process_end((uint32_t)STATUS_DLL_INIT_FAILED);
    }
    thread_exit(((program_entry *)(program->base + program->image->entry))(process_peb));
}

/* The command line and the environment as the parent said them. */
static NTSTATUS adopt_texts(const struct start_record *record)
{
    const uint16_t *line = started_bytes(&record->command_line);
    const uint16_t *block = started_bytes(&record->environment);
    NTSTATUS status = command_line_adopt(line, wide_length(line));
    return status == STATUS_SUCCESS ? environ_adopt(block, record->environment.size / 2) : status;
}

/* What does not need the image. */
static NTSTATUS begin_process(const char *host_path, int argc, char **argv, char **envp)
{
    char *directory = strdup(host_path);
    NTSTATUS status = directory ? STATUS_SUCCESS : STATUS_NO_MEMORY;
    if (status == STATUS_SUCCESS && started_record())
        status = started_take_handles();
    if (status == STATUS_SUCCESS)
        status = process_memory_init();
    privilege_start_token();
    if (status == STATUS_SUCCESS)
        status = path_init();
    if (status == STATUS_SUCCESS && started_record()) {
        status = adopt_texts(started_record());
    } else if (status == STATUS_SUCCESS) {
        status = command_line_init(argc, argv);
        *strrchr(directory, '/') = 0;
        if (status == STATUS_SUCCESS)
            status = environ_init(envp, directory[0] ? directory : "/");
    }
    free(directory);
    return status;
}

/* What keeps a process from being set up, in words; a code only where none are known. */
static void explain(NTSTATUS status, char *ret_text, size_t size)
{
    const char *name = trace_status_name((uint32_t)status);
    switch (status) {
    case STATUS_NAME_TOO_LONG:
        snprintf(ret_text, size, "the command line is longer than 32766 characters");
        break;
    case STATUS_NO_MEMORY:
    case STATUS_COMMITMENT_LIMIT:
    case STATUS_CONFLICTING_ADDRESSES:
        snprintf(ret_text, size, "not enough address space (RLIMIT_AS?)");
        break;
    case STATUS_INSUFFICIENT_RESOURCES:
        snprintf(ret_text, size, "no thread can be started (RLIMIT_NPROC or RLIMIT_AS?)");
        break;
    default:
        snprintf(ret_text, size, "the process cannot be set up: %s (0x%08X)", name ? name : "?",
                 (unsigned)status);
    }
}

/* Whether the limits that somebody chose leave what was taken so far. */
static bool fits_limits(char *ret_text, size_t size)
{
    struct limit_passed passed;
    if (!limits_too_small(&passed))
        return true;
    snprintf(ret_text, size, "%s=%s is too small: to set up this program takes %lu bytes",
             passed.setting, getenv(passed.setting), passed.taken);
    return false;
}

/* The program's image, checked; NULL with the reason. */
static struct image *open_program(const char *host_path, struct image_failure *ret_failure)
{
    struct image *image = NULL;
    if (image_open(host_path, &image, ret_failure) != STATUS_SUCCESS)
        return NULL;
    const char *why = image->flags & IMAGE_FLAG_DLL ? "a library, not a program"
                      : image->entry                ? NULL
                                                    : "the program has no entry point";
    if (!why)
        return image;
    snprintf(ret_failure->text, sizeof ret_failure->text, "%s", why);
    image_close(image);
    return NULL;
}

static NTSTATUS load_all(const char *host_path, struct image *image, bool random_base,
                         struct module **ret_program, struct image_failure *ret_failure)
{
    struct module *library;
    loader_lock();
    NTSTATUS status = load_program(host_path, image, random_base, ret_program, ret_failure);
    /* every process has these, whether it imports from them or not */
    if (status == STATUS_SUCCESS)
        status = load_library("ntdll.dll", &library, ret_failure);
    if (status == STATUS_SUCCESS)
        status = load_library("kernel32.dll", &library, ret_failure);
    loader_unlock();
    return status;
}

int run_program(const char *path, int argc, char **argv, char **envp,
                const struct run_options *options)
{
    struct image_failure failure = {.text = "no memory"};
    struct module *program;

    if (options->record && started_open(options->record) != STATUS_SUCCESS)
        return refuse(path, "there is no start record", RUN_CANNOT_RUN);
    create_process_allow(options->random_base);
    limits_exempt(true);
    mm_own_address_space();
    char *host_path = realpath(path, NULL);
    if (!host_path)
        return refuse(path, strerror(errno), errno == ENOENT ? RUN_NOT_FOUND : RUN_CANNOT_RUN);
    struct image *image = open_program(host_path, &failure);
    if (!image)
        return refuse(path, failure.text, RUN_CANNOT_RUN);
    NTSTATUS status = begin_process(host_path, argc, argv, envp);
    if (status == STATUS_SUCCESS) {
        thread_default_reserve = image->stack_reserve;
        thread_default_commit = image->stack_commit;
        status = thread_init_main();
    }
    if (status != STATUS_SUCCESS) {
        started_report((uint32_t)status);
        explain(status, failure.text, sizeof failure.text);
        return refuse(path, failure.text, RUN_CANNOT_RUN);
    }
    module_list_init();
    search_set_program(host_path);
    prctl(PR_SET_NAME, strrchr(host_path, '/') + 1); /* what ps and `winmem gpu` show */
    exception_where = where;
    status = load_all(host_path, image, options->random_base, &program, &failure);
    if (status == STATUS_SUCCESS)
        status = describe_process(program);
    if (status == STATUS_SUCCESS && !fits_limits(failure.text, sizeof failure.text))
        status = STATUS_COMMITMENT_LIMIT;
    if (status == STATUS_SUCCESS)
        thread_run_main(start_program, program);
    started_report((uint32_t)status);
    return refuse(path, failure.text, RUN_CANNOT_RUN);
}
