/* Drives, the current directory, and the absolute form of a Win32 path. */
#include "kernel32/process/path.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "memoryapi/base.h"
#include "memoryapi/futex.h"

#define DRIVES 26

static struct {
    /* constant after init */
    pthread_once_t once;
    NTSTATUS status;
    char *drives[DRIVES]; /* canonical, without a slash at the end but for "/" */
    struct futex_lock lock;
    /* under lock */
    WCHAR *current; /* ends in a backslash; NULL: no memory at the start */
    size_t current_length;
    UNICODE_STRING *shown; /* NULL: nowhere */
} paths = {.once = PTHREAD_ONCE_INIT};

static void drive_set(WCHAR letter, const char *directory, size_t length)
{
    letter = path_upcase(letter);
    char *text = letter >= 'A' && letter <= 'Z' ? strndup(directory, length) : NULL;
    if (!text) {
        paths.status = STATUS_INVALID_PARAMETER;
        return;
    }
    char *canonical = realpath(text, NULL);
    struct stat stat;
    if (canonical && lstat(canonical, &stat) == 0 && S_ISDIR(stat.st_mode)) {
        free(paths.drives[letter - 'A']);
        paths.drives[letter - 'A'] = canonical;
    } else {
        free(canonical);
        paths.status = STATUS_OBJECT_PATH_NOT_FOUND;
    }
    free(text);
}

/* "X=/host/dir;Y=/other" */
static void read_drives(const char *text)
{
    while (*text) {
        size_t length = strcspn(text, ";");
        if (length >= 3 && text[1] == '=')
            drive_set((WCHAR)(unsigned char)text[0], text + 2, length - 2);
        else if (length)
            paths.status = STATUS_INVALID_PARAMETER;
        text += length + (text[length] == ';');
    }
}

static WCHAR *with_backslash(WCHAR *path, size_t *length)
{
    if (!path || path[*length - 1] == '\\')
        return path;
    WCHAR *longer = realloc(path, (*length + 2) * sizeof *path);
    if (!longer) {
        free(path);
        return NULL;
    }
    longer[(*length)++] = '\\';
    longer[*length] = 0;
    return longer;
}

/* Where the host process stands, else the root of the last drive. */
static void find_current(void)
{
    char *host = getcwd(NULL, 0);
    size_t length = 0;
    WCHAR *current = host ? path_from_host(host, &length) : NULL;
    for (int drive = DRIVES - 1; drive >= 0 && !current; drive--)
        if (paths.drives[drive])
            current = path_from_host(paths.drives[drive], &length);
    paths.current = with_backslash(current, &length);
    paths.current_length = length;
    free(host);
}

static void init(void)
{
    drive_set('Z', "/", 1);
    const char *text = getenv("WINMEM_DRIVE_C");
    if (text && *text)
        drive_set('C', text, strlen(text));
    text = getenv("WINMEM_DRIVES");
    if (text)
        read_drives(text);
}

static pthread_once_t current_once = PTHREAD_ONCE_INIT;

NTSTATUS path_init(void)
{
    pthread_once(&paths.once, init);
    pthread_once(&current_once, find_current);
    return paths.status;
}

uint32_t path_drives(void)
{
    uint32_t drives = 0;
    pthread_once(&paths.once, init);
    for (unsigned drive = 0; drive < DRIVES; drive++)
        if (paths.drives[drive])
            drives |= 1u << drive;
    return drives;
}

const char *path_drive_host(WCHAR letter)
{
    pthread_once(&paths.once, init);
    letter = path_upcase(letter);
    return letter >= 'A' && letter <= 'Z' ? paths.drives[letter - 'A'] : NULL;
}

/* The drive with the longest directory above `host`; -1: none. */
static int drive_above(const char *host, size_t *ret_length)
{
    int best = -1;
    size_t best_length = 0;
    for (int drive = 0; drive < DRIVES; drive++) {
        const char *base = path_drive_host((WCHAR)('A' + drive));
        if (!base)
            continue;
        size_t length = strlen(base);
        if (length == 1)
            length = 0; /* "/" is above everything */
        if (strncmp(host, base, length) || (host[length] && host[length] != '/'))
            continue;
        if (best < 0 || length > best_length) {
            best = drive;
            best_length = length;
        }
    }
    *ret_length = best_length;
    return best;
}

WCHAR *path_from_host(const char *host, size_t *ret_length)
{
    size_t length;
    int drive = host[0] == '/' ? drive_above(host, &length) : -1;
    if (drive < 0)
        return NULL;
    WCHAR *path = malloc((strlen(host) - length + 4) * sizeof *path);
    if (!path)
        return NULL;
    size_t at = 0;
    path[at++] = (WCHAR)('A' + drive);
    path[at++] = ':';
    for (host += length; *host; host += length) {
        host += strspn(host, "/");
        length = strcspn(host, "/");
        if (length == 0)
            break;
        path[at++] = '\\';
        at += path_name_from_host(host, length, path + at);
    }
    if (at == 2)
        path[at++] = '\\';
    path[at] = 0;
    if (ret_length)
        *ret_length = at;
    return path;
}

WCHAR *path_current_directory(size_t *ret_length)
{
    path_init();
    futex_lock(&paths.lock);
    WCHAR *copy = paths.current ? malloc((paths.current_length + 1) * sizeof *paths.current) : NULL;
    if (copy)
        memcpy(copy, paths.current, (paths.current_length + 1) * sizeof *copy);
    *ret_length = paths.current_length;
    futex_unlock(&paths.lock);
    return copy;
}

/* What no UNICODE_STRING can hold is not shown. */
static void show_locked(void)
{
    if (!paths.shown || paths.current_length >= PATH_LENGTH_MAXIMUM)
        return;
    memcpy(paths.shown->Buffer, paths.current, (paths.current_length + 1) * sizeof *paths.current);
    paths.shown->Length = (USHORT)(paths.current_length * sizeof *paths.current);
}

NTSTATUS path_publish(UNICODE_STRING *where)
{
    path_init();
    WCHAR *buffer = malloc(PATH_LENGTH_MAXIMUM * sizeof *buffer);
    if (!buffer || !paths.current) {
        free(buffer);
        return STATUS_NO_MEMORY;
    }
    futex_lock(&paths.lock);
    *where = (UNICODE_STRING){0, (USHORT)(PATH_LENGTH_MAXIMUM * sizeof *buffer), buffer};
    paths.shown = where;
    show_locked();
    futex_unlock(&paths.lock);
    return STATUS_SUCCESS;
}

static NTSTATUS check_directory(const WCHAR *full, size_t length)
{
    struct path path;
    NTSTATUS status = path_resolve(full, length, &path);
    if (status != STATUS_SUCCESS)
        return status;
    if (path.kind != PATH_FILE) {
        path_free(&path);
        return STATUS_OBJECT_NAME_INVALID;
    }
    struct stat stat_buffer;
    int failed = stat(path.host, &stat_buffer);
    if (failed && errno == ENOENT) {
        status = path_match(&path.host);
        if (status == STATUS_SUCCESS)
            failed = stat(path.host, &stat_buffer);
    }
    if (status == STATUS_SUCCESS && failed)
        status = errno_to_status(errno);
    else if (status == STATUS_SUCCESS && !S_ISDIR(stat_buffer.st_mode))
        status = STATUS_NOT_A_DIRECTORY;
    else if (status == STATUS_SUCCESS && access(path.host, X_OK))
        status = errno_to_status(errno);
    path_free(&path);
    return status;
}

NTSTATUS path_set_current_directory(const WCHAR *path, size_t length)
{
    NTSTATUS status;
    size_t full_length;
    WCHAR *full = path_full(path, length, &full_length, &status);
    if (!full)
        return status;
    status = check_directory(full, full_length);
    if (status != STATUS_SUCCESS) {
        free(full);
        return status;
    }
    full = with_backslash(full, &full_length);
    if (!full)
        return STATUS_NO_MEMORY;
    futex_lock(&paths.lock);
    WCHAR *old = paths.current;
    paths.current = full;
    paths.current_length = full_length;
    show_locked();
    futex_unlock(&paths.lock);
    free(old);
    return STATUS_SUCCESS;
}

/* An absolute path being made. */
struct builder {
    WCHAR *text;
    size_t length;
    size_t root; /* ".." does not go above this */
};

static void put(struct builder *builder, const WCHAR *text, size_t length)
{
    memcpy(builder->text + builder->length, text, length * sizeof *text);
    builder->length += length;
}

static size_t name_end(const WCHAR *path, size_t length, size_t from)
{
    while (from < length && !path_is_separator(path[from]))
        from++;
    return from;
}

static void put_name(struct builder *builder, const WCHAR *name, size_t length, bool last)
{
    if (length == 1 && name[0] == '.')
        return;
    if (length == 2 && name[0] == '.' && name[1] == '.') {
        while (builder->length > builder->root && builder->text[builder->length - 1] != '\\')
            builder->length--;
        if (builder->length > builder->root)
            builder->length--; /* the backslash before the name */
        return;
    }
    /* dotnet standard/io/file-path-formats, "Trim characters" */
    if (last)
        while (length && (name[length - 1] == '.' || name[length - 1] == ' '))
            length--;
    else if (length > 1 && name[length - 1] == '.' && name[length - 2] != '.')
        length--;
    if (length == 0)
        return;
    if (builder->text[builder->length - 1] != '\\')
        builder->text[builder->length++] = '\\';
    put(builder, name, length);
}

/* Server and share cannot be left by "..". Returns where the rest begins. */
static size_t put_server(struct builder *builder, const WCHAR *path, size_t length)
{
    static const WCHAR backslashes[] = {'\\', '\\'};
    size_t at = 2;
    put(builder, backslashes, 2);
    for (unsigned part = 0; part < 2 && at < length; part++) {
        size_t end = name_end(path, length, at);
        if (part)
            builder->text[builder->length++] = '\\';
        put(builder, path + at, end - at);
        at = end < length ? end + 1 : end;
    }
    return at;
}

/* The root the path starts from; returns where the rest begins. `current` ends in a backslash. */
static size_t put_root(struct builder *builder, const WCHAR *path, size_t length,
                       const WCHAR *current, size_t current_length)
{
    size_t drive = current_length >= 3 && current[1] == ':' ? 3 : current_length;
    if (length >= 2 && path_is_separator(path[0]) && path_is_separator(path[1])) {
        bool device = length >= 3 && (path[2] == '.' || path[2] == '?') &&
                      (length == 3 || path_is_separator(path[3]));
        if (!device) {
            size_t at = put_server(builder, path, length);
            builder->root = builder->length;
            return at;
        }
        const WCHAR prefix[] = {'\\', '\\', path[2], '\\'};
        put(builder, prefix, 4);
        size_t at = length == 3 ? 3 : 4, end = name_end(path, length, at);
        put(builder, path + at, end - at); /* "C:", "NUL" stay */
        builder->root = builder->length;
        if (end < length && builder->text[builder->length - 1] == ':')
            builder->text[builder->length++] = '\\';
        return end;
    }
    if (length >= 2 && path[1] == ':') {
        bool absolute = length >= 3 && path_is_separator(path[2]);
        if (!absolute && drive == 3 && path_upcase(path[0]) == path_upcase(current[0])) {
            put(builder, current, current_length > 3 ? current_length - 1 : 3);
        } else {
            const WCHAR root[] = {path[0], ':', '\\'};
            put(builder, root, 3);
        }
        builder->root = 3;
        return 2;
    }
    bool rooted = length >= 1 && path_is_separator(path[0]);
    put(builder, current, rooted ? drive : current_length > drive ? current_length - 1 : drive);
    builder->root = drive;
    return 0;
}

static WCHAR *full_device(const WCHAR *name, size_t length, size_t *ret_length)
{
    static const WCHAR prefix[] = {'\\', '\\', '.', '\\'};
    WCHAR *text = malloc((length + 5) * sizeof *text);
    if (!text)
        return NULL;
    memcpy(text, prefix, sizeof prefix);
    memcpy(text + 4, name, length * sizeof *name);
    text[length + 4] = 0;
    *ret_length = length + 4;
    return text;
}

WCHAR *path_full(const WCHAR *path, size_t length, size_t *ret_length, NTSTATUS *ret_status)
{
    size_t current_length, offset;
    *ret_status = length == 0 ? STATUS_OBJECT_NAME_INVALID : STATUS_NAME_TOO_LONG;
    if (length == 0 || length > PATH_LENGTH_MAXIMUM)
        return NULL;
    *ret_status = STATUS_NO_MEMORY;
    size_t device = path_dos_device(path, length, &offset);
    if (device) {
        WCHAR *text = full_device(path + offset, device, ret_length);
        *ret_status = text ? STATUS_SUCCESS : STATUS_NO_MEMORY;
        return text;
    }
    WCHAR *current = path_current_directory(&current_length);
    struct builder builder = {.text = current ? malloc((length + current_length + 8) * sizeof *path)
                                              : NULL};
    if (builder.text) {
        size_t at = put_root(&builder, path, length, current, current_length);
        while (at < length) {
            size_t end = name_end(path, length, at);
            if (end > at)
                put_name(&builder, path + at, end - at, end == length);
            at = end + 1;
        }
        if (path_is_separator(path[length - 1]) && builder.text[builder.length - 1] != '\\')
            builder.text[builder.length++] = '\\';
        builder.text[builder.length] = 0;
        *ret_length = builder.length;
        *ret_status = STATUS_SUCCESS;
    }
    free(current);
    return builder.text;
}
