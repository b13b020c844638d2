/* The table of named objects. */
#include "kernel32/process/names.h"

#include <stdlib.h>
#include <string.h>
#include "kernel32/face.h"
#include "memoryapi/futex.h"

struct name {
    struct name *next;
    struct object *object; /* no reference: object_forget_name() removes us first */
    unsigned length;       /* characters */
    WCHAR text[];
};

static struct futex_lock lock;
static struct name *names; /* under lock; a program has a handful */

static unsigned length_of(const WCHAR *text)
{
    unsigned length = 0;
    while (text[length])
        length++;
    return length;
}

static bool starts_with(const WCHAR *text, const char *prefix)
{
    for (; *prefix; prefix++, text++)
        if (*text != (WCHAR)(unsigned char)*prefix)
            return false;
    return true;
}

/* Drops "Local\" and refuses what is no name. */
static NTSTATUS normalize(const WCHAR **name, unsigned *ret_length)
{
    if (length_of(*name) >= NAME_LENGTH)
        return STATUS_OBJECT_NAME_INVALID;
    if (starts_with(*name, "Local\\"))
        *name += 6;
    const WCHAR *rest = *name + (starts_with(*name, "Global\\") ? 7 : 0);
    for (const WCHAR *at = rest; *at; at++)
        if (*at == '\\')
            return STATUS_OBJECT_PATH_NOT_FOUND;
    *ret_length = length_of(*name);
    return STATUS_SUCCESS;
}

/* A reference, unless the last one is just going. */
static bool ref_living(struct object *object)
{
    uint32_t refs = __atomic_load_n(&object->refs, __ATOMIC_RELAXED);
    while (refs)
        if (__atomic_compare_exchange_n(&object->refs, &refs, refs + 1, true, __ATOMIC_ACQUIRE,
                                        __ATOMIC_RELAXED))
            return true;
    return false;
}

static struct object *find_locked(const WCHAR *name, unsigned length)
{
    for (struct name *at = names; at; at = at->next)
        if (at->length == length && memcmp(at->text, name, length * sizeof *name) == 0 &&
            ref_living(at->object))
            return at->object;
    return NULL;
}

/* Enters `object`, or gives the object that has the name (a reference) in ret_existing. */
static NTSTATUS enter(const WCHAR *name, struct object *object, struct object **ret_existing)
{
    unsigned length;
    *ret_existing = NULL;
    NTSTATUS status = normalize(&name, &length);
    if (status != STATUS_SUCCESS)
        return status;
    struct name *entry = malloc(sizeof *entry + length * sizeof *name);
    if (!entry)
        return STATUS_NO_MEMORY;
    entry->object = object;
    entry->length = length;
    memcpy(entry->text, name, length * sizeof *name);
    futex_lock(&lock);
    *ret_existing = find_locked(name, length);
    if (!*ret_existing) {
        entry->next = names;
        names = entry;
        object->named = true;
        entry = NULL;
    }
    futex_unlock(&lock);
    free(entry);
    return STATUS_SUCCESS;
}

void object_forget_name(struct object *object)
{
    if (!object->named)
        return;
    futex_lock(&lock);
    struct name **link = &names, *found = NULL;
    for (; *link && !found; link = found ? link : &(*link)->next)
        if ((*link)->object == object) {
            found = *link;
            *link = found->next;
        }
    futex_unlock(&lock);
    free(found);
}

static HANDLE open_handle(struct object *object, ACCESS_MASK access, bool inherit, DWORD last_error)
{
    HANDLE handle;
    NTSTATUS status = handle_create(object, access, inherit, &handle);
    object_unref(object);
    last_error_set(status == STATUS_SUCCESS ? last_error : last_error_from_status(status));
    return status == STATUS_SUCCESS ? handle : NULL;
}

/* Windows says ERROR_FILENAME_EXCED_RANGE for a long name, unlike the table. */
static void name_error(NTSTATUS status)
{
    last_error_set(status == STATUS_OBJECT_NAME_INVALID ? ERROR_FILENAME_EXCED_RANGE
                                                        : last_error_from_status(status));
}

HANDLE object_publish(struct object *object, const WCHAR *name, ACCESS_MASK access,
                      const SECURITY_ATTRIBUTES *attributes)
{
    if (!object) {
        last_error_set(ERROR_NOT_ENOUGH_MEMORY);
        return NULL;
    }
    bool inherit = attributes && attributes->bInheritHandle;
    if (!name || !*name)
        return open_handle(object, access, inherit, ERROR_SUCCESS);
    struct object *existing;
    NTSTATUS status = enter(name, object, &existing);
    if (status == STATUS_SUCCESS && !existing)
        return open_handle(object, access, inherit, ERROR_SUCCESS);
    if (existing && existing->ops->type != object->ops->type)
        status = STATUS_OBJECT_TYPE_MISMATCH;
    object_unref(object);
    if (status == STATUS_SUCCESS)
        return open_handle(existing, access, inherit, ERROR_ALREADY_EXISTS);
    object_unref(existing);
    name_error(status);
    return NULL;
}

HANDLE object_open(const WCHAR *name, enum object_type type, ACCESS_MASK access, BOOL inherit)
{
    unsigned length;
    if (!name) {
        last_error_set(ERROR_INVALID_PARAMETER);
        return NULL;
    }
    NTSTATUS status = normalize(&name, &length);
    if (status != STATUS_SUCCESS) {
        name_error(status);
        return NULL;
    }
    futex_lock(&lock);
    struct object *object = find_locked(name, length);
    futex_unlock(&lock);
    if (!object) {
        last_error_set(ERROR_FILE_NOT_FOUND);
        return NULL;
    }
    if (object->ops->type != type) {
        object_unref(object);
        last_error_set(ERROR_INVALID_HANDLE);
        return NULL;
    }
    DWORD before = last_error_get();
    return open_handle(object, access, inherit != 0, before);
}

bool name_widen(const char *name, WCHAR *ret_buffer, const WCHAR **ret_name)
{
    *ret_name = NULL;
    if (!name)
        return true;
    unsigned length = 0;
    for (; name[length] && length < NAME_LENGTH - 1; length++)
        ret_buffer[length] = (unsigned char)name[length];
    if (name[length]) {
        last_error_set(ERROR_FILENAME_EXCED_RANGE);
        return false;
    }
    ret_buffer[length] = 0;
    *ret_name = ret_buffer;
    return true;
}
