/* Lists of the caller, copied before anything is locked. */
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
