/*
 * Thread-local and fibre-local storage. Slots below 64 lie in the TEB, where programs read them
 * without asking; the others in a block that is made when a thread first sets one. Which slots are
 * taken is process-wide.
 */
#include <stdlib.h>
#include <string.h>
#include "kernel32/face.h"
#include "kernel32/process/teb.h"
#include "kernel32/process/thread.h"
#include "memoryapi/futex.h"

#define TLS_SLOTS (TLS_MINIMUM + TLS_EXPANSION)
#define TLS_NONE  0xFFFFFFFFu /* TLS_OUT_OF_INDEXES, FLS_OUT_OF_INDEXES */
#define FLS_FIRST 1u          /* as on Windows, where slot 0 is never given out */

static struct {
    struct futex_lock lock;
    /* under lock */
    bool tls_taken[TLS_SLOTS], fls_taken[FLS_SLOTS];
    PFLS_CALLBACK_FUNCTION fls_callbacks[FLS_SLOTS];
} slots;

static DWORD take(bool *taken, DWORD first, DWORD count)
{
    for (DWORD i = first; i < count; i++)
        if (!taken[i]) {
            taken[i] = true;
            return i;
        }
    return TLS_NONE;
}

/* The place of a slot in one thread; NULL: never set. */
static void **place_of(struct teb *teb, DWORD index)
{
    if (index < TLS_MINIMUM)
        return &teb->tls_slots[index];
    return teb->tls_expansion ? &teb->tls_expansion[index - TLS_MINIMUM] : NULL;
}

static void clear_slot(struct thread *thread, void *context)
{
    void **place = thread->teb ? place_of(thread->teb, *(DWORD *)context) : NULL;
    if (place)
        *place = NULL;
}

DWORD k32_TlsAlloc(void)
{
    if (!thread_self()) {
        last_error_set(ERROR_NOT_SUPPORTED); /* the slots are in the TEB */
        return TLS_NONE;
    }
    futex_lock(&slots.lock);
    DWORD index = take(slots.tls_taken, 0, TLS_SLOTS);
    futex_unlock(&slots.lock);
    if (index == TLS_NONE)
        face_bool(STATUS_NO_MEMORY);
    else
        thread_for_each(clear_slot, &index);
    return index;
}

BOOL k32_TlsFree(DWORD dwTlsIndex)
{
    bool was = false;
    futex_lock(&slots.lock);
    if (dwTlsIndex < TLS_SLOTS) {
        was = slots.tls_taken[dwTlsIndex];
        slots.tls_taken[dwTlsIndex] = false;
    }
    futex_unlock(&slots.lock);
    if (!was)
        return face_bool(STATUS_INVALID_PARAMETER);
    thread_for_each(clear_slot, &dwTlsIndex);
    return TRUE;
}

LPVOID k32_TlsGetValue(DWORD dwTlsIndex)
{
    struct thread *thread = thread_self();
    if (dwTlsIndex >= TLS_SLOTS || !thread)
        return face_pointer(STATUS_INVALID_PARAMETER, NULL);
    void **place = place_of(thread->teb, dwTlsIndex);
    /* so that a NULL value can be told from a failure (sdk-api TlsGetValue) */
    last_error_set(ERROR_SUCCESS);
    return place ? *place : NULL;
}

BOOL k32_TlsSetValue(DWORD dwTlsIndex, LPVOID lpTlsValue)
{
    struct thread *thread = thread_self();
    if (dwTlsIndex >= TLS_SLOTS || !thread)
        return face_bool(STATUS_INVALID_PARAMETER);
    if (dwTlsIndex >= TLS_MINIMUM && !thread->teb->tls_expansion)
        thread->teb->tls_expansion = calloc(TLS_EXPANSION, sizeof(void *));
    void **place = place_of(thread->teb, dwTlsIndex);
    if (!place)
        return face_bool(STATUS_NO_MEMORY);
    *place = lpTlsValue;
    return TRUE;
}

static void call_back(PFLS_CALLBACK_FUNCTION callback, void *value)
{
    if (!callback || !value)
        return;
    uint32_t depth = gate_open();
    callback(value);
    gate_close(depth);
}

DWORD k32_FlsAlloc(PFLS_CALLBACK_FUNCTION lpCallback)
{
    futex_lock(&slots.lock);
    DWORD index = take(slots.fls_taken, FLS_FIRST, FLS_SLOTS);
    if (index != TLS_NONE)
        slots.fls_callbacks[index] = lpCallback;
    futex_unlock(&slots.lock);
    if (index == TLS_NONE)
        face_bool(STATUS_INVALID_PARAMETER);
    return index;
}

static bool fls_is_taken(DWORD index)
{
    return index >= FLS_FIRST && index < FLS_SLOTS &&
           __atomic_load_n(&slots.fls_taken[index], __ATOMIC_ACQUIRE);
}

struct collected {
    DWORD index;
    unsigned count;
    void *values[256];
};

static void collect_value(struct thread *thread, void *context)
{
    struct collected *collected = context;
    void *value = __atomic_exchange_n(&thread->fls[collected->index], NULL, __ATOMIC_ACQ_REL);
    if (value && collected->count < array_length(collected->values))
        collected->values[collected->count++] = value;
}

/*
 * The callback runs for every thread's value (sdk-api FlsFree), after the list of threads is let
 * go.
 */
BOOL k32_FlsFree(DWORD dwFlsIndex)
{
    struct collected collected = {.index = dwFlsIndex};
    if (!fls_is_taken(dwFlsIndex))
        return face_bool(STATUS_INVALID_PARAMETER);
    PFLS_CALLBACK_FUNCTION callback = slots.fls_callbacks[dwFlsIndex];
    do {
        collected.count = 0;
        thread_for_each(collect_value, &collected);
        for (unsigned i = 0; i < collected.count; i++)
            call_back(callback, collected.values[i]);
    } while (collected.count == array_length(collected.values));
    futex_lock(&slots.lock);
    slots.fls_taken[dwFlsIndex] = false;
    futex_unlock(&slots.lock);
    return TRUE;
}

PVOID k32_FlsGetValue(DWORD dwFlsIndex)
{
    struct thread *thread = thread_self();
    if (!thread || !fls_is_taken(dwFlsIndex))
        return face_pointer(STATUS_INVALID_PARAMETER, NULL);
    last_error_set(ERROR_SUCCESS);
    return thread->fls[dwFlsIndex];
}

BOOL k32_FlsSetValue(DWORD dwFlsIndex, PVOID lpFlsData)
{
    struct thread *thread = thread_self();
    if (!thread || !fls_is_taken(dwFlsIndex))
        return face_bool(STATUS_INVALID_PARAMETER);
    thread->fls[dwFlsIndex] = lpFlsData;
    return TRUE;
}

void tls_thread_ends(struct thread *thread)
{
    for (DWORD index = FLS_FIRST; index < FLS_SLOTS; index++) {
        void *value = __atomic_exchange_n(&thread->fls[index], NULL, __ATOMIC_ACQ_REL);
        if (fls_is_taken(index))
            call_back(slots.fls_callbacks[index], value);
    }
    free(thread->teb->tls_expansion);
    thread->teb->tls_expansion = NULL;
}
