/* Pages kept in memory, and the limit on them. */
#include "conformance.h"

static void vm092(void)
{
    char *p = take_rw(1);
    ok("lock", VirtualLock(p, PAGE));
    ok("unlock", VirtualUnlock(p, PAGE));
    drop(p);
}

static void vm093(void)
{
    char *p = take_rw(1);
    ok("lock", VirtualLock(p, PAGE));
    ok("lock again", VirtualLock(p, PAGE));
    ok("unlock", VirtualUnlock(p, PAGE));
    no_success("unlock again", VirtualUnlock(p, PAGE), ERROR_NOT_LOCKED);
    drop(p);
}

static void vm094(void)
{
    char *p = take_rw(2);
    no_success("never locked", VirtualUnlock(p, PAGE), ERROR_NOT_LOCKED);
    ok("lock the first", VirtualLock(p, PAGE));
    no_success("one of two", VirtualUnlock(p, 2 * PAGE), ERROR_NOT_LOCKED);
    drop(p);
}

static void vm095(void)
{
    char *p = take(2 * PAGE, MEM_RESERVE, PAGE_NOACCESS);
    VirtualAlloc(p, PAGE, MEM_COMMIT, PAGE_READWRITE);
    ok("refused", !VirtualLock(p, 2 * PAGE));
    no_success("the first is not locked", VirtualUnlock(p, PAGE), ERROR_NOT_LOCKED);
    drop(p);
}

static void vm096(void)
{
    char *p = take(PAGE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE | PAGE_GUARD);
    no_success("guard", VirtualLock(p, PAGE), (DWORD)STATUS_GUARD_PAGE_VIOLATION);
    same("guard spent", look(p).Protect, PAGE_READWRITE);
    ok("second time", VirtualLock(p, PAGE));
    ok("unlock", VirtualUnlock(p, PAGE));
    drop(p);
}

static void vm097(void)
{
    enum { WANTED = 300 };
    char *p = take_rw(WANTED);
    SIZE_T minimum = 0, maximum = 0;
    ok("limits", GetProcessWorkingSetSize(GetCurrentProcess(), &minimum, &maximum));
    no_success("more than the minimum", VirtualLock(p, WANTED * PAGE), ERROR_WORKING_SET_QUOTA);
    no_success("nothing is locked", VirtualUnlock(p, PAGE), ERROR_NOT_LOCKED);
    ok("raise",
       SetProcessWorkingSetSize(GetCurrentProcess(), (WANTED + 64) * PAGE, (WANTED + 512) * PAGE));
    ok("lock", VirtualLock(p, WANTED * PAGE));
    ok("unlock", VirtualUnlock(p, WANTED * PAGE));
    ok("restore", SetProcessWorkingSetSize(GetCurrentProcess(), minimum, maximum));
    drop(p);
}

static void vm160(void)
{
    char *p = neighbours(MEM_RESERVE | MEM_COMMIT);
    ok("lock", VirtualLock(p + GRANULE - PAGE, 2 * PAGE));
    ok("unlock the second", VirtualUnlock(p + GRANULE, PAGE));
    ok("unlock the first", VirtualUnlock(p + GRANULE - PAGE, PAGE));
    drop(p);
    drop(p + GRANULE);
}

static void vm161(void)
{
    char *p = take(3 * PAGE, MEM_RESERVE, PAGE_NOACCESS);
    VirtualAlloc(p, PAGE, MEM_COMMIT, PAGE_NOACCESS);
    no_success("no access", VirtualLock(p, PAGE), ERROR_NOACCESS);
    no_success("reserved", VirtualLock(p + PAGE, PAGE), ERROR_NOACCESS);
    drop(p);
    no_success("free", VirtualLock(p, PAGE), ERROR_INVALID_ADDRESS);
}

static void vm162(void)
{
    char *p = take_rw(2);
    ok("lock", VirtualLock(p, PAGE));
    no_success("both", VirtualUnlock(p, 2 * PAGE), ERROR_NOT_LOCKED);
    ok("still locked", VirtualUnlock(p, PAGE));
    drop(p);
}

const struct statement lock_statements[] = {S(092), S(093), S(094), S(095), S(096),
                                            S(097), S(160), S(161), S(162), END};
