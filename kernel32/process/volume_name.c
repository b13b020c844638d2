/* The names of volumes, one after the other; and the ANSI forms of what volume.c answers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "kernel32/face.h"
#include "kernel32/process/path.h"
#include "memoryapi/object.h"

struct volume_find {
    struct object object;
    uint32_t left; /* atomic: drives not told yet */
};

static void destroy(struct object *object)
{
    free(object);
}

static const struct object_ops ops = {OBJECT_FIND, "volume find", destroy, NULL, NULL, NULL};

static BOOL put_next(struct volume_find *find, WCHAR *name, DWORD room)
{
    uint32_t left = __atomic_load_n(&find->left, __ATOMIC_RELAXED);
    while (left && !__atomic_compare_exchange_n(&find->left, &left, left & (left - 1), true,
                                                __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        ;
    if (!left)
        return face_bool(STATUS_NO_MORE_FILES);
    const WCHAR root[] = {(WCHAR)('A' + __builtin_ctz(left)), ':', '\\', 0};
    return k32_GetVolumeNameForVolumeMountPointW(root, name, room);
}

HANDLE k32_FindFirstVolumeW(LPWSTR lpszVolumeName, DWORD cchBufferLength)
{
    HANDLE handle;
    struct volume_find *find = calloc(1, sizeof *find);
    if (!find) {
        last_error_set(ERROR_NOT_ENOUGH_MEMORY);
        return (HANDLE)-1;
    }
    object_init(&find->object, &ops);
    find->left = path_drives();
    bool done = put_next(find, lpszVolumeName, cchBufferLength) &&
                face_bool(handle_create(&find->object, 0, false, &handle));
    object_unref(&find->object);
    return done ? handle : (HANDLE)-1;
}

/* A handle of FindFirstFile is none of ours. */
static NTSTATUS lookup(HANDLE handle, struct volume_find **ret_find)
{
    struct object *object;
    NTSTATUS status = handle_lookup(handle, OBJECT_FIND, 0, &object);
    if (status == STATUS_SUCCESS && object->ops != &ops) {
        object_unref(object);
        status = STATUS_INVALID_HANDLE;
    }
    if (status == STATUS_SUCCESS)
        *ret_find = (struct volume_find *)object;
    return status;
}

BOOL k32_FindNextVolumeW(HANDLE hFindVolume, LPWSTR lpszVolumeName, DWORD cchBufferLength)
{
    struct volume_find *find;
    NTSTATUS status = lookup(hFindVolume, &find);
    if (status != STATUS_SUCCESS)
        return face_bool(status);
    BOOL done = put_next(find, lpszVolumeName, cchBufferLength);
    object_unref(&find->object);
    return done;
}

BOOL k32_FindVolumeClose(HANDLE hFindVolume)
{
    struct volume_find *find;
    NTSTATUS status = lookup(hFindVolume, &find);
    if (status == STATUS_SUCCESS) {
        object_unref(&find->object);
        status = handle_close(hFindVolume);
    }
    return face_bool(status);
}

/* \\?\Volume{...}\ to "X:\" and the end of a list. */
BOOL k32_GetVolumePathNamesForVolumeNameW(LPCWSTR lpszVolumeName, LPWSTR lpszVolumePathNames,
                                          DWORD cchBufferLength, PDWORD lpcchReturnLength)
{
    struct path path;
    size_t length = wide_length(lpszVolumeName);
    NTSTATUS status = length > 5 && lpszVolumeName[length - 1] == '\\'
                          ? path_resolve(lpszVolumeName, length, &path)
                          : STATUS_OBJECT_NAME_INVALID;
    if (status != STATUS_SUCCESS)
        return face_bool(status);
    size_t root_length;
    WCHAR *root = path.host ? path_from_host(path.host, &root_length) : NULL;
    path_free(&path);
    if (!root || root_length != 3) {
        free(root);
        return face_bool(STATUS_OBJECT_NAME_INVALID);
    }
    if (lpcchReturnLength)
        *lpcchReturnLength = 5;
    bool fits = cchBufferLength >= 5;
    if (fits) {
        memcpy(lpszVolumePathNames, root, 4 * sizeof *root);
        lpszVolumePathNames[4] = 0;
    }
    free(root);
    return face_bool(fits ? STATUS_SUCCESS : STATUS_BUFFER_OVERFLOW);
}

static bool narrow(const WCHAR *text, char *ret, DWORD room)
{
    size_t length = utf16_to_utf8(text, wide_length(text), NULL, 0, NULL);
    if (length >= room)
        return false;
    ret[utf16_to_utf8(text, wide_length(text), ret, room - 1, NULL)] = 0;
    return true;
}

BOOL k32_GetVolumeInformationA(LPCSTR lpRootPathName, LPSTR lpVolumeNameBuffer,
                               DWORD nVolumeNameSize, LPDWORD lpVolumeSerialNumber,
                               LPDWORD lpMaximumComponentLength, LPDWORD lpFileSystemFlags,
                               LPSTR lpFileSystemNameBuffer, DWORD nFileSystemNameSize)
{
    WCHAR label[MAX_PATH], system[MAX_PATH], *root = wide_from_utf8(lpRootPathName);
    BOOL done =
        k32_GetVolumeInformationW(root, label, MAX_PATH, lpVolumeSerialNumber,
                                  lpMaximumComponentLength, lpFileSystemFlags, system, MAX_PATH);
    free(root);
    if (done && ((lpVolumeNameBuffer && !narrow(label, lpVolumeNameBuffer, nVolumeNameSize)) ||
                 (lpFileSystemNameBuffer &&
                  !narrow(system, lpFileSystemNameBuffer, nFileSystemNameSize)))) {
        last_error_set(ERROR_BAD_LENGTH);
        return FALSE;
    }
    return done;
}

DWORD k32_GetLogicalDriveStringsA(DWORD nBufferLength, LPSTR lpBuffer)
{
    WCHAR wide[4 * 26 + 1];
    DWORD length = k32_GetLogicalDriveStringsW(array_length(wide), wide);
    if (nBufferLength < length + 1 || !lpBuffer)
        return length + 1;
    for (DWORD i = 0; i <= length; i++)
        lpBuffer[i] = (char)wide[i];
    return length;
}

BOOL k32_GetDiskFreeSpaceA(LPCSTR lpRootPathName, LPDWORD lpSectorsPerCluster,
                           LPDWORD lpBytesPerSector, LPDWORD lpNumberOfFreeClusters,
                           LPDWORD lpTotalNumberOfClusters)
{
    WCHAR *root = wide_from_utf8(lpRootPathName);
    BOOL done = k32_GetDiskFreeSpaceW(root, lpSectorsPerCluster, lpBytesPerSector,
                                      lpNumberOfFreeClusters, lpTotalNumberOfClusters);
    free(root);
    return done;
}

DWORD k32_QueryDosDeviceA(LPCSTR lpDeviceName, LPSTR lpTargetPath, DWORD ucchMax)
{
    WCHAR wide[200], *name = wide_from_utf8(lpDeviceName);
    DWORD length = k32_QueryDosDeviceW(name, wide, ucchMax < 200 ? ucchMax : 200);
    free(name);
    for (DWORD i = 0; i < length; i++)
        lpTargetPath[i] = (char)wide[i];
    return length;
}

BOOL k32_GetVolumePathNameA(LPCSTR lpszFileName, LPSTR lpszVolumePathName, DWORD cchBufferLength)
{
    WCHAR root[8], *name = wide_from_utf8(lpszFileName);
    BOOL done = name ? k32_GetVolumePathNameW(name, root, 8) : face_bool(STATUS_NO_MEMORY);
    free(name);
    if (done && !narrow(root, lpszVolumePathName, cchBufferLength)) {
        last_error_set(ERROR_FILENAME_EXCED_RANGE);
        return FALSE;
    }
    return done;
}
