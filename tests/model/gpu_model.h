/*
 * The video memory manager against a plain oracle (gpu_model.c tells how). The oracle is arrays that
 * are searched from end to end; each operation works on the engine and on them.
 */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "d3dkmt/vidmm.h"

#define PROCESSES 6u /* 1 to 5 */
#define THINGS    160u
#define HANDLES   220u
#define LIST      12u

struct thing { /* an allocation */
    uint64_t size, age;
    uint32_t index, priority;
    unsigned owner, place, wanted, allowed, offered;
    bool live, lost, decommit, decommitted, written;
};

struct handle { /* an opening */
    uint32_t opening;
    unsigned process, thing;
    uint32_t references, locks;
    bool live;
};

struct member { /* a process */
    unsigned devices;
    bool background;
    uint64_t reservation[VID_PLACES], budget[VID_PLACES], trims, trim;
};

/* gpu_oracle.c */
extern struct thing things[THINGS];
extern struct handle handles[HANDLES];
extern struct member members[PROCESSES];
extern uint64_t size_of[VID_PLACES], page_of[VID_PLACES], pressure[VID_PLACES]; /* by place */
extern uint64_t age, attempts;
extern bool dead[PROCESSES];
extern bool planned[THINGS]; /* the operation that runs has them: they are nobody's victims */

struct outlook {
    int64_t room[VID_PLACES], others[VID_PLACES];
    uint64_t coming[PROCESSES][VID_PLACES];
};

uint64_t oracle_cost(const struct thing *thing, unsigned place);
uint64_t oracle_references(const struct thing *thing);
/* offered: 1, held: 2, idle: 3, demoted: 4, else 0 */
unsigned oracle_kind(const struct thing *thing);
/* Those with the same number stand in the same order of age. */
uint64_t oracle_queue(const struct thing *thing);
void oracle_grow_old(struct thing *thing, uint64_t queue_before, bool used);
uint64_t oracle_held(unsigned process, unsigned place);
/* Free bytes; below 0 when pressure came over what is placed. */
int64_t oracle_free_bytes(unsigned place);
int64_t oracle_to_be_had(unsigned place);
int64_t oracle_of_others(unsigned process, unsigned place, bool all);
bool oracle_goes_before(const struct thing *a, const struct thing *b, unsigned rule);
struct thing *oracle_victim(unsigned process, unsigned place, unsigned last_rule);
void oracle_lose(struct thing *thing);
void oracle_put_out(struct thing *thing);
void oracle_goes(struct thing *thing);
void oracle_make_room(unsigned process, unsigned place, uint64_t bytes, bool must);
void oracle_look(struct outlook *outlook, unsigned flags);
bool oracle_affords(const struct outlook *outlook, const struct thing *thing, unsigned place);
unsigned oracle_where(const struct outlook *outlook, const struct thing *thing, unsigned flags);
void oracle_come(struct thing *thing, unsigned place, unsigned flags);
bool oracle_bring_in(struct thing *thing, unsigned flags);
void oracle_share(void);
void compare_thing(const struct thing *thing);
void compare_sums(void);

/* gpu_model.c */
extern struct vidmm views[PROCESSES];
extern const struct vidmm *mm; /* who asks */
extern struct vid_paging paging, expected_paging;
extern uint64_t counts[32]; /* operations by number; the last two: residency made, refused */
__attribute__((noreturn)) void failed(int line, const char *condition);
uint32_t below(uint32_t limit);

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            failed(__LINE__, #condition);                                                          \
    } while (0)

/* gpu_model_life.c */
int random_handle(bool own);
void close_handle(unsigned h, bool ages);

/* The operations. */
void try_create(void);
void try_open(void);
void try_close(void);
void try_priority(void);
void try_places(void);
void try_lock(void);
void try_unlock(void);
void try_make_resident(void);
void try_evict(void);
void try_use(void);
/* pre: fewer things than misses that end it */
void try_restore(void);
void try_offer(void);
void try_reclaim(void);
void try_decommit(void);
void try_discard(void);
