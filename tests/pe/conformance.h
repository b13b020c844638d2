/*
 * What the parts of the conformance program share. Each conformance_<topic>.c proves the statements
 * of one topic and ends in their table; conformance.c runs the tables in the order of its list. The
 * sentences behind the identities are in spec/behaviour.toml.
 */
#ifndef CONFORMANCE_H
#define CONFORMANCE_H

#define _WIN32_WINNT  0x0A00
#define NTDDI_VERSION 0x0A000006 /* the headers of Windows 10 1809: VirtualAlloc2 */

#include "kit.h"

#include <psapi.h>

#define S(number)                                                                                  \
    {                                                                                              \
        "VM-" #number, vm##number                                                                  \
    }
#define END                                                                                        \
    {                                                                                              \
        NULL, NULL                                                                                 \
    }

extern const struct statement allocate_statements[], alloc2_statements[], free_statements[],
    protect_statements[], query_statements[], workingset_statements[], lock_statements[],
    offer_statements[], watch_statements[], placeholder_statements[], physical_statements[],
    general_statements[], bytes_statements[], native_statements[], process_statements[];

/*
 * Functions that some systems lack: looked up by name in whatever library has them, NULL where none
 * does. Those of the first list are declared by the headers.
 */
#define DECLARED_FUNCTIONS(F)                                                                      \
    F(VirtualAllocExNuma)                                                                          \
    F(VirtualAlloc2)                                                                               \
    F(VirtualAlloc2FromApp)                                                                        \
    F(VirtualAllocFromApp)                                                                         \
    F(VirtualProtectFromApp)                                                                       \
    F(QueryVirtualMemoryInformation)                                                               \
    F(PrefetchVirtualMemory)                                                                       \
    F(GetWriteWatch)                                                                               \
    F(ResetWriteWatch)                                                                             \
    F(K32QueryWorkingSet)                                                                          \
    F(K32QueryWorkingSetEx)                                                                        \
    F(K32EmptyWorkingSet)                                                                          \
    F(K32GetProcessMemoryInfo)                                                                     \
    F(AllocateUserPhysicalPages)                                                                   \
    F(FreeUserPhysicalPages)                                                                       \
    F(MapUserPhysicalPages)                                                                        \
    F(MapUserPhysicalPagesScatter)                                                                 \
    F(GetPhysicallyInstalledSystemMemory)                                                          \
    F(GetLargePageMinimum)                                                                         \
    F(CreateMemoryResourceNotification)                                                            \
    F(QueryMemoryResourceNotification)                                                             \
    F(GetSystemFileCacheSize)                                                                      \
    F(SetSystemFileCacheSize)                                                                      \
    F(GetProcessDEPPolicy)                                                                         \
    F(SetProcessDEPPolicy)                                                                         \
    F(RegisterBadMemoryNotification)                                                               \
    F(UnregisterBadMemoryNotification)                                                             \
    F(OpenProcessToken)                                                                            \
    F(AdjustTokenPrivileges)

#undef RtlMoveMemory
#undef RtlFillMemory
#undef RtlZeroMemory
#define OTHER_FUNCTIONS(F)                                                                         \
    F(DWORD, OfferVirtualMemory, (PVOID, SIZE_T, int))                                             \
    F(DWORD, ReclaimVirtualMemory, (const void *, SIZE_T))                                         \
    F(DWORD, DiscardVirtualMemory, (PVOID, SIZE_T))                                                \
    F(int, GetSystemDEPPolicy, (void))                                                             \
    F(void, RtlMoveMemory, (void *, const void *, SIZE_T))                                         \
    F(void, RtlFillMemory, (void *, SIZE_T, int))                                                  \
    F(void, RtlZeroMemory, (void *, SIZE_T))                                                       \
    F(SIZE_T, RtlCompareMemory, (const void *, const void *, SIZE_T))                              \
    F(BOOL, IsEnclaveTypeSupported, (DWORD))                                                       \
    F(void *, CreateEnclave,                                                                       \
      (HANDLE, void *, SIZE_T, SIZE_T, DWORD, const void *, DWORD, DWORD *))                       \
    F(BOOL, DeleteEnclave, (void *))                                                               \
    F(BOOL, AddSecureMemoryCacheCallback, (BOOLEAN(CALLBACK *)(PVOID, SIZE_T)))                    \
    F(BOOL, RemoveSecureMemoryCacheCallback, (BOOLEAN(CALLBACK *)(PVOID, SIZE_T)))                 \
    F(BOOL, SetProcessValidCallTargets, (HANDLE, void *, SIZE_T, ULONG, void *))                   \
    F(void *, AtlThunk_AllocateData, (void))                                                       \
    F(void, AtlThunk_InitData, (void *, void *, SIZE_T))                                           \
    F(WNDPROC, AtlThunk_DataToCode, (void *))                                                      \
    F(void, AtlThunk_FreeData, (void *))                                                           \
    F(LONG, NtAllocateVirtualMemory, (HANDLE, PVOID *, ULONG_PTR, PSIZE_T, ULONG, ULONG))          \
    F(LONG, NtFreeVirtualMemory, (HANDLE, PVOID *, PSIZE_T, ULONG))                                \
    F(LONG, NtProtectVirtualMemory, (HANDLE, PVOID *, PSIZE_T, ULONG, PULONG))                     \
    F(LONG, NtQueryVirtualMemory, (HANDLE, PVOID, int, PVOID, SIZE_T, PSIZE_T))                    \
    F(LONG, NtLockVirtualMemory, (HANDLE, PVOID *, PSIZE_T, ULONG))                                \
    F(LONG, NtUnlockVirtualMemory, (HANDLE, PVOID *, PSIZE_T, ULONG))

#define DECLARED_MEMBER(name)                 __typeof__(name) *name;
#define OTHER_MEMBER(result, name, arguments) result(WINAPI *name) arguments;
struct optional_functions {
    DECLARED_FUNCTIONS(DECLARED_MEMBER)
    OTHER_FUNCTIONS(OTHER_MEMBER)
};
extern struct optional_functions api;

/* Whether the function is there; notes that the statement is skipped where it is not. */
#define HERE(name) (api.name != NULL || (kit_skip(#name " is not here"), 0))

char *take(SIZE_T size, DWORD type, DWORD protect);
/* committed, readable and writable */
char *take_rw(unsigned pages);
void drop(void *base);
MEMORY_BASIC_INFORMATION look(const volatile void *address);
/* A free stretch at a 64 KiB multiple, found by taking and giving back. */
char *free_place(SIZE_T size);
/* Two reservations side by side, a granule each; NULL when another thread came between. */
char *neighbours(DWORD type);

/* The call fails: with NULL, or with FALSE; and with this last error. */
void refused(const char *what, void *got, DWORD error, int line);
void denied(const char *what, BOOL got, DWORD error, int line);
#define no_memory(what, call, error)  (SetLastError(0), refused(what, (call), (error), __LINE__))
#define no_success(what, call, error) (SetLastError(0), denied(what, (call), (error), __LINE__))

#endif
