/*
 * WaitOnAddress and its wakes. Sleepers stand in buckets by address, each with a word of its own. A
 * sleeper enters its bucket and then compares; a waker has changed the value and then looks into
 * the bucket: one of them sees the other. So no memory of the program is read with a bucket locked,
 * and a wake without sleepers is one load.
 */
#include <string.h>
#include "kernel32/face.h"
#include "kernel32/process/park.h"

#define BUCKETS 256u

struct sleeper {
    struct sleeper *next, **link; /* under the bucket's lock */
    const volatile void *address;
    uint32_t word; /* futex: 1 woken, and out of the bucket */
};

static struct bucket {
    struct futex_lock lock;
    uint32_t count;                /* atomic: sleepers here */
    struct sleeper *first, **last; /* oldest first; last is NULL in a bucket never used */
} buckets[BUCKETS];

static struct bucket *bucket_of(const volatile void *address)
{
    uint64_t hash = (uint64_t)address * 0x9E3779B97F4A7C15ull;
    return &buckets[hash >> 56];
}

static void leave_locked(struct bucket *bucket, struct sleeper *sleeper)
{
    *sleeper->link = sleeper->next;
    if (sleeper->next)
        sleeper->next->link = sleeper->link;
    else
        bucket->last = sleeper->link;
    __atomic_fetch_sub(&bucket->count, 1, __ATOMIC_RELAXED);
}

static void enter(struct bucket *bucket, struct sleeper *sleeper)
{
    futex_lock(&bucket->lock);
    if (!bucket->last)
        bucket->last = &bucket->first;
    sleeper->next = NULL;
    sleeper->link = bucket->last;
    *bucket->last = sleeper;
    bucket->last = &sleeper->next;
    __atomic_fetch_add(&bucket->count, 1, __ATOMIC_SEQ_CST);
    futex_unlock(&bucket->lock);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* False when it was woken already. */
static bool leave(struct bucket *bucket, struct sleeper *sleeper)
{
    futex_lock(&bucket->lock);
    bool there = !sleeper->word;
    if (there)
        leave_locked(bucket, sleeper);
    futex_unlock(&bucket->lock);
    return there;
}

/* Acquires: who sees the new value sees what was written before it. */
static bool differs(const volatile void *address, const void *compare, SIZE_T size)
{
    switch (size) {
    case 1:
        return __atomic_load_n((const volatile uint8_t *)address, __ATOMIC_ACQUIRE) !=
               *(const uint8_t *)compare;
    case 2:
        return __atomic_load_n((const volatile uint16_t *)address, __ATOMIC_ACQUIRE) !=
               *(const uint16_t *)compare;
    case 4:
        return __atomic_load_n((const volatile uint32_t *)address, __ATOMIC_ACQUIRE) !=
               *(const uint32_t *)compare;
    default:
        return __atomic_load_n((const volatile uint64_t *)address, __ATOMIC_ACQUIRE) !=
               *(const uint64_t *)compare;
    }
}

static NTSTATUS wait_on(const volatile void *address, const void *compare, SIZE_T size,
                        uint64_t deadline)
{
    if (size != 1 && size != 2 && size != 4 && size != 8)
        return STATUS_INVALID_PARAMETER;
    if (differs(address, compare, size))
        return STATUS_SUCCESS;
    if (deadline == 0)
        return STATUS_TIMEOUT;
    struct bucket *bucket = bucket_of(address);
    struct sleeper self = {.address = address};
    enter(bucket, &self);
    if (differs(address, compare, size)) {
        leave(bucket, &self);
        return STATUS_SUCCESS;
    }
    while (!__atomic_load_n(&self.word, __ATOMIC_ACQUIRE))
        if (park(&self.word, 0, deadline, PARK_ANY) == -ETIMEDOUT)
            return leave(bucket, &self) ? STATUS_TIMEOUT : STATUS_SUCCESS;
    return STATUS_SUCCESS;
}

static void wake(const void *address, bool all)
{
    struct bucket *bucket = bucket_of(address);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (__atomic_load_n(&bucket->count, __ATOMIC_SEQ_CST) == 0)
        return;
    futex_lock(&bucket->lock);
    for (struct sleeper *sleeper = bucket->first, *next; sleeper; sleeper = next) {
        next = sleeper->next;
        if (sleeper->address != address)
            continue;
        leave_locked(bucket, sleeper);
        uint32_t *word = &sleeper->word;
        __atomic_store_n(
            word, 1,
            __ATOMIC_RELEASE); /* its frame may go now; the wake below needs only the address */
        futex_wake(word, 1);
        if (!all)
            break;
    }
    futex_unlock(&bucket->lock);
}

BOOL k32_WaitOnAddress(volatile void *Address, PVOID CompareAddress, SIZE_T AddressSize,
                       DWORD dwMilliseconds)
{
    NTSTATUS status = wait_on(Address, CompareAddress, AddressSize, time_deadline(dwMilliseconds));
    if (status != STATUS_TIMEOUT)
        return face_bool(status);
    last_error_set(ERROR_TIMEOUT);
    return FALSE;
}

void k32_WakeByAddressSingle(PVOID Address)
{
    wake(Address, false);
}

void k32_WakeByAddressAll(PVOID Address)
{
    wake(Address, true);
}

NTSTATUS nt_RtlWaitOnAddress(volatile void *Address, PVOID CompareAddress, SIZE_T AddressSize,
                             PLARGE_INTEGER Timeout)
{
    return wait_on(Address, CompareAddress, AddressSize, time_deadline_nt(Timeout));
}
