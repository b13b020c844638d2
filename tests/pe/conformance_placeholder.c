/* Placeholders: reservations that can be split, joined and replaced. */
#include "conformance.h"

#ifndef MEM_RESERVE_PLACEHOLDER
#define MEM_COALESCE_PLACEHOLDERS 0x1
#define MEM_PRESERVE_PLACEHOLDER  0x2
#define MEM_REPLACE_PLACEHOLDER   0x4000
#define MEM_RESERVE_PLACEHOLDER   0x40000
#endif

static char *placeholder(unsigned pages)
{
    return api.VirtualAlloc2(NULL, NULL, pages * PAGE, MEM_RESERVE | MEM_RESERVE_PLACEHOLDER,
                             PAGE_NOACCESS, NULL, 0);
}

static char *replace(void *base, unsigned pages, ULONG type)
{
    return api.VirtualAlloc2(NULL, base, pages * PAGE, MEM_REPLACE_PLACEHOLDER | type,
                             PAGE_READWRITE, NULL, 0);
}

/* Splits, or gives an allocation back to a placeholder. */
static BOOL preserve(void *base, unsigned pages)
{
    return VirtualFree(base, pages * PAGE, MEM_RELEASE | MEM_PRESERVE_PLACEHOLDER);
}

static BOOL coalesce(void *base, unsigned pages)
{
    return VirtualFree(base, pages * PAGE, MEM_RELEASE | MEM_COALESCE_PLACEHOLDERS);
}

static void vm113(void)
{
    char *p;
    if (!HERE(VirtualAlloc2))
        return;
    p = api.VirtualAlloc2(NULL, NULL, GRANULE, MEM_RESERVE | MEM_RESERVE_PLACEHOLDER,
                          PAGE_READWRITE, NULL, 0);
    ok("with access", p == NULL);
    drop(p);
    p = placeholder(8);
    ok("without", p != NULL);
    same("state", look(p).State, MEM_RESERVE);
    same("size", look(p).RegionSize, 8 * PAGE);
    drop(p);
}

static void vm114(void)
{
    char *p;
    if (!HERE(VirtualAlloc2))
        return;
    p = placeholder(8);
    ok("split", preserve(p, 2));
    same("first", look(p).RegionSize, 2 * PAGE);
    same("its base", (ULONG64)look(p).AllocationBase, (ULONG64)p);
    same("second", look(p + 2 * PAGE).RegionSize, 6 * PAGE);
    same("its base", (ULONG64)look(p + 2 * PAGE).AllocationBase, (ULONG64)p + 2 * PAGE);
    same("replace the second", (ULONG64)replace(p + 2 * PAGE, 6, MEM_RESERVE | MEM_COMMIT),
         (ULONG64)p + 2 * PAGE);
    same("first still reserved", look(p).State, MEM_RESERVE);
    same("second usable", probe_write(p + 7 * PAGE, PROBE_ONCE).code, 0);
    same("replace the first", (ULONG64)replace(p, 2, MEM_RESERVE), (ULONG64)p);
    same("commit in it", (ULONG64)VirtualAlloc(p, PAGE, MEM_COMMIT, PAGE_READWRITE), (ULONG64)p);
    drop(p);
    same("the other stays", look(p + 2 * PAGE).State, MEM_COMMIT);
    drop(p + 2 * PAGE);
}

static void vm115(void)
{
    char *p;
    if (!HERE(VirtualAlloc2))
        return;
    p = placeholder(8);
    ok("too short", replace(p, 4, MEM_RESERVE) == NULL);
    ok("too long", replace(p, 9, MEM_RESERVE) == NULL);
    ok("not at its base", replace(p + PAGE, 7, MEM_RESERVE) == NULL);
    same("unchanged", look(p).RegionSize, 8 * PAGE);
    same("exactly", (ULONG64)replace(p, 8, MEM_RESERVE), (ULONG64)p);
    drop(p);
}

static void vm116(void)
{
    char *p;
    if (!HERE(VirtualAlloc2))
        return;
    p = placeholder(8);
    preserve(p, 2);
    ok("ends inside the second", !coalesce(p, 4));
    ok("begins inside the first", !coalesce(p + PAGE, 7));
    ok("reaches beyond", !coalesce(p, 9));
    same("first", look(p).RegionSize, 2 * PAGE);
    same("second", look(p + 2 * PAGE).RegionSize, 6 * PAGE);
    ok("exactly", coalesce(p, 8));
    drop(p);
}

static void vm117(void)
{
    char *p;
    if (!HERE(VirtualAlloc2))
        return;
    p = placeholder(8);
    preserve(p + 2 * PAGE, 3); /* into 2, 3 and 3 */
    ok("joined", coalesce(p + 2 * PAGE, 6));
    ok("all", coalesce(p, 8));
    same("one", look(p).RegionSize, 8 * PAGE);
    same("base", (ULONG64)look(p + 7 * PAGE).AllocationBase, (ULONG64)p);
    same("replaced", (ULONG64)replace(p, 8, MEM_RESERVE | MEM_COMMIT), (ULONG64)p);
    drop(p);
    same("freed as one", look(p).State, MEM_FREE);
}

static void vm118(void)
{
    char *p;
    if (!HERE(VirtualAlloc2))
        return;
    p = placeholder(16);
    replace(p, 16, MEM_RESERVE | MEM_COMMIT);
    same("usable", probe_write(p + 5 * PAGE, PROBE_ONCE).code, 0);
    ok("back", preserve(p, 16));
    same("state", look(p).State, MEM_RESERVE);
    same("not accessible", probe_read(p, PROBE_ONCE).code, STATUS_ACCESS_VIOLATION);
    no_memory("nobody else may have it", VirtualAlloc(p, PAGE, MEM_RESERVE, PAGE_NOACCESS),
              ERROR_INVALID_ADDRESS);
    same("again", (ULONG64)replace(p, 16, MEM_RESERVE | MEM_COMMIT), (ULONG64)p);
    same("fresh", p[5 * PAGE], 0);
    drop(p);
}

static void vm119(void)
{
    char *p = take_rw(1);
    no_success("coalesce alone", VirtualFree(p, PAGE, MEM_COALESCE_PLACEHOLDERS),
               ERROR_INVALID_PARAMETER);
    same("unchanged", look(p).State, MEM_COMMIT);
    drop(p);
}

static void vm172(void)
{
    char *p;
    if (!HERE(VirtualAlloc2))
        return;
    p = placeholder(8);
    no_memory("commit", VirtualAlloc(p, PAGE, MEM_COMMIT, PAGE_READWRITE), ERROR_INVALID_ADDRESS);
    same("unchanged", look(p).RegionSize, 8 * PAGE);
    drop(p);
}

static void vm173(void)
{
    char *p;
    if (!HERE(VirtualAlloc2))
        return;
    p = placeholder(8);
    replace(p, 8, MEM_RESERVE | MEM_COMMIT);
    p[0] = 'f';
    p[7 * PAGE] = 'l';
    ok("the middle", preserve(p + 2 * PAGE, 3));
    same("state", look(p + 2 * PAGE).State, MEM_RESERVE);
    same("before it", look(p).RegionSize, 2 * PAGE);
    same("first byte", p[0], 'f');
    same("last byte", p[7 * PAGE], 'l');
    same("replaced", (ULONG64)replace(p + 2 * PAGE, 3, MEM_RESERVE | MEM_COMMIT),
         (ULONG64)p + 2 * PAGE);
    drop(p + 2 * PAGE);
    drop(p + 5 * PAGE);
    drop(p);
    same("all free", look(p).State, MEM_FREE);
}

const struct statement placeholder_statements[] = {S(113), S(114), S(115), S(116), S(117),
                                                   S(118), S(119), S(172), S(173), END};
