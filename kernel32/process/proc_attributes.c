/* Lists of attributes for programs to start. A list lives in the program's memory. */
#include "kernel32/process/proc_attributes.h"

#include <stdlib.h>
#include "kernel32/face.h"
#include "memoryapi/guarded.h"

#define LIST_MAGIC         0x7474614Cu
#define ATTRIBUTES_MAXIMUM 64u

struct attribute {
    uint64_t key, size; /* bytes */
    const void *value;  /* the program's, which keeps it */
};

struct attribute_list {
    uint32_t magic, room, count, unused[3];
    struct attribute attributes[];
};

BOOL k32_InitializeProcThreadAttributeList(PVOID lpAttributeList, DWORD dwAttributeCount,
                                           DWORD dwFlags, PSIZE_T lpSize)
{
    struct attribute_list head = {.magic = LIST_MAGIC, .room = dwAttributeCount};
    SIZE_T given, needed = sizeof head + (SIZE_T)dwAttributeCount * sizeof(struct attribute);
    if (dwFlags || dwAttributeCount > ATTRIBUTES_MAXIMUM)
        return face_bool(STATUS_INVALID_PARAMETER);
    if (!guarded_read(lpSize, &given, sizeof given) ||
        !guarded_write(lpSize, &needed, sizeof needed))
        return face_bool(STATUS_ACCESS_VIOLATION);
    if (!lpAttributeList || given < needed)
        return face_bool(STATUS_BUFFER_TOO_SMALL);
    return face_bool(guarded_copy(lpAttributeList, &head, sizeof head) ? STATUS_SUCCESS
                                                                       : STATUS_ACCESS_VIOLATION);
}

static NTSTATUS read_head(const void *list, struct attribute_list *ret_head)
{
    if (!guarded_read(list, ret_head, sizeof *ret_head))
        return STATUS_ACCESS_VIOLATION;
    return ret_head->magic == LIST_MAGIC && ret_head->count <= ret_head->room &&
                   ret_head->room <= ATTRIBUTES_MAXIMUM
               ? STATUS_SUCCESS
               : STATUS_INVALID_PARAMETER;
}

/* Its place in the list: `count` when it is not there. */
static NTSTATUS find(const struct attribute_list *list, uint32_t count, uint64_t key,
                     struct attribute *ret_attribute, uint32_t *ret_place)
{
    for (*ret_place = 0; *ret_place < count; ++*ret_place) {
        if (!guarded_read(&list->attributes[*ret_place], ret_attribute, sizeof *ret_attribute))
            return STATUS_ACCESS_VIOLATION;
        if (ret_attribute->key == key)
            break;
    }
    return STATUS_SUCCESS;
}

BOOL k32_UpdateProcThreadAttribute(PVOID lpAttributeList, DWORD dwFlags, DWORD_PTR Attribute,
                                   PVOID lpValue, SIZE_T cbSize, PVOID lpPreviousValue,
                                   PSIZE_T lpReturnSize)
{
    struct attribute_list *list = lpAttributeList, head;
    struct attribute before, attribute = {Attribute, cbSize, lpValue};
    uint32_t place;
    if (dwFlags || lpPreviousValue || lpReturnSize)
        return face_bool(STATUS_INVALID_PARAMETER);
    NTSTATUS status = read_head(list, &head);
    if (status == STATUS_SUCCESS && Attribute != PROC_THREAD_ATTRIBUTE_HANDLE_LIST)
        status = STATUS_NOT_SUPPORTED;
    if (status == STATUS_SUCCESS && (cbSize == 0 || cbSize % sizeof(HANDLE)))
        status = STATUS_INFO_LENGTH_MISMATCH;
    if (status == STATUS_SUCCESS)
        status = find(list, head.count, Attribute, &before, &place);
    if (status == STATUS_SUCCESS && place == head.room)
        status = STATUS_UNSUCCESSFUL;
    if (status != STATUS_SUCCESS)
        return face_bool(status);
    if (place == head.count)
        head.count++;
    if (!guarded_copy(&list->attributes[place], &attribute, sizeof attribute) ||
        !guarded_copy(list, &head, sizeof head))
        status = STATUS_ACCESS_VIOLATION;
    return face_bool(status);
}

/* Nothing belongs to a list but its own memory, which is the program's. */
void k32_DeleteProcThreadAttributeList(PVOID lpAttributeList)
{
}

NTSTATUS proc_attributes_handles(const void *list, HANDLE **ret_handles, size_t *ret_count)
{
    struct attribute_list head;
    struct attribute attribute;
    uint32_t place = 0;
    NTSTATUS status = read_head(list, &head);
    if (status == STATUS_SUCCESS)
        status = find(list, head.count, PROC_THREAD_ATTRIBUTE_HANDLE_LIST, &attribute, &place);
    if (status != STATUS_SUCCESS || place == head.count)
        return status;
    HANDLE *handles = malloc(attribute.size);
    if (!handles)
        return STATUS_NO_MEMORY;
    if (!guarded_copy(handles, attribute.value, attribute.size)) {
        free(handles);
        return STATUS_ACCESS_VIOLATION;
    }
    *ret_handles = handles;
    *ret_count = attribute.size / sizeof *handles;
    return STATUS_SUCCESS;
}
