/*
 * The host contract on Linux. Mapping calls are in host_*.c only.
 */
#include "memoryapi/host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "memoryapi/base.h"
#include "memoryapi/host_awe.h"
#include "memoryapi/host_kernel.h"
#include "memoryapi/host_linux.h"
#include "memoryapi/host_watch.h"
#include "memoryapi/host_large.h"
#include "memoryapi/host_numa.h"
#include "memoryapi/setting.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#define LOOKED_INTO (256ull << 20)
#endif

#define HUGE_PAGE (2ull << 20)
#define RESERVED  (MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE)

struct host_caps host_caps;

static void *at(uint64_t address)
{
    return (void *)address;
}

static int result(int answer)
{
    return answer == 0 ? 0 : -errno;
}

/*
 * madvise ends early with -EAGAIN when it was interrupted by a signal or could not get memory at
 * once.
 */
static int advise(uint64_t address, uint64_t size, int advice)
{
    for (unsigned tries = 0;; tries++) {
        if (madvise(at(address), size, advice) == 0)
            return 0;
        if (errno != EINTR && (errno != EAGAIN || tries > 100))
            return -errno;
    }
}

static int linux_reserve(uint64_t address, uint64_t size, uint64_t *ret_address)
{
    void *memory =
        mmap(at(address), size, PROT_NONE, RESERVED | (address ? MAP_FIXED_NOREPLACE : 0), -1, 0);
    if (memory == MAP_FAILED)
        return -errno;
    /* a kernel that does not know the flag takes the address as a hint */
    if (address && memory != at(address)) {
        munmap(memory, size);
        return -EEXIST;
    }
    *ret_address = (uint64_t)memory;
    return 0;
}

static int linux_unreserve(uint64_t address, uint64_t size)
{
    return result(munmap(at(address), size));
}

static int linux_reset(uint64_t address, uint64_t size)
{
    return mmap(at(address), size, PROT_NONE, RESERVED | MAP_FIXED, -1, 0) == MAP_FAILED ? -errno
                                                                                         : 0;
}

static int linux_protect(uint64_t address, uint64_t size, unsigned access)
{
    int protection = (access & HOST_READ ? PROT_READ : 0) | (access & HOST_WRITE ? PROT_WRITE : 0) |
                     (access & HOST_EXECUTE ? PROT_EXEC : 0);
    return result(mprotect(at(address), size, protection));
}

static int linux_open_guards(uint64_t address, uint64_t size)
{
    return host_caps.guard ? advise(address, size, MADV_GUARD_REMOVE)
                           : linux_protect(address, size, HOST_READ_WRITE);
}

/* The kernel marks no locked page; what is lost is not locked any more. */
static int linux_close_guards(uint64_t address, uint64_t size)
{
    int error;
    if (!host_caps.guard)
        return linux_reset(address, size);
    error = advise(address, size, MADV_GUARD_INSTALL);
    if (error != -EINVAL)
        return error;
    error = linux_unlock(address, size);
    return error ? error : advise(address, size, MADV_GUARD_INSTALL);
}

static int linux_drop(uint64_t address, uint64_t size)
{
    return advise(address, size, MADV_DONTNEED);
}

static int linux_offer(uint64_t address, uint64_t size)
{
    return host_caps.lazyfree ? advise(address, size, MADV_FREE) : 0;
}

/*
 * Dirties each page without changing it: an atomic "or" of nothing, which a concurrent writer
 * cannot lose a write to.
 */
static int dirty_each(uint64_t address, uint64_t size)
{
    for (uint64_t page = address; page < address + size; page += PAGE_SIZE)
        __asm__ volatile("lock orq $0, (%0)" ::"r"(page) : "memory", "cc");
    return 0;
}

static int linux_keep(uint64_t address, uint64_t size)
{
    return host_caps.populate && advise(address, size, MADV_POPULATE_WRITE) == 0
               ? 0
               : dirty_each(address, size);
}

/* Sparse bookkeeping memory, never given back; what finds no place here counts as any other. */
static struct host_stretch sparse[8];
static unsigned sparse_count; /* atomic: elements taken, maybe more than there are */

static void note_sparse(uint64_t start, uint64_t size)
{
    unsigned place = __atomic_fetch_add(&sparse_count, 1, __ATOMIC_RELAXED);
    if (place >= array_length(sparse))
        return;
    sparse[place].start = start;
    __atomic_store_n(&sparse[place].end, round_up(start + size, PAGE_SIZE), __ATOMIC_RELEASE);
}

bool host_is_sparse(uint64_t page, uint64_t *ret_end)
{
    *ret_end = UINT64_MAX;
    for (unsigned i = 0; i < array_length(sparse); i++) {
        uint64_t end = __atomic_load_n(&sparse[i].end, __ATOMIC_ACQUIRE);
        if (page >= end)
            continue;
        if (page >= sparse[i].start) {
            *ret_end = end;
            return true;
        }
        if (sparse[i].start < *ret_end)
            *ret_end = sparse[i].start;
    }
    return false;
}

static int linux_bookkeeping(uint64_t size, bool dense, void **ret_memory)
{
    uint64_t room = dense && size >= HUGE_PAGE ? size + HUGE_PAGE : size, start;
    void *memory = mmap(NULL, room, PROT_READ | PROT_WRITE, RESERVED, -1, 0);
    if (memory == MAP_FAILED)
        return -errno;
    start = (uint64_t)memory;
    if (room > size) {
        uint64_t aligned = round_up(start, HUGE_PAGE);
        if (aligned > start)
            munmap(memory, aligned - start);
        munmap(at(aligned + size), start + room - aligned - size);
        start = aligned;
    }
    madvise(at(start), size, room > size ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
#ifdef __SANITIZE_ADDRESS__
    /* what its nodes point to is not leaked; tables of address space are too big to look into */
    if (dense || size <= LOOKED_INTO)
        __lsan_register_root_region(at(start), size);
#endif
    if (!dense)
        note_sparse(start, size);
    *ret_memory = at(start);
    return 0;
}

void host_make_dense(void *memory, uint64_t size)
{
    madvise(memory, size, MADV_HUGEPAGE);
}

static const struct host_ops linux_ops = {
    .reserve = linux_reserve,
    .unreserve = linux_unreserve,
    .reset = linux_reset,
    .protect = linux_protect,
    .open_guards = linux_open_guards,
    .close_guards = linux_close_guards,
    .drop = linux_drop,
    .offer = linux_offer,
    .keep = linux_keep,
    .watch_begin = linux_watch_begin,
    .watch_end = linux_watch_end,
    .watch_collect = linux_watch_collect,
    .watch_mark = linux_watch_mark,
    .prefer_node = linux_prefer_node,
    .map_large = linux_map_large,
    .pin = linux_pin,
    .unpin = linux_unlock,
    .bookkeeping = linux_bookkeeping,
    .frames_open = host_frames_open,
    .frames_fill = host_frames_fill,
    .frames_drop = host_frames_drop,
    .window_open = host_window_open,
    .window_show = host_window_show,
    .window_hide = host_window_hide,
    .lock = linux_lock,
    .unlock = linux_unlock,
    .hint = linux_hint,
    .resident = linux_resident,
    .own_pages = linux_own_pages,
    .nodes = linux_nodes,
    .shared_map = linux_shared_map,
    .shared_fill = linux_shared_fill,
    .shared_drop = linux_shared_drop,
};

const struct host_ops *host = &linux_ops;

/* False: no feature is called that. */
static bool take_away(struct host_caps *caps, const char *word, size_t length)
{
    const struct {
        const char *word;
        bool *feature;
    } known[] = {{"-guard", &caps->guard},
                 {"-populate", &caps->populate},
                 {"-lazyfree", &caps->lazyfree},
                 {"-pagemap", &caps->pagemap},
                 {"-watch", &caps->watch},
                 {"-move", &caps->move},
                 {"-pin", &caps->pin}};
    for (unsigned i = 0; i < array_length(known); i++)
        if (strlen(known[i].word) == length && memcmp(word, known[i].word, length) == 0) {
            *known[i].feature = false;
            return true;
        }
    return false;
}

/* Takes away what the words of WINMEM_HOST_CAPS name; all of them must be known. */
static void limit(struct host_caps *caps)
{
    static const char name[] = "WINMEM_HOST_CAPS";
    static atomic_flag said = ATOMIC_FLAG_INIT;
    const char *text = getenv(name);
    struct host_caps left = *caps;

    for (const char *word = text ? text : ""; *word;) {
        size_t length = strcspn(word, ",");
        if (length && !take_away(&left, word, length)) {
            setting_refuse(
                name, text,
                "-guard, -populate, -lazyfree, -move, -watch, -pagemap, -pin, joined by commas",
                &said);
            return;
        }
        word += length + (word[length] == ',');
    }
    *caps = left;
}

void host_init(void)
{
    void *page = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return; /* every feature counts as missing */
    host_caps.lazyfree = madvise(page, PAGE_SIZE, MADV_FREE) == 0;
    host_caps.populate = madvise(page, PAGE_SIZE, MADV_POPULATE_WRITE) == 0;
    host_caps.move = host_can_move();
    host_caps.guard = madvise(page, PAGE_SIZE, MADV_GUARD_INSTALL) == 0;
    host_caps.watch = true;
    host_caps.pin = linux_pin((uint64_t)page, PAGE_SIZE) == 0;
    munmap(page, PAGE_SIZE);
    host_caps.pagemap = true; /* found out when it is asked for */
    limit(&host_caps);
}

/* /proc/self/maps is ordered by address; read in pieces, since stdio would allocate. */
int host_next_mapping(uint64_t from, uint64_t to, uint64_t *ret_start, uint64_t *ret_end)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    unsigned long start, end;
    char line[512];

    *ret_start = *ret_end = to;
    if (!maps)
        return -errno;
    while (fgets(line, sizeof line, maps)) {
        if (sscanf(line, "%lx-%lx ", &start, &end) != 2 || end <= from)
            continue;
        if (start < to) {
            *ret_start = start > from ? start : from;
            *ret_end = end < to ? end : to;
        }
        break;
    }
    fclose(maps);
    return 0;
}

bool host_for_each_mapping(bool (*each)(uint64_t start, uint64_t end, unsigned access,
                                        void *context),
                           void *context)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    unsigned long start, end;
    char line[512], rights[5];
    bool going = maps != NULL;

    while (going && fgets(line, sizeof line, maps)) {
        if (sscanf(line, "%lx-%lx %4s", &start, &end, rights) != 3)
            continue;
        unsigned access = (rights[0] == 'r' ? HOST_READ : 0) | (rights[1] == 'w' ? HOST_WRITE : 0) |
                          (rights[2] == 'x' ? HOST_EXECUTE : 0);
        going = each(start, end, access, context);
    }
    if (maps)
        fclose(maps);
    return going;
}

int host_shared_page(uint64_t address, void **ret_writable)
{
    int error, file = memfd_create("winmem shared data", MFD_CLOEXEC);
    void *writable = MAP_FAILED;

    if (file < 0)
        return -errno;
    error = ftruncate(file, PAGE_SIZE) == 0 ? 0 : -errno;
    if (!error) {
        writable = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        error = writable == MAP_FAILED ? -errno : 0;
    }
    if (!error &&
        mmap(at(address), PAGE_SIZE, PROT_READ, MAP_SHARED | MAP_FIXED, file, 0) == MAP_FAILED) {
        error = -errno;
        munmap(writable, PAGE_SIZE);
    }
    close(file);
    if (!error)
        *ret_writable = writable;
    return error;
}

int host_memory_file(const char *name, int *ret_file)
{
    int file = memfd_create(name, MFD_CLOEXEC);
    if (file < 0)
        return -errno;
    *ret_file = file;
    return 0;
}

void host_prefault(uint64_t address, uint64_t size)
{
    if (host_caps.populate)
        madvise(at(address), size, MADV_POPULATE_WRITE);
}

int host_map_file(int file, uint64_t size, const void **ret_bytes)
{
    void *bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file, 0);
    if (bytes == MAP_FAILED)
        return -errno;
    *ret_bytes = bytes;
    return 0;
}

void host_unmap_file(const void *bytes, uint64_t size)
{
    munmap((void *)bytes, size);
}
