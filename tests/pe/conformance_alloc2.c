/* VirtualAlloc2 and its kin: address requirements, nodes, and what an app may not ask for. */
#include "conformance.h"

static char *alloc2(void *base, SIZE_T size, ULONG type, MEM_EXTENDED_PARAMETER *extended)
{
    return api.VirtualAlloc2(GetCurrentProcess(), base, size, type, PAGE_NOACCESS, extended,
                             extended ? 1 : 0);
}

/* A reservation of `size` bytes that meets the requirements. */
static char *required(SIZE_T size, ULONG64 lowest, ULONG64 highest, SIZE_T alignment)
{
    MEM_ADDRESS_REQUIREMENTS wanted = {(void *)lowest, (void *)highest, alignment};
    MEM_EXTENDED_PARAMETER parameter;

    memset(&parameter, 0, sizeof parameter);
    parameter.Type = MemExtendedParameterAddressRequirements;
    parameter.Pointer = &wanted;
    return alloc2(NULL, size, MEM_RESERVE, &parameter);
}

static void vm037(void)
{
    char *p;
    if (!HERE(VirtualAllocExNuma))
        return;
    p = take(4 * PAGE, MEM_RESERVE, PAGE_NOACCESS);
    same("commit on a node that is not there",
         (ULONG64)api.VirtualAllocExNuma(GetCurrentProcess(), p + PAGE, PAGE, MEM_COMMIT,
                                         PAGE_READWRITE, 0xFFFE),
         (ULONG64)p + PAGE);
    same("committed", look(p + PAGE).State, MEM_COMMIT);
    drop(p);
}

static void vm038(void)
{
    char *p;
    if (!HERE(VirtualAlloc2))
        return;
    p = free_place(2 * GRANULE);
    ok("a page above", alloc2(p + PAGE, PAGE, MEM_RESERVE, NULL) == NULL);
    ok("a byte above", alloc2(p + 1, PAGE, MEM_RESERVE, NULL) == NULL);
    same("nothing there", look(p).State, MEM_FREE);
    same("at the granule", (ULONG64)alloc2(p, PAGE, MEM_RESERVE, NULL), (ULONG64)p);
    drop(p);
}

static void vm039(void)
{
    char *p;
    if (!HERE(VirtualAlloc2))
        return;
    p = alloc2(NULL, 2 * PAGE, MEM_RESERVE, NULL);
    ok("memory", p != NULL);
    same("size", look(p).RegionSize, 2 * PAGE);
    same("behind it", look(p + 2 * PAGE).State, MEM_FREE);
    drop(p);
}

static void vm040(void)
{
    char *p;
    if (!HERE(VirtualAlloc2))
        return;
    p = api.VirtualAlloc2(NULL, NULL, PAGE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE, NULL, 0);
    ok("memory", p != NULL);
    same("of this process", look(p).State, MEM_COMMIT);
    same("usable", probe_write(p, PROBE_ONCE).code, 0);
    drop(p);
}

/* Several, so that none is aligned by chance. */
static void vm041(void)
{
    char *taken[6];
    unsigned i;
    if (!HERE(VirtualAlloc2))
        return;
    for (i = 0; i < 6; i++) {
        taken[i] = required(GRANULE, 0, 0, 1 << 21);
        ok("memory", taken[i] != NULL);
        same("offset", (ULONG64)taken[i] % (1 << 21), 0);
    }
    for (i = 0; i < 6; i++)
        drop(taken[i]);
}

static void vm042(void)
{
    char *p;
    if (!HERE(VirtualAlloc2))
        return;
    p = required(5 * GRANULE, 0, 0x7FFFFFFF, 0);
    ok("memory", p != NULL);
    ok("below the end", (ULONG64)p + 5 * GRANULE - 1 <= 0x7FFFFFFF);
    drop(p);
    /* exactly as much as there is room for */
    p = required(0x100000, 0x210000000000, 0x2100000FFFFF, 0);
    same("the only place", (ULONG64)p, 0x210000000000);
    ok("no second one", required(GRANULE, 0x210000000000, 0x2100000FFFFF, 0) == NULL);
    drop(p);
}

static void vm043(void)
{
    char *p, *q;
    if (!HERE(VirtualAlloc2))
        return;
    p = required(GRANULE, 0x10000000, 0, 0);
    ok("memory", p != NULL);
    ok("not below", (ULONG64)p >= 0x10000000);
    q = required(GRANULE, 0x4560000000, 0, 0);
    ok("far up", (ULONG64)q >= 0x4560000000);
    drop(p);
    drop(q);
}

static void vm044(void)
{
    if (!HERE(VirtualAlloc2))
        return;
    no_memory("not a power of two", required(GRANULE, 0, 0, 3 * GRANULE), ERROR_INVALID_PARAMETER);
    no_memory("below the granularity", required(GRANULE, 0, 0, GRANULE / 2),
              ERROR_INVALID_PARAMETER);
}

static void vm045(void)
{
    if (!HERE(VirtualAlloc2))
        return;
    no_memory("a byte less", required(GRANULE, 0, 0x7FFFFFFE, 0), ERROR_INVALID_PARAMETER);
    no_memory("a granule's first byte", required(GRANULE, 0, 0x7FFF0000, 0),
              ERROR_INVALID_PARAMETER);
    no_memory("a page's last byte", required(GRANULE, 0, 0x7FFF0FFF, 0), ERROR_INVALID_PARAMETER);
}

static void with_base(MEM_ADDRESS_REQUIREMENTS wanted, int accepted)
{
    MEM_EXTENDED_PARAMETER parameter;
    char *p = free_place(GRANULE), *got;

    memset(&parameter, 0, sizeof parameter);
    parameter.Type = MemExtendedParameterAddressRequirements;
    parameter.Pointer = &wanted;
    got = alloc2(p, GRANULE, MEM_RESERVE, &parameter);
    same("base", (ULONG64)got, accepted ? (ULONG64)p : 0);
    drop(got);
}

static void vm046(void)
{
    if (!HERE(VirtualAlloc2))
        return;
    with_base((MEM_ADDRESS_REQUIREMENTS){(void *)0x10000, NULL, 0}, 0);
    with_base((MEM_ADDRESS_REQUIREMENTS){NULL, (void *)0x7FFFFFFEFFFF, 0}, 0);
    with_base((MEM_ADDRESS_REQUIREMENTS){NULL, NULL, GRANULE}, 0);
}

static void vm047(void)
{
    char *p;
    if (!HERE(VirtualAlloc2))
        return;
    with_base((MEM_ADDRESS_REQUIREMENTS){NULL, NULL, 0}, 1);
    p = required(GRANULE, 0, 0, 0);
    ok("memory", p != NULL);
    drop(p);
}

static void vm048(void)
{
    static const ULONG executable[] = {PAGE_EXECUTE, PAGE_EXECUTE_READ, PAGE_EXECUTE_READWRITE};
    unsigned i;
    char *p;
    if (!HERE(VirtualAllocFromApp))
        return;
    for (i = 0; i < 3; i++) {
        p = api.VirtualAllocFromApp(NULL, PAGE, MEM_RESERVE | MEM_COMMIT, executable[i]);
        ok("refused", p == NULL);
        drop(p);
    }
    p = api.VirtualAllocFromApp(NULL, PAGE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    ok("data", p != NULL);
    drop(p);
}

static void vm077(void)
{
    char *p;
    ULONG old = 0;
    if (!HERE(VirtualProtectFromApp))
        return;
    p = take_rw(1);
    ok("refused", !api.VirtualProtectFromApp(p, PAGE, PAGE_EXECUTE_READWRITE, &old));
    same("unchanged", look(p).Protect, PAGE_READWRITE);
    ok("read-only", api.VirtualProtectFromApp(p, PAGE, PAGE_READONLY, &old));
    same("old", old, PAGE_READWRITE);
    same("new", look(p).Protect, PAGE_READONLY);
    drop(p);
}

static void vm170(void)
{
    MEM_EXTENDED_PARAMETER node;
    char *p;
    if (!HERE(VirtualAllocExNuma) || !HERE(VirtualAlloc2))
        return;
    no_memory(
        "no such node",
        api.VirtualAllocExNuma(GetCurrentProcess(), NULL, PAGE, MEM_RESERVE, PAGE_NOACCESS, 0xFFFE),
        ERROR_INVALID_PARAMETER);
    memset(&node, 0, sizeof node);
    node.Type = MemExtendedParameterNumaNode;
    node.ULong = 0xFFFE;
    no_memory("no such node", alloc2(NULL, PAGE, MEM_RESERVE, &node), ERROR_INVALID_PARAMETER);
    p = api.VirtualAllocExNuma(GetCurrentProcess(), NULL, PAGE, MEM_RESERVE, PAGE_NOACCESS,
                               0xFFFFFFFF);
    ok("no preference", p != NULL);
    drop(p);
    node.ULong = 0;
    p = alloc2(NULL, PAGE, MEM_RESERVE, &node);
    ok("the first node", p != NULL);
    drop(p);
}

static void vm171(void)
{
    MEM_EXTENDED_PARAMETER two[2];
    if (!HERE(VirtualAlloc2))
        return;
    memset(two, 0, sizeof two);
    two[0].Type = 77;
    no_memory("unknown", alloc2(NULL, PAGE, MEM_RESERVE, two), ERROR_INVALID_PARAMETER);
    two[0].Type = two[1].Type = MemExtendedParameterNumaNode;
    no_memory("twice", api.VirtualAlloc2(NULL, NULL, PAGE, MEM_RESERVE, PAGE_NOACCESS, two, 2),
              ERROR_INVALID_PARAMETER);
    two[0].Reserved = 1;
    no_memory("reserved bits", alloc2(NULL, PAGE, MEM_RESERVE, two), ERROR_INVALID_PARAMETER);
    no_memory("none", api.VirtualAlloc2(NULL, NULL, PAGE, MEM_RESERVE, PAGE_NOACCESS, NULL, 1),
              ERROR_INVALID_PARAMETER);
}

const struct statement alloc2_statements[] = {S(037), S(038), S(039), S(040), S(041), S(042),
                                              S(043), S(044), S(045), S(046), S(047), S(048),
                                              S(077), S(170), S(171), END};
