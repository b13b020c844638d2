/* Copying, filling, comparing; and asking whether a pointer is good. */
#include "conformance.h"

static void vm129(void)
{
    unsigned char block[24];
    unsigned i, wrong = 0;
    if (!HERE(RtlFillMemory))
        return;
    memset(block, 1, sizeof block);
    api.RtlFillMemory(block + 4, 16, 0xAB);
    for (i = 0; i < 24; i++)
        wrong += block[i] != (i >= 4 && i < 20 ? 0xAB : 1);
    same("wrong bytes", wrong, 0);
}

/* From each place in a block to each other, against a copy made byte by byte through a third. */
static void vm130(void)
{
    unsigned char block[48], expected[48], third[16];
    unsigned from, to, i, wrong = 0;
    if (!HERE(RtlMoveMemory))
        return;
    for (from = 0; from <= 32; from += 3)
        for (to = 0; to <= 32; to++) {
            for (i = 0; i < 48; i++)
                block[i] = expected[i] = (unsigned char)(i * 5 + 1);
            for (i = 0; i < 16; i++)
                third[i] = expected[from + i];
            for (i = 0; i < 16; i++)
                expected[to + i] = third[i];
            api.RtlMoveMemory(block + to, block + from, 16);
            for (i = 0; i < 48; i++)
                wrong += block[i] != expected[i];
        }
    same("wrong bytes", wrong, 0);
}

static void vm131(void)
{
    char a[40], b[40];
    unsigned at;
    if (!HERE(RtlCompareMemory))
        return;
    for (at = 0; at < 40; at++)
        a[at] = b[at] = (char)at;
    same("all", api.RtlCompareMemory(a, b, 40), 40);
    same("none", api.RtlCompareMemory(a, b, 0), 0);
    for (at = 0; at < 40; at++) {
        b[at] ^= 1;
        same("up to the difference", api.RtlCompareMemory(a, b, 40), at);
        same("not beyond the length", api.RtlCompareMemory(a, b, at), at);
        b[at] ^= 1;
    }
}

static void vm132(void)
{
    char *p = take(PAGE, MEM_RESERVE, PAGE_NOACCESS);
    ok("nowhere", !IsBadReadPtr(NULL, 0));
    ok("reserved", !IsBadReadPtr(p, 0));
    ok("the last byte of all", !IsBadReadPtr((void *)~0ull, 0));
    drop(p);
}

static void vm133(void)
{
    char *p = take_rw(1);
    ok("inside", !IsBadReadPtr(p, PAGE));
    ok("one byte beyond", IsBadReadPtr(p, PAGE + 1));
    ok("only beyond", IsBadReadPtr(p + PAGE, 1));
    ok("written too", !IsBadWritePtr(p, PAGE));
    ok("written beyond", IsBadWritePtr(p + PAGE - 1, 2));
    drop(p);
}

static void vm134(void)
{
    char *p = take(PAGE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE | PAGE_GUARD);
    ok("bad", IsBadReadPtr(p, 1));
    same("guard spent", look(p).Protect, PAGE_READWRITE);
    ok("good", !IsBadReadPtr(p, 1));
    drop(p);
}

static void vm184(void)
{
    char *p = take_rw(2);
    unsigned i, wrong = 0;
    ok("read", IsBadReadPtr(NULL, 1));
    ok("write", IsBadWritePtr(NULL, 1));
    memset(p, 0x3C, 2 * PAGE);
    ok("good", !IsBadWritePtr(p, 2 * PAGE));
    for (i = 0; i < 2 * PAGE; i++)
        wrong += p[i] != 0x3C;
    same("bytes changed", wrong, 0);
    drop(p);
}

const struct statement bytes_statements[] = {S(129), S(130), S(131), S(132),
                                             S(133), S(134), S(184), END};
