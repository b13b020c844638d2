/* NtQueryVirtualMemory: its classes, and the buffers they answer into. */
#include <stdlib.h>
#include "memoryapi/base.h"
#include "memoryapi/guarded.h"
#include "memoryapi/mm.h"
#include "memoryapi/native.h"
#include "memoryapi/native_residency.h"
#include "memoryapi/object.h"

#include "faces.h"

#define PROCESS_VM_READ_RIGHT           0x0010u
#define PROCESS_QUERY_INFORMATION_RIGHT 0x0400u

union answer {
    MEMORY_BASIC_INFORMATION basic;
    MEMORY_REGION_INFORMATION region;
    MEMORY_IMAGE_INFORMATION image;
    SIZE_T shared_commit;
};

static NTSTATUS query_basic(uint64_t address, union answer *ret)
{
    return mm_query(address, &ret->basic);
}

static NTSTATUS query_region(uint64_t address, union answer *ret)
{
    return mm_query_region(address, &ret->region);
}

static NTSTATUS query_image(uint64_t address, union answer *ret)
{
    return mm_query_image(address, &ret->image);
}

/* Of the process, whatever the address: nothing that is committed here is shared. */
static NTSTATUS query_shared_commit(uint64_t address, union answer *ret)
{
    (void)address;
    ret->shared_commit = 0;
    return STATUS_SUCCESS;
}

/* The classes that answer with a structure of one size. */
static const struct {
    SIZE_T size; /* bytes; 0: not a class of this kind */
    NTSTATUS (*query)(uint64_t address, union answer *ret);
} classes[] = {
    [MemoryBasicInformation] = {sizeof(MEMORY_BASIC_INFORMATION), query_basic},
    [MemoryRegionInformation] = {offsetof(MEMORY_REGION_INFORMATION, PartitionId), query_region},
    [MemorySharedCommitInformation] = {sizeof(SIZE_T), query_shared_commit},
    [MemoryImageInformation] = {sizeof(MEMORY_IMAGE_INFORMATION), query_image},
    [MemoryRegionInformationEx] = {sizeof(MEMORY_REGION_INFORMATION), query_region},
    [MemoryPrivilegedBasicInformation] = {sizeof(MEMORY_BASIC_INFORMATION), query_basic},
    [MemoryBasicInformationCapped] = {sizeof(MEMORY_BASIC_INFORMATION), query_basic},
};

/* Where the length goes is looked at first: a failure must not have filled the buffer. */
static bool writable(PSIZE_T length)
{
    return !length || native_is_writable(length, sizeof *length);
}

static NTSTATUS write_length(PSIZE_T to, SIZE_T length)
{
    return to && !guarded_write(to, &length, sizeof length) ? STATUS_ACCESS_VIOLATION
                                                            : STATUS_SUCCESS;
}

static NTSTATUS query_fixed(HANDLE process, uint64_t address, unsigned class, void *buffer,
                            SIZE_T length, PSIZE_T ret_length)
{
    union answer answer;
    SIZE_T size = classes[class].size;
    if (length < size)
        return STATUS_INFO_LENGTH_MISMATCH;
    NTSTATUS status = handle_is_current_process(process, PROCESS_QUERY_INFORMATION_RIGHT);
    if (status == STATUS_SUCCESS)
        status = classes[class].query(address, &answer);
    if (status != STATUS_SUCCESS)
        return status;
    if (!writable(ret_length) || !guarded_write(buffer, &answer, size))
        return STATUS_ACCESS_VIOLATION;
    return write_length(ret_length, size);
}

/* A UNICODE_STRING with its terminated characters behind it; a short buffer learns the length. */
static NTSTATUS put_name(const uint16_t *name, size_t characters, void *buffer, SIZE_T length,
                         PSIZE_T ret_length)
{
    size_t bytes = characters * sizeof *name;
    SIZE_T needed = sizeof(UNICODE_STRING) + bytes + sizeof *name;
    UNICODE_STRING string = {(USHORT)bytes, (USHORT)(bytes + sizeof *name),
                             (PWSTR)((char *)buffer + sizeof string)};
    if (bytes > UINT16_MAX - sizeof *name)
        return STATUS_NAME_TOO_LONG;
    if (!writable(ret_length))
        return STATUS_ACCESS_VIOLATION;
    if (length < needed) {
        NTSTATUS status = write_length(ret_length, needed);
        return status == STATUS_SUCCESS ? STATUS_INFO_LENGTH_MISMATCH : status;
    }
    if (!guarded_write(string.Buffer, name, bytes + sizeof *name) ||
        !guarded_write(buffer, &string, sizeof string))
        return STATUS_ACCESS_VIOLATION;
    return write_length(ret_length, needed);
}

static NTSTATUS query_name(HANDLE process, uint64_t address, void *buffer, SIZE_T length,
                           PSIZE_T ret_length)
{
    MEMORY_IMAGE_INFORMATION image;
    size_t characters;
    NTSTATUS status = handle_is_current_process(process, PROCESS_QUERY_INFORMATION_RIGHT);
    if (status == STATUS_SUCCESS)
        status = mm_query_image(address, &image);
    if (status != STATUS_SUCCESS)
        return status;
    uint16_t *name = mm_image_name ? mm_image_name((uint64_t)image.ImageBase, &characters) : NULL;
    if (!name)
        return STATUS_INVALID_ADDRESS;
    status = put_name(name, characters, buffer, length, ret_length);
    free(name);
    return status;
}

/* Who asks for all pages could as well read them: psapi/QueryWorkingSet names the right. */
static NTSTATUS query_residency(HANDLE process, unsigned class, void *buffer, SIZE_T length,
                                PSIZE_T ret_length)
{
    bool all = class == MemoryWorkingSetInformation;
    SIZE_T size;
    NTSTATUS status = handle_is_current_process(process, PROCESS_QUERY_INFORMATION_RIGHT |
                                                             (all ? PROCESS_VM_READ_RIGHT : 0));
    if (status == STATUS_SUCCESS && !writable(ret_length))
        status = STATUS_ACCESS_VIOLATION;
    if (status == STATUS_SUCCESS)
        status = all ? native_working_set(buffer, length, &size)
                     : native_working_set_ex(buffer, length, &size);
    return status == STATUS_SUCCESS ? write_length(ret_length, size) : status;
}

NTSTATUS nt_NtQueryVirtualMemory(HANDLE ProcessHandle, PVOID BaseAddress,
                                 INT MemoryInformationClass, PVOID MemoryInformation,
                                 SIZE_T MemoryInformationLength, PSIZE_T ReturnLength)
{
    unsigned class = (unsigned)MemoryInformationClass;
    if (class == MemoryMappedFilenameInformation)
        return query_name(ProcessHandle, (uint64_t)BaseAddress, MemoryInformation,
                          MemoryInformationLength, ReturnLength);
    if (class == MemoryWorkingSetInformation || class == MemoryWorkingSetExInformation)
        return query_residency(ProcessHandle, class, MemoryInformation, MemoryInformationLength,
                               ReturnLength);
    if (class >= array_length(classes) || !classes[class].size)
        return STATUS_INVALID_INFO_CLASS;
    return query_fixed(ProcessHandle, (uint64_t)BaseAddress, class, MemoryInformation,
                       MemoryInformationLength, ReturnLength);
}
