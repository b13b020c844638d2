/* The host that fails on command (failing.h). */
#include "tests/fault/failing.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include "kernel32/process/child_host.h"
#include "memoryapi/host.h"

static const struct host_ops *real;
static enum failing_kind failing;
static unsigned calls, fail_at;
static __thread bool on; /* of the thread that runs the scenarios; others only count blocks */
static const char *happened;
static long live; /* atomic */

/* Every operation: how it fails, usually and otherwise, and how it is called. */
#define NO_MORE ENOMEM, EAGAIN
#define RANGE   (uint64_t address, uint64_t size), (address, size)
#define FRAMES  (uint64_t first, uint64_t count), (first, count)
#define HOST_OPS(X)                                                                                \
    X(reserve, ENOMEM, EEXIST, (uint64_t address, uint64_t size, uint64_t * ret_address),          \
      (address, size, ret_address))                                                                \
    X(unreserve, NO_MORE, RANGE)                                                                   \
    X(reset, NO_MORE, RANGE)                                                                       \
    X(protect, NO_MORE, (uint64_t address, uint64_t size, unsigned access),                        \
      (address, size, access))                                                                     \
    X(open_guards, NO_MORE, RANGE)                                                                 \
    X(close_guards, NO_MORE, RANGE)                                                                \
    X(drop, NO_MORE, RANGE)                                                                        \
    X(offer, NO_MORE, RANGE)                                                                       \
    X(keep, NO_MORE, RANGE)                                                                        \
    X(watch_begin, ENOMEM, ENOSYS, RANGE)                                                          \
    X(watch_end, NO_MORE, RANGE)                                                                   \
    X(watch_collect, ENOMEM, EPERM, (struct host_collect * collect), (collect))                    \
    X(watch_mark, NO_MORE, RANGE)                                                                  \
    X(prefer_node, EPERM, ENOMEM,                                                                  \
      (uint64_t address, uint64_t size, uint32_t node, bool mandatory),                            \
      (address, size, node, mandatory))                                                            \
    X(map_large, NO_MORE,                                                                          \
      (uint64_t address, uint64_t size, unsigned shift, unsigned access, uint32_t node,            \
       bool mandatory),                                                                            \
      (address, size, shift, access, node, mandatory))                                             \
    X(lock, NO_MORE, RANGE)                                                                        \
    X(unlock, NO_MORE, RANGE)                                                                      \
    X(hint, EINVAL, EAGAIN, (uint64_t address, uint64_t size, enum host_hint hint),                \
      (address, size, hint))                                                                       \
    X(resident, NO_MORE,                                                                           \
      (uint64_t * at, uint64_t end, uint64_t pages, struct host_stretch * ret, unsigned room),     \
      (at, end, pages, ret, room))                                                                 \
    X(own_pages, NO_MORE, (uint64_t start, uint64_t end, uint64_t * ret_pages),                    \
      (start, end, ret_pages))                                                                     \
    X(nodes, EPERM, ENOSYS, (const uint64_t *pages, unsigned count, int *ret_nodes),               \
      (pages, count, ret_nodes))                                                                   \
    X(pin, NO_MORE, RANGE)                                                                         \
    X(unpin, NO_MORE, RANGE)                                                                       \
    X(bookkeeping, NO_MORE, (uint64_t size, bool dense, void **ret_memory),                        \
      (size, dense, ret_memory))                                                                   \
    X(frames_open, NO_MORE, (uint64_t count), (count))                                             \
    X(frames_fill, NO_MORE, FRAMES)                                                                \
    X(frames_drop, EINVAL, EBUSY, FRAMES)                                                          \
    X(window_open, NO_MORE, RANGE)                                                                 \
    X(window_show, EBUSY, ENOMEM, (uint64_t address, uint64_t first, uint64_t count),              \
      (address, first, count))                                                                     \
    X(window_hide, EBUSY, ENOMEM, (uint64_t address, uint64_t first, uint64_t count),              \
      (address, first, count))                                                                     \
    X(shared_map, ENOMEM, EAGAIN,                                                                  \
      (int file, uint64_t offset, uint64_t size, unsigned access, uint64_t address,                \
       uint64_t *ret_address),                                                                     \
      (file, offset, size, access, address, ret_address))                                          \
    X(shared_fill, ENOSPC, EOPNOTSUPP, (int file, uint64_t offset, uint64_t size),                 \
      (file, offset, size))                                                                        \
    X(shared_drop, EOPNOTSUPP, EPERM, (int file, uint64_t offset, uint64_t size),                  \
      (file, offset, size))

/* 0, or the error the call that is being made is to end with. */
static int verdict(const char *name, int usual, int rare)
{
    if (!on || failing == FAILING_MALLOC || ++calls != fail_at)
        return 0;
    happened = name;
    return -(failing == FAILING_HOST ? usual : rare);
}

/* One level more, so that lists in macros become arguments. */
#define FAKE_OF(...) FAKE(__VA_ARGS__)
#define FAKE(name, usual, rare, parameters, arguments)                                             \
    static int fake_##name parameters                                                              \
    {                                                                                              \
        int error = verdict(#name, usual, rare);                                                   \
        return error ? error : real->name arguments;                                               \
    }
HOST_OPS(FAKE_OF)

#define ENTRY(name, ...) .name = fake_##name,
static const struct host_ops fake = {HOST_OPS(ENTRY)};

#define ONE(...) +1
_Static_assert(sizeof(struct host_ops) == (0 HOST_OPS(ONE)) * sizeof(void (*)(void)),
               "HOST_OPS above has a line for each member of struct host_ops");

/* Host functions that are not in the table. */
#define WRAP(name, usual, rare, parameters, arguments)                                             \
    int __real_##name parameters;                                                                  \
    int __wrap_##name parameters;                                                                  \
    int __wrap_##name parameters                                                                   \
    {                                                                                              \
        int error = verdict(#name, usual, rare);                                                   \
        return error ? error : __real_##name arguments;                                            \
    }
WRAP(host_shared_page, ENOMEM, EMFILE, (uint64_t address, void **ret_writable),
     (address, ret_writable))
WRAP(host_next_mapping, ENOMEM, EMFILE,
     (uint64_t from, uint64_t to, uint64_t *ret_start, uint64_t *ret_end),
     (from, to, ret_start, ret_end))

WRAP(host_memory_file, ENOMEM, EMFILE, (const char *name, int *ret_file), (name, ret_file))
WRAP(child_host_pipe, EMFILE, ENFILE, (int ret_ends[2]), (ret_ends))
WRAP(child_host_thread, EAGAIN, ENOMEM, (void *(*run)(void *), void *argument), (run, argument))
WRAP(child_host_spawn, EAGAIN, ENOMEM, (const struct child_spawn *spawn, int *ret_pid),
     (spawn, ret_pid))
WRAP(child_host_write, ENOMEM, ENOMEM, (int fd, const void *bytes, size_t size), (fd, bytes, size))

static bool memory_fails(const char *name)
{
    if (!on || failing != FAILING_MALLOC || ++calls != fail_at)
        return false;
    happened = name;
    errno = ENOMEM;
    return true;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void __real_free(void *block);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);
void __wrap_free(void *block);

static void note(long blocks)
{
    __atomic_add_fetch(&live, blocks, __ATOMIC_RELAXED);
}

void *__wrap_malloc(size_t size)
{
    void *block = memory_fails("malloc") ? NULL : __real_malloc(size);
    note(block != NULL);
    return block;
}

void *__wrap_calloc(size_t count, size_t size)
{
    void *block = memory_fails("calloc") ? NULL : __real_calloc(count, size);
    note(block != NULL);
    return block;
}

void *__wrap_realloc(void *old, size_t size)
{
    void *block = memory_fails("realloc") ? NULL : __real_realloc(old, size);
    note(block && !old);
    return block;
}

void __wrap_free(void *block)
{
    note(-(block != NULL));
    __real_free(block);
}

void failing_install(void)
{
    real = host;
    host = &fake;
}

void failing_start(enum failing_kind kind, unsigned n)
{
    failing = kind;
    fail_at = n;
    calls = 0;
    on = false;
    happened = NULL;
}

void failing_on(void)
{
    on = true;
}

void failing_off(void)
{
    on = false;
}

const char *failing_happened(void)
{
    return happened;
}

long failing_live_blocks(void)
{
    return __atomic_load_n(&live, __ATOMIC_RELAXED);
}
