/* The file an image was mapped from, by its name in the object namespace. */
#include <stdlib.h>
#include <string.h>
#include "kernel32/face.h"
#include "kernel32/loader/module.h"
#include "kernel32/process/utf.h"
#include "memoryapi/guarded.h"
#include "memoryapi/mm.h"
#include "memoryapi/object.h"

/* \Device\HarddiskVolume<n>, n as QueryDosDevice has it, in the place of "X:". */
WCHAR *module_device_path(const WCHAR *path, size_t length, size_t *ret_length)
{
    static const char device[] = "\\Device\\HarddiskVolume";
    unsigned volume = (path[0] | 0x20u) - 'a' + 1;
    if (length < 3 || volume - 1 > 25 || path[1] != ':')
        return NULL;
    WCHAR *name = malloc((sizeof device + 2 + length) * sizeof *name), *at = name;
    if (!name)
        return NULL;
    for (const char *from = device; *from; from++)
        *at++ = (WCHAR)*from;
    if (volume >= 10)
        *at++ = (WCHAR)('0' + volume / 10);
    *at++ = (WCHAR)('0' + volume % 10);
    memcpy(at, path + 2, (length - 2) * sizeof *at);
    at += length - 2;
    *at = 0;
    *ret_length = (size_t)(at - name);
    return name;
}

uint16_t *module_image_name(uint64_t base, size_t *ret_length)
{
    size_t length;
    WCHAR *path = malloc(PATH_ROOM * sizeof *path), *name = NULL;
    if (path && module_full_path(base, path, PATH_ROOM, &length))
        name = module_device_path(path, length, ret_length);
    free(path);
    return name;
}

/* The name of what `address` lies in, malloc'd. Needs the right that the native query needs, and room. */
static NTSTATUS find_name(HANDLE process, const void *address, DWORD room, WCHAR **ret_name,
                          size_t *ret_length)
{
    MEMORY_IMAGE_INFORMATION image;
    if (!room)
        return STATUS_BUFFER_TOO_SMALL;
    NTSTATUS status = handle_is_current_process(process, PROCESS_QUERY_INFORMATION);
    if (status == STATUS_SUCCESS)
        status = mm_query_image((uint64_t)address, &image);
    if (status == STATUS_SUCCESS) {
        *ret_name = module_image_name((uint64_t)image.ImageBase, ret_length);
        status = *ret_name ? STATUS_SUCCESS : STATUS_INVALID_ADDRESS;
    }
    return status;
}

/*
 * What fits, terminated, and its length; cut off, it is `room` and the last error tells, as with
 * GetModuleFileName.
 */
static DWORD put(void *to, const void *text, size_t length, size_t unit, DWORD room)
{
    static const WCHAR end;
    size_t fits = length < room ? length : room - 1;
    if (!guarded_copy(to, text, fits * unit) || !guarded_copy((char *)to + fits * unit, &end, unit))
        return (DWORD)face_bool(STATUS_ACCESS_VIOLATION);
    if (fits == length)
        return (DWORD)length;
    face_bool(STATUS_BUFFER_TOO_SMALL);
    return room;
}

DWORD k32_K32GetMappedFileNameW(HANDLE hProcess, LPVOID lpv, LPWSTR lpFilename, DWORD nSize)
{
    WCHAR *name;
    size_t length;
    NTSTATUS status = find_name(hProcess, lpv, nSize, &name, &length);
    if (status != STATUS_SUCCESS)
        return (DWORD)face_bool(status);
    DWORD result = put(lpFilename, name, length, sizeof *name, nSize);
    free(name);
    return result;
}

DWORD k32_K32GetMappedFileNameA(HANDLE hProcess, LPVOID lpv, LPSTR lpFilename, DWORD nSize)
{
    WCHAR *name;
    size_t length;
    NTSTATUS status = find_name(hProcess, lpv, nSize, &name, &length);
    if (status != STATUS_SUCCESS)
        return (DWORD)face_bool(status);
    char *narrow = utf8_from_wide(name);
    DWORD result = narrow ? put(lpFilename, narrow, strlen(narrow), 1, nSize)
                          : (DWORD)face_bool(STATUS_NO_MEMORY);
    free(narrow);
    free(name);
    return result;
}
