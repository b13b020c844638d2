/* Being a program that another Windows program started. */
#include "kernel32/process/started.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "kernel32/face.h"
#include "kernel32/process/console.h"
#include "kernel32/process/file.h"
#include "memoryapi/object.h"

#define RECORD_MAXIMUM (1u << 30) /* bytes; no environment is that large */

static struct start_record *record; /* constant after started_open */

static bool inside(const struct start_text *text)
{
    return text->offset <= record->size && text->size <= record->size - text->offset &&
           text->offset % 8 == 0;
}

/* A text of UTF-16 with its terminator, or empty. */
static bool is_text(const struct start_text *text)
{
    return inside(text) && text->size % 2 == 0 &&
           (text->size == 0 || ((const uint16_t *)started_bytes(text))[text->size / 2 - 1] == 0);
}

static bool is_valid(off_t size)
{
    return record->magic == START_MAGIC && record->size == (uint64_t)size &&
           is_text(&record->desktop) && is_text(&record->title) && inside(&record->reserved) &&
           is_text(&record->command_line) && record->command_line.size >= 2 &&
           is_text(&record->environment) && record->environment.size >= 4 &&
           inside(&record->handles) && record->handles.size % sizeof(struct start_handle) == 0;
}

NTSTATUS started_open(int descriptor)
{
    struct stat facts;
    if (fstat(descriptor, &facts) || facts.st_size < (off_t)sizeof *record ||
        facts.st_size > RECORD_MAXIMUM)
        return STATUS_INVALID_PARAMETER;
    record = malloc((size_t)facts.st_size);
    if (!record)
        return STATUS_NO_MEMORY;
    if (pread(descriptor, record, (size_t)facts.st_size, 0) != facts.st_size ||
        !is_valid(facts.st_size) || descriptor != START_RECORD_DESCRIPTOR) {
        free(record);
        record = NULL;
        return STATUS_INVALID_PARAMETER;
    }
    fcntl(descriptor, F_SETFD, FD_CLOEXEC);
    if (record->suspended)
        fcntl(START_GATE_DESCRIPTOR, F_SETFD, FD_CLOEXEC);
    else
        close(START_GATE_DESCRIPTOR);
    return STATUS_SUCCESS;
}

const struct start_record *started_record(void)
{
    return record;
}

const void *started_bytes(const struct start_text *text)
{
    return (const char *)record + text->offset;
}

static NTSTATUS take_file(const struct start_handle *from, struct file **ret_file)
{
    struct stat facts;
    if (fstat(from->descriptor, &facts))
        return errno_to_status(errno);
    /* the standard descriptors stay open for winmem's own messages */
    bool owned = from->descriptor >= START_FIRST_DESCRIPTOR;
    struct file *file = file_new(from->descriptor, owned, &facts, from->access);
    if (!file)
        return STATUS_NO_MEMORY;
    if (owned)
        fcntl(from->descriptor, F_SETFD, FD_CLOEXEC);
    file->share = from->share;
    file->options = from->options;
    file->append = from->marks & START_APPEND;
    file->directory = from->marks & START_DIRECTORY;
    file->link = from->marks & START_LINK;
    file->path_only = from->marks & START_PATH_ONLY;
    NTSTATUS status = file->kind == FILE_DISK ? file_share_enter(file) : STATUS_SUCCESS;
    if (status == STATUS_SUCCESS)
        *ret_file = file;
    else
        file_unref(file);
    return status;
}

NTSTATUS started_take_handles(void)
{
    const struct start_handle *handles = started_bytes(&record->handles);
    uint32_t count = record->handles.size / (uint32_t)sizeof *handles;
    struct file **files = calloc(count + 1, sizeof *files);
    NTSTATUS status = files ? STATUS_SUCCESS : STATUS_NO_MEMORY;
    for (uint32_t i = 0; i < count && status == STATUS_SUCCESS; i++) {
        uint32_t first = handles[i].file;
        if (first > i)
            status = STATUS_INVALID_PARAMETER;
        else if (first == i)
            status = take_file(&handles[i], &files[i]);
        else
            files[i] = (struct file *)object_ref(&files[first]->waitable.object);
        if (status == STATUS_SUCCESS)
            status = handle_create_at((HANDLE)handles[i].handle, &files[i]->waitable.object,
                                      handles[i].granted);
    }
    for (uint32_t i = 0; files && i < count; i++)
        object_unref(files[i] ? &files[i]->waitable.object : NULL);
    free(files);
    return status;
}

void started_adopt(void)
{
    for (unsigned i = 0; i < STANDARD_COUNT; i++)
        if (record->standard_given >> i & 1)
            console_standard_give(i, (HANDLE)record->standard[i]);
    if (record->priority_class)
        k32_SetPriorityClass(THIS_PROCESS, record->priority_class);
    k32_SetErrorMode(record->error_mode);
    if (record->ignores_c)
        k32_SetConsoleCtrlHandler(NULL, TRUE);
}

void started_wait(void)
{
    char byte;
    ssize_t got;
    if (!record || !record->suspended)
        return;
    do
        got = read(START_GATE_DESCRIPTOR, &byte, 1);
    while (got < 0 && errno == EINTR);
    if (got != 1)
        _exit(1); /* nobody is left who could resume us */
    close(START_GATE_DESCRIPTOR);
}

void started_report(uint32_t code)
{
    const uint32_t said[2] = {1, code};
    if (record && pwrite(START_RECORD_DESCRIPTOR, said, sizeof said,
                         offsetof(struct start_record, ended)) != (ssize_t)sizeof said)
        return; /* then the parent has the eight bits of the host */
}
