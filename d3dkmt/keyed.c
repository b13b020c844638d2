/* Keyed mutexes: numbers that processes share. */
#include "d3dkmt/keyed.h"

#include <stdlib.h>
#include <string.h>
#include "d3dkmt/clock.h"
#include "d3dkmt/state.h"

/*
 * The state: 0 free; else the holder: its process in bits 32 to 47 with the generation of that in the
 * 15 above, its handle below. The process may have died.
 */
#define ABANDONED        (1ull << 63)
#define STATE_PROCESS    32
#define STATE_GENERATION 48

/* The record: 14 bits for each of the other numbers, 1 for NT handles, 7 of mark at the top. */
#define RECORD_MARK   0x66ull
#define RECORD_MARKED 57
#define RECORD_NT     56
#define RECORD_BITS   VID_FENCE_BITS
#define RECORD_MASK   ((1u << RECORD_BITS) - 1)
_Static_assert((KEYED_NUMBERS - KEYED_STATE) * RECORD_BITS == RECORD_NT, "all numbers fit");

/* Global handles: as those of synchronisation objects (sync.c), but for their lowest bits. */
#define GLOBAL_MARK   0x80000000u
#define GLOBAL_FACTOR 64u
#define GLOBAL_LOW    6u

/* The private data: its name above its size. */
#define DATA_NAME 24
#define DATA_SIZE ((1ull << DATA_NAME) - 1)

static struct keyed *all; /* under kmt_lock */

static volatile uint64_t *at(const struct keyed *keyed, enum keyed_number number)
{
    return gpu_fence_value(keyed->numbers[number]);
}

uint64_t keyed_number(const struct keyed *keyed, enum keyed_number number)
{
    return __atomic_load_n(at(keyed, number), __ATOMIC_ACQUIRE);
}

D3DKMT_HANDLE keyed_global(const struct keyed *keyed)
{
    return GLOBAL_MARK | keyed->numbers[KEYED_RECORD] * GLOBAL_FACTOR | GLOBAL_LOW;
}

static void unref(struct keyed *keyed)
{
    struct keyed **link = &all;
    if (--keyed->users)
        return;
    while (*link != keyed)
        link = &(*link)->next;
    *link = keyed->next;
    uint64_t data = keyed_number(keyed, KEYED_DATA);
    if (keyed->data)
        share_contents_unmap(keyed->data);
    for (unsigned i = 0; i < KEYED_NUMBERS; i++)
        gpu_fence_give(keyed->numbers[i]);
    if (data && !gpu_fence_hold(keyed->numbers[KEYED_DATA]))
        share_contents_remove(data >> DATA_NAME); /* nobody else has it */
    else if (data)
        gpu_fence_give(keyed->numbers[KEYED_DATA]);
    free(keyed);
}

static struct keyed *add(const uint32_t *numbers, bool nt)
{
    struct keyed *keyed = calloc(1, sizeof *keyed);
    if (!keyed)
        return NULL;
    memcpy(keyed->numbers, numbers, sizeof keyed->numbers);
    keyed->users = 1;
    keyed->nt = nt;
    keyed->state.type = D3DDDI_FENCE;
    keyed->state.at = at(keyed, KEYED_STATE);
    keyed->state.fence = keyed->state.record = numbers[KEYED_STATE];
    keyed->next = all;
    all = keyed;
    return keyed;
}

/* Only one that had none. STATUS_NO_MEMORY */
static NTSTATUS give_data(struct keyed *keyed, const struct keyed_data *data)
{
    if (!data->size || keyed_number(keyed, KEYED_DATA))
        return STATUS_SUCCESS;
    uint64_t name = __atomic_add_fetch(&gpu_machine()->shares, 1, __ATOMIC_RELAXED), none = 0;
    void *mapped;
    NTSTATUS status = share_contents_create(name, data->size);
    if (status != STATUS_SUCCESS)
        return status;
    status = share_contents_map(name, data->size, &mapped);
    if (status == STATUS_SUCCESS) {
        memcpy(mapped, data->bytes, data->size);
        if (__atomic_compare_exchange_n(at(keyed, KEYED_DATA), &none,
                                        name << DATA_NAME | data->size, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_ACQUIRE)) {
            keyed->data = mapped;
            return STATUS_SUCCESS;
        }
        share_contents_unmap(mapped); /* somebody was faster */
    }
    share_contents_remove(name);
    return status;
}

const void *keyed_data(struct keyed *keyed, uint32_t *ret_size)
{
    uint64_t data = keyed_number(keyed, KEYED_DATA);
    *ret_size = data & DATA_SIZE;
    if (data && !keyed->data &&
        share_contents_map(data >> DATA_NAME, data & DATA_SIZE, &keyed->data) != STATUS_SUCCESS)
        keyed->data = NULL;
    return keyed->data;
}

NTSTATUS keyed_set_data(struct keyed *keyed, const struct keyed_data *data)
{
    uint32_t size;
    if (!data->size)
        return STATUS_SUCCESS;
    if (!keyed_data(keyed, &size))
        return STATUS_NO_MEMORY;
    memcpy(keyed->data, data->bytes, data->size);
    return STATUS_SUCCESS;
}

NTSTATUS keyed_read_data(const void *bytes, uint32_t size, struct keyed_data *ret_data)
{
    if (size && !bytes)
        return STATUS_INVALID_PARAMETER;
    ret_data->size = size;
    return kmt_copy_data(bytes, size, &ret_data->bytes);
}

/* An opening, with the reference to `keyed` that is given. */
static NTSTATUS make_opening(struct keyed *keyed, struct kmt_keyed_mutex **ret_mutex)
{
    struct kmt_keyed_mutex *mutex = calloc(1, sizeof *mutex);
    if (!mutex || !kmt_handle_create(&mutex->object, KMT_KEYED_MUTEX)) {
        free(mutex);
        unref(keyed);
        return STATUS_NO_MEMORY;
    }
    mutex->keyed = keyed;
    *ret_mutex = mutex;
    return STATUS_SUCCESS;
}

static NTSTATUS finish(struct keyed *keyed, const struct keyed_data *data,
                       struct kmt_keyed_mutex **ret_mutex)
{
    struct kmt_keyed_mutex *mutex;
    NTSTATUS status = make_opening(keyed, &mutex);
    if (status != STATUS_SUCCESS)
        return status;
    status = give_data(keyed, data); /* last: other processes see it at once */
    if (status != STATUS_SUCCESS) {
        keyed_close(mutex);
        return status;
    }
    *ret_mutex = mutex;
    return STATUS_SUCCESS;
}

NTSTATUS keyed_create(uint64_t key, bool nt, const struct keyed_data *data,
                      struct kmt_keyed_mutex **ret_mutex)
{
    uint32_t numbers[KEYED_NUMBERS];
    uint64_t record = RECORD_MARK << RECORD_MARKED | (uint64_t)nt << RECORD_NT;
    struct keyed *keyed = NULL;
    unsigned taken = 0;
    while (taken < KEYED_NUMBERS && (numbers[taken] = gpu_fence_take()) != VID_NONE)
        taken++;
    if (taken == KEYED_NUMBERS)
        keyed = add(numbers, nt);
    if (!keyed) {
        while (taken--)
            gpu_fence_give(numbers[taken]);
        return STATUS_NO_MEMORY;
    }
    for (unsigned i = KEYED_STATE; i < KEYED_NUMBERS; i++)
        record |= (uint64_t)numbers[i] << (i - KEYED_STATE) * RECORD_BITS;
    __atomic_store_n(at(keyed, KEYED_KEY), key, __ATOMIC_RELAXED);
    __atomic_store_n(at(keyed, KEYED_RECORD), record, __ATOMIC_RELEASE);
    return finish(keyed, data, ret_mutex);
}

/* What another process made. NULL: *ret_status tells why. */
static struct keyed *read_record(uint32_t record, NTSTATUS *ret_status)
{
    uint32_t numbers[KEYED_NUMBERS] = {record};
    struct keyed *keyed = NULL;
    unsigned held = 0;
    *ret_status = STATUS_INVALID_PARAMETER;
    if (!gpu_fence_hold(record))
        return NULL;
    uint64_t what = __atomic_load_n(gpu_fence_value(record), __ATOMIC_ACQUIRE);
    if (what >> RECORD_MARKED == RECORD_MARK)
        for (held = KEYED_STATE; held < KEYED_NUMBERS; held++) {
            numbers[held] = what >> (held - KEYED_STATE) * RECORD_BITS & RECORD_MASK;
            if (!gpu_fence_hold(numbers[held]))
                break;
        }
    if (held == KEYED_NUMBERS) {
        keyed = add(numbers, what >> RECORD_NT & 1);
        *ret_status = keyed ? STATUS_SUCCESS : STATUS_NO_MEMORY;
    }
    if (!keyed) {
        while (held-- > KEYED_STATE)
            gpu_fence_give(numbers[held]);
        gpu_fence_give(record);
    }
    return keyed;
}

NTSTATUS keyed_open(D3DKMT_HANDLE global, const struct keyed_data *data,
                    struct kmt_keyed_mutex **ret_mutex)
{
    uint32_t record = (global & ~GLOBAL_MARK) / GLOBAL_FACTOR;
    NTSTATUS status = STATUS_INVALID_PARAMETER;
    struct keyed *keyed = all;
    if (!record || global != (GLOBAL_MARK | record * GLOBAL_FACTOR | GLOBAL_LOW))
        return status;
    while (keyed && keyed->numbers[KEYED_RECORD] != record)
        keyed = keyed->next;
    if (keyed)
        keyed->users++;
    else
        keyed = read_record(record, &status);
    return keyed ? finish(keyed, data, ret_mutex) : status;
}

NTSTATUS keyed_name_for_nt(D3DKMT_HANDLE handle, D3DKMT_HANDLE *ret_name)
{
    const struct kmt_keyed_mutex *mutex = kmt_find(handle, KMT_KEYED_MUTEX);
    if (!mutex || !mutex->keyed->nt)
        return STATUS_INVALID_PARAMETER;
    *ret_name = keyed_global(mutex->keyed);
    return STATUS_SUCCESS;
}

static uint64_t process_part(uint16_t process)
{
    uint32_t generation = gpu_machine()->processes[process].generation;
    return (uint64_t)process << STATE_PROCESS | (generation & 0x7FFFull) << STATE_GENERATION;
}

static uint64_t holder(const struct kmt_keyed_mutex *mutex)
{
    return process_part(gpu_process()) | mutex->object.handle;
}

bool keyed_is_held_by(const struct kmt_keyed_mutex *mutex)
{
    return keyed_number(mutex->keyed, KEYED_STATE) == holder(mutex);
}

/* Free, with or without being told so. */
static bool is_free(uint64_t state)
{
    const struct vidmm *mm = gpu_adapter(0);
    uint16_t process = (uint16_t)(state >> STATE_PROCESS);
    if (!state || state & ABANDONED || process >= VID_PROCESSES)
        return true;
    return (state ^ process_part(process)) >> STATE_PROCESS ||
           (process != mm->process && mm->is_alive && !mm->is_alive(mm, process));
}

static void set_state(struct kmt_keyed_mutex *mutex, uint64_t state)
{
    __atomic_store_n(at(mutex->keyed, KEYED_STATE), state, __ATOMIC_RELEASE);
    sync_wake(&mutex->keyed->state);
}

NTSTATUS keyed_try(struct kmt_keyed_mutex *mutex, uint64_t key)
{
    uint64_t state = keyed_number(mutex->keyed, KEYED_STATE);
    if (!is_free(state) ||
        !__atomic_compare_exchange_n(at(mutex->keyed, KEYED_STATE), &state, holder(mutex), false,
                                     __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        return STATUS_TIMEOUT;
    if (keyed_number(mutex->keyed, KEYED_KEY) == key)
        return state ? STATUS_ABANDONED_WAIT_0 : STATUS_SUCCESS;
    set_state(mutex, state ? ABANDONED : 0);
    return STATUS_TIMEOUT;
}

void keyed_release(struct kmt_keyed_mutex *mutex, uint64_t key, uint64_t fence)
{
    __atomic_store_n(at(mutex->keyed, KEYED_KEY), key, __ATOMIC_RELAXED);
    __atomic_store_n(at(mutex->keyed, KEYED_FENCE), fence, __ATOMIC_RELAXED);
    set_state(mutex, 0);
}

void keyed_close(struct kmt_keyed_mutex *mutex)
{
    if (keyed_is_held_by(mutex))
        set_state(mutex, ABANDONED);
    kmt_handle_destroy(&mutex->object);
    unref(mutex->keyed);
    free(mutex);
}

void keyed_begin_child(void)
{
    all = NULL;
}
