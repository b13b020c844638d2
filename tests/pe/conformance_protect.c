/* Protections, and the exceptions of an access that they refuse. */
#include "conformance.h"

static void vm062(void)
{
    char *p = take_rw(1);
    DWORD old = 0;
    ok("protected", VirtualProtect(p, PAGE, PAGE_READONLY, &old));
    same("old", old, PAGE_READWRITE);
    ok("again", VirtualProtect(p, PAGE, PAGE_NOACCESS, &old));
    same("old", old, PAGE_READONLY);
    drop(p);
}

static void vm063(void)
{
    char *p = take_rw(2);
    DWORD old = 0;
    VirtualProtect(p, PAGE, PAGE_READONLY, &old);
    ok("both", VirtualProtect(p, 2 * PAGE, PAGE_NOACCESS, &old));
    same("old of the first", old, PAGE_READONLY);
    drop(p);
}

static void vm064(void)
{
    char *p = take(3 * PAGE, MEM_RESERVE, PAGE_NOACCESS);
    DWORD old = 0;
    VirtualAlloc(p, PAGE, MEM_COMMIT, PAGE_READWRITE);
    no_success("one reserved page", VirtualProtect(p, 2 * PAGE, PAGE_READONLY, &old),
               ERROR_INVALID_ADDRESS);
    same("unchanged", look(p).Protect, PAGE_READWRITE);
    drop(p);
}

static void vm065(void)
{
    char *p = take_rw(1);
    no_success("no place for the old", VirtualProtect(p, PAGE, PAGE_READONLY, NULL),
               ERROR_NOACCESS);
    same("unchanged", look(p).Protect, PAGE_READWRITE);
    drop(p);
}

static void vm066(void)
{
    char *p = neighbours(MEM_RESERVE | MEM_COMMIT);
    DWORD old = 0;
    ok("refused", !VirtualProtect(p + GRANULE - PAGE, 2 * PAGE, PAGE_READONLY, &old));
    same("unchanged", look(p).Protect, PAGE_READWRITE);
    drop(p);
    drop(p + GRANULE);
}

static void vm067(void)
{
    char *p = take_rw(4);
    DWORD old;
    VirtualProtect(p + 2 * PAGE - 1, 2, PAGE_READONLY, &old);
    same("first", look(p).RegionSize, PAGE);
    same("two pages", look(p + PAGE).RegionSize, 2 * PAGE);
    same("protect", look(p + PAGE).Protect, PAGE_READONLY);
    drop(p);
}

static void vm068(void)
{
    char *p = take(PAGE, MEM_RESERVE | MEM_COMMIT, PAGE_NOACCESS);
    struct probe met = probe_read(p + 17, PROBE_ONCE);
    same("code", met.code, STATUS_ACCESS_VIOLATION);
    same("parameters", met.parameters, 2);
    same("kind", met.kind, 0);
    same("address", met.address, (ULONG64)p + 17);
    drop(p);
}

static void vm069(void)
{
    char *p = take(PAGE, MEM_RESERVE | MEM_COMMIT, PAGE_READONLY);
    struct probe met = probe_write(p, PROBE_ONCE);
    same("code", met.code, STATUS_ACCESS_VIOLATION);
    same("kind", met.kind, 1);
    same("a read goes through", probe_read(p, PROBE_ONCE).code, 0);
    drop(p);
}

static void vm070(void)
{
    char *p = take_rw(1);
    struct probe met;
    DWORD old;
    p[0] = (char)0xC3; /* ret */
    met = probe_call(p);
    same("code", met.code, STATUS_ACCESS_VIOLATION);
    same("kind", met.kind, 8);
    same("address", met.address, (ULONG64)p);
    VirtualProtect(p, PAGE, PAGE_EXECUTE_READ, &old);
    FlushInstructionCache(GetCurrentProcess(), p, PAGE);
    same("executable memory runs", probe_call(p).code, 0);
    drop(p);
}

static void vm071(void)
{
    char *p = take(PAGE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE | PAGE_GUARD);
    struct probe met = probe_write(p + 9, PROBE_RETRY);
    same("first", met.first, STATUS_GUARD_PAGE_VIOLATION);
    same("then none", met.count, 1);
    same("written", p[9], 0x5A);
    same("address", met.address, (ULONG64)p + 9);
    drop(p);
}

static void vm072(void)
{
    char *p = take(2 * PAGE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE | PAGE_GUARD);
    same("before", look(p).Protect, PAGE_READWRITE | PAGE_GUARD);
    probe_read(p, PROBE_RETRY);
    same("after", look(p).Protect, PAGE_READWRITE);
    same("only that page", look(p).RegionSize, PAGE);
    drop(p);
}

static void vm073(void)
{
    char *p = take(PAGE, MEM_RESERVE | MEM_COMMIT, PAGE_READONLY | PAGE_GUARD);
    struct probe met = probe_write(p, PROBE_RETRY);
    same("first", met.first, STATUS_GUARD_PAGE_VIOLATION);
    same("then", met.code, STATUS_ACCESS_VIOLATION);
    same("kind", met.kind, 1);
    drop(p);
}

static void vm074(void)
{
    char *p = take(PAGE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE | PAGE_GUARD);
    DWORD old = 0;
    probe_read(p, PROBE_RETRY);
    VirtualProtect(p, PAGE, PAGE_READWRITE | PAGE_GUARD, &old);
    same("old has no guard", old, PAGE_READWRITE);
    same("again", probe_read(p, PROBE_RETRY).first, STATUS_GUARD_PAGE_VIOLATION);
    drop(p);
}

static void vm076(void)
{
    char *p = take_rw(1);
    DWORD old;
    VirtualProtect(p, PAGE, PAGE_EXECUTE_READ, &old);
    same("allocation protect", look(p).AllocationProtect, PAGE_READWRITE);
    same("protect", look(p).Protect, PAGE_EXECUTE_READ);
    drop(p);
}

static void vm151(void)
{
    static const DWORD each[] = {PAGE_NOACCESS,     PAGE_EXECUTE,           PAGE_READONLY,
                                 PAGE_EXECUTE_READ, PAGE_EXECUTE_READWRITE, PAGE_READWRITE};
    char *p = take_rw(2);
    unsigned from, to;
    DWORD old = 0;
    p[0] = 'a';
    p[2 * PAGE - 1] = 'z';
    for (from = 0; from < 6; from++)
        for (to = 0; to < 6; to++) {
            VirtualProtect(p, 2 * PAGE, each[from], &old);
            ok("changed", VirtualProtect(p, 2 * PAGE, each[to], &old));
            same("old", old, each[from]);
            same("new", look(p).Protect, each[to]);
        }
    same("first byte", p[0], 'a');
    same("last byte", p[2 * PAGE - 1], 'z');
    drop(p);
}

static void vm158(void)
{
    char *p = take(2 * PAGE, MEM_RESERVE, PAGE_NOACCESS);
    DWORD old = 0x5555;
    VirtualAlloc(p, PAGE, MEM_COMMIT, PAGE_READWRITE);
    ok("reserved page", !VirtualProtect(p, 2 * PAGE, PAGE_READONLY, &old));
    same("untouched", old, 0x5555);
    ok("nonsense", !VirtualProtect(p, PAGE, 3, &old));
    same("untouched", old, 0x5555);
    drop(p);
    ok("free memory", !VirtualProtect(p, PAGE, PAGE_READONLY, &old));
    same("untouched", old, 0x5555);
}

static void vm159(void)
{
    char *p = take_rw(1);
    DWORD old;
    no_success("size 0", VirtualProtect(p, 0, PAGE_READONLY, &old), ERROR_INVALID_PARAMETER);
    same("unchanged", look(p).Protect, PAGE_READWRITE);
    drop(p);
}

static void vm185(void)
{
    char *p = take(PAGE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE | PAGE_GUARD);
    struct probe met = probe_write(p + 100, PROBE_ONCE);
    same("code", met.code, STATUS_GUARD_PAGE_VIOLATION);
    same("parameters", met.parameters, 2);
    same("kind", met.kind, 1);
    same("address", met.address, (ULONG64)p + 100);
    drop(p);
}

static void vm186(void)
{
    struct probe met = probe_read((void *)0x0123456789ABCDEF, PROBE_ONCE);
    same("code", met.code, STATUS_ACCESS_VIOLATION);
    same("parameters", met.parameters, 2);
    same("kind", met.kind, 0);
    same("address", met.address, ~0ull);
}

/* Of its own pages, so that nothing else of this program lies in them. */
static __attribute__((aligned(PAGE))) const char constant[2 * PAGE] = {1};
static __attribute__((aligned(PAGE))) char variable[2 * PAGE] = {1};

static void vm196(void)
{
    DWORD old = 0;
    const DWORD code = PAGE_EXECUTE_READWRITE;
    same("a variable", look(variable + PAGE).Protect, PAGE_WRITECOPY);
    ok("constant", VirtualProtect((void *)constant, PAGE, PAGE_READWRITE, &old));
    same("old", old, PAGE_READONLY);
    same("shown", look(constant).Protect, PAGE_WRITECOPY);
    ok("executable", VirtualProtect((void *)constant, PAGE, code, &old));
    same("old", old, PAGE_WRITECOPY);
    same("shown", look(constant).Protect, PAGE_EXECUTE_WRITECOPY);
    same("allocated as", look(constant).AllocationProtect, PAGE_EXECUTE_WRITECOPY);
    same("can be written", probe_write((void *)(constant + 9), PROBE_ONCE).code, 0);
    ok("back", VirtualProtect((void *)constant, PAGE, PAGE_READONLY, &old));
    same("shown", look(constant).Protect, PAGE_READONLY);
    same("kept", *(volatile const char *)(constant + 9), 0x5A);
    ok("guarded", VirtualProtect(variable, PAGE, PAGE_READWRITE | PAGE_GUARD, &old));
    same("shown", look(variable).Protect, PAGE_WRITECOPY | PAGE_GUARD);
    same("met", probe_read(variable, PROBE_RETRY).first, STATUS_GUARD_PAGE_VIOLATION);
    same("then", look(variable).Protect, PAGE_WRITECOPY);
}

const struct statement protect_statements[] = {
    S(062), S(063), S(064), S(065), S(066), S(067), S(068), S(069), S(070), S(071), S(072),
    S(073), S(074), S(076), S(151), S(158), S(159), S(185), S(186), S(196), END};
