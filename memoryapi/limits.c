/* Commit charge and address space: how much is taken, and what may be. */
#include "memoryapi/limits.h"

#include <stdlib.h>
#include <sys/sysinfo.h>
#include "memoryapi/base.h"
#include "memoryapi/setting.h"

/* A charge against a limit, both in the same unit. */
struct account {
    uint64_t charge, peak; /* atomic */
    uint64_t limit;        /* constant after limits_init */
};

static struct account committed = {.limit = UINT64_MAX / PAGE_SIZE}; /* pages */
static struct account reserved = {.limit = UINT64_MAX};              /* bytes */

static bool charge(struct account *account, uint64_t amount)
{
    uint64_t before = __atomic_load_n(&account->charge, __ATOMIC_RELAXED), peak;
    do {
        if (amount > account->limit || before > account->limit - amount)
            return false;
    } while (!__atomic_compare_exchange_n(&account->charge, &before, before + amount, true,
                                          __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    peak = __atomic_load_n(&account->peak, __ATOMIC_RELAXED);
    while (before + amount > peak &&
           !__atomic_compare_exchange_n(&account->peak, &peak, before + amount, true,
                                        __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        ;
    return true;
}

static void give_back(struct account *account, uint64_t amount)
{
    __atomic_fetch_sub(&account->charge, amount, __ATOMIC_RELAXED);
}

bool commit_charge(uint64_t pages)
{
    return charge(&committed, pages);
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
    ret_state->charge = __atomic_load_n(&committed.charge, __ATOMIC_RELAXED) * PAGE_SIZE;
    ret_state->peak = __atomic_load_n(&committed.peak, __ATOMIC_RELAXED) * PAGE_SIZE;
    ret_state->limit = committed.limit * PAGE_SIZE;
}

/* The size a variable gives, or `otherwise`. */
static uint64_t size_from(const char *name, uint64_t otherwise, atomic_flag *said)
{
    const char *text = getenv(name);
    uint64_t size;
    if (!text || !*text)
        return otherwise;
    if (setting_size(text, &size))
        return size;
    setting_refuse(name, text, "a number of bytes, or with K, M, G or T behind it", said);
    return otherwise;
}

void limits_init(void)
{
    static atomic_flag said_commit = ATOMIC_FLAG_INIT, said_space = ATOMIC_FLAG_INIT;
    struct sysinfo machine;
    uint64_t limit = UINT64_MAX;
    if (sysinfo(&machine) == 0)
        limit = ((uint64_t)machine.totalram + machine.totalswap) * machine.mem_unit;
    committed.limit = size_from("WINMEM_COMMIT_LIMIT", limit, &said_commit) / PAGE_SIZE;
    reserved.limit = size_from("WINMEM_ADDRESS_SPACE", UINT64_MAX, &said_space);
}
