/* The working set and its limits, and what is said of the whole system. */
#include "faces.h"
#include "memoryapi/mm.h"
#include "tests/fault/scenario.h"

#define RW           PAGE_READWRITE
#define THIS_PROCESS ((HANDLE)(intptr_t)-1)

/* `a` and `b` in pages: the limits; asked for again, both ways. */
static NTSTATUS do_limits(const struct step *step)
{
    SIZE_T least = (SIZE_T)step->a * PAGE_SIZE, most = (SIZE_T)step->b * PAGE_SIZE, low, high;
    DWORD flags;
    NTSTATUS status = step->count
                          ? of_bool(k32_SetProcessWorkingSetSizeEx(THIS_PROCESS, least, most, 0))
                          : of_bool(k32_SetProcessWorkingSetSize(THIS_PROCESS, least, most));
    if (status != STATUS_SUCCESS)
        return status;
    CHECK(k32_GetProcessWorkingSetSize(THIS_PROCESS, &low, &high) && low == least && high == most);
    CHECK(k32_GetProcessWorkingSetSizeEx(THIS_PROCESS, &low, &high, &flags));
    CHECK(low == least && high == most);
    return STATUS_SUCCESS;
}

static NTSTATUS do_empty(const struct step *step)
{
    (void)step;
    return of_bool(k32_K32EmptyWorkingSet(THIS_PROCESS));
}

static NTSTATUS do_performance(const struct step *step)
{
    PERFORMANCE_INFORMATION info = {0};
    BOOL done = k32_K32GetPerformanceInfo(&info, sizeof info);
    (void)step;
    CHECK(!done || (info.PageSize == PAGE_SIZE && info.PhysicalTotal != 0));
    return of_bool(done);
}

static NTSTATUS do_file_cache_limits(const struct step *step)
{
    SIZE_T least = 7, most = 7;
    DWORD flags = 7;
    BOOL done = k32_GetSystemFileCacheSize(&least, &most, &flags);
    (void)step;
    CHECK(!done || least <= most);
    return of_bool(done);
}

static NTSTATUS do_toolhelp_copy(const struct step *step)
{
    uint64_t buffer = 0;
    SIZE_T done = 0;
    BOOL good = k32_Toolhelp32ReadProcessMemory(0, (void *)step_start(step), &buffer, 8, &done);
    CHECK(!good || (done == 8 && buffer != 0));
    return of_bool(good);
}

/* There is no control flow guard: both are refused, whatever fails. */
static NTSTATUS do_call_targets(const struct step *step)
{
    CFG_CALL_TARGET_INFO target = {0};
    void *place = (void *)step_start(step);
    CHECK(!k32_SetProcessValidCallTargetsForMappedView(THIS_PROCESS, place, PAGE_SIZE, 1, &target,
                                                       NULL, 0));
    CHECK(!k32_SetProcessValidCallTargets(THIS_PROCESS, place, PAGE_SIZE, 1, &target));
    return STATUS_SUCCESS;
}

const struct scenario workingset_scenarios[] = {
    {"limits of the working set",
     "SetProcessWorkingSetSize SetProcessWorkingSetSizeEx GetProcessWorkingSetSize "
     "GetProcessWorkingSetSizeEx",
     {{do_limits, 0, 0, 100, 400, 0}, {do_limits, 0, 1, 50, 345, 0}}},
    {"an empty working set keeps its contents",
     "EmptyWorkingSet K32EmptyWorkingSet",
     {BOTH(0, 32, RW),
      FILL(0, 32),
      {do_empty, 0, 0, 0, 0, 0},
      EXPECT(0, 32),
      OFFER(0, 8),
      {do_empty, 0, 0, 0, 0, 0},
      RECLAIM(0, 8),
      EXPECT(0, 32)}},
    {"figures of the system",
     "GetPerformanceInfo K32GetPerformanceInfo GetSystemFileCacheSize",
     {{do_performance, 0, 0, 0, 0, 0}, {do_file_cache_limits, 0, 0, 0, 0, 0}}},
    {"a copy by the tool help library",
     "Toolhelp32ReadProcessMemory",
     {BOTH(0, 4, RW), FILL(0, 4), {do_toolhelp_copy, 2, 1, 0, 0, 0}}},
    {"valid call targets",
     "SetProcessValidCallTargets SetProcessValidCallTargetsForMappedView",
     {BOTH(0, 4, PAGE_EXECUTE_READWRITE), {do_call_targets, 0, 1, 0, 0, 0}}},
    {0},
};
