/* Hashes of the names of directories: path_cache.h. */
#include "kernel32/process/path_cache.h"

#include <dirent.h>
#include <linux/magic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include "kernel32/process/path.h"
#include "memoryapi/base.h"
#include "memoryapi/futex.h"

#define DIRECTORIES   64u
#define NAMES_MAXIMUM 65536u /* 512 KiB of hashes */
/* A directory that changed so lately may change again without another time stamp: kernels before
 * 6.13 stamp in ticks of up to 10 ms. */
#define SETTLED_NS (50ll * 1000 * 1000)

#define XFS_MAGIC  0x58465342
#define ZFS_MAGIC  0x2FC12FC1
#define F2FS_MAGIC 0xF2F52010

struct listing {
    uint64_t device, inode;
    struct timespec modified, changed;
    size_t count;
    uint64_t *hashes; /* sorted; NULL: an empty place */
};

static struct futex_lock lock;
static struct listing listings[DIRECTORIES]; /* under lock */

/* FNV-1a over the upper case. */
static uint64_t hash_of(const WCHAR *name, size_t length)
{
    uint64_t hash = 0xCBF29CE484222325ull;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ path_upcase(name[i])) * 0x100000001B3ull;
    return hash;
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static bool has(const uint64_t *hashes, size_t count, uint64_t hash)
{
    return bsearch(&hash, hashes, count, sizeof hash, compare) != NULL;
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool is_of(const struct listing *listing, const struct stat *stat)
{
    return listing->hashes && listing->device == stat->st_dev && listing->inode == stat->st_ino &&
           same_time(&listing->modified, &stat->st_mtim) &&
           same_time(&listing->changed, &stat->st_ctim);
}

/* Only file systems that stamp a directory whenever its names change. */
static bool keeps_time(int fd)
{
    static const uint32_t known[] = {
        EXT4_SUPER_MAGIC, BTRFS_SUPER_MAGIC, TMPFS_MAGIC, OVERLAYFS_SUPER_MAGIC,
        XFS_MAGIC,        ZFS_MAGIC,         F2FS_MAGIC};
    struct statfs host;
    if (fstatfs(fd, &host))
        return false;
    for (unsigned i = 0; i < array_length(known); i++)
        if ((uint32_t)host.f_type == known[i])
            return true;
    return false;
}

static bool is_settled(const struct stat *stat)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    const struct timespec *last = &stat->st_ctim;
    return (now.tv_sec - last->tv_sec) * 1000000000ll + now.tv_nsec - last->tv_nsec > SETTLED_NS;
}

static bool add(struct listing *listing, size_t *room, const char *host)
{
    WCHAR name[256];
    size_t size = strlen(host);
    if (listing->count == NAMES_MAXIMUM || size > 255)
        return false;
    if (listing->count == *room) {
        *room = *room ? *room * 2 : 64;
        uint64_t *hashes = realloc(listing->hashes, *room * sizeof *hashes);
        if (!hashes)
            return false;
        listing->hashes = hashes;
    }
    listing->hashes[listing->count++] = hash_of(name, path_name_from_host(host, size, name));
    return true;
}

/* All names, when it is a directory to be remembered. Nothing may change while it is read. */
static bool read_names(const char *directory, struct listing *ret_listing)
{
    struct listing listing = {0};
    struct stat before, after;
    size_t room = 0;
    struct dirent *entry;
    DIR *stream = opendir(directory);
    if (!stream)
        return false;
    bool good =
        keeps_time(dirfd(stream)) && fstat(dirfd(stream), &before) == 0 && is_settled(&before);
    while (good && (entry = readdir(stream)))
        good = add(&listing, &room, entry->d_name);
    good = good && fstat(dirfd(stream), &after) == 0 &&
           same_time(&before.st_mtim, &after.st_mtim) &&
           same_time(&before.st_ctim, &after.st_ctim) && listing.hashes;
    closedir(stream);
    if (!good) {
        free(listing.hashes);
        return false;
    }
    qsort(listing.hashes, listing.count, sizeof *listing.hashes, compare);
    listing.device = before.st_dev;
    listing.inode = before.st_ino;
    listing.modified = before.st_mtim;
    listing.changed = before.st_ctim;
    *ret_listing = listing;
    return true;
}

bool path_cache_lacks(const char *directory, const WCHAR *name, size_t length)
{
    struct stat stat_buffer;
    struct listing fresh;
    uint64_t hash = hash_of(name, length);
    if (stat(directory, &stat_buffer))
        return false;
    struct listing *place = &listings[(stat_buffer.st_ino ^ stat_buffer.st_dev) % DIRECTORIES];
    futex_lock(&lock);
    bool known = is_of(place, &stat_buffer);
    bool lacks = known && !has(place->hashes, place->count, hash);
    futex_unlock(&lock);
    if (known || !read_names(directory, &fresh))
        return lacks;
    lacks = !has(fresh.hashes, fresh.count, hash);
    place = &listings[(fresh.inode ^ fresh.device) % DIRECTORIES];
    futex_lock(&lock);
    uint64_t *old = place->hashes;
    *place = fresh;
    futex_unlock(&lock);
    free(old);
    return lacks;
}
