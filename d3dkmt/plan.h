/*
 * The machine that is asked for: WINMEM_GPU, parsed. Numbers are plain, sizes take K, M, G, T, times
 * take ns, us, ms. Parts are separated by ';', words by spaces:
 *
 *     name=default seed=1; adapter local=8G nonlocal=16G
 *
 * Without an adapter it names a machine that is there; it is made as the default one when it is not.
 * A word stands once, of each adapter and of the machine.
 *
 * machine words   name=NAME (which machine: programs with the same one share it), seed=N
 * adapter words   local=SIZE nonlocal=SIZE (0: none)     local-bandwidth=SIZE nonlocal-bandwidth=SIZE
 *                 (bytes in a virtual second)             local-latency=TIME nonlocal-latency=TIME
 *                 name=TEXT vendor=N device=N              call=TIME (each call's virtual cost)
 *                 work=TIME (of work for the GPU that does not say how long it takes)
 *                 fail=SEED[:N] (one allocation in N fails) poison=0|1 (what lost memory reads as)
 *                 software=0|1 (whether the adapter says that no hardware is behind it)
 *                 icd=PATH (what a Windows program's Vulkan loader gets to load)
 */
#pragma once

#include "d3dkmt/machine.h"

struct vid_plan_segment {
    uint64_t size, bandwidth, latency;
};

struct vid_plan_adapter {
    char name[64];
    char icd[256];
    uint32_t vendor, device, software;
    struct vid_plan_segment segments[VID_PLACES];
    uint64_t call_cost, work_cost, fail_seed;
    uint32_t fail_one_in, poison;
};

struct vid_plan {
    char name[32];          /* letters, digits, '-', '_' */
    char description[1024]; /* what it was parsed from */
    uint64_t seed;
    uint32_t adapter_count;
    struct vid_plan_adapter adapters[VID_ADAPTERS];
};

/* What is wrong first: a word, an adapter without memory, or all of the text; and why. */
struct vid_plan_wrong {
    const char *at; /* in the text */
    size_t length;
    const char *why;
};
/* False: *ret_wrong tells why, and *ret_plan is undefined. */
bool vid_plan_parse(const char *text, struct vid_plan *ret_plan, struct vid_plan_wrong *ret_wrong);
extern const char vid_plan_default[];

/* machine.c: bytes of address space; pre of make: all zero, nobody else sees it. */
uint64_t vid_machine_size(const struct vid_plan *plan);
/* Of these, from the start, so many hold what is not in tables. */
uint64_t vid_machine_head(const struct vid_plan *plan);
bool vid_machine_make(struct vid_machine *machine, const struct vid_plan *plan);
/* Whether everything constant is as vid_machine_make makes it. The size is checked before. */
bool vid_machine_fits(const struct vid_machine *machine, const struct vid_plan *plan);
/*
 * Locks anew, and nobody there: no process, fence, allocation; no memory counts as behind the
 * tables. What was configured on the way stays. pre: it fits; nobody else uses it.
 */
bool vid_machine_renew(struct vid_machine *machine);
struct vidmm;
/* Adapter `index` of the machine for `process`; `back`, `is_alive` and `file` are the caller's to set. */
void vidmm_see(struct vidmm *mm, struct vid_machine *machine, uint32_t index, uint16_t process);
