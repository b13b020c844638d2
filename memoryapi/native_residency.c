/* The classes of NtQueryVirtualMemory that tell which pages are in memory. */
#include <stdlib.h>
#include "memoryapi/base.h"
#include "memoryapi/guarded.h"
#include "memoryapi/native_residency.h"
#include "memoryapi/residency.h"

#define ENTRIES_AT_ONCE 512u
#define PAGES_AT_ONCE   128u

static NTSTATUS count_all(uint64_t *ret_count)
{
    uint64_t at = 0;
    return mm_working_set(&at, NULL, UINT64_MAX, ret_count);
}

/* Every page of a caller's buffer, so that nothing fails half-way, nor is more in memory then. */
static bool touch_all(char *buffer, uint64_t size)
{
    for (uint64_t at = 0; at < size;
         at = round_down((uint64_t)buffer + at, PAGE_SIZE) + PAGE_SIZE - (uint64_t)buffer)
        if (!guarded_touch(buffer + at))
            return false;
    return guarded_touch(buffer + size - 1);
}

/* Nothing but the number that is needed is told: psapi/QueryWorkingSet. */
static NTSTATUS too_short(void *buffer, uint64_t count)
{
    return guarded_write(buffer, &count, sizeof count) ? STATUS_INFO_LENGTH_MISMATCH
                                                       : STATUS_ACCESS_VIOLATION;
}

static NTSTATUS fill(uint64_t *buffer, uint64_t room, uint64_t *entries, uint64_t *ret_count)
{
    uint64_t at = 0, done = 0, count;
    do {
        NTSTATUS status = mm_working_set(&at, entries, ENTRIES_AT_ONCE, &count);
        if (status != STATUS_SUCCESS)
            return status;
        uint64_t fits = done >= room ? 0 : count < room - done ? count : room - done;
        if (fits && !guarded_copy(buffer + 1 + done, entries, fits * sizeof *entries))
            return STATUS_ACCESS_VIOLATION;
        done += count;
    } while (count == ENTRIES_AT_ONCE);
    *ret_count = done;
    return STATUS_SUCCESS;
}

NTSTATUS native_working_set(void *buffer, SIZE_T length, SIZE_T *ret_length)
{
    uint64_t count, room, *entries;
    NTSTATUS status = length < sizeof count ? STATUS_INFO_LENGTH_MISMATCH : count_all(&count);
    if (status != STATUS_SUCCESS)
        return status;
    room = length / sizeof count - 1;
    if (count <= room && !touch_all(buffer, (count + 1) * sizeof count))
        return STATUS_ACCESS_VIOLATION;
    if (count <= room)
        status = count_all(&count);
    if (status != STATUS_SUCCESS)
        return status;
    if (count > room)
        return too_short(buffer, count);
    entries = malloc(ENTRIES_AT_ONCE * sizeof *entries);
    if (!entries)
        return STATUS_NO_MEMORY;
    status = fill(buffer, room, entries, &count);
    free(entries);
    if (status != STATUS_SUCCESS)
        return status;
    if (count > room)
        return too_short(buffer, count);
    *ret_length = (count + 1) * sizeof count;
    return guarded_write(buffer, &count, sizeof count) ? STATUS_SUCCESS : STATUS_ACCESS_VIOLATION;
}

NTSTATUS native_working_set_ex(void *buffer, SIZE_T length, SIZE_T *ret_length)
{
    PSAPI_WORKING_SET_EX_INFORMATION pages[PAGES_AT_ONCE], *entries = buffer;
    uint64_t count = length / sizeof pages[0];
    NTSTATUS status = count ? STATUS_SUCCESS : STATUS_INFO_LENGTH_MISMATCH;
    if (count && !touch_all(buffer, count * sizeof pages[0]))
        return STATUS_ACCESS_VIOLATION;
    for (uint64_t done = 0; done < count && status == STATUS_SUCCESS; done += PAGES_AT_ONCE) {
        unsigned here = (unsigned)(count - done < PAGES_AT_ONCE ? count - done : PAGES_AT_ONCE);
        if (!guarded_copy(pages, entries + done, here * sizeof pages[0]))
            return STATUS_ACCESS_VIOLATION;
        status = mm_working_set_ex(pages, here);
        if (status == STATUS_SUCCESS &&
            !guarded_copy(entries + done, pages, here * sizeof pages[0]))
            return STATUS_ACCESS_VIOLATION;
    }
    *ret_length = count * sizeof pages[0];
    return status;
}
