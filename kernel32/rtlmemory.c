/*
 * The run-time library's routines for memory blocks. They touch the caller's memory as the caller
 * would: a bad pointer raises an access violation in the program, as on Windows.
 */
#include <string.h>
#include "kernel32/face.h"

/* Also RtlCopyMemory, which promises less. */
void nt_RtlMoveMemory(PVOID Destination, LPCVOID Source, SIZE_T Length)
{
    memmove(Destination, Source, Length);
}

/* Unlike memset the length comes before the byte. */
void nt_RtlFillMemory(PVOID Destination, SIZE_T Length, UCHAR Fill)
{
    memset(Destination, Fill, Length);
}

void nt_RtlZeroMemory(PVOID Destination, SIZE_T Length)
{
    memset(Destination, 0, Length);
}

/* Where the blocks first differ. Eight bytes at a time: of two unequal words the lowest set bit of
 * the difference tells the byte. */
SIZE_T nt_RtlCompareMemory(LPCVOID Source1, LPCVOID Source2, SIZE_T Length)
{
    const uint8_t *a = Source1, *b = Source2;
    SIZE_T done = 0;
    for (; Length - done >= 8; done += 8) {
        uint64_t x, y;
        memcpy(&x, a + done, 8);
        memcpy(&y, b + done, 8);
        if (x != y)
            return done + (SIZE_T)__builtin_ctzll(x ^ y) / 8;
    }
    while (done < Length && a[done] == b[done])
        done++;
    return done;
}

/* In bytes. Whole pattern words only: the odd bytes at the end are not looked at. */
SIZE_T nt_RtlCompareMemoryUlong(PVOID Source, SIZE_T Length, ULONG Pattern)
{
    const uint8_t *bytes = Source;
    SIZE_T done = 0;
    for (; Length - done >= 4; done += 4) {
        uint32_t word;
        memcpy(&word, bytes + done, 4);
        if (word != Pattern)
            break;
    }
    return done;
}
