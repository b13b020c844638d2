/*
 * Counted strings (UNICODE_STRING, ANSI_STRING) of ntdll. Buffers that we allocate come from malloc
 * and go back through RtlFreeUnicodeString and RtlFreeAnsiString.
 */
#include <stdlib.h>
#include <string.h>
#include "kernel32/face.h"
#include "kernel32/process/utf.h"

#define LONGEST_WIDE  0xFFFCu /* bytes, so that the terminator can be counted too */
#define LONGEST_BYTES 0xFFFEu

void nt_RtlInitUnicodeString(PUNICODE_STRING DestinationString, PCWSTR SourceString)
{
    size_t size = SourceString ? wide_length(SourceString) * 2 : 0;
    if (size > LONGEST_WIDE)
        size = LONGEST_WIDE;
    *DestinationString = (UNICODE_STRING){
        .Length = (USHORT)size,
        .MaximumLength = (USHORT)(SourceString ? size + 2 : 0),
        .Buffer = (PWSTR)SourceString,
    };
}

NTSTATUS nt_RtlInitUnicodeStringEx(PUNICODE_STRING DestinationString, PCWSTR SourceString)
{
    if (SourceString && wide_length(SourceString) * 2 > LONGEST_WIDE)
        return STATUS_NAME_TOO_LONG;
    nt_RtlInitUnicodeString(DestinationString, SourceString);
    return STATUS_SUCCESS;
}

void nt_RtlInitAnsiString(PANSI_STRING DestinationString, PCSTR SourceString)
{
    size_t size = SourceString ? strlen(SourceString) : 0;
    if (size > LONGEST_BYTES)
        size = LONGEST_BYTES;
    *DestinationString = (ANSI_STRING){
        .Length = (USHORT)size,
        .MaximumLength = (USHORT)(SourceString ? size + 1 : 0),
        .Buffer = (PSTR)SourceString,
    };
}

void nt_RtlInitString(PANSI_STRING DestinationString, PCSTR SourceString)
{
    nt_RtlInitAnsiString(DestinationString, SourceString);
}

void nt_RtlFreeUnicodeString(PUNICODE_STRING UnicodeString)
{
    free(UnicodeString->Buffer);
    *UnicodeString = (UNICODE_STRING){0};
}

void nt_RtlFreeAnsiString(PANSI_STRING AnsiString)
{
    free(AnsiString->Buffer);
    *AnsiString = (ANSI_STRING){0};
}

NTSTATUS nt_RtlUnicodeStringToAnsiString(PANSI_STRING DestinationString,
                                         PUNICODE_STRING SourceString,
                                         BOOLEAN AllocateDestinationString)
{
    size_t length = SourceString->Length / 2;
    size_t size = utf16_to_utf8(SourceString->Buffer, length, NULL, 0, NULL);
    if (size > LONGEST_BYTES)
        return STATUS_INVALID_PARAMETER_2;
    if (AllocateDestinationString) {
        char *buffer = malloc(size + 1);
        if (!buffer)
            return STATUS_NO_MEMORY;
        *DestinationString = (ANSI_STRING){0, (USHORT)(size + 1), buffer};
    }
    if (size >= DestinationString->MaximumLength)
        return STATUS_BUFFER_OVERFLOW;
    utf16_to_utf8(SourceString->Buffer, length, DestinationString->Buffer, size, NULL);
    DestinationString->Buffer[size] = 0;
    DestinationString->Length = (USHORT)size;
    return STATUS_SUCCESS;
}

NTSTATUS nt_RtlAnsiStringToUnicodeString(PUNICODE_STRING DestinationString,
                                         PANSI_STRING SourceString,
                                         BOOLEAN AllocateDestinationString)
{
    size_t length = utf8_to_utf16(SourceString->Buffer, SourceString->Length, NULL, 0, NULL);
    if (length * 2 > LONGEST_WIDE)
        return STATUS_INVALID_PARAMETER_2;
    if (AllocateDestinationString) {
        uint16_t *buffer = malloc((length + 1) * 2);
        if (!buffer)
            return STATUS_NO_MEMORY;
        *DestinationString = (UNICODE_STRING){0, (USHORT)((length + 1) * 2), buffer};
    }
    if ((length + 1) * 2 > DestinationString->MaximumLength)
        return STATUS_BUFFER_OVERFLOW;
    utf8_to_utf16(SourceString->Buffer, SourceString->Length, DestinationString->Buffer, length,
                  NULL);
    DestinationString->Buffer[length] = 0;
    DestinationString->Length = (USHORT)(length * 2);
    return STATUS_SUCCESS;
}

WCHAR nt_RtlUpcaseUnicodeChar(WCHAR SourceCharacter)
{
    return wide_upper(SourceCharacter);
}

WCHAR nt_RtlDowncaseUnicodeChar(WCHAR SourceCharacter)
{
    return wide_lower(SourceCharacter);
}

NTSTATUS nt_RtlUpcaseUnicodeString(PUNICODE_STRING DestinationString, PUNICODE_STRING SourceString,
                                   BOOLEAN AllocateDestinationString)
{
    size_t length = SourceString->Length / 2;
    if (AllocateDestinationString) {
        uint16_t *buffer = malloc(SourceString->Length + 2u);
        if (!buffer)
            return STATUS_NO_MEMORY;
        *DestinationString = (UNICODE_STRING){0, SourceString->Length, buffer};
    } else if (SourceString->Length > DestinationString->MaximumLength) {
        return STATUS_BUFFER_OVERFLOW;
    }
    for (size_t i = 0; i < length; i++)
        DestinationString->Buffer[i] = wide_upper(SourceString->Buffer[i]);
    DestinationString->Length = SourceString->Length;
    return STATUS_SUCCESS;
}

static LONG compare(const UNICODE_STRING *a, const UNICODE_STRING *b, bool caseless)
{
    size_t a_length = a->Length / 2, b_length = b->Length / 2;
    if (caseless)
        return wide_compare_caseless(a->Buffer, a_length, b->Buffer, b_length);
    for (size_t i = 0; i < a_length && i < b_length; i++)
        if (a->Buffer[i] != b->Buffer[i])
            return a->Buffer[i] - b->Buffer[i];
    return (LONG)a_length - (LONG)b_length;
}

LONG nt_RtlCompareUnicodeString(PUNICODE_STRING String1, PUNICODE_STRING String2,
                                BOOLEAN CaseInSensitive)
{
    return compare(String1, String2, CaseInSensitive);
}

BOOLEAN nt_RtlEqualUnicodeString(PUNICODE_STRING String1, PUNICODE_STRING String2,
                                 BOOLEAN CaseInSensitive)
{
    return String1->Length == String2->Length && compare(String1, String2, CaseInSensitive) == 0;
}

BOOLEAN nt_RtlPrefixUnicodeString(PUNICODE_STRING String1, PUNICODE_STRING String2,
                                  BOOLEAN CaseInSensitive)
{
    UNICODE_STRING start = *String2;
    if (String1->Length > String2->Length)
        return FALSE;
    start.Length = String1->Length;
    return compare(String1, &start, CaseInSensitive) == 0;
}

void nt_RtlCopyUnicodeString(PUNICODE_STRING DestinationString, PUNICODE_STRING SourceString)
{
    USHORT size = SourceString ? SourceString->Length : 0;
    if (size > DestinationString->MaximumLength)
        size = DestinationString->MaximumLength;
    if (size)
        memmove(DestinationString->Buffer, SourceString->Buffer, size);
    DestinationString->Length = size;
    if (size + 2 <= DestinationString->MaximumLength)
        DestinationString->Buffer[size / 2] = 0;
}

static NTSTATUS append(PUNICODE_STRING to, const uint16_t *text, size_t size)
{
    if (to->Length + size > to->MaximumLength)
        return STATUS_BUFFER_TOO_SMALL;
    memmove((char *)to->Buffer + to->Length, text, size);
    to->Length = (USHORT)(to->Length + size);
    if (to->Length + 2 <= to->MaximumLength)
        to->Buffer[to->Length / 2] = 0;
    return STATUS_SUCCESS;
}

NTSTATUS nt_RtlAppendUnicodeToString(PUNICODE_STRING Destination, PCWSTR Source)
{
    return Source ? append(Destination, Source, wide_length(Source) * 2) : STATUS_SUCCESS;
}

NTSTATUS nt_RtlAppendUnicodeStringToString(PUNICODE_STRING Destination, PUNICODE_STRING Source)
{
    return append(Destination, Source->Buffer, Source->Length);
}

BOOLEAN nt_RtlCreateUnicodeString(PUNICODE_STRING DestinationString, PCWSTR SourceString)
{
    size_t size = (wide_length(SourceString) + 1) * 2;
    uint16_t *buffer = size <= LONGEST_WIDE + 2 ? malloc(size) : NULL;
    if (!buffer)
        return FALSE;
    memcpy(buffer, SourceString, size);
    *DestinationString = (UNICODE_STRING){(USHORT)(size - 2), (USHORT)size, buffer};
    return TRUE;
}

/* Sizes are in bytes; a result that is cut is STATUS_BUFFER_TOO_SMALL, ill-formed text that was
 * replaced STATUS_SOME_NOT_MAPPED (windows-driver-docs ntifs/RtlUTF8ToUnicodeN). */
NTSTATUS nt_RtlUTF8ToUnicodeN(PWSTR UnicodeStringDestination, ULONG UnicodeStringMaxByteCount,
                              PULONG UnicodeStringActualByteCount, PCSTR UTF8StringSource,
                              ULONG UTF8StringByteCount)
{
    bool bad;
    size_t written, room = UnicodeStringDestination ? UnicodeStringMaxByteCount / 2 : 0;
    if (!UTF8StringSource)
        return STATUS_INVALID_PARAMETER_4;
    if (!UnicodeStringDestination && !UnicodeStringActualByteCount)
        return STATUS_INVALID_PARAMETER;
    size_t length = utf8_to_utf16_cut(UTF8StringSource, UTF8StringByteCount,
                                      UnicodeStringDestination, room, &bad, &written);
    bool cut = UnicodeStringDestination && length > room;
    if (UnicodeStringActualByteCount)
        *UnicodeStringActualByteCount = (ULONG)(cut ? written : length) * 2;
    if (cut)
        return STATUS_BUFFER_TOO_SMALL;
    return bad ? STATUS_SOME_NOT_MAPPED : STATUS_SUCCESS;
}

NTSTATUS nt_RtlUnicodeToUTF8N(PSTR UTF8StringDestination, ULONG UTF8StringMaxByteCount,
                              PULONG UTF8StringActualByteCount, PCWSTR UnicodeStringSource,
                              ULONG UnicodeStringByteCount)
{
    bool bad;
    size_t written, room = UTF8StringDestination ? UTF8StringMaxByteCount : 0;
    if (!UnicodeStringSource)
        return STATUS_INVALID_PARAMETER_4;
    if (!UTF8StringDestination && !UTF8StringActualByteCount)
        return STATUS_INVALID_PARAMETER;
    if (UnicodeStringByteCount % 2)
        return STATUS_INVALID_PARAMETER_5;
    size_t size = utf16_to_utf8_cut(UnicodeStringSource, UnicodeStringByteCount / 2,
                                    UTF8StringDestination, room, &bad, &written);
    bool cut = UTF8StringDestination && size > room;
    if (UTF8StringActualByteCount)
        *UTF8StringActualByteCount = (ULONG)(cut ? written : size);
    if (cut)
        return STATUS_BUFFER_TOO_SMALL;
    return bad ? STATUS_SOME_NOT_MAPPED : STATUS_SUCCESS;
}

/* The ANSI forms cut without a word (windows-driver-docs ntifs/RtlMultiByteToUnicodeN). */
NTSTATUS nt_RtlMultiByteToUnicodeN(PWSTR UnicodeString, ULONG MaxBytesInUnicodeString,
                                   PULONG BytesInUnicodeString, PCSTR MultiByteString,
                                   ULONG BytesInMultiByteString)
{
    size_t written, room = MaxBytesInUnicodeString / 2;
    utf8_to_utf16_cut(MultiByteString, BytesInMultiByteString, UnicodeString, room, NULL, &written);
    if (BytesInUnicodeString)
        *BytesInUnicodeString = (ULONG)written * 2;
    return STATUS_SUCCESS;
}

NTSTATUS nt_RtlUnicodeToMultiByteN(PSTR MultiByteString, ULONG MaxBytesInMultiByteString,
                                   PULONG BytesInMultiByteString, PCWSTR UnicodeString,
                                   ULONG BytesInUnicodeString)
{
    size_t written, room = MaxBytesInMultiByteString;
    utf16_to_utf8_cut(UnicodeString, BytesInUnicodeString / 2, MultiByteString, room, NULL,
                      &written);
    if (BytesInMultiByteString)
        *BytesInMultiByteString = (ULONG)written;
    return STATUS_SUCCESS;
}

NTSTATUS nt_RtlMultiByteToUnicodeSize(PULONG BytesInUnicodeString, PCSTR MultiByteString,
                                      ULONG BytesInMultiByteString)
{
    *BytesInUnicodeString =
        (ULONG)utf8_to_utf16(MultiByteString, BytesInMultiByteString, NULL, 0, NULL) * 2;
    return STATUS_SUCCESS;
}

NTSTATUS nt_RtlUnicodeToMultiByteSize(PULONG BytesInMultiByteString, PCWSTR UnicodeString,
                                      ULONG BytesInUnicodeString)
{
    *BytesInMultiByteString =
        (ULONG)utf16_to_utf8(UnicodeString, BytesInUnicodeString / 2, NULL, 0, NULL);
    return STATUS_SUCCESS;
}
