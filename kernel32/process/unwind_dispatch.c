/*
 * The two passes over the frames: search for a handler, unwind to a target; and the handler of C's
 * __try.
 */
#include "kernel32/process/unwind_dispatch.h"

#include "kernel32/face.h"
#include "kernel32/process/context.h"
#include "kernel32/process/exception.h"
#include "kernel32/process/unhandled.h"
#include "kernel32/process/unwind.h"
#include "kernel32/process/unwind_native.h"
#include "memoryapi/fault.h"

/* A stack deeper than this many frames is taken for a loop. */
#define FRAME_LIMIT 1000000

#define EXCEPTION_EXECUTE_HANDLER_VALUE   1
#define STATUS_UNWIND_CODE                0xC0000027u
#define STATUS_INVALID_UNWIND_TARGET_CODE 0xC0000029u
#define STATUS_UNWIND_CONSOLIDATE_CODE    0x80000029u

typedef __attribute__((ms_abi)) int language_handler(EXCEPTION_RECORD *, PVOID, CONTEXT *,
                                                     DISPATCHER_CONTEXT *);
typedef __attribute__((ms_abi)) int32_t filter_function(EXCEPTION_POINTERS *, PVOID frame);
typedef __attribute__((ms_abi)) uint64_t consolidation(EXCEPTION_RECORD *);
typedef __attribute__((ms_abi)) void finally_function(BOOLEAN abnormal, PVOID frame);

/* Calls back into Windows code: the thread may be stopped there. */
static int call_handler(uint64_t handler, EXCEPTION_RECORD *record, uint64_t frame,
                        CONTEXT *context, DISPATCHER_CONTEXT *dispatcher)
{
    uint32_t depth = gate_open();
    int disposition = ((language_handler *)handler)(record, (PVOID)frame, context, dispatcher);
    gate_close(depth);
    return disposition;
}

/*
 * A way along the frames of a thread, across the native frames between an exception and the
 * handlers it is being delivered to.
 */
struct walk {
    CONTEXT context;
    /* `context` is where an exception happened; rip 0 is a call to nowhere then, else the end */
    bool fresh;
    /* the exception whose context follows when the frames end in native code */
    struct dispatch *next;
    /* a frame whose termination handlers an unwinding had begun to run */
    const DISPATCHER_CONTEXT *collided;
    uint64_t image_base;
    const struct unwind_function *function;
    struct unwind_step step;
    uint64_t pc;
};

/*
 * Native code has no unwind data of Windows' kind: its frames end a walk, or go on at the exception
 * that it was delivering. Generated code without a table counts as a leaf, as on Windows.
 */
static bool cross(struct walk *walk)
{
    if ((walk->context.Rip || walk->fresh) && !unwind_is_native(walk->context.Rip))
        return true;
    if (!walk->next)
        return false;
    walk->context = *walk->next->context;
    walk->fresh = true;
    unwind_leave_native(&walk->context);
    walk->collided = walk->next->unwinding;
    walk->next = walk->next->previous;
    return true;
}

/*
 * Fills `step` for the frame at walk->context, and leaves the caller's context in *ret_caller.
 * False: damaged, or the end.
 */
static bool look(struct walk *walk, uint32_t flags, CONTEXT *ret_caller)
{
    walk->pc = walk->context.Rip;
    walk->function = unwind_lookup(walk->pc, &walk->image_base);
    *ret_caller = walk->context;
    return unwind_frame(flags, walk->image_base, walk->pc, walk->function, ret_caller,
                        &walk->step) &&
           ret_caller->Rsp > walk->context.Rsp;
}

static void describe(DISPATCHER_CONTEXT *dispatcher, const struct walk *walk, CONTEXT *context)
{
    *dispatcher = (DISPATCHER_CONTEXT){
        .ControlPc = walk->pc,
        .ImageBase = walk->image_base,
        .FunctionEntry = (PRUNTIME_FUNCTION)walk->function,
        .EstablisherFrame = walk->step.frame,
        .ContextRecord = context,
        .LanguageHandler = (PVOID)walk->step.handler,
        .HandlerData = (PVOID)walk->step.handler_data,
    };
    if (walk->collided && walk->collided->EstablisherFrame == walk->step.frame)
        dispatcher->ScopeIndex = walk->collided->ScopeIndex;
}

static bool is_on_stack(uint64_t address)
{
    const struct mm_stack *stack = mm_thread_stack;
    return stack && address >= stack->floor && address < stack->base;
}

bool unwind_search(EXCEPTION_RECORD *record, CONTEXT *context)
{
    struct walk walk = {
        .context = *context, .fresh = true, .next = thread_self()->dispatch->previous};
    DISPATCHER_CONTEXT dispatcher;
    CONTEXT caller;

    unwind_leave_native(&walk.context);
    for (unsigned frame = 0; frame < FRAME_LIMIT && cross(&walk); frame++) {
        if (!is_on_stack(walk.context.Rsp)) {
            record->ExceptionFlags |= EXCEPTION_STACK_INVALID;
            return false;
        }
        if (!look(&walk, UNW_FLAG_EHANDLER, &caller))
            break;
        if (walk.step.handler) {
            describe(&dispatcher, &walk, &caller);
            switch (
                call_handler(walk.step.handler, record, walk.step.frame, context, &dispatcher)) {
            case DISPOSITION_CONTINUE_EXECUTION:
                return true;
            case DISPOSITION_CONTINUE_SEARCH:
                break;
            default: /* a nested or collided disposition goes on with the next frame */
                record->ExceptionFlags |= EXCEPTION_NESTED_CALL;
                break;
            }
        }
        walk.context = caller;
        walk.fresh = false;
    }
    return unhandled_filter(record, context);
}

/*
 * A function that a catch block runs in has returned: the record names what to call before the
 * target goes on (C++ of MSVC).
 */
static void consolidate(EXCEPTION_RECORD *record, CONTEXT *target)
{
    struct thread *thread = thread_self();
    struct dispatch frame = {.previous = thread->dispatch, .context = target};
    uint32_t depth;

    thread->dispatch = &frame;
    depth = gate_open();
    target->Rip = ((consolidation *)record->ExceptionInformation[0])(record);
    gate_close(depth);
    exception_pop(thread, &frame);
}

static _Noreturn void land(EXCEPTION_RECORD *record, CONTEXT *target)
{
    if (record && record->ExceptionCode == STATUS_UNWIND_CONSOLIDATE_CODE &&
        record->NumberParameters >= 1)
        consolidate(record, target);
    gate_self.depth = 0; /* Windows code runs outside all gates */
    if (gate_self.pending)
        gate_park();
    context_restore(target, NULL);
}

/* Exceptions whose frames have been left are over. */
static void forget_passed(struct thread *thread, const struct dispatch *until)
{
    while (thread->dispatch != until)
        exception_pop(thread, thread->dispatch);
}

/* Runs the termination handler of the frame at walk->context. */
static void terminate_frame(struct walk *walk, EXCEPTION_RECORD *record, uint64_t target_ip,
                            uint64_t value, bool is_target)
{
    struct thread *thread = thread_self();
    DISPATCHER_CONTEXT dispatcher;
    describe(&dispatcher, walk, &walk->context);
    dispatcher.TargetIp = target_ip;
    /* what the handler raises or unwinds continues outwards from this frame */
    struct dispatch unwinding = {
        .previous = walk->next, .context = &walk->context, .unwinding = &dispatcher};
    thread->dispatch = &unwinding;
    walk->context.Rax = value;
    if (is_target)
        record->ExceptionFlags |= EXCEPTION_TARGET_UNWIND;
    call_handler(walk->step.handler, record, walk->step.frame, &walk->context, &dispatcher);
    record->ExceptionFlags &= ~(uint32_t)(EXCEPTION_TARGET_UNWIND | EXCEPTION_COLLIDED_UNWIND);
    thread->dispatch = walk->next;
}

_Noreturn void unwind_to(const CONTEXT *from, uint64_t target, uint64_t target_ip,
                         EXCEPTION_RECORD *given, uint64_t value)
{
    EXCEPTION_RECORD own = {.ExceptionCode = STATUS_UNWIND_CODE};
    EXCEPTION_RECORD *record = given ? given : &own;
    struct thread *thread = thread_self();
    struct walk walk = {.next = thread ? thread->dispatch : NULL};
    CONTEXT caller;

    if (from)
        walk.context = *from;
    own.ExceptionAddress = (PVOID)walk.context.Rip;
    record->ExceptionFlags |= EXCEPTION_UNWINDING | (target ? 0 : EXCEPTION_EXIT_UNWIND);
    for (unsigned frame = 0; frame < FRAME_LIMIT && thread && cross(&walk); frame++) {
        forget_passed(thread, walk.next);
        if (!look(&walk, UNW_FLAG_UHANDLER, &caller))
            break;
        bool is_target = target && walk.step.frame == target;
        if (walk.step.handler)
            terminate_frame(&walk, record, target_ip, value, is_target);
        if (is_target) {
            walk.context.Rax = value;
            walk.context.Rip = target_ip;
            land(record, &walk.context);
        }
        walk.context = caller;
        walk.fresh = false;
    }
    EXCEPTION_RECORD lost = {.ExceptionCode = STATUS_INVALID_UNWIND_TARGET_CODE,
                             .ExceptionFlags = EXCEPTION_NONCONTINUABLE,
                             .ExceptionRecord = record,
                             .ExceptionAddress = record->ExceptionAddress};
    exception_raise(&lost, &walk.context);
}

/* The scope table that a compiler lays behind __C_specific_handler. */
struct scope {
    uint32_t begin, end; /* RVAs */
    uint32_t handler;    /* filter's or termination handler's RVA; 1: EXCEPTION_EXECUTE_HANDLER */
    uint32_t target;     /* RVA of the __except block; 0: __finally */
};

static void run_finally(const DISPATCHER_CONTEXT *dispatcher, const struct scope *scope,
                        uint64_t frame)
{
    uint32_t depth = gate_open();
    ((finally_function *)(dispatcher->ImageBase + scope->handler))(TRUE, (PVOID)frame);
    gate_close(depth);
}

static int search_scope(EXCEPTION_RECORD *record, uint64_t frame, CONTEXT *context,
                        DISPATCHER_CONTEXT *dispatcher, const struct scope *scope)
{
    EXCEPTION_POINTERS pointers = {record, context};
    int32_t answer = EXCEPTION_EXECUTE_HANDLER_VALUE;

    if (scope->handler != 1) {
        uint32_t depth = gate_open();
        answer =
            ((filter_function *)(dispatcher->ImageBase + scope->handler))(&pointers, (PVOID)frame);
        gate_close(depth);
    }
    if (answer == 0)
        return DISPOSITION_CONTINUE_SEARCH;
    if (answer < 0)
        return DISPOSITION_CONTINUE_EXECUTION;
    unwind_to(NULL, frame, dispatcher->ImageBase + scope->target, record, record->ExceptionCode);
}

INT nt___C_specific_handler(PEXCEPTION_RECORD ExceptionRecord, PVOID EstablisherFrame,
                            PCONTEXT ContextRecord, PDISPATCHER_CONTEXT DispatcherContext)
{
    const uint32_t *table = DispatcherContext->HandlerData;
    const struct scope *scopes = (const struct scope *)(table + 1);
    uint32_t pc = (uint32_t)(DispatcherContext->ControlPc - DispatcherContext->ImageBase);
    uint32_t target = (uint32_t)(DispatcherContext->TargetIp - DispatcherContext->ImageBase);
    bool unwinding =
        ExceptionRecord->ExceptionFlags & (EXCEPTION_UNWINDING | EXCEPTION_EXIT_UNWIND);

    for (uint32_t i = DispatcherContext->ScopeIndex; i < table[0]; i++) {
        const struct scope *scope = &scopes[i];
        if (pc < scope->begin || pc >= scope->end)
            continue;
        if (!unwinding) {
            if (!scope->target)
                continue;
            int answer = search_scope(ExceptionRecord, (uint64_t)EstablisherFrame, ContextRecord,
                                      DispatcherContext, scope);
            if (answer != DISPOSITION_CONTINUE_SEARCH)
                return answer;
        } else {
            bool in_target = ExceptionRecord->ExceptionFlags & EXCEPTION_TARGET_UNWIND;
            /*
             * the block that goes on lies in this scope, or is its __except: the unwinding ends
             * here
             */
            if (in_target && ((target >= scope->begin && target < scope->end) ||
                              (scope->target && target == scope->target)))
                break;
            if (!scope->target) {
                DispatcherContext->ScopeIndex = i + 1;
                run_finally(DispatcherContext, scope, (uint64_t)EstablisherFrame);
            }
        }
    }
    return DISPOSITION_CONTINUE_SEARCH;
}
