/* Names in the NT form: read from the caller, and made from Win32 paths (Rtl*). */
#include "kernel32/process/nt_name.h"

#include <stdlib.h>
#include <string.h>
#include "kernel32/face.h"
#include "kernel32/process/file.h"
#include "memoryapi/guarded.h"

NTSTATUS nt_string_copy(const UNICODE_STRING *string, WCHAR **ret_text, size_t *ret_length)
{
    UNICODE_STRING value;
    if (!guarded_read(string, &value, sizeof value))
        return STATUS_ACCESS_VIOLATION;
    size_t length = value.Length / sizeof(WCHAR);
    WCHAR *text = malloc((length + 1) * sizeof *text);
    if (!text)
        return STATUS_NO_MEMORY;
    if (length && !guarded_copy(text, value.Buffer, length * sizeof *text)) {
        free(text);
        return STATUS_ACCESS_VIOLATION;
    }
    text[length] = 0;
    *ret_text = text;
    *ret_length = length;
    return STATUS_SUCCESS;
}

static NTSTATUS resolve_below_handle(HANDLE root, const WCHAR *text, size_t length,
                                     struct path *ret_path)
{
    struct file *directory;
    if (length && text[0] == '\\')
        return STATUS_OBJECT_NAME_INVALID; /* what is relative does not begin at a root */
    NTSTATUS status = file_lookup(root, 0, &directory);
    if (status != STATUS_SUCCESS)
        return status;
    char *host = directory->kind == FILE_DISK ? path_of_descriptor(directory->fd) : NULL;
    status = host ? path_resolve_below(host, text, length, ret_path) : STATUS_OBJECT_PATH_NOT_FOUND;
    free(host);
    file_unref(directory);
    return status;
}

NTSTATUS nt_name_resolve(const OBJECT_ATTRIBUTES *attributes, struct nt_name *ret_name)
{
    OBJECT_ATTRIBUTES value;
    WCHAR *text;
    size_t length;
    memset(ret_name, 0, sizeof *ret_name);
    if (!guarded_read(attributes, &value, sizeof value))
        return STATUS_ACCESS_VIOLATION;
    if (value.Length != sizeof value || !value.ObjectName)
        return STATUS_INVALID_PARAMETER;
    NTSTATUS status = nt_string_copy(value.ObjectName, &text, &length);
    if (status != STATUS_SUCCESS)
        return status;
    path_init();
    status = value.RootDirectory
                 ? resolve_below_handle(value.RootDirectory, text, length, &ret_name->path)
                 : path_resolve_nt(text, length, &ret_name->path);
    free(text);
    if (status != STATUS_SUCCESS)
        path_free(&ret_name->path);
    ret_name->inherit = value.Attributes & OBJ_INHERIT;
    return status;
}

ULONG nt_RtlIsDosDeviceName_U(PCWSTR DeviceName)
{
    size_t offset;
    size_t length = path_dos_device(DeviceName, wide_length(DeviceName), &offset);
    return length ? (ULONG)(offset * sizeof(WCHAR) << 16 | length * sizeof(WCHAR)) : 0;
}

/* Sizes are in bytes here, unlike GetFullPathName. */
ULONG nt_RtlGetFullPathName_U(PCWSTR FileName, ULONG Size, PWSTR Buffer, PWSTR *ShortName)
{
    NTSTATUS status;
    size_t length;
    WCHAR *full = path_full(FileName, wide_length(FileName), &length, &status);
    if (!full)
        return 0;
    ULONG bytes = (ULONG)(length * sizeof *full);
    size_t part = length;
    while (part > 0 && full[part - 1] != '\\')
        part--;
    bool fits = bytes + sizeof *full <= Size;
    if (fits)
        memcpy(Buffer, full, bytes + sizeof *full);
    if (ShortName)
        *ShortName = fits && part < length ? Buffer + part : NULL;
    free(full);
    return fits ? bytes : bytes + (ULONG)sizeof *full;
}

/* "X:\a" and "\\.\a" and "\\?\a" to "\??\...", "\\server\share" to "\??\UNC\...". Freed by
 * RtlFreeUnicodeString. */
static NTSTATUS to_nt(const WCHAR *path, UNICODE_STRING *ret, PWSTR *ret_part)
{
    static const WCHAR prefix[] = {'\\', '?', '?', '\\', 'U', 'N', 'C', '\\'};
    NTSTATUS status;
    size_t length = wide_length(path), skip = 0, before = 4;
    bool verbatim = length >= 4 && path[0] == '\\' && path[2] == '?' && path[3] == '\\' &&
                    (path[1] == '\\' || path[1] == '?');
    WCHAR *full = verbatim ? NULL : path_full(path, length, &length, &status);
    const WCHAR *from = full ? full : path;
    if (!verbatim && !full)
        return status;
    if (verbatim || (length >= 4 && from[0] == '\\' && from[3] == '\\'))
        skip = 4;
    else if (from[0] == '\\')
        skip = 2, before = 8;
    size_t total = before + length - skip;
    WCHAR *text = total * 2 + 2 <= UINT16_MAX ? malloc((total + 1) * 2) : NULL;
    if (text) {
        memcpy(text, prefix, before * sizeof *text);
        memcpy(text + before, from + skip, (length - skip) * sizeof *text);
        text[total] = 0;
        *ret = (UNICODE_STRING){(USHORT)(total * 2), (USHORT)(total * 2 + 2), text};
        size_t part = total;
        while (part > 0 && text[part - 1] != '\\')
            part--;
        if (ret_part)
            *ret_part = part < total ? text + part : NULL;
    }
    free(full);
    return text                         ? STATUS_SUCCESS
           : total * 2 + 2 > UINT16_MAX ? STATUS_NAME_TOO_LONG
                                        : STATUS_NO_MEMORY;
}

/* RTL_RELATIVE_NAME_U: name, containing directory, reference. Absolute names need no more. */
static NTSTATUS to_nt_relative(const WCHAR *path, UNICODE_STRING *name, PWSTR *part,
                               PRTL_RELATIVE_NAME_U relative)
{
    if (relative)
        memset(relative, 0, sizeof *relative);
    return path ? to_nt(path, name, part) : STATUS_OBJECT_NAME_INVALID;
}

NTSTATUS nt_RtlDosPathNameToNtPathName_U_WithStatus(PCWSTR DosName, PUNICODE_STRING NtName,
                                                    PWSTR *PartName,
                                                    PRTL_RELATIVE_NAME_U RelativeName)
{
    return to_nt_relative(DosName, NtName, PartName, RelativeName);
}

BOOLEAN nt_RtlDosPathNameToNtPathName_U(PCWSTR DosName, PUNICODE_STRING NtName, PWSTR *PartName,
                                        PRTL_RELATIVE_NAME_U RelativeName)
{
    return to_nt_relative(DosName, NtName, PartName, RelativeName) == STATUS_SUCCESS;
}

BOOLEAN nt_RtlDosPathNameToRelativeNtPathName_U(PCWSTR DosName, PUNICODE_STRING NtName,
                                                PWSTR *PartName, PRTL_RELATIVE_NAME_U RelativeName)
{
    return to_nt_relative(DosName, NtName, PartName, RelativeName) == STATUS_SUCCESS;
}

NTSTATUS nt_RtlDosPathNameToRelativeNtPathName_U_WithStatus(PCWSTR DosName, PUNICODE_STRING NtName,
                                                            PWSTR *PartName,
                                                            PRTL_RELATIVE_NAME_U RelativeName)
{
    return to_nt_relative(DosName, NtName, PartName, RelativeName);
}

/* Nothing is held by a relative name of ours. */
void nt_RtlReleaseRelativeName(PRTL_RELATIVE_NAME_U RelativeName)
{
}
