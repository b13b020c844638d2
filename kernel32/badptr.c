/*
 * IsBad*Ptr: one access in each page of a range, with the fault turned into an answer. As on
 * Windows a guard page that is met is spent and counts as bad. Bytes never change: writing is tried
 * with an operation that leaves every bit as it is.
 */
#include "kernel32/face.h"
#include "memoryapi/guarded.h"

static bool can_read(uint64_t address)
{
    uint8_t byte;
    return guarded_read((const void *)address, &byte, 1);
}

static bool can_write(uint64_t address)
{
    return guarded_touch((void *)address);
}

/* Whether some page of [start, start + size) fails the probe. A range past the end of the address
 * space is bad. */
static BOOL is_bad(uint64_t start, uint64_t size, bool (*probe)(uint64_t address))
{
    uint64_t last;
    if (size == 0)
        return FALSE;
    if (add_overflows(start, size - 1, &last))
        return TRUE;
    for (uint64_t address = start; address <= last;) {
        if (!probe(address))
            return TRUE;
        uint64_t next = round_down(address, PAGE_SIZE) + PAGE_SIZE;
        if (next == 0)
            break;
        address = next;
    }
    return FALSE;
}

BOOL k32_IsBadReadPtr(LPCVOID lp, UINT_PTR ucb)
{
    return is_bad((uint64_t)lp, ucb, can_read);
}

BOOL k32_IsBadWritePtr(LPVOID lp, UINT_PTR ucb)
{
    return is_bad((uint64_t)lp, ucb, can_write);
}

/* One readable byte is all it asks for; it does not look whether the page may be executed. */
BOOL k32_IsBadCodePtr(FARPROC lpfn)
{
    if (can_read((uint64_t)lpfn))
        return FALSE;
    last_error_set(ERROR_NOACCESS);
    return TRUE;
}

BOOL k32_IsBadStringPtrA(LPCSTR lpsz, UINT_PTR ucchMax)
{
    for (UINT_PTR i = 0; i < ucchMax; i++) {
        char character;
        if (!guarded_read(lpsz + i, &character, 1))
            return TRUE;
        if (character == 0)
            break;
    }
    return FALSE;
}

BOOL k32_IsBadStringPtrW(LPCWSTR lpsz, UINT_PTR ucchMax)
{
    for (UINT_PTR i = 0; i < ucchMax; i++) {
        WCHAR character;
        if (!guarded_read(lpsz + i, &character, sizeof character))
            return TRUE;
        if (character == 0)
            break;
    }
    return FALSE;
}
