/* A machine whose local memory has 32 pages: a budget of 15 for each of two processes. */
#pragma once

#include "memoryapi/base.h"
#include "tests/unit/engine_kit.h"
#include "tests/unit/suite.h"

#define ONE   (&kit_views[1])
#define TWO   (&kit_views[2])
#define THREE (&kit_views[3])
#define PAGE  (64 * KIB) /* of local memory */

static inline void setup(void)
{
    kit_make("adapter local=2M nonlocal=1M");
}

static inline uint64_t local_room(void)
{
    return segment_managers[VID_LOCAL]->room(&ONE->adapter->segments[VID_LOCAL]);
}

/* Leaves `pages` of local memory free, by pressure of which the budgets know nothing. */
static inline void fill(uint64_t pages)
{
    ONE->adapter->segments[VID_LOCAL].pressure += local_room() - pages * PAGE;
}

static inline uint32_t away(unsigned process, uint64_t pages)
{
    return kit_create(process, pages * PAGE, VID_LOCAL, KIT_LOCAL);
}

static inline bool is_lost(uint32_t opening)
{
    return vidmm_is_lost(ONE, opening);
}

/* A case of it. */
static inline TCase *rules_case(const char *name)
{
    TCase *tests = tcase_create(name);
    tcase_add_checked_fixture(tests, setup, kit_free);
    return tests;
}
