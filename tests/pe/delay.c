/*
 * Delayed imports: dll_a is loaded by the helper below at the first call, not at the start. The
 * stubs and tables are dlltool's; the helper is what a compiler's library would bring.
 */
#include "kit.h"

/* delayimp.h's descriptor, as the linker lays it out: addresses relative to the module */
struct delay_descriptor {
    DWORD attributes, name, module, addresses, names, bound, unload, stamp;
};
extern char __ImageBase[];
void *__delayLoadHelper2(const struct delay_descriptor *descriptor, void **slot);

/* not dllimport: then a compiler may read the slot once for several calls */
int WINAPI add(int a, int b);
static unsigned helped;

void *__delayLoadHelper2(const struct delay_descriptor *descriptor, void **slot)
{
    char *base = __ImageBase;
    HMODULE *module = (HMODULE *)(base + descriptor->module);
    const ULONG64 *names = (const ULONG64 *)(base + descriptor->names);
    ULONG64 name = names[slot - (void **)(base + descriptor->addresses)];
    const char *which = name >> 63 ? (const char *)(name & 0xFFFF) : base + name + sizeof(WORD);

    helped++;
    if (!*module)
        *module = LoadLibraryA(base + descriptor->name);
    *slot = *module ? (void *)GetProcAddress(*module, which) : NULL;
    if (!*slot)
        ExitProcess(9);
    return *slot;
}

static void dl001(void)
{
    ok("not loaded before the first call", GetModuleHandleA("dll_a.dll") == NULL);
    same("first call", (ULONG64)add(1, 2), 3);
    ok("loaded by it", GetModuleHandleA("dll_a.dll") != NULL);
    same("second call", (ULONG64)add(3, 4), 7);
    same("the helper ran once", helped, 1);
}

static const struct statement statements[] = {{"DL-001", dl001}};

void start(void)
{
    ExitProcess((UINT)kit_run(statements, sizeof statements / sizeof statements[0], NULL));
}
