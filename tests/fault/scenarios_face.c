/* The exported functions, at the faces that the gates call. */
#include "faces.h"
#include "memoryapi/mm.h"
#include "tests/fault/scenario.h"

#define RW PAGE_READWRITE
#define RO PAGE_READONLY
#define RC (MEM_RESERVE | MEM_COMMIT)

#define THIS_PROCESS ((HANDLE)(intptr_t)-1)

static void *place(const struct step *step)
{
    return (void *)step_start(step);
}

static NTSTATUS do_VirtualAlloc(const struct step *step)
{
    void *got = k32_VirtualAlloc(place(step), step_size(step), step->a, step->b);
    CHECK(!got || got == place(step));
    return of_bool(got != NULL);
}

static NTSTATUS do_VirtualAllocEx(const struct step *step)
{
    void *got = k32_VirtualAllocEx(THIS_PROCESS, place(step), step_size(step), step->a, step->b);
    CHECK(!got || got == place(step));
    return of_bool(got != NULL);
}

static NTSTATUS do_VirtualFree(const struct step *step)
{
    return of_bool(k32_VirtualFree(place(step), step_size(step), step->a));
}

static NTSTATUS do_VirtualFreeEx(const struct step *step)
{
    return of_bool(k32_VirtualFreeEx(THIS_PROCESS, place(step), step_size(step), step->a));
}

static NTSTATUS do_VirtualProtect(const struct step *step)
{
    DWORD old = 0xABCD;
    BOOL done = k32_VirtualProtect(place(step), step_size(step), step->a, &old);
    CHECK(old == (done ? step->b : 0xABCD));
    return of_bool(done);
}

static NTSTATUS do_VirtualProtectEx(const struct step *step)
{
    DWORD old = 0xABCD;
    BOOL done = k32_VirtualProtectEx(THIS_PROCESS, place(step), step_size(step), step->a, &old);
    CHECK(old == (done ? step->b : 0xABCD));
    return of_bool(done);
}

static NTSTATUS do_VirtualQuery(const struct step *step)
{
    MEMORY_BASIC_INFORMATION one = {0}, other = {0};
    CHECK(k32_VirtualQuery(place(step), &one, sizeof one) == sizeof one);
    CHECK(k32_VirtualQueryEx(THIS_PROCESS, place(step), &other, sizeof other) == sizeof other);
    CHECK(one.State == step->a && one.Protect == step->b && one.RegionSize == step_size(step));
    CHECK(other.State == one.State && other.RegionSize == one.RegionSize);
    return STATUS_SUCCESS;
}

static NTSTATUS do_OfferVirtualMemory(const struct step *step)
{
    return of_code(k32_OfferVirtualMemory(place(step), step_size(step), (OFFER_PRIORITY)step->a));
}

static NTSTATUS do_ReclaimVirtualMemory(const struct step *step)
{
    return of_code(k32_ReclaimVirtualMemory(place(step), step_size(step)));
}

static NTSTATUS do_DiscardVirtualMemory(const struct step *step)
{
    return of_code(k32_DiscardVirtualMemory(place(step), step_size(step)));
}

static NTSTATUS do_NtAllocate(const struct step *step)
{
    void *base = place(step);
    SIZE_T size = step_size(step);
    NTSTATUS status = nt_NtAllocateVirtualMemory(THIS_PROCESS, &base, 0, &size, step->a, step->b);
    CHECK(base == place(step) && size == step_size(step));
    return status;
}

static NTSTATUS do_NtFree(const struct step *step)
{
    void *base = place(step);
    SIZE_T size = step_size(step);
    NTSTATUS status = nt_NtFreeVirtualMemory(THIS_PROCESS, &base, &size, step->a);
    CHECK(base == place(step) && (status == STATUS_SUCCESS || size == step_size(step)));
    return status;
}

static NTSTATUS do_NtProtect(const struct step *step)
{
    void *base = place(step);
    SIZE_T size = step_size(step);
    ULONG old = 0xABCD;
    NTSTATUS status = nt_NtProtectVirtualMemory(THIS_PROCESS, &base, &size, step->a, &old);
    CHECK(base == place(step) && size == step_size(step));
    CHECK(old == (status == STATUS_SUCCESS ? step->b : 0xABCD));
    return status;
}

static NTSTATUS do_NtQuery(const struct step *step)
{
    MEMORY_BASIC_INFORMATION info = {0};
    SIZE_T length = 0;
    NTSTATUS status =
        nt_NtQueryVirtualMemory(THIS_PROCESS, place(step), 0, &info, sizeof info, &length);
    CHECK(status == STATUS_SUCCESS && length == sizeof info);
    CHECK(info.State == step->a && info.Protect == step->b && info.RegionSize == step_size(step));
    return status;
}

/* Page to page, from `page` to `a`. */
static NTSTATUS do_NtCopy(const struct step *step)
{
    uint64_t buffer = 0;
    SIZE_T done = 0;
    NTSTATUS status = nt_NtReadVirtualMemory(THIS_PROCESS, place(step), &buffer, 8, &done);
    if (status != STATUS_SUCCESS)
        return status;
    CHECK(done == 8);
    return nt_NtWriteVirtualMemory(THIS_PROCESS, (void *)(world + (uint64_t)step->a * PAGE_SIZE),
                                   &buffer, 8, &done);
}

const struct scenario face_scenarios[] = {
    {"VirtualAlloc, VirtualProtect, VirtualFree",
     "VirtualAlloc VirtualProtect VirtualFree VirtualQuery VirtualQueryEx",
     {{do_VirtualAlloc, 0, 64, MEM_RESERVE, RW, 0},
      {do_VirtualAlloc, 8, 16, MEM_COMMIT, RW, 0},
      FILL(8, 16),
      {do_VirtualProtect, 10, 4, RO, RW, 0},
      {do_VirtualQuery, 10, 4, MEM_COMMIT, RO, 0},
      {do_VirtualFree, 8, 4, MEM_DECOMMIT, 0, 0},
      EXPECT(12, 12),
      {do_VirtualFree, 0, 0, MEM_RELEASE, 0, 0},
      {do_VirtualAlloc, 0, 64, RC, RO, 0}}},
    {"the calls with a process",
     "VirtualAllocEx VirtualProtectEx VirtualFreeEx",
     {{do_VirtualAllocEx, 0, 64, RC, RW, 0},
      FILL(0, 64),
      {do_VirtualProtectEx, 3, 5, PAGE_EXECUTE_READ, RW, 0},
      {do_VirtualFreeEx, 3, 2, MEM_DECOMMIT, 0, 0},
      {do_VirtualFreeEx, 0, 0, MEM_RELEASE, 0, 0}}},
    {"offer, reclaim, discard",
     "OfferVirtualMemory ReclaimVirtualMemory DiscardVirtualMemory",
     {BOTH(0, 32, RW),
      FILL(0, 32),
      {do_OfferVirtualMemory, 0, 16, 1, 0, 0},
      {do_ReclaimVirtualMemory, 0, 16, 0, 0, 0},
      EXPECT(0, 32),
      {do_DiscardVirtualMemory, 20, 4, 0, 0, 0}}},
    {"the native calls",
     "NtAllocateVirtualMemory NtFreeVirtualMemory NtProtectVirtualMemory NtQueryVirtualMemory",
     {{do_NtAllocate, 0, 64, MEM_RESERVE, RW, 0},
      {do_NtAllocate, 16, 32, MEM_COMMIT, RW, 0},
      FILL(16, 32),
      {do_NtProtect, 20, 2, RO, RW, 0},
      {do_NtQuery, 20, 2, MEM_COMMIT, RO, 0},
      {do_NtFree, 20, 4, MEM_DECOMMIT, 0, 0},
      EXPECT(24, 24),
      {do_NtFree, 0, 0, MEM_RELEASE, 0, 0}}},
    {"native copies",
     "NtReadVirtualMemory NtWriteVirtualMemory",
     {BOTH(0, 8, RW), FILL(0, 4), {do_NtCopy, 2, 1, 6, 0, 0}, {do_NtCopy, 3, 1, 7, 0, 0}}},
    {0},
};
