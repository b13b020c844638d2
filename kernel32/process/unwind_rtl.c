/* What programs use to walk and describe stacks themselves. */
#include <string.h>
#include "kernel32/face.h"
#include "kernel32/process/unwind.h"
#include "kernel32/process/unwind_dispatch.h"
#include "memoryapi/guarded.h"

#define BACKTRACE_LIMIT 65535u

PRUNTIME_FUNCTION nt_RtlLookupFunctionEntry(DWORD64 ControlPc, PDWORD64 ImageBase,
                                            PVOID HistoryTable)
{
    uint64_t base = 0;
    const struct unwind_function *found = unwind_lookup(ControlPc, &base);
    *ImageBase = base;
    return (PRUNTIME_FUNCTION)found;
}

PVOID nt_RtlVirtualUnwind(DWORD HandlerType, DWORD64 ImageBase, DWORD64 ControlPc,
                          PRUNTIME_FUNCTION FunctionEntry, PCONTEXT ContextRecord,
                          PVOID *HandlerData, PDWORD64 EstablisherFrame,
                          PKNONVOLATILE_CONTEXT_POINTERS ContextPointers)
{
    struct unwind_step step;
    if (!unwind_frame(HandlerType, ImageBase, ControlPc,
                      (const struct unwind_function *)FunctionEntry, ContextRecord, &step))
        memset(&step, 0, sizeof step), ContextRecord->Rip = 0;
    *EstablisherFrame = step.frame;
    if (step.handler)
        *HandlerData = (PVOID)step.handler_data;
    return (PVOID)step.handler;
}

BOOLEAN nt_RtlAddFunctionTable(PRUNTIME_FUNCTION FunctionTable, DWORD EntryCount,
                               DWORD64 BaseAddress)
{
    return unwind_add_table((const struct unwind_function *)FunctionTable, EntryCount, BaseAddress);
}

BOOLEAN nt_RtlDeleteFunctionTable(PRUNTIME_FUNCTION FunctionTable)
{
    return unwind_delete_table((const struct unwind_function *)FunctionTable);
}

PVOID nt_RtlPcToFileHeader(PVOID PcValue, PVOID *BaseOfImage)
{
    uint64_t base = 0, size;
    if (!unwind_find_module || !unwind_find_module((uint64_t)PcValue, &base, &size))
        base = 0;
    *BaseOfImage = (PVOID)base;
    return *BaseOfImage;
}

USHORT nt_RtlCaptureStackBackTrace(ULONG FramesToSkip, ULONG FramesToCapture, PVOID *BackTrace,
                                   PULONG BackTraceHash)
{
    CONTEXT context = {.Rip = (DWORD64)nt_RtlCaptureStackBackTrace,
                       .Rbp = (DWORD64)__builtin_frame_address(0)};
    struct unwind_step step;
    uint64_t base;
    ULONG taken = 0, hash = 0;

    context.Rsp = context.Rbp;
    if (FramesToCapture > BACKTRACE_LIMIT || !unwind_leave_native(&context))
        return 0;
    for (ULONG frame = 0; taken < FramesToCapture && context.Rip; frame++) {
        if (frame >= FramesToSkip) {
            BackTrace[taken++] = (PVOID)context.Rip;
            hash += (ULONG)context.Rip;
        }
        uint64_t pc = context.Rip, stack = context.Rsp;
        const struct unwind_function *function = unwind_lookup(pc, &base);
        if (base == 0 || !unwind_frame(0, base, pc, function, &context, &step) ||
            context.Rsp <= stack)
            break;
    }
    if (BackTraceHash)
        *BackTraceHash = hash;
    return (USHORT)taken;
}
