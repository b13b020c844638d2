/* The functions that read and change the environment. */
#include <stdlib.h>
#include <string.h>
#include "kernel32/face.h"
#include "kernel32/process/environ.h"
#include "kernel32/process/utf.h"
#include "memoryapi/guarded.h"

LPWCH k32_GetEnvironmentStringsW(void)
{
    uint16_t *copy = environ_copy();
    return face_pointer(copy ? STATUS_SUCCESS : STATUS_NO_MEMORY, copy);
}

LPCH k32_GetEnvironmentStringsA(void)
{
    char *bytes = NULL;
    uint16_t *copy = environ_copy();
    if (copy) {
        size_t length = environ_block_length(copy), room = length * 3;
        bytes = malloc(room);
        if (bytes)
            utf16_to_utf8(copy, length, bytes, room, NULL);
    }
    free(copy);
    return face_pointer(bytes ? STATUS_SUCCESS : STATUS_NO_MEMORY, bytes);
}

BOOL k32_FreeEnvironmentStringsW(LPWCH penv)
{
    free(penv);
    return TRUE;
}

BOOL k32_FreeEnvironmentStringsA(LPCH penv)
{
    free(penv);
    return TRUE;
}

/* The length of a value that fits, or the room with its terminator. An empty value is told from a
 * missing one by the last error, so it is cleared. */
static DWORD answer(size_t length, DWORD room)
{
    if (length >= room)
        return (DWORD)length + 1;
    if (!length)
        last_error_set(ERROR_SUCCESS);
    return (DWORD)length;
}

DWORD k32_GetEnvironmentVariableW(LPCWSTR lpName, LPWSTR lpBuffer, DWORD nSize)
{
    size_t length;
    uint16_t *value = environ_get(lpName, wide_length(lpName), &length);
    if (!value) {
        last_error_set(ERROR_ENVVAR_NOT_FOUND);
        return 0;
    }
    if (length < nSize)
        memcpy(lpBuffer, value, (length + 1) * sizeof *value);
    free(value);
    return answer(length, nSize);
}

DWORD k32_GetEnvironmentVariableA(LPCSTR lpName, LPSTR lpBuffer, DWORD nSize)
{
    size_t length, size;
    uint16_t *name = wide_from_utf8(lpName);
    if (!name) {
        last_error_set(ERROR_NOT_ENOUGH_MEMORY);
        return 0;
    }
    uint16_t *value = environ_get(name, wide_length(name), &length);
    free(name);
    if (!value) {
        last_error_set(ERROR_ENVVAR_NOT_FOUND);
        return 0;
    }
    size = utf16_to_utf8(value, length, NULL, 0, NULL);
    if (size < nSize) {
        utf16_to_utf8(value, length, lpBuffer, size, NULL);
        lpBuffer[size] = 0;
    }
    free(value);
    return answer(size, nSize);
}

/* Copies on the heap, because the block's lock must not be held when a caller's pointer is bad. */
static NTSTATUS set_copied(uint16_t *name, uint16_t *value, bool has_value)
{
    NTSTATUS status = STATUS_NO_MEMORY;
    if (name && (value || !has_value))
        status = environ_set(name, wide_length(name), value, value ? wide_length(value) : 0);
    free(name);
    free(value);
    return status;
}

static uint16_t *copied(LPCWSTR text)
{
    if (!text)
        return NULL;
    size_t size = (wide_length(text) + 1) * sizeof *text;
    uint16_t *copy = malloc(size);
    return copy ? memcpy(copy, text, size) : NULL;
}

BOOL k32_SetEnvironmentVariableW(LPCWSTR lpName, LPCWSTR lpValue)
{
    if (!lpName)
        return face_bool(STATUS_INVALID_PARAMETER);
    return face_bool(set_copied(copied(lpName), copied(lpValue), lpValue != NULL));
}

BOOL k32_SetEnvironmentVariableA(LPCSTR lpName, LPCSTR lpValue)
{
    if (!lpName)
        return face_bool(STATUS_INVALID_PARAMETER);
    return face_bool(set_copied(wide_from_utf8(lpName), wide_from_utf8(lpValue), lpValue != NULL));
}

/* The expanded text with its terminator (free() it). */
static uint16_t *expanded(const uint16_t *text, size_t *ret_length)
{
    uint16_t *block = environ_copy(), *to = NULL;
    if (block) {
        size_t length = wide_length(text), room = environ_expand(block, text, length, NULL, 0);
        to = malloc((room + 1) * sizeof *to);
        if (to) {
            environ_expand(block, text, length, to, room);
            to[room] = 0;
            *ret_length = room;
        }
    }
    free(block);
    if (!to)
        last_error_set(ERROR_NOT_ENOUGH_MEMORY);
    return to;
}

DWORD k32_ExpandEnvironmentStringsW(LPCWSTR lpSrc, LPWSTR lpDst, DWORD nSize)
{
    size_t length;
    uint16_t *text = expanded(lpSrc, &length);
    if (!text)
        return 0;
    if (length < nSize)
        memcpy(lpDst, text, (length + 1) * sizeof *text);
    free(text);
    return (DWORD)length + 1;
}

DWORD k32_ExpandEnvironmentStringsA(LPCSTR lpSrc, LPSTR lpDst, DWORD nSize)
{
    size_t length;
    uint16_t *source = wide_from_utf8(lpSrc), *text = source ? expanded(source, &length) : NULL;
    free(source);
    if (!text)
        return 0;
    size_t size = utf16_to_utf8(text, length + 1, NULL, 0, NULL);
    if (size <= nSize)
        utf16_to_utf8(text, length + 1, lpDst, size, NULL);
    free(text);
    return (DWORD)size;
}

/* ----- ntdll ----- */

/* The block that an Environment parameter means, as a copy (NULL: the process's own). */
static NTSTATUS query(PVOID block, const uint16_t *name, size_t name_length, uint16_t **ret_value,
                      size_t *ret_length)
{
    uint16_t *own = block ? NULL : environ_copy(), *copy;
    const uint16_t *value;
    if (!block && !own)
        return STATUS_NO_MEMORY;
    value = environ_find(block ? block : own, name, name_length, ret_length);
    copy = value ? malloc((*ret_length + 1) * sizeof *copy) : NULL;
    if (copy)
        memcpy(copy, value, (*ret_length + 1) * sizeof *copy);
    free(own);
    if (!value)
        return STATUS_VARIABLE_NOT_FOUND;
    *ret_value = copy;
    return copy ? STATUS_SUCCESS : STATUS_NO_MEMORY;
}

NTSTATUS nt_RtlQueryEnvironmentVariable_U(PVOID Environment, PUNICODE_STRING Name,
                                          PUNICODE_STRING Value)
{
    UNICODE_STRING name, buffer;
    size_t length;
    uint16_t *value;
    if (!guarded_read(Name, &name, sizeof name) || !guarded_read(Value, &buffer, sizeof buffer))
        return STATUS_ACCESS_VIOLATION;
    NTSTATUS status = query(Environment, name.Buffer, name.Length / 2, &value, &length);
    if (!NT_SUCCESS(status))
        return status;
    bool fits = length * 2 <= buffer.MaximumLength, written = true;
    buffer.Length = (USHORT)(length * 2);
    if (fits) /* terminated when there is room for it */
        written = guarded_copy(buffer.Buffer, value,
                               (length + (length * 2 + 2 <= buffer.MaximumLength)) * 2);
    free(value);
    if (!written || !guarded_write(Value, &buffer, sizeof buffer))
        return STATUS_ACCESS_VIOLATION;
    return fits ? STATUS_SUCCESS : STATUS_BUFFER_TOO_SMALL;
}

NTSTATUS nt_RtlQueryEnvironmentVariable(PVOID Environment, PCWSTR Name, SIZE_T NameLength,
                                        PWSTR Value, SIZE_T ValueLength, PSIZE_T ReturnLength)
{
    size_t length;
    uint16_t *value;
    NTSTATUS status = query(Environment, Name, NameLength, &value, &length);
    if (!NT_SUCCESS(status))
        return status;
    bool fits = length < ValueLength, written = true;
    uint64_t needed = fits ? length : length + 1;
    if (fits)
        written = guarded_copy(Value, value, (length + 1) * sizeof *value);
    free(value);
    if (!written || !guarded_write(ReturnLength, &needed, sizeof needed))
        return STATUS_ACCESS_VIOLATION;
    return fits ? STATUS_SUCCESS : STATUS_BUFFER_TOO_SMALL;
}

NTSTATUS nt_RtlSetEnvironmentVar(PVOID *Environment, PCWSTR Name, SIZE_T NameLength, PCWSTR Value,
                                 SIZE_T ValueLength)
{
    NTSTATUS status = STATUS_NO_MEMORY;
    if (Environment)
        return STATUS_NOT_SUPPORTED; /* see the quirk in the spec */
    if (NameLength > 0xFFFF || ValueLength > 0xFFFF)
        return STATUS_INVALID_PARAMETER;
    uint16_t *copy = malloc((NameLength + ValueLength + 1) * sizeof *copy);
    if (!copy)
        return status;
    if (guarded_copy(copy, Name, NameLength * sizeof *copy) &&
        (!Value || guarded_copy(copy + NameLength, Value, ValueLength * sizeof *copy)))
        status = environ_set(copy, NameLength, Value ? copy + NameLength : NULL, ValueLength);
    else
        status = STATUS_ACCESS_VIOLATION;
    free(copy);
    return status;
}

NTSTATUS nt_RtlSetEnvironmentVariable(PVOID *Environment, PUNICODE_STRING Name,
                                      PUNICODE_STRING Value)
{
    UNICODE_STRING name, value = {0};
    if (!guarded_read(Name, &name, sizeof name) ||
        (Value && !guarded_read(Value, &value, sizeof value)))
        return STATUS_ACCESS_VIOLATION;
    static const uint16_t nothing[1];
    PCWSTR text = Value ? (value.Buffer ? value.Buffer : nothing) : NULL;
    return nt_RtlSetEnvironmentVar(Environment, name.Buffer, name.Length / 2, text,
                                   value.Length / 2);
}

NTSTATUS nt_RtlExpandEnvironmentStrings_U(PVOID Environment, PUNICODE_STRING Source,
                                          PUNICODE_STRING Destination, PULONG ReturnedLength)
{
    UNICODE_STRING source, destination;
    if (!guarded_read(Source, &source, sizeof source) ||
        !guarded_read(Destination, &destination, sizeof destination))
        return STATUS_ACCESS_VIOLATION;
    uint16_t *block = Environment ? NULL : environ_copy(), *text = NULL;
    NTSTATUS status = STATUS_NO_MEMORY;
    if (!Environment && !block)
        return status;
    const uint16_t *from = Environment ? Environment : block;
    size_t length = environ_expand(from, source.Buffer, source.Length / 2, NULL, 0);
    ULONG needed = (ULONG)(length + 1) * 2;
    text = malloc(needed);
    if (text) {
        environ_expand(from, source.Buffer, source.Length / 2, text, length);
        text[length] = 0;
        status = needed <= destination.MaximumLength ? STATUS_SUCCESS : STATUS_BUFFER_TOO_SMALL;
    }
    if (NT_SUCCESS(status)) {
        destination.Length = (USHORT)(length * 2);
        if (!guarded_copy(destination.Buffer, text, needed) ||
            !guarded_write(Destination, &destination, sizeof destination))
            status = STATUS_ACCESS_VIOLATION;
    }
    if (text && ReturnedLength && !guarded_write(ReturnedLength, &needed, sizeof needed))
        status = STATUS_ACCESS_VIOLATION;
    free(text);
    free(block);
    return status;
}
