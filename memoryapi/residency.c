/*
 * The working set: which pages are in memory. The books tell what may be there, the host what is. A
 * region is claimed while the host is asked, so that what is said of a page was true of it at one
 * moment; the caller's memory is written by others, with nothing claimed.
 */
#include "memoryapi/residency.h"

#include "memoryapi/base.h"
#include "memoryapi/host.h"
#include "memoryapi/space.h"

#define STRETCHES 32u
/* as far as one claim goes: others wait for it */
#define CLAIM_SIZE (1ull << 30)
/* pages told about in one claim by mm_working_set_ex */
#define WINDOW 512u
/* whatever keeps the host from telling: no /proc, no descriptor left, no memory */
#define NOT_TOLD STATUS_INSUFFICIENT_RESOURCES

/* What MEMORY_WORKING_SET_BLOCK says of a page's protection: sdk-api psapi/PSAPI_WORKING_SET_BLOCK. */
static uint64_t protection_code(uint32_t protect)
{
    static const uint8_t codes[] = {
        [PAGE_NOACCESS] = 0,          [PAGE_READONLY] = 1,         [PAGE_EXECUTE] = 2,
        [PAGE_EXECUTE_READ] = 3,      [PAGE_READWRITE] = 4,        [PAGE_WRITECOPY] = 5,
        [PAGE_EXECUTE_READWRITE] = 6, [PAGE_EXECUTE_WRITECOPY] = 7};
    return codes[protect & 0xFF] | (protect & (PAGE_NOCACHE | PAGE_WRITECOMBINE) ? 8u : 0) |
           (protect & PAGE_GUARD ? 16u : 0);
}

/* A page of an image is of the file, and could be shared. */
static bool is_shared(const struct region *region)
{
    return region->kind != MM_PRIVATE;
}

/* Offered pages are out of the working set. */
static bool may_be_resident(const struct run *run)
{
    return run->state.committed && !run->state.priority;
}

/* The first region with a part at or after *at, claimed, and *at in it; NULL: none any more. */
static struct region *claim_next(uint64_t *at)
{
    for (;;) {
        uint64_t from = *at < MM_LOWEST_ADDRESS ? MM_LOWEST_ADDRESS : *at;
        struct region *region;
        books_lock();
        region = from < SPACE_END ? region_next_from(&space.map, from) : NULL;
        while (region && region->barrier)
            region = region_end(region) < SPACE_END
                         ? region_next_from(&space.map, region_end(region))
                         : NULL;
        if (region && region_base(region) >= SPACE_END)
            region = NULL;
        if (region && region_base(region) > from)
            from = region_base(region);
        books_unlock();
        *at = region ? from : SPACE_END;
        if (!region)
            return NULL;
        region = space_claim(from);
        if (region)
            return region;
    }
}

struct collector {
    uint64_t *entries; /* NULL: count only */
    uint64_t room, count;
};

/* The pages of `stretch` that there is room for; where to go on. */
static uint64_t take(struct collector *to, const struct host_stretch *stretch, uint64_t flags)
{
    uint64_t page = stretch->start, pages = (stretch->end - stretch->start) / PAGE_SIZE;
    if (!to->entries) {
        to->count += pages;
        return stretch->end;
    }
    for (; page < stretch->end && to->count < to->room; page += PAGE_SIZE)
        to->entries[to->count++] = page | flags;
    return page;
}

/* Asks the host about [*at, end) of one run until it is done or there is no more room. */
static int collect_run(const struct region *region, const struct run *run, uint64_t *at,
                       uint64_t end, struct collector *to)
{
    bool shared = is_shared(region);
    uint64_t flags = protection_code(run->state.protect) | (shared ? 1u << 5 | 1u << 8 : 0);
    while (*at < end && to->count < to->room) {
        struct host_stretch found[STRETCHES];
        uint64_t next = *at;
        int count = host->resident(&next, end, to->room - to->count, found, STRETCHES);
        if (count < 0)
            return count;
        for (int i = 0; i < count; i++) {
            *at = take(to, &found[i], flags);
            if (*at < found[i].end)
                return 0;
        }
        *at = next;
    }
    return 0;
}

/* Large pages and windows of physical pages are not pageable: psapi/QueryWorkingSet. */
static int collect_region(const struct region *region, uint64_t *at, struct collector *to)
{
    uint64_t end = *at + CLAIM_SIZE < region_end(region) ? *at + CLAIM_SIZE : region_end(region);
    int error = 0;
    if (region->large || region->physical) {
        *at = region_end(region);
        return 0;
    }
    for (const struct run *run = run_find(region, *at);
         run && run_start(run) < end && to->count < to->room && !error; run = run_next(run)) {
        uint64_t last = run_end(run) < end ? run_end(run) : end;
        if (may_be_resident(run))
            error = collect_run(region, run, at, last, to);
        else
            *at = last;
    }
    return error;
}

NTSTATUS mm_working_set(uint64_t *at, uint64_t *ret_entries, uint64_t room, uint64_t *ret_count)
{
    struct collector to = {ret_entries, room, 0};
    NTSTATUS status = space_init();
    int error = 0;
    while (status == STATUS_SUCCESS && !error && to.count < room) {
        struct region *region = claim_next(at);
        if (!region)
            break;
        error = collect_region(region, at, &to);
        space_release(region);
    }
    if (error)
        status = NOT_TOLD;
    *ret_count = to.count;
    return status;
}

/* Notes in `bits` which pages of [start, end), at most WINDOW, are in memory. */
static int ask(uint64_t start, uint64_t end, uint64_t *bits)
{
    for (uint64_t at = start; at < end;) {
        struct host_stretch found[STRETCHES];
        int count = host->resident(&at, end, WINDOW, found, STRETCHES);
        if (count < 0)
            return count;
        for (int i = 0; i < count; i++)
            for (uint64_t page = found[i].start; page < found[i].end; page += PAGE_SIZE) {
                uint64_t bit = (page - start) / PAGE_SIZE;
                bits[bit / 64] |= 1ull << bit % 64;
            }
    }
    return 0;
}

static PSAPI_WORKING_SET_EX_BLOCK attributes(const struct region *region, const struct run *run,
                                             bool in_memory)
{
    PSAPI_WORKING_SET_EX_BLOCK block = {0};
    block.Shared = is_shared(region);
    if (!in_memory || !(may_be_resident(run) || region->physical))
        return block;
    block.Valid = 1;
    block.ShareCount = is_shared(region);
    block.Win32Protection = region->physical ? PAGE_READWRITE : run->state.protect & 0x7FF;
    block.Locked = run->state.locked || region->large || region->physical;
    block.LargePage = region->large != 0;
    return block;
}

static uint64_t page_of(const PSAPI_WORKING_SET_EX_INFORMATION *entry)
{
    return round_down((uint64_t)entry->VirtualAddress, PAGE_SIZE);
}

/*
 * Answers the first entries of `pages`, as many as lie in the claimed region and near each other:
 * *ret_count of them.
 */
static int describe(const struct region *region, PSAPI_WORKING_SET_EX_INFORMATION *pages,
                    unsigned count, unsigned *ret_count)
{
    uint64_t start = page_of(pages), end = start, bits[WINDOW / 64] = {0};
    unsigned taken = 0;
    for (; taken < count; taken++) {
        uint64_t page = page_of(&pages[taken]);
        if (page < start || page >= region_end(region) || page - start >= WINDOW * PAGE_SIZE)
            break;
        end = page + PAGE_SIZE > end ? page + PAGE_SIZE : end;
    }
    *ret_count = taken;
    int error = ask(start, end, bits);
    for (unsigned i = 0; i < taken && !error; i++) {
        uint64_t page = page_of(&pages[i]), bit = (page - start) / PAGE_SIZE;
        pages[i].VirtualAttributes =
            attributes(region, run_find(region, page), bits[bit / 64] >> bit % 64 & 1);
    }
    return error;
}

/* A host that does not tell (one node only, or not for us to ask) leaves node 0. */
static void place(PSAPI_WORKING_SET_EX_INFORMATION *pages, unsigned count)
{
    uint64_t addresses[STRETCHES];
    unsigned which[STRETCHES], asked = 0;
    int nodes[STRETCHES];
    for (unsigned i = 0; i <= count; i++) {
        if (asked == STRETCHES || (i == count && asked)) {
            bool told = host->nodes(addresses, asked, nodes) == 0;
            for (unsigned j = 0; j < asked && told; j++)
                if (nodes[j] > 0)
                    pages[which[j]].VirtualAttributes.Node = (unsigned)nodes[j] & 0x3F;
            asked = 0;
        }
        if (i < count && pages[i].VirtualAttributes.Valid) {
            which[asked] = i;
            addresses[asked++] = page_of(&pages[i]);
        }
    }
}

NTSTATUS mm_working_set_ex(PSAPI_WORKING_SET_EX_INFORMATION *pages, unsigned count)
{
    NTSTATUS status = space_init();
    unsigned done;
    for (unsigned i = 0; i < count && status == STATUS_SUCCESS; i += done) {
        uint64_t page = page_of(&pages[i]);
        struct region *region = page <= MM_HIGHEST_ADDRESS ? space_claim(page) : NULL;
        if (region) {
            if (describe(region, &pages[i], count - i, &done))
                status = NOT_TOLD;
            space_release(region);
        } else {
            pages[i].VirtualAttributes.Flags = 0;
            done = 1;
        }
    }
    if (status == STATUS_SUCCESS)
        place(pages, count);
    return status;
}

/* The first offered pages at or after *at, which becomes their start; false: none any more. */
static bool next_offered(uint64_t *at, uint64_t *ret_end)
{
    const struct run *offered = NULL;
    books_lock();
    for (unsigned looked = 1; *at < SPACE_END && !offered; looked++) {
        const struct region *region = region_next_from(&space.map, *at);
        const struct run *run = NULL;
        uint64_t from = region_base(region) > *at ? region_base(region) : *at;
        if (from < SPACE_END && !region->barrier && region->committed)
            run = run_find(region, from);
        offered = run && run->state.priority ? run : NULL;
        *ret_end = run ? run_end(run) : region_end(region);
        *at = offered ? from : *ret_end;
        if (looked % WINDOW == 0 && !offered) { /* others wait for the books */
            books_unlock();
            books_lock();
        }
    }
    books_unlock();
    return offered != NULL;
}

/* Without a claim: what comes and goes meanwhile is of another moment, and nobody waits. */
uint64_t mm_offered_resident(void)
{
    struct mm_offers offers;
    uint64_t sum = 0, end;
    mm_offer_state(&offers);
    if (offers.held + offers.given == 0)
        return 0;
    for (uint64_t at = MM_LOWEST_ADDRESS; next_offered(&at, &end); at = end) {
        uint64_t pages = 0;
        if (host->own_pages(at, end, &pages) == 0)
            sum += pages * PAGE_SIZE;
    }
    return sum;
}
