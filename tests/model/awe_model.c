/*
 * Address windowing extensions against two arrays: which frame a page of a window shows, and what a
 * frame contains. Random calls, some of them malformed on purpose; after each the answer, and what
 * the kernel lets be read of every page, must be what the arrays say. The seed is printed;
 * WINMEM_SEED sets it, WINMEM_ROUNDS how many calls.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>
#include "kernel32/face.h"
#include "memoryapi/awe.h"
#include "memoryapi/mm.h"

#define SELF    ((HANDLE)-1)
#define WINDOWS 3u
#define PAGES   40u /* of a window */
#define ALL     (WINDOWS * PAGES)
#define FRAMES  64u
#define NOWHERE ALL

struct frame {
    ULONG_PTR number; /* 0: not given */
    uint32_t place;   /* page, or NOWHERE */
    uint64_t value;   /* of its first eight bytes */
};

static struct frame frames[FRAMES];
static uint32_t shown[ALL]; /* by page: frame, or FRAMES */
static uint8_t *windows[WINDOWS];
static uint64_t state, round_number;

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "awe_model: round %lu, line %d: %s\n", round_number, __LINE__,         \
                    #condition);                                                                   \
            mm_space_dump(2);                                                                      \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static uint32_t below(uint32_t limit)
{
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)((state >> 33) % limit);
}

static uint8_t *address_of(uint32_t page)
{
    return windows[page / PAGES] + (uint64_t)(page % PAGES) * PAGE_SIZE;
}

static void reserve_window(uint32_t which)
{
    windows[which] =
        k32_VirtualAlloc(NULL, PAGES * PAGE_SIZE, MEM_RESERVE | MEM_PHYSICAL, PAGE_READWRITE);
    CHECK(windows[which]);
}

/* What the kernel has behind every page. */
static void compare(void)
{
    for (uint32_t page = 0; page < ALL; page++) {
        uint64_t value = 0;
        struct iovec local = {&value, 8}, remote = {address_of(page), 8};
        bool readable = process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == 8;
        CHECK(readable == (shown[page] < FRAMES));
        if (readable)
            CHECK(value == frames[shown[page]].value);
    }
    CHECK(awe_is_valid());
    if (round_number % 64 == 0)
        CHECK(mm_space_is_valid());
}

static void write_somewhere(void)
{
    uint32_t page = below(ALL);
    if (shown[page] == FRAMES)
        return;
    frames[shown[page]].value = state | 1;
    *(volatile uint64_t *)address_of(page) = state | 1;
}

static void get_frames(void)
{
    ULONG_PTR numbers[8], count = 1 + below(8), given = 0;
    uint32_t room = 0;
    for (uint32_t i = 0; i < FRAMES; i++)
        room += !frames[i].number;
    count = count < room ? count : room;
    given = count;
    CHECK(k32_AllocateUserPhysicalPages(SELF, &given, numbers));
    CHECK(given == count);
    for (uint32_t i = 0, at = 0; i < count; i++) {
        while (frames[at].number)
            at++;
        for (uint32_t j = 0; j < FRAMES; j++)
            CHECK(frames[j].number != numbers[i]);
        frames[at] = (struct frame){numbers[i], NOWHERE, 0};
    }
}

static void forget(struct frame *frame)
{
    if (frame->place != NOWHERE)
        shown[frame->place] = FRAMES;
    *frame = (struct frame){0, NOWHERE, 0};
}

/* Now and then a number that is not there, or one twice: what stands before it is freed. */
static void free_frames(void)
{
    uint32_t chosen[6], wanted = 1 + below(6), good = 0;
    ULONG_PTR numbers[6], count = wanted;
    bool stopped = false;
    for (uint32_t i = 0; i < wanted; i++) {
        chosen[i] = below(FRAMES);
        numbers[i] = frames[chosen[i]].number;
        if (!numbers[i] && below(3))
            numbers[i] = frames[chosen[i] = below(FRAMES)].number;
    }
    BOOL done = k32_FreeUserPhysicalPages(SELF, &count, numbers);
    for (uint32_t i = 0; i < wanted && !stopped; i++) {
        stopped = !frames[chosen[i]].number;
        if (stopped)
            break;
        forget(&frames[chosen[i]]);
        good++;
    }
    CHECK(count == good);
    CHECK(done == (good == wanted));
}

/* What a map call is to do: the pages, the frames (FRAMES: empty, or a number nobody has). */
struct call {
    uint32_t count;
    uint32_t pages[16], frames[16];
    ULONG_PTR numbers[16];
    bool emptying, scattered;
};

static bool foresee(const struct call *call)
{
    struct frame frames_after[FRAMES];
    uint32_t shown_after[ALL];
    memcpy(frames_after, frames, sizeof frames);
    memcpy(shown_after, shown, sizeof shown);
    for (uint32_t i = 0; i < call->count; i++) {
        uint32_t page = call->pages[i];
        for (uint32_t j = 0; j < i && !call->emptying; j++)
            if (call->pages[j] == page)
                return false;
        if (shown_after[page] < FRAMES)
            frames_after[shown_after[page]].place = NOWHERE;
        shown_after[page] = FRAMES;
    }
    for (uint32_t i = 0; i < call->count && !call->emptying; i++) {
        uint32_t frame = call->frames[i];
        if (call->numbers[i] == 0 && call->scattered)
            continue;
        if (frame == FRAMES || !frames[frame].number || frames_after[frame].place != NOWHERE)
            return false;
        frames_after[frame].place = call->pages[i];
        shown_after[call->pages[i]] = frame;
    }
    memcpy(frames, frames_after, sizeof frames);
    memcpy(shown, shown_after, sizeof shown);
    return true;
}

static void choose_frames(struct call *call)
{
    uint32_t first = below(FRAMES);
    bool follow = below(2);
    for (uint32_t i = 0; i < call->count; i++) {
        call->frames[i] = follow ? (first + i) % FRAMES : below(FRAMES);
        for (uint32_t tries = 0; tries < 8 && !follow; tries++) /* mostly one that is free */
            if (!frames[call->frames[i]].number || frames[call->frames[i]].place != NOWHERE)
                call->frames[i] = below(FRAMES);
        call->numbers[i] = frames[call->frames[i]].number;
        if (call->scattered && !below(6))
            call->numbers[i] = 0;
        if (!below(100)) {
            call->frames[i] = FRAMES;
            call->numbers[i] = 0x7FFFFF00u + below(9);
        }
    }
}

static void map(void)
{
    struct call call = {.count = 1 + below(16), .emptying = !below(4), .scattered = below(2)};
    void *addresses[16];
    uint32_t first = below(WINDOWS) * PAGES + below(PAGES - call.count);
    for (uint32_t i = 0; i < call.count; i++) {
        call.pages[i] = call.scattered ? below(ALL) : first + i;
        addresses[i] = address_of(call.pages[i]) + below(PAGE_SIZE);
    }
    choose_frames(&call);
    ULONG_PTR *numbers = call.emptying ? NULL : call.numbers;
    BOOL done = call.scattered ? k32_MapUserPhysicalPagesScatter(addresses, call.count, numbers)
                               : k32_MapUserPhysicalPages(addresses[0], call.count, numbers);
    CHECK(done == foresee(&call));
}

static void renew_window(void)
{
    uint32_t which = below(WINDOWS);
    CHECK(k32_VirtualFree(windows[which], 0, MEM_RELEASE));
    for (uint32_t page = which * PAGES; page < (which + 1) * PAGES; page++) {
        if (shown[page] < FRAMES)
            frames[shown[page]].place = NOWHERE;
        shown[page] = FRAMES;
    }
    reserve_window(which);
}

int main(void)
{
    const char *seed = getenv("WINMEM_SEED"), *rounds = getenv("WINMEM_ROUNDS");
    uint64_t count = rounds ? strtoull(rounds, NULL, 0) : 3000, right = 0;
    state = seed ? strtoull(seed, NULL, 0) : (uint64_t)time(NULL) * 2654435761u;
    printf("awe_model: seed %lu\n", state);
    fflush(stdout);
    setenv("WINMEM_PRIVILEGES", "SeLockMemoryPrivilege", 1);
    for (uint32_t page = 0; page < ALL; page++)
        shown[page] = FRAMES;
    for (uint32_t i = 0; i < FRAMES; i++)
        frames[i].place = NOWHERE;
    for (uint32_t which = 0; which < WINDOWS; which++)
        reserve_window(which);
    for (round_number = 1; round_number <= count; round_number++) {
        switch (below(12)) {
        case 0:
        case 1:
            get_frames();
            break;
        case 2:
            free_frames();
            break;
        case 3:
            if (!below(4))
                renew_window();
            break;
        case 4:
        case 5:
        case 6:
            write_somewhere();
            break;
        default:
            map();
        }
        compare();
        for (uint32_t i = 0; i < FRAMES; i++)
            right += frames[i].place != NOWHERE;
    }
    printf("awe_model: %lu calls, %lu pages shown on average\n", count, right / count);
    return right / count < 3; /* a model that shows nothing proves nothing */
}
