/* The engine's calls as steps (scenario.h). */
#include <stdlib.h>
#include "kernel32/face.h"
#include "memoryapi/guarded.h"
#include "memoryapi/mm.h"
#include "tests/fault/scenario.h"

NTSTATUS of_code(DWORD code)
{
    return code == ERROR_SUCCESS ? STATUS_SUCCESS : OF_WIN32(code);
}

NTSTATUS of_bool(BOOL result)
{
    return result ? STATUS_SUCCESS : OF_WIN32(last_error_get());
}

NTSTATUS do_allocate(const struct step *step)
{
    struct mm_request request = {
        .base = step_start(step), .size = step_size(step), .type = step->a, .protect = step->b};
    NTSTATUS status = mm_allocate(&request);
    CHECK(status != STATUS_SUCCESS || request.base <= step_start(step));
    return status;
}

NTSTATUS do_free(const struct step *step)
{
    uint64_t start = step_start(step), size = step_size(step);
    NTSTATUS status = mm_free(&start, &size, step->a);
    CHECK(status == STATUS_SUCCESS || (start == step_start(step) && size == step_size(step)));
    return status;
}

NTSTATUS do_protect(const struct step *step)
{
    uint64_t start = step_start(step), size = step_size(step);
    uint32_t old = 0xABCD;
    NTSTATUS status = mm_protect(&start, &size, step->a, &old);
    CHECK(old == (status == STATUS_SUCCESS ? step->b : 0xABCD));
    return status;
}

NTSTATUS do_query(const struct step *step)
{
    MEMORY_BASIC_INFORMATION info;
    NTSTATUS status = mm_query(step_start(step), &info);
    CHECK(status == STATUS_SUCCESS && info.State == step->a && info.Protect == step->b &&
          info.RegionSize == step_size(step));
    return status;
}

NTSTATUS do_offer(const struct step *step)
{
    NTSTATUS status;
    if (step->b)
        setenv("WINMEM_OFFER_DISCARD", "all", 1);
    status = mm_offer(step_start(step), step_size(step), step->a);
    if (step->b)
        unsetenv("WINMEM_OFFER_DISCARD");
    return status;
}

NTSTATUS do_reclaim(const struct step *step)
{
    bool discarded = !step->a;
    NTSTATUS status = mm_reclaim(step_start(step), step_size(step), &discarded);
    if (step->a != EITHER)
        CHECK(discarded == (status == STATUS_SUCCESS ? step->a : !step->a));
    return status;
}

NTSTATUS do_discard(const struct step *step)
{
    return mm_discard(step_start(step), step_size(step));
}

static uint64_t value_of(uint64_t page)
{
    return page * 0x0101010101010101u + 1;
}

NTSTATUS do_fill(const struct step *step)
{
    for (uint64_t i = 0; i < step->count; i++) {
        uint64_t value = value_of(step->page + i);
        if (!guarded_write((void *)(step_start(step) + i * PAGE_SIZE), &value, sizeof value))
            return STATUS_ACCESS_VIOLATION;
    }
    return STATUS_SUCCESS;
}

NTSTATUS do_expect(const struct step *step)
{
    for (uint64_t i = 0; i < step->count; i++) {
        uint64_t value = 0;
        if (!guarded_read((void *)(step_start(step) + i * PAGE_SIZE), &value, sizeof value))
            return STATUS_ACCESS_VIOLATION;
        if (step->a != EITHER || value != 0)
            CHECK(value == (step->a == 1 ? 0 : value_of(step->page + i)));
    }
    return STATUS_SUCCESS;
}

/* The exception as such looks the same as a refusal: what tells is that the guard is gone. */
NTSTATUS do_meet_guard(const struct step *step)
{
    MEMORY_BASIC_INFORMATION info;
    CHECK(!guarded_touch((void *)step_start(step)));
    CHECK(mm_query(step_start(step), &info) == STATUS_SUCCESS);
    return info.Protect & PAGE_GUARD ? STATUS_NO_MEMORY : STATUS_SUCCESS;
}
