/* Opening and creating files and directories: the whole of NtCreateFile below its parameters. */
#include "kernel32/process/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "kernel32/face.h"

#define DATA_ACCESS (FILE_READ_DATA | FILE_WRITE_DATA | FILE_APPEND_DATA | FILE_EXECUTE)

/* An open that is under way. */
struct opening {
    const struct file_request *request;
    ACCESS_MASK access;
    struct stat stat;
    int fd;
    bool created;
    bool path_only;
};

static int host_flags(ACCESS_MASK access)
{
    bool read = access & (FILE_READ_DATA | FILE_EXECUTE);
    bool write = access & (FILE_WRITE_DATA | FILE_APPEND_DATA);
    bool append = (access & (FILE_WRITE_DATA | FILE_APPEND_DATA)) == FILE_APPEND_DATA;
    int flags = O_CLOEXEC | O_NOCTTY | (append ? O_APPEND : 0);
    if (!read && !write)
        return flags | O_PATH;
    return flags | (read && write ? O_RDWR : write ? O_WRONLY : O_RDONLY);
}

static bool may_create(uint32_t disposition)
{
    return disposition != FILE_OPEN && disposition != FILE_OVERWRITE;
}

/* Opens what is there, without creating it. 0 or errno. */
static int open_existing(struct opening *opening, const char *host)
{
    uint32_t options = opening->request->options;
    int flags = host_flags(opening->access);
    if (options & FILE_OPEN_REPARSE_POINT)
        flags |= O_NOFOLLOW;
    if (options & FILE_WRITE_THROUGH)
        flags |= O_DSYNC;
    opening->fd = open(host, flags);
    if (opening->fd < 0 && errno == ELOOP && (options & FILE_OPEN_REPARSE_POINT)) {
        flags = O_PATH | O_NOFOLLOW | O_CLOEXEC; /* the link itself */
        opening->fd = open(host, flags);
    } else if (opening->fd < 0 && errno == EISDIR && !(options & FILE_NON_DIRECTORY_FILE)) {
        flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
        opening->fd = open(host, flags);
    }
    if (opening->fd < 0)
        return errno;
    opening->path_only = flags & O_PATH;
    return fstat(opening->fd, &opening->stat) ? errno : 0;
}

/* Creates what is not there. 0 or errno; EEXIST: somebody else was faster, or a link leads to
 * nothing: without `exclusive` what it names is made. */
static int create_new(struct opening *opening, const char *host, bool exclusive)
{
    const struct file_request *request = opening->request;
    if (request->options & FILE_DIRECTORY_FILE) {
        if (mkdir(host, 0777))
            return errno;
        opening->created = true;
        return open_existing(opening, host);
    }
    mode_t mode = request->attributes & FILE_ATTRIBUTE_READONLY ? 0444 : 0666;
    int flags = host_flags(opening->access) | O_CREAT | (exclusive ? O_EXCL : 0);
    if (flags & O_PATH) /* a file cannot be made by a descriptor of this kind */
        flags = (flags & ~O_PATH) | O_RDONLY;
    if (request->options & FILE_WRITE_THROUGH)
        flags |= O_DSYNC;
    opening->fd = open(host, flags, mode);
    if (opening->fd < 0)
        return errno;
    opening->created = true;
    return fstat(opening->fd, &opening->stat) ? errno : 0;
}

/* Tries the path as it is, then with the case the host has. */
static NTSTATUS find(struct opening *opening)
{
    const struct file_request *request = opening->request;
    for (;;) {
        int error = open_existing(opening, request->path->host);
        if (error == 0)
            return STATUS_SUCCESS;
        if (error != ENOENT)
            return errno_to_status(error);
        NTSTATUS status = path_match(&request->path->host);
        if (status != STATUS_SUCCESS)
            return status;
    }
}

static NTSTATUS find_or_create(struct opening *opening)
{
    const struct file_request *request = opening->request;
    for (unsigned attempt = 0; attempt < 3; attempt++) {
        NTSTATUS status = find(opening);
        if (status == STATUS_SUCCESS && request->disposition == FILE_CREATE)
            return STATUS_OBJECT_NAME_COLLISION;
        if (status == STATUS_FILE_IS_A_DIRECTORY && request->disposition == FILE_CREATE)
            return STATUS_OBJECT_NAME_COLLISION;
        if (status != STATUS_OBJECT_NAME_NOT_FOUND || !may_create(request->disposition))
            return status;
        if (request->path->directory && !(request->options & FILE_DIRECTORY_FILE))
            return STATUS_OBJECT_NAME_INVALID;
        int error = create_new(opening, request->path->host, attempt == 0);
        if (error == ENOENT)
            return STATUS_OBJECT_PATH_NOT_FOUND;
        if (error != EEXIST)
            return error ? errno_to_status(error) : STATUS_SUCCESS;
        if (request->disposition == FILE_CREATE)
            break;
    }
    return STATUS_OBJECT_NAME_COLLISION;
}

/* MAXIMUM_ALLOWED: the most the host lets us do. */
static NTSTATUS find_or_create_with_access(struct opening *opening)
{
    static const ACCESS_MASK most[] = {FILE_ALL_ACCESS,
                                       FILE_GENERIC_READ | FILE_GENERIC_EXECUTE | DELETE,
                                       FILE_READ_ATTRIBUTES | SYNCHRONIZE};
    NTSTATUS status = STATUS_ACCESS_DENIED;
    if (!(opening->access & MAXIMUM_ALLOWED))
        return find_or_create(opening);
    for (unsigned i = 0; i < array_length(most) && status == STATUS_ACCESS_DENIED; i++) {
        opening->access = most[i];
        status = find_or_create(opening);
    }
    return status;
}

static bool overwrites(uint32_t disposition)
{
    return disposition == FILE_SUPERSEDE || disposition == FILE_OVERWRITE ||
           disposition == FILE_OVERWRITE_IF;
}

static NTSTATUS check_kind(const struct opening *opening)
{
    const struct file_request *request = opening->request;
    bool directory = S_ISDIR(opening->stat.st_mode);
    if (directory && (request->options & FILE_NON_DIRECTORY_FILE))
        return STATUS_FILE_IS_A_DIRECTORY;
    if (!directory && (request->options & FILE_DIRECTORY_FILE))
        return STATUS_NOT_A_DIRECTORY;
    if (!directory && request->path->directory)
        return STATUS_OBJECT_NAME_INVALID;
    if (directory && overwrites(request->disposition))
        return STATUS_OBJECT_NAME_COLLISION;
    if (opening->created)
        return STATUS_SUCCESS;
    /* The superuser of the host may write everything; Windows has nobody who may. */
    bool read_only = S_ISREG(opening->stat.st_mode) && !(opening->stat.st_mode & 0222);
    bool writes = (opening->access & (FILE_WRITE_DATA | FILE_APPEND_DATA)) ||
                  overwrites(request->disposition);
    if (read_only && writes)
        return STATUS_ACCESS_DENIED;
    if (read_only && (request->options & FILE_DELETE_ON_CLOSE))
        return STATUS_CANNOT_DELETE;
    return STATUS_SUCCESS;
}

/* The old contents go only once the share modes allow it. */
static NTSTATUS empty(struct opening *opening)
{
    if (!S_ISREG(opening->stat.st_mode))
        return STATUS_SUCCESS;
    bool writable = opening->access & (FILE_WRITE_DATA | FILE_APPEND_DATA);
    int failed = writable ? ftruncate(opening->fd, 0) : truncate(opening->request->path->host, 0);
    return failed ? errno_to_status(errno) : STATUS_SUCCESS;
}

static NTSTATUS publish(struct opening *opening, HANDLE *ret_handle)
{
    const struct file_request *request = opening->request;
    struct file *file = file_new(opening->fd, true, &opening->stat, opening->access);
    if (!file)
        return STATUS_NO_MEMORY;
    opening->fd = -1; /* the file's now */
    file->share = request->share;
    file->options = request->options;
    file->path_only = opening->path_only;
    NTSTATUS status = file->kind == FILE_DISK ? file_share_enter(file) : STATUS_SUCCESS;
    if (status == STATUS_SUCCESS && overwrites(request->disposition) && !opening->created) {
        opening->fd = file->fd;
        status = empty(opening);
        opening->fd = -1;
    }
    if (status == STATUS_SUCCESS)
        status =
            handle_create(&file->waitable.object, opening->access, request->inherit, ret_handle);
    file_unref(file);
    return status;
}

static NTSTATUS open_device(const struct file_request *request, HANDLE *ret_handle)
{
    struct opening opening = {.request = request, .access = request->access, .fd = -1};
    const char *device = request->path->kind == PATH_NULL ? "/dev/null" : "/dev/tty";
    if (request->path->kind == PATH_PIPE)
        return STATUS_OBJECT_NAME_NOT_FOUND;
    if (request->path->kind == PATH_VOLUME)
        return STATUS_ACCESS_DENIED;
    if (opening.access & MAXIMUM_ALLOWED)
        opening.access = FILE_GENERIC_READ | FILE_GENERIC_WRITE;
    if (request->options & FILE_DIRECTORY_FILE)
        return STATUS_NOT_A_DIRECTORY;
    /* A console is read and written through either of its names. */
    int flags = request->path->kind == PATH_NULL ? host_flags(opening.access) & ~O_PATH : O_RDWR;
    opening.fd = open(device, flags | O_CLOEXEC | O_NOCTTY);
    if (opening.fd < 0)
        return errno == ENXIO ? STATUS_INVALID_HANDLE : errno_to_status(errno);
    NTSTATUS status =
        fstat(opening.fd, &opening.stat) ? errno_to_status(errno) : publish(&opening, ret_handle);
    if (opening.fd >= 0)
        close(opening.fd);
    return status;
}

NTSTATUS file_open(const struct file_request *request, HANDLE *ret_handle,
                   uint32_t *ret_information)
{
    static const uint32_t overwritten[] = {FILE_SUPERSEDED, FILE_OPENED,      FILE_OPENED,
                                           FILE_OPENED,     FILE_OVERWRITTEN, FILE_OVERWRITTEN};
    if (request->disposition > FILE_OVERWRITE_IF)
        return STATUS_INVALID_PARAMETER;
    if (request->path->kind != PATH_FILE) {
        *ret_information = FILE_OPENED;
        return open_device(request, ret_handle);
    }
    struct opening opening = {.request = request, .access = request->access, .fd = -1};
    NTSTATUS status = find_or_create_with_access(&opening);
    if (status == STATUS_SUCCESS)
        status = check_kind(&opening);
    if (status == STATUS_SUCCESS)
        status = publish(&opening, ret_handle);
    if (opening.fd >= 0)
        close(opening.fd);
    if (status == STATUS_SUCCESS)
        *ret_information = opening.created ? FILE_CREATED : overwritten[request->disposition];
    return status;
}
