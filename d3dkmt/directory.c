/* The directory that the machines of a user are in, and what is trusted in it. */
#include "d3dkmt/machine_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char path[PATH_MAX]; /* under the state's lock */

/* Also from a signal handler (damage.c). */
static void say(const char *format, va_list arguments)
{
    static const char who[] = "winmem: simulated GPU: ";
    char text[2600] = ""; /* two plans, which may be long, in one line */
    size_t length = sizeof who - 1;
    memcpy(text, who, length);
    vsnprintf(text + length, sizeof text - length - 1, format, arguments);
    length = strlen(text);
    text[length++] = '\n';
    while (write(STDERR_FILENO, text, length) < 0 && errno == EINTR)
        ;
}

void gpu_say(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(format, arguments);
    va_end(arguments);
}

void gpu_refuse(const char *format, ...)
{
    static bool said;
    va_list arguments;
    if (__atomic_exchange_n(&said, true, __ATOMIC_RELAXED))
        return;
    va_start(arguments, format);
    say(format, arguments);
    va_end(arguments);
}

void gpu_no_room(const char *what, int error)
{
    static bool said;
    if (!__atomic_exchange_n(&said, true, __ATOMIC_RELAXED))
        gpu_say("%s: no room for %s: %s; calls that need it fail", path, what, strerror(-error));
}

/* False: the name is too long. */
static bool find_path(void)
{
    const char *own = getenv("WINMEM_GPU_DIR"), *runtime = getenv("XDG_RUNTIME_DIR");
    int length;
    if (own && *own)
        length = snprintf(path, sizeof path, "%s", own);
    else if (runtime && *runtime)
        length = snprintf(path, sizeof path, "%s/winmem", runtime);
    else
        length = snprintf(path, sizeof path, "/dev/shm/winmem-%u", (unsigned)geteuid());
    return length > 0 && (size_t)length < sizeof path;
}

const char *gpu_directory_path(void)
{
    return path;
}

int gpu_directory_open(bool make)
{
    struct stat info;
    int directory, error;
    if (!find_path()) {
        gpu_refuse("the name of its directory is too long");
        return -ENAMETOOLONG;
    }
    if (make && mkdir(path, 0700) != 0 && errno != EEXIST) {
        error = -errno;
        gpu_refuse("%s cannot be made: %s", path, strerror(-error));
        return error == -ENOENT ? -ENOTDIR : error;
    }
    directory = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (directory < 0 && errno == ENOENT && !make)
        return -ENOENT;
    if (directory < 0) {
        error = -errno;
        gpu_refuse("%s: %s", path,
                   error == -ENOTDIR || error == -ELOOP ? "refused: it is no directory"
                                                        : strerror(-error));
        return error;
    }
    if (fstat(directory, &info) == 0 && info.st_uid == geteuid() && !(info.st_mode & 022))
        return directory;
    close(directory);
    gpu_refuse("%s: refused: it belongs to another user, or others may write to it", path);
    return -EPERM;
}

int gpu_directory_file(int directory, const char *name, int flags)
{
    struct stat info;
    /* not to wait for anybody, should it be a pipe */
    int file = openat(directory, name, flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);
    if (file < 0)
        return errno == ELOOP || errno == ENXIO || errno == EISDIR ? -EPERM : -errno;
    if (flags & O_EXCL)
        fchmod(file, 0600); /* whatever the umask is */
    if (fstat(file, &info) == 0 && S_ISREG(info.st_mode) && info.st_uid == geteuid() &&
        !(info.st_mode & 077))
        return file;
    close(file);
    return -EPERM;
}

DIR *gpu_directory_list(int directory)
{
    int copy = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = copy < 0 ? NULL : fdopendir(copy);
    if (!list && copy >= 0)
        close(copy);
    return list;
}

void gpu_directory_remove(int directory, const char *prefix)
{
    DIR *list = gpu_directory_list(directory);
    const struct dirent *entry;
    if (!list)
        return;
    while ((entry = readdir(list)) != NULL) {
        const char *number = entry->d_name + strlen(prefix);
        if (strncmp(entry->d_name, prefix, strlen(prefix)) == 0 && *number &&
            strspn(number, "0123456789") == strlen(number))
            unlinkat(directory, entry->d_name, 0);
    }
    closedir(list);
}
