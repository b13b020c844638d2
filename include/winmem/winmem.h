/*
 * What libwinmem.so offers a host program beside the Windows functions themselves: finding them by
 * module and name, as the loader of Windows programs must, or a program that opens the library at
 * run time. These three have the C convention of the host.
 */
#pragma once

#ifdef __cplusplus
extern "C" {
#endif

#define WINMEM_HOST __attribute__((visibility("default")))

/*
 * The function behind module!name, or NULL when winmem has no such function. It is to be called
 * with the Windows convention
 * (__attribute__((ms_abi)); <winmem/memoryapi.h> and its neighbours have the prototypes).
 *
 * module: "kernel32.dll" or "KERNEL32", or an api set such as "api-ms-win-core-memory-l1-1-0.dll",
 * in any case. The last number of an api set does not count, and a set gives everything its DLL
 * exports, both as on Windows. NULL: whatever module has it. name:   exact, as in an import table.
 *
 * A function that winmem knows but does not provide is found, too: it answers with its documented
 * failure and the error "not supported". Takes no lock, allocates nothing, may be called from any
 * thread and from a signal handler.
 *
 * The functions run on the caller's stack and want at least 16 KiB of it. They need no TEB; the
 * last error of a thread without one is kept in storage of the library and read with GetLastError.
 */
WINMEM_HOST void *winmem_resolve(const char *module, const char *name);

/* 1 when winmem answers for this module or api set (spelled as above), else 0: its imports are then
 * somebody else's. */
WINMEM_HOST int winmem_has_module(const char *module);

/* The library's version, "major.minor.patch"; for people and logs. */
WINMEM_HOST const char *winmem_version(void);

#ifdef __cplusplus
}
#endif
