/* Facts of files: attributes, times, sizes, identity, by path and by handle. */
#include "kernel32/process/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include "kernel32/face.h"
#include "kernel32/process/filetime.h"

#define EPOCH_SECONDS 11644473600ll /* from 1601 to 1970 */

static uint64_t time_of(const struct statx_timestamp *time)
{
    return (uint64_t)((time->tv_sec + EPOCH_SECONDS) * 10000000 + time->tv_nsec / 100);
}

static uint32_t attributes_of(const struct statx *statx)
{
    uint32_t attributes = 0;
    if (S_ISDIR(statx->stx_mode))
        attributes |= FILE_ATTRIBUTE_DIRECTORY;
    else if (S_ISREG(statx->stx_mode))
        attributes |=
            FILE_ATTRIBUTE_ARCHIVE | (statx->stx_mode & 0222 ? 0 : FILE_ATTRIBUTE_READONLY);
    else if (S_ISLNK(statx->stx_mode))
        attributes |= FILE_ATTRIBUTE_REPARSE_POINT | FILE_ATTRIBUTE_ARCHIVE;
    return attributes ? attributes : FILE_ATTRIBUTE_NORMAL;
}

/* A link to a directory is a directory, too, for Windows. */
static void look_behind_link(int at, const char *name, struct file_facts *facts)
{
    struct stat target;
    char *path = *name ? NULL : path_of_descriptor(at);
    bool found = path ? stat(path, &target) == 0 : *name && fstatat(at, name, &target, 0) == 0;
    free(path);
    if (found && S_ISDIR(target.st_mode)) {
        facts->attributes |= FILE_ATTRIBUTE_DIRECTORY;
        facts->attributes &= ~FILE_ATTRIBUTE_ARCHIVE;
        facts->directory = true;
    }
}

NTSTATUS file_facts(int at, const char *name, bool follow, struct file_facts *facts)
{
    struct statx statx_buffer;
    int flags = (follow && *name ? 0 : AT_SYMLINK_NOFOLLOW) | (*name ? 0 : AT_EMPTY_PATH);
    if (statx(at, name, flags | AT_STATX_SYNC_AS_STAT, STATX_BASIC_STATS | STATX_BTIME,
              &statx_buffer))
        return errno_to_status(errno);
    const struct statx *statx = &statx_buffer;
    memset(facts, 0, sizeof *facts);
    facts->attributes = attributes_of(statx);
    facts->links = statx->stx_nlink;
    facts->accessed = time_of(&statx->stx_atime);
    facts->written = time_of(&statx->stx_mtime);
    facts->changed = time_of(&statx->stx_ctime);
    /* A file system without birth times has at least this: it was there when it was written. */
    facts->created = statx->stx_mask & STATX_BTIME     ? time_of(&statx->stx_btime)
                     : facts->written < facts->changed ? facts->written
                                                       : facts->changed;
    facts->device = makedev(statx->stx_dev_major, statx->stx_dev_minor);
    facts->inode = statx->stx_ino;
    facts->directory = S_ISDIR(statx->stx_mode);
    if (S_ISREG(statx->stx_mode)) {
        facts->size = statx->stx_size;
        facts->allocated = statx->stx_blocks * 512;
    }
    if (S_ISLNK(statx->stx_mode)) {
        facts->tag = IO_REPARSE_TAG_SYMLINK;
        look_behind_link(at, name, facts);
    }
    return STATUS_SUCCESS;
}

NTSTATUS file_facts_of_path(struct path *path, bool follow, struct file_facts *facts)
{
    if (path->kind == PATH_NULL || path->kind == PATH_CONSOLE || path->kind == PATH_CONSOLE_INPUT ||
        path->kind == PATH_CONSOLE_OUTPUT) {
        memset(facts, 0, sizeof *facts);
        facts->attributes = FILE_ATTRIBUTE_ARCHIVE; /* what Windows says of NUL */
        return STATUS_SUCCESS;
    }
    if (path->kind != PATH_FILE)
        return path->kind == PATH_PIPE ? STATUS_OBJECT_NAME_NOT_FOUND : STATUS_INVALID_PARAMETER;
    NTSTATUS status = file_facts(AT_FDCWD, path->host, follow, facts);
    if (status == STATUS_OBJECT_NAME_NOT_FOUND) {
        status = path_match(&path->host);
        if (status == STATUS_SUCCESS)
            status = file_facts(AT_FDCWD, path->host, follow, facts);
    }
    if (status == STATUS_SUCCESS && path->directory && !facts->directory)
        status = STATUS_OBJECT_NAME_INVALID;
    return status;
}

static NTSTATUS facts_of_name(const WCHAR *name, struct file_facts *facts)
{
    struct path path;
    if (!name)
        return STATUS_OBJECT_PATH_NOT_FOUND;
    NTSTATUS status = path_resolve(name, wide_length(name), &path);
    if (status == STATUS_SUCCESS) {
        status = file_facts_of_path(&path, false, facts);
        path_free(&path);
    }
    return status;
}

DWORD k32_GetFileAttributesW(LPCWSTR lpFileName)
{
    struct file_facts facts;
    NTSTATUS status = facts_of_name(lpFileName, &facts);
    if (status == STATUS_SUCCESS)
        return facts.attributes;
    last_error_set(last_error_from_status(status));
    return INVALID_FILE_ATTRIBUTES;
}

DWORD k32_GetFileAttributesA(LPCSTR lpFileName)
{
    WCHAR *name = wide_from_utf8(lpFileName);
    DWORD attributes = k32_GetFileAttributesW(name);
    free(name);
    return attributes;
}

BOOL k32_GetFileAttributesExW(LPCWSTR lpFileName, DWORD fInfoLevelId, LPVOID lpFileInformation)
{
    struct file_facts facts;
    if (fInfoLevelId != 0) /* GetFileExInfoStandard */
        return face_bool(STATUS_INVALID_PARAMETER);
    NTSTATUS status = facts_of_name(lpFileName, &facts);
    if (status == STATUS_SUCCESS)
        *(WIN32_FILE_ATTRIBUTE_DATA *)lpFileInformation = (WIN32_FILE_ATTRIBUTE_DATA){
            .dwFileAttributes = facts.attributes,
            .ftCreationTime = filetime(facts.created),
            .ftLastAccessTime = filetime(facts.accessed),
            .ftLastWriteTime = filetime(facts.written),
            .nFileSizeHigh = (DWORD)(facts.size >> 32),
            .nFileSizeLow = (DWORD)facts.size,
        };
    return face_bool(status);
}

BOOL k32_GetFileAttributesExA(LPCSTR lpFileName, DWORD fInfoLevelId, LPVOID lpFileInformation)
{
    WCHAR *name = wide_from_utf8(lpFileName);
    BOOL done = k32_GetFileAttributesExW(name, fInfoLevelId, lpFileInformation);
    free(name);
    return done;
}

BOOL k32_GetFileInformationByHandle(HANDLE hFile, LPBY_HANDLE_FILE_INFORMATION lpFileInformation)
{
    struct file *file;
    struct file_facts facts;
    NTSTATUS status = file_lookup(hFile, 0, &file);
    if (status != STATUS_SUCCESS)
        return face_bool(status);
    status = file->kind == FILE_DISK ? file_facts(file->fd, "", false, &facts)
                                     : STATUS_INVALID_DEVICE_REQUEST;
    file_unref(file);
    if (status == STATUS_SUCCESS)
        *lpFileInformation = (BY_HANDLE_FILE_INFORMATION){
            .dwFileAttributes = facts.attributes,
            .ftCreationTime = filetime(facts.created),
            .ftLastAccessTime = filetime(facts.accessed),
            .ftLastWriteTime = filetime(facts.written),
            .dwVolumeSerialNumber = file_volume_serial(facts.device),
            .nFileSizeHigh = (DWORD)(facts.size >> 32),
            .nFileSizeLow = (DWORD)facts.size,
            .nNumberOfLinks = facts.links,
            .nFileIndexHigh = (DWORD)(facts.inode >> 32),
            .nFileIndexLow = (DWORD)facts.inode,
        };
    return face_bool(status);
}
