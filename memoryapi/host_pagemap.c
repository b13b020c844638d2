/*
 * Which pages are in memory, and where: from the kernel's map of the process's pages. The file is
 * opened for each call, because after a fork an open one still speaks of the parent.
 */
#include "memoryapi/host.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "memoryapi/base.h"
#include "memoryapi/host_kernel.h"
#include "memoryapi/host_linux.h"

#define AT_ONCE 64u   /* stretches one scan gives */
#define WORDS   256u  /* pages one read of the file tells about */
#define READS   1024u /* of the file in one call: a gigabyte of address space */

/* A word of /proc/PID/pagemap (Linux, admin-guide/mm/pagemap): the page is in memory. */
#define WORD_PRESENT (1ull << 63)
/* And mapped by this process only, which the page of zeros never is. */
#define WORD_EXCLUSIVE (1ull << 56)

/* The number of stretches; -ENOTTY before Linux 6.7. */
static int scan(int file, uint64_t *at, uint64_t end, uint64_t pages, struct host_stretch *ret,
                unsigned room)
{
    struct page_region found[AT_ONCE];
    struct pm_scan_arg query = {
        .size = sizeof query,
        .start = *at,
        .end = end,
        .vec = (uint64_t)found,
        .vec_len = room < AT_ONCE ? room : AT_ONCE,
        .max_pages = pages,
        .category_mask = PAGE_IS_PRESENT,
        .return_mask = PAGE_IS_PRESENT,
    };
    int count;
    do
        count = ioctl(file, PAGEMAP_SCAN, &query);
    while (count < 0 && errno == EINTR);
    if (count < 0)
        return -errno;
    for (int i = 0; i < count; i++)
        ret[i] = (struct host_stretch){found[i].start, found[i].end};
    *at = query.walk_end;
    return count;
}

/* The words of the first pages of [page, end), at most WORDS: how many, or -errno. */
static int read_words(int file, uint64_t page, uint64_t end, uint64_t words[WORDS])
{
    uint64_t wanted = (end - page) / PAGE_SIZE < WORDS ? (end - page) / PAGE_SIZE : WORDS;
    ssize_t got;
    do
        got = pread(file, words, wanted * sizeof words[0],
                    (off_t)(page / PAGE_SIZE * sizeof words[0]));
    while (got < 0 && errno == EINTR);
    if (got < (ssize_t)sizeof words[0])
        return got < 0 ? -errno : -EIO;
    return (int)((size_t)got / sizeof words[0]);
}

/* The same, word by word. */
static int walk(int file, uint64_t *at, uint64_t end, uint64_t pages, struct host_stretch *ret,
                unsigned room)
{
    uint64_t words[WORDS], page = *at;
    unsigned count = 0;

    for (unsigned reads = 0; reads < READS && page < end && pages; reads++) {
        int got = read_words(file, page, end, words);
        if (got < 0)
            return got;
        for (uint64_t i = 0; i < (uint64_t)got && pages; i++, page += PAGE_SIZE) {
            if (!(words[i] & WORD_PRESENT))
                continue;
            bool follows = count && ret[count - 1].end == page;
            if (!follows && count == room)
                goto full;
            if (!follows)
                ret[count++].start = page;
            ret[count - 1].end = page + PAGE_SIZE;
            pages--;
        }
    }
full:
    *at = page;
    return (int)count;
}

int linux_resident(uint64_t *at, uint64_t end, uint64_t pages, struct host_stretch *ret,
                   unsigned room)
{
    int file = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    int count = -ENOTTY;
    if (file < 0)
        return -errno;
    if (host_caps.pagemap)
        count = scan(file, at, end, pages, ret, room);
    if (count == -ENOTTY)
        count = walk(file, at, end, pages, ret, room);
    close(file);
    return count;
}

static int scan_own(int file, uint64_t start, uint64_t end, uint64_t *ret_pages)
{
    struct page_region found[AT_ONCE];
    struct pm_scan_arg query = {
        .size = sizeof query,
        .vec = (uint64_t)found,
        .vec_len = AT_ONCE,
        .category_inverted = PAGE_IS_PFNZERO,
        .category_mask = PAGE_IS_PRESENT | PAGE_IS_PFNZERO,
        .return_mask = PAGE_IS_PRESENT,
    };
    for (uint64_t at = start; at < end; at = query.walk_end) {
        query.start = at;
        query.end = end;
        query.walk_end = at;
        int count = ioctl(file, PAGEMAP_SCAN, &query);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return -errno;
        for (int i = 0; i < count; i++)
            *ret_pages += (found[i].end - found[i].start) / PAGE_SIZE;
    }
    return 0;
}

/* The same, word by word; what is shared with the child of a fork is not seen. */
static int walk_own(int file, uint64_t start, uint64_t end, uint64_t *ret_pages)
{
    const uint64_t own = WORD_PRESENT | WORD_EXCLUSIVE;
    uint64_t words[WORDS];
    for (uint64_t page = start; page < end;) {
        int got = read_words(file, page, end, words);
        if (got < 0)
            return got;
        for (uint64_t i = 0; i < (uint64_t)got; i++, page += PAGE_SIZE)
            *ret_pages += (words[i] & own) == own;
    }
    return 0;
}

int linux_own_pages(uint64_t start, uint64_t end, uint64_t *ret_pages)
{
    int file = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    int error = -ENOTTY;
    if (file < 0)
        return -errno;
    uint64_t pages = 0;
    if (host_caps.pagemap)
        error = scan_own(file, start, end, &pages);
    if (error == -ENOTTY)
        error = walk_own(file, start, end, &pages);
    close(file);
    if (!error)
        *ret_pages = pages;
    return error;
}

int linux_nodes(const uint64_t *pages, unsigned count, int *ret_nodes)
{
    return syscall(SYS_move_pages, 0, (unsigned long)count, pages, NULL, ret_nodes, 0) < 0 ? -errno
                                                                                           : 0;
}
