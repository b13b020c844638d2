/*
 * What the parts of the conformance program share. Each conformance_<topic>.c proves the statements
 * of one topic and ends in their table; conformance.c runs the tables in the order of the list
 * below. The sentences behind the identities are in spec/behaviour.toml.
 */
#ifndef CONFORMANCE_H
#define CONFORMANCE_H

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

extern const struct statement allocate_statements[], free_statements[], protect_statements[],
    query_statements[], offer_statements[], native_statements[], process_statements[];

/* Functions that some systems lack: looked up by name, NULL where they are not. */
#define OPTIONAL_FUNCTIONS(F)                                                                      \
    F(DWORD, OfferVirtualMemory, (PVOID, SIZE_T, int))                                             \
    F(DWORD, ReclaimVirtualMemory, (const void *, SIZE_T))                                         \
    F(DWORD, DiscardVirtualMemory, (PVOID, SIZE_T))                                                \
    F(LONG, NtAllocateVirtualMemory, (HANDLE, PVOID *, ULONG_PTR, PSIZE_T, ULONG, ULONG))          \
    F(LONG, NtFreeVirtualMemory, (HANDLE, PVOID *, PSIZE_T, ULONG))                                \
    F(LONG, NtProtectVirtualMemory, (HANDLE, PVOID *, PSIZE_T, ULONG, PULONG))                     \
    F(LONG, NtQueryVirtualMemory, (HANDLE, PVOID, int, PVOID, SIZE_T, PSIZE_T))

#define DECLARE_OPTIONAL(result, name, parameters) result(WINAPI *name) parameters;
struct optional_functions {
    OPTIONAL_FUNCTIONS(DECLARE_OPTIONAL)
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
