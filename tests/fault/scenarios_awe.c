/* Address windowing extensions. Windows are at pages of the world; frames are named by position. */
#include <stdlib.h>
#include "kernel32/face.h"
#include "memoryapi/awe.h"
#include "memoryapi/mm.h"
#include "memoryapi/privilege.h"
#include "tests/fault/scenario.h"

#define SELF ((HANDLE)-1)
#define MOST 64u

/* What the scenario was given, in order. */
static ULONG_PTR frames[MOST];
static uint32_t frame_count;

static NTSTATUS do_window(const struct step *step)
{
    struct mm_request request = {.base = step_start(step),
                                 .size = step_size(step),
                                 .type = MEM_RESERVE | MEM_PHYSICAL,
                                 .protect = PAGE_READWRITE};
    privilege_set(privileges_of_process(), PRIVILEGE_LOCK_MEMORY, PRIVILEGE_ENABLED);
    return mm_allocate(&request);
}

/* `count` more frames; a: which function is called. */
static NTSTATUS do_get(const struct step *step)
{
    ULONG_PTR count = step->count, *array = frames + frame_count;
    NTSTATUS status;
    privilege_set(privileges_of_process(), PRIVILEGE_LOCK_MEMORY, PRIVILEGE_ENABLED);
    CHECK(frame_count + step->count <= MOST);
    switch (step->a) {
    case 0:
        status = of_bool(k32_AllocateUserPhysicalPages(SELF, &count, array));
        break;
    case 1:
        status = of_bool(k32_AllocateUserPhysicalPagesNuma(SELF, &count, array, 0));
        break;
    case 2:
        status = of_bool(k32_AllocateUserPhysicalPages2(SELF, &count, array, NULL, 0));
        break;
    case 3:
        status = nt_NtAllocateUserPhysicalPagesEx(SELF, &count, array, NULL, 0);
        break;
    default:
        status = nt_NtAllocateUserPhysicalPages(SELF, &count, array);
    }
    CHECK(count == step->count); /* all of them, or as it was */
    if (status == STATUS_SUCCESS)
        frame_count += step->count;
    return status;
}

/* The last `count` frames; those that are freed before a failure are. a: the native one. */
static NTSTATUS do_give(const struct step *step)
{
    ULONG_PTR count = step->count, *array = frames + frame_count - step->count;
    NTSTATUS status = step->a ? nt_NtFreeUserPhysicalPages(SELF, &count, array)
                              : of_bool(k32_FreeUserPhysicalPages(SELF, &count, array));
    CHECK(count <= step->count && (count == step->count) == (status == STATUS_SUCCESS));
    if (status == STATUS_SUCCESS)
        frame_count -= step->count;
    else
        CHECK(count == 0);
    return status;
}

/* a: the first frame, or MOST to empty; b: the native one. */
static NTSTATUS do_map(const struct step *step)
{
    void *start = (void *)step_start(step);
    ULONG_PTR *array = step->a < MOST ? frames + step->a : NULL;
    NTSTATUS status = step->b ? nt_NtMapUserPhysicalPages(start, step->count, array)
                              : of_bool(k32_MapUserPhysicalPages(start, step->count, array));
    CHECK(awe_is_valid());
    return status;
}

/* Every second page from `page` on, `count` of them, gets frames in falling order from `a`. */
static NTSTATUS do_scatter(const struct step *step)
{
    void *places[MOST];
    ULONG_PTR array[MOST];
    for (uint32_t i = 0; i < step->count; i++) {
        places[i] = (void *)(step_start(step) + 2ull * i * PAGE_SIZE);
        array[i] = step->a < MOST ? frames[step->a - i] : 0;
    }
    NTSTATUS status = step->b
                          ? nt_NtMapUserPhysicalPagesScatter(places, step->count, array)
                          : of_bool(k32_MapUserPhysicalPagesScatter(places, step->count, array));
    CHECK(awe_is_valid());
    return status;
}

static void give_all(void)
{
    ULONG_PTR count = frame_count;
    CHECK(k32_FreeUserPhysicalPages(SELF, &count, frames));
    frame_count = 0;
}

#define WINDOW(page, count)                                                                        \
    {                                                                                              \
        do_window, page, count, 0, 0, 0                                                            \
    }
#define GET(count)                                                                                 \
    {                                                                                              \
        do_get, 0, count, 0, 0, 0                                                                  \
    }
#define MAP(page, count, frame)                                                                    \
    {                                                                                              \
        do_map, page, count, frame, 0, 0                                                           \
    }
#define EMPTY(page, count)                                                                         \
    {                                                                                              \
        do_map, page, count, MOST, 0, 0                                                            \
    }
#define SCATTER(page, count, frame)                                                                \
    {                                                                                              \
        do_scatter, page, count, frame, 0, 0                                                       \
    }
#define GIVE(count)                                                                                \
    {                                                                                              \
        do_give, 0, count, 0, 0, 0                                                                 \
    }

const struct scenario awe_scenarios[] = {
    {"frames, in each way",
     "AllocateUserPhysicalPages AllocateUserPhysicalPagesNuma AllocateUserPhysicalPages2 "
     "NtAllocateUserPhysicalPages NtAllocateUserPhysicalPagesEx FreeUserPhysicalPages "
     "NtFreeUserPhysicalPages",
     {GET(2),
      {do_get, 0, 2, 1, 0, 0},
      {do_get, 0, 2, 2, 0, 0},
      {do_get, 0, 2, 3, 0, 0},
      {do_get, 0, 2, 4, 0, 0},
      GIVE(3),
      {do_give, 0, 4, 1, 0, 0}},
     give_all},
    {"show and empty",
     "MapUserPhysicalPages NtMapUserPhysicalPages",
     {WINDOW(0, 20),
      GET(12),
      MAP(0, 12, 0),
      FILL(0, 12),
      EMPTY(4, 4),
      {do_map, 5, 2, 5, 1, 0},
      EXPECT(5, 2),
      EXPECT(0, 4)},
     give_all},
    {"show over what is shown",
     "",
     {WINDOW(0, 20), GET(20), MAP(0, 10, 0), FILL(0, 10), MAP(0, 10, 10), EXPECT_ZERO(0, 10),
      MAP(5, 8, 2)},
     give_all},
    {"frames change places",
     "",
     {WINDOW(0, 20), GET(8), MAP(0, 7, 0), FILL(0, 7), MAP(0, 7, 1), MAP(0, 7, 0), EXPECT(0, 7)},
     give_all},
    {"scattered",
     "MapUserPhysicalPagesScatter NtMapUserPhysicalPagesScatter",
     {WINDOW(0, 16),
      WINDOW(16, 16),
      GET(10),
      SCATTER(1, 10, 9),
      FILL(1, 1),
      {do_scatter, 3, 4, MOST, 1, 0},
      {do_scatter, 1, 10, 9, 1, 0},
      EXPECT(1, 1),
      {do_scatter, 0, 4, 9, 0, OF_WIN32(ERROR_INVALID_PARAMETER)}},
     give_all},
    {"freed while shown",
     "",
     {WINDOW(0, 16), WINDOW(16, 16), GET(3), MAP(14, 2, 0), MAP(16, 1, 2), FILL(14, 3), GIVE(3)},
     give_all},
    {"a window goes while frames are shown",
     "",
     {WINDOW(0, 16), GET(6), MAP(2, 3, 0), SCATTER(8, 3, 5), FILL(2, 3), RELEASE(0), WINDOW(0, 16),
      MAP(2, 3, 0), EXPECT(2, 3)},
     give_all},
    {"a window where memory was",
     "",
     {BOTH(0, 16, PAGE_READWRITE), FILL(0, 16), RELEASE(0), WINDOW(0, 16), GET(2), MAP(3, 2, 0),
      EXPECT_ZERO(3, 2), RELEASE(0), BOTH(0, 16, PAGE_READWRITE), EXPECT_ZERO(0, 16)},
     give_all},
    {"a window is not memory",
     "",
     {WINDOW(0, 16),
      GET(1),
      MAP(0, 1, 0),
      {do_free, 0, 16, MEM_DECOMMIT, 0, STATUS_UNABLE_TO_FREE_VM},
      {do_allocate, 0, 1, MEM_COMMIT, PAGE_READWRITE, STATUS_CONFLICTING_ADDRESSES},
      {do_map, 0, 17, 0, 0, OF_WIN32(ERROR_INVALID_PARAMETER)},
      {do_query, 0, 16, MEM_RESERVE, 0, 0}},
     give_all},
    {0},
};
