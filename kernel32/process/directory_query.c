/* Listings through a directory's handle: the records of NtQueryDirectoryFile. */
#include "kernel32/process/file_query.h"

#include <stdlib.h>
#include <string.h>
#include "memoryapi/base.h"

/* Where the parts of a record are; 0: not in this one. All but the names begin alike:
 * NextEntryOffset, FileIndex, four times, EndOfFile, AllocationSize, FileAttributes,
 * FileNameLength. */
struct layout {
    uint8_t ea_size, tag, id, name;
    bool facts;
};

static const struct layout *layout_of(uint32_t information_class)
{
    static const struct layout layouts[] = {
        [FileDirectoryInformation] = {0, 0, 0, 64, true},
        [FileFullDirectoryInformation] = {64, 0, 0, 68, true},
        [FileBothDirectoryInformation] = {64, 0, 0, 94, true},
        [FileNamesInformation] = {0, 0, 0, 12, false},
        [FileIdBothDirectoryInformation] = {64, 0, 96, 104, true},
        [FileIdFullDirectoryInformation] = {64, 0, 72, 80, true},
        [FileIdExtdDirectoryInformation] = {64, 68, 72, 88, true},
    };
    if (information_class >= array_length(layouts) || !layouts[information_class].name)
        return NULL;
    return &layouts[information_class];
}

bool file_is_directory_class(uint32_t information_class)
{
    return layout_of(information_class) != NULL;
}

static void put_record(const struct layout *layout, const struct directory_entry *entry,
                       char *record)
{
    const struct file_facts *facts = &entry->facts;
    uint32_t name_bytes = (uint32_t)(entry->length * sizeof(WCHAR));
    memset(record, 0, layout->name);
    memcpy(record + layout->name, entry->name, name_bytes);
    if (!layout->facts) {
        memcpy(record + 8, &name_bytes, 4);
        return;
    }
    const uint64_t numbers[] = {facts->created, facts->accessed, facts->written,
                                facts->changed, facts->size,     facts->allocated};
    const uint32_t tail[] = {facts->attributes, name_bytes};
    memcpy(record + 8, numbers, sizeof numbers);
    memcpy(record + 56, tail, sizeof tail);
    /* of a reparse point this is the tag (windows-driver-docs ntifs/FILE_ID_BOTH_DIR_INFORMATION)
     */
    if (layout->ea_size && !layout->tag)
        memcpy(record + layout->ea_size, &facts->tag, 4);
    if (layout->tag)
        memcpy(record + layout->tag, &facts->tag, 4);
    if (layout->id)
        memcpy(record + layout->id, &facts->inode, 8);
}

static bool is_root(const struct file *file)
{
    bool root = false;
    char *host = path_of_descriptor(file->fd);
    for (WCHAR letter = 'A'; host && letter <= 'Z'; letter++) {
        const char *drive = path_drive_host(letter);
        root |= drive && strcmp(drive, host) == 0;
    }
    free(host);
    return root;
}

static NTSTATUS begin_locked(struct file *file, const struct directory_query *query)
{
    directory_close(file->listing);
    file->listing = NULL;
    return directory_open(file->fd, query->pattern, query->pattern_length, !is_root(file),
                          &file->listing);
}

static NTSTATUS put_records_locked(struct file *file, const struct directory_query *query,
                                   char *buffer, size_t room, size_t *ret_length)
{
    const struct layout *layout = layout_of(query->information_class);
    struct directory_entry entry;
    size_t end = 0, last = 0;
    NTSTATUS status;
    while ((status = directory_peek(file->listing, &entry)) == STATUS_SUCCESS) {
        size_t at = round_up(end, 8), size = layout->name + entry.length * sizeof(WCHAR);
        if (at + size > room)
            break;
        uint32_t step = (uint32_t)(at - last);
        if (end)
            memcpy(buffer + last, &step, 4);
        put_record(layout, &entry, buffer + at);
        directory_advance(file->listing);
        last = at;
        end = at + size;
        if (query->single)
            break;
    }
    *ret_length = end;
    if (end)
        return STATUS_SUCCESS;
    return status == STATUS_SUCCESS ? STATUS_BUFFER_OVERFLOW : status;
}

NTSTATUS file_query_directory(struct file *file, const struct directory_query *query, void *buffer,
                              size_t room, size_t *ret_length)
{
    const struct layout *layout = layout_of(query->information_class);
    if (!file->directory || !layout)
        return layout ? STATUS_INVALID_PARAMETER : STATUS_INVALID_INFO_CLASS;
    if (room < layout->name)
        return STATUS_INFO_LENGTH_MISMATCH;
    futex_lock(&file->lock);
    bool first = query->restart || !file->listing;
    NTSTATUS status = first ? begin_locked(file, query) : STATUS_SUCCESS;
    if (status == STATUS_SUCCESS)
        status = put_records_locked(file, query, buffer, room, ret_length);
    futex_unlock(&file->lock);
    return status == STATUS_NO_MORE_FILES && first ? STATUS_NO_SUCH_FILE : status;
}
