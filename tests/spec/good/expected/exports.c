/* Generated from spec/. Do not edit. */

#include <winmem/windef.h>
#include "memoryapi/exports.h"

extern __attribute__((visibility("default"))) export_function gate_Alpha __asm__("Alpha");
extern __attribute__((visibility("default"))) export_function gate_Beta __asm__("Beta");
extern __attribute__((visibility("hidden"))) export_function gate_OtherEnd __asm__("gate_OtherEnd");
extern __attribute__((visibility("default"))) export_function gate_Planned_code __asm__("Planned_code");
extern __attribute__((visibility("default"))) export_function gate_Planned_false __asm__("Planned_false");
extern __attribute__((visibility("default"))) export_function gate_Planned_hresult __asm__("Planned_hresult");
extern __attribute__((visibility("default"))) export_function gate_Planned_invalid __asm__("Planned_invalid");
extern __attribute__((visibility("default"))) export_function gate_Planned_minus1 __asm__("Planned_minus1");
extern __attribute__((visibility("default"))) export_function gate_Planned_never __asm__("Planned_never");
extern __attribute__((visibility("default"))) export_function gate_Planned_null __asm__("Planned_null");
extern __attribute__((visibility("default"))) export_function gate_Planned_status __asm__("Planned_status");
extern __attribute__((visibility("default"))) export_function gate_Planned_zero __asm__("Planned_zero");
extern __attribute__((visibility("hidden"))) export_function gate_Raw __asm__("gate_Raw");
extern __attribute__((visibility("default"))) export_function gate_Seen __asm__("Seen");

static const struct export_flag flags_SMALL_FLAGS[] = {{"SMALL_ONE", 1}, {"SMALL_ALL", 0xFFFFFFFFu}, {NULL, 0}};

const struct export_entry winmem_exports[] = {
    {"Alpha", gate_Alpha, (const char *const[]){"small.dll", "other.dll", NULL}, (const char *const[]){"api-ms-win-small-l1-1-0", NULL}, "small", EXPORT_DONE, 4, "BOOL", (const char *const[]){"LPVOID buffer", "SIZE_T size", "LPCSTR name", "DWORD flags", NULL}, "false", "Dpqad", (const struct export_flag *const[]){NULL, NULL, NULL, flags_SMALL_FLAGS}, 0, "A \"quoted\" word and a \\ of its own."},
    {"Beta", gate_Beta, (const char *const[]){"small.dll", "other.dll", NULL}, (const char *const[]){NULL}, "small", EXPORT_DONE, 1, "void", (const char *const[]){"PPAIR pair", NULL}, "never", "vp", NULL, 0, NULL},
    {"BetaToo", gate_Beta, (const char *const[]){"small.dll", "other.dll", NULL}, (const char *const[]){NULL}, "small", EXPORT_DONE, 1, "void", (const char *const[]){"PPAIR pair", NULL}, "never", "vp", NULL, 0, NULL},
    {"OtherEnd", gate_OtherEnd, (const char *const[]){"other.dll", NULL}, (const char *const[]){NULL}, "small", EXPORT_DONE, 1, "void", (const char *const[]){"DWORD code", NULL}, "never", "vd", NULL, 0, NULL},
    {"Planned_code", gate_Planned_code, (const char *const[]){"small.dll", "other.dll", NULL}, (const char *const[]){NULL}, "small", EXPORT_REFUSED, 1, "DWORD", (const char *const[]){"DWORD value", NULL}, "code", "dd", NULL, 0, NULL},
    {"Planned_false", gate_Planned_false, (const char *const[]){"small.dll", "other.dll", NULL}, (const char *const[]){NULL}, "small", EXPORT_PLANNED, 1, "BOOL", (const char *const[]){"DWORD value", NULL}, "false", "Dd", NULL, 0, NULL},
    {"Planned_hresult", gate_Planned_hresult, (const char *const[]){"small.dll", "other.dll", NULL}, (const char *const[]){NULL}, "small", EXPORT_PLANNED, 1, "HRESULT", (const char *const[]){"DWORD value", NULL}, "hresult", "Dd", NULL, 0, NULL},
    {"Planned_invalid", gate_Planned_invalid, (const char *const[]){"small.dll", "other.dll", NULL}, (const char *const[]){NULL}, "small", EXPORT_PLANNED, 1, "HANDLE", (const char *const[]){"DWORD value", NULL}, "invalid", "pd", NULL, 0, NULL},
    {"Planned_minus1", gate_Planned_minus1, (const char *const[]){"small.dll", "other.dll", NULL}, (const char *const[]){NULL}, "small", EXPORT_PLANNED, 1, "DWORD", (const char *const[]){"DWORD value", NULL}, "minus1", "dd", NULL, 0, NULL},
    {"Planned_never", gate_Planned_never, (const char *const[]){"small.dll", "other.dll", NULL}, (const char *const[]){NULL}, "small", EXPORT_PLANNED, 1, "DWORD", (const char *const[]){"DWORD value", NULL}, "never", "dd", NULL, 0, NULL},
    {"Planned_null", gate_Planned_null, (const char *const[]){"small.dll", "other.dll", NULL}, (const char *const[]){NULL}, "small", EXPORT_PLANNED, 1, "LPVOID", (const char *const[]){"DWORD value", NULL}, "null", "pd", NULL, 0, NULL},
    {"Planned_status", gate_Planned_status, (const char *const[]){"small.dll", "other.dll", NULL}, (const char *const[]){NULL}, "small", EXPORT_PLANNED, 1, "NTSTATUS", (const char *const[]){"DWORD value", NULL}, "status", "Dd", NULL, 0, NULL},
    {"Planned_zero", gate_Planned_zero, (const char *const[]){"small.dll", "other.dll", NULL}, (const char *const[]){NULL}, "small", EXPORT_PLANNED, 1, "DWORD", (const char *const[]){"DWORD value", NULL}, "zero", "dd", NULL, 0, NULL},
    {"Raw", gate_Raw, (const char *const[]){"small.dll", "other.dll", NULL}, (const char *const[]){NULL}, "small", EXPORT_DONE, 1, "void", (const char *const[]){"DEPTHS * depths", NULL}, "never", "vp", NULL, 0, NULL},
    {"Seen", gate_Seen, (const char *const[]){"small.dll", "other.dll", NULL}, (const char *const[]){NULL}, "small", EXPORT_DONE, 0, "NTSTATUS", (const char *const[]){NULL}, "status", "D", NULL, 0, NULL},
};
const unsigned winmem_export_count = sizeof winmem_exports / sizeof winmem_exports[0];

const struct export_macro winmem_macros[] = {
    {"AlphaOnce", "small.h"},
    {NULL, NULL},
};
