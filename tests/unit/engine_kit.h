/* A simulated machine in plain memory, for tests of the engine: processes are views of it. */
#pragma once

#include <check.h>
#include <string.h>
#include <sys/mman.h>
#include "d3dkmt/plan.h"
#include "d3dkmt/vidmm.h"

#define KIT_PROCESSES 5u /* 1 to 4 */
#define KIT_NORMAL    0x78000000u
#define KIT_LOCAL     (1u << VID_LOCAL)
#define KIT_NONLOCAL  (1u << VID_NONLOCAL)
#define KIT_BOTH      (KIT_LOCAL | KIT_NONLOCAL)
#define KIB           1024ull
#define MIB           (1024 * KIB)

static struct vid_machine *kit_machine;
static struct vidmm kit_views[KIT_PROCESSES];
static struct vid_paging kit_paging;
static uint64_t kit_missing;

/* Memory that is all zero and, mostly, never touched. */
static inline struct vid_machine *kit_memory(const struct vid_plan *plan, int sharing)
{
    void *memory = mmap(NULL, vid_machine_size(plan), PROT_READ | PROT_WRITE,
                        sharing | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    ck_assert_ptr_ne(memory, MAP_FAILED);
    return memory;
}

static inline void kit_see(struct vid_machine *machine)
{
    kit_machine = machine;
    for (unsigned p = 1; p < KIT_PROCESSES; p++)
        vidmm_see(&kit_views[p], machine, 0, (uint16_t)p);
}

/* Processes 1 and 2 have a device each. */
static inline void kit_make(const char *text)
{
    struct vid_plan plan;
    struct vid_plan_wrong wrong;
    struct vid_machine *machine;
    ck_assert(vid_plan_parse(text, &plan, &wrong));
    machine = kit_memory(&plan, MAP_PRIVATE);
    ck_assert(vid_machine_make(machine, &plan));
    kit_see(machine);
    vidmm_add_device(&kit_views[1]);
    vidmm_add_device(&kit_views[2]);
}

static inline void kit_free(void)
{
    ck_assert(vidmm_is_valid(&kit_views[1], 2));
    munmap(kit_machine, kit_machine->size);
}

static inline struct vid_allocation *kit_of(uint32_t opening)
{
    return vidmm_of(&kit_views[1], opening);
}

static inline uint32_t kit_create(unsigned process, uint64_t size, uint8_t wanted, uint8_t allowed)
{
    struct vid_wish wish = {
        .size = size, .priority = KIT_NORMAL, .wanted = wanted, .allowed = allowed};
    uint32_t opening = VID_NONE;
    ck_assert_int_eq(vidmm_create(&kit_views[process], &wish, &opening), STATUS_SUCCESS);
    ck_assert_uint_ne(opening, VID_NONE);
    return opening;
}

static inline uint32_t kit_open(unsigned process, uint32_t other)
{
    uint32_t opening = VID_NONE;
    ck_assert_int_eq(
        vidmm_open(&kit_views[process], kit_views[1].openings[other].allocation, 1, &opening),
        STATUS_SUCCESS);
    return opening;
}

static inline NTSTATUS kit_resident(unsigned process, uint32_t opening, unsigned flags)
{
    return vidmm_make_resident(&kit_views[process], &opening, 1, flags, &kit_paging, &kit_missing);
}

/* A new one of local memory, held. */
static inline uint32_t kit_held(unsigned process, uint64_t size)
{
    uint32_t opening = kit_create(process, size, VID_LOCAL, KIT_LOCAL);
    ck_assert_int_eq(kit_resident(process, opening, VIDMM_OVER_BUDGET), STATUS_SUCCESS);
    ck_assert_uint_eq(kit_of(opening)->place, VID_LOCAL);
    return opening;
}

/* A new one of local memory, resident without references. */
static inline uint32_t kit_idle(unsigned process, uint64_t size)
{
    uint32_t opening = kit_create(process, size, VID_LOCAL, KIT_LOCAL);
    ck_assert_int_eq(vidmm_use(&kit_views[process], opening, &kit_paging), STATUS_SUCCESS);
    return opening;
}

/* A new one of local memory, offered while it was held. */
static inline uint32_t kit_offered(unsigned process, uint64_t size, uint32_t priority)
{
    uint32_t opening = kit_held(process, size);
    ck_assert_int_eq(vidmm_offer(&kit_views[process], opening, priority, false), STATUS_SUCCESS);
    return opening;
}

/* Offers what was not offered yet, and its contents are lost. */
static inline void kit_lose(unsigned process, uint32_t opening)
{
    const struct vidmm *mm = &kit_views[process];
    ck_assert_int_eq(vidmm_offer(mm, opening, 1, false), STATUS_SUCCESS);
    vidmm_lose(mm, mm->openings[opening].allocation);
}
