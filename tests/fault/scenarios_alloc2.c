/* The younger ways to allocate, at the faces: with extended parameters, a node, or for an app. */
#include "faces.h"
#include "memoryapi/mm.h"
#include "tests/fault/scenario.h"

#define RW           PAGE_READWRITE
#define RO           PAGE_READONLY
#define RC           (MEM_RESERVE | MEM_COMMIT)
#define THIS_PROCESS ((HANDLE)(intptr_t)-1)

static void *place(const struct step *step)
{
    return (void *)step_start(step);
}

static NTSTATUS of_place(const struct step *step, const void *got)
{
    CHECK(!got || got == place(step));
    return of_bool(got != NULL);
}

/* Of the node that there always is. */
static MEM_EXTENDED_PARAMETER node_zero(void)
{
    return (MEM_EXTENDED_PARAMETER){.Type = MemExtendedParameterNumaNode, .ULong64 = 0};
}

static NTSTATUS do_VirtualAlloc2(const struct step *step)
{
    MEM_EXTENDED_PARAMETER parameter = node_zero();
    return of_place(step, k32_VirtualAlloc2(NULL, place(step), step_size(step), step->a, step->b,
                                            &parameter, 1));
}

static NTSTATUS do_VirtualAlloc2FromApp(const struct step *step)
{
    return of_place(step, k32_VirtualAlloc2FromApp(NULL, place(step), step_size(step), step->a,
                                                   step->b, NULL, 0));
}

static NTSTATUS do_VirtualAllocFromApp(const struct step *step)
{
    return of_place(step, k32_VirtualAllocFromApp(place(step), step_size(step), step->a, step->b));
}

static NTSTATUS do_VirtualAllocExNuma(const struct step *step)
{
    return of_place(step, k32_VirtualAllocExNuma(THIS_PROCESS, place(step), step_size(step),
                                                 step->a, step->b, 0));
}

static NTSTATUS do_NtAllocateVirtualMemoryEx(const struct step *step)
{
    MEM_EXTENDED_PARAMETER parameter = node_zero();
    PVOID base = place(step);
    SIZE_T size = step_size(step);
    NTSTATUS status =
        nt_NtAllocateVirtualMemoryEx(THIS_PROCESS, &base, &size, step->a, step->b, &parameter, 1);
    CHECK(base == place(step) && size == step_size(step));
    return status;
}

/* From node 0 and from no other. */
static NTSTATUS do_mandatory(const struct step *step)
{
    struct mm_request request = {.base = step_start(step),
                                 .size = step_size(step),
                                 .type = step->a,
                                 .protect = step->b,
                                 .node = mm_node(0) | MM_NODE_MANDATORY};
    return mm_allocate(&request);
}

static NTSTATUS do_VirtualProtectFromApp(const struct step *step)
{
    ULONG old = 0xABCD;
    BOOL done = k32_VirtualProtectFromApp(place(step), step_size(step), step->a, &old);
    CHECK(old == (done ? step->b : 0xABCD));
    return of_bool(done);
}

const struct scenario alloc2_scenarios[] = {
    {"VirtualAlloc2",
     "VirtualAlloc2",
     {{do_VirtualAlloc2, 0, 64, MEM_RESERVE, RW, 0},
      {do_VirtualAlloc2, 4, 20, MEM_COMMIT, RW, 0},
      FILL(4, 20),
      {do_VirtualAlloc2, 64, 32, RC, RO, 0},
      EXPECT(4, 20),
      RELEASE(64)}},
    {"a node that is mandatory",
     "",
     {{do_mandatory, 0, 64, MEM_RESERVE, RW, 0},
      COMMIT(4, 20, RW),
      FILL(4, 20),
      COMMIT(0, 64, RW),
      {do_mandatory, 64, 700, RC, RO, 0},
      DECOMMIT(80, 600),
      COMMIT(80, 600, RW),
      EXPECT_ZERO(80, 600),
      EXPECT(4, 20),
      RELEASE(0),
      {do_mandatory, 0, 64, RC, RW, 0}}},
    {"VirtualAlloc2FromApp",
     "VirtualAlloc2FromApp",
     {{do_VirtualAlloc2FromApp, 0, 48, RC, RW, 0}, FILL(0, 48), EXPECT(0, 48)}},
    {"VirtualAllocFromApp and VirtualProtectFromApp",
     "VirtualAllocFromApp VirtualProtectFromApp",
     {{do_VirtualAllocFromApp, 0, 48, RC, RW, 0},
      FILL(0, 48),
      {do_VirtualProtectFromApp, 3, 5, RO, RW, 0},
      {do_VirtualProtectFromApp, 0, 16, PAGE_EXECUTE_READ, RW, 0},
      EXPECT(0, 48)}},
    {"VirtualAllocExNuma",
     "VirtualAllocExNuma",
     {{do_VirtualAllocExNuma, 0, 48, MEM_RESERVE, RW, 0},
      {do_VirtualAllocExNuma, 8, 30, MEM_COMMIT, RW, 0},
      FILL(8, 30),
      EXPECT(8, 30)}},
    {"NtAllocateVirtualMemoryEx",
     "NtAllocateVirtualMemoryEx",
     {{do_NtAllocateVirtualMemoryEx, 0, 48, RC, RO, 0},
      {do_NtAllocateVirtualMemoryEx, 0, 48, MEM_COMMIT, RW, 0},
      FILL(0, 48),
      EXPECT(0, 48)}},
    {0},
};
