/* Modules as programs ask for them: handles, names, addresses. */
#include <stdlib.h>
#include <string.h>
#include "kernel32/face.h"
#include "kernel32/loader/module.h"
#include "kernel32/process/process.h"
#include "kernel32/process/teb.h"
#include "kernel32/process/utf.h"
#include "memoryapi/guarded.h"

#define FROM_ADDRESS    0x4u /* GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS */
#define UNCHANGED_COUNT 0x2u /* GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT */
#define PIN             0x1u /* GET_MODULE_HANDLE_EX_FLAG_PIN */
#define DATA_FILE_BITS  3u   /* handles of files mapped as data have these set */
#define ORDINAL_LIMIT   0x10000u
/* Longer names are exported by nobody. */
#define NAME_LIMIT 2048u

/* The module of a name from module_plain_name(); an api set stands for the module that has it. */
static struct module *find_module(const char *name)
{
    struct module *module = module_by_name(name);
    const char *answered = module || strchr(name, '/') ? NULL : builtin_name(name);
    return answered ? module_by_name(answered) : module;
}

static struct module *take_module(uint32_t flags, const char *name, uint64_t address)
{
    loader_lock();
    struct module *module = flags & FROM_ADDRESS ? module_by_address(address)
                            : name               ? find_module(name)
                                                 : module_program();
    if (module && flags & PIN)
        module->loads = module->entry.load_count = MODULE_PINNED;
    else if (module && !(flags & UNCHANGED_COUNT) && module->loads != MODULE_PINNED)
        module->entry.load_count = ++module->loads;
    loader_unlock();
    return module;
}

BOOL k32_GetModuleHandleExW(DWORD dwFlags, LPCWSTR lpModuleName, HMODULE *phModule)
{
    if (!phModule || dwFlags & ~(FROM_ADDRESS | UNCHANGED_COUNT | PIN) ||
        (dwFlags & (UNCHANGED_COUNT | PIN)) == (UNCHANGED_COUNT | PIN))
        return face_bool(STATUS_INVALID_PARAMETER);
    *phModule = NULL;
    NTSTATUS status;
    bool by_name = !(dwFlags & FROM_ADDRESS) && lpModuleName;
    char *name = by_name ? module_plain_name(lpModuleName, &status) : NULL;
    struct module *module =
        by_name && !name ? NULL : take_module(dwFlags, name, (uint64_t)lpModuleName);
    free(name);
    if (!module)
        return face_bool(STATUS_DLL_NOT_FOUND);
    *phModule = (HMODULE)module->base;
    return TRUE;
}

BOOL k32_GetModuleHandleExA(DWORD dwFlags, LPCSTR lpModuleName, HMODULE *phModule)
{
    if (dwFlags & FROM_ADDRESS || !lpModuleName)
        return k32_GetModuleHandleExW(dwFlags, (LPCWSTR)(const void *)lpModuleName, phModule);
    uint16_t *name = wide_from_utf8(lpModuleName);
    if (!name)
        return face_bool(STATUS_NO_MEMORY);
    BOOL done = k32_GetModuleHandleExW(dwFlags, name, phModule);
    free(name);
    return done;
}

HMODULE k32_GetModuleHandleW(LPCWSTR lpModuleName)
{
    HMODULE module = NULL;
    return k32_GetModuleHandleExW(UNCHANGED_COUNT, lpModuleName, &module) ? module : NULL;
}

HMODULE k32_GetModuleHandleA(LPCSTR lpModuleName)
{
    HMODULE module = NULL;
    return k32_GetModuleHandleExA(UNCHANGED_COUNT, lpModuleName, &module) ? module : NULL;
}

/*
 * The full path, without a terminator's place; NULL: no such module. Constant while the module
 * lives.
 */
static const UNICODE_STRING *path_of(HMODULE handle)
{
    struct module *module =
        handle ? module_by_base((uint64_t)handle & ~(uint64_t)DATA_FILE_BITS) : module_program();
    return module ? &module->entry.full_name : NULL;
}

/*
 * Both end with a terminator when there is room for any; a path that does not fit is cut (sdk-api
 * GetModuleFileNameW).
 */
DWORD k32_GetModuleFileNameW(HMODULE hModule, LPWSTR lpFilename, DWORD nSize)
{
    const UNICODE_STRING *path = path_of(hModule);
    if (!path)
        return (DWORD)face_bool(STATUS_DLL_NOT_FOUND);
    DWORD length = path->Length / 2u;
    DWORD fits = length < nSize ? length : nSize ? nSize - 1 : 0;
    if (nSize) {
        memcpy(lpFilename, path->Buffer, fits * sizeof *lpFilename);
        lpFilename[fits] = 0;
    }
    last_error_set(length < nSize ? ERROR_SUCCESS : ERROR_INSUFFICIENT_BUFFER);
    return length < nSize ? length : nSize;
}

DWORD k32_GetModuleFileNameA(HMODULE hModule, LPSTR lpFilename, DWORD nSize)
{
    const UNICODE_STRING *path = path_of(hModule);
    if (!path)
        return (DWORD)face_bool(STATUS_DLL_NOT_FOUND);
    size_t length = utf16_to_utf8(path->Buffer, path->Length / 2u, NULL, 0, NULL);
    size_t fits =
        nSize ? utf16_to_utf8(path->Buffer, path->Length / 2u, lpFilename, nSize - 1, NULL) : 0;
    if (nSize)
        lpFilename[fits < nSize ? fits : nSize - 1] = 0;
    last_error_set(length < nSize ? ERROR_SUCCESS : ERROR_INSUFFICIENT_BUFFER);
    return (DWORD)(length < nSize ? length : nSize);
}

/* `name` NULL: by ordinal. Sets the last error. */
static PVOID procedure(HMODULE handle, const char *name, uint32_t ordinal)
{
    uint64_t address = 0;
    loader_lock();
    struct module *module = handle ? module_by_base((uint64_t)handle) : module_program();
    if (module)
        address = bind_symbol(module, name, ordinal);
    loader_unlock();
    if (!address)
        last_error_set(module ? ERROR_PROC_NOT_FOUND : ERROR_MOD_NOT_FOUND);
    return (PVOID)address;
}

PVOID k32_GetProcAddress(HMODULE hModule, LPCSTR lpProcName)
{
    char name[NAME_LIMIT]; /* a copy: the program's memory is not read with the lock held */
    if ((uint64_t)lpProcName < ORDINAL_LIMIT)
        return procedure(hModule, NULL, (uint32_t)(uint64_t)lpProcName);
    size_t length = strlen(lpProcName);
    if (length >= sizeof name)
        return face_pointer(STATUS_ENTRYPOINT_NOT_FOUND, NULL);
    memcpy(name, lpProcName, length + 1);
    return procedure(hModule, name, 0);
}

NTSTATUS nt_LdrGetProcedureAddress(PVOID DllHandle, PANSI_STRING ProcedureName,
                                   ULONG ProcedureNumber, PVOID *ProcedureAddress)
{
    char name[512];
    if (ProcedureName && ProcedureName->Length >= sizeof name)
        return STATUS_INVALID_PARAMETER;
    if (ProcedureName) {
        memcpy(name, ProcedureName->Buffer, ProcedureName->Length);
        name[ProcedureName->Length] = 0;
    }
    PVOID address =
        k32_GetProcAddress(DllHandle, ProcedureName ? name : (LPCSTR)(uint64_t)ProcedureNumber);
    if (!address)
        return ProcedureName ? STATUS_ENTRYPOINT_NOT_FOUND : STATUS_ORDINAL_NOT_FOUND;
    return guarded_write(ProcedureAddress, &address, sizeof address) ? STATUS_SUCCESS
                                                                     : STATUS_ACCESS_VIOLATION;
}

BOOL k32_DisableThreadLibraryCalls(HMODULE hLibModule)
{
    loader_lock();
    struct module *module = module_by_base((uint64_t)hLibModule);
    /*
     * a module with static thread-local storage goes on being called (sdk-api
     * DisableThreadLibraryCalls)
     */
    bool may = module && !module->has_tls;
    if (may)
        module->quiet = true;
    loader_unlock();
    return module ? (may ? TRUE : face_bool(STATUS_DLL_NOT_FOUND))
                  : face_bool(STATUS_DLL_NOT_FOUND);
}

PVOID nt_RtlGetCurrentPeb(void)
{
    return process_peb;
}

PVOID nt_RtlImageNtHeader(PVOID BaseOfImage)
{
    uint32_t offset, mark;
    uint16_t magic;
    const char *base = BaseOfImage;
    if (!guarded_read(base, &magic, sizeof magic) || magic != 0x5A4D ||
        !guarded_read(base + 0x3C, &offset, sizeof offset) ||
        !guarded_read(base + offset, &mark, sizeof mark) || mark != 0x4550)
        return NULL;
    return (PVOID)(base + offset);
}

void k32_ExitProcess(UINT uExitCode)
{
    nt_RtlExitUserProcess((NTSTATUS)uExitCode);
}

void nt_RtlExitUserProcess(NTSTATUS Status)
{
    if (process_peb) {
        loader_lock();
        detach_all();
    }
    process_end((uint32_t)Status);
}
