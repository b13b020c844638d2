/*
 * Synchronization barriers. Of the opaque structure: Reserved1 how many threads, Reserved2 how many
 * have come, Reserved4 the round (futex), Reserved5 how many are inside.
 */
#include "kernel32/face.h"
#include "kernel32/process/park.h"

#define NO_DELETE 4u /* SYNCHRONIZATION_BARRIER_FLAGS_NO_DELETE: nobody deletes it, no count */

BOOL k32_InitializeSynchronizationBarrier(LPSYNCHRONIZATION_BARRIER lpBarrier, LONG lTotalThreads,
                                          LONG lSpinCount)
{
    if (lTotalThreads <= 0 || lSpinCount < -1)
        return face_bool(STATUS_INVALID_PARAMETER);
    *lpBarrier = (SYNCHRONIZATION_BARRIER){.Reserved1 = (DWORD)lTotalThreads};
    return TRUE;
}

BOOL k32_EnterSynchronizationBarrier(LPSYNCHRONIZATION_BARRIER lpBarrier, DWORD dwFlags)
{
    bool counted = !(dwFlags & NO_DELETE);
    if (counted)
        __atomic_fetch_add(&lpBarrier->Reserved5, 1, __ATOMIC_ACQ_REL);
    DWORD round = __atomic_load_n(&lpBarrier->Reserved4, __ATOMIC_ACQUIRE);
    DWORD total = lpBarrier->Reserved1;
    BOOL last = __atomic_add_fetch(&lpBarrier->Reserved2, 1, __ATOMIC_ACQ_REL) == total;
    if (last) {
        __atomic_store_n(&lpBarrier->Reserved2, 0, __ATOMIC_RELAXED);
        __atomic_fetch_add(&lpBarrier->Reserved4, 1, __ATOMIC_RELEASE);
        futex_wake(&lpBarrier->Reserved4, INT32_MAX);
    } else {
        while (__atomic_load_n(&lpBarrier->Reserved4, __ATOMIC_ACQUIRE) == round)
            park(&lpBarrier->Reserved4, round, TIME_NEVER, PARK_ANY);
    }
    if (counted && __atomic_sub_fetch(&lpBarrier->Reserved5, 1, __ATOMIC_ACQ_REL) == 0)
        futex_wake(&lpBarrier->Reserved5, INT32_MAX);
    return last;
}

BOOL k32_DeleteSynchronizationBarrier(LPSYNCHRONIZATION_BARRIER lpBarrier)
{
    DWORD inside;
    while ((inside = __atomic_load_n(&lpBarrier->Reserved5, __ATOMIC_ACQUIRE)) != 0)
        park(&lpBarrier->Reserved5, inside, TIME_NEVER, PARK_ANY);
    return TRUE;
}
