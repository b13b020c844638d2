/*
 * Slim reader/writer locks and condition variables. Both are one pointer in the program's memory,
 * zero when idle.
 *
 * SRWLOCK, 64 bits:  | readers waiting 63..48 | writers waiting 47..32 | readers inside 31..1 | a
 * writer inside 0 |
 *
 * Sleepers sleep on the low half, writers and readers with different bits. A reader may enter when
 * no writer is inside and, if readers are inside, no writer waits: so writers are not starved, and
 * readers that wait when a writer leaves go first, so neither are they. Whoever makes the low half
 * zero wakes one kind; a woken thread that finds the lock taken again is woken by that owner later.
 */
#include "kernel32/face.h"
#include "kernel32/process/park.h"

#define WRITER          1ull
#define READER          2ull
#define WRITER_WAITING  (1ull << 32)
#define WRITERS_WAITING (0xFFFFull << 32)
#define READER_WAITING  (1ull << 48)
#define READERS_WAITING (0xFFFFull << 48)
#define LOW             0xFFFFFFFFull

#define WAKE_WRITER  1u
#define WAKE_READERS 2u

#define SPINS 100

static bool change(uint64_t *word, uint64_t *expected, uint64_t value)
{
    return __atomic_compare_exchange_n(word, expected, value, true, __ATOMIC_ACQUIRE,
                                       __ATOMIC_RELAXED);
}

/* Enters as a writer when nobody is inside, giving up the place in the waiting count. */
static bool enter_exclusive(uint64_t *word, uint64_t waiting)
{
    uint64_t now = __atomic_load_n(word, __ATOMIC_RELAXED);
    while ((now & LOW) == 0)
        if (change(word, &now, now - waiting + WRITER))
            return true;
    return false;
}

static bool reader_may_enter(uint64_t now)
{
    return !(now & WRITER) && ((now & LOW) == 0 || !(now & WRITERS_WAITING));
}

static bool enter_shared(uint64_t *word, uint64_t waiting)
{
    uint64_t now = __atomic_load_n(word, __ATOMIC_RELAXED);
    while (reader_may_enter(now))
        if (change(word, &now, now - waiting + READER))
            return true;
    return false;
}

static uint32_t *low_half(uint64_t *word)
{
    return (uint32_t *)word;
}

static void exclusive_slow(uint64_t *word)
{
    for (int spin = 0; spin < SPINS; spin++) {
        if (enter_exclusive(word, 0))
            return;
        __builtin_ia32_pause();
    }
    __atomic_fetch_add(word, WRITER_WAITING, __ATOMIC_RELAXED);
    while (!enter_exclusive(word, WRITER_WAITING)) {
        uint32_t low = __atomic_load_n(low_half(word), __ATOMIC_RELAXED);
        if (low)
            park(low_half(word), low, TIME_NEVER, WAKE_WRITER);
    }
}

/*
 * Readers that wait behind readers and a waiting writer look again every 20 ms: the low half may
 * have gone through zero and come back to the same count between their look and their sleep, and
 * then the wake that was theirs is gone.
 */
#define LOOK_AGAIN (20 * (uint64_t)TIME_MILLISECOND)

static void shared_slow(uint64_t *word)
{
    for (int spin = 0; spin < SPINS; spin++) {
        if (enter_shared(word, 0))
            return;
        __builtin_ia32_pause();
    }
    __atomic_fetch_add(word, READER_WAITING, __ATOMIC_RELAXED);
    while (!enter_shared(word, READER_WAITING)) {
        uint64_t now = __atomic_load_n(word, __ATOMIC_RELAXED);
        if (!reader_may_enter(now))
            park(low_half(word), (uint32_t)now,
                 now & WRITER ? TIME_NEVER : time_monotonic() + LOOK_AGAIN, WAKE_READERS);
    }
}

static void wake(uint64_t *word, bool readers)
{
    if (readers)
        futex_wake_bits(low_half(word), INT32_MAX, WAKE_READERS);
    else
        futex_wake_bits(low_half(word), 1, WAKE_WRITER);
}

static void leave_exclusive(uint64_t *word)
{
    uint64_t after = __atomic_sub_fetch(word, WRITER, __ATOMIC_RELEASE);
    if (unlikely(after & (WRITERS_WAITING | READERS_WAITING)))
        wake(word, after & READERS_WAITING);
}

static void leave_shared(uint64_t *word)
{
    uint64_t after = __atomic_sub_fetch(word, READER, __ATOMIC_RELEASE);
    if (unlikely((after & LOW) == 0 && (after & (WRITERS_WAITING | READERS_WAITING))))
        wake(word, !(after & WRITERS_WAITING));
}

void k32_InitializeSRWLock(PSRWLOCK SRWLock)
{
    SRWLock->Ptr = 0;
}

void k32_AcquireSRWLockExclusive(PSRWLOCK SRWLock)
{
    if (!enter_exclusive(&SRWLock->Ptr, 0))
        exclusive_slow(&SRWLock->Ptr);
}

void k32_AcquireSRWLockShared(PSRWLOCK SRWLock)
{
    if (!enter_shared(&SRWLock->Ptr, 0))
        shared_slow(&SRWLock->Ptr);
}

BOOLEAN k32_TryAcquireSRWLockExclusive(PSRWLOCK SRWLock)
{
    return enter_exclusive(&SRWLock->Ptr, 0);
}

BOOLEAN k32_TryAcquireSRWLockShared(PSRWLOCK SRWLock)
{
    return enter_shared(&SRWLock->Ptr, 0);
}

void k32_ReleaseSRWLockExclusive(PSRWLOCK SRWLock)
{
    leave_exclusive(&SRWLock->Ptr);
}

void k32_ReleaseSRWLockShared(PSRWLOCK SRWLock)
{
    leave_shared(&SRWLock->Ptr);
}

/* CONDITION_VARIABLE: the number of wakes in the low half, of sleepers in the high half. */
#define SLEEPER (1ull << 32)

void k32_InitializeConditionVariable(PCONDITION_VARIABLE ConditionVariable)
{
    ConditionVariable->Ptr = 0;
}

static void condition_wake(PCONDITION_VARIABLE variable, int count)
{
    uint64_t *word = &variable->Ptr;
    if (__atomic_load_n(word, __ATOMIC_SEQ_CST) < SLEEPER)
        return;
    /* The wrap of the low half must not reach the sleepers. */
    __atomic_fetch_add(low_half(word), 1, __ATOMIC_SEQ_CST);
    futex_wake(low_half(word), count);
}

void k32_WakeConditionVariable(PCONDITION_VARIABLE ConditionVariable)
{
    condition_wake(ConditionVariable, 1);
}

void k32_WakeAllConditionVariable(PCONDITION_VARIABLE ConditionVariable)
{
    condition_wake(ConditionVariable, INT32_MAX);
}

/* Becomes a sleeper while the caller's lock is still held; the number of wakes seen then. */
static uint32_t condition_enter(PCONDITION_VARIABLE variable)
{
    return (uint32_t)__atomic_fetch_add(&variable->Ptr, SLEEPER, __ATOMIC_SEQ_CST);
}

static bool condition_sleep(PCONDITION_VARIABLE variable, uint32_t seen, uint64_t deadline)
{
    uint32_t *wakes = low_half(&variable->Ptr);
    bool woken;
    while (!(woken = __atomic_load_n(wakes, __ATOMIC_ACQUIRE) != seen)) {
        int result = park(wakes, seen, deadline, PARK_ANY);
        if (result == 0 || result == -ETIMEDOUT) {
            woken = result == 0;
            break;
        }
    }
    __atomic_fetch_sub(&variable->Ptr, SLEEPER, __ATOMIC_RELAXED);
    return woken;
}

static BOOL condition_result(bool woken)
{
    if (!woken)
        last_error_set(ERROR_TIMEOUT);
    return woken;
}

BOOL k32_SleepConditionVariableSRW(PCONDITION_VARIABLE ConditionVariable, PSRWLOCK SRWLock,
                                   DWORD dwMilliseconds, ULONG Flags)
{
    const ULONG shared = 1; /* CONDITION_VARIABLE_LOCKMODE_SHARED */
    if (Flags & ~shared)
        return face_bool(STATUS_INVALID_PARAMETER);
    uint32_t seen = condition_enter(ConditionVariable);
    if (Flags & shared)
        k32_ReleaseSRWLockShared(SRWLock);
    else
        k32_ReleaseSRWLockExclusive(SRWLock);
    bool woken = condition_sleep(ConditionVariable, seen, time_deadline(dwMilliseconds));
    if (Flags & shared)
        k32_AcquireSRWLockShared(SRWLock);
    else
        k32_AcquireSRWLockExclusive(SRWLock);
    return condition_result(woken);
}

BOOL k32_SleepConditionVariableCS(PCONDITION_VARIABLE ConditionVariable,
                                  PCRITICAL_SECTION CriticalSection, DWORD dwMilliseconds)
{
    uint32_t seen = condition_enter(ConditionVariable);
    k32_LeaveCriticalSection(CriticalSection);
    bool woken = condition_sleep(ConditionVariable, seen, time_deadline(dwMilliseconds));
    k32_EnterCriticalSection(CriticalSection);
    return condition_result(woken);
}
