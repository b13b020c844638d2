/* Reserving and committing with VirtualAlloc and VirtualAllocEx. */
#include "conformance.h"

static void vm001(void)
{
    char *p = take_rw(1), *q = take_rw(17);
    ok("p", p != NULL);
    ok("q", q != NULL);
    same("p offset", (ULONG64)p % GRANULE, 0);
    same("q offset", (ULONG64)q % GRANULE, 0);
    drop(p);
    drop(q);
}

static void vm002(void)
{
    char *p = take_rw(40);
    unsigned i, sum = 0;
    for (i = 0; i < 40 * PAGE; i++)
        sum |= (unsigned char)p[i];
    same("all bytes", sum, 0);
    drop(p);
}

static void vm003(void)
{
    char *p = take(1, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    MEMORY_BASIC_INFORMATION info = look(p);
    same("size", info.RegionSize, PAGE);
    same("state", info.State, MEM_COMMIT);
    same("base", (ULONG64)info.AllocationBase, (ULONG64)p);
    drop(p);
}

static void vm004(void)
{
    char *p = take(1, MEM_RESERVE, PAGE_EXECUTE_READ);
    MEMORY_BASIC_INFORMATION info = look(p);
    same("size", info.RegionSize, PAGE);
    same("state", info.State, MEM_RESERVE);
    same("allocation protect", info.AllocationProtect, PAGE_EXECUTE_READ);
    drop(p);
}

static void vm005(void)
{
    char *p = take(PAGE, MEM_RESERVE, PAGE_NOACCESS);
    same("next page", look(p + PAGE).State, MEM_FREE);
    drop(p);
}

static void vm006(void)
{
    char *p = take(PAGE, MEM_RESERVE, PAGE_NOACCESS);
    no_memory("rounds down onto the other",
              VirtualAlloc(p + PAGE, PAGE, MEM_RESERVE, PAGE_NOACCESS), ERROR_INVALID_ADDRESS);
    drop(p);
}

static void vm007(void)
{
    char *p = free_place(GRANULE);
    char *q = VirtualAlloc(p + 123, 10, MEM_RESERVE, PAGE_NOACCESS);
    same("base", (ULONG64)q, (ULONG64)p);
    drop(q);
}

static void vm008(void)
{
    char *p = free_place(GRANULE);
    char *q = VirtualAlloc(p + 123, 2 * PAGE - 100, MEM_RESERVE, PAGE_NOACCESS);
    same("size reaches the last byte's page", look(q).RegionSize, 3 * PAGE);
    drop(q);
}

static void vm009(void)
{
    char *p = take(4 * PAGE, MEM_RESERVE, PAGE_NOACCESS);
    same("address", (ULONG64)VirtualAlloc(p + PAGE + 5, 1, MEM_COMMIT, PAGE_READWRITE),
         (ULONG64)p + PAGE);
    drop(p);
}

static void vm010(void)
{
    char *p = take(4 * PAGE, MEM_RESERVE, PAGE_NOACCESS);
    VirtualAlloc(p + PAGE - 1, 2, MEM_COMMIT, PAGE_READWRITE);
    same("committed", look(p).RegionSize, 2 * PAGE);
    same("state", look(p).State, MEM_COMMIT);
    same("rest", look(p + 2 * PAGE).State, MEM_RESERVE);
    drop(p);
}

static void vm011(void)
{
    char *p = free_place(GRANULE);
    no_memory("commit of free memory", VirtualAlloc(p, PAGE, MEM_COMMIT, PAGE_READWRITE),
              ERROR_INVALID_ADDRESS);
}

static void vm012(void)
{
    char *p = take(2 * PAGE, MEM_RESERVE, PAGE_NOACCESS);
    no_memory("past the end", VirtualAlloc(p + PAGE, 2 * PAGE, MEM_COMMIT, PAGE_READWRITE),
              ERROR_INVALID_ADDRESS);
    same("inside unchanged", look(p).RegionSize, 2 * PAGE);
    same("state", look(p).State, MEM_RESERVE);
    drop(p);
}

static void vm013(void)
{
    char *p = neighbours(MEM_RESERVE);
    no_memory("across two", VirtualAlloc(p + GRANULE - PAGE, 2 * PAGE, MEM_COMMIT, PAGE_READWRITE),
              ERROR_INVALID_ADDRESS);
    same("first unchanged", look(p).RegionSize, GRANULE);
    same("second unchanged", look(p + GRANULE).State, MEM_RESERVE);
    drop(p);
    drop(p + GRANULE);
}

static void vm014(void)
{
    char *p = take_rw(2);
    p[0] = 'k';
    p[PAGE] = 'l';
    same("again", (ULONG64)VirtualAlloc(p, 2 * PAGE, MEM_COMMIT, PAGE_READWRITE), (ULONG64)p);
    same("first byte", p[0], 'k');
    same("second byte", p[PAGE], 'l');
    drop(p);
}

static void vm015(void)
{
    char *p = take_rw(1);
    VirtualAlloc(p, PAGE, MEM_COMMIT, PAGE_READONLY);
    same("protect", look(p).Protect, PAGE_READONLY);
    drop(p);
}

static void vm016(void)
{
    char *p = take(GRANULE, MEM_RESERVE, PAGE_NOACCESS);
    no_memory("reserve twice", VirtualAlloc(p, GRANULE, MEM_RESERVE, PAGE_NOACCESS),
              ERROR_INVALID_ADDRESS);
    same("unchanged", look(p).RegionSize, GRANULE);
    drop(p);
}

static void vm017(void)
{
    no_memory("size 0", take(0, MEM_RESERVE, PAGE_NOACCESS), ERROR_INVALID_PARAMETER);
}

static void vm018(void)
{
    no_memory("no type", take(PAGE, 0, PAGE_NOACCESS), ERROR_INVALID_PARAMETER);
}

static void vm019(void)
{
    no_memory("protect 0", take(PAGE, MEM_RESERVE, 0), ERROR_INVALID_PARAMETER);
}

static void vm020(void)
{
    no_memory("two bases", take(PAGE, MEM_RESERVE, PAGE_READONLY | PAGE_READWRITE),
              ERROR_INVALID_PARAMETER);
}

static void vm021(void)
{
    no_memory("guard, no access", take(PAGE, MEM_RESERVE | MEM_COMMIT, PAGE_GUARD | PAGE_NOACCESS),
              ERROR_INVALID_PARAMETER);
}

static void vm022(void)
{
    no_memory(
        "both",
        take(PAGE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE | PAGE_NOCACHE | PAGE_WRITECOMBINE),
        ERROR_INVALID_PARAMETER);
}

static void vm023(void)
{
    no_memory("write copy", take(PAGE, MEM_RESERVE | MEM_COMMIT, PAGE_WRITECOPY),
              ERROR_INVALID_PARAMETER);
    no_memory("execute write copy", take(PAGE, MEM_RESERVE, PAGE_EXECUTE_WRITECOPY),
              ERROR_INVALID_PARAMETER);
}

static void vm024(void)
{
    char *low = take(GRANULE, MEM_RESERVE, PAGE_NOACCESS);
    char *high = take(GRANULE, MEM_RESERVE | MEM_TOP_DOWN, PAGE_NOACCESS);
    ok("both", low && high);
    ok("not lower", high >= low);
    drop(low);
    drop(high);
}

static void vm025(void)
{
    char *p = take(PAGE, MEM_COMMIT, PAGE_READWRITE);
    ok("memory", p != NULL);
    same("state", look(p).State, MEM_COMMIT);
    same("base", (ULONG64)look(p).AllocationBase, (ULONG64)p);
    drop(p);
}

static void vm026(void)
{
    char *p = take(GRANULE, MEM_RESERVE | MEM_PHYSICAL, PAGE_READONLY);
    ok("refused", p == NULL);
}

static void vm027(void)
{
    ok("without reserve", take(GRANULE, MEM_PHYSICAL, PAGE_READWRITE) == NULL);
    ok("with commit",
       take(GRANULE, MEM_RESERVE | MEM_COMMIT | MEM_PHYSICAL, PAGE_READWRITE) == NULL);
}

static void vm028(void)
{
    ok("write watch alone", take(GRANULE, MEM_COMMIT | MEM_WRITE_WATCH, PAGE_READWRITE) == NULL);
}

static void vm029(void)
{
    ok("large pages, reserve only",
       take(1 << 21, MEM_RESERVE | MEM_LARGE_PAGES, PAGE_READWRITE) == NULL);
}

static void vm030(void)
{
    char *p = take_rw(1);
    ok("reset with commit", VirtualAlloc(p, PAGE, MEM_RESET | MEM_COMMIT, PAGE_READWRITE) == NULL);
    drop(p);
}

static void vm031(void)
{
    char *p = take_rw(4);
    p[0] = 1;
    ok("reset", VirtualAlloc(p, 4 * PAGE, MEM_RESET, PAGE_READWRITE) != NULL);
    same("state", look(p).State, MEM_COMMIT);
    p[0] = 2;
    same("writable", p[0], 2);
    drop(p);
}

static void vm032(void)
{
    char *p = take_rw(4);
    unsigned i, wrong = 0;
    for (i = 0; i < 4 * PAGE; i++)
        p[i] = (char)(i * 7);
    VirtualAlloc(p, 4 * PAGE, MEM_RESET, PAGE_READWRITE);
    if (!VirtualAlloc(p, 4 * PAGE, 0x1000000 /* MEM_RESET_UNDO */, PAGE_READWRITE)) {
        kit_skip("the undo did not succeed");
        drop(p);
        return;
    }
    for (i = 0; i < 4 * PAGE; i++)
        wrong += p[i] != (char)(i * 7);
    same("wrong bytes", wrong, 0);
    drop(p);
}

static void vm033(void)
{
    char *p = take_rw(1);
    ok("reset with protect 0", VirtualAlloc(p, PAGE, MEM_RESET, 0) == NULL);
    drop(p);
}

static void vm034(void)
{
    char *p = neighbours(MEM_RESERVE | MEM_COMMIT);
    same("first", (ULONG64)look(p).AllocationBase, (ULONG64)p);
    same("second", (ULONG64)look(p + GRANULE).AllocationBase, (ULONG64)p + GRANULE);
    drop(p);
    drop(p + GRANULE);
}

static void vm035(void)
{
    char *p = VirtualAllocEx(GetCurrentProcess(), NULL, 3 * PAGE, MEM_RESERVE | MEM_COMMIT,
                             PAGE_READWRITE);
    ok("memory", p != NULL);
    same("size", look(p).RegionSize, 3 * PAGE);
    ok("freed", VirtualFreeEx(GetCurrentProcess(), p, 0, MEM_RELEASE));
}

static void vm036(void)
{
    HANDLE handle = CreateEventA(NULL, TRUE, FALSE, NULL);
    CloseHandle(handle);
    no_memory("closed handle", VirtualAllocEx(handle, NULL, PAGE, MEM_RESERVE, PAGE_NOACCESS),
              ERROR_INVALID_HANDLE);
}

static void vm169(void)
{
    char *p = take(2 * PAGE, MEM_RESERVE, PAGE_NOACCESS);
    no_memory("reset", VirtualAlloc(p, PAGE, MEM_RESET, PAGE_NOACCESS), ERROR_INVALID_ADDRESS);
    VirtualAlloc(p, PAGE, MEM_COMMIT, PAGE_READWRITE);
    p[0] = 'r';
    no_memory("the second of two", VirtualAlloc(p, 2 * PAGE, MEM_RESET, PAGE_NOACCESS),
              ERROR_INVALID_ADDRESS);
    same("kept", p[0], 'r');
    drop(p);
}

static void vm174(void)
{
    SYSTEM_INFO system;
    GetSystemInfo(&system);
    same("page", system.dwPageSize, PAGE);
    same("granularity", system.dwAllocationGranularity, GRANULE);
    same("lowest", (ULONG64)system.lpMinimumApplicationAddress, 0x10000);
    same("highest", (ULONG64)system.lpMaximumApplicationAddress, 0x7FFFFFFEFFFF);
}

static void vm175(void)
{
    no_memory("below", VirtualAlloc((void *)0x1000, PAGE, MEM_RESERVE, PAGE_NOACCESS),
              ERROR_INVALID_PARAMETER);
    no_memory("above", VirtualAlloc((void *)0x7FFFFFFF0000, PAGE, MEM_RESERVE, PAGE_NOACCESS),
              ERROR_INVALID_PARAMETER);
    no_memory("of the system",
              VirtualAlloc((void *)0xFFFF800000000000, PAGE, MEM_RESERVE, PAGE_NOACCESS),
              ERROR_INVALID_PARAMETER);
}

/* Sizes without an address: 0x7FFFFFFF0000 bytes are all there are. */
static void vm176_anywhere(void)
{
    static const SIZE_T sizes[] = {~(SIZE_T)0, ~(SIZE_T)0 - 0xFFFF, (SIZE_T)1 << 63,
                                   (SIZE_T)1 << 47, 0x7FFFFFFF0001};
    static const DWORD types[] = {MEM_RESERVE, MEM_COMMIT, MEM_RESERVE | MEM_COMMIT,
                                  MEM_RESERVE | MEM_TOP_DOWN};
    unsigned i, j;
    for (i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        for (j = 0; j < sizeof types / sizeof types[0]; j++)
            no_memory("anywhere", VirtualAlloc(NULL, sizes[i], types[j], PAGE_READWRITE),
                      ERROR_INVALID_PARAMETER);
    no_memory("no room", VirtualAlloc(NULL, 0x7FFFFFFE0000, MEM_RESERVE, PAGE_NOACCESS),
              ERROR_NOT_ENOUGH_MEMORY);
    if (api.VirtualAlloc2)
        no_memory(
            "the newer call",
            api.VirtualAlloc2(NULL, NULL, (SIZE_T)1 << 47, MEM_RESERVE, PAGE_NOACCESS, NULL, 0),
            ERROR_INVALID_PARAMETER);
}

static void vm176(void)
{
    char *p = take_rw(1);
    const SIZE_T beyond = ~(SIZE_T)0 - PAGE;
    DWORD old;
    no_memory("commit", VirtualAlloc(p, beyond, MEM_COMMIT, PAGE_READWRITE),
              ERROR_INVALID_PARAMETER);
    no_success("decommit", VirtualFree(p, beyond, MEM_DECOMMIT), ERROR_INVALID_PARAMETER);
    no_success("protect", VirtualProtect(p, beyond, PAGE_READONLY, &old), ERROR_INVALID_PARAMETER);
    same("unchanged", look(p).Protect, PAGE_READWRITE);
    drop(p);
    vm176_anywhere();
}

const struct statement allocate_statements[] = {
    S(001), S(002), S(003), S(004), S(005), S(006), S(007), S(008), S(009), S(010), S(011),
    S(012), S(013), S(014), S(015), S(016), S(017), S(018), S(019), S(020), S(021), S(022),
    S(023), S(024), S(025), S(026), S(027), S(028), S(029), S(030), S(031), S(032), S(033),
    S(034), S(035), S(036), S(169), S(174), S(175), S(176), END};
