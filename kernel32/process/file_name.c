/* Names of files: made, moved and deleted. */
#include "kernel32/process/file_name.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "kernel32/face.h"

#define SHARE_ALL (FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE)

NTSTATUS name_delete(struct path *path, bool directory)
{
    struct file_facts facts;
    if (path->kind != PATH_FILE)
        return path->kind == PATH_PIPE ? STATUS_OBJECT_NAME_NOT_FOUND : STATUS_ACCESS_DENIED;
    NTSTATUS status = file_facts_of_path(path, false, &facts);
    if (status != STATUS_SUCCESS)
        return status;
    if (facts.directory != directory)
        return directory ? STATUS_NOT_A_DIRECTORY : STATUS_FILE_IS_A_DIRECTORY;
    if (facts.attributes & FILE_ATTRIBUTE_READONLY)
        return STATUS_CANNOT_DELETE;
    status = file_share_check(facts.device, facts.inode, DELETE, SHARE_ALL);
    if (status != STATUS_SUCCESS)
        return status;
    /* a link to a directory is deleted as a directory, here and there */
    bool remove = directory && !facts.tag;
    if (remove ? rmdir(path->host) : unlink(path->host))
        status = errno_to_status(errno == EEXIST ? ENOTEMPTY : errno);
    return status;
}

/* The last name, with its slash, as the caller wrote it. */
static bool take_name(struct path *path, const char *name)
{
    size_t directory = (size_t)(strrchr(path->host, '/') - path->host);
    char *host = malloc(directory + strlen(name) + 1);
    if (!host)
        return false;
    memcpy(host, path->host, directory);
    strcpy(host + directory, name);
    free(path->host);
    path->host = host;
    return true;
}

/* Finds what will be replaced. The new name keeps the case the caller gave it. */
static NTSTATUS check_target(struct path *to, const struct file_facts *moved, unsigned flags)
{
    struct file_facts facts;
    const char *slash = strrchr(to->host, '/');
    char *name = strdup(slash);
    if (!name)
        return STATUS_NO_MEMORY;
    NTSTATUS status = file_facts(AT_FDCWD, to->host, false, &facts);
    if (status == STATUS_OBJECT_NAME_NOT_FOUND) {
        status = path_match(&to->host);
        if (status == STATUS_SUCCESS)
            status = file_facts(AT_FDCWD, to->host, false, &facts);
    }
    bool same =
        status == STATUS_SUCCESS && facts.device == moved->device && facts.inode == moved->inode;
    if (same && !take_name(to, name))
        status = STATUS_NO_MEMORY;
    free(name);
    if (status == STATUS_OBJECT_NAME_NOT_FOUND || (same && status == STATUS_SUCCESS))
        return STATUS_SUCCESS;
    if (status != STATUS_SUCCESS)
        return status;
    if (!(flags & NAME_REPLACE))
        return STATUS_OBJECT_NAME_COLLISION;
    if (facts.directory && !((flags & NAME_POSIX) && moved->directory))
        return STATUS_ACCESS_DENIED;
    if ((facts.attributes & FILE_ATTRIBUTE_READONLY) && !(flags & NAME_READ_ONLY))
        return STATUS_ACCESS_DENIED;
    if (flags & NAME_POSIX)
        return STATUS_SUCCESS;
    return file_share_check(facts.device, facts.inode, DELETE, SHARE_ALL);
}

/* Over the border of two file systems of the host. */
static NTSTATUS move_by_copy(struct path *from, struct path *to, const struct file_facts *facts,
                             unsigned flags)
{
    if (facts->directory)
        return STATUS_ACCESS_DENIED; /* sdk-api winbase/MoveFileExW: not a directory */
    NTSTATUS status = name_copy(from, to, flags & NAME_REPLACE, NULL);
    if (status == STATUS_SUCCESS && unlink(from->host))
        status = errno_to_status(errno);
    return status;
}

NTSTATUS name_rename(struct path *from, struct path *to, unsigned flags)
{
    struct file_facts facts;
    if (from->kind != PATH_FILE || to->kind != PATH_FILE)
        return STATUS_OBJECT_NAME_INVALID;
    NTSTATUS status = file_facts_of_path(from, false, &facts);
    if (status == STATUS_SUCCESS && !(flags & NAME_OPENED))
        status = file_share_check(facts.device, facts.inode, DELETE, SHARE_ALL);
    if (status == STATUS_SUCCESS)
        status = check_target(to, &facts, flags);
    if (status != STATUS_SUCCESS)
        return status;
    bool replace = flags & NAME_REPLACE;
    int failed =
        renameat2(AT_FDCWD, from->host, AT_FDCWD, to->host, replace ? 0 : RENAME_NOREPLACE);
    /* RENAME_NOREPLACE is not in every file system; and the same file may have both names */
    if (failed && !replace && (errno == EINVAL || errno == EEXIST))
        failed = rename(from->host, to->host);
    if (failed && errno == EXDEV && (flags & NAME_COPY))
        return move_by_copy(from, to, &facts, flags);
    /* a directory cannot become its own child */
    return failed ? errno_to_status(errno == EINVAL ? EACCES : errno) : STATUS_SUCCESS;
}

NTSTATUS name_link(struct path *from, struct path *to, bool replace)
{
    struct file_facts facts;
    if (from->kind != PATH_FILE || to->kind != PATH_FILE)
        return STATUS_OBJECT_NAME_INVALID;
    NTSTATUS status = file_facts_of_path(from, false, &facts);
    if (status == STATUS_SUCCESS && facts.directory)
        status = STATUS_FILE_IS_A_DIRECTORY;
    if (status == STATUS_SUCCESS)
        status = path_match(&to->host);
    if (status == STATUS_SUCCESS && !replace)
        return STATUS_OBJECT_NAME_COLLISION;
    if (status != STATUS_SUCCESS && status != STATUS_OBJECT_NAME_NOT_FOUND)
        return status;
    int failed = link(from->host, to->host);
    if (failed && errno == EEXIST && replace) {
        status = name_delete(to, false);
        if (status != STATUS_SUCCESS)
            return status;
        failed = link(from->host, to->host);
    }
    return failed ? errno_to_status(errno) : STATUS_SUCCESS;
}

NTSTATUS name_make_directory(struct path *path)
{
    if (path->kind != PATH_FILE)
        return path->kind == PATH_VOLUME ? STATUS_ACCESS_DENIED : STATUS_OBJECT_NAME_COLLISION;
    NTSTATUS status = path_match(&path->host);
    if (status == STATUS_SUCCESS)
        return STATUS_OBJECT_NAME_COLLISION;
    if (status != STATUS_OBJECT_NAME_NOT_FOUND)
        return status;
    return mkdir(path->host, 0777) ? errno_to_status(errno) : STATUS_SUCCESS;
}
