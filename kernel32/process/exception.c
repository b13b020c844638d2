/*
 * Delivery of exceptions: from the fault door to the program's handlers, and the end when nobody
 * takes one.
 */
#include "kernel32/process/exception.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "kernel32/face.h"
#include "kernel32/process/context.h"
#include "kernel32/process/process.h"
#include "kernel32/process/teb.h"
#include "kernel32/process/trap.h"
#include "kernel32/process/unwind_dispatch.h"
#include "kernel32/process/vectored.h"
#include "memoryapi/guarded.h"

/*
 * Nothing below this under the stack pointer belongs to the interrupted code: the red zone of
 * native code.
 */
#define RED_ZONE       128
#define TRAP_FLAG      0x100u
#define DIRECTION_FLAG 0x400u

/* What delivery puts on the stack of the thread that faulted. */
struct exception_frame {
    uint64_t spare;
    uint64_t end;    /* as a return address: 0, here the frames of delivery end */
    CONTEXT context; /* right above it: by that it is found when the stack is walked */
    EXCEPTION_RECORD record;
    struct dispatch dispatch;
};

void (*exception_where)(uint64_t address, char *ret_text, size_t size);

void exception_pop(struct thread *thread, struct dispatch *dispatch)
{
    thread->dispatch = dispatch->previous;
    if (dispatch->xsave)
        thread->xsave_used = dispatch->slot;
}

static const char *verb(const EXCEPTION_RECORD *record)
{
    return record->ExceptionInformation[0] == 1   ? "writing"
           : record->ExceptionInformation[0] == 8 ? "executing"
                                                  : "reading";
}

_Noreturn void exception_fatal(const EXCEPTION_RECORD *record)
{
    char where[96] = "", access[64] = "", line[320];
    uint32_t code = record->ExceptionCode;

    if (exception_where && !gate_self.locks)
        exception_where((uint64_t)record->ExceptionAddress, where, sizeof where);
    if ((code == (uint32_t)STATUS_ACCESS_VIOLATION || code == (uint32_t)STATUS_IN_PAGE_ERROR) &&
        record->NumberParameters >= 2)
        snprintf(access, sizeof access, ", %s 0x%llX", verb(record),
                 (unsigned long long)record->ExceptionInformation[1]);
    /* not dprintf, which takes memory: the heap may be what is broken */
    int length =
        snprintf(line, sizeof line, "winmem: unhandled exception 0x%08X (%s) at %p%s%s%s%s\n", code,
                 trap_name(code), record->ExceptionAddress, where[0] ? " (" : "", where,
                 where[0] ? ")" : "", access);
    if (write(STDERR_FILENO, line, (size_t)length) < 0)
        process_end(code); /* nobody to tell */
    process_end(code);
}

/* True: go on at `context`. */
static bool dispatch_exception(struct dispatch *dispatch)
{
    EXCEPTION_RECORD *record = dispatch->record;
    CONTEXT *context = dispatch->context;
    bool handled;

    if (vectored_call(VECTORED_EXCEPTION, record, context)) {
        vectored_call(VECTORED_CONTINUE, record, context);
        return true;
    }
    handled = unwind_search(record, context);
    vectored_call(VECTORED_CONTINUE, record, context);
    return handled;
}

static void dispatch_or_die(struct dispatch *dispatch)
{
    if (!dispatch_exception(dispatch))
        exception_fatal(dispatch->record);
    if (dispatch->record->ExceptionFlags & EXCEPTION_NONCONTINUABLE) {
        EXCEPTION_RECORD final = {.ExceptionCode = (DWORD)STATUS_NONCONTINUABLE_EXCEPTION,
                                  .ExceptionFlags = EXCEPTION_NONCONTINUABLE,
                                  .ExceptionRecord = dispatch->record,
                                  .ExceptionAddress = dispatch->record->ExceptionAddress};
        struct dispatch last = {
            .previous = dispatch, .context = dispatch->context, .record = &final};
        thread_self()->dispatch = &last;
        dispatch_exception(&last);
        exception_fatal(&final);
    }
}

/* Leaves delivery: the gates are as they were where the exception happened. */
static _Noreturn void go_on(struct thread *thread, struct dispatch *dispatch)
{
    CONTEXT *context = dispatch->context;
    void *xsave = dispatch->xsave;
    exception_pop(thread, dispatch);
    gate_self.depth = dispatch->depth;
    if (gate_self.pending && gate_self.depth == 0)
        gate_park();
    context_restore(context, xsave);
}

/* On the program's stack, straight from the signal handler. */
static _Noreturn void fault_entry(struct exception_frame *frame)
{
    struct thread *thread = thread_self();
    frame->dispatch.previous = thread->dispatch;
    thread->dispatch = &frame->dispatch;
    dispatch_or_die(&frame->dispatch);
    go_on(thread, &frame->dispatch);
}

_Noreturn void exception_raise(EXCEPTION_RECORD *record, CONTEXT *context)
{
    struct thread *thread = thread_self();
    if (!thread)
        exception_fatal(record); /* a host thread has no handlers of ours */
    struct dispatch dispatch = {.previous = thread->dispatch,
                                .context = context,
                                .record = record,
                                .depth = gate_self.depth};
    gate_self.depth = 1;
    thread->dispatch = &dispatch;
    dispatch_or_die(&dispatch);
    go_on(thread, &dispatch);
}

/*
 * The vector registers' upper halves have no place in CONTEXT: they wait in memory of the thread's
 * own.
 */
static void *keep_xsave(struct thread *thread, const ucontext_t *signal, uint32_t *ret_slot)
{
    *ret_slot = thread->xsave_used;
    if (!thread->xsave || thread->xsave_used == THREAD_XSAVE_SLOTS || !signal->uc_mcontext.fpregs)
        return NULL;
    char *place = thread->xsave + (uint64_t)context_xsave_room() * thread->xsave_used++;
    memcpy(place, signal->uc_mcontext.fpregs, context_xsave_size(signal));
    return place;
}

static void fill_record(EXCEPTION_RECORD *record, const struct fault *fault)
{
    *record =
        (EXCEPTION_RECORD){.ExceptionCode = (DWORD)fault->code,
                           .ExceptionAddress = (PVOID)fault->context->uc_mcontext.gregs[REG_RIP]};
    switch (fault->code) {
    case STATUS_ACCESS_VIOLATION:
    case STATUS_GUARD_PAGE_VIOLATION:
    case STATUS_STACK_OVERFLOW:
        record->NumberParameters = 2;
        break;
    case STATUS_BREAKPOINT:
        record->NumberParameters = 1; /* the kind: 0, a breakpoint met */
        return;
    case STATUS_IN_PAGE_ERROR:
        record->NumberParameters = 3;
        record->ExceptionInformation[2] = (ULONG_PTR)0xC0000185; /* STATUS_IO_DEVICE_ERROR */
        break;
    default:
        return;
    }
    record->ExceptionInformation[0] = fault->access;
    record->ExceptionInformation[1] = fault->address;
}

/* In the signal handler, on the alternate stack. False: the fault is not a Windows thread's. */
static bool deliver(struct fault *fault)
{
    struct thread *thread = thread_self();
    ucontext_t *signal = fault->context;
    greg_t *registers = signal->uc_mcontext.gregs;
    struct exception_frame built = {.end = 0};

    if (!thread || !thread->teb)
        return false;
    trap_refine(fault);
    uint64_t place = round_down((uint64_t)registers[REG_RSP] - RED_ZONE - sizeof built, 64);
    struct exception_frame *frame = (struct exception_frame *)place;
    built.context = (CONTEXT){.ContextFlags = CONTEXT_ALL};
    context_from_signal(signal, &built.context);
    built.context.EFlags &= ~TRAP_FLAG; /* one step is one exception */
    fill_record(&built.record, fault);
    built.dispatch = (struct dispatch){
        .context = &frame->context, .record = &frame->record, .depth = gate_self.depth};
    built.dispatch.xsave = keep_xsave(thread, signal, &built.dispatch.slot);
    /* with one of our locks held, the handlers could only wait for it */
    if (fault->code == TRAP_FAST_FAIL || gate_self.locks)
        exception_fatal(&built.record);
    /* a try that meets the end of the stack opens what was kept there for this */
    if (!guarded_copy(frame, &built, sizeof built) && !guarded_copy(frame, &built, sizeof built)) {
        built.record.ExceptionCode = (DWORD)STATUS_STACK_OVERFLOW;
        exception_fatal(&built.record);
    }
    gate_self.depth = 1; /* delivery is our code */
    registers[REG_RIP] = (greg_t)fault_entry;
    registers[REG_RDI] = (greg_t)frame;
    registers[REG_RSP] = (greg_t)&frame->end; /* as after a call: 16n + 8 */
    registers[REG_EFL] &= ~(greg_t)(TRAP_FLAG | DIRECTION_FLAG);
    return true;
}

void exception_init(void)
{
    context_xsave_room();
    fault_hook = deliver;
    trap_init();
}
