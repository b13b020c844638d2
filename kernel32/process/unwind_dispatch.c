/* The two passes over the frames: search for a handler, unwind to a target; and the handler of C's __try. */
#include "kernel32/process/unwind_dispatch.h"

#include <string.h>
#include "kernel32/face.h"
#include "kernel32/process/unwind.h"
#include "memoryapi/guarded.h"

/* A stack deeper than this many frames is taken for a loop. */
#define FRAME_LIMIT 1000000

#define EXCEPTION_EXECUTE_HANDLER_VALUE 1
#define EXCEPTION_CONTINUE_EXECUTION_VALUE (-1)

typedef __attribute__((ms_abi)) int language_handler(EXCEPTION_RECORD *, PVOID, CONTEXT *, DISPATCHER_CONTEXT *);
typedef __attribute__((ms_abi)) int32_t filter_function(EXCEPTION_POINTERS *, PVOID frame);
typedef __attribute__((ms_abi)) void finally_function(BOOLEAN abnormal, PVOID frame);

/* Calls back into Windows code: the thread may be stopped there. */
static int call_handler(uint64_t handler, EXCEPTION_RECORD *record, uint64_t frame, CONTEXT *context, DISPATCHER_CONTEXT *dispatcher)
{
    uint32_t depth = gate_open();
    int disposition = ((language_handler *)handler)(record, (PVOID)frame, context, dispatcher);
    gate_close(depth);
    return disposition;
}

static void describe(DISPATCHER_CONTEXT *dispatcher, uint64_t pc, uint64_t image_base, const struct unwind_function *function,
                     const struct unwind_step *step, CONTEXT *context)
{
    *dispatcher = (DISPATCHER_CONTEXT){
        .ControlPc = pc,
        .ImageBase = image_base,
        .FunctionEntry = (PRUNTIME_FUNCTION)function,
        .EstablisherFrame = step->frame,
        .ContextRecord = context,
        .LanguageHandler = (PVOID)step->handler,
        .HandlerData = (PVOID)step->handler_data,
    };
}

bool unwind_search(EXCEPTION_RECORD *record, CONTEXT *context)
{
    CONTEXT walk = *context;
    DISPATCHER_CONTEXT dispatcher;
    struct unwind_step step;
    uint64_t image_base;

    for (unsigned frame = 0; frame < FRAME_LIMIT && walk.Rip; frame++) {
        uint64_t pc = walk.Rip, stack = walk.Rsp;
        const struct unwind_function *function = unwind_lookup(pc, &image_base);
        if (!unwind_frame(UNW_FLAG_EHANDLER, image_base, pc, function, &walk, &step) || walk.Rsp <= stack)
            return false;
        if (!step.handler)
            continue;
        describe(&dispatcher, pc, image_base, function, &step, &walk);
        switch (call_handler(step.handler, record, step.frame, context, &dispatcher)) {
        case DISPOSITION_CONTINUE_EXECUTION:
            return true;
        case DISPOSITION_CONTINUE_SEARCH:
            break;
        default: /* a nested or collided disposition goes on with the next frame */
            record->ExceptionFlags |= EXCEPTION_NESTED_CALL;
            break;
        }
    }
    return false;
}

/*
 * Second pass: leaves every frame below `target`, running their termination handlers, and goes on at `target_ip` in the target frame
 * with `value` in rax. A NULL target unwinds everything (exit unwind). `original` is scratch for the caller's context.
 */
void nt_RtlUnwindEx(PVOID TargetFrame, PVOID TargetIp, PEXCEPTION_RECORD ExceptionRecord, PVOID ReturnValue, PCONTEXT OriginalContext,
                    PVOID HistoryTable)
{
    EXCEPTION_RECORD own = {.ExceptionCode = 0xC0000027 /* STATUS_UNWIND */};
    EXCEPTION_RECORD *record = ExceptionRecord ? ExceptionRecord : &own;
    CONTEXT context, next;
    DISPATCHER_CONTEXT dispatcher;
    struct unwind_step step;
    uint64_t image_base;

    nt_RtlCaptureContext(&context);
    own.ExceptionAddress = (PVOID)context.Rip;
    record->ExceptionFlags |= EXCEPTION_UNWINDING | (TargetFrame ? 0 : EXCEPTION_EXIT_UNWIND);
    for (unsigned frame = 0; frame < FRAME_LIMIT && context.Rip; frame++) {
        uint64_t pc = context.Rip;
        const struct unwind_function *function = unwind_lookup(pc, &image_base);
        next = context;
        if (!unwind_frame(UNW_FLAG_UHANDLER, image_base, pc, function, &next, &step) || next.Rsp <= context.Rsp)
            break;
        bool is_target = TargetFrame && step.frame == (uint64_t)TargetFrame;
        if (step.handler) {
            if (is_target)
                record->ExceptionFlags |= EXCEPTION_TARGET_UNWIND;
            describe(&dispatcher, pc, image_base, function, &step, &context);
            dispatcher.TargetIp = (DWORD64)TargetIp;
            context.Rax = (DWORD64)ReturnValue;
            call_handler(step.handler, record, step.frame, &context, &dispatcher);
            record->ExceptionFlags &= ~(uint32_t)(EXCEPTION_TARGET_UNWIND | EXCEPTION_COLLIDED_UNWIND);
        }
        if (is_target) {
            context.Rax = (DWORD64)ReturnValue;
            context.Rip = (DWORD64)TargetIp;
            memcpy(OriginalContext, &context, sizeof context);
            gate_self.depth = 0; /* the gates below are left for good */
            context_restore(OriginalContext);
        }
        context = next;
    }
    if (!TargetFrame)
        context_restore(&context);
    nt_RtlRaiseStatus((NTSTATUS)0xC0000029 /* STATUS_INVALID_UNWIND_TARGET */);
}

/* The scope table that a compiler lays behind __C_specific_handler. */
struct scope {
    uint32_t begin, end; /* RVAs */
    uint32_t handler;    /* filter's or termination handler's RVA; 1: EXCEPTION_EXECUTE_HANDLER */
    uint32_t target;     /* RVA of the __except block; 0: __finally */
};

static void run_finally(const DISPATCHER_CONTEXT *dispatcher, const struct scope *scope, uint64_t frame)
{
    uint32_t depth = gate_open();
    ((finally_function *)(dispatcher->ImageBase + scope->handler))(TRUE, (PVOID)frame);
    gate_close(depth);
}

static int search_scope(EXCEPTION_RECORD *record, uint64_t frame, CONTEXT *context, DISPATCHER_CONTEXT *dispatcher,
                        const struct scope *scope)
{
    EXCEPTION_POINTERS pointers = {record, context};
    int32_t answer = EXCEPTION_EXECUTE_HANDLER_VALUE;
    CONTEXT scratch;

    if (scope->handler != 1) {
        uint32_t depth = gate_open();
        answer = ((filter_function *)(dispatcher->ImageBase + scope->handler))(&pointers, (PVOID)frame);
        gate_close(depth);
    }
    if (answer == 0)
        return DISPOSITION_CONTINUE_SEARCH;
    if (answer < 0)
        return DISPOSITION_CONTINUE_EXECUTION;
    nt_RtlUnwindEx((PVOID)frame, (PVOID)(dispatcher->ImageBase + scope->target), record, (PVOID)(uint64_t)record->ExceptionCode,
                   &scratch, dispatcher->HistoryTable);
    return DISPOSITION_CONTINUE_SEARCH;
}

INT nt___C_specific_handler(PEXCEPTION_RECORD ExceptionRecord, PVOID EstablisherFrame, PCONTEXT ContextRecord,
                            PDISPATCHER_CONTEXT DispatcherContext)
{
    const uint32_t *table = DispatcherContext->HandlerData;
    const struct scope *scopes = (const struct scope *)(table + 1);
    uint32_t pc = (uint32_t)(DispatcherContext->ControlPc - DispatcherContext->ImageBase);
    uint32_t target = (uint32_t)(DispatcherContext->TargetIp - DispatcherContext->ImageBase);
    bool unwinding = ExceptionRecord->ExceptionFlags & (EXCEPTION_UNWINDING | EXCEPTION_EXIT_UNWIND);

    for (uint32_t i = DispatcherContext->ScopeIndex; i < table[0]; i++) {
        const struct scope *scope = &scopes[i];
        if (pc < scope->begin || pc >= scope->end)
            continue;
        if (!unwinding) {
            if (!scope->target)
                continue;
            int answer = search_scope(ExceptionRecord, (uint64_t)EstablisherFrame, ContextRecord, DispatcherContext, scope);
            if (answer != DISPOSITION_CONTINUE_SEARCH)
                return answer;
        } else {
            bool in_target = ExceptionRecord->ExceptionFlags & EXCEPTION_TARGET_UNWIND;
            /* the block that goes on lies in this scope, or is its __except: the unwinding ends here */
            if (in_target && ((target >= scope->begin && target < scope->end) || (scope->target && target == scope->target)))
                break;
            if (!scope->target) {
                DispatcherContext->ScopeIndex = i + 1;
                run_finally(DispatcherContext, scope, (uint64_t)EstablisherFrame);
            }
        }
    }
    return DISPOSITION_CONTINUE_SEARCH;
}
