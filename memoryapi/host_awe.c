/*
 * Frames, and windows that show them. The quick way moves a page from one place to another in the
 * page tables (UFFDIO_MOVE, Linux 6.8): frames wait in an anonymous store, each at its own place,
 * and a window is a range where a missing page gives SIGBUS; no mapping is ever split. Measured on
 * Linux 6.18: 0.9 us a page, 0.09 us in a batch. The other way keeps frames in a memory file and
 * maps each (2.3 us a page, and a mapping each: vm.max_map_count).
 */
#include "memoryapi/host_awe.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "memoryapi/base.h"
#include "memoryapi/host_kernel.h"

#define STORE (MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE)
/* A page that somebody else holds for a moment (reclaim, migration) is free again after this. */
#define MOVE_TRIES 1000u

/* Constant from frames_open on; a child of fork begins anew. */
static struct {
    uint64_t store; /* the place of frame 0 */
    uint64_t count;
    int file;    /* of the frames; -1: moving */
    int faults;  /* the userfaultfd; -1: not moving */
    bool locked; /* frames are not swapped, in the store and in windows */
} frames = {.file = -1, .faults = -1};

static void *at(uint64_t address)
{
    return (void *)address;
}

static int open_faults(void)
{
    struct uffdio_api api = {.api = UFFD_API, .features = UFFD_FEATURE_MOVE | UFFD_FEATURE_SIGBUS};
    int file = (int)syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
    if (file < 0)
        return -errno;
    if (ioctl(file, UFFDIO_API, &api) == 0)
        return file;
    int error = -errno;
    close(file);
    return error;
}

bool host_can_move(void)
{
    int file = open_faults();
    if (file >= 0)
        close(file);
    return file >= 0;
}

/* Pages move only between ranges that are both locked or both not. */
static int lock_range(uint64_t address, uint64_t size)
{
    /* a program that locks all it maps (mlockall) would have the whole range made present */
    if (!frames.locked)
        return host_munlock(address, size);
    return mlock2(at(address), size, MLOCK_ONFAULT) == 0 ? 0 : -errno;
}

/*
 * Reserved space becomes read-write, and pages can be moved to and from it; `mode`
 * UFFDIO_REGISTER_MODE_* says what faults there.
 */
static int open_range(uint64_t address, uint64_t size, uint64_t mode)
{
    struct uffdio_register range = {.range = {address, size}, .mode = mode};
    int error = lock_range(address, size);
    if (error)
        return error;
    /* small pages only, and none of them shared with a child: those cannot be moved */
    if (madvise(at(address), size, MADV_DONTFORK) != 0)
        return -errno;
    madvise(at(address), size, MADV_NOHUGEPAGE); /* refused by a kernel that has no others */
    if (mprotect(at(address), size, PROT_READ | PROT_WRITE) != 0)
        return -errno;
    return ioctl(frames.faults, UFFDIO_REGISTER, &range) == 0 ? 0 : -errno;
}

/* Who may lock as much as there is; with less, windows would end where the limit does. */
static bool may_lock(void)
{
    struct rlimit limit;
    return geteuid() == 0 ||
           (getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur == RLIM_INFINITY);
}

/* Write protection is never used, but what is moved to has to be registered for something. */
static int open_store(uint64_t size)
{
    void *store = mmap(NULL, size, PROT_NONE, STORE, -1, 0);
    if (store == MAP_FAILED)
        return -errno;
    frames.locked = may_lock() && mlock2(store, size, MLOCK_ONFAULT) == 0;
    frames.faults = open_faults();
    int error = frames.faults < 0 ? frames.faults
                                  : open_range((uint64_t)store, size, UFFDIO_REGISTER_MODE_WP);
    if (!error) {
        frames.store = (uint64_t)store;
        return 0;
    }
    if (frames.faults >= 0)
        close(frames.faults);
    frames.faults = -1;
    munmap(store, size);
    return error;
}

static int open_file(uint64_t size)
{
    int error = 0, file = memfd_create("winmem physical pages", MFD_CLOEXEC);
    if (file < 0)
        return -errno;
    if (ftruncate(file, (off_t)size) != 0) {
        error = -errno;
        close(file);
        return error;
    }
    frames.file = file;
    return 0;
}

int host_frames_open(uint64_t count)
{
    int error = host_caps.move ? open_store(count * PAGE_SIZE) : open_file(count * PAGE_SIZE);
    if (!error)
        frames.count = count;
    return error;
}

void host_frames_forget(void)
{
    if (frames.file >= 0)
        close(frames.file);
    if (frames.faults >= 0)
        close(frames.faults);
    frames.file = frames.faults = -1;
    frames.store = frames.count = 0;
}

static int allocate(int mode, uint64_t first, uint64_t count)
{
    for (;;) {
        if (fallocate(frames.file, mode, (off_t)(first * PAGE_SIZE), (off_t)(count * PAGE_SIZE)) ==
            0)
            return 0;
        if (errno != EINTR)
            return errno == ENOSPC ? -ENOMEM : -errno;
    }
}

int host_frames_drop(uint64_t first, uint64_t count)
{
    if (frames.file >= 0)
        return allocate(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, first, count);
    void *start = at(frames.store + first * PAGE_SIZE);
    int advice = frames.locked ? MADV_DONTNEED_LOCKED : MADV_DONTNEED;
    while (madvise(start, count * PAGE_SIZE, advice) != 0)
        if (errno != EINTR && errno != EAGAIN)
            return -errno;
    return 0;
}

/* A page that is written is the frame's own; one that is only read could be the shared zero. */
static int populate(uint64_t first, uint64_t count)
{
    volatile uint8_t *start = at(frames.store + first * PAGE_SIZE);
    while (host_caps.populate) {
        if (madvise((void *)start, count * PAGE_SIZE, MADV_POPULATE_WRITE) == 0)
            return 0;
        if (errno != EINTR && errno != EAGAIN)
            return errno == EFAULT ? -ENOMEM : -errno;
    }
    for (uint64_t page = 0; page < count; page++)
        start[page * PAGE_SIZE] = 0;
    return 0;
}

int host_frames_fill(uint64_t first, uint64_t count)
{
    int error = frames.file >= 0 ? allocate(0, first, count) : populate(first, count);
    if (error)
        host_frames_drop(first, count);
    return error;
}

int host_window_open(uint64_t address, uint64_t size)
{
    if (frames.faults < 0)
        return 0;
    int error = open_range(address, size, UFFDIO_REGISTER_MODE_MISSING);
    if (error) /* as it was reserved */
        mmap(at(address), size, PROT_NONE, STORE | MAP_FIXED, -1, 0);
    return error;
}

/* *ret_moved: bytes, from the start. */
static int move_some(uint64_t to, uint64_t from, uint64_t size, uint64_t *ret_moved)
{
    uint64_t done = 0;
    for (unsigned tries = 0; done < size;) {
        struct uffdio_move move = {to + done, from + done, size - done, 0, 0};
        int error = ioctl(frames.faults, UFFDIO_MOVE, &move) == 0 ? 0 : errno;
        if (move.move > 0) {
            done += (uint64_t)move.move;
            tries = 0;
        } else if ((error == EAGAIN || error == EBUSY || error == EINTR) && tries < MOVE_TRIES) {
            if (tries++ > MOVE_TRIES / 2)
                sched_yield();
        } else {
            *ret_moved = done;
            return error ? -error : -EFAULT;
        }
    }
    *ret_moved = done;
    return 0;
}

static int move_pages(uint64_t to, uint64_t from, uint64_t size)
{
    uint64_t moved, back;
    int error = move_some(to, from, size, &moved);
    if (error && moved)
        move_some(from, to, moved, &back);
    return error;
}

int host_window_show(uint64_t address, uint64_t first, uint64_t count)
{
    uint64_t size = count * PAGE_SIZE, offset = first * PAGE_SIZE;
    if (frames.faults >= 0)
        return move_pages(address, frames.store + offset, size);
    return mmap(at(address), size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, frames.file,
                (off_t)offset) == MAP_FAILED
               ? -errno
               : 0;
}

int host_window_hide(uint64_t address, uint64_t first, uint64_t count)
{
    uint64_t size = count * PAGE_SIZE;
    if (frames.faults >= 0)
        return move_pages(frames.store + first * PAGE_SIZE, address, size);
    return mmap(at(address), size, PROT_NONE, STORE | MAP_FIXED, -1, 0) == MAP_FAILED ? -errno : 0;
}
