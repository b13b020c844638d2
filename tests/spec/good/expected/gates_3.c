/* Generated from spec/. Do not edit. */

#include <winmem/windef.h>
#include "faces.h"
#include "memoryapi/gate.h"
#include "memoryapi/trace.h"

static __attribute__((noinline, cold)) BOOL traced_Alpha(LPVOID buffer, SIZE_T size, LPCSTR name, DWORD flags)
{
    BOOL result = (small_Alpha(buffer, size, name, flags));
    trace_call(0, (const uint64_t[]){0, (uint64_t)buffer, (uint64_t)size, (uint64_t)name, (uint64_t)flags}, &(uint64_t){(uint64_t)result});
    return result;
}
__attribute__((ms_abi, visibility("default"))) BOOL gate_Alpha(LPVOID buffer, SIZE_T size, LPCSTR name, DWORD flags) __asm__("Alpha");
__attribute__((ms_abi)) BOOL gate_Alpha(LPVOID buffer, SIZE_T size, LPCSTR name, DWORD flags)
{
    gate_enter();
    BOOL result = __builtin_expect(gate_tracing, 0) ? traced_Alpha(buffer, size, name, flags) : (small_Alpha(buffer, size, name, flags));
    gate_leave();
    return result;
}

static __attribute__((noinline, cold)) void traced_Beta(PPAIR pair)
{
    small_Beta(pair);
    trace_call(1, (const uint64_t[]){0, (uint64_t)pair}, &(uint64_t){0});
}
__attribute__((ms_abi, visibility("default"))) void gate_Beta(PPAIR pair) __asm__("Beta");
__attribute__((ms_abi)) void gate_Beta(PPAIR pair)
{
    gate_enter();
    if (__builtin_expect(gate_tracing, 0))
        traced_Beta(pair);
    else
        small_Beta(pair);
    gate_leave();
}

static __attribute__((noinline, cold)) void traced_OtherEnd(DWORD code)
{
    trace_call(3, (const uint64_t[]){0, (uint64_t)code}, NULL);
    other_End(code);
}
__attribute__((ms_abi, visibility("hidden"))) __attribute__((noreturn)) void gate_OtherEnd(DWORD code) __asm__("gate_OtherEnd");
__attribute__((ms_abi)) void gate_OtherEnd(DWORD code)
{
    gate_enter();
    if (__builtin_expect(gate_tracing, 0))
        traced_OtherEnd(code);
    else
        other_End(code);
    __builtin_unreachable();
}

static __attribute__((noinline, cold)) DWORD traced_Planned_code(DWORD value)
{
    DWORD result = ((DWORD)ERROR_NOT_SUPPORTED);
    trace_call(4, (const uint64_t[]){0, (uint64_t)value}, &(uint64_t){(uint64_t)result});
    return result;
}
__attribute__((ms_abi, visibility("default"))) DWORD gate_Planned_code(DWORD value) __asm__("Planned_code");
__attribute__((ms_abi)) DWORD gate_Planned_code(DWORD value)
{
    gate_enter();
    DWORD result = __builtin_expect(gate_tracing, 0) ? traced_Planned_code(value) : ((DWORD)ERROR_NOT_SUPPORTED);
    gate_leave();
    return result;
}

static __attribute__((noinline, cold)) BOOL traced_Planned_false(DWORD value)
{
    BOOL result = (winmem_set_last_error(ERROR_NOT_SUPPORTED), 0);
    trace_call(5, (const uint64_t[]){0, (uint64_t)value}, &(uint64_t){(uint64_t)result});
    return result;
}
__attribute__((ms_abi, visibility("default"))) BOOL gate_Planned_false(DWORD value) __asm__("Planned_false");
__attribute__((ms_abi)) BOOL gate_Planned_false(DWORD value)
{
    gate_enter();
    BOOL result = __builtin_expect(gate_tracing, 0) ? traced_Planned_false(value) : (winmem_set_last_error(ERROR_NOT_SUPPORTED), 0);
    gate_leave();
    return result;
}

static __attribute__((noinline, cold)) HRESULT traced_Planned_hresult(DWORD value)
{
    HRESULT result = ((HRESULT)0x80004001);
    trace_call(6, (const uint64_t[]){0, (uint64_t)value}, &(uint64_t){(uint64_t)result});
    return result;
}
__attribute__((ms_abi, visibility("default"))) HRESULT gate_Planned_hresult(DWORD value) __asm__("Planned_hresult");
__attribute__((ms_abi)) HRESULT gate_Planned_hresult(DWORD value)
{
    gate_enter();
    HRESULT result = __builtin_expect(gate_tracing, 0) ? traced_Planned_hresult(value) : ((HRESULT)0x80004001);
    gate_leave();
    return result;
}

static __attribute__((noinline, cold)) HANDLE traced_Planned_invalid(DWORD value)
{
    HANDLE result = (winmem_set_last_error(ERROR_NOT_SUPPORTED), (HANDLE)(intptr_t)-1);
    trace_call(7, (const uint64_t[]){0, (uint64_t)value}, &(uint64_t){(uint64_t)result});
    return result;
}
__attribute__((ms_abi, visibility("default"))) HANDLE gate_Planned_invalid(DWORD value) __asm__("Planned_invalid");
__attribute__((ms_abi)) HANDLE gate_Planned_invalid(DWORD value)
{
    gate_enter();
    HANDLE result = __builtin_expect(gate_tracing, 0) ? traced_Planned_invalid(value) : (winmem_set_last_error(ERROR_NOT_SUPPORTED), (HANDLE)(intptr_t)-1);
    gate_leave();
    return result;
}

static __attribute__((noinline, cold)) DWORD traced_Planned_minus1(DWORD value)
{
    DWORD result = (winmem_set_last_error(ERROR_NOT_SUPPORTED), (DWORD)-1);
    trace_call(8, (const uint64_t[]){0, (uint64_t)value}, &(uint64_t){(uint64_t)result});
    return result;
}
__attribute__((ms_abi, visibility("default"))) DWORD gate_Planned_minus1(DWORD value) __asm__("Planned_minus1");
__attribute__((ms_abi)) DWORD gate_Planned_minus1(DWORD value)
{
    gate_enter();
    DWORD result = __builtin_expect(gate_tracing, 0) ? traced_Planned_minus1(value) : (winmem_set_last_error(ERROR_NOT_SUPPORTED), (DWORD)-1);
    gate_leave();
    return result;
}

static __attribute__((noinline, cold)) void traced_Planned_never(DWORD value)
{
    trace_call(9, (const uint64_t[]){0, (uint64_t)value}, NULL);
    gate_missing("small.dll", "Planned_never");
}
__attribute__((ms_abi, visibility("default"))) DWORD gate_Planned_never(DWORD value) __asm__("Planned_never");
__attribute__((ms_abi)) DWORD gate_Planned_never(DWORD value)
{
    gate_enter();
    if (__builtin_expect(gate_tracing, 0))
        traced_Planned_never(value);
    else
        gate_missing("small.dll", "Planned_never");
    __builtin_unreachable();
}

static __attribute__((noinline, cold)) LPVOID traced_Planned_null(DWORD value)
{
    LPVOID result = (winmem_set_last_error(ERROR_NOT_SUPPORTED), (LPVOID)0);
    trace_call(10, (const uint64_t[]){0, (uint64_t)value}, &(uint64_t){(uint64_t)result});
    return result;
}
__attribute__((ms_abi, visibility("default"))) LPVOID gate_Planned_null(DWORD value) __asm__("Planned_null");
__attribute__((ms_abi)) LPVOID gate_Planned_null(DWORD value)
{
    gate_enter();
    LPVOID result = __builtin_expect(gate_tracing, 0) ? traced_Planned_null(value) : (winmem_set_last_error(ERROR_NOT_SUPPORTED), (LPVOID)0);
    gate_leave();
    return result;
}

static __attribute__((noinline, cold)) NTSTATUS traced_Planned_status(DWORD value)
{
    NTSTATUS result = ((NTSTATUS)STATUS_NOT_SUPPORTED);
    trace_call(11, (const uint64_t[]){0, (uint64_t)value}, &(uint64_t){(uint64_t)result});
    return result;
}
__attribute__((ms_abi, visibility("default"))) NTSTATUS gate_Planned_status(DWORD value) __asm__("Planned_status");
__attribute__((ms_abi)) NTSTATUS gate_Planned_status(DWORD value)
{
    gate_enter();
    NTSTATUS result = __builtin_expect(gate_tracing, 0) ? traced_Planned_status(value) : ((NTSTATUS)STATUS_NOT_SUPPORTED);
    gate_leave();
    return result;
}

static __attribute__((noinline, cold)) DWORD traced_Planned_zero(DWORD value)
{
    DWORD result = (winmem_set_last_error(ERROR_NOT_SUPPORTED), (DWORD)0);
    trace_call(12, (const uint64_t[]){0, (uint64_t)value}, &(uint64_t){(uint64_t)result});
    return result;
}
__attribute__((ms_abi, visibility("default"))) DWORD gate_Planned_zero(DWORD value) __asm__("Planned_zero");
__attribute__((ms_abi)) DWORD gate_Planned_zero(DWORD value)
{
    gate_enter();
    DWORD result = __builtin_expect(gate_tracing, 0) ? traced_Planned_zero(value) : (winmem_set_last_error(ERROR_NOT_SUPPORTED), (DWORD)0);
    gate_leave();
    return result;
}

extern __attribute__((ms_abi, visibility("hidden"))) void gate_Raw(void);

static __attribute__((noinline, cold)) NTSTATUS traced_Seen(void)
{
    NTSTATUS result = (seen_by_hand());
    trace_call(14, (const uint64_t[]){0}, &(uint64_t){(uint64_t)result});
    return result;
}
__attribute__((ms_abi, visibility("default"))) NTSTATUS gate_Seen(void) __asm__("Seen");
__attribute__((ms_abi)) NTSTATUS gate_Seen(void)
{
    gate_enter();
    NTSTATUS result = __builtin_expect(gate_tracing, 0) ? traced_Seen() : (seen_by_hand());
    gate_leave();
    return result;
}

extern __attribute__((ms_abi, visibility("default"), alias("Beta"))) void alias_BetaToo(PPAIR pair) __asm__("BetaToo");
