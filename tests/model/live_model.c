/*
 * The whole engine against an array of pages: random reserves, commits, protections, decommits,
 * offers, reclaims, releases and placeholders at fixed places, some of them malformed on purpose. After each call
 * the answer, the queries, what the kernel lets be read, and the contents must be what the array
 * says. The seed is printed; WINMEM_SEED sets it, WINMEM_ROUNDS how many operations.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>
#include "memoryapi/base.h"
#include "memoryapi/mm.h"

#define PAGES   512u
#define GRANULE 16u

struct page {
    uint32_t owner;
    bool committed, offered, placeholder;
    uint32_t protect;
    uint8_t value; /* of the first byte */
};

static struct page model[PAGES];
static uint64_t base, state, round_number;
static uint32_t next_owner = 1;

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "live_model: round %lu, line %d: %s\n", round_number, __LINE__,        \
                    #condition);                                                                   \
            mm_space_dump(2);                                                                      \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static uint32_t below(uint32_t limit)
{
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)((state >> 33) % limit);
}

static uint64_t address_of(uint32_t page)
{
    return base + (uint64_t)page * PAGE_SIZE;
}

static bool model_readable(const struct page *page)
{
    return page->committed && !page->offered && !(page->protect & (PAGE_NOACCESS | PAGE_GUARD));
}

static bool model_writable(const struct page *page)
{
    return model_readable(page) && (page->protect & (PAGE_READWRITE | PAGE_EXECUTE_READWRITE));
}

/* What the kernel says, without a fault. */
static bool host_readable(uint32_t page, uint8_t *ret_value)
{
    struct iovec local = {ret_value, 1}, remote = {(void *)address_of(page), 1};
    return process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == 1;
}

static void check_page(uint32_t i)
{
    const struct page *page = &model[i];
    MEMORY_BASIC_INFORMATION info;
    uint8_t value = 0;
    bool readable = host_readable(i, &value);
    CHECK(mm_query(address_of(i), &info) == STATUS_SUCCESS);
    CHECK(info.State == (page->committed ? MEM_COMMIT : page->owner ? MEM_RESERVE : MEM_FREE));
    CHECK(!page->committed || info.Protect == page->protect);
    CHECK(readable == model_readable(page));
    CHECK(!readable || value == page->value);
}

static void check_all(void)
{
    CHECK(mm_space_is_valid());
    for (uint32_t i = 0; i < PAGES; i++)
        check_page(i);
}

static void write_some(uint32_t first, uint32_t end)
{
    for (uint32_t i = first; i < end; i++)
        if (model_writable(&model[i]) && below(2))
            *(volatile uint8_t *)address_of(i) = model[i].value = (uint8_t)below(256);
}

/* True when [first, end) lies in one region of the model. */
static bool one_region(uint32_t first, uint32_t end)
{
    for (uint32_t i = first; i < end; i++)
        if (!model[i].owner || model[i].owner != model[first].owner)
            return false;
    return true;
}

static bool all_committed(uint32_t first, uint32_t end)
{
    for (uint32_t i = first; i < end; i++)
        if (!model[i].committed)
            return false;
    return true;
}

static uint32_t random_protect(void)
{
    static const uint32_t each[] = {
        PAGE_READWRITE, PAGE_READWRITE,    PAGE_READWRITE,         PAGE_READONLY,
        PAGE_NOACCESS,  PAGE_EXECUTE_READ, PAGE_EXECUTE_READWRITE, PAGE_READWRITE | PAGE_GUARD};
    return each[below(array_length(each))];
}

static void commit_model(uint32_t first, uint32_t end, uint32_t protect)
{
    for (uint32_t i = first; i < end; i++) {
        if (!model[i].committed)
            model[i].value = 0;
        model[i].committed = true;
        model[i].protect = protect;
    }
}

/* A new region has its granules to itself. */
static bool is_free(uint32_t first, uint32_t end)
{
    for (uint32_t i = first; i < PAGES && i < (end + GRANULE - 1) / GRANULE * GRANULE; i++)
        if (model[i].owner)
            return false;
    return true;
}

static void do_reserve(void)
{
    uint32_t first = below(PAGES / GRANULE) * GRANULE, count = 1 + below(below(2) ? 20 : 150),
             end = first + count;
    uint32_t protect = random_protect();
    bool commit = below(2), possible = true;
    if (end > PAGES)
        return;
    struct mm_request request = {.base = address_of(first),
                                 .size = (uint64_t)count * PAGE_SIZE,
                                 .protect = protect,
                                 .type = MEM_RESERVE | (commit ? MEM_COMMIT : 0)};
    possible = is_free(first, end);
    CHECK((mm_allocate(&request) == STATUS_SUCCESS) == possible);
    if (!possible)
        return;
    for (uint32_t i = first; i < end; i++)
        model[i] = (struct page){.owner = next_owner};
    next_owner++;
    if (commit)
        commit_model(first, end, protect);
}

static void pick(uint32_t *ret_first, uint32_t *ret_end)
{
    *ret_first = below(PAGES);
    *ret_end = *ret_first + 1 + below(below(2) ? 4 : 60);
    if (*ret_end > PAGES)
        *ret_end = PAGES;
}

static void do_commit(void)
{
    uint32_t first, end, protect = random_protect();
    bool possible;
    pick(&first, &end);
    struct mm_request request = {.base = address_of(first),
                                 .size = (uint64_t)(end - first) * PAGE_SIZE,
                                 .type = MEM_COMMIT,
                                 .protect = protect};
    possible = one_region(first, end) && !model[first].placeholder;
    for (uint32_t i = first; i < end; i++)
        if (model[i].offered)
            return;
    CHECK((mm_allocate(&request) == STATUS_SUCCESS) == possible);
    if (possible)
        commit_model(first, end, protect);
}

static void do_decommit(void)
{
    uint32_t first, end;
    pick(&first, &end);
    uint64_t at = address_of(first), size = (uint64_t)(end - first) * PAGE_SIZE;
    bool possible = one_region(first, end);
    CHECK((mm_free(&at, &size, MEM_DECOMMIT) == STATUS_SUCCESS) == possible);
    for (uint32_t i = first; possible && i < end; i++)
        model[i] = (struct page){.owner = model[i].owner, .placeholder = model[i].placeholder};
}

static void do_release(void)
{
    uint32_t first = below(PAGES), owner = model[first].owner;
    if (!owner)
        return;
    while (first > 0 && model[first - 1].owner == owner)
        first--;
    uint64_t at = address_of(first), size = 0;
    CHECK(mm_free(&at, &size, MEM_RELEASE) == STATUS_SUCCESS);
    for (uint32_t i = first; i < PAGES && model[i].owner == owner; i++)
        model[i] = (struct page){0};
}

static void do_protect(void)
{
    uint32_t first, end, old = 0, protect = random_protect();
    pick(&first, &end);
    uint64_t at = address_of(first), size = (uint64_t)(end - first) * PAGE_SIZE;
    bool possible = one_region(first, end) && all_committed(first, end);
    CHECK((mm_protect(&at, &size, protect, &old) == STATUS_SUCCESS) == possible);
    CHECK(!possible || old == model[first].protect);
    for (uint32_t i = first; possible && i < end; i++)
        model[i].protect = protect;
}

static void do_offer(void)
{
    uint32_t first, end;
    pick(&first, &end);
    bool possible = one_region(first, end) && all_committed(first, end);
    NTSTATUS status =
        mm_offer(address_of(first), (uint64_t)(end - first) * PAGE_SIZE, 1 + below(4));
    CHECK((status == STATUS_SUCCESS) == possible);
    for (uint32_t i = first; possible && i < end; i++)
        model[i].offered = true;
}

static void do_reclaim(void)
{
    uint32_t first, end;
    bool discarded = true;
    pick(&first, &end);
    bool possible = one_region(first, end) && all_committed(first, end);
    NTSTATUS status =
        mm_reclaim(address_of(first), (uint64_t)(end - first) * PAGE_SIZE, &discarded);
    CHECK((status == STATUS_SUCCESS) == possible);
    CHECK(!possible || !discarded); /* there is no shortage of memory: nothing may be lost */
    for (uint32_t i = first; possible && i < end; i++)
        model[i].offered = false;
}

/* The pages of the region that holds `page`. */
static void extent(uint32_t page, uint32_t *ret_first, uint32_t *ret_end)
{
    *ret_first = *ret_end = page;
    while (*ret_first > 0 && model[*ret_first - 1].owner == model[page].owner)
        --*ret_first;
    while (*ret_end < PAGES && model[*ret_end].owner == model[page].owner)
        ++*ret_end;
}

/* [first, end) becomes a region of its own, and so does what follows it in its old one. */
static void cut_model(uint32_t first, uint32_t end, struct page becomes)
{
    uint32_t owner = model[first].owner, right = next_owner++;
    for (uint32_t i = end; owner && i < PAGES && model[i].owner == owner; i++)
        model[i].owner = right;
    for (uint32_t i = first; i < end; i++)
        model[i] = becomes;
}

static void do_placeholder(void)
{
    uint32_t first = below(PAGES / GRANULE) * GRANULE, end = first + 1 + below(150);
    struct mm_request request = {.base = address_of(first),
                                 .size = (uint64_t)(end - first) * PAGE_SIZE,
                                 .type = MEM_RESERVE | MEM_RESERVE_PLACEHOLDER,
                                 .protect = PAGE_NOACCESS,
                                 .placeholders = true};
    if (end > PAGES)
        return;
    CHECK((mm_allocate(&request) == STATUS_SUCCESS) == is_free(first, end));
    if (is_free(first, end))
        cut_model(first, end, (struct page){.owner = next_owner++, .placeholder = true});
}

static void do_preserve(void)
{
    uint32_t first, end;
    pick(&first, &end);
    uint64_t at = address_of(first), size = (uint64_t)(end - first) * PAGE_SIZE;
    bool possible = one_region(first, end);
    CHECK((mm_free(&at, &size, MEM_RELEASE | MEM_PRESERVE_PLACEHOLDER) == STATUS_SUCCESS) ==
          possible);
    if (possible)
        cut_model(first, end, (struct page){.owner = next_owner++, .placeholder = true});
}

static void do_replace(void)
{
    uint32_t first, end, protect = random_protect();
    uint32_t page = below(PAGES);
    bool commit = below(2);
    extent(page, &first, &end);
    if (below(4) == 0)
        first = page;
    struct mm_request request = {.base = address_of(first),
                                 .size = (uint64_t)(end - first) * PAGE_SIZE,
                                 .type = MEM_RESERVE | MEM_REPLACE_PLACEHOLDER |
                                         (commit ? MEM_COMMIT : 0),
                                 .protect = protect,
                                 .placeholders = true};
    bool possible =
        model[page].placeholder && (first == 0 || model[first - 1].owner != model[first].owner);
    CHECK((mm_allocate(&request) == STATUS_SUCCESS) == possible);
    for (uint32_t i = first; possible && i < end; i++)
        model[i].placeholder = false;
    if (possible && commit)
        commit_model(first, end, protect);
}

static void do_coalesce(void)
{
    uint32_t first, end, last;
    extent(below(PAGES), &first, &end);
    for (unsigned more = below(4); more > 0 && end < PAGES; more--)
        extent(end, &last, &end);
    if (below(8) == 0)
        end = first + 1 + below(end - first);
    uint64_t at = address_of(first), size = (uint64_t)(end - first) * PAGE_SIZE;
    bool possible = end == PAGES || model[end].owner != model[end - 1].owner;
    for (uint32_t i = first; i < end; i++)
        possible &= model[i].placeholder;
    CHECK((mm_free(&at, &size, MEM_RELEASE | MEM_COALESCE_PLACEHOLDERS) == STATUS_SUCCESS) ==
          possible);
    for (uint32_t i = first; possible && i < end; i++)
        model[i].owner = model[first].owner;
}

/* As the native call may. */
static void do_release_part(void)
{
    uint32_t first, end;
    pick(&first, &end);
    uint64_t at = address_of(first), size = (uint64_t)(end - first) * PAGE_SIZE;
    uint32_t from, to;
    extent(first, &from, &to);
    bool possible =
        one_region(first, end) && (!model[first].placeholder || (from == first && to == end));
    CHECK((mm_free(&at, &size, MEM_RELEASE) == STATUS_SUCCESS) == possible);
    if (possible)
        cut_model(first, end, (struct page){0});
}

/* Gives everything back, so that a leak checker sees what the books would forget. */
static void release_all(void)
{
    for (uint64_t at = base; at < base + PAGES * PAGE_SIZE;) {
        MEMORY_BASIC_INFORMATION info;
        CHECK(mm_query(at, &info) == STATUS_SUCCESS);
        at = (uint64_t)info.BaseAddress + info.RegionSize;
        if (info.State != MEM_FREE && info.BaseAddress == info.AllocationBase) {
            uint64_t start = (uint64_t)info.AllocationBase, size = 0;
            CHECK(mm_free(&start, &size, MEM_RELEASE) == STATUS_SUCCESS);
            at = start + size;
        }
    }
}

int main(void)
{
    const char *seed = getenv("WINMEM_SEED"), *rounds = getenv("WINMEM_ROUNDS");
    uint64_t first = seed ? strtoull(seed, NULL, 0) : (uint64_t)time(NULL),
             count = rounds ? strtoull(rounds, NULL, 0) : 20000, size = 0;
    void (*const each[])(void) = {
        do_reserve,     do_reserve,  do_commit,      do_commit,  do_decommit, do_decommit,
        do_protect,     do_protect,  do_release,     do_offer,   do_reclaim,  do_reclaim,
        do_placeholder, do_preserve, do_preserve,    do_replace, do_replace,  do_replace,
        do_coalesce,    do_coalesce, do_release_part};
    struct mm_request place = {
        .size = PAGES * PAGE_SIZE, .type = MEM_RESERVE, .protect = PAGE_NOACCESS};
    printf("live_model: WINMEM_SEED=%lu\n", first);
    fflush(stdout);
    state = first;
    CHECK(mm_allocate(&place) == STATUS_SUCCESS);
    base = place.base;
    CHECK(mm_free(&place.base, &size, MEM_RELEASE) == STATUS_SUCCESS);
    for (; round_number < count; round_number++) {
        uint32_t from, end;
        each[below(array_length(each))]();
        pick(&from, &end);
        write_some(from, end);
        if (round_number % 16 == 0)
            check_all();
    }
    check_all();
    release_all();
    return 0;
}
