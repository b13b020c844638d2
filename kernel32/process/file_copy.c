/* Copying a file: contents, mode and times. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "kernel32/face.h"
#include "kernel32/process/file_name.h"

#define SHARE_ALL (FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE)
#define CHUNK     (1u << 20) /* bytes copied before the caller is told */
#define BUFFER    (64u * 1024)

#define COPY_FAIL_IF_EXISTS 1u /* sdk-api winbase/CopyFileExW */
#define PROGRESS_CONTINUE   0u
#define PROGRESS_QUIET      3u

/* Where copy_file_range() is not known or cannot: through a buffer. -1 with errno. */
static ssize_t copy_through_memory(int from, int to)
{
    char *buffer = malloc(BUFFER);
    if (!buffer) {
        errno = ENOMEM;
        return -1;
    }
    ssize_t got = read(from, buffer, BUFFER), put = 0;
    while (put < got) {
        ssize_t now = write(to, buffer + put, (size_t)(got - put));
        if (now < 0) {
            got = -1;
            break;
        }
        put += now;
    }
    free(buffer);
    return got;
}

static NTSTATUS copy_contents(int from, int to, uint64_t size, struct copy_watch *watch)
{
    uint64_t done = 0;
    bool by_host = true;
    for (;;) {
        uint32_t depth = gate_open();
        ssize_t moved = by_host ? copy_file_range(from, NULL, to, NULL, CHUNK, 0)
                                : copy_through_memory(from, to);
        int error = errno;
        gate_close(depth);
        /* files of /proc have no size for copy_file_range(): 0 bytes at the start prove nothing */
        bool unsure = by_host && done == 0 &&
                      (moved == 0 || (moved < 0 && error != ENOSPC && error != EINTR));
        if (unsure) {
            by_host = false;
            continue;
        }
        if (moved < 0 && error != EINTR)
            return errno_to_status(error);
        if (moved == 0)
            return STATUS_SUCCESS;
        done += moved > 0 ? (uint64_t)moved : 0;
        if (watch && !watch->progress(watch, done, size))
            return STATUS_CANCELLED;
    }
}

static NTSTATUS open_source(struct path *path, int *ret_fd, struct stat *stat)
{
    struct file_facts facts;
    NTSTATUS status = file_facts_of_path(path, true, &facts);
    if (status != STATUS_SUCCESS)
        return status;
    if (path->kind != PATH_FILE || facts.directory)
        return STATUS_FILE_IS_A_DIRECTORY;
    status = file_share_check(facts.device, facts.inode, FILE_READ_DATA, SHARE_ALL);
    if (status != STATUS_SUCCESS)
        return status;
    *ret_fd = open(path->host, O_RDONLY | O_CLOEXEC);
    return *ret_fd < 0 || fstat(*ret_fd, stat) ? errno_to_status(errno) : STATUS_SUCCESS;
}

static NTSTATUS open_target(struct path *path, const struct stat *source, bool overwrite,
                            int *ret_fd, bool *ret_created)
{
    struct file_facts facts;
    if (path->kind != PATH_FILE)
        return path->kind == PATH_PIPE ? STATUS_OBJECT_NAME_NOT_FOUND : STATUS_ACCESS_DENIED;
    NTSTATUS status = file_facts_of_path(path, true, &facts);
    *ret_created = status == STATUS_OBJECT_NAME_NOT_FOUND;
    if (status == STATUS_SUCCESS && !overwrite)
        return STATUS_OBJECT_NAME_COLLISION;
    if (status == STATUS_SUCCESS && (facts.directory || facts.inode == source->st_ino))
        status = facts.directory                  ? STATUS_FILE_IS_A_DIRECTORY
                 : facts.device == source->st_dev ? STATUS_SHARING_VIOLATION
                                                  : STATUS_SUCCESS;
    if (status == STATUS_SUCCESS && (facts.attributes & FILE_ATTRIBUTE_READONLY))
        status = STATUS_ACCESS_DENIED;
    if (status == STATUS_SUCCESS)
        status = file_share_check(facts.device, facts.inode, FILE_WRITE_DATA, SHARE_ALL);
    if (status != STATUS_SUCCESS && !*ret_created)
        return status;
    int flags = O_WRONLY | O_CLOEXEC | O_TRUNC | O_CREAT | (overwrite ? 0 : O_EXCL);
    *ret_fd = open(path->host, flags, 0666);
    return *ret_fd < 0 ? errno_to_status(errno) : STATUS_SUCCESS;
}

/* Windows takes over the read-only attribute and the time of the last write. */
static NTSTATUS copy_facts(int to, const struct stat *source)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, source->st_mtim};
    struct stat stat;
    if (futimens(to, times) || fstat(to, &stat))
        return errno_to_status(errno);
    mode_t mode =
        source->st_mode & 0222 ? stat.st_mode | (source->st_mode & 0111) : stat.st_mode & ~0222u;
    return fchmod(to, mode & 07777) ? errno_to_status(errno) : STATUS_SUCCESS;
}

NTSTATUS name_copy(struct path *from, struct path *to, bool overwrite, struct copy_watch *watch)
{
    struct stat source;
    int in = -1, out = -1;
    bool created = false;
    NTSTATUS status = open_source(from, &in, &source);
    if (status == STATUS_SUCCESS)
        status = open_target(to, &source, overwrite, &out, &created);
    if (status == STATUS_SUCCESS)
        status = copy_contents(in, out, (uint64_t)source.st_size, watch);
    if (status == STATUS_SUCCESS)
        status = copy_facts(out, &source);
    if (in >= 0)
        close(in);
    if (out >= 0) {
        close(out);
        if (status != STATUS_SUCCESS && (created || status == STATUS_CANCELLED))
            unlink(to->host);
    }
    return status;
}

static NTSTATUS resolve(const WCHAR *name, struct path *ret_path)
{
    memset(ret_path, 0, sizeof *ret_path);
    return name ? path_resolve(name, wide_length(name), ret_path) : STATUS_OBJECT_PATH_NOT_FOUND;
}

struct win32_watch {
    struct copy_watch watch;
    LPPROGRESS_ROUTINE routine;
    LPVOID data;
    const BOOL *cancel;
    bool quiet;
};

static bool progress(struct copy_watch *watch, uint64_t done, uint64_t size)
{
    struct win32_watch *mine = (struct win32_watch *)watch;
    if (mine->cancel && *(const volatile BOOL *)mine->cancel)
        return false;
    if (!mine->routine || mine->quiet)
        return true;
    uint32_t depth = gate_open();
    DWORD answer = mine->routine((LONGLONG)size, (LONGLONG)done, (LONGLONG)size, (LONGLONG)done, 1,
                                 0, (HANDLE)-1, (HANDLE)-1, mine->data);
    gate_close(depth);
    mine->quiet = answer == PROGRESS_QUIET;
    return answer == PROGRESS_CONTINUE || mine->quiet;
}

BOOL k32_CopyFileExW(LPCWSTR lpExistingFileName, LPCWSTR lpNewFileName,
                     LPPROGRESS_ROUTINE lpProgressRoutine, LPVOID lpData, LPBOOL pbCancel,
                     DWORD dwCopyFlags)
{
    struct path from, to = {0};
    struct win32_watch watch = {{progress}, lpProgressRoutine, lpData, pbCancel, false};
    NTSTATUS status = resolve(lpExistingFileName, &from);
    if (status == STATUS_SUCCESS)
        status = resolve(lpNewFileName, &to);
    if (status == STATUS_SUCCESS)
        status = name_copy(&from, &to, !(dwCopyFlags & COPY_FAIL_IF_EXISTS),
                           lpProgressRoutine || pbCancel ? &watch.watch : NULL);
    path_free(&from);
    path_free(&to);
    if (NT_SUCCESS(status))
        return TRUE;
    last_error_set(status == STATUS_OBJECT_NAME_COLLISION ? ERROR_FILE_EXISTS
                   : status == STATUS_CANCELLED           ? ERROR_REQUEST_ABORTED
                                                          : last_error_from_status(status));
    return FALSE;
}

BOOL k32_CopyFileW(LPCWSTR lpExistingFileName, LPCWSTR lpNewFileName, BOOL bFailIfExists)
{
    return k32_CopyFileExW(lpExistingFileName, lpNewFileName, NULL, NULL, NULL,
                           bFailIfExists ? COPY_FAIL_IF_EXISTS : 0);
}

BOOL k32_CopyFileExA(LPCSTR lpExistingFileName, LPCSTR lpNewFileName,
                     LPPROGRESS_ROUTINE lpProgressRoutine, LPVOID lpData, LPBOOL pbCancel,
                     DWORD dwCopyFlags)
{
    WCHAR *from = wide_from_utf8(lpExistingFileName), *to = wide_from_utf8(lpNewFileName);
    BOOL done = k32_CopyFileExW(from, to, lpProgressRoutine, lpData, pbCancel, dwCopyFlags);
    free(from);
    free(to);
    return done;
}

BOOL k32_CopyFileA(LPCSTR lpExistingFileName, LPCSTR lpNewFileName, BOOL bFailIfExists)
{
    return k32_CopyFileExA(lpExistingFileName, lpNewFileName, NULL, NULL, NULL,
                           bFailIfExists ? COPY_FAIL_IF_EXISTS : 0);
}
