/* Physical pages, and the windows that show them. */
#include "faces.h"
#include "memoryapi/awe.h"
#include "memoryapi/mm.h"
#include "tests/fault/scenario.h"

#define THIS_PROCESS ((HANDLE)(intptr_t)-1)
#define MOST         64u

static ULONG_PTR frames[MOST];
static ULONG_PTR frame_count; /* that the scenario has */

static void *place(const struct step *step)
{
    return (void *)step_start(step);
}

/* The calls that give frames. */
enum { PLAIN, NUMA, EXTENDED, NATIVE, NATIVE_EXTENDED };

static NTSTATUS call_allocate(unsigned which, ULONG_PTR *count, ULONG_PTR *array)
{
    switch (which) {
    case PLAIN:
        return of_bool(k32_AllocateUserPhysicalPages(THIS_PROCESS, count, array));
    case NUMA:
        return of_bool(k32_AllocateUserPhysicalPagesNuma(THIS_PROCESS, count, array, 0));
    case EXTENDED:
        return of_bool(k32_AllocateUserPhysicalPages2(THIS_PROCESS, count, array, NULL, 0));
    case NATIVE:
        return nt_NtAllocateUserPhysicalPages(THIS_PROCESS, count, array);
    default:
        return nt_NtAllocateUserPhysicalPagesEx(THIS_PROCESS, count, array, NULL, 0);
    }
}

/* `count` more frames, by the call `a`. Fewer than that is a success of the call, not of the step. */
static NTSTATUS do_frames(const struct step *step)
{
    ULONG_PTR got = step->count;
    NTSTATUS status = call_allocate(step->a, &got, frames + frame_count);
    if (status != STATUS_SUCCESS)
        return status;
    CHECK(got <= step->count);
    if (got < step->count) {
        CHECK(k32_FreeUserPhysicalPages(THIS_PROCESS, &got, frames + frame_count));
        return STATUS_NO_MEMORY;
    }
    frame_count += got;
    return STATUS_SUCCESS;
}

/* The last `count` frames; what is freed before a failure stays so. `a`: the native call. */
static NTSTATUS do_free_frames(const struct step *step)
{
    ULONG_PTR done = step->count;
    NTSTATUS status;
    CHECK(step->count <= frame_count);
    ULONG_PTR *first = frames + frame_count - step->count;
    status = step->a ? nt_NtFreeUserPhysicalPages(THIS_PROCESS, &done, first)
                     : of_bool(k32_FreeUserPhysicalPages(THIS_PROCESS, &done, first));
    CHECK((status == STATUS_SUCCESS) == (done == step->count));
    if (status == STATUS_SUCCESS)
        frame_count -= step->count;
    return status;
}

/* Shows frames from number `b` on at the pages; `a`: the native call. */
static NTSTATUS do_map(const struct step *step)
{
    return step->a ? nt_NtMapUserPhysicalPages(place(step), step->count, frames + step->b)
                   : of_bool(k32_MapUserPhysicalPages(place(step), step->count, frames + step->b));
}

static NTSTATUS do_unmap(const struct step *step)
{
    return of_bool(k32_MapUserPhysicalPages(place(step), step->count, NULL));
}

/* Every second page shows a frame, from number `b` on; `a`: the native call. */
static NTSTATUS do_scatter(const struct step *step)
{
    void *places[MOST];
    for (uint32_t i = 0; i < step->count; i++)
        places[i] = (char *)place(step) + (uint64_t)i * 2 * PAGE_SIZE;
    return step->a
               ? nt_NtMapUserPhysicalPagesScatter(places, step->count, frames + step->b)
               : of_bool(k32_MapUserPhysicalPagesScatter(places, step->count, frames + step->b));
}

static void free_all_frames(void)
{
    ULONG_PTR count = frame_count;
    CHECK(count == 0 || k32_FreeUserPhysicalPages(THIS_PROCESS, &count, frames));
    frame_count = 0;
    CHECK(awe_is_valid());
}

#define WINDOW(page, count)                                                                        \
    {                                                                                              \
        do_allocate, page, count, MEM_RESERVE | MEM_PHYSICAL, PAGE_READWRITE, 0                    \
    }
#define FRAMES(count)                                                                              \
    {                                                                                              \
        do_frames, 0, count, PLAIN, 0, 0                                                           \
    }

const struct scenario frames_scenarios[] = {
    {"frames, given and taken back",
     "AllocateUserPhysicalPages FreeUserPhysicalPages",
     {FRAMES(16), {do_free_frames, 0, 16, 0, 0, 0}},
     free_all_frames},
    {"frames by each call",
     "AllocateUserPhysicalPagesNuma AllocateUserPhysicalPages2 NtAllocateUserPhysicalPages "
     "NtAllocateUserPhysicalPagesEx NtFreeUserPhysicalPages",
     {{do_frames, 0, 4, NUMA, 0, 0},
      {do_frames, 0, 4, EXTENDED, 0, 0},
      {do_frames, 0, 4, NATIVE, 0, 0},
      {do_frames, 0, 4, NATIVE_EXTENDED, 0, 0},
      {do_free_frames, 0, 4, 1, 0, 0}},
     free_all_frames},
    {"a window, never mapped to", "", {WINDOW(0, 64), RELEASE(0)}, free_all_frames},
    {"a window cannot be committed",
     "",
     {WINDOW(0, 64), {do_allocate, 0, 4, MEM_COMMIT, PAGE_READWRITE, STATUS_CONFLICTING_ADDRESSES}},
     free_all_frames},
    {"frames shown, hidden, shown elsewhere",
     "MapUserPhysicalPages",
     {WINDOW(0, 64),
      FRAMES(16),
      {do_map, 0, 16, 0, 0, 0},
      FILL(0, 16),
      {do_unmap, 4, 8, 0, 0, 0},
      {do_map, 32, 8, 0, 4, 0},
      EXPECT(0, 4),
      {do_unmap, 0, 64, 0, 0, 0}},
     free_all_frames},
    {"frames shown over others",
     "NtMapUserPhysicalPages",
     {WINDOW(0, 32),
      FRAMES(16),
      {do_map, 0, 8, 1, 0, 0},
      FILL(0, 8),
      {do_map, 4, 8, 1, 8, 0},
      EXPECT(0, 4),
      FILL(4, 8),
      EXPECT(0, 12)},
     free_all_frames},
    {"frames scattered",
     "MapUserPhysicalPagesScatter NtMapUserPhysicalPagesScatter",
     {WINDOW(0, 64), FRAMES(16), {do_scatter, 0, 8, 0, 0, 0}, {do_scatter, 32, 8, 1, 8, 0}},
     free_all_frames},
    {"a window goes with frames in it",
     "",
     {WINDOW(0, 64), FRAMES(16), {do_map, 8, 16, 0, 0, 0}, FILL(8, 16), RELEASE(0)},
     free_all_frames},
    {"frames are freed while shown",
     "",
     {WINDOW(0, 64), FRAMES(16), {do_map, 8, 16, 0, 0, 0}, {do_free_frames, 0, 16, 0, 0, 0}},
     free_all_frames,
     .partial = true},
    {0},
};
