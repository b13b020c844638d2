/*
 * The modules of a process, as debuggers and profilers list them (psapi). The process must be this
 * one.
 */
#include <string.h>
#include "kernel32/face.h"
#include "kernel32/loader/module.h"
#include "kernel32/process/utf.h"
#include "memoryapi/object.h"

#define MODULES_AT_ONCE 512

static NTSTATUS check(HANDLE process)
{
    return handle_is_current_process(process, PROCESS_QUERY_INFORMATION | PROCESS_VM_READ);
}

/* Copies what fits and tells what all would take, in bytes. */
BOOL k32_K32EnumProcessModulesEx(HANDLE hProcess, HMODULE *lphModule, DWORD cb, LPDWORD lpcbNeeded,
                                 DWORD dwFilterFlag)
{
    HMODULE found[MODULES_AT_ONCE / 2];
    DWORD count = 0;
    NTSTATUS status = check(hProcess);
    if (status != STATUS_SUCCESS)
        return face_bool(status);
    loader_lock();
    for (struct module *module = module_next(NULL); module; module = module_next(module))
        if (count < sizeof found / sizeof found[0])
            found[count++] = (HMODULE)module->base;
    loader_unlock();
    DWORD size = count * (DWORD)sizeof found[0];
    memcpy(lphModule, found, size < cb ? size : cb / sizeof found[0] * sizeof found[0]);
    *lpcbNeeded = size;
    return TRUE;
}

BOOL k32_K32EnumProcessModules(HANDLE hProcess, HMODULE *lphModule, DWORD cb, LPDWORD lpcbNeeded)
{
    return k32_K32EnumProcessModulesEx(hProcess, lphModule, cb, lpcbNeeded, 0);
}

BOOL k32_K32GetModuleInformation(HANDLE hProcess, HMODULE hModule, LPMODULEINFO lpmodinfo, DWORD cb)
{
    NTSTATUS status = check(hProcess);
    struct module *module = status != STATUS_SUCCESS ? NULL
                            : hModule                ? module_by_base((uint64_t)hModule)
                                                     : module_program();
    if (status == STATUS_SUCCESS && !module)
        status = STATUS_INVALID_HANDLE;
    if (status == STATUS_SUCCESS && cb < sizeof *lpmodinfo)
        status = STATUS_BUFFER_TOO_SMALL;
    if (status == STATUS_SUCCESS)
        *lpmodinfo = (MODULEINFO){.lpBaseOfDll = (PVOID)module->base,
                                  .SizeOfImage = (DWORD)module->size,
                                  .EntryPoint = module->entry.entry};
    return face_bool(status);
}

DWORD k32_K32GetModuleFileNameExW(HANDLE hProcess, HMODULE hModule, LPWSTR lpFilename, DWORD nSize)
{
    return face_bool(check(hProcess)) ? k32_GetModuleFileNameW(hModule, lpFilename, nSize) : 0;
}

DWORD k32_K32GetModuleFileNameExA(HANDLE hProcess, HMODULE hModule, LPSTR lpFilename, DWORD nSize)
{
    return face_bool(check(hProcess)) ? k32_GetModuleFileNameA(hModule, lpFilename, nSize) : 0;
}

static const struct module *named(HANDLE process, HMODULE handle)
{
    NTSTATUS status = check(process);
    const struct module *module = status != STATUS_SUCCESS ? NULL
                                  : handle                 ? module_by_base((uint64_t)handle)
                                                           : module_program();
    if (!module)
        face_bool(status == STATUS_SUCCESS ? STATUS_INVALID_HANDLE : status);
    return module;
}

DWORD k32_K32GetModuleBaseNameW(HANDLE hProcess, HMODULE hModule, LPWSTR lpBaseName, DWORD nSize)
{
    const struct module *module = named(hProcess, hModule);
    if (!module || !nSize)
        return 0;
    DWORD length = module->entry.base_name.Length / 2u;
    length = length < nSize ? length : nSize - 1;
    memcpy(lpBaseName, module->entry.base_name.Buffer, length * sizeof *lpBaseName);
    lpBaseName[length] = 0;
    return length;
}

DWORD k32_K32GetModuleBaseNameA(HANDLE hProcess, HMODULE hModule, LPSTR lpBaseName, DWORD nSize)
{
    const struct module *module = named(hProcess, hModule);
    if (!module || !nSize)
        return 0;
    size_t size = utf16_to_utf8(module->entry.base_name.Buffer, module->entry.base_name.Length / 2u,
                                lpBaseName, nSize - 1, NULL);
    size = size < nSize ? size : nSize - 1;
    lpBaseName[size] = 0;
    return (DWORD)size;
}
