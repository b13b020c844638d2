/* Files that stay open: whose a descriptor is, and what is read through it. */
#include "memoryapi/kept_file.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>
#include "memoryapi/futex.h"

static struct futex_lock lock;
static char text[16384]; /* under lock */

void kept_lock(void)
{
    futex_lock(&lock);
}

void kept_unlock(void)
{
    futex_unlock(&lock);
}

/* First of all, so that a fork takes this lock last: others are held by those who want it. */
__attribute__((constructor(101))) static void fork_init(void)
{
    pthread_atfork(kept_lock, kept_unlock, kept_unlock);
}

static bool is_ours(const struct kept_file *kept)
{
    struct stat found;
    return fstat(kept->number - 1, &found) == 0 && found.st_dev == kept->device &&
           found.st_ino == kept->inode;
}

void kept_close(struct kept_file *kept)
{
    if (kept->number && is_ours(kept))
        close(kept->number - 1);
    kept->number = 0;
}

static bool open_it(struct kept_file *kept, const char *path)
{
    struct stat found;
    int file = text_open_file(path, O_RDONLY);
    if (file < 0)
        return false;
    if (fstat(file, &found) != 0) {
        close(file);
        return false;
    }
    *kept = (struct kept_file){file + 1, getpid(), found.st_dev, found.st_ino};
    return true;
}

/* All of it comes at once: the kernel writes such a file in one piece. */
static bool read_it(const struct kept_file *kept)
{
    ssize_t got;
    do
        got = pread(kept->number - 1, text, sizeof text - 1, 0);
    while (got < 0 && errno == EINTR);
    text[got > 0 ? got : 0] = '\0';
    return got > 0;
}

char *kept_read(struct kept_file *kept, const char *path)
{
    bool made = *__atomic_load_n(&text_root, __ATOMIC_RELAXED);
    if (kept->number && !made && kept->owner == getpid() && is_ours(kept) && read_it(kept))
        return text;
    kept_close(kept);
    bool done = open_it(kept, path) && read_it(kept);
    if (made || !done)
        kept_close(kept);
    return done ? text : NULL;
}

bool kept_numbers(struct kept_file *kept, const char *path, const struct text_key *keys,
                  unsigned count)
{
    const char *found = kept_read(kept, path);
    return found && text_numbers(found, keys, count) > 0;
}

bool kept_number(struct kept_file *kept, const char *path, uint64_t *ret_number)
{
    const char *found = kept_read(kept, path);
    return found && text_number_in(found, ret_number);
}
