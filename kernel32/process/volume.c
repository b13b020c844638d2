/* Drives and volumes. */
#include "kernel32/process/volume.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include "kernel32/face.h"
#include "kernel32/process/file.h"

#define DRIVE_NO_ROOT_DIR 1u /* sdk-api fileapi/GetDriveTypeW */
#define DRIVE_FIXED       3u

static NTSTATUS facts_of(const struct statvfs *host, const struct stat *stat,
                         struct volume_facts *facts)
{
    facts->serial = file_volume_serial(stat->st_dev);
    facts->flags = FILE_CASE_PRESERVED_NAMES | FILE_UNICODE_ON_DISK | FILE_SUPPORTS_SPARSE_FILES |
                   FILE_SUPPORTS_REPARSE_POINTS | FILE_SUPPORTS_HARD_LINKS;
    if (host->f_flag & ST_RDONLY)
        facts->flags |= FILE_READ_ONLY_VOLUME;
    facts->name_maximum = (uint32_t)host->f_namemax;
    facts->cluster = (uint32_t)(host->f_frsize ? host->f_frsize : host->f_bsize);
    facts->total = host->f_blocks;
    facts->free = host->f_bfree;
    facts->available = host->f_bavail;
    facts->created = 0;
    return STATUS_SUCCESS;
}

NTSTATUS volume_facts_of_descriptor(int fd, struct volume_facts *ret_facts)
{
    struct statvfs host;
    struct stat stat;
    if (fstatvfs(fd, &host) || fstat(fd, &stat))
        return errno_to_status(errno);
    return facts_of(&host, &stat, ret_facts);
}

NTSTATUS volume_facts_of_path(const char *path, struct volume_facts *ret_facts)
{
    struct statvfs host;
    struct stat stat_buffer;
    if (statvfs(path, &host) || stat(path, &stat_buffer))
        return errno_to_status(errno);
    return facts_of(&host, &stat_buffer, ret_facts);
}

/* The root of the current directory's drive, or the path; with the host's path. */
static NTSTATUS resolve(const WCHAR *path, struct path *ret)
{
    static const WCHAR root[] = {'\\', 0};
    memset(ret, 0, sizeof *ret);
    if (!path)
        path = root;
    NTSTATUS status = path_resolve(path, wide_length(path), ret);
    if (status != STATUS_SUCCESS)
        return status;
    if (ret->kind != PATH_FILE && ret->kind != PATH_VOLUME)
        return STATUS_OBJECT_NAME_INVALID;
    struct stat stat;
    if (lstat(ret->host, &stat) && errno == ENOENT)
        status = path_match(&ret->host);
    return status;
}

static void put_text(const char *text, WCHAR *ret, DWORD room)
{
    for (DWORD i = 0; ret && i < room; i++) {
        ret[i] = (WCHAR)(unsigned char)text[i];
        if (!text[i])
            return;
    }
}

static BOOL put_information(const struct volume_facts *facts, LPWSTR name, DWORD name_size,
                            LPDWORD serial, LPDWORD maximum, LPDWORD flags, LPWSTR system,
                            DWORD system_size)
{
    if (system && system_size < 5) {
        last_error_set(ERROR_BAD_LENGTH);
        return FALSE;
    }
    put_text("", name, name_size);
    put_text("NTFS", system, system_size);
    if (serial)
        *serial = facts->serial;
    if (maximum)
        *maximum = facts->name_maximum;
    if (flags)
        *flags = facts->flags;
    return TRUE;
}

BOOL k32_GetVolumeInformationW(LPCWSTR lpRootPathName, LPWSTR lpVolumeNameBuffer,
                               DWORD nVolumeNameSize, LPDWORD lpVolumeSerialNumber,
                               LPDWORD lpMaximumComponentLength, LPDWORD lpFileSystemFlags,
                               LPWSTR lpFileSystemNameBuffer, DWORD nFileSystemNameSize)
{
    struct path path;
    struct volume_facts facts;
    NTSTATUS status = resolve(lpRootPathName, &path);
    if (status == STATUS_SUCCESS)
        status = volume_facts_of_path(path.host, &facts);
    path_free(&path);
    return status == STATUS_SUCCESS
               ? put_information(&facts, lpVolumeNameBuffer, nVolumeNameSize, lpVolumeSerialNumber,
                                 lpMaximumComponentLength, lpFileSystemFlags,
                                 lpFileSystemNameBuffer, nFileSystemNameSize)
               : face_bool(status);
}

BOOL k32_GetVolumeInformationByHandleW(HANDLE hFile, LPWSTR lpVolumeNameBuffer,
                                       DWORD nVolumeNameSize, LPDWORD lpVolumeSerialNumber,
                                       LPDWORD lpMaximumComponentLength, LPDWORD lpFileSystemFlags,
                                       LPWSTR lpFileSystemNameBuffer, DWORD nFileSystemNameSize)
{
    struct file *file;
    struct volume_facts facts;
    NTSTATUS status = file_lookup(hFile, 0, &file);
    if (status != STATUS_SUCCESS)
        return face_bool(status);
    status = file->kind == FILE_DISK ? volume_facts_of_descriptor(file->fd, &facts)
                                     : STATUS_INVALID_DEVICE_REQUEST;
    file_unref(file);
    return status == STATUS_SUCCESS
               ? put_information(&facts, lpVolumeNameBuffer, nVolumeNameSize, lpVolumeSerialNumber,
                                 lpMaximumComponentLength, lpFileSystemFlags,
                                 lpFileSystemNameBuffer, nFileSystemNameSize)
               : face_bool(status);
}

static NTSTATUS facts_of_win32(const WCHAR *directory, struct volume_facts *facts)
{
    struct path path;
    NTSTATUS status = resolve(directory, &path);
    if (status == STATUS_SUCCESS)
        status = volume_facts_of_path(path.host, facts);
    path_free(&path);
    return status == STATUS_OBJECT_NAME_NOT_FOUND ? STATUS_OBJECT_PATH_NOT_FOUND : status;
}

BOOL k32_GetDiskFreeSpaceExW(LPCWSTR lpDirectoryName, PULARGE_INTEGER lpFreeBytesAvailableToCaller,
                             PULARGE_INTEGER lpTotalNumberOfBytes,
                             PULARGE_INTEGER lpTotalNumberOfFreeBytes)
{
    struct volume_facts facts;
    NTSTATUS status = facts_of_win32(lpDirectoryName, &facts);
    if (status != STATUS_SUCCESS)
        return face_bool(status);
    if (lpFreeBytesAvailableToCaller)
        lpFreeBytesAvailableToCaller->QuadPart = facts.available * facts.cluster;
    if (lpTotalNumberOfBytes)
        lpTotalNumberOfBytes->QuadPart = facts.total * facts.cluster;
    if (lpTotalNumberOfFreeBytes)
        lpTotalNumberOfFreeBytes->QuadPart = facts.free * facts.cluster;
    return TRUE;
}

BOOL k32_GetDiskFreeSpaceExA(LPCSTR lpDirectoryName, PULARGE_INTEGER lpFreeBytesAvailableToCaller,
                             PULARGE_INTEGER lpTotalNumberOfBytes,
                             PULARGE_INTEGER lpTotalNumberOfFreeBytes)
{
    WCHAR *name = wide_from_utf8(lpDirectoryName);
    BOOL done = k32_GetDiskFreeSpaceExW(name, lpFreeBytesAvailableToCaller, lpTotalNumberOfBytes,
                                        lpTotalNumberOfFreeBytes);
    free(name);
    return done;
}

/* Numbers of 32 bits: clusters are made larger until they fit. */
BOOL k32_GetDiskFreeSpaceW(LPCWSTR lpRootPathName, LPDWORD lpSectorsPerCluster,
                           LPDWORD lpBytesPerSector, LPDWORD lpNumberOfFreeClusters,
                           LPDWORD lpTotalNumberOfClusters)
{
    struct volume_facts facts;
    NTSTATUS status = facts_of_win32(lpRootPathName, &facts);
    if (status != STATUS_SUCCESS)
        return face_bool(status);
    while (facts.total > UINT32_MAX) {
        facts.total /= 2;
        facts.available /= 2;
        facts.cluster *= 2;
    }
    if (lpSectorsPerCluster)
        *lpSectorsPerCluster = facts.cluster / 512;
    if (lpBytesPerSector)
        *lpBytesPerSector = 512;
    if (lpNumberOfFreeClusters)
        *lpNumberOfFreeClusters = (DWORD)facts.available;
    if (lpTotalNumberOfClusters)
        *lpTotalNumberOfClusters = (DWORD)facts.total;
    return TRUE;
}

DWORD k32_GetLogicalDrives(void)
{
    return path_drives();
}

DWORD k32_GetLogicalDriveStringsW(DWORD nBufferLength, LPWSTR lpBuffer)
{
    uint32_t drives = path_drives();
    DWORD length = 4 * (DWORD)__builtin_popcount(drives), at = 0;
    if (nBufferLength < length + 1 || !lpBuffer)
        return length + 1;
    for (unsigned drive = 0; drive < 26; drive++) {
        const WCHAR root[] = {(WCHAR)('A' + drive), ':', '\\', 0};
        if (drives & 1u << drive) {
            memcpy(lpBuffer + at, root, sizeof root);
            at += 4;
        }
    }
    lpBuffer[at] = 0;
    return length;
}

UINT k32_GetDriveTypeW(LPCWSTR lpRootPathName)
{
    struct path path;
    NTSTATUS status = resolve(lpRootPathName, &path);
    struct stat directory;
    bool found =
        status == STATUS_SUCCESS && stat(path.host, &directory) == 0 && S_ISDIR(directory.st_mode);
    path_free(&path);
    return found ? DRIVE_FIXED : DRIVE_NO_ROOT_DIR;
}

UINT k32_GetDriveTypeA(LPCSTR lpRootPathName)
{
    WCHAR *name = wide_from_utf8(lpRootPathName);
    UINT type = k32_GetDriveTypeW(name);
    free(name);
    return type;
}

/* "X:" is \Device\HarddiskVolume<n>; NULL lists the names. Both lists end with two zeros. */
DWORD k32_QueryDosDeviceW(LPCWSTR lpDeviceName, LPWSTR lpTargetPath, DWORD ucchMax)
{
    char text[200];
    size_t length = 0;
    if (!lpDeviceName) {
        for (unsigned drive = 0; drive < 26; drive++)
            if (path_drives() & 1u << drive)
                length += (size_t)sprintf(text + length, "%c:", 'A' + drive) + 1;
        memcpy(text + length, "NUL", 4);
        length += 4;
    } else if (wide_length(lpDeviceName) == 2 && lpDeviceName[1] == ':' &&
               path_drive_host(lpDeviceName[0])) {
        length = (size_t)sprintf(text, "\\Device\\HarddiskVolume%d",
                                 path_upcase(lpDeviceName[0]) - 'A' + 1) +
                 1;
    } else {
        last_error_set(ERROR_FILE_NOT_FOUND);
        return 0;
    }
    text[length++] = 0;
    if (ucchMax < length) {
        last_error_set(ERROR_INSUFFICIENT_BUFFER);
        return 0;
    }
    for (size_t i = 0; i < length; i++)
        lpTargetPath[i] = (WCHAR)text[i];
    return (DWORD)length;
}

/* The root of the drive a path is on. */
BOOL k32_GetVolumePathNameW(LPCWSTR lpszFileName, LPWSTR lpszVolumePathName, DWORD cchBufferLength)
{
    NTSTATUS status;
    size_t length, skip;
    WCHAR *full = path_full(lpszFileName, wide_length(lpszFileName), &length, &status);
    if (!full)
        return face_bool(status);
    skip = length > 4 && full[0] == '\\' && full[3] == '\\' ? 4 : 0;
    const WCHAR root[] = {full[skip], ':', '\\', 0};
    bool drive = length >= skip + 2 && full[skip + 1] == ':';
    free(full);
    if (!drive)
        return face_bool(STATUS_BAD_NETWORK_PATH);
    if (cchBufferLength < 4) {
        last_error_set(ERROR_FILENAME_EXCED_RANGE);
        return FALSE;
    }
    memcpy(lpszVolumePathName, root, sizeof root);
    return TRUE;
}

/* "X:\" to \\?\Volume{GUID}\ : the last byte of the GUID is the letter. */
BOOL k32_GetVolumeNameForVolumeMountPointW(LPCWSTR lpszVolumeMountPoint, LPWSTR lpszVolumeName,
                                           DWORD cchBufferLength)
{
    char text[64];
    size_t length = wide_length(lpszVolumeMountPoint);
    if (length == 0 || lpszVolumeMountPoint[length - 1] != '\\') {
        last_error_set(ERROR_INVALID_NAME);
        return FALSE;
    }
    if (length != 3 || lpszVolumeMountPoint[1] != ':')
        return face_bool(STATUS_NOT_A_REPARSE_POINT);
    if (!path_drive_host(lpszVolumeMountPoint[0]))
        return face_bool(STATUS_OBJECT_NAME_NOT_FOUND);
    int size = sprintf(text, "\\\\?\\Volume{77696e6d-656d-4000-8000-0000000000%02x}\\",
                       path_upcase(lpszVolumeMountPoint[0]));
    if (cchBufferLength < (DWORD)size + 1) {
        last_error_set(ERROR_FILENAME_EXCED_RANGE);
        return FALSE;
    }
    put_text(text, lpszVolumeName, cchBufferLength);
    return TRUE;
}
