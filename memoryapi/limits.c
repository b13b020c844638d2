/* Commit charge and address space: how much is taken, and what may be. */
#include "memoryapi/limits.h"

#include <stdlib.h>
#include <sys/sysinfo.h>
#include "memoryapi/base.h"
#include "memoryapi/pressure.h"
#include "memoryapi/setting.h"

/* A charge against a limit, both in the same unit. */
struct account {
    uint64_t charge, peak; /* atomic */
    uint64_t limit;        /* atomic; falls once at most after limits_init */
    uint64_t natural;      /* while a loader is at work; constant after limits_init */
    bool chosen;           /* the limit is a setting; constant after limits_init */
};

#define NO_PAGES_LIMIT (UINT64_MAX / PAGE_SIZE)

static struct account committed = {.limit = NO_PAGES_LIMIT, .natural = NO_PAGES_LIMIT}; /* pages */
static struct account reserved = {.limit = UINT64_MAX, .natural = UINT64_MAX};          /* bytes */

/*
 * A container's limit takes a dozen files to find out. A small program never gets so far that it
 * matters.
 */
#define LOOK_FROM (16ull << 20) /* bytes of charge */

/* Pages of charge up to which the container need not be asked; UINT64_MAX: its limit is known. */
static uint64_t unasked = UINT64_MAX; /* atomic */

#define USUAL_ONE_IN 16u

static struct {
    uint64_t seed, one_in; /* constant after limits_init; one_in 0: nothing fails */
    uint64_t number;       /* atomic: allocations so far */
    bool exempt;           /* atomic */
} failing;

static void note_peak(struct account *account, uint64_t charged)
{
    uint64_t peak = __atomic_load_n(&account->peak, __ATOMIC_RELAXED);
    while (charged > peak && !__atomic_compare_exchange_n(&account->peak, &peak, charged, true,
                                                          __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        ;
}

static bool charge(struct account *account, uint64_t amount)
{
    uint64_t before = __atomic_load_n(&account->charge, __ATOMIC_RELAXED);
    uint64_t limit = __atomic_load_n(&account->limit, __ATOMIC_RELAXED);
    if (unlikely(__atomic_load_n(&failing.exempt, __ATOMIC_RELAXED)))
        limit = account->natural;
    do {
        if (amount > limit || before > limit - amount)
            return false;
    } while (!__atomic_compare_exchange_n(&account->charge, &before, before + amount, true,
                                          __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    note_peak(account, before + amount);
    return true;
}

static void give_back(struct account *account, uint64_t amount)
{
    __atomic_fetch_sub(&account->charge, amount, __ATOMIC_RELAXED);
}

/*
 * The limit becomes the container's when that is lower. Two threads may come here at once: they find
 * the same, and `unasked` is written last, so that nobody relies on a limit that is not there yet.
 */
static void ask_container(void)
{
    struct mm_memory memory;
    if (pressure_read(&memory)) {
        uint64_t limit = (memory.total + memory.swap_total) / PAGE_SIZE;
        if (limit < __atomic_load_n(&committed.limit, __ATOMIC_RELAXED))
            __atomic_store_n(&committed.limit, limit, __ATOMIC_RELAXED);
    }
    __atomic_store_n(&unasked, UINT64_MAX, __ATOMIC_RELEASE);
}

bool commit_charge(uint64_t pages)
{
    uint64_t enough = __atomic_load_n(&unasked, __ATOMIC_ACQUIRE);
    if (unlikely(pages > enough ||
                 __atomic_load_n(&committed.charge, __ATOMIC_RELAXED) > enough - pages))
        ask_container();
    return charge(&committed, pages);
}

void commit_charge_beyond(uint64_t pages)
{
    note_peak(&committed, __atomic_add_fetch(&committed.charge, pages, __ATOMIC_RELAXED));
}

void commit_return(uint64_t pages)
{
    give_back(&committed, pages);
}

bool reserve_charge(uint64_t size)
{
    return charge(&reserved, size);
}

void reserve_return(uint64_t size)
{
    give_back(&reserved, size);
}

void mm_commit_state(struct mm_commit *ret_state)
{
    if (__atomic_load_n(&unasked, __ATOMIC_ACQUIRE) != UINT64_MAX)
        ask_container();
    ret_state->charge = __atomic_load_n(&committed.charge, __ATOMIC_RELAXED) * PAGE_SIZE;
    ret_state->peak = __atomic_load_n(&committed.peak, __ATOMIC_RELAXED) * PAGE_SIZE;
    ret_state->limit = __atomic_load_n(&committed.limit, __ATOMIC_RELAXED) * PAGE_SIZE;
    ret_state->chosen = committed.chosen;
}

void mm_reserve_state(struct mm_reserve *ret_state)
{
    ret_state->charge = __atomic_load_n(&reserved.charge, __ATOMIC_RELAXED);
    ret_state->limit = reserved.limit;
}

void limits_exempt(bool exempt)
{
    __atomic_store_n(&failing.exempt, exempt, __ATOMIC_RELAXED);
}

bool limits_too_small(struct limit_passed *ret_passed)
{
    const struct {
        const char *setting;
        const struct account *account;
        uint64_t unit;
    } each[] = {{"WINMEM_COMMIT_LIMIT", &committed, PAGE_SIZE},
                {"WINMEM_ADDRESS_SPACE", &reserved, 1}};
    for (unsigned i = 0; i < array_length(each); i++) {
        uint64_t taken = __atomic_load_n(&each[i].account->charge, __ATOMIC_RELAXED);
        uint64_t limit = __atomic_load_n(&each[i].account->limit, __ATOMIC_RELAXED);
        *ret_passed = (struct limit_passed){each[i].setting, taken * each[i].unit};
        if (taken > limit)
            return true;
    }
    return false;
}

bool limits_refuse(void)
{
    if (likely(failing.one_in == 0) || __atomic_load_n(&failing.exempt, __ATOMIC_RELAXED))
        return false;
    uint64_t number = __atomic_fetch_add(&failing.number, 1, __ATOMIC_RELAXED);
    return mix64(mix64(failing.seed) + number) % failing.one_in == 0;
}

bool limits_read_failing(const char *text, uint64_t *ret_seed, uint64_t *ret_one_in)
{
    uint64_t seed, one_in = USUAL_ONE_IN;
    if (!setting_number(&text, &seed))
        return false;
    if (*text == ':' && (++text, !setting_number(&text, &one_in)))
        return false;
    if (*text || one_in == 0)
        return false;
    *ret_seed = seed;
    *ret_one_in = one_in;
    return true;
}

static void failing_init(void)
{
    static const char name[] = "WINMEM_FAIL_ALLOCATION";
    static atomic_flag said = ATOMIC_FLAG_INIT;
    const char *text = getenv(name);
    failing.one_in = 0;
    if (text && *text && !limits_read_failing(text, &failing.seed, &failing.one_in))
        setting_refuse(name, text, "SEED, or SEED:N for one in N", &said);
}

void limits_init(void)
{
    static atomic_flag said_commit = ATOMIC_FLAG_INIT, said_space = ATOMIC_FLAG_INIT;
    struct sysinfo machine;
    uint64_t limit = UINT64_MAX, chosen;
    if (sysinfo(&machine) == 0)
        limit = ((uint64_t)machine.totalram + machine.totalswap) * machine.mem_unit;
    chosen = setting_size_of("WINMEM_COMMIT_LIMIT", UINT64_MAX, &said_commit);
    committed.chosen = chosen != UINT64_MAX;
    committed.natural = limit / PAGE_SIZE;
    committed.limit = (chosen == UINT64_MAX ? limit : chosen) / PAGE_SIZE;
    unasked = chosen == UINT64_MAX ? LOOK_FROM / PAGE_SIZE : UINT64_MAX;
    reserved.limit = setting_size_of("WINMEM_ADDRESS_SPACE", UINT64_MAX, &said_space);
    failing_init();
}
