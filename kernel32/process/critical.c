/*
 * Critical sections. LockCount is the word: -1 free (as Windows and static initializers have it),
 * -2 held, -3 held and somebody sleeps. OwningThread and RecursionCount belong to the owner.
 */
#include <stdint.h>
#include "kernel32/face.h"
#include "kernel32/process/park.h"

#define FREE      (-1)
#define HELD      (-2)
#define CONTENDED (-3)

#define KNOWN_FLAGS   0x1F000000u /* RTL_CRITICAL_SECTION_FLAG_* of winnt.h */
#define SPIN_MASK     0x00FFFFFFu
#define DEFAULT_SPINS 2000u
#define MOST_SPINS    4000u /* longer than this a sleep is cheaper */

static void initialize(PCRITICAL_SECTION section, DWORD spins)
{
    *section = (CRITICAL_SECTION){
        .DebugInfo = (PVOID)-1,
        .LockCount = FREE,
        .SpinCount = spins & SPIN_MASK,
    };
}

void k32_InitializeCriticalSection(PCRITICAL_SECTION lpCriticalSection)
{
    initialize(lpCriticalSection, DEFAULT_SPINS);
}

BOOL k32_InitializeCriticalSectionAndSpinCount(PCRITICAL_SECTION lpCriticalSection,
                                               DWORD dwSpinCount)
{
    initialize(lpCriticalSection, dwSpinCount);
    return TRUE;
}

BOOL k32_InitializeCriticalSectionEx(PCRITICAL_SECTION lpCriticalSection, DWORD dwSpinCount,
                                     DWORD Flags)
{
    if ((Flags & ~KNOWN_FLAGS) || (dwSpinCount & ~SPIN_MASK))
        return face_bool(STATUS_INVALID_PARAMETER_3);
    initialize(lpCriticalSection, dwSpinCount);
    return TRUE;
}

DWORD k32_SetCriticalSectionSpinCount(PCRITICAL_SECTION lpCriticalSection, DWORD dwSpinCount)
{
    DWORD before = (DWORD)lpCriticalSection->SpinCount & SPIN_MASK;
    lpCriticalSection->SpinCount = dwSpinCount & SPIN_MASK;
    return before;
}

void k32_DeleteCriticalSection(PCRITICAL_SECTION lpCriticalSection)
{
    *lpCriticalSection = (CRITICAL_SECTION){0};
}

static HANDLE own_id(void)
{
    return (HANDLE)(uintptr_t)wait_self()->id;
}

static bool take(LONG *word)
{
    LONG expected = FREE;
    return __atomic_compare_exchange_n(word, &expected, HELD, false, __ATOMIC_ACQUIRE,
                                       __ATOMIC_RELAXED);
}

static void take_slow(PCRITICAL_SECTION section)
{
    LONG *word = &section->LockCount;
    uint64_t spins = section->SpinCount & SPIN_MASK;
    for (uint64_t spin = 0; spin < spins && spin < MOST_SPINS; spin++) {
        LONG now = __atomic_load_n(word, __ATOMIC_RELAXED);
        if (now == FREE && take(word))
            return;
        if (now == CONTENDED)
            break;
        __builtin_ia32_pause();
    }
    while (__atomic_exchange_n(word, CONTENDED, __ATOMIC_ACQUIRE) != FREE)
        park((const uint32_t *)word, (uint32_t)CONTENDED, TIME_NEVER, PARK_ANY);
}

static void become_owner(PCRITICAL_SECTION section, HANDLE id)
{
    __atomic_store_n(&section->OwningThread, id, __ATOMIC_RELAXED);
    section->RecursionCount = 1;
}

void k32_EnterCriticalSection(PCRITICAL_SECTION lpCriticalSection)
{
    HANDLE id = own_id();
    if (__atomic_load_n(&lpCriticalSection->OwningThread, __ATOMIC_RELAXED) == id) {
        lpCriticalSection->RecursionCount++;
        return;
    }
    if (unlikely(!take(&lpCriticalSection->LockCount)))
        take_slow(lpCriticalSection);
    become_owner(lpCriticalSection, id);
}

BOOL k32_TryEnterCriticalSection(PCRITICAL_SECTION lpCriticalSection)
{
    HANDLE id = own_id();
    if (__atomic_load_n(&lpCriticalSection->OwningThread, __ATOMIC_RELAXED) == id) {
        lpCriticalSection->RecursionCount++;
        return TRUE;
    }
    if (!take(&lpCriticalSection->LockCount))
        return FALSE;
    become_owner(lpCriticalSection, id);
    return TRUE;
}

void k32_LeaveCriticalSection(PCRITICAL_SECTION lpCriticalSection)
{
    if (--lpCriticalSection->RecursionCount > 0)
        return;
    lpCriticalSection->RecursionCount = 0;
    __atomic_store_n(&lpCriticalSection->OwningThread, NULL, __ATOMIC_RELAXED);
    if (unlikely(__atomic_exchange_n(&lpCriticalSection->LockCount, FREE, __ATOMIC_RELEASE) ==
                 CONTENDED))
        futex_wake((const uint32_t *)&lpCriticalSection->LockCount, 1);
}

NTSTATUS nt_RtlEnterCriticalSection(PCRITICAL_SECTION CriticalSection)
{
    k32_EnterCriticalSection(CriticalSection);
    return STATUS_SUCCESS;
}

NTSTATUS nt_RtlLeaveCriticalSection(PCRITICAL_SECTION CriticalSection)
{
    k32_LeaveCriticalSection(CriticalSection);
    return STATUS_SUCCESS;
}

NTSTATUS nt_RtlDeleteCriticalSection(PCRITICAL_SECTION CriticalSection)
{
    k32_DeleteCriticalSection(CriticalSection);
    return STATUS_SUCCESS;
}

NTSTATUS nt_RtlInitializeCriticalSection(PCRITICAL_SECTION CriticalSection)
{
    k32_InitializeCriticalSection(CriticalSection);
    return STATUS_SUCCESS;
}

NTSTATUS nt_RtlInitializeCriticalSectionAndSpinCount(PCRITICAL_SECTION CriticalSection,
                                                     ULONG SpinCount)
{
    initialize(CriticalSection, SpinCount);
    return STATUS_SUCCESS;
}
