/*
 * A scenario is a sequence of calls. It is run without a failure first, which says what each step
 * leaves behind; then again and again with the first, second, ... call to the host, and to the
 * allocator, failing. A step that fails must have changed nothing and must succeed when it is made
 * again; a step that copes must leave what the first run left.
 *
 * ADDING A FUNCTION: write its step (`static NTSTATUS do_thing(const struct step *step)`) and a
 * scenario that uses it, in the file of its family or a new one, which goes into the list of
 * runner.c. Steps answer with a status; a face's BOOL goes through of_bool().
 */
#pragma once

#include <stdint.h>
#include <winmem/windef.h>
#include "memoryapi/base.h"

#define WORLD_PAGES 1024u /* 4 MiB that every scenario may use; more than one stretch */
#define STEPS       12
#define EITHER      2 /* do_reclaim, do_expect: lost or not */

struct step {
    NTSTATUS (*call)(const struct step *step); /* NULL: the end */
    uint32_t page, count;                      /* of the world */
    uint32_t a, b;   /* a type, a protection, a priority, ...: what the step makes of them */
    NTSTATUS answer; /* without a failure */
};

struct scenario {
    const char *name;
    const char *functions; /* exported functions that it proves, with spaces between */
    struct step steps[STEPS];
    void (*after)(void); /* gives back what is not memory of the world, or NULL */
    bool remains;        /* some regions cannot be given back */
    bool partial;        /* what was done before the failure is documented to stay */
    bool watched;        /* starts a thread of the library that has files open */
    bool varies;         /* coping may end in something else that is good: no reference */
};

extern uint64_t world; /* address of its first page */

static inline uint64_t step_start(const struct step *step)
{
    return world + (uint64_t)step->page * PAGE_SIZE;
}

static inline uint64_t step_size(const struct step *step)
{
    return (uint64_t)step->count * PAGE_SIZE;
}

/* A Win32 code as the status of a step. */
#define OF_WIN32(code) ((NTSTATUS)(0x80070000u | (code)))
NTSTATUS of_bool(BOOL result); /* FALSE: the last error */
NTSTATUS of_code(DWORD code);

/* Ends the run with the scenario, the step and what failed. */
void scenario_broken(const char *condition, const char *file, int line) __attribute__((noreturn));
#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            scenario_broken(#condition, __FILE__, __LINE__);                                       \
    } while (0)

/* Steps of the engine. The comments name `a` and `b`. */
NTSTATUS do_allocate(const struct step *step);   /* type, protection */
NTSTATUS do_free(const struct step *step);       /* type; count 0: all of the region */
NTSTATUS do_protect(const struct step *step);    /* protection, old one */
NTSTATUS do_query(const struct step *step);      /* state, protection; the run has `count` pages */
NTSTATUS do_offer(const struct step *step);      /* priority; b: all of it is lost */
NTSTATUS do_reclaim(const struct step *step);    /* a: it was lost, or EITHER */
NTSTATUS do_discard(const struct step *step);    /* - */
NTSTATUS do_fill(const struct step *step);       /* every page gets its own value */
NTSTATUS do_expect(const struct step *step);     /* a 0: what do_fill wrote, 1: zeros, or EITHER */
NTSTATUS do_meet_guard(const struct step *step); /* touches a guard page, which is met once */

#define RESERVE(page, count)                                                                       \
    {                                                                                              \
        do_allocate, page, count, MEM_RESERVE, PAGE_READWRITE, 0                                   \
    }
#define COMMIT(page, count, access)                                                                \
    {                                                                                              \
        do_allocate, page, count, MEM_COMMIT, access, 0                                            \
    }
#define BOTH(page, count, access)                                                                  \
    {                                                                                              \
        do_allocate, page, count, MEM_RESERVE | MEM_COMMIT, access, 0                              \
    }
#define PROTECT(page, count, access, old)                                                          \
    {                                                                                              \
        do_protect, page, count, access, old, 0                                                    \
    }
#define DECOMMIT(page, count)                                                                      \
    {                                                                                              \
        do_free, page, count, MEM_DECOMMIT, 0, 0                                                   \
    }
#define RELEASE(page)                                                                              \
    {                                                                                              \
        do_free, page, 0, MEM_RELEASE, 0, 0                                                        \
    }
#define OFFER(page, count)                                                                         \
    {                                                                                              \
        do_offer, page, count, 2, 0, 0                                                             \
    }
#define RECLAIM(page, count)                                                                       \
    {                                                                                              \
        do_reclaim, page, count, 0, 0, 0                                                           \
    }
#define FILL(page, count)                                                                          \
    {                                                                                              \
        do_fill, page, count, 0, 0, 0                                                              \
    }
#define EXPECT(page, count)                                                                        \
    {                                                                                              \
        do_expect, page, count, 0, 0, 0                                                            \
    }
#define EXPECT_ZERO(page, count)                                                                   \
    {                                                                                              \
        do_expect, page, count, 1, 0, 0                                                            \
    }
