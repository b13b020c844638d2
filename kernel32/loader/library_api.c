/* LoadLibrary, FreeLibrary, and where libraries are looked for. */
#include <stdlib.h>
#include <string.h>
#include "kernel32/face.h"
#include "kernel32/loader/module.h"
#include "kernel32/process/path.h"
#include "kernel32/process/thread.h"
#include "kernel32/process/utf.h"
#include "memoryapi/guarded.h"

#define DONT_RESOLVE 0x1u
#define AS_DATA      (0x2u | 0x40u) /* LOAD_LIBRARY_AS_DATAFILE(_EXCLUSIVE) */
#define AS_IMAGE     0x20u          /* LOAD_LIBRARY_AS_IMAGE_RESOURCE */
#define KNOWN_FLAGS  (DONT_RESOLVE | AS_DATA | AS_IMAGE | 0x8u | 0x10u | 0x80u | 0x1F00u | 0x2000u)

static NTSTATUS load(const WCHAR *name, uint32_t flags, PVOID *ret_handle)
{
    struct image_failure failure;
    struct module *module;
    NTSTATUS status;
    char *plain = module_plain_name(name, &status);
    if (!plain)
        return status;
    loader_lock();
    status = load_library(plain, &module, &failure);
    /* resources and data are read from the image as it is mapped; only its code is not called */
    if (status == STATUS_SUCCESS && !(flags & (AS_DATA | AS_IMAGE | DONT_RESOLVE)) &&
        !attach_module(module, false)) {
        unload_library(module);
        status = STATUS_DLL_INIT_FAILED;
    }
    if (status == STATUS_SUCCESS)
        *ret_handle = (PVOID)module->base;
    loader_unlock();
    free(plain);
    return status;
}

HMODULE k32_LoadLibraryExW(LPCWSTR lpLibFileName, HANDLE hFile, DWORD dwFlags)
{
    PVOID handle = NULL;
    if (hFile || !lpLibFileName || dwFlags & ~KNOWN_FLAGS)
        return face_pointer(STATUS_INVALID_PARAMETER, NULL);
    NTSTATUS status = load(lpLibFileName, dwFlags, &handle);
    return face_pointer(status, handle);
}

HMODULE k32_LoadLibraryW(LPCWSTR lpLibFileName)
{
    return k32_LoadLibraryExW(lpLibFileName, NULL, 0);
}

HMODULE k32_LoadLibraryExA(LPCSTR lpLibFileName, HANDLE hFile, DWORD dwFlags)
{
    uint16_t *name = wide_from_utf8(lpLibFileName);
    if (lpLibFileName && !name)
        return face_pointer(STATUS_NO_MEMORY, NULL);
    HMODULE module = k32_LoadLibraryExW(name, hFile, dwFlags);
    free(name);
    return module;
}

HMODULE k32_LoadLibraryA(LPCSTR lpLibFileName)
{
    return k32_LoadLibraryExA(lpLibFileName, NULL, 0);
}

BOOL k32_FreeLibrary(HMODULE hLibModule)
{
    loader_lock();
    struct module *module = module_by_base((uint64_t)hLibModule);
    if (module)
        unload_library(module);
    loader_unlock();
    if (!module)
        last_error_set(ERROR_MOD_NOT_FOUND);
    return module != NULL;
}

void k32_FreeLibraryAndExitThread(HMODULE hLibModule, DWORD dwExitCode)
{
    k32_FreeLibrary(hLibModule);
    thread_exit(dwExitCode);
}

NTSTATUS nt_LdrLoadDll(LPCWSTR SearchPath, PULONG DllCharacteristics, PUNICODE_STRING DllName,
                       PVOID *DllHandle)
{
    PVOID handle;
    uint16_t *name = calloc(DllName->Length / 2u + 1, sizeof *name);
    if (!name)
        return STATUS_NO_MEMORY;
    memcpy(name, DllName->Buffer, DllName->Length);
    NTSTATUS status = load(name, 0, &handle);
    free(name);
    if (status == STATUS_SUCCESS && !guarded_write(DllHandle, &handle, sizeof handle))
        status = STATUS_ACCESS_VIOLATION;
    return status;
}

NTSTATUS nt_LdrUnloadDll(PVOID DllHandle)
{
    return k32_FreeLibrary(DllHandle) ? STATUS_SUCCESS : STATUS_DLL_NOT_FOUND;
}

NTSTATUS nt_LdrGetDllHandle(LPCWSTR DllPath, PULONG DllCharacteristics, PUNICODE_STRING DllName,
                            PVOID *DllHandle)
{
    uint16_t *name = calloc(DllName->Length / 2u + 1, sizeof *name);
    if (!name)
        return STATUS_NO_MEMORY;
    memcpy(name, DllName->Buffer, DllName->Length);
    PVOID handle = k32_GetModuleHandleW(name);
    free(name);
    if (!handle)
        return STATUS_DLL_NOT_FOUND;
    return guarded_write(DllHandle, &handle, sizeof handle) ? STATUS_SUCCESS
                                                            : STATUS_ACCESS_VIOLATION;
}

BOOL k32_SetDllDirectoryW(LPCWSTR lpPathName)
{
    NTSTATUS status = STATUS_SUCCESS;
    char *directory = lpPathName && *lpPathName
                          ? path_to_host(lpPathName, wide_length(lpPathName), &status)
                          : NULL;
    if (status == STATUS_SUCCESS)
        search_set_directory(directory);
    free(directory);
    return face_bool(status);
}

BOOL k32_SetDllDirectoryA(LPCSTR lpPathName)
{
    uint16_t *name = wide_from_utf8(lpPathName);
    if (lpPathName && !name)
        return face_bool(STATUS_NO_MEMORY);
    BOOL done = k32_SetDllDirectoryW(name);
    free(name);
    return done;
}

/*
 * Which of the usual directories are looked in does not depend on flags here; unknown flags are
 * refused.
 */
BOOL k32_SetDefaultDllDirectories(DWORD DirectoryFlags)
{
    return face_bool(DirectoryFlags && !(DirectoryFlags & ~0x1E00u) ? STATUS_SUCCESS
                                                                    : STATUS_INVALID_PARAMETER);
}
