/* Looking at memory, keeping it in memory, and hints. */
#include "faces.h"
#include "memoryapi/lock.h"
#include "memoryapi/mm.h"
#include "tests/fault/scenario.h"

#define RW PAGE_READWRITE
#define RO PAGE_READONLY

#define THIS_PROCESS ((HANDLE)(intptr_t)-1)

static void *place(const struct step *step)
{
    return (void *)step_start(step);
}

/* a: some page was locked before. */
static NTSTATUS do_lock(const struct step *step)
{
    uint64_t start = step_start(step), size = step_size(step);
    bool before = false;
    NTSTATUS status = mm_lock(&start, &size, &before);
    CHECK(status != STATUS_SUCCESS || before == step->a);
    return status;
}

static NTSTATUS do_unlock(const struct step *step)
{
    uint64_t start = step_start(step), size = step_size(step);
    return mm_unlock(&start, &size);
}

static NTSTATUS do_VirtualLock(const struct step *step)
{
    return of_bool(k32_VirtualLock(place(step), step_size(step)));
}

static NTSTATUS do_VirtualUnlock(const struct step *step)
{
    return of_bool(k32_VirtualUnlock(place(step), step_size(step)));
}

static NTSTATUS do_VirtualUnlockEx(const struct step *step)
{
    return of_bool(k32_VirtualUnlockEx(THIS_PROCESS, place(step), step_size(step)));
}

static NTSTATUS do_NtLock(const struct step *step)
{
    void *base = place(step);
    SIZE_T size = step_size(step);
    return nt_NtLockVirtualMemory(THIS_PROCESS, &base, &size, MAP_PROCESS);
}

static NTSTATUS do_NtUnlock(const struct step *step)
{
    void *base = place(step);
    SIZE_T size = step_size(step);
    return nt_NtUnlockVirtualMemory(THIS_PROCESS, &base, &size, MAP_PROCESS);
}

static NTSTATUS do_NtFlush(const struct step *step)
{
    void *base = place(step);
    SIZE_T size = step_size(step);
    IO_STATUS_BLOCK block;
    return nt_NtFlushVirtualMemory(THIS_PROCESS, &base, &size, &block);
}

static NTSTATUS do_Prefetch(const struct step *step)
{
    WIN32_MEMORY_RANGE_ENTRY range = {place(step), step_size(step)};
    return of_bool(k32_PrefetchVirtualMemory(THIS_PROCESS, 1, &range, 0));
}

/* a: the class; b: what is asked. */
static NTSTATUS do_NtSetInformation(const struct step *step)
{
    MEMORY_RANGE_ENTRY range = {place(step), step_size(step)};
    ULONG value = step->b;
    return nt_NtSetInformationVirtualMemory(THIS_PROCESS, (INT)step->a, 1, &range, &value,
                                            sizeof value);
}

/* a: pages committed in the allocation. */
static NTSTATUS do_region(const struct step *step)
{
    WIN32_MEMORY_REGION_INFORMATION region;
    NTSTATUS status = of_bool(k32_QueryVirtualMemoryInformation(
        THIS_PROCESS, place(step), MemoryRegionInfo, &region, sizeof region, NULL));
    CHECK(status != STATUS_SUCCESS || region.CommitSize == (uint64_t)step->a * PAGE_SIZE);
    return status;
}

/* a: the pages of the range are in memory; b: they are locked. */
static NTSTATUS do_pages(const struct step *step)
{
    PSAPI_WORKING_SET_EX_INFORMATION pages[64] = {0};
    for (unsigned i = 0; i < step->count; i++)
        pages[i].VirtualAddress = (char *)place(step) + (uint64_t)i * PAGE_SIZE;
    NTSTATUS status = of_bool(
        k32_K32QueryWorkingSetEx(THIS_PROCESS, pages, step->count * (DWORD)sizeof pages[0]));
    for (unsigned i = 0; i < step->count; i++)
        if (status == STATUS_SUCCESS)
            CHECK(pages[i].VirtualAttributes.Valid == step->a &&
                  pages[i].VirtualAttributes.Locked == step->b);
        else
            CHECK(pages[i].VirtualAttributes.Flags == 0);
    return status;
}

static NTSTATUS do_list(const struct step *step)
{
    static uint64_t list[1 << 16];
    uint64_t found = 0;
    list[0] = 0;
    NTSTATUS status = of_bool(k32_K32QueryWorkingSet(THIS_PROCESS, list, sizeof list));
    for (uint64_t i = 1; i <= list[0]; i++)
        found += list[i] - step_start(step) < step_size(step);
    CHECK(found == (status == STATUS_SUCCESS ? step->count : 0));
    return status;
}

const struct scenario inspect_scenarios[] = {
    {"lock and unlock",
     "",
     {RESERVE(0, WORLD_PAGES),
      COMMIT(0, 40, RW),
      FILL(0, 40),
      PROTECT(4, 4, RO, RW),
      {do_lock, 2, 4, 0, 0, 0},
      {do_lock, 4, 16, 1, 0, 0},
      {do_pages, 2, 18, 1, 1, 0},
      {do_unlock, 3, 12, 0, 0, 0},
      {do_unlock, 0, 3, 0, 0, STATUS_NOT_LOCKED},
      EXPECT(0, 40)}},
    {"lock over neighbours",
     "",
     {BOTH(0, 16, RW),
      BOTH(16, 16, RW),
      BOTH(32, 16, RW),
      FILL(0, 48),
      {do_lock, 8, 32, 0, 0, 0},
      {do_unlock, 10, 26, 0, 0, 0},
      {do_pages, 8, 2, 1, 1, 0},
      EXPECT(0, 48)}},
    {"locked pages are decommitted, offered, discarded",
     "",
     {BOTH(0, 64, RW),
      FILL(0, 64),
      {do_lock, 0, 40, 0, 0, 0},
      PROTECT(6, 4, RO, RW),
      {do_free, 4, 8, MEM_DECOMMIT, 0, 0},
      {do_offer, 20, 8, 4, 0, 0},
      EXPECT(28, 36),
      {do_pages, 28, 12, 1, 1, 0},
      {do_free, 0, 0, MEM_RELEASE, 0, 0}}},
    /* what the host drops no more after a first part keeps its contents */
    {"pages between locked ones are discarded",
     "",
     {BOTH(0, 32, RW),
      FILL(0, 32),
      {do_lock, 8, 4, 0, 0, 0},
      {do_lock, 20, 4, 0, 0, 0},
      {do_discard, 2, 28, 0, 0, 0},
      EXPECT(8, 4),
      EXPECT(20, 4),
      EXPECT(0, 2),
      {do_expect, 2, 28, EITHER, 0, 0}},
     .varies = true},
    {"decommit over locked pages",
     "",
     {BOTH(0, 32, RW),
      FILL(0, 32),
      {do_lock, 8, 4, 0, 0, 0},
      {do_lock, 20, 4, 0, 0, 0},
      DECOMMIT(2, 28),
      COMMIT(2, 28, RW),
      EXPECT_ZERO(2, 28)}},
    {"VirtualLock",
     "VirtualLock VirtualUnlock VirtualUnlockEx",
     {BOTH(0, 32, RW),
      FILL(0, 32),
      {do_VirtualLock, 1, 20, 0, 0, 0},
      {do_VirtualUnlock, 1, 5, 0, 0, 0},
      {do_VirtualUnlockEx, 8, 5, 0, 0, 0},
      EXPECT(0, 32)}},
    {"the native locks and flushes",
     "NtLockVirtualMemory NtUnlockVirtualMemory NtFlushVirtualMemory",
     {BOTH(0, 32, RW),
      FILL(0, 32),
      {do_NtLock, 1, 20, 0, 0, 0},
      {do_NtUnlock, 1, 5, 0, 0, 0},
      {do_NtLock, 0, 8, 0, 0, STATUS_WAS_LOCKED},
      {do_NtFlush, 0, 8, 0, 0, STATUS_NOT_MAPPED_VIEW}}},
    {"hints",
     "PrefetchVirtualMemory NtSetInformationVirtualMemory",
     {BOTH(0, 64, RW),
      FILL(0, 32),
      {do_Prefetch, 0, 64, 0, 0, 0},
      {do_NtSetInformation, 0, 64, VmPagePriorityInformation, 1, 0},
      {do_NtSetInformation, 0, 64, VmRemoveFromWorkingSetInformation, 0, 0},
      {do_NtSetInformation, 0, 64, VmPageDirtyStateInformation, 0, STATUS_INVALID_PARAMETER_4},
      EXPECT(0, 32)}},
    {"what is where",
     "QueryVirtualMemoryInformation K32QueryWorkingSet QueryWorkingSet K32QueryWorkingSetEx "
     "QueryWorkingSetEx",
     {RESERVE(0, WORLD_PAGES),
      COMMIT(0, 40, RW),
      FILL(0, 40),
      {do_region, 700, 1, 40, 0, 0},
      {do_pages, 0, 40, 1, 0, 0},
      {do_pages, 40, 20, 0, 0, 0},
      {do_list, 0, 40, 0, 0, 0}}},
    {0},
};
