/* Pages that the system may take away: offered, reclaimed, discarded. */
#include "conformance.h"

static void vm098(void)
{
    char *p;
    struct probe met;
    if (!HERE(OfferVirtualMemory))
        return;
    p = take_rw(4);
    memset(p, 'o', 4 * PAGE);
    same("offer", api.OfferVirtualMemory(p + PAGE, 2 * PAGE, 4), 0);
    met = probe_read(p + PAGE, PROBE_ONCE);
    same("read", met.code, STATUS_ACCESS_VIOLATION);
    same("write", probe_write(p + 2 * PAGE, PROBE_ONCE).code, STATUS_ACCESS_VIOLATION);
    same("outside", probe_read(p + 3 * PAGE, PROBE_ONCE).code, 0);
    same("state", look(p + PAGE).State, MEM_COMMIT);
    drop(p);
}

static void vm099(void)
{
    char *p;
    unsigned i, wrong = 0;
    DWORD result;
    if (!HERE(OfferVirtualMemory))
        return;
    p = take_rw(16);
    for (i = 0; i < 16 * PAGE; i++)
        p[i] = (char)(i / 3);
    api.OfferVirtualMemory(p, 16 * PAGE, 1);
    result = api.ReclaimVirtualMemory(p, 16 * PAGE);
    ok("intact or discarded", result == ERROR_SUCCESS || result == ERROR_BUSY);
    same("accessible", probe_write(p, PROBE_ONCE).code, 0);
    p[0] = 0;
    for (i = 0; i < 16 * PAGE; i++)
        wrong += p[i] != (char)(i / 3);
    if (result == ERROR_SUCCESS)
        same("wrong bytes", wrong, 0);
    drop(p);
}

static void vm100(void)
{
    char *p;
    if (!HERE(OfferVirtualMemory))
        return;
    p = take_rw(2);
    ok("address", api.OfferVirtualMemory(p + 1, PAGE, 4) != 0);
    ok("size", api.OfferVirtualMemory(p, PAGE + 1, 4) != 0);
    ok("priority 0", api.OfferVirtualMemory(p, PAGE, 0) != 0);
    ok("priority 5", api.OfferVirtualMemory(p, PAGE, 5) != 0);
    ok("reclaim address", api.ReclaimVirtualMemory(p + 1, PAGE) != 0);
    ok("discard size", api.DiscardVirtualMemory(p, 100) != 0);
    same("untouched", probe_write(p, PROBE_ONCE).code, 0);
    drop(p);
}

static void vm101(void)
{
    char *p;
    DWORD old;
    if (!HERE(OfferVirtualMemory))
        return;
    p = take_rw(1);
    p[7] = 'd';
    VirtualProtect(p, PAGE, PAGE_READONLY, &old);
    ok("refused", api.DiscardVirtualMemory(p, PAGE) != 0);
    same("unaltered", p[7], 'd');
    drop(p);
}

static void vm102(void)
{
    char *p;
    if (!HERE(OfferVirtualMemory))
        return;
    p = take_rw(2);
    p[0] = 1;
    same("discard", api.DiscardVirtualMemory(p, 2 * PAGE), 0);
    same("state", look(p).State, MEM_COMMIT);
    p[0] = 9;
    same("writable", p[0], 9);
    drop(p);
}

static void vm142(void)
{
    char *p;
    if (!HERE(OfferVirtualMemory))
        return;
    p = take_rw(1);
    same("offer of an odd size", api.OfferVirtualMemory(p, 5, 4), ERROR_INVALID_PARAMETER);
    drop(p);
}

static void vm163(void)
{
    char *p;
    if (!HERE(ReclaimVirtualMemory))
        return;
    p = take_rw(2);
    p[PAGE] = 'r';
    same("reclaim", api.ReclaimVirtualMemory(p, 2 * PAGE), 0);
    same("kept", p[PAGE], 'r');
    drop(p);
}

static void vm164(void)
{
    char *p;
    if (!HERE(OfferVirtualMemory))
        return;
    p = take_rw(4);
    same("offer", api.OfferVirtualMemory(p, 2 * PAGE, 2), 0);
    same("state", look(p).State, MEM_COMMIT);
    same("protect", look(p).Protect, PAGE_READWRITE);
    drop(p);
}

static void vm165(void)
{
    char *p;
    if (!HERE(OfferVirtualMemory) || !HERE(ReclaimVirtualMemory) || !HERE(DiscardVirtualMemory))
        return;
    p = take_rw(1);
    SetLastError(4711);
    ok("mistakes", api.OfferVirtualMemory(p, 5, 4) && api.ReclaimVirtualMemory(p, 5) &&
                       api.DiscardVirtualMemory(p, 5));
    same("last error", GetLastError(), 4711);
    ok("successes", !api.OfferVirtualMemory(p, PAGE, 4));
    api.ReclaimVirtualMemory(p, PAGE);
    api.DiscardVirtualMemory(p, PAGE);
    same("last error", GetLastError(), 4711);
    drop(p);
}

const struct statement offer_statements[] = {S(098), S(099), S(100), S(101), S(102),
                                             S(142), S(163), S(164), S(165), END};
