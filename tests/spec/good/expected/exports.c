/* Generated from spec/. Do not edit. */

#include <winmem/windef.h>
#include "faces.h"
#include "memoryapi/gate.h"
#include "memoryapi/exports.h"

__attribute__((ms_abi, visibility("default"))) BOOL gate_Alpha(LPVOID buffer, SIZE_T size, LPCSTR name, DWORD flags) __asm__("Alpha");
__attribute__((ms_abi)) BOOL gate_Alpha(LPVOID buffer, SIZE_T size, LPCSTR name, DWORD flags)
{
    gate_enter();
    if (__builtin_expect(gate_tracing, 0))
        gate_trace_enter(0, (const uint64_t[]){0, (uint64_t)buffer, (uint64_t)size, (uint64_t)name, (uint64_t)flags});
    BOOL result = small_Alpha(buffer, size, name, flags);
    if (__builtin_expect(gate_tracing, 0))
        gate_trace_leave(0, (uint64_t)result);
    gate_leave();
    return result;
}

__attribute__((ms_abi, visibility("default"))) void gate_Beta(PPAIR pair) __asm__("Beta");
__attribute__((ms_abi)) void gate_Beta(PPAIR pair)
{
    gate_enter();
    if (__builtin_expect(gate_tracing, 0))
        gate_trace_enter(1, (const uint64_t[]){0, (uint64_t)pair});
    small_Beta(pair);
    if (__builtin_expect(gate_tracing, 0))
        gate_trace_leave(1, 0);
    gate_leave();
}

__attribute__((ms_abi, visibility("hidden"))) __attribute__((noreturn)) void gate_OtherEnd(DWORD code) __asm__("gate_OtherEnd");
__attribute__((ms_abi)) void gate_OtherEnd(DWORD code)
{
    gate_enter();
    if (__builtin_expect(gate_tracing, 0))
        gate_trace_enter(3, (const uint64_t[]){0, (uint64_t)code});
    other_End(code);
}

__attribute__((ms_abi, visibility("default"))) DWORD gate_Planned_code(DWORD value) __asm__("Planned_code");
__attribute__((ms_abi)) DWORD gate_Planned_code(DWORD value)
{
    gate_enter();
    if (__builtin_expect(gate_tracing, 0))
        gate_trace_enter(4, (const uint64_t[]){0, (uint64_t)value});
    DWORD result = ERROR_NOT_SUPPORTED;
    if (__builtin_expect(gate_tracing, 0))
        gate_trace_leave(4, (uint64_t)result);
    gate_leave();
    return result;
}

__attribute__((ms_abi, visibility("default"))) BOOL gate_Planned_false(DWORD value) __asm__("Planned_false");
__attribute__((ms_abi)) BOOL gate_Planned_false(DWORD value)
{
    gate_enter();
    if (__builtin_expect(gate_tracing, 0))
        gate_trace_enter(5, (const uint64_t[]){0, (uint64_t)value});
    winmem_set_last_error(ERROR_NOT_SUPPORTED);
    BOOL result = 0;
    if (__builtin_expect(gate_tracing, 0))
        gate_trace_leave(5, (uint64_t)result);
    gate_leave();
    return result;
}

__attribute__((ms_abi, visibility("default"))) HRESULT gate_Planned_hresult(DWORD value) __asm__("Planned_hresult");
__attribute__((ms_abi)) HRESULT gate_Planned_hresult(DWORD value)
{
    gate_enter();
    if (__builtin_expect(gate_tracing, 0))
        gate_trace_enter(6, (const uint64_t[]){0, (uint64_t)value});
    HRESULT result = (HRESULT)0x80004001;
    if (__builtin_expect(gate_tracing, 0))
        gate_trace_leave(6, (uint64_t)result);
    gate_leave();
    return result;
}

__attribute__((ms_abi, visibility("default"))) HANDLE gate_Planned_invalid(DWORD value) __asm__("Planned_invalid");
__attribute__((ms_abi)) HANDLE gate_Planned_invalid(DWORD value)
{
    gate_enter();
    if (__builtin_expect(gate_tracing, 0))
        gate_trace_enter(7, (const uint64_t[]){0, (uint64_t)value});
    winmem_set_last_error(ERROR_NOT_SUPPORTED);
    HANDLE result = (HANDLE)(intptr_t)-1;
    if (__builtin_expect(gate_tracing, 0))
        gate_trace_leave(7, (uint64_t)result);
    gate_leave();
    return result;
}

__attribute__((ms_abi, visibility("default"))) DWORD gate_Planned_minus1(DWORD value) __asm__("Planned_minus1");
__attribute__((ms_abi)) DWORD gate_Planned_minus1(DWORD value)
{
    gate_enter();
    if (__builtin_expect(gate_tracing, 0))
        gate_trace_enter(8, (const uint64_t[]){0, (uint64_t)value});
    winmem_set_last_error(ERROR_NOT_SUPPORTED);
    DWORD result = (DWORD)-1;
    if (__builtin_expect(gate_tracing, 0))
        gate_trace_leave(8, (uint64_t)result);
    gate_leave();
    return result;
}

__attribute__((ms_abi, visibility("default"))) DWORD gate_Planned_never(DWORD value) __asm__("Planned_never");
__attribute__((ms_abi)) DWORD gate_Planned_never(DWORD value)
{
    gate_enter();
    if (__builtin_expect(gate_tracing, 0))
        gate_trace_enter(9, (const uint64_t[]){0, (uint64_t)value});
    gate_missing("small.dll", "Planned_never");
}

__attribute__((ms_abi, visibility("default"))) LPVOID gate_Planned_null(DWORD value) __asm__("Planned_null");
__attribute__((ms_abi)) LPVOID gate_Planned_null(DWORD value)
{
    gate_enter();
    if (__builtin_expect(gate_tracing, 0))
        gate_trace_enter(10, (const uint64_t[]){0, (uint64_t)value});
    winmem_set_last_error(ERROR_NOT_SUPPORTED);
    LPVOID result = 0;
    if (__builtin_expect(gate_tracing, 0))
        gate_trace_leave(10, (uint64_t)result);
    gate_leave();
    return result;
}

__attribute__((ms_abi, visibility("default"))) NTSTATUS gate_Planned_status(DWORD value) __asm__("Planned_status");
__attribute__((ms_abi)) NTSTATUS gate_Planned_status(DWORD value)
{
    gate_enter();
    if (__builtin_expect(gate_tracing, 0))
        gate_trace_enter(11, (const uint64_t[]){0, (uint64_t)value});
    NTSTATUS result = STATUS_NOT_SUPPORTED;
    if (__builtin_expect(gate_tracing, 0))
        gate_trace_leave(11, (uint64_t)result);
    gate_leave();
    return result;
}

__attribute__((ms_abi, visibility("default"))) DWORD gate_Planned_zero(DWORD value) __asm__("Planned_zero");
__attribute__((ms_abi)) DWORD gate_Planned_zero(DWORD value)
{
    gate_enter();
    if (__builtin_expect(gate_tracing, 0))
        gate_trace_enter(12, (const uint64_t[]){0, (uint64_t)value});
    winmem_set_last_error(ERROR_NOT_SUPPORTED);
    DWORD result = 0;
    if (__builtin_expect(gate_tracing, 0))
        gate_trace_leave(12, (uint64_t)result);
    gate_leave();
    return result;
}

extern __attribute__((ms_abi, visibility("hidden"))) void gate_Raw(void);

__attribute__((ms_abi, visibility("default"))) NTSTATUS gate_Seen(void) __asm__("Seen");
__attribute__((ms_abi)) NTSTATUS gate_Seen(void)
{
    gate_enter();
    if (__builtin_expect(gate_tracing, 0))
        gate_trace_enter(14, (const uint64_t[]){0});
    NTSTATUS result = seen_by_hand();
    if (__builtin_expect(gate_tracing, 0))
        gate_trace_leave(14, (uint64_t)result);
    gate_leave();
    return result;
}

extern __attribute__((ms_abi, visibility("default"), alias("Beta"))) void alias_BetaToo(PPAIR pair) __asm__("BetaToo");

const struct export_entry winmem_exports[] = {
    {"Alpha", (export_function *)gate_Alpha, (const char *const[]){"small.dll", "other.dll", NULL}, (const char *const[]){"api-ms-win-small-l1-1-0", NULL}, "small", EXPORT_DONE, 4, "BOOL", (const char *const[]){"LPVOID buffer", "SIZE_T size", "LPCSTR name", "DWORD flags", NULL}},
    {"Beta", (export_function *)gate_Beta, (const char *const[]){"small.dll", "other.dll", NULL}, (const char *const[]){NULL}, "small", EXPORT_DONE, 1, "void", (const char *const[]){"PPAIR pair", NULL}},
    {"BetaToo", (export_function *)gate_Beta, (const char *const[]){"small.dll", "other.dll", NULL}, (const char *const[]){NULL}, "small", EXPORT_DONE, 1, "void", (const char *const[]){"PPAIR pair", NULL}},
    {"OtherEnd", (export_function *)gate_OtherEnd, (const char *const[]){"other.dll", NULL}, (const char *const[]){NULL}, "small", EXPORT_DONE, 1, "void", (const char *const[]){"DWORD code", NULL}},
    {"Planned_code", (export_function *)gate_Planned_code, (const char *const[]){"small.dll", "other.dll", NULL}, (const char *const[]){NULL}, "small", EXPORT_REFUSED, 1, "DWORD", (const char *const[]){"DWORD value", NULL}},
    {"Planned_false", (export_function *)gate_Planned_false, (const char *const[]){"small.dll", "other.dll", NULL}, (const char *const[]){NULL}, "small", EXPORT_PLANNED, 1, "BOOL", (const char *const[]){"DWORD value", NULL}},
    {"Planned_hresult", (export_function *)gate_Planned_hresult, (const char *const[]){"small.dll", "other.dll", NULL}, (const char *const[]){NULL}, "small", EXPORT_PLANNED, 1, "HRESULT", (const char *const[]){"DWORD value", NULL}},
    {"Planned_invalid", (export_function *)gate_Planned_invalid, (const char *const[]){"small.dll", "other.dll", NULL}, (const char *const[]){NULL}, "small", EXPORT_PLANNED, 1, "HANDLE", (const char *const[]){"DWORD value", NULL}},
    {"Planned_minus1", (export_function *)gate_Planned_minus1, (const char *const[]){"small.dll", "other.dll", NULL}, (const char *const[]){NULL}, "small", EXPORT_PLANNED, 1, "DWORD", (const char *const[]){"DWORD value", NULL}},
    {"Planned_never", (export_function *)gate_Planned_never, (const char *const[]){"small.dll", "other.dll", NULL}, (const char *const[]){NULL}, "small", EXPORT_PLANNED, 1, "DWORD", (const char *const[]){"DWORD value", NULL}},
    {"Planned_null", (export_function *)gate_Planned_null, (const char *const[]){"small.dll", "other.dll", NULL}, (const char *const[]){NULL}, "small", EXPORT_PLANNED, 1, "LPVOID", (const char *const[]){"DWORD value", NULL}},
    {"Planned_status", (export_function *)gate_Planned_status, (const char *const[]){"small.dll", "other.dll", NULL}, (const char *const[]){NULL}, "small", EXPORT_PLANNED, 1, "NTSTATUS", (const char *const[]){"DWORD value", NULL}},
    {"Planned_zero", (export_function *)gate_Planned_zero, (const char *const[]){"small.dll", "other.dll", NULL}, (const char *const[]){NULL}, "small", EXPORT_PLANNED, 1, "DWORD", (const char *const[]){"DWORD value", NULL}},
    {"Raw", (export_function *)gate_Raw, (const char *const[]){"small.dll", "other.dll", NULL}, (const char *const[]){NULL}, "small", EXPORT_DONE, 1, "void", (const char *const[]){"DEPTHS * depths", NULL}},
    {"Seen", (export_function *)gate_Seen, (const char *const[]){"small.dll", "other.dll", NULL}, (const char *const[]){NULL}, "small", EXPORT_DONE, 0, "NTSTATUS", (const char *const[]){NULL}},
};
const unsigned winmem_export_count = sizeof winmem_exports / sizeof winmem_exports[0];
