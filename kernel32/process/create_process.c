/* CreateProcess: a program of Windows, run by the same command in a process of the host. */
#include "kernel32/process/create_process.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "kernel32/face.h"
#include "kernel32/loader/module.h"
#include "kernel32/process/child.h"
#include "kernel32/process/command_line.h"
#include "kernel32/process/environ.h"
#include "kernel32/process/path.h"
#include "kernel32/process/proc_attributes.h"
#include "kernel32/process/program_name.h"
#include "kernel32/process/start_build.h"
#include "memoryapi/guarded.h"

/* The running binary, whatever has become of its name; in the child it is the same. */
#define THIS_COMMAND "/proc/self/exe"
/* Of CreateProcessA, in characters (sdk-api processthreadsapi/CreateProcessA). */
#define NARROW_ENVIRONMENT_MAXIMUM 32767u

/* Every flag of win32 ProcThread/process-creation-flags and of scheduling. */
#define CREATE_PROCESS_KNOWN                                                                       \
    (DEBUG_PROCESS | DEBUG_ONLY_THIS_PROCESS | CREATE_SUSPENDED | DETACHED_PROCESS |               \
     CREATE_NEW_CONSOLE | PRIORITY_CLASSES | CREATE_NEW_PROCESS_GROUP |                            \
     CREATE_UNICODE_ENVIRONMENT | CREATE_SEPARATE_WOW_VDM | CREATE_SHARED_WOW_VDM |                \
     CREATE_FORCEDOS | INHERIT_PARENT_AFFINITY | INHERIT_CALLER_PRIORITY |                         \
     CREATE_PROTECTED_PROCESS | EXTENDED_STARTUPINFO_PRESENT | CREATE_SECURE_PROCESS |             \
     CREATE_BREAKAWAY_FROM_JOB | CREATE_PRESERVE_CODE_AUTHZ_LEVEL | CREATE_DEFAULT_ERROR_MODE |    \
     CREATE_NO_WINDOW | PROFILE_USER | PROFILE_KERNEL | PROFILE_SERVER |                           \
     CREATE_IGNORE_SYSTEM_DEFAULT)

static bool allowed, random_base; /* constant after the start */

void create_process_allow(bool random)
{
    allowed = true;
    random_base = random;
    /* a parent that ignores it would have our children's ends lost */
    signal(SIGCHLD, SIG_DFL);
}

/* The parameters, once texts are wide. */
struct request {
    const WCHAR *application, *command_line, *directory;
    const SECURITY_ATTRIBUTES *process_attributes, *thread_attributes;
    const void *environment;
    const void *startup; /* STARTUPINFOW, or A when narrow */
    PROCESS_INFORMATION *ret_information;
    DWORD flags;
    bool inherit, narrow;
};

/* What is made of them; freed by finish(). */
struct creation {
    STARTUPINFOW startup;
    WCHAR *desktop, *title; /* of narrow ones */
    WCHAR *environment, *program;
    HANDLE *handles; /* a list of those to inherit; NULL: all */
    size_t handle_count;
    char *host_directory, *host_program;
    struct start_built built;
};

static NTSTATUS check_flags(DWORD flags)
{
    if (flags & ~CREATE_PROCESS_KNOWN)
        return STATUS_INVALID_PARAMETER;
    if ((flags & DETACHED_PROCESS) && (flags & CREATE_NEW_CONSOLE))
        return STATUS_INVALID_PARAMETER;
    if ((flags & CREATE_SEPARATE_WOW_VDM) && (flags & CREATE_SHARED_WOW_VDM))
        return STATUS_INVALID_PARAMETER;
    /* there is no debugger's interface, and nothing is protected from its own account */
    if (flags & (DEBUG_PROCESS | DEBUG_ONLY_THIS_PROCESS | CREATE_PROTECTED_PROCESS |
                 CREATE_SECURE_PROCESS))
        return STATUS_NOT_SUPPORTED;
    return STATUS_SUCCESS;
}

static NTSTATUS check(const struct request *request)
{
    size_t length;
    NTSTATUS status = check_flags(request->flags);
    if (status != STATUS_SUCCESS)
        return status;
    if (!request->application && !request->command_line)
        return STATUS_INVALID_PARAMETER;
    const WCHAR *line = request->command_line ? request->command_line : request->application;
    if (!guarded_wide_length(line, &length) ||
        (request->application && !guarded_wide_length(request->application, &length)) ||
        !guarded_writable(request->ret_information, sizeof *request->ret_information))
        return STATUS_ACCESS_VIOLATION;
    if (wide_length(line) > COMMAND_LINE_LONGEST)
        return STATUS_NAME_TOO_LONG;
    return allowed ? STATUS_SUCCESS : STATUS_NOT_SUPPORTED;
}

/* STARTUPINFOEX: the list of attributes follows. */
struct startup_extended {
    STARTUPINFOW startup;
    void *attributes;
};

static NTSTATUS read_startup(const struct request *request, struct creation *creation)
{
    STARTUPINFOW *startup = &creation->startup;
    struct startup_extended extended;
    if (!guarded_read(request->startup, startup, sizeof *startup))
        return STATUS_ACCESS_VIOLATION;
    if (request->flags & EXTENDED_STARTUPINFO_PRESENT) {
        if (startup->cb < sizeof extended)
            return STATUS_INVALID_PARAMETER;
        if (!guarded_read(request->startup, &extended, sizeof extended))
            return STATUS_ACCESS_VIOLATION;
        if (extended.attributes) {
            NTSTATUS status = proc_attributes_handles(extended.attributes, &creation->handles,
                                                      &creation->handle_count);
            if (status != STATUS_SUCCESS)
                return status;
        }
    }
    startup->cb = sizeof *startup;
    if (!request->narrow)
        return STATUS_SUCCESS;
    const char *desktop = (const char *)startup->lpDesktop, *title = (const char *)startup->lpTitle;
    startup->lpDesktop = creation->desktop = wide_from_utf8(desktop);
    startup->lpTitle = creation->title = wide_from_utf8(title);
    return (desktop && !creation->desktop) || (title && !creation->title) ? STATUS_NO_MEMORY
                                                                          : STATUS_SUCCESS;
}

/* A block of UTF-8 strings, which an empty one ends. */
static NTSTATUS widen_environment(const char *block, WCHAR **ret_block)
{
    const char *at = block;
    while (*at)
        at += strlen(at) + 1;
    size_t size = (size_t)(at - block) + (at == block ? 2 : 1);
    WCHAR *wide = calloc(size + 1, sizeof *wide);
    if (!wide)
        return STATUS_NO_MEMORY;
    utf8_to_utf16(block, size, wide, size, NULL);
    *ret_block = wide;
    return STATUS_SUCCESS;
}

static NTSTATUS find_environment(const struct request *request, struct creation *creation)
{
    if (request->environment && !(request->flags & CREATE_UNICODE_ENVIRONMENT)) {
        NTSTATUS status = widen_environment(request->environment, &creation->environment);
        if (status != STATUS_SUCCESS)
            return status;
    } else if (request->environment) {
        size_t size = environ_block_length(request->environment) * sizeof(WCHAR);
        creation->environment = malloc(size);
        if (creation->environment)
            memcpy(creation->environment, request->environment, size);
    } else {
        creation->environment = environ_copy();
    }
    if (!creation->environment)
        return STATUS_NO_MEMORY;
    return request->narrow && request->environment &&
                   environ_block_length(creation->environment) > NARROW_ENVIRONMENT_MAXIMUM
               ? STATUS_INVALID_PARAMETER
               : STATUS_SUCCESS;
}

/* A directory that is not there or is none is ERROR_DIRECTORY, whatever it is instead. */
static NTSTATUS find_directory(const struct request *request, struct creation *creation)
{
    struct path path = {0};
    struct stat facts;
    size_t length = request->directory ? wide_length(request->directory) : 0;
    WCHAR *current = request->directory ? NULL : path_current_directory(&length);
    const WCHAR *directory = request->directory ? request->directory : current;
    if (!directory)
        return STATUS_NO_MEMORY;
    NTSTATUS status = path_resolve(directory, length, &path);
    free(current);
    if (status == STATUS_SUCCESS && !path.host)
        status = STATUS_NOT_A_DIRECTORY;
    if (status == STATUS_SUCCESS && stat(path.host, &facts) && errno == ENOENT)
        path_match(&path.host);
    if (status == STATUS_SUCCESS && (stat(path.host, &facts) || !S_ISDIR(facts.st_mode)))
        status = STATUS_NOT_A_DIRECTORY;
    if (status == STATUS_SUCCESS) {
        creation->host_directory = path.host;
        return status;
    }
    path_free(&path);
    return status == STATUS_NO_MEMORY ? status : STATUS_NOT_A_DIRECTORY;
}

static NTSTATUS find_program(const struct request *request, struct creation *creation)
{
    struct image_failure failure;
    struct image *image;
    size_t length;
    NTSTATUS status =
        program_find(request->application, request->command_line, &creation->host_program);
    if (status != STATUS_SUCCESS)
        return status;
    status = image_open(creation->host_program, &image, &failure);
    if (status != STATUS_SUCCESS)
        return status;
    if ((image->flags & IMAGE_FLAG_DLL) || !image->entry)
        status = STATUS_INVALID_IMAGE_FORMAT;
    image_close(image);
    if (status != STATUS_SUCCESS)
        return status;
    creation->program = path_from_host(creation->host_program, &length);
    return creation->program ? STATUS_SUCCESS : STATUS_NO_MEMORY;
}

static NTSTATUS prepare(const struct request *request, struct creation *creation)
{
    NTSTATUS status = read_startup(request, creation);
    if (status == STATUS_SUCCESS)
        status = find_environment(request, creation);
    if (status == STATUS_SUCCESS)
        status = find_program(request, creation);
    if (status == STATUS_SUCCESS)
        status = find_directory(request, creation);
    if (status != STATUS_SUCCESS)
        return status;
    const struct start_request start = {
        .command_line = request->command_line ? request->command_line : request->application,
        .environment = creation->environment,
        .startup = &creation->startup,
        .flags = request->flags,
        .handles = creation->handles,
        .handle_count = creation->handle_count,
        .inherit = request->inherit,
    };
    return start_build(&start, &creation->built);
}

static void finish(struct creation *creation)
{
    start_built_free(&creation->built);
    free(creation->handles);
    free(creation->desktop);
    free(creation->title);
    free(creation->environment);
    free(creation->program);
    free(creation->host_directory);
    free(creation->host_program);
}

static bool inherits(const SECURITY_ATTRIBUTES *attributes)
{
    return attributes && attributes->bInheritHandle;
}

static NTSTATUS open_handles(const struct request *request, struct child *child,
                             PROCESS_INFORMATION *ret_information)
{
    NTSTATUS status =
        handle_create(&child->process.object, PROCESS_ALL_ACCESS,
                      inherits(request->process_attributes), &ret_information->hProcess);
    if (status != STATUS_SUCCESS)
        return status;
    status = handle_create(&child->thread.object, THREAD_ALL_ACCESS,
                           inherits(request->thread_attributes), &ret_information->hThread);
    if (status != STATUS_SUCCESS)
        handle_close(ret_information->hProcess);
    return status;
}

/* The handles come first: nothing that can fail follows the beginning of the program. */
static NTSTATUS start(const struct request *request, struct creation *creation)
{
    char *arguments[] = {"winmem",
                         "run",
                         "--start-record=3",
                         random_base ? "--aslr" : "--",
                         random_base ? "--" : creation->host_program,
                         random_base ? creation->host_program : NULL,
                         NULL};
    const struct child_spawn spawn = {
        .command = THIS_COMMAND,
        .arguments = arguments,
        .directory = creation->host_directory,
        .descriptors = creation->built.descriptors,
        .count = creation->built.count,
    };
    PROCESS_INFORMATION information = {0};
    struct child *child =
        child_new(creation->built.record, creation->built.gate[1], creation->program);
    if (!child)
        return STATUS_NO_MEMORY;
    creation->built.record = creation->built.gate[1] = -1;
    creation->program = NULL;
    NTSTATUS status = open_handles(request, child, &information);
    if (status == STATUS_SUCCESS) {
        status = child_start(child, &spawn);
        information.dwProcessId = information.dwThreadId = child->id;
        if (status != STATUS_SUCCESS) {
            handle_close(information.hThread);
            handle_close(information.hProcess);
        }
    }
    object_unref(&child->thread.object);
    if (status == STATUS_SUCCESS)
        guarded_copy(request->ret_information, &information, sizeof information);
    return status;
}

static BOOL create(const struct request *request)
{
    struct creation creation = {.built = {.record = -1, .gate = {-1, -1}}};
    NTSTATUS status = check(request);
    if (status == STATUS_SUCCESS)
        status = prepare(request, &creation);
    if (status == STATUS_SUCCESS)
        status = start(request, &creation);
    finish(&creation);
    return face_bool(status);
}

BOOL k32_CreateProcessW(LPCWSTR lpApplicationName, LPWSTR lpCommandLine,
                        LPSECURITY_ATTRIBUTES lpProcessAttributes,
                        LPSECURITY_ATTRIBUTES lpThreadAttributes, BOOL bInheritHandles,
                        DWORD dwCreationFlags, LPVOID lpEnvironment, LPCWSTR lpCurrentDirectory,
                        LPSTARTUPINFOW lpStartupInfo, LPPROCESS_INFORMATION lpProcessInformation)
{
    const struct request request = {
        .application = lpApplicationName,
        .command_line = lpCommandLine,
        .directory = lpCurrentDirectory,
        .process_attributes = lpProcessAttributes,
        .thread_attributes = lpThreadAttributes,
        .environment = lpEnvironment,
        .startup = lpStartupInfo,
        .ret_information = lpProcessInformation,
        .flags = dwCreationFlags,
        .inherit = bInheritHandles,
    };
    return create(&request);
}

BOOL k32_CreateProcessA(LPCSTR lpApplicationName, LPSTR lpCommandLine,
                        LPSECURITY_ATTRIBUTES lpProcessAttributes,
                        LPSECURITY_ATTRIBUTES lpThreadAttributes, BOOL bInheritHandles,
                        DWORD dwCreationFlags, LPVOID lpEnvironment, LPCSTR lpCurrentDirectory,
                        LPSTARTUPINFOA lpStartupInfo, LPPROCESS_INFORMATION lpProcessInformation)
{
    WCHAR *application = wide_from_utf8(lpApplicationName);
    WCHAR *command_line = wide_from_utf8(lpCommandLine);
    WCHAR *directory = wide_from_utf8(lpCurrentDirectory);
    const struct request request = {
        .application = application,
        .command_line = command_line,
        .directory = directory,
        .process_attributes = lpProcessAttributes,
        .thread_attributes = lpThreadAttributes,
        .environment = lpEnvironment,
        .startup = lpStartupInfo,
        .ret_information = lpProcessInformation,
        .flags = dwCreationFlags,
        .inherit = bInheritHandles,
        .narrow = true,
    };
    bool missing = (lpApplicationName && !application) || (lpCommandLine && !command_line) ||
                   (lpCurrentDirectory && !directory);
    BOOL done = missing ? face_bool(STATUS_NO_MEMORY) : create(&request);
    free(application);
    free(command_line);
    free(directory);
    return done;
}
