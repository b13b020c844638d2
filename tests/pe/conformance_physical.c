/*
 * Physical pages and the windows they are seen through. All but the first statement need the
 * privilege to lock memory, which the program enables; it is granted to few. Under winmem:
 * `winmem run --privilege SeLockMemoryPrivilege conformance.exe`.
 */
#include "conformance.h"

enum { FRAMES = 2 };

struct stage {
    ULONG_PTR frame[FRAMES];
    char *window; /* of four pages */
};

/* Without the privilege enabled; so this statement is the first one. */
static void vm120(void)
{
    ULONG_PTR count = 1, frame = 0x1234;
    if (!HERE(AllocateUserPhysicalPages))
        return;
    no_success("refused", api.AllocateUserPhysicalPages(GetCurrentProcess(), &count, &frame),
               ERROR_PRIVILEGE_NOT_HELD);
    same("nothing written", frame, 0x1234);
}

static int enable_privilege(void)
{
    TOKEN_PRIVILEGES wanted = {1, {{{4 /* SeLockMemoryPrivilege */, 0}, SE_PRIVILEGE_ENABLED}}};
    HANDLE token;
    BOOL adjusted;
    DWORD error;

    if (!HERE(OpenProcessToken) || !HERE(AdjustTokenPrivileges) || !HERE(MapUserPhysicalPages) ||
        !api.OpenProcessToken(GetCurrentProcess(), TOKEN_ADJUST_PRIVILEGES | TOKEN_QUERY, &token))
        return 0;
    SetLastError(0);
    adjusted = api.AdjustTokenPrivileges(token, FALSE, &wanted, sizeof wanted, NULL, NULL);
    error = GetLastError();
    CloseHandle(token);
    if (adjusted && error == ERROR_SUCCESS)
        return 1;
    kit_skip("the privilege to lock memory is not held");
    return 0;
}

static int begin(struct stage *stage)
{
    ULONG_PTR count = FRAMES;

    if (!enable_privilege())
        return 0;
    stage->window = take(4 * PAGE, MEM_RESERVE | MEM_PHYSICAL, PAGE_READWRITE);
    ok("window", stage->window != NULL);
    ok("pages", api.AllocateUserPhysicalPages(GetCurrentProcess(), &count, stage->frame));
    same("as many as wanted", count, FRAMES);
    return stage->window && count == FRAMES;
}

static void end(struct stage *stage)
{
    ULONG_PTR count = FRAMES;
    ok("free", api.FreeUserPhysicalPages(GetCurrentProcess(), &count, stage->frame));
    drop(stage->window);
}

static void vm121(void)
{
    struct stage stage;
    char *w;
    if (!begin(&stage))
        return;
    w = stage.window;
    ok("map", api.MapUserPhysicalPages(w, FRAMES, stage.frame));
    same("fresh", w[100] | w[PAGE + 100], 0);
    w[100] = 'A';
    w[PAGE + 100] = 'B';
    ok("unmap", api.MapUserPhysicalPages(w, FRAMES, NULL));
    same("gone", probe_read(w + 100, PROBE_ONCE).code, STATUS_ACCESS_VIOLATION);
    ok("the second page elsewhere", api.MapUserPhysicalPages(w + 2 * PAGE, 1, &stage.frame[1]));
    ok("the first one behind it", api.MapUserPhysicalPages(w + 3 * PAGE, 1, &stage.frame[0]));
    same("second", w[2 * PAGE + 100], 'B');
    same("first", w[3 * PAGE + 100], 'A');
    end(&stage);
}

static void vm122(void)
{
    struct stage stage;
    ULONG_PTR swapped[FRAMES];
    char *w;
    if (!begin(&stage))
        return;
    w = stage.window;
    swapped[0] = stage.frame[1];
    swapped[1] = stage.frame[0];
    ok("map", api.MapUserPhysicalPages(w, 1, stage.frame));
    w[5] = 'k';
    ok("a second time", !api.MapUserPhysicalPages(w + PAGE, 1, stage.frame));
    ok("with another before it", !api.MapUserPhysicalPages(w + 2 * PAGE, FRAMES, swapped));
    same("still seen", w[5], 'k');
    same("nothing there", probe_read(w + PAGE, PROBE_ONCE).code, STATUS_ACCESS_VIOLATION);
    same("nor there", probe_read(w + 2 * PAGE, PROBE_ONCE).code, STATUS_ACCESS_VIOLATION);
    end(&stage);
}

static void vm123(void)
{
    struct stage stage;
    DWORD old = 0;
    if (!begin(&stage))
        return;
    ok("map", api.MapUserPhysicalPages(stage.window, FRAMES, stage.frame));
    ok("refused", !VirtualProtect(stage.window, PAGE, PAGE_READONLY, &old));
    ok("guard", !VirtualProtect(stage.window, PAGE, PAGE_READWRITE | PAGE_GUARD, &old));
    same("writable", probe_write(stage.window, PROBE_ONCE).code, 0);
    end(&stage);
}

static void vm124(void)
{
    struct stage stage;
    if (!begin(&stage))
        return;
    ok("map", api.MapUserPhysicalPages(stage.window, FRAMES, stage.frame));
    ok("refused", !VirtualFree(stage.window, PAGE, MEM_DECOMMIT));
    same("still there", probe_write(stage.window, PROBE_ONCE).code, 0);
    end(&stage);
}

static void vm179(void)
{
    const DWORD type = MEM_RESERVE | MEM_COMMIT | MEM_LARGE_PAGES;
    SIZE_T size;
    char *p;
    DWORD old, error;
    if (!HERE(GetLargePageMinimum) || !enable_privilege())
        return;
    size = api.GetLargePageMinimum();
    no_memory("a part of one", take(size + PAGE, type, PAGE_READWRITE), ERROR_INVALID_PARAMETER);
    SetLastError(0);
    p = take(size, type, PAGE_READWRITE);
    error = GetLastError();
    if (!p) {
        same("none left", error, ERROR_NO_SYSTEM_RESOURCES);
        return;
    }
    same("offset", (ULONG64)p % size, 0);
    same("first byte", p[0], 0);
    same("last byte", p[size - 1], 0);
    ok("protect a part", !VirtualProtect(p, PAGE, PAGE_READONLY, &old));
    ok("decommit a part", !VirtualFree(p, PAGE, MEM_DECOMMIT));
    drop(p);
}

static void vm191(void)
{
    struct stage stage;
    if (!begin(&stage))
        return;
    ok("map", api.MapUserPhysicalPages(stage.window, FRAMES, stage.frame));
    stage.window[PAGE] = 'w';
    ok("release", VirtualFree(stage.window, 0, MEM_RELEASE));
    same("gone", look(stage.window).State, MEM_FREE);
    stage.window = take(4 * PAGE, MEM_RESERVE | MEM_PHYSICAL, PAGE_READWRITE);
    ok("map", api.MapUserPhysicalPages(stage.window + 2 * PAGE, 1, &stage.frame[1]));
    same("kept", stage.window[2 * PAGE], 'w');
    end(&stage);
}

static void vm192(void)
{
    struct stage stage;
    PVOID at[FRAMES];
    char *second;
    if (!begin(&stage) || !HERE(MapUserPhysicalPagesScatter))
        return;
    second = take(GRANULE, MEM_RESERVE | MEM_PHYSICAL, PAGE_READWRITE);
    at[0] = second + 5 * PAGE;
    at[1] = stage.window + 3 * PAGE;
    ok("map", api.MapUserPhysicalPagesScatter(at, FRAMES, stage.frame));
    second[5 * PAGE] = 's';
    stage.window[3 * PAGE] = 't';
    ok("the other page at its own", api.MapUserPhysicalPagesScatter(at, 1, (ULONG_PTR[]){0}));
    same("emptied", probe_read(second + 5 * PAGE, PROBE_ONCE).code, STATUS_ACCESS_VIOLATION);
    same("stays", stage.window[3 * PAGE], 't');
    ok("again", api.MapUserPhysicalPages(stage.window, 1, stage.frame));
    same("the same page", stage.window[0], 's');
    drop(second);
    end(&stage);
}

const struct statement physical_statements[] = {S(120), S(121), S(122), S(123), S(124),
                                                S(179), S(191), S(192), END};
