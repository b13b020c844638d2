/*
 * Calling libraries: when they come and go, and when threads do. Thread-local-storage callbacks
 * come before the entry point.
 */
#include "kernel32/loader/module.h"

#include "kernel32/process/thread.h"
#include "memoryapi/base.h"
#include "memoryapi/gate.h"
#include "memoryapi/guarded.h"

enum { PROCESS_DETACH, PROCESS_ATTACH, THREAD_ATTACH, THREAD_DETACH };
/* An array of callbacks longer than this is damaged. */
#define CALLBACK_LIMIT 1024

typedef __attribute__((ms_abi)) BOOL entry_point(PVOID module, DWORD reason, PVOID reserved);
typedef __attribute__((ms_abi)) void tls_callback(PVOID module, DWORD reason, PVOID reserved);

static void call_tls(struct module *module, DWORD reason, bool at_start)
{
    const uint64_t *callbacks = (const uint64_t *)(module->base + module->tls.callbacks_rva);
    uint64_t callback;
    if (!module->has_tls || !module->tls.callbacks_rva)
        return;
    for (unsigned i = 0;
         i < CALLBACK_LIMIT && guarded_read(callbacks + i, &callback, sizeof callback) && callback;
         i++) {
        uint32_t depth = gate_open();
        ((tls_callback *)callback)((PVOID)module->base, reason, (PVOID)(uint64_t)at_start);
        gate_close(depth);
    }
}

static bool call_entry(struct module *module, DWORD reason, bool at_start)
{
    if (module->is_program || !module->image || !module->image->entry)
        return true;
    uint32_t depth = gate_open();
    BOOL answer = ((entry_point *)(module->base + module->image->entry))(
        (PVOID)module->base, reason, (PVOID)(uint64_t)at_start);
    gate_close(depth);
    return answer;
}

bool attach_module(struct module *module, bool at_start)
{
    bool willing = true;
    if (module->attached || module->visited)
        return true;
    module->visited = true;
    for (unsigned i = 0; i < module->need_count && willing; i++)
        willing = attach_module(module->needs[i], at_start);
    module->visited = false;
    if (!willing)
        return false;
    module_began(module);
    module->attached = true;
    call_tls(module, PROCESS_ATTACH, at_start);
    if (call_entry(module, PROCESS_ATTACH, at_start))
        return true;
    /* a library that declines is told that it goes (sdk-api DllMain) */
    detach_module(module);
    return false;
}

void detach_module(struct module *module)
{
    if (!module->attached || !module->image)
        return;
    module->attached = false;
    call_entry(module, PROCESS_DETACH, false);
    call_tls(module, PROCESS_DETACH, false);
}

static bool has_to_know(const struct module *module)
{
    return module->image && ((module->has_tls && module->tls.callbacks_rva) ||
                             (!module->is_program && module->image->entry));
}

static void tell_exit(struct module *module, void *context)
{
    if (!module->attached || !has_to_know(module))
        return;
    call_entry(module, PROCESS_DETACH, true);
    call_tls(module, PROCESS_DETACH, true);
}

static void count(struct module *module, void *context)
{
    *(unsigned *)context += has_to_know(module);
}

/* The other threads are stopped first, as on Windows, but only when somebody is to be told. */
void detach_all(void)
{
    unsigned listeners = 0;
    module_for_each_begun(true, count, &listeners);
    if (!listeners)
        return;
    thread_stop_others();
    module_for_each_begun(true, tell_exit, NULL);
}

static void tell_thread(struct module *module, void *context)
{
    DWORD reason = *(const DWORD *)context;
    if (!module->attached || !has_to_know(module))
        return;
    if (reason == THREAD_DETACH && !module->quiet)
        call_entry(module, reason, false);
    call_tls(module, reason, false);
    if (reason == THREAD_ATTACH && !module->quiet)
        call_entry(module, reason, false);
}

static void on_thread(unsigned reason)
{
    DWORD what = reason;
    loader_lock();
    if (reason == THREAD_ATTACH && tls_static_thread() != STATUS_SUCCESS) {
        loader_unlock();
        thread_exit((uint32_t)STATUS_NO_MEMORY);
    }
    module_for_each_begun(reason == THREAD_DETACH, tell_thread, &what);
    if (reason == THREAD_DETACH)
        tls_static_thread_ends();
    loader_unlock();
}

void attach_init(void)
{
    thread_notify = on_thread;
}
