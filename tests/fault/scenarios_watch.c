/*
 * Write watch: whatever fails, a page that was written is told. After a failure more may be told
 * than was written, so the steps ask for at least their pages.
 */
#include "faces.h"
#include "memoryapi/guarded.h"
#include "memoryapi/mm.h"
#include "memoryapi/watch.h"
#include "tests/fault/scenario.h"

#define RW      PAGE_READWRITE
#define RO      PAGE_READONLY
#define MOST    420u
#define RESET   WRITE_WATCH_FLAG_RESET
#define CURRENT ((HANDLE)(intptr_t)-1)

/* `b`: a mask of the first 32 pages that must be told. */
static void check_told(const struct step *step, void *const *pages, uint64_t count)
{
    uint64_t last = 0;
    for (unsigned page = 0; page < 32; page++) {
        bool found = !(step->b >> page & 1);
        for (uint64_t i = 0; i < count && !found; i++)
            found = (uint64_t)pages[i] == step_start(step) + page * PAGE_SIZE;
        CHECK(found);
    }
    for (uint64_t i = 0; i < count; i++) {
        CHECK((uint64_t)pages[i] > last);
        last = (uint64_t)pages[i];
    }
}

static NTSTATUS do_GetWriteWatch(const struct step *step)
{
    void *pages[MOST];
    ULONG_PTR count = MOST;
    DWORD granularity = 7;
    UINT answer = k32_GetWriteWatch(step->a, (void *)step_start(step), step_size(step), pages,
                                    &count, &granularity);
    CHECK(answer == 0 || (count == MOST && granularity == 7));
    if (answer == 0)
        check_told(step, pages, count);
    return of_bool(answer == 0);
}

static NTSTATUS do_NtGetWriteWatch(const struct step *step)
{
    void *pages[MOST];
    ULONG_PTR count = MOST;
    ULONG granularity = 7;
    NTSTATUS status = nt_NtGetWriteWatch(CURRENT, step->a, (void *)step_start(step),
                                         step_size(step), pages, &count, &granularity);
    CHECK(status == STATUS_SUCCESS || (count == MOST && granularity == 7));
    if (status == STATUS_SUCCESS)
        check_told(step, pages, count);
    return status;
}

static NTSTATUS do_ResetWriteWatch(const struct step *step)
{
    return of_bool(k32_ResetWriteWatch((void *)step_start(step), step_size(step)) == 0);
}

static NTSTATUS do_NtResetWriteWatch(const struct step *step)
{
    return nt_NtResetWriteWatch(CURRENT, (void *)step_start(step), step_size(step));
}

/* Every second page, so that there are more stretches than one step of the engine takes. */
static NTSTATUS do_write_every_second(const struct step *step)
{
    for (uint64_t i = 0; i < step->count; i += 2)
        if (!guarded_touch((void *)(step_start(step) + i * PAGE_SIZE)))
            return STATUS_ACCESS_VIOLATION;
    return STATUS_SUCCESS;
}

/* What a system call would write there counts; a failure to see to it is the system call's. */
static NTSTATUS do_expect_write(const struct step *step)
{
    mm_watch_expect((void *)step_start(step), step_size(step));
    return STATUS_SUCCESS;
}

#define WATCHED(page, count)                                                                       \
    {                                                                                              \
        do_allocate, page, count, MEM_RESERVE | MEM_WRITE_WATCH, RW, 0                             \
    }
#define WATCHED_BOTH(page, count)                                                                  \
    {                                                                                              \
        do_allocate, page, count, MEM_RESERVE | MEM_COMMIT | MEM_WRITE_WATCH, RW, 0                \
    }

const struct scenario watch_scenarios[] = {
    {"watch",
     "GetWriteWatch ResetWriteWatch",
     {WATCHED_BOTH(0, 64),
      FILL(2, 3),
      {do_GetWriteWatch, 0, 64, RESET, 0x1C, 0},
      FILL(3, 2),
      {do_GetWriteWatch, 0, 64, 0, 0x18, 0},
      {do_ResetWriteWatch, 0, 64, 0, 0, 0},
      FILL(7, 1),
      {do_GetWriteWatch, 0, 64, RESET, 0x80, 0},
      EXPECT(2, 3)}},
    {"watch natively",
     "NtGetWriteWatch NtResetWriteWatch",
     {WATCHED_BOTH(0, 64),
      FILL(2, 3),
      {do_NtGetWriteWatch, 0, 64, RESET, 0x1C, 0},
      FILL(3, 2),
      {do_NtGetWriteWatch, 0, 64, 0, 0x18, 0},
      {do_NtResetWriteWatch, 0, 64, 0, 0, 0}}},
    {"watch more than one step",
     "",
     {WATCHED_BOTH(0, 400),
      {do_write_every_second, 0, 400, 0, 0, 0},
      {do_GetWriteWatch, 0, 400, RESET, 0x55555555, 0},
      {do_write_every_second, 300, 100, 0, 0, 0},
      {do_GetWriteWatch, 300, 100, RESET, 0x55555555, 0},
      {do_write_every_second, 0, 400, 0, 0, 0},
      {do_ResetWriteWatch, 200, 200, 0, 0, 0},
      {do_GetWriteWatch, 0, 400, 0, 0x55555555, 0}}},
    {"commit and decommit watched pages",
     "",
     {WATCHED(0, 600),
      COMMIT(0, 4, RW),
      COMMIT(520, 8, RW),
      FILL(0, 4),
      FILL(520, 2),
      DECOMMIT(1, 1),
      {do_GetWriteWatch, 0, 600, RESET, 0xD, 0},
      COMMIT(1, 3, RW),
      FILL(1, 1),
      {do_GetWriteWatch, 0, 600, 0, 0x2, 0},
      EXPECT(0, 4)}},
    {"protect watched pages",
     "",
     {WATCHED_BOTH(0, 16),
      FILL(0, 4),
      PROTECT(2, 8, RO, RW),
      {do_GetWriteWatch, 0, 16, RESET, 0xF, 0},
      PROTECT(0, 16, RW, RW),
      FILL(3, 1),
      {do_GetWriteWatch, 0, 16, 0, 0x8, 0},
      PROTECT(5, 1, RW | PAGE_GUARD, RW),
      {do_meet_guard, 5, 1, 0, 0, 0},
      FILL(5, 1),
      {do_GetWriteWatch, 0, 16, 0, 0x28, 0}}},
    {"offer watched pages",
     "",
     {WATCHED_BOTH(0, 16),
      FILL(0, 4),
      {do_GetWriteWatch, 0, 16, RESET, 0xF, 0},
      OFFER(0, 2),
      RECLAIM(0, 2),
      {do_GetWriteWatch, 0, 16, RESET, 0x3, 0},
      FILL(0, 4),
      OFFER(1, 2),
      {do_GetWriteWatch, 0, 16, 0, 0xF, 0},
      RECLAIM(1, 2)}},
    {"discard watched pages",
     "",
     {WATCHED_BOTH(0, 16),
      FILL(0, 4),
      {do_discard, 0, 2, 0, 0, 0},
      FILL(1, 1),
      {do_GetWriteWatch, 0, 16, RESET, 0xE, 0}}},
    {"a system call writes to watched pages",
     "",
     {WATCHED_BOTH(0, 16),
      PROTECT(4, 2, RO, RW),
      {do_expect_write, 2, 4, 0, 0, 0},
      FILL(2, 2),
      {do_GetWriteWatch, 0, 16, RESET, 0xC, 0},
      {do_expect_write, 15, 4, 0, 0, 0}}},
    {"watch is refused",
     "",
     {BOTH(0, 16, RW),
      WATCHED_BOTH(16, 16),
      {do_NtGetWriteWatch, 0, 16, 0, 0, STATUS_INVALID_PARAMETER},
      {do_NtGetWriteWatch, 16, 17, 0, 0, STATUS_INVALID_PARAMETER},
      {do_NtGetWriteWatch, 16, 16, 2, 0, STATUS_INVALID_PARAMETER_2},
      {do_NtResetWriteWatch, 0, 16, 0, 0, STATUS_INVALID_PARAMETER},
      {do_allocate, 64, 16, MEM_COMMIT | MEM_WRITE_WATCH, RW, STATUS_INVALID_PARAMETER}}},
    {0},
};
