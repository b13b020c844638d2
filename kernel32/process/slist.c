/*
 * Interlocked singly linked lists. The header is opaque to programs: depth in the low 16 bits of
 * the first word, and in the second the first entry (16-aligned) with a lock in bit 0. A list
 * operation is a few instructions under that bit, which spares the pop its well-known trouble with
 * entries that come and go between a look and an exchange.
 */
#include <sched.h>
#include "kernel32/face.h"

#define LOCKED 1ull
#define DEPTH  0xFFFFull

static uint64_t header_lock(PSLIST_HEADER head)
{
    for (unsigned spin = 0;; spin++) {
        uint64_t region = __atomic_load_n(&head->Region, __ATOMIC_RELAXED);
        if (!(region & LOCKED) &&
            __atomic_compare_exchange_n(&head->Region, &region, region | LOCKED, true,
                                        __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
            return region;
        if (spin % 64 == 63)
            sched_yield();
        else
            __builtin_ia32_pause();
    }
}

static void header_unlock(PSLIST_HEADER head, PSLIST_ENTRY first)
{
    __atomic_store_n(&head->Region, (uint64_t)first, __ATOMIC_RELEASE);
}

static void change_depth(PSLIST_HEADER head, uint64_t by)
{
    __atomic_store_n(&head->Alignment, (head->Alignment + by) & DEPTH, __ATOMIC_RELAXED);
}

void k32_InitializeSListHead(PSLIST_HEADER ListHead)
{
    ListHead->Alignment = ListHead->Region = 0;
}

PSLIST_ENTRY k32_InterlockedPushListSListEx(PSLIST_HEADER ListHead, PSLIST_ENTRY List,
                                            PSLIST_ENTRY ListEnd, ULONG Count)
{
    *(volatile uint64_t *)&ListEnd->Next = 0; /* a bad entry faults here, with the list unlocked */
    PSLIST_ENTRY before = (PSLIST_ENTRY)header_lock(ListHead);
    ListEnd->Next = before;
    change_depth(ListHead, Count);
    header_unlock(ListHead, List);
    return before;
}

PSLIST_ENTRY k32_InterlockedPushEntrySList(PSLIST_HEADER ListHead, PSLIST_ENTRY ListEntry)
{
    return k32_InterlockedPushListSListEx(ListHead, ListEntry, ListEntry, 1);
}

PSLIST_ENTRY k32_InterlockedPopEntrySList(PSLIST_HEADER ListHead)
{
    if ((__atomic_load_n(&ListHead->Region, __ATOMIC_RELAXED) & ~LOCKED) == 0)
        return NULL;
    PSLIST_ENTRY first = (PSLIST_ENTRY)header_lock(ListHead);
    if (first)
        change_depth(ListHead, (uint64_t)-1);
    header_unlock(ListHead, first ? first->Next : NULL);
    return first;
}

PSLIST_ENTRY k32_InterlockedFlushSList(PSLIST_HEADER ListHead)
{
    PSLIST_ENTRY first = (PSLIST_ENTRY)header_lock(ListHead);
    change_depth(ListHead, -ListHead->Alignment);
    header_unlock(ListHead, NULL);
    return first;
}

USHORT k32_QueryDepthSList(PSLIST_HEADER ListHead)
{
    return (USHORT)(__atomic_load_n(&ListHead->Alignment, __ATOMIC_RELAXED) & DEPTH);
}

PSLIST_ENTRY nt_RtlFirstEntrySList(const SLIST_HEADER *ListHead)
{
    return (PSLIST_ENTRY)(__atomic_load_n(&ListHead->Region, __ATOMIC_RELAXED) & ~LOCKED);
}
