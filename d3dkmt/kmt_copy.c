/* The memory of a caller: copied before anything is locked, and tried before it is written. */
#include <stdlib.h>
#include "d3dkmt/kmt.h"
#include "memoryapi/guarded.h"

NTSTATUS kmt_copy_list(const void *list, uint32_t count, size_t size, void *room,
                       uint32_t room_count, void **ret_list)
{
    void *copy = room;
    if (!list || !count || count > KMT_LIST_MOST)
        return STATUS_INVALID_PARAMETER;
    if (count > room_count && !(copy = malloc(count * size)))
        return STATUS_NO_MEMORY;
    if (!guarded_copy(copy, list, count * size)) {
        kmt_free_list(copy, room);
        return STATUS_ACCESS_VIOLATION;
    }
    *ret_list = copy;
    return STATUS_SUCCESS;
}

void kmt_free_list(void *list, void *room)
{
    if (list != room)
        free(list);
}

NTSTATUS kmt_copy_data(const void *data, uint32_t size, void **ret_data)
{
    *ret_data = NULL;
    if (!size)
        return STATUS_SUCCESS;
    return size > KMT_DATA_MOST ? STATUS_INVALID_PARAMETER
                                : kmt_copy_list(data, size, 1, NULL, 0, ret_data);
}

bool kmt_can_write(void *at, size_t size)
{
    uint64_t start = (uint64_t)at, end;
    if (!at || add_overflows(start, size, &end))
        return false;
    for (uint64_t page = start; page < end; page = round_down(page, PAGE_SIZE) + PAGE_SIZE)
        if (!guarded_touch((void *)page))
            return false;
    return !size || guarded_touch((void *)(end - 1));
}
