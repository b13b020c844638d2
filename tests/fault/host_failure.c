/*
 * Every scenario is run with the first, second, ... n-th call to the host failing, until it needs
 * fewer. A call that then fails must have changed nothing: neither what queries say, nor what the
 * kernel lets be read, nor the contents.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>
#include "memoryapi/base.h"
#include "memoryapi/host.h"
#include "memoryapi/mm.h"

#define PAGES 1024u /* 4 MiB: more than one stretch */

static const struct host_ops *real;
static unsigned calls, fail_at; /* fail_at 0: never */
static uint64_t base;
static const char *scenario_name = "start";

static bool fails(void)
{
    return ++calls == fail_at;
}

static int fake_reserve(uint64_t address, uint64_t size, uint64_t *ret_address)
{
    return fails() ? -ENOMEM : real->reserve(address, size, ret_address);
}

static int fake_protect(uint64_t address, uint64_t size, unsigned access)
{
    return fails() ? -ENOMEM : real->protect(address, size, access);
}

static int fake_bookkeeping(uint64_t size, bool dense, void **ret_memory)
{
    return fails() ? -ENOMEM : real->bookkeeping(size, dense, ret_memory);
}

/* The operations that take a range and nothing else. */
#define FAKE(name)                                                                                 \
    static int fake_##name(uint64_t address, uint64_t size)                                        \
    {                                                                                              \
        return fails() ? -ENOMEM : real->name(address, size);                                      \
    }
FAKE(reset)
FAKE(open_guards)
FAKE(close_guards)
FAKE(drop)
FAKE(offer)
FAKE(keep)

static struct host_ops fake;

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "host_failure: %s with call %u failing, line %d: %s\n", scenario_name, \
                    fail_at, __LINE__, #condition);                                                \
            mm_space_dump(2);                                                                      \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

struct seen {
    uint32_t state, protect;
    uint64_t allocation;
    bool readable;
    uint8_t value;
};

static struct seen before[PAGES], after[PAGES];

static void look(struct seen *seen)
{
    for (unsigned i = 0; i < PAGES; i++) {
        MEMORY_BASIC_INFORMATION info;
        uint64_t address = base + (uint64_t)i * PAGE_SIZE;
        struct iovec local = {&seen[i].value, 1}, remote = {(void *)address, 1};
        seen[i].value = 0;
        CHECK(mm_query(address, &info) == STATUS_SUCCESS);
        seen[i].state = info.State;
        seen[i].protect = info.Protect;
        seen[i].allocation = (uint64_t)info.AllocationBase;
        seen[i].readable = process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == 1;
    }
}

static NTSTATUS allocate(unsigned page, unsigned count, uint32_t type, uint32_t protect)
{
    struct mm_request request = {.base = base + (uint64_t)page * PAGE_SIZE,
                                 .size = (uint64_t)count * PAGE_SIZE,
                                 .type = type,
                                 .protect = protect};
    return mm_allocate(&request);
}

static NTSTATUS give_back(unsigned page, unsigned count, uint32_t type)
{
    uint64_t at = base + (uint64_t)page * PAGE_SIZE, size = (uint64_t)count * PAGE_SIZE;
    return mm_free(&at, &size, type);
}

static NTSTATUS protect(unsigned page, unsigned count, uint32_t value)
{
    uint64_t at = base + (uint64_t)page * PAGE_SIZE, size = (uint64_t)count * PAGE_SIZE;
    uint32_t old;
    return mm_protect(&at, &size, value, &old);
}

static void fill(unsigned page, unsigned count)
{
    for (unsigned i = page; i < page + count; i++)
        *(volatile uint8_t *)(base + (uint64_t)i * PAGE_SIZE) = (uint8_t)(i + 1);
}

static void prepare_nothing(void)
{
}

static void prepare_reserved(void)
{
    CHECK(allocate(0, PAGES, MEM_RESERVE, PAGE_READWRITE) == STATUS_SUCCESS);
}

static void prepare_small(void)
{
    CHECK(allocate(0, 16, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE) == STATUS_SUCCESS);
    fill(0, 16);
}

/*
 * Reserved throughout, with committed pages of several protections: 0-3 and 8-11 read-write, 4-7
 * read-only, 12 no access, 16 alone.
 */
static void prepare_mixed(void)
{
    prepare_reserved();
    CHECK(allocate(0, 13, MEM_COMMIT, PAGE_READWRITE) == STATUS_SUCCESS);
    CHECK(allocate(16, 1, MEM_COMMIT, PAGE_READWRITE) == STATUS_SUCCESS);
    fill(0, 13);
    fill(16, 1);
    CHECK(protect(4, 4, PAGE_READONLY) == STATUS_SUCCESS);
    CHECK(protect(12, 1, PAGE_NOACCESS) == STATUS_SUCCESS);
}

static void prepare_offered(void)
{
    prepare_mixed();
    CHECK(mm_offer(base + 2 * PAGE_SIZE, 4 * PAGE_SIZE, 2) == STATUS_SUCCESS);
}

/* Committed pages in two stretches that were opened one by one. */
static void prepare_stretches(void)
{
    prepare_reserved();
    CHECK(allocate(0, 4, MEM_COMMIT, PAGE_READWRITE) == STATUS_SUCCESS);
    CHECK(allocate(900, 4, MEM_COMMIT, PAGE_READWRITE) == STATUS_SUCCESS);
}

static NTSTATUS reclaim(uint64_t start, uint64_t size)
{
    bool discarded;
    return mm_reclaim(start, size, &discarded);
}

/* With all of it lost on purpose: not before the offer is sure to succeed. */
static NTSTATUS offer_and_lose(uint64_t start, uint64_t size)
{
    setenv("WINMEM_OFFER_DISCARD", "all", 1);
    NTSTATUS status = mm_offer(start, size, 1);
    unsetenv("WINMEM_OFFER_DISCARD");
    return status;
}

/* name, what is there before, the call */
#define SCENARIOS                                                                                  \
    X("reserve and commit", prepare_nothing,                                                       \
      allocate(0, 16, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE))                                   \
    X("reserve and commit read-only", prepare_nothing,                                             \
      allocate(0, PAGES, MEM_RESERVE | MEM_COMMIT, PAGE_READONLY))                                 \
    X("first commit", prepare_reserved, allocate(600, 7, MEM_COMMIT, PAGE_READWRITE))              \
    X("commit everything", prepare_mixed, allocate(0, PAGES, MEM_COMMIT, PAGE_READONLY))           \
    X("commit over several protections", prepare_mixed,                                            \
      allocate(2, 20, MEM_COMMIT, PAGE_READWRITE))                                                 \
    X("commit without access", prepare_mixed, allocate(3, 12, MEM_COMMIT, PAGE_NOACCESS))          \
    X("commit over offered", prepare_offered, allocate(0, 20, MEM_COMMIT, PAGE_READWRITE))         \
    X("commit over offered, read-only", prepare_offered,                                           \
      allocate(3, 20, MEM_COMMIT, PAGE_READONLY))                                                  \
    X("decommit", prepare_mixed, give_back(2, 11, MEM_DECOMMIT))                                   \
    X("decommit offered", prepare_offered, give_back(2, 11, MEM_DECOMMIT))                         \
    X("decommit two stretches", prepare_stretches, give_back(0, 1000, MEM_DECOMMIT))               \
    X("release", prepare_mixed, give_back(0, 0, MEM_RELEASE))                                      \
    X("release offered", prepare_offered, give_back(0, 0, MEM_RELEASE))                            \
    X("release small", prepare_small, give_back(0, 0, MEM_RELEASE))                                \
    X("protect", prepare_mixed, protect(0, 13, PAGE_EXECUTE_READ))                                 \
    X("protect offered", prepare_offered, protect(0, 13, PAGE_EXECUTE_READ))                       \
    X("guard", prepare_mixed, protect(5, 5, PAGE_READWRITE | PAGE_GUARD))                          \
    X("offer", prepare_mixed, mm_offer(base, 13 * PAGE_SIZE, 1))                                   \
    X("offer again", prepare_offered, mm_offer(base, 13 * PAGE_SIZE, 1))                           \
    X("offer and lose", prepare_mixed, offer_and_lose(base, 13 * PAGE_SIZE))                       \
    X("reclaim", prepare_offered, reclaim(base, 13 * PAGE_SIZE))                                   \
    X("discard", prepare_mixed, mm_discard(base, 4 * PAGE_SIZE))

#define X(name, prepare, call) {name, prepare},
static const struct {
    const char *name;
    void (*prepare)(void);
} scenarios[] = {SCENARIOS};
#undef X

static NTSTATUS act(unsigned index)
{
    unsigned at = 0;
#define X(name, prepare, call)                                                                     \
    if (index == at++)                                                                             \
        return call;
    SCENARIOS
#undef X
    abort();
}

static void clean_up(void)
{
    MEMORY_BASIC_INFORMATION info;
    CHECK(mm_query(base, &info) == STATUS_SUCCESS);
    if (info.State != MEM_FREE)
        CHECK(give_back(0, 0, MEM_RELEASE) == STATUS_SUCCESS);
    CHECK(mm_space_is_valid());
    look(after);
    for (unsigned i = 0; i < PAGES; i++)
        CHECK(after[i].state == MEM_FREE && !after[i].readable);
}

/* Returns whether the call that was to fail was made at all. */
static bool run(unsigned index, unsigned n)
{
    NTSTATUS status;
    bool reached;
    scenario_name = scenarios[index].name;
    scenarios[index].prepare();
    look(before);
    calls = 0;
    fail_at = n;
    status = act(index);
    reached = calls >= n;
    calls = n + 1; /* nothing more fails; `fail_at` stays for the messages */
    CHECK(mm_space_is_valid());
    CHECK(reached || status == STATUS_SUCCESS);
    if (status != STATUS_SUCCESS) {
        look(after);
        for (unsigned i = 0; i < PAGES; i++) {
            CHECK(after[i].state == before[i].state && after[i].protect == before[i].protect);
            CHECK(after[i].allocation == before[i].allocation &&
                  after[i].readable == before[i].readable);
            CHECK(after[i].value == before[i].value);
        }
    }
    clean_up();
    fail_at = 0;
    return reached;
}

int main(void)
{
    struct mm_request place = {
        .size = PAGES * PAGE_SIZE, .type = MEM_RESERVE, .protect = PAGE_NOACCESS};
    uint64_t size = 0;
    CHECK(mm_allocate(&place) == STATUS_SUCCESS);
    base = place.base;
    CHECK(mm_free(&place.base, &size, MEM_RELEASE) == STATUS_SUCCESS);
    real = host;
    fake = (struct host_ops){.reserve = fake_reserve,
                             .unreserve = real->unreserve,
                             .reset = fake_reset,
                             .protect = fake_protect,
                             .open_guards = fake_open_guards,
                             .close_guards = fake_close_guards,
                             .drop = fake_drop,
                             .offer = fake_offer,
                             .keep = fake_keep,
                             .bookkeeping = fake_bookkeeping};
    host = &fake;
    for (unsigned index = 0; index < array_length(scenarios); index++) {
        unsigned n = 1;
        while (run(index, n))
            n++;
        printf("%-34s %u host calls\n", scenarios[index].name, n - 1);
        fflush(stdout);
    }
    return 0;
}
