/* What a child is told and given: standard handles, inherited files, command line, environment. */
#include "kernel32/process/start_build.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "kernel32/face.h"
#include "kernel32/process/child_host.h"
#include "kernel32/process/console.h"
#include "kernel32/process/environ.h"
#include "kernel32/process/file.h"
#include "memoryapi/host.h"
#include "memoryapi/object.h"

#define STANDARD_HANDLE(index) ((DWORD)-10 - (index))
#define NO_CONSOLE             (DETACHED_PROCESS | CREATE_NEW_CONSOLE | CREATE_NO_WINDOW)
/* Priority classes that a child inherits (sdk-api processthreadsapi/CreateProcessW). */
#define LOW_CLASSES (IDLE_PRIORITY_CLASS | BELOW_NORMAL_PRIORITY_CLASS)

struct builder {
    const struct start_request *request;
    struct start_built *built;
    struct start_record head;
    struct start_handle *handles; /* built->files has the file of each, then the standard ones */
    uint32_t count, room;
    /* the record */
    char *bytes;
    size_t size;
};

static bool make_room(struct builder *builder)
{
    uint32_t room = builder->room ? builder->room * 2 : 16;
    if (builder->built->file_count < builder->room)
        return true;
    struct start_handle *handles = realloc(builder->handles, room * sizeof *handles);
    if (handles)
        builder->handles = handles;
    struct file **files = handles ? realloc(builder->built->files, room * sizeof *files) : NULL;
    if (!files)
        return false;
    builder->built->files = files;
    builder->room = room;
    return true;
}

/* Takes the reference over. */
static NTSTATUS keep_file(struct builder *builder, struct file *file)
{
    if (!make_room(builder)) {
        file_unref(file);
        return STATUS_NO_MEMORY;
    }
    builder->built->files[builder->built->file_count++] = file;
    return STATUS_SUCCESS;
}

static NTSTATUS add_handle(struct builder *builder, HANDLE handle, ACCESS_MASK granted,
                           struct file *file)
{
    NTSTATUS status = keep_file(builder, file);
    if (status != STATUS_SUCCESS)
        return status;
    uint32_t first = 0;
    while (builder->built->files[first] != file)
        first++;
    builder->handles[builder->count++] = (struct start_handle){
        .handle = (uint64_t)handle,
        .file = first,
        .descriptor = -1,
        .granted = granted,
        .access = file->access,
        .share = file->share,
        /* the parent's file is deleted by the parent */
        .options = file->options & ~FILE_DELETE_ON_CLOSE,
        .marks = (file->append ? START_APPEND : 0u) | (file->directory ? START_DIRECTORY : 0u) |
                 (file->link ? START_LINK : 0u) | (file->path_only ? START_PATH_ONLY : 0u),
    };
    return STATUS_SUCCESS;
}

static bool is_listed(const struct start_request *request, HANDLE handle)
{
    for (size_t i = 0; i < request->handle_count; i++)
        if (request->handles[i] == handle)
            return true;
    return !request->handles;
}

/* A list is only for who inherits, and names nothing but what can be inherited. */
static NTSTATUS check_list(const struct start_request *request)
{
    uint32_t flags;
    if (request->handles && !request->inherit)
        return STATUS_INVALID_PARAMETER;
    for (size_t i = 0; i < request->handle_count; i++)
        if (handle_flags(request->handles[i], &flags) != STATUS_SUCCESS ||
            !(flags & HANDLE_FLAG_INHERIT))
            return STATUS_INVALID_PARAMETER;
    return STATUS_SUCCESS;
}

/* Objects of other kinds stay behind (see the quirk in the spec). */
static NTSTATUS collect_handles(struct builder *builder)
{
    struct object *object;
    ACCESS_MASK granted;
    NTSTATUS status = STATUS_SUCCESS;
    HANDLE at = NULL;
    while (status == STATUS_SUCCESS && handle_next_inheritable(at, &at, &granted, &object)) {
        if (object->ops->type == OBJECT_FILE && is_listed(builder->request, at))
            status = add_handle(builder, at, granted, (struct file *)object);
        else
            object_unref(object);
    }
    return status;
}

static struct start_handle *inherited(struct builder *builder, HANDLE handle)
{
    for (uint32_t i = 0; i < builder->count; i++)
        if (builder->handles[i].handle == (uint64_t)handle)
            return &builder->handles[builder->handles[i].file];
    return NULL;
}

/*
 * A standard handle that is inherited keeps its value. A terminal is also the descriptor, because
 * that is how input and output are told apart (console.h); of anything else the handle is the only
 * way, so that closing it closes it, but for what winmem itself has to say.
 */
static void give_inherited(struct builder *builder, unsigned index, HANDLE handle,
                           struct start_handle *entry)
{
    int *descriptor = &builder->built->descriptors[index];
    builder->head.standard_given |= 1u << index;
    builder->head.standard[index] = (uint64_t)handle;
    if (index == STANDARD_ERROR)
        *descriptor = fcntl(STDERR_FILENO, F_GETFD) >= 0 ? STDERR_FILENO : -1;
    if (!entry)
        return;
    struct file *file = builder->built->files[entry->file];
    if (file->kind == FILE_CONSOLE && entry->descriptor < 0)
        entry->descriptor = (int32_t)index;
    if (file->kind == FILE_CONSOLE || index == STANDARD_ERROR)
        *descriptor = file->fd;
}

static NTSTATUS give_standard(struct builder *builder, unsigned index)
{
    const STARTUPINFOW *startup = builder->request->startup;
    const HANDLE chosen[] = {startup->hStdInput, startup->hStdOutput, startup->hStdError};
    bool choice = startup->dwFlags & STARTF_USESTDHANDLES;
    struct file *file;
    if (!choice && (builder->request->flags & NO_CONSOLE)) {
        /* what is written to a console that nobody sees is gone */
        if (builder->request->flags & DETACHED_PROCESS)
            builder->head.standard_given |= 1u << index;
        return STATUS_SUCCESS;
    }
    HANDLE handle = choice ? chosen[index] : k32_GetStdHandle(STANDARD_HANDLE(index));
    struct start_handle *entry = inherited(builder, handle);
    if (choice || entry) {
        give_inherited(builder, index, handle, entry);
        return STATUS_SUCCESS;
    }
    if (file_lookup(handle, 0, &file) != STATUS_SUCCESS) {
        builder->head.standard_given |= 1u << index; /* none here, none there */
        return STATUS_SUCCESS;
    }
    builder->built->descriptors[index] = file->fd;
    return keep_file(builder, file);
}

static NTSTATUS give_descriptors(struct builder *builder)
{
    struct start_built *built = builder->built;
    NTSTATUS status = STATUS_SUCCESS;
    built->descriptors =
        malloc((START_FIRST_DESCRIPTOR + builder->count) * sizeof *built->descriptors);
    if (!built->descriptors)
        return STATUS_NO_MEMORY;
    built->count = START_FIRST_DESCRIPTOR;
    for (unsigned i = 0; i < START_FIRST_DESCRIPTOR; i++)
        built->descriptors[i] = -1;
    for (unsigned i = 0; i < STANDARD_COUNT && status == STATUS_SUCCESS; i++)
        status = give_standard(builder, i);
    for (uint32_t i = 0; i < builder->count; i++) {
        struct start_handle *handle = &builder->handles[i];
        if (handle->file != i || handle->descriptor >= 0)
            continue;
        handle->descriptor = (int32_t)built->count;
        built->descriptors[built->count++] = built->files[i]->fd;
    }
    return status;
}

/* Appends; the offset of each text is a multiple of 8. False without memory. */
static bool put(struct builder *builder, const void *bytes, size_t size, struct start_text *ret)
{
    size_t at = (builder->size + 7) & ~(size_t)7;
    if (at + size > UINT32_MAX)
        return false;
    char *larger = realloc(builder->bytes, at + size + 1);
    if (!larger)
        return false;
    builder->bytes = larger;
    memset(larger + builder->size, 0, at - builder->size);
    memcpy(larger + at, bytes ? bytes : "", size);
    *ret = (struct start_text){(uint32_t)at, (uint32_t)size};
    builder->size = at + size;
    return true;
}

static bool put_wide(struct builder *builder, const WCHAR *text, struct start_text *ret)
{
    return put(builder, text, text ? (wide_length(text) + 1) * sizeof *text : 0, ret);
}

static uint32_t priority_class(DWORD flags)
{
    uint32_t asked = flags & PRIORITY_CLASSES;
    return asked ? asked : k32_GetPriorityClass(THIS_PROCESS) & LOW_CLASSES;
}

static NTSTATUS compose(struct builder *builder)
{
    const struct start_request *request = builder->request;
    struct start_record *head = &builder->head;
    struct start_text place;
    head->magic = START_MAGIC;
    head->suspended = request->flags & CREATE_SUSPENDED;
    head->ignores_c = (request->flags & CREATE_NEW_PROCESS_GROUP) || console_ignores_c();
    head->error_mode = request->flags & CREATE_DEFAULT_ERROR_MODE ? 0 : k32_GetErrorMode();
    head->priority_class = priority_class(request->flags);
    head->startup = *request->startup;
    head->startup.lpReserved = head->startup.lpDesktop = head->startup.lpTitle = NULL;
    head->startup.lpReserved2 = NULL;
    size_t block = environ_block_length(request->environment) * sizeof *request->environment;
    bool done =
        put(builder, head, sizeof *head, &place) &&
        put_wide(builder, request->startup->lpDesktop, &head->desktop) &&
        put_wide(builder, request->startup->lpTitle, &head->title) &&
        put(builder, request->startup->lpReserved2,
            request->startup->lpReserved2 ? request->startup->cbReserved2 : 0, &head->reserved) &&
        put_wide(builder, request->command_line, &head->command_line) &&
        put(builder, request->environment, block, &head->environment) &&
        put(builder, builder->handles, builder->count * sizeof *builder->handles, &head->handles);
    if (!done)
        return STATUS_NO_MEMORY;
    head->size = (uint32_t)builder->size;
    memcpy(builder->bytes, head, sizeof *head);
    return STATUS_SUCCESS;
}

static NTSTATUS write_record(struct builder *builder)
{
    struct start_built *built = builder->built;
    int error = host_memory_file("winmem start", &built->record);
    if (!error)
        error = child_host_write(built->record, builder->bytes, builder->size);
    if (!error && builder->head.suspended)
        error = child_host_pipe(built->gate);
    if (error)
        return errno_to_status(-error);
    built->descriptors[START_RECORD_DESCRIPTOR] = built->record;
    built->descriptors[START_GATE_DESCRIPTOR] = built->gate[0];
    return STATUS_SUCCESS;
}

NTSTATUS start_build(const struct start_request *request, struct start_built *ret_built)
{
    *ret_built = (struct start_built){.record = -1, .gate = {-1, -1}};
    struct builder builder = {.request = request, .built = ret_built};
    NTSTATUS status = check_list(request);
    if (status == STATUS_SUCCESS && request->inherit)
        status = collect_handles(&builder);
    if (status == STATUS_SUCCESS)
        status = give_descriptors(&builder);
    if (status == STATUS_SUCCESS)
        status = compose(&builder);
    if (status == STATUS_SUCCESS)
        status = write_record(&builder);
    free(builder.handles);
    free(builder.bytes);
    return status;
}

void start_built_free(struct start_built *built)
{
    for (unsigned i = 0; i < built->file_count; i++)
        file_unref(built->files[i]);
    free(built->files);
    free(built->descriptors);
    const int open[] = {built->record, built->gate[0], built->gate[1]};
    for (unsigned i = 0; i < array_length(open); i++)
        if (open[i] >= 0)
            close(open[i]);
}
