/*
 * Keyed mutexes. Who takes one has to name its key, and says the next key when giving it back. It
 * belongs to no device; every process that knows its global handle may open it. All that they share
 * are numbers of the machine (gpu_fence_take), named by a record, and the contents of private data.
 *
 * pre, for all but keyed_read_data: kmt_lock
 */
#pragma once

#include "d3dkmt/sync.h"

/* Numbers of the machine. */
enum keyed_number {
    KEYED_RECORD, /* names the others; constant */
    KEYED_STATE,  /* who holds it (keyed.c) */
    KEYED_KEY,
    KEYED_FENCE, /* what the last release left for the next holder */
    KEYED_DATA,  /* name and size of the private data; 0: none */
    KEYED_NUMBERS
};

/* What this process has of one mutex; all its openings share it. */
struct keyed {
    struct keyed *next;
    uint32_t users;
    uint32_t numbers[KEYED_NUMBERS];
    bool nt;                /* made for NT handles */
    struct sync_core state; /* KEYED_STATE, as something to sleep on */
    void *data;             /* mapped; NULL: not yet, or there is none */
};

struct kmt_keyed_mutex {
    struct kmt_object object;
    struct keyed *keyed;
};

struct keyed_data {
    void *bytes; /* ours */
    uint32_t size;
};

/*
 * The private data that a call gives, malloc'd; nothing may be locked. STATUS_INVALID_PARAMETER: there
 * is a size alone; else as kmt_copy_data.
 */
NTSTATUS keyed_read_data(const void *bytes, uint32_t size, struct keyed_data *ret_data);
/* STATUS_NO_MEMORY */
NTSTATUS keyed_create(uint64_t key, bool nt, const struct keyed_data *data,
                      struct kmt_keyed_mutex **ret_mutex);
D3DKMT_HANDLE keyed_global(const struct keyed *keyed);
/*
 * Another opening; `data` becomes the private data if there is none. STATUS_INVALID_PARAMETER,
 * STATUS_NO_MEMORY.
 */
NTSTATUS keyed_open(D3DKMT_HANDLE global, const struct keyed_data *data,
                    struct kmt_keyed_mutex **ret_mutex);
/* One that it holds is abandoned. */
void keyed_close(struct kmt_keyed_mutex *mutex);
/*
 * STATUS_SUCCESS, STATUS_ABANDONED_WAIT_0: taken, and its last holder went without giving it back.
 * STATUS_TIMEOUT: somebody has it, or it has another key.
 */
NTSTATUS keyed_try(struct kmt_keyed_mutex *mutex, uint64_t key);
bool keyed_is_held_by(const struct kmt_keyed_mutex *mutex);
/* pre: held by it */
void keyed_release(struct kmt_keyed_mutex *mutex, uint64_t key, uint64_t fence);
uint64_t keyed_number(const struct keyed *keyed, enum keyed_number number);
/* The private data: NULL and size 0 when there is none; NULL and a size: no memory. */
const void *keyed_data(struct keyed *keyed, uint32_t *ret_size);
/* Replaces the private data from its beginning. pre: not more than there is */
NTSTATUS keyed_set_data(struct keyed *keyed, const struct keyed_data *data);

/* In the child of a fork: none is known. */
void keyed_begin_child(void);
