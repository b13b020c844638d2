/* Releasing and decommitting. */
#include "conformance.h"

static void vm049(void)
{
    char *p = take_rw(3);
    ok("released", VirtualFree(p, 0, MEM_RELEASE));
    same("state", look(p).State, MEM_FREE);
}

static void vm050(void)
{
    char *p = take(8 * PAGE, MEM_RESERVE, PAGE_NOACCESS);
    VirtualAlloc(p + 2 * PAGE, 3 * PAGE, MEM_COMMIT, PAGE_READWRITE);
    ok("released", VirtualFree(p, 0, MEM_RELEASE));
    same("state", look(p + 3 * PAGE).State, MEM_FREE);
}

static void vm051(void)
{
    char *p = take_rw(2);
    no_success("not the base", VirtualFree(p + PAGE, 0, MEM_RELEASE), ERROR_INVALID_ADDRESS);
    same("still there", look(p).RegionSize, 2 * PAGE);
    drop(p);
}

static void vm052(void)
{
    char *p = take_rw(2);
    ok("refused", !VirtualFree(p, PAGE, MEM_RELEASE));
    same("still there", look(p).RegionSize, 2 * PAGE);
    drop(p);
}

static void vm053(void)
{
    char *p = take_rw(4);
    ok("decommitted", VirtualFree(p, 0, MEM_DECOMMIT));
    same("state", look(p).State, MEM_RESERVE);
    same("size", look(p).RegionSize, 4 * PAGE);
    drop(p);
}

static void vm054(void)
{
    char *p = take_rw(4);
    ok("decommitted", VirtualFree(p + 2 * PAGE - 1, 2, MEM_DECOMMIT));
    same("before", look(p).RegionSize, PAGE);
    same("two pages", look(p + PAGE).RegionSize, 2 * PAGE);
    same("state", look(p + PAGE).State, MEM_RESERVE);
    same("after", look(p + 3 * PAGE).State, MEM_COMMIT);
    drop(p);
}

static void vm055(void)
{
    char *p = take(2 * PAGE, MEM_RESERVE, PAGE_NOACCESS);
    ok("decommit of reserved pages", VirtualFree(p, 2 * PAGE, MEM_DECOMMIT));
    drop(p);
}

static void vm056(void)
{
    char *p = take_rw(1);
    no_success("both", VirtualFree(p, 0, MEM_DECOMMIT | MEM_RELEASE), ERROR_INVALID_PARAMETER);
    drop(p);
}

static void vm057(void)
{
    char *p = take_rw(1);
    no_success("none", VirtualFree(p, 0, 0), ERROR_INVALID_PARAMETER);
    drop(p);
}

static void vm058(void)
{
    char *p = take_rw(2);
    unsigned i, sum = 0;
    memset(p, 0xEE, 2 * PAGE);
    VirtualFree(p, 2 * PAGE, MEM_DECOMMIT);
    VirtualAlloc(p, 2 * PAGE, MEM_COMMIT, PAGE_READWRITE);
    for (i = 0; i < 2 * PAGE; i++)
        sum |= (unsigned char)p[i];
    same("all bytes", sum, 0);
    drop(p);
}

static void vm059(void)
{
    char *p = take_rw(1);
    drop(p);
    no_success("twice", VirtualFree(p, 0, MEM_RELEASE), ERROR_INVALID_ADDRESS);
}

static void vm060(void)
{
    HANDLE section = CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, 0, PAGE, NULL);
    char *view = section ? MapViewOfFile(section, FILE_MAP_WRITE, 0, 0, 0) : NULL;
    if (!view) {
        kit_skip("file mapping is not here");
        return;
    }
    ok("refused", !VirtualFree(view, 0, MEM_RELEASE));
    UnmapViewOfFile(view);
    CloseHandle(section);
}

static void vm061(void)
{
    char *p = take_rw(2);
    struct probe met;
    p[0] = 1;
    VirtualFree(p, PAGE, MEM_DECOMMIT);
    met = probe_write(p, PROBE_ONCE);
    same("code", met.code, STATUS_ACCESS_VIOLATION);
    same("kind", met.kind, 1);
    same("address", met.address, (ULONG64)p);
    drop(p);
    met = probe_write(p, PROBE_ONCE);
    same("after release", met.code, STATUS_ACCESS_VIOLATION);
}

static void vm153(void)
{
    char *p = take(4 * PAGE, MEM_RESERVE, PAGE_NOACCESS);
    VirtualAlloc(p + PAGE, PAGE, MEM_COMMIT, PAGE_READWRITE);
    p[PAGE] = 'm';
    same("commit", (ULONG64)VirtualAlloc(p, 4 * PAGE, MEM_COMMIT, PAGE_READWRITE), (ULONG64)p);
    same("all of it", look(p).RegionSize, 4 * PAGE);
    same("kept", p[PAGE], 'm');
    ok("decommit some", VirtualFree(p + PAGE, PAGE, MEM_DECOMMIT));
    ok("decommit all, mixed", VirtualFree(p, 4 * PAGE, MEM_DECOMMIT));
    same("all of it", look(p).RegionSize, 4 * PAGE);
    same("reserved", look(p).State, MEM_RESERVE);
    drop(p);
}

static void vm154(void)
{
    char *p = take_rw(2);
    ok("refused", !VirtualFree(p + PAGE, 2 * PAGE, MEM_DECOMMIT));
    same("unchanged", look(p).RegionSize, 2 * PAGE);
    same("state", look(p + PAGE).State, MEM_COMMIT);
    drop(p);
}

static void vm156(void)
{
    char *p = neighbours(MEM_RESERVE | MEM_COMMIT);
    no_success("over two", VirtualFree(p + GRANULE - PAGE, 2 * PAGE, MEM_DECOMMIT),
               ERROR_INVALID_PARAMETER);
    same("first unchanged", look(p).RegionSize, GRANULE);
    same("second unchanged", look(p + GRANULE).State, MEM_COMMIT);
    drop(p);
    drop(p + GRANULE);
    no_success("free memory", VirtualFree(p, PAGE, MEM_DECOMMIT), ERROR_INVALID_ADDRESS);
}

static void vm157(void)
{
    char *p = take_rw(4);
    no_success("second page", VirtualFree(p + PAGE, 0, MEM_DECOMMIT), ERROR_INVALID_ADDRESS);
    same("unchanged", look(p).RegionSize, 4 * PAGE);
    same("state", look(p).State, MEM_COMMIT);
    drop(p);
}

const struct statement free_statements[] = {S(049), S(050), S(051), S(052), S(053), S(054),
                                            S(055), S(056), S(057), S(058), S(059), S(060),
                                            S(061), S(153), S(154), S(156), S(157), END};
