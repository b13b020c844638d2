/* Names of what is shared: read from the caller, entered and found in the machine. */
#include <stdlib.h>
#include <string.h>
#include "d3dkmt/machine_file.h"
#include "d3dkmt/share_nt.h"
#include "memoryapi/guarded.h"

#define MAGIC            0x3130454D414E5357ull /* "WSNAME01" */
#define VALID_ATTRIBUTES 0x1FF2u               /* OBJ_VALID_ATTRIBUTES of ntdef.h */
#define ANY_CASE         0x40u                 /* OBJ_CASE_INSENSITIVE */
#define INHERIT          0x2u                  /* OBJ_INHERIT */

/* The file of a name. */
struct name_file {
    uint64_t magic, id;
    struct share_parts parts;
    uint32_t length; /* characters */
    uint32_t unused;
    WCHAR text[SHARE_NAME_MOST];
};

static WCHAR capital(WCHAR letter)
{
    bool latin = letter >= 0xE0 && letter <= 0xFE && letter != 0xF7;
    return (letter >= 'a' && letter <= 'z') || latin ? (WCHAR)(letter - 32) : letter;
}

static uint64_t hash_of(const struct share_name *name)
{
    uint64_t hash = 0xCBF29CE484222325ull; /* FNV-1a */
    for (uint32_t i = 0; i < name->length; i++)
        hash = (hash ^ capital(name->text[i])) * 0x100000001B3ull;
    return hash ? hash : 1;
}

/* Steps over `word` and a backslash. */
static bool skip(const WCHAR **at, const WCHAR *end, const char *word)
{
    size_t length = strlen(word);
    if ((size_t)(end - *at) < length + 1 || (*at)[length] != '\\')
        return false;
    for (size_t i = 0; i < length; i++)
        if (capital((*at)[i]) != capital((WCHAR)word[i]))
            return false;
    *at += length + 1;
    return true;
}

static bool skip_number(const WCHAR **at, const WCHAR *end)
{
    const WCHAR *digit = *at;
    while (digit < end && *digit >= '0' && *digit <= '9')
        digit++;
    if (digit == *at || digit == end || *digit != '\\')
        return false;
    *at = digit + 1;
    return true;
}

/* The directory in front of the name says whether it is the session's. */
static NTSTATUS normalize(const WCHAR *at, const WCHAR *end, struct share_name *ret_name)
{
    static const char global[] = "Global\\";
    bool session = false, local;
    if (at == end || *at++ != '\\')
        return STATUS_OBJECT_PATH_SYNTAX_BAD; /* and no directory to begin from */
    if (skip(&at, end, "Sessions")) {
        if (!skip_number(&at, end))
            return STATUS_OBJECT_PATH_NOT_FOUND;
        session = true;
    }
    if (!skip(&at, end, "BaseNamedObjects"))
        return STATUS_OBJECT_PATH_NOT_FOUND;
    local = skip(&at, end, "Local");
    if (!local && skip(&at, end, "Global"))
        session = false;
    else
        session |= local;
    if (at == end)
        return STATUS_OBJECT_NAME_INVALID;
    for (const WCHAR *each = at; each < end; each++)
        if (*each == '\\')
            return STATUS_OBJECT_PATH_NOT_FOUND;
    ret_name->length = 0;
    for (unsigned i = 0; !session && global[i]; i++)
        ret_name->text[ret_name->length++] = (WCHAR)global[i];
    if ((size_t)(end - at) > SHARE_NAME_MOST - ret_name->length)
        return STATUS_OBJECT_NAME_INVALID;
    memcpy(ret_name->text + ret_name->length, at, (size_t)(end - at) * sizeof *at);
    ret_name->length += (uint32_t)(end - at);
    return STATUS_SUCCESS;
}

/* There are no directories that a handle could be of. */
static NTSTATUS check_root(HANDLE root)
{
    struct object *object;
    if (!root)
        return STATUS_SUCCESS;
    if (handle_lookup(root, OBJECT_ANY, 0, &object) < 0)
        return STATUS_INVALID_HANDLE;
    object_unref(object);
    return STATUS_OBJECT_TYPE_MISMATCH;
}

NTSTATUS share_name_read(const OBJECT_ATTRIBUTES *attributes, struct share_name *ret_name)
{
    OBJECT_ATTRIBUTES copy;
    UNICODE_STRING string = {0};
    void *text;
    memset(ret_name, 0, sizeof *ret_name);
    if (!attributes)
        return STATUS_SUCCESS;
    if (!guarded_read(attributes, &copy, sizeof copy))
        return STATUS_ACCESS_VIOLATION;
    if (copy.Length != sizeof copy || copy.Attributes & ~VALID_ATTRIBUTES)
        return STATUS_INVALID_PARAMETER;
    if (copy.ObjectName && !guarded_read(copy.ObjectName, &string, sizeof string))
        return STATUS_ACCESS_VIOLATION;
    ret_name->inherit = copy.Attributes & INHERIT;
    ret_name->exact = !(copy.Attributes & ANY_CASE);
    if (!string.Length)
        return STATUS_SUCCESS;
    if (string.Length % sizeof(WCHAR))
        return STATUS_OBJECT_NAME_INVALID;
    NTSTATUS status = check_root(copy.RootDirectory);
    if (status == STATUS_SUCCESS)
        status = kmt_copy_list(string.Buffer, string.Length, 1, NULL, 0, &text);
    if (status != STATUS_SUCCESS)
        return status == STATUS_INVALID_PARAMETER ? STATUS_ACCESS_VIOLATION : status;
    status = normalize(text, (const WCHAR *)((const char *)text + string.Length), ret_name);
    free(text);
    ret_name->any = status == STATUS_SUCCESS;
    return status;
}

static bool is_name(const struct name_file *file, const struct share_name *name)
{
    if (file->length != name->length)
        return false;
    for (uint32_t i = 0; i < name->length; i++)
        if (name->exact ? file->text[i] != name->text[i]
                        : capital(file->text[i]) != capital(name->text[i]))
            return false;
    return true;
}

/* What the name names; VID_NONE: nothing, or *ret_status is not success. pre: machine.lock */
static uint32_t find(const struct share_name *name, struct share_parts *ret_parts, uint64_t *ret_id,
                     NTSTATUS *ret_status)
{
    uint64_t hash = hash_of(name);
    uint32_t record = VID_NONE;
    *ret_status = STATUS_SUCCESS;
    while ((record = gpu_record_find(hash, record, ret_id))) {
        void *bytes;
        size_t size;
        NTSTATUS status = share_file_read(*ret_id, sizeof(struct name_file),
                                          sizeof(struct name_file), &bytes, &size);
        if (status == STATUS_NO_MEMORY) {
            *ret_status = status;
            return VID_NONE;
        }
        if (status != STATUS_SUCCESS)
            continue;
        const struct name_file *file = bytes;
        bool same = file->magic == MAGIC && file->id == *ret_id && is_name(file, name);
        *ret_parts = file->parts;
        free(bytes);
        if (same)
            return record;
    }
    return VID_NONE;
}

static struct name_file *make_file(const struct share_name *name, const struct share_parts *parts)
{
    struct name_file *file = calloc(1, sizeof *file);
    if (!file)
        return NULL;
    file->magic = MAGIC;
    file->id = share_new_id(gpu_adapter(0));
    file->parts = *parts;
    file->length = name->length;
    memcpy(file->text, name->text, name->length * sizeof *name->text);
    return file;
}

NTSTATUS share_name_enter(const struct share_name *name, const struct share_parts *parts,
                          uint32_t *ret_record)
{
    struct name_file *file = make_file(name, parts);
    struct share_parts other;
    uint64_t id;
    uint32_t record = VID_NONE;
    NTSTATUS status;
    if (!file)
        return STATUS_NO_MEMORY;
    gpu_sweep_dead_now(); /* the dead have no names */
    machine_lock(gpu_machine());
    if (find(name, &other, &id, &status))
        status = STATUS_OBJECT_NAME_COLLISION;
    if (status == STATUS_SUCCESS) {
        record = gpu_record_take(file->id, hash_of(name));
        status = record ? share_file_write(file->id, file, sizeof *file) : STATUS_NO_MEMORY;
    }
    machine_unlock(gpu_machine());
    free(file);
    if (status != STATUS_SUCCESS) {
        gpu_record_give(record);
        return status;
    }
    *ret_record = record;
    return status;
}

NTSTATUS share_name_find(const struct share_name *name, struct share_parts *ret_parts,
                         uint32_t *ret_record)
{
    uint64_t id;
    NTSTATUS status;
    gpu_sweep_dead_now();
    machine_lock(gpu_machine());
    uint32_t record = find(name, ret_parts, &id, &status);
    machine_unlock(gpu_machine());
    if (!record)
        return status == STATUS_SUCCESS ? STATUS_OBJECT_NAME_NOT_FOUND : status;
    uint64_t held = gpu_record_hold(record);
    if (held != id) { /* it went meanwhile */
        if (held)
            gpu_record_give(record);
        return STATUS_OBJECT_NAME_NOT_FOUND;
    }
    *ret_record = record;
    return STATUS_SUCCESS;
}
