/*
 * What a Windows program can see of virtual memory, statement by statement. Runs on Windows, under
 * Wine and under winmem, and prints the same machine-readable lines (kit.h). The sentences behind
 * the identities are in spec/behaviour.toml.
 *
 * Long on purpose: it is taken to another system as one program, and read in the order of the
 * identities.
 *
 *     conformance.exe [PREFIX]      only the statements whose identity begins with PREFIX
 */
#include "kit.h"

typedef DWORD WINAPI offer_function(PVOID, SIZE_T, int);
typedef DWORD WINAPI reclaim_function(const void *, SIZE_T);
typedef DWORD WINAPI discard_function(PVOID, SIZE_T);
typedef LONG WINAPI nt_allocate_function(HANDLE, PVOID *, ULONG_PTR, PSIZE_T, ULONG, ULONG);
typedef LONG WINAPI nt_query_function(HANDLE, PVOID, int, PVOID, SIZE_T, PSIZE_T);
typedef LONG WINAPI nt_free_function(HANDLE, PVOID *, PSIZE_T, ULONG);
typedef LONG WINAPI nt_protect_function(HANDLE, PVOID *, PSIZE_T, ULONG, PULONG);

static offer_function *offer;
static reclaim_function *reclaim;
static discard_function *discard;
static nt_allocate_function *nt_allocate;
static nt_query_function *nt_query;
static nt_free_function *nt_free;
static nt_protect_function *nt_protect;

static char *take(SIZE_T size, DWORD type, DWORD protect)
{
    return VirtualAlloc(NULL, size, type, protect);
}

static char *take_rw(unsigned pages)
{
    return take(pages * PAGE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
}

static void drop(void *base)
{
    VirtualFree(base, 0, MEM_RELEASE);
}

static MEMORY_BASIC_INFORMATION look(const volatile void *address)
{
    MEMORY_BASIC_INFORMATION info;
    memset(&info, 0, sizeof info);
    VirtualQuery((const void *)address, &info, sizeof info);
    return info;
}

/* A free stretch at a 64 KiB multiple, found by taking and giving back. */
static char *free_place(SIZE_T size)
{
    char *p = take(size, MEM_RESERVE, PAGE_NOACCESS);
    drop(p);
    return p;
}

/* NULL with this last error. */
static void refused(const char *what, void *got, DWORD error, int line)
{
    DWORD last = GetLastError();
    kit_same(what, (ULONG64)got, 0, line);
    if (!got)
        kit_same(what, last, error, line);
    else
        drop(got);
}
#define no_memory(what, call, error) (SetLastError(0), refused(what, (call), (error), __LINE__))

static void denied(const char *what, BOOL got, DWORD error, int line)
{
    DWORD last = GetLastError();
    kit_same(what, (ULONG64)got, 0, line);
    kit_same(what, last, error, line);
}
#define no_success(what, call, error) (SetLastError(0), denied(what, (call), (error), __LINE__))

/*
 * --- allocation and rounding
 * ----------------------------------------------------------------------------------------------
 */

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

/* Two reservations side by side; NULL when another thread came between. */
static char *neighbours(DWORD type)
{
    char *p = free_place(2 * GRANULE);
    char *a = VirtualAlloc(p, GRANULE, type, PAGE_READWRITE);
    char *b = VirtualAlloc(p + GRANULE, GRANULE, type, PAGE_READWRITE);
    return a == p && b == p + GRANULE ? p : NULL;
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

/*
 * --- free
 * -----------------------------------------------------------------------------------------------------------------
 */

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

/*
 * --- protect and exceptions
 * -----------------------------------------------------------------------------------------------
 */

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

static void vm075(void)
{
    char *p = take(PAGE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE | PAGE_GUARD);
    SIZE_T stored = 0;
    LONG first = nt_query(GetCurrentProcess(), p, 0, p, sizeof(MEMORY_BASIC_INFORMATION), &stored);
    LONG second = nt_query(GetCurrentProcess(), p, 0, p, sizeof(MEMORY_BASIC_INFORMATION), &stored);
    ok("a system service fails on the guard", first < 0);
    same("and then succeeds", second, 0);
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

/*
 * --- query
 * ----------------------------------------------------------------------------------------------------------------
 */

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

/*
 * --- offer, reclaim, discard
 * ----------------------------------------------------------------------------------------------
 */

static int offers_here(void)
{
    if (offer && reclaim && discard)
        return 1;
    kit_skip("OfferVirtualMemory is not here");
    return 0;
}

static void vm098(void)
{
    char *p;
    struct probe met;
    if (!offers_here())
        return;
    p = take_rw(4);
    memset(p, 'o', 4 * PAGE);
    same("offer", offer(p + PAGE, 2 * PAGE, 4), 0);
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
    if (!offers_here())
        return;
    p = take_rw(16);
    for (i = 0; i < 16 * PAGE; i++)
        p[i] = (char)(i / 3);
    offer(p, 16 * PAGE, 1);
    result = reclaim(p, 16 * PAGE);
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
    if (!offers_here())
        return;
    p = take_rw(2);
    ok("address", offer(p + 1, PAGE, 4) != 0);
    ok("size", offer(p, PAGE + 1, 4) != 0);
    ok("priority 0", offer(p, PAGE, 0) != 0);
    ok("priority 5", offer(p, PAGE, 5) != 0);
    ok("reclaim address", reclaim(p + 1, PAGE) != 0);
    ok("discard size", discard(p, 100) != 0);
    same("untouched", probe_write(p, PROBE_ONCE).code, 0);
    drop(p);
}

static void vm101(void)
{
    char *p;
    DWORD old;
    if (!offers_here())
        return;
    p = take_rw(1);
    p[7] = 'd';
    VirtualProtect(p, PAGE, PAGE_READONLY, &old);
    ok("refused", discard(p, PAGE) != 0);
    same("unaltered", p[7], 'd');
    drop(p);
}

static void vm102(void)
{
    char *p;
    if (!offers_here())
        return;
    p = take_rw(2);
    p[0] = 1;
    same("discard", discard(p, 2 * PAGE), 0);
    same("state", look(p).State, MEM_COMMIT);
    p[0] = 9;
    same("writable", p[0], 9);
    drop(p);
}

/*
 * --- native
 * ---------------------------------------------------------------------------------------------------------------
 */

static void vm139(void)
{
    PVOID base = NULL;
    SIZE_T size = 5000;
    same("status", nt_allocate(GetCurrentProcess(), &base, 0, &size, MEM_RESERVE, PAGE_NOACCESS),
         0);
    same("size", size, 2 * PAGE);
    same("base", (ULONG64)base % GRANULE, 0);
    drop(base);
}

static void vm140(void)
{
    static MEMORY_BASIC_INFORMATION info;
    SIZE_T stored = 0;
    same("class", (DWORD)nt_query(GetCurrentProcess(), &info, 0x7777, &info, sizeof info, &stored),
         0xC0000003u);
    same("length", (DWORD)nt_query(GetCurrentProcess(), &info, 0, &info, 8, &stored), 0xC0000004u);
}

static void vm141(void)
{
    PVOID base = NULL;
    SIZE_T size = 0;
    SetLastError(4711);
    ok("fails", nt_allocate(GetCurrentProcess(), &base, 0, &size, MEM_RESERVE, PAGE_NOACCESS) < 0);
    same("last error", GetLastError(), 4711);
}

static void vm142(void)
{
    char *p;
    if (!offers_here())
        return;
    p = take_rw(1);
    same("offer of an odd size", offer(p, 5, 4), ERROR_INVALID_PARAMETER);
    drop(p);
}

/*
 * --- what the functions have in common
 * ------------------------------------------------------------------------------------
 */

static void vm119(void)
{
    char *p = take_rw(1);
    no_success("coalesce alone", VirtualFree(p, PAGE, 1 /* MEM_COALESCE_PLACEHOLDERS */),
               ERROR_INVALID_PARAMETER);
    same("unchanged", look(p).State, MEM_COMMIT);
    drop(p);
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

static int written = 1; /* data of the program */

static void vm145(void)
{
    char *image = (char *)GetModuleHandleA(NULL);
    MEMORY_BASIC_INFORMATION headers = look(image), code = look((void *)vm145),
                             data = look(&written);
    written = 2;
    same("headers", headers.Type, MEM_IMAGE);
    same("headers protect", headers.Protect, PAGE_READONLY);
    same("code", code.Type, MEM_IMAGE);
    same("code protect", code.Protect, PAGE_EXECUTE_READ);
    same("one allocation", (ULONG64)code.AllocationBase, (ULONG64)image);
    same("allocation protect", code.AllocationProtect, PAGE_EXECUTE_WRITECOPY);
    same("data", data.Type, MEM_IMAGE);
    ok("data can be written", data.Protect == PAGE_READWRITE || data.Protect == PAGE_WRITECOPY);
    same("data stays of the image", look(&written).Type, MEM_IMAGE);
    ok("code cannot be written",
       probe_write((void *)vm145, PROBE_ONCE).code == STATUS_ACCESS_VIOLATION);
}

static void vm146(void)
{
    char *image = (char *)GetModuleHandleA(NULL);
    ok("release", !VirtualFree(image, 0, MEM_RELEASE));
    ok("decommit", !VirtualFree(image, PAGE, MEM_DECOMMIT));
    no_memory("reserve over it", VirtualAlloc(image, PAGE, MEM_RESERVE, PAGE_READWRITE),
              ERROR_INVALID_ADDRESS);
    same("still there", look(image).State, MEM_COMMIT);
}

static void vm147(void)
{
    HANDLE event = CreateEventA(NULL, TRUE, FALSE, NULL);
    MEMORY_BASIC_INFORMATION info;
    char *p = take_rw(1);
    DWORD old;
    no_memory("allocate", VirtualAllocEx(event, NULL, PAGE, MEM_RESERVE, PAGE_NOACCESS),
              ERROR_INVALID_HANDLE);
    no_success("free", VirtualFreeEx(event, p, 0, MEM_RELEASE), ERROR_INVALID_HANDLE);
    no_success("protect", VirtualProtectEx(event, p, PAGE, PAGE_READONLY, &old),
               ERROR_INVALID_HANDLE);
    no_success("query", !!VirtualQueryEx(event, p, &info, sizeof info), ERROR_INVALID_HANDLE);
    same("unchanged", look(p).Protect, PAGE_READWRITE);
    CloseHandle(event);
    drop(p);
}

static void vm148(void)
{
    HANDLE operate = OpenProcess(PROCESS_VM_OPERATION, FALSE, GetCurrentProcessId()),
           ask = OpenProcess(PROCESS_QUERY_INFORMATION, FALSE, GetCurrentProcessId());
    MEMORY_BASIC_INFORMATION info;
    char *p = VirtualAllocEx(operate, NULL, PAGE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    DWORD old;
    ok("with the right", p != NULL);
    no_memory("allocate", VirtualAllocEx(ask, NULL, PAGE, MEM_RESERVE, PAGE_NOACCESS),
              ERROR_ACCESS_DENIED);
    no_success("protect", VirtualProtectEx(ask, p, PAGE, PAGE_READONLY, &old), ERROR_ACCESS_DENIED);
    no_success("free", VirtualFreeEx(ask, p, 0, MEM_RELEASE), ERROR_ACCESS_DENIED);
    no_success("query", !!VirtualQueryEx(operate, p, &info, sizeof info), ERROR_ACCESS_DENIED);
    same("query with the right", VirtualQueryEx(ask, p, &info, sizeof info), 48);
    ok("freed", VirtualFreeEx(operate, p, 0, MEM_RELEASE));
    CloseHandle(operate);
    CloseHandle(ask);
}

static void vm149(void)
{
    char here = 0;
    char *base = look(&here).AllocationBase, *at = base;
    MEMORY_BASIC_INFORMATION info = look(&here);
    DWORD guards = 0;
    same("type", info.Type, MEM_PRIVATE);
    same("protect", info.Protect, PAGE_READWRITE);
    ok("not all of it is committed",
       look(base).State == MEM_RESERVE || look(base).Protect == PAGE_NOACCESS);
    for (; at < &here; at += info.RegionSize) {
        info = look(at);
        same("one allocation", (ULONG64)info.AllocationBase, (ULONG64)base);
        guards += info.State == MEM_COMMIT && (info.Protect & PAGE_GUARD) != 0;
    }
    same("one run of guard pages below what is used", guards, 1);
}

static void vm150(void)
{
    char *shared = (char *)(ULONG64)0x7FFE0000;
    same("read", probe_read(shared, PROBE_ONCE).code, 0);
    same("write", probe_write(shared, PROBE_ONCE).code, STATUS_ACCESS_VIOLATION);
    same("state", look(shared).State, MEM_COMMIT);
    same("protect", look(shared).Protect, PAGE_READONLY);
    ok("cannot be freed", !VirtualFree(shared, 0, MEM_RELEASE));
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

static void vm152(void)
{
    char *p = take_rw(4);
    PVOID base = p + PAGE + 5;
    SIZE_T size = PAGE;
    ULONG old = 0;
    same("protect", nt_protect(GetCurrentProcess(), &base, &size, PAGE_READONLY, &old), 0);
    same("base", (ULONG64)base, (ULONG64)p + PAGE);
    same("size", size, 2 * PAGE);
    same("old", old, PAGE_READWRITE);
    base = p + PAGE - 1;
    size = 2;
    same("decommit", nt_free(GetCurrentProcess(), &base, &size, MEM_DECOMMIT), 0);
    same("base", (ULONG64)base, (ULONG64)p);
    same("size", size, 2 * PAGE);
    base = p;
    size = 0;
    same("release", nt_free(GetCurrentProcess(), &base, &size, MEM_RELEASE), 0);
    same("state", look(p).State, MEM_FREE);
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

static void vm155(void)
{
    char *p = take_rw(2), *values = take_rw(1);
    PVOID *base = (PVOID *)values;
    SIZE_T *size = (SIZE_T *)(values + 64);
    ULONG old;
    DWORD before;
    *base = p;
    *size = PAGE;
    VirtualProtect(values, PAGE, PAGE_READONLY, &before);
    ok("protect", nt_protect(GetCurrentProcess(), base, size, PAGE_READONLY, &old) < 0);
    same("unchanged", look(p).Protect, PAGE_READWRITE);
    ok("decommit", nt_free(GetCurrentProcess(), base, size, MEM_DECOMMIT) < 0);
    same("unchanged", look(p).State, MEM_COMMIT);
    drop(p);
    drop(values);
}

#define S(number)                                                                                  \
    {                                                                                              \
        "VM-" #number, vm##number                                                                  \
    }
static const struct statement statements[] = {
    S(001), S(002), S(003), S(004), S(005), S(006), S(007), S(008), S(009), S(010), S(011), S(012),
    S(013), S(014), S(015), S(016), S(017), S(018), S(019), S(020), S(021), S(022), S(023), S(024),
    S(025), S(026), S(027), S(028), S(029), S(030), S(031), S(032), S(033), S(034), S(035), S(036),
    S(049), S(050), S(051), S(052), S(053), S(054), S(055), S(056), S(057), S(058), S(059), S(060),
    S(061), S(062), S(063), S(064), S(065), S(066), S(067), S(068), S(069), S(070), S(071), S(072),
    S(073), S(074), S(075), S(076), S(078), S(079), S(080), S(081), S(082), S(083), S(084), S(085),
    S(098), S(099), S(100), S(101), S(102), S(139), S(140), S(141), S(142), S(119), S(143), S(144),
    S(145), S(146), S(147), S(148), S(149), S(150), S(151), S(152), S(153), S(154), S(155),
};

void start(void)
{
    HMODULE kernel32 = GetModuleHandleA("kernel32.dll"), ntdll = GetModuleHandleA("ntdll.dll");
    char *command = GetCommandLineA(), *only = NULL;

    offer = (offer_function *)(void *)GetProcAddress(kernel32, "OfferVirtualMemory");
    reclaim = (reclaim_function *)(void *)GetProcAddress(kernel32, "ReclaimVirtualMemory");
    discard = (discard_function *)(void *)GetProcAddress(kernel32, "DiscardVirtualMemory");
    nt_allocate = (nt_allocate_function *)(void *)GetProcAddress(ntdll, "NtAllocateVirtualMemory");
    nt_free = (nt_free_function *)(void *)GetProcAddress(ntdll, "NtFreeVirtualMemory");
    nt_protect = (nt_protect_function *)(void *)GetProcAddress(ntdll, "NtProtectVirtualMemory");
    nt_query = (nt_query_function *)(void *)GetProcAddress(ntdll, "NtQueryVirtualMemory");
    for (; *command; command++)
        if (command[0] == ' ' && command[1] == 'V')
            only = command + 1;
    ExitProcess((UINT)kit_run(statements, sizeof statements / sizeof statements[0], only));
}
