/* Generated from spec/. Do not edit. */
#pragma once

#include <stdint.h>
#include <stddef.h>

#define WINAPI __attribute__((ms_abi))
#define CALLBACK WINAPI
#define NTAPI WINAPI

typedef uint8_t BYTE;
typedef uint32_t DWORD;
typedef int32_t BOOL;
typedef int32_t NTSTATUS;
typedef int32_t HRESULT;
typedef uint64_t SIZE_T;
typedef void *HANDLE;
typedef void *LPVOID;
typedef uint32_t *PDWORD;
typedef const char *LPCSTR;

/* SMALL_FLAGS: nowhere */
#define SMALL_ONE 1
#define SMALL_ALL 0xFFFFFFFFu

#define ERROR_SUCCESS 0u
#define ERROR_NOT_SUPPORTED 50u
#define ERROR_INVALID_PARAMETER 87u
#define STATUS_SUCCESS ((NTSTATUS)0x00000000)
#define STATUS_NOT_SUPPORTED ((NTSTATUS)0xC00000BB)

typedef struct _DEPTHS DEPTHS;
typedef struct _PAIR PAIR;
typedef PAIR *PPAIR;
typedef PAIR *LPPAIR;
typedef union _WORDS WORDS;

typedef struct _WIDE WIDE;

typedef struct _EARLY EARLY;

typedef struct _LATE LATE;

typedef DWORD (WINAPI *PCOUNTER)(LPVOID context, DWORD count);
struct _PAIR {
    BYTE Tag;
    DWORD Value;
    struct _PAIR *Next;
};
__extension__ union _WORDS {
    DWORD Whole;
    struct { BYTE Low; BYTE High[3]; } u;
};
__extension__ struct _WIDE {
    PAIR Pairs[2];
    union { DWORD One; SIZE_T Two; };
    DWORD Bits : 4;
    DWORD Rest : 28;
    PCOUNTER Counter;
} __attribute__((aligned(16)));
struct _LATE {
    DWORD Only;
};
struct _EARLY {
    LATE First;
    DWORD Second;
};
