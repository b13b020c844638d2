/* Memory that remembers which of its pages were written. */
#include "conformance.h"

#define WATCHED (MEM_RESERVE | MEM_COMMIT | MEM_WRITE_WATCH)

static struct {
    void *pages[8];
    ULONG_PTR count;
    DWORD granularity;
} seen;

/* What was written among the first eight pages; with the flag 1 the watch starts anew. */
static UINT watch(void *base, DWORD flags)
{
    memset(&seen, 0, sizeof seen);
    seen.count = 8;
    return api.GetWriteWatch(flags, base, 8 * PAGE, seen.pages, &seen.count, &seen.granularity);
}

static void vm104(void)
{
    char *p;
    if (!HERE(GetWriteWatch))
        return;
    p = take(8 * PAGE, WATCHED, PAGE_READWRITE);
    ok("memory", p != NULL);
    same("before", watch(p, 0), 0);
    same("none", seen.count, 0);
    probe_write(p + 3 * PAGE + 77, PROBE_ONCE);
    probe_write(p, PROBE_ONCE);
    same("result", watch(p, 0), 0);
    same("count", seen.count, 2);
    same("granularity", seen.granularity, PAGE);
    same("first", (ULONG64)seen.pages[0], (ULONG64)p);
    same("second", (ULONG64)seen.pages[1], (ULONG64)p + 3 * PAGE);
    same("asking does not reset", watch(p, 0), 0);
    same("count", seen.count, 2);
    drop(p);
}

static void vm105(void)
{
    char *p;
    if (!HERE(GetWriteWatch))
        return;
    p = take(8 * PAGE, WATCHED, PAGE_READWRITE);
    probe_write(p + PAGE, PROBE_ONCE);
    same("read and reset", watch(p, 1 /* WRITE_WATCH_FLAG_RESET */), 0);
    same("count", seen.count, 1);
    same("again", watch(p, 1), 0);
    same("none", seen.count, 0);
    probe_write(p + PAGE, PROBE_ONCE);
    same("written again", watch(p, 0), 0);
    same("count", seen.count, 1);
    drop(p);
}

static void vm106(void)
{
    char *p;
    if (!HERE(GetWriteWatch) || !HERE(ResetWriteWatch))
        return;
    p = take(8 * PAGE, WATCHED, PAGE_READWRITE);
    probe_write(p, PROBE_ONCE);
    probe_write(p + 7 * PAGE, PROBE_ONCE);
    same("reset the upper half", api.ResetWriteWatch(p + 4 * PAGE, 4 * PAGE), 0);
    same("ask", watch(p, 0), 0);
    same("the lower half", seen.count, 1);
    same("reset", api.ResetWriteWatch(p, 8 * PAGE), 0);
    same("ask", watch(p, 0), 0);
    same("none", seen.count, 0);
    drop(p);
}

static void vm107(void)
{
    char *p;
    unsigned i;
    if (!HERE(GetWriteWatch))
        return;
    p = take(8 * PAGE, WATCHED, PAGE_READWRITE);
    for (i = 0; i < 8; i++)
        same("read", probe_read(p + i * PAGE, PROBE_ONCE).code, 0);
    same("ask", watch(p, 0), 0);
    same("none", seen.count, 0);
    drop(p);
}

static void vm108(void)
{
    char *p;
    if (!HERE(GetWriteWatch) || !HERE(ResetWriteWatch))
        return;
    p = take_rw(8);
    ok("not watched", watch(p, 0) != 0);
    ok("reset", api.ResetWriteWatch(p, 8 * PAGE) != 0);
    drop(p);
}

static void vm166(void)
{
    char *p;
    unsigned i;
    if (!HERE(GetWriteWatch))
        return;
    p = take(8 * PAGE, WATCHED, PAGE_READWRITE);
    for (i = 0; i < 8; i += 2)
        probe_write(p + i * PAGE, PROBE_ONCE);
    seen.count = 3;
    same("room for three",
         api.GetWriteWatch(1, p, 8 * PAGE, seen.pages, &seen.count, &seen.granularity), 0);
    same("count", seen.count, 3);
    same("first", (ULONG64)seen.pages[0], (ULONG64)p);
    same("third", (ULONG64)seen.pages[2], (ULONG64)p + 4 * PAGE);
    same("the rest", watch(p, 0), 0);
    same("count", seen.count, 1);
    same("which", (ULONG64)seen.pages[0], (ULONG64)p + 6 * PAGE);
    drop(p);
}

static void vm167(void)
{
    char *p;
    if (!HERE(GetWriteWatch))
        return;
    p = take(8 * PAGE, WATCHED, PAGE_READWRITE);
    probe_write(p + PAGE, PROBE_ONCE);
    probe_write(p + 2 * PAGE, PROBE_ONCE);
    ok("decommit", VirtualFree(p + PAGE, PAGE, MEM_DECOMMIT));
    VirtualAlloc(p + PAGE, PAGE, MEM_COMMIT, PAGE_READWRITE);
    same("ask", watch(p, 0), 0);
    same("count", seen.count, 1);
    same("which", (ULONG64)seen.pages[0], (ULONG64)p + 2 * PAGE);
    drop(p);
}

static void vm194(void)
{
    char *p;
    DWORD granularity = 7;
    ULONG_PTR count = 0;
    if (!HERE(GetWriteWatch))
        return;
    p = take(8 * PAGE, WATCHED, PAGE_READWRITE);
    probe_write(p, PROBE_ONCE);
    SetLastError(0);
    ok("no room", api.GetWriteWatch(1, p, 8 * PAGE, seen.pages, &count, &granularity) != 0);
    same("error", GetLastError(), ERROR_INVALID_PARAMETER);
    SetLastError(0);
    ok("no array", api.GetWriteWatch(1, p, 8 * PAGE, NULL, &count, &granularity) != 0);
    same("error", GetLastError(), ERROR_INVALID_PARAMETER);
    same("untouched", granularity, 7);
    same("ask", watch(p, 0), 0);
    same("nothing was reset", seen.count, 1);
    drop(p);
}

static void vm195(void)
{
    char *p;
    if (!HERE(GetWriteWatch) || !HERE(DiscardVirtualMemory))
        return;
    p = take(8 * PAGE, WATCHED, PAGE_READWRITE);
    probe_write(p + PAGE, PROBE_ONCE);
    probe_write(p + 2 * PAGE, PROBE_ONCE);
    same("discard", api.DiscardVirtualMemory(p + PAGE, PAGE), 0);
    same("ask", watch(p, 0), 0);
    same("count", seen.count, 1);
    same("which", (ULONG64)seen.pages[0], (ULONG64)p + 2 * PAGE);
    probe_write(p + PAGE, PROBE_ONCE);
    same("written again", watch(p, 0), 0);
    same("count", seen.count, 2);
    drop(p);
}

const struct statement watch_statements[] = {S(104), S(105), S(106), S(107), S(108),
                                             S(166), S(167), S(194), S(195), END};
