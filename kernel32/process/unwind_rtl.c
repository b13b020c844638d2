/* What programs use to walk and describe stacks themselves. */
#include <string.h>
#include "kernel32/face.h"
#include "kernel32/process/exception.h"
#include "kernel32/process/unwind.h"
#include "kernel32/process/unwind_native.h"

#define BACKTRACE_LIMIT 65535u

/*
 * What stands for every native function: an entry, and the unwind information of a leaf. Who asks
 * for the function at a native address gets it, and undoes with it all native frames at once.
 */
static const struct {
    uint8_t information[8];
    struct unwind_function function;
} native = {{1}, {0, sizeof native, 0}};

/*
 * The Windows code behind native frames: what called into them, or where the exception happened
 * whose delivery they are.
 */
static bool leave_native(CONTEXT *context)
{
    const struct thread *thread = thread_self();
    const struct dispatch *dispatch = thread ? thread->dispatch : NULL;
    if (!unwind_leave_native(context))
        return false;
    while (dispatch && (context->Rip || (uint64_t)dispatch->context != context->Rsp))
        dispatch = dispatch->previous;
    if (dispatch)
        *context = *dispatch->context;
    return !dispatch || unwind_leave_native(context);
}

PRUNTIME_FUNCTION nt_RtlLookupFunctionEntry(DWORD64 ControlPc, PDWORD64 ImageBase,
                                            PVOID HistoryTable)
{
    uint64_t base = 0;
    const struct unwind_function *found = unwind_lookup(ControlPc, &base);
    if (!found && base == 0 && unwind_is_native(ControlPc)) {
        found = &native.function;
        base = (uint64_t)&native;
    }
    *ImageBase = base;
    return (PRUNTIME_FUNCTION)found;
}

PVOID nt_RtlVirtualUnwind(DWORD HandlerType, DWORD64 ImageBase, DWORD64 ControlPc,
                          PRUNTIME_FUNCTION FunctionEntry, PCONTEXT ContextRecord,
                          PVOID *HandlerData, PDWORD64 EstablisherFrame,
                          PKNONVOLATILE_CONTEXT_POINTERS ContextPointers)
{
    struct unwind_step step = {.frame = ContextRecord->Rsp};
    if ((const struct unwind_function *)FunctionEntry == &native.function) {
        if (!leave_native(ContextRecord))
            ContextRecord->Rip = 0;
    } else if (!unwind_frame(HandlerType, ImageBase, ControlPc,
                             (const struct unwind_function *)FunctionEntry, ContextRecord, &step)) {
        memset(&step, 0, sizeof step);
        ContextRecord->Rip = 0;
    }
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
    CONTEXT context = {.ContextFlags = 0};
    struct unwind_step step;
    uint64_t base;
    ULONG taken = 0, hash = 0;

    if (FramesToCapture > BACKTRACE_LIMIT || !unwind_capture_caller(&context))
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
