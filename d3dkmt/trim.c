/* D3DKMTRegisterTrimNotification, and the telling. */
#include "d3dkmt/trim.h"

#include <stdlib.h>
#include "d3dkmt/caller.h"
#include "faces.h"
#include "memoryapi/gate.h"
#include "memoryapi/guarded.h"

struct registration {
    struct kmt_link link;
    uint64_t number; /* grows along the chain */
    const struct kmt_device *device;
    PFND3DKMT_TRIMNOTIFICATIONCALLBACK callback;
    void *context;
};

/* under kmt_lock */
static struct kmt_link registrations = {&registrations, &registrations};
static uint64_t numbers;
static uint32_t count; /* atomic: read without the lock */
static __thread bool telling __attribute__((tls_model("initial-exec")));

/* The next one that has something to hear of an adapter; takes what there is for all of them. */
static bool next_telling(uint64_t *ret_bytes, const struct vidmm **ret_mm)
{
    link_each(at, &registrations)
    {
        const struct registration *registration = container_of(at, struct registration, link);
        const struct vidmm *mm = registration->device->mm;
        uint64_t *trim = &mm->adapter->usage[mm->process].trim;
        if (!__atomic_load_n(trim, __ATOMIC_RELAXED))
            continue;
        *ret_bytes = __atomic_exchange_n(trim, 0, __ATOMIC_ACQUIRE);
        *ret_mm = mm;
        return true;
    }
    return false;
}

/* The first of the adapter behind number `after`, up to `last`, copied. */
static bool copy_registration(const struct vidmm *mm, uint64_t after, uint64_t last,
                              struct registration *ret)
{
    link_each(at, &registrations)
    {
        const struct registration *registration = container_of(at, struct registration, link);
        if (registration->device->mm == mm && registration->number > after &&
            registration->number <= last) {
            *ret = *registration;
            return true;
        }
    }
    return false;
}

/* Code of the program: it may be stopped there, and call us. */
static void call(const struct registration *registration, uint64_t bytes)
{
    D3DKMT_TRIMNOTIFICATION notification = {
        .Context = registration->context,
        .Flags.Value = D3DDDI_TRIMRESIDENCYSET_FLAGS_TrimToBudget,
        .NumBytesToTrim = bytes,
    };
    uint32_t depth = gate_open();
    registration->callback(&notification);
    gate_close(depth);
}

void trim_tell(void)
{
    const struct vidmm *mm;
    uint64_t bytes;
    bool any = true;
    if (likely(!__atomic_load_n(&count, __ATOMIC_RELAXED)) || telling)
        return;
    telling = true;
    while (any) {
        struct registration registration;
        uint64_t told = 0;
        kmt_lock();
        any = next_telling(&bytes, &mm);
        /* callbacks register and unregister: who is new hears of the next time */
        uint64_t last = numbers;
        while (any && copy_registration(mm, told, last, &registration)) {
            kmt_unlock();
            call(&registration, bytes);
            kmt_lock();
            told = registration.number;
        }
        kmt_unlock();
    }
    telling = false;
}

void trim_begin_child(void)
{
    link_init(&registrations);
    __atomic_store_n(&count, 0, __ATOMIC_RELAXED);
    telling = false;
}

void trim_forget_device(const struct kmt_device *device)
{
    for (struct kmt_link *at = registrations.next, *next; at != &registrations; at = next) {
        struct registration *registration = container_of(at, struct registration, link);
        next = at->next;
        if (registration->device != device)
            continue;
        link_remove(at);
        free(registration);
        __atomic_fetch_sub(&count, 1, __ATOMIC_RELAXED);
    }
}

NTSTATUS kmt_RegisterTrimNotification(D3DKMT_REGISTERTRIMNOTIFICATION *pData)
{
    D3DKMT_REGISTERTRIMNOTIFICATION data;
    struct registration *registration;
    const struct kmt_device *device;
    uint64_t luid;
    NTSTATUS status = caller_open(pData, &data, sizeof data);
    if (status < 0)
        return status;
    status = STATUS_INVALID_PARAMETER;
    if (!data.Callback)
        return STATUS_INVALID_PARAMETER;
    registration = calloc(1, sizeof *registration);
    if (!registration)
        return STATUS_NO_MEMORY;
    luid = (uint64_t)(uint32_t)data.AdapterLuid.HighPart << 32 | data.AdapterLuid.LowPart;
    kmt_lock();
    device = kmt_find(data.hDevice, KMT_DEVICE);
    if (device && vidmm_luid(device->mm) == luid) {
        *registration = (struct registration){.number = ++numbers,
                                              .device = device,
                                              .callback = data.Callback,
                                              .context = data.Context};
        link_add(&registrations, &registration->link);
        __atomic_fetch_add(&count, 1, __ATOMIC_RELAXED);
        status = STATUS_SUCCESS;
    }
    kmt_unlock();
    if (status < 0)
        free(registration);
    else
        guarded_write(&pData->Handle, &registration, sizeof registration);
    return status;
}

NTSTATUS kmt_UnregisterTrimNotification(D3DKMT_UNREGISTERTRIMNOTIFICATION *pData)
{
    D3DKMT_UNREGISTERTRIMNOTIFICATION data;
    NTSTATUS status = caller_read(pData, &data, sizeof data);
    if (status < 0)
        return status;
    status = STATUS_INVALID_PARAMETER;
    kmt_lock();
    link_each(at, &registrations)
    {
        struct registration *registration = container_of(at, struct registration, link);
        if (registration != data.Handle ||
            (data.Callback && data.Callback != registration->callback))
            continue;
        link_remove(at);
        free(registration);
        __atomic_fetch_sub(&count, 1, __ATOMIC_RELAXED);
        status = STATUS_SUCCESS;
        break;
    }
    kmt_unlock();
    return status;
}
