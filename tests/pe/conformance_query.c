/* What a query tells. */
#include "conformance.h"

static void vm078(void)
{
    static MEMORY_BASIC_INFORMATION info;
    same("bytes", VirtualQuery(&info, &info, sizeof info), 48);
}

static void vm079(void)
{
    char *p = take_rw(1);
    same("base", (ULONG64)look(p + 5).BaseAddress, (ULONG64)p);
    drop(p);
}

static void vm080(void)
{
    char *p = take_rw(10);
    same("rest", look(p + 3 * PAGE + 1).RegionSize, 7 * PAGE);
    same("base", (ULONG64)look(p + 3 * PAGE + 1).BaseAddress, (ULONG64)p + 3 * PAGE);
    drop(p);
}

static void vm081(void)
{
    char *p = take_rw(4);
    DWORD old;
    VirtualProtect(p + 2 * PAGE, PAGE, PAGE_READONLY, &old);
    same("first run", look(p).RegionSize, 2 * PAGE);
    same("second run", look(p + 2 * PAGE).RegionSize, PAGE);
    VirtualProtect(p + 2 * PAGE, PAGE, PAGE_READWRITE, &old);
    same("one run again", look(p).RegionSize, 4 * PAGE);
    drop(p);
}

static void vm082(void)
{
    char *p = neighbours(MEM_RESERVE | MEM_COMMIT);
    same("stops", look(p).RegionSize, GRANULE);
    drop(p);
    drop(p + GRANULE);
}

static void vm083(void)
{
    MEMORY_BASIC_INFORMATION info;
    SetLastError(0);
    same("bytes", VirtualQuery(&info, &info, 10), 0);
    same("error", GetLastError(), ERROR_BAD_LENGTH);
}

static void vm084(void)
{
    MEMORY_BASIC_INFORMATION info;
    SetLastError(0);
    same("bytes", VirtualQuery((void *)~0ull, &info, sizeof info), 0);
    same("error", GetLastError(), ERROR_INVALID_PARAMETER);
}

static void vm085(void)
{
    MEMORY_BASIC_INFORMATION info;
    char *at = NULL;
    unsigned wrong = 0, runs = 0, gaps = 0;
    while (VirtualQuery(at, &info, sizeof info)) {
        runs++;
        wrong += info.State != MEM_COMMIT && info.State != MEM_RESERVE && info.State != MEM_FREE;
        if (info.State != MEM_FREE)
            wrong += info.Type != MEM_PRIVATE && info.Type != MEM_MAPPED && info.Type != MEM_IMAGE;
        gaps += info.BaseAddress != at;
        at = (char *)info.BaseAddress + info.RegionSize;
        if (runs > 100000)
            break;
    }
    ok("some runs", runs > 10 && runs < 100000);
    same("wrong", wrong, 0);
    same("gaps", gaps, 0);
}

static void vm143(void)
{
    char buffer[64];
    MEMORY_BASIC_INFORMATION *info = (MEMORY_BASIC_INFORMATION *)buffer;
    char *p = take_rw(3);
    memset(buffer, 0x77, sizeof buffer);
    same("size", sizeof *info, 48);
    same("stored", VirtualQuery(p + PAGE, info, sizeof buffer), 48);
    same("no more than stored", buffer[48], 0x77);
    same("base at 0", *(ULONG64 *)buffer, (ULONG64)p + PAGE);
    same("allocation base at 8", *(ULONG64 *)(buffer + 8), (ULONG64)p);
    same("allocation protect at 16", *(DWORD *)(buffer + 16), PAGE_READWRITE);
    same("region size at 24", *(ULONG64 *)(buffer + 24), 2 * PAGE);
    same("state at 32", *(DWORD *)(buffer + 32), MEM_COMMIT);
    same("protect at 36", *(DWORD *)(buffer + 36), PAGE_READWRITE);
    same("type at 40", *(DWORD *)(buffer + 40), MEM_PRIVATE);
    drop(p);
}

static void vm144(void)
{
    MEMORY_BASIC_INFORMATION info;
    same("stored", VirtualQuery(NULL, &info, sizeof info), 48);
    same("base", (ULONG64)info.BaseAddress, 0);
    same("state", info.State, MEM_FREE);
    ok("at least the lowest 64 KiB", info.RegionSize >= GRANULE);
}

/* A page of a view in copy-on-write fashion. */
static void vm086(void)
{
    HANDLE section = CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, 0, PAGE, NULL);
    char *view = section ? MapViewOfFile(section, FILE_MAP_COPY, 0, 0, 0) : NULL;
    if (!view) {
        kit_skip("file mapping is not here");
        return;
    }
    same("before", look(view).Type, MEM_MAPPED);
    same("written", probe_write(view, PROBE_ONCE).code, 0);
    same("after", look(view).Type, MEM_MAPPED);
    UnmapViewOfFile(view);
    CloseHandle(section);
}

static BOOL look_at_region(const void *address, WIN32_MEMORY_REGION_INFORMATION *info)
{
    SIZE_T stored = 0;
    memset(info, 0, sizeof *info);
    if (!api.QueryVirtualMemoryInformation(GetCurrentProcess(), address, MemoryRegionInfo, info,
                                           sizeof *info, &stored))
        return FALSE;
    same("stored", stored, sizeof *info);
    return TRUE;
}

static void vm087(void)
{
    WIN32_MEMORY_REGION_INFORMATION info;
    char *p;
    unsigned page;
    if (!HERE(QueryVirtualMemoryInformation))
        return;
    p = take(16 * PAGE, MEM_RESERVE, PAGE_EXECUTE_READ);
    VirtualAlloc(p + 3 * PAGE, 2 * PAGE, MEM_COMMIT, PAGE_READWRITE);
    for (page = 0; page < 16; page++) {
        ok("asked", look_at_region(p + page * PAGE + 9, &info));
        same("base", (ULONG64)info.AllocationBase, (ULONG64)p);
        same("size", info.RegionSize, 16 * PAGE);
        same("protection", info.AllocationProtect, PAGE_EXECUTE_READ);
    }
    drop(p);
}

static void vm088(void)
{
    WIN32_MEMORY_REGION_INFORMATION info;
    char *p;
    unsigned page;
    if (!HERE(QueryVirtualMemoryInformation))
        return;
    p = take(16 * PAGE, MEM_RESERVE, PAGE_NOACCESS);
    ok("asked", look_at_region(p, &info));
    same("nothing", info.CommitSize, 0);
    for (page = 0; page < 16; page++) {
        VirtualAlloc(p + (15 - page) * PAGE, PAGE, MEM_COMMIT, PAGE_READWRITE);
        ok("asked", look_at_region(p, &info));
        same("one more", info.CommitSize, (page + 1) * PAGE);
    }
    drop(p);
}

static void vm089(void)
{
    WIN32_MEMORY_REGION_INFORMATION info;
    char *p;
    if (!HERE(QueryVirtualMemoryInformation))
        return;
    p = take_rw(1);
    ok("asked", look_at_region(p, &info));
    same("only private", info.Flags, 1);
    drop(p);
}

static void vm090(void)
{
    WIN32_MEMORY_REGION_INFORMATION info;
    if (!HERE(QueryVirtualMemoryInformation))
        return;
    ok("free memory", !look_at_region(free_place(GRANULE), &info));
}

static void vm091(void)
{
    WIN32_MEMORY_REGION_INFORMATION info;
    char *p;
    if (!HERE(QueryVirtualMemoryInformation))
        return;
    p = take_rw(3);
    ok("asked", api.QueryVirtualMemoryInformation(GetCurrentProcess(), p, MemoryRegionInfo, &info,
                                                  sizeof info, NULL));
    same("size", info.RegionSize, 3 * PAGE);
    drop(p);
}

static void vm177(void)
{
    char *p = take(GRANULE, MEM_RESERVE, PAGE_READWRITE);
    MEMORY_BASIC_INFORMATION info = look(p);
    same("reserved", info.Protect, 0);
    same("type", info.Type, MEM_PRIVATE);
    drop(p);
    info = look(p);
    same("free", info.Protect, PAGE_NOACCESS);
    same("type", info.Type, 0);
    same("allocation", (ULONG64)info.AllocationBase, 0);
    same("its protection", info.AllocationProtect, 0);
}

static void vm178(void)
{
    char *p = take(PAGE, MEM_RESERVE | MEM_COMMIT, PAGE_READONLY);
    no_success("read-only", !!VirtualQuery(p, (MEMORY_BASIC_INFORMATION *)p, 48), ERROR_NOACCESS);
    no_success("nowhere", !!VirtualQuery(p, NULL, 48), ERROR_NOACCESS);
    drop(p);
}

const struct statement query_statements[] = {S(078), S(079), S(080), S(081), S(082), S(083), S(084),
                                             S(085), S(086), S(087), S(088), S(089), S(090), S(091),
                                             S(143), S(144), S(177), S(178), END};
