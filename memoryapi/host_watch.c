/*
 * Which pages were written, told by the kernel: a userfaultfd whose write protection resolves by
 * itself (Linux 6.7), and the scan of /proc/self/pagemap, which reads and resets in one step.
 *
 * A page counts as written when it is present or swapped out, without write protection, and not the
 * shared page of zeroes. So fresh pages need no marker: what was only read is the zero page, and
 * what was never touched is nothing at all. Huge pages would be marked as a whole, hence none here.
 * All of it was measured, and holds for writes of system calls too.
 */
#include "memoryapi/host_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "memoryapi/base.h"
#include "memoryapi/host_kernel.h"

_Static_assert(sizeof(struct host_written) == sizeof(struct page_region), "handed to the kernel");

/*
 * Both file descriptors plus one, in one word, so that two threads that open them at the same time
 * agree: 0 not opened yet, CLOSED when this kernel or its rules refuse one of them.
 */
#define CLOSED (~0ull)
static uint64_t opened; /* atomic */

static uint64_t pack(int faults, int pagemap)
{
    return (uint64_t)(faults + 1) << 32 | (uint32_t)(pagemap + 1);
}

static int faults_of(uint64_t word)
{
    return (int)(word >> 32) - 1;
}

static int pagemap_of(uint64_t word)
{
    return (int)(uint32_t)word - 1;
}

/* The copies of a forked child still name its parent's memory. */
static void close_in_child(void)
{
    if (opened && opened != CLOSED) {
        close(faults_of(opened));
        close(pagemap_of(opened));
    }
    opened = 0;
}

static void follow_forks(void)
{
    pthread_atfork(NULL, NULL, close_in_child);
}

/*
 * No message is ever read: the protection resolves in the kernel, for its own writes too. That is
 * why "user mode only", which every process may ask for, is enough.
 */
static int open_faults(void)
{
    struct uffdio_api api = {.api = UFFD_API,
                             .features = UFFD_FEATURE_WP_ASYNC | UFFD_FEATURE_WP_UNPOPULATED};
    int faults = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY);
    if (faults >= 0 && ioctl(faults, UFFDIO_API, &api) != 0) {
        close(faults);
        faults = -1;
    }
    return faults;
}

static uint64_t open_both(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    uint64_t expected = 0, mine = CLOSED;
    int faults = open_faults();
    int pagemap = faults >= 0 ? open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC) : -1;

    if (pagemap >= 0)
        mine = pack(faults, pagemap);
    else if (faults >= 0)
        close(faults);
    pthread_once(&once, follow_forks);
    if (__atomic_compare_exchange_n(&opened, &expected, mine, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE))
        return mine;
    if (mine != CLOSED) {
        close(faults);
        close(pagemap);
    }
    return expected;
}

static uint64_t descriptors(void)
{
    uint64_t word = __atomic_load_n(&opened, __ATOMIC_ACQUIRE);
    return word ? word : open_both();
}

int linux_watch_begin(uint64_t address, uint64_t size)
{
    struct uffdio_register request = {.range = {address, size}, .mode = UFFDIO_REGISTER_MODE_WP};
    uint64_t word = host_caps.watch ? descriptors() : CLOSED;
    if (word == CLOSED)
        return -ENOSYS;
    if (ioctl(faults_of(word), UFFDIO_REGISTER, &request) != 0)
        return -errno;
    /* a kernel without huge pages refuses the advice, and does not need it */
    madvise((void *)address, size, MADV_NOHUGEPAGE);
    return 0;
}

int linux_watch_end(uint64_t address, uint64_t size)
{
    struct uffdio_range range = {address, size};
    uint64_t word = __atomic_load_n(&opened, __ATOMIC_ACQUIRE);
    if (word == 0 || word == CLOSED)
        return -ENOSYS;
    return ioctl(faults_of(word), UFFDIO_UNREGISTER, &range) == 0 ? 0 : -errno;
}

int linux_watch_collect(struct host_collect *collect)
{
    struct pm_scan_arg scan = {
        .size = sizeof scan,
        .flags = PM_SCAN_CHECK_WPASYNC | (collect->reset ? PM_SCAN_WP_MATCHING : 0),
        .start = collect->start,
        .end = collect->end,
        .vec = (uint64_t)collect->list,
        .vec_len = collect->capacity,
        .max_pages = collect->most,
        .category_mask = PAGE_IS_WRITTEN | PAGE_IS_PFNZERO,
        .category_inverted = PAGE_IS_PFNZERO,
        .category_anyof_mask = PAGE_IS_PRESENT | PAGE_IS_SWAPPED,
        .return_mask = PAGE_IS_WRITTEN, /* so that neighbours become one element */
    };
    uint64_t word = __atomic_load_n(&opened, __ATOMIC_ACQUIRE);
    int count;

    if (word == 0 || word == CLOSED)
        return -EPERM; /* a forked child, which has to begin anew */
    count = ioctl(pagemap_of(word), PAGEMAP_SCAN, &scan);
    if (count < 0)
        return -errno;
    collect->count = (uint32_t)count;
    collect->stopped = scan.walk_end;
    return 0;
}

int linux_watch_mark(uint64_t address, uint64_t size)
{
    struct uffdio_writeprotect request = {.range = {address, size}};
    uint64_t word = __atomic_load_n(&opened, __ATOMIC_ACQUIRE);
    if (word == 0 || word == CLOSED)
        return -ENOSYS;
    return ioctl(faults_of(word), UFFDIO_WRITEPROTECT, &request) == 0 ? 0 : -errno;
}
