/*
 * Structured exceptions and unwinding on x64, with the frames of seh_frames.S. Statement by
 * statement (kit.h). Facts: Microsoft Learn, "x64 exception handling"; sdk-api
 * winnt/RtlVirtualUnwind, winnt/RtlAddFunctionTable.
 */
#include "seh.h"

LONG seh_filter(EXCEPTION_POINTERS *pointers, void *frame);
LONG seh_note(EXCEPTION_POINTERS *pointers, void *frame);
void seh_finally(BOOLEAN abnormal, void *frame);

/* What the filter met and what it shall answer; what the termination handler met. */
static struct {
    LONG answer;
    DWORD code, parameters, flags;
    ULONG64 information[2];
    void *mend; /* a page to make readable first */
    unsigned calls;
    unsigned finally_calls;
    BOOLEAN abnormal;
    unsigned order; /* digits: 1 filter, 2 termination handler */
} met;

LONG seh_filter(EXCEPTION_POINTERS *pointers, void *frame)
{
    const EXCEPTION_RECORD *record = pointers->ExceptionRecord;
    DWORD old;

    met.calls++;
    met.order = met.order * 10 + 1;
    met.code = record->ExceptionCode;
    met.flags = record->ExceptionFlags;
    met.parameters = record->NumberParameters;
    met.information[0] = record->ExceptionInformation[0];
    met.information[1] = record->ExceptionInformation[1];
    if (met.mend)
        VirtualProtect(met.mend, PAGE, PAGE_READONLY, &old);
    return met.answer;
}

DWORD seh_noted;

LONG seh_note(EXCEPTION_POINTERS *pointers, void *frame)
{
    seh_noted = pointers->ExceptionRecord->ExceptionCode;
    return EXCEPTION_EXECUTE_HANDLER;
}

void seh_finally(BOOLEAN abnormal, void *frame)
{
    met.finally_calls++;
    met.order = met.order * 10 + 2;
    met.abnormal = abnormal;
}

void seh_expect(LONG answer)
{
    memset(&met, 0, sizeof met);
    met.answer = answer;
}

unsigned seh_finally_calls(void)
{
    return met.finally_calls;
}

static char *no_access(void)
{
    return VirtualAlloc(NULL, PAGE, MEM_RESERVE | MEM_COMMIT, PAGE_NOACCESS);
}

static void se001(void)
{
    char *p = no_access();

    seh_expect(EXCEPTION_EXECUTE_HANDLER);
    same("the except block's value", (ULONG64)(LONG64)guarded_read(p + 8), (ULONG64)-1ll);
    same("filter called", met.calls, 1);
    same("code", met.code, EXCEPTION_ACCESS_VIOLATION);
    same("parameters", met.parameters, 2);
    same("kind", met.information[0], 0);
    same("address", met.information[1], (ULONG64)p + 8);
    VirtualFree(p, 0, MEM_RELEASE);
}

static void se002(void)
{
    int value = 7;
    seh_expect(EXCEPTION_EXECUTE_HANDLER);
    same("value", (ULONG64)guarded_read(&value), 7);
    same("filter not called", met.calls, 0);
}

static void se003(void)
{
    char *p = no_access();

    seh_expect(EXCEPTION_CONTINUE_EXECUTION);
    met.mend = p;
    same("value of the mended page", (ULONG64)guarded_read(p), 0);
    same("filter called", met.calls, 1);
    VirtualFree(p, 0, MEM_RELEASE);
}

static void read_guarded(void *address)
{
    guarded_read(address);
}

static void se004(void)
{
    seh_expect(EXCEPTION_CONTINUE_SEARCH);
    same("caught further out", call_caught(read_guarded, NULL), EXCEPTION_ACCESS_VIOLATION);
    same("filter asked first", met.calls, 1);
}

static void se005(void)
{
    seh_expect(EXCEPTION_EXECUTE_HANDLER);
    call_filtered(bare_leaf, NULL);
    same("filter called", met.calls, 1);
    same("termination handler called", met.finally_calls, 1);
    ok("as abnormal", met.abnormal);
    same("filter before termination handler", met.order, 12);
}

static void filtered_leaf(void *address)
{
    call_filtered(bare_leaf, address);
}

static void se006(void)
{
    seh_expect(EXCEPTION_CONTINUE_SEARCH);
    same("caught further out", call_caught(filtered_leaf, NULL), EXCEPTION_ACCESS_VIOLATION);
    same("termination handler called while unwinding", met.finally_calls, 1);
    same("filter before termination handler", met.order, 12);
}

static void se007(void)
{
    same("registers that came back", (ULONG64)keep_registers(spoil_registers, NULL), 127);
}

static void se008(void)
{
    same("through a frame known by its frame pointer, from a bare leaf",
         call_caught(deep_frame, NULL), EXCEPTION_ACCESS_VIOLATION);
    same("a call to nowhere", call_caught((guarded_function *)NULL, NULL),
         EXCEPTION_ACCESS_VIOLATION);
}

static void raise_own(void *argument)
{
    ULONG_PTR parameters[2] = {5, (ULONG_PTR)argument};
    RaiseException(0xE0004711, EXCEPTION_NONCONTINUABLE, 2, parameters);
}

static void se009(void)
{
    seh_expect(EXCEPTION_EXECUTE_HANDLER);
    call_filtered(raise_own, &met);
    same("code", met.code, 0xE0004711);
    same("parameters", met.parameters, 2);
    same("first", met.information[0], 5);
    same("second", met.information[1], (ULONG64)&met);
    ok("not continuable", met.flags & EXCEPTION_NONCONTINUABLE);
    same("code at the except block", call_caught(raise_own, NULL), 0xE0004711);
}

static LONG CALLBACK go_on(EXCEPTION_POINTERS *pointers)
{
    return pointers->ExceptionRecord->ExceptionCode == 0xE0000815 ? EXCEPTION_CONTINUE_EXECUTION
                                                                  : EXCEPTION_CONTINUE_SEARCH;
}

static unsigned went_on;

static void raise_and_go_on(void *argument)
{
    RaiseException(0xE0000815, 0, 0, NULL);
    went_on++;
}

static void se010(void)
{
    void *handler = AddVectoredExceptionHandler(1, go_on);

    seh_expect(EXCEPTION_EXECUTE_HANDLER);
    call_filtered(raise_and_go_on, NULL);
    same("RaiseException returned", went_on, 1);
    same("no frame was asked", met.calls, 0);
    ok("removed", RemoveVectoredExceptionHandler(handler) != 0);
    call_filtered(raise_and_go_on, NULL);
    same("without the vectored handler the frame is asked", met.calls, 1);
    same("and RaiseException does not return", went_on, 1);
}

static void nested(void *argument)
{
    /* the inner one is handled completely while an outer __try is active */
    if (call_caught(bare_leaf, NULL) == EXCEPTION_ACCESS_VIOLATION)
        raise_own(argument);
}

static void se011(void)
{
    unsigned i, wrong = 0;
    for (i = 0; i < 2000; i++)
        wrong += call_caught(nested, NULL) != 0xE0004711;
    same("two thousand nested exceptions", wrong, 0);
}

/*
 * --- walking the stack
 * ----------------------------------------------------------------------------------------------------
 */

enum { DEPTH = 20 };
void start(void);
static struct {
    unsigned recursing, all;
    int reached_start, rising;
} walk;

BOOL seh_step(CONTEXT *context)
{
    ULONG64 base = 0, frame = 0;
    void *data = NULL;
    RUNTIME_FUNCTION *function = RtlLookupFunctionEntry(context->Rip, &base, NULL);

    if (function) {
        RtlVirtualUnwind(UNW_FLAG_NHANDLER, base, context->Rip, function, context, &data, &frame,
                         NULL);
    } else {
        context->Rip = *(ULONG64 *)context->Rsp;
        context->Rsp += 8;
    }
    return context->Rip != 0;
}

static __attribute__((noinline)) unsigned recurse(unsigned depth);

int seh_inside(ULONG64 rip, const void *function)
{
    ULONG64 base = 0;
    RUNTIME_FUNCTION *entry = RtlLookupFunctionEntry(rip, &base, NULL);
    return entry && base == (ULONG64)__ImageBase && base + entry->BeginAddress == (ULONG64)function;
}

static __attribute__((noinline)) void walk_stack(void)
{
    CONTEXT context;
    ULONG64 last = 0;

    RtlCaptureContext(&context);
    walk.rising = 1;
    do {
        walk.all++;
        walk.recursing += seh_inside(context.Rip, (const void *)(ULONG64)recurse);
        walk.reached_start |= seh_inside(context.Rip, (const void *)(ULONG64)start);
        walk.rising &= context.Rsp > last;
        last = context.Rsp;
    } while (!walk.reached_start && walk.all < 200 && seh_step(&context));
}

static __attribute__((noinline)) unsigned recurse(unsigned depth)
{
    volatile char block[200];
    block[0] = (char)depth;
    if (depth == 1)
        walk_stack();
    else
        recurse(depth - 1);
    return (unsigned)block[0];
}

static void se012(void)
{
    recurse(DEPTH);
    same("frames of the recursive function", walk.recursing, DEPTH);
    ok("up to the entry point", walk.reached_start);
    ok("the stack pointer only rises", walk.rising);
}

static void se013(void)
{
    ULONG64 base = 0, frame = 0, stack[4] = {0x1111, 0x2222, 0x3333, 0x4444};
    void *data = NULL;
    CONTEXT context;
    RUNTIME_FUNCTION *function = RtlLookupFunctionEntry((ULONG64)in_epilogue_return, &base, NULL);

    ok("found", function != NULL);
    same("base", base, (ULONG64)__ImageBase);
    if (!function)
        return;
    memset(&context, 0, sizeof context);
    /* everything is popped already, only the return is left */
    context.Rip = (ULONG64)in_epilogue_return;
    context.Rsp = (ULONG64)stack;
    context.Rbx = 77;
    RtlVirtualUnwind(UNW_FLAG_NHANDLER, base, context.Rip, function, &context, &data, &frame, NULL);
    same("return address", context.Rip, 0x1111);
    same("stack pointer", context.Rsp, (ULONG64)(stack + 1));
    same("rbx", context.Rbx, 77);
    context.Rip = (ULONG64)in_epilogue_return - 1; /* before the pop */
    context.Rsp = (ULONG64)stack;
    RtlVirtualUnwind(UNW_FLAG_NHANDLER, base, context.Rip, function, &context, &data, &frame, NULL);
    same("rbx popped", context.Rbx, 0x1111);
    same("return address behind it", context.Rip, 0x2222);
}

/*
 * --- code made at run time
 * ------------------------------------------------------------------------------------------------
 */

static void se014(void)
{
    /* version 1, prologue of 4 bytes, one code: at 4, small allocation of (4 + 1) * 8 bytes */
    static const unsigned char unwind[] = {1, 4, 1, 0, 4, 0x42, 0, 0};
    unsigned size = (unsigned)(copied_end - copied_begin), i;
    char *code = VirtualAlloc(NULL, PAGE, MEM_RESERVE | MEM_COMMIT, PAGE_EXECUTE_READWRITE);
    RUNTIME_FUNCTION *table = (RUNTIME_FUNCTION *)(code + 1024);
    ULONG64 base = 0;

    for (i = 0; i < size; i++)
        code[i] = copied_begin[i];
    for (i = 0; i < sizeof unwind; i++)
        code[512 + i] = (char)unwind[i];
    table->BeginAddress = 0;
    table->EndAddress = size;
    table->UnwindData = 512;
    ok("no entry yet", RtlLookupFunctionEntry((ULONG64)code + 4, &base, NULL) == NULL);
    ok("added", RtlAddFunctionTable(table, 1, (ULONG64)code));
    ok("found", RtlLookupFunctionEntry((ULONG64)code + 4, &base, NULL) == table);
    same("base", base, (ULONG64)code);
    same("an exception below code made at run time",
         call_caught((guarded_function *)(void *)code, (void *)bare_leaf),
         EXCEPTION_ACCESS_VIOLATION);
    ok("deleted", RtlDeleteFunctionTable(table));
    ok("no entry any more", RtlLookupFunctionEntry((ULONG64)code + 4, &base, NULL) == NULL);
    VirtualFree(code, 0, MEM_RELEASE);
}

/* LLVM's language reference, llvm.eh.exceptioncode: on x64 the block finds the code in eax */
static void se015(void)
{
    int value = 1;
    same("without an exception", code_in_eax(&value), 0);
    same("code", code_in_eax(NULL), EXCEPTION_ACCESS_VIOLATION);
}

/* --- as C++ compilers catch ----------------------------------------------------------------- */

#define UNWIND_CONSOLIDATE 0x80000029

int caught_as_cpp(guarded_function *function, void *argument);
extern char cpp_continue[];
EXCEPTION_DISPOSITION cpp_handler(EXCEPTION_RECORD *record, void *frame, CONTEXT *context,
                                  DISPATCHER_CONTEXT *dispatcher);

static struct {
    unsigned blocks, unwound;
    DWORD flags;   /* what the termination handler was told */
    int inner;     /* what a complete exception inside the catch block came to */
    DWORD rethrow; /* raised from the catch block */
} cpp;

/* The catch block: handles an exception of its own, may raise another, and tells where to go on. */
static void *catch_block(EXCEPTION_RECORD *record)
{
    cpp.blocks++;
    cpp.inner = (int)call_caught(bare_leaf, NULL);
    if (cpp.rethrow) {
        DWORD code = cpp.rethrow;
        cpp.rethrow = 0;
        RaiseException(code, 0, 0, NULL);
    }
    return cpp_continue;
}

EXCEPTION_DISPOSITION cpp_handler(EXCEPTION_RECORD *record, void *frame, CONTEXT *context,
                                  DISPATCHER_CONTEXT *dispatcher)
{
    EXCEPTION_RECORD own;
    if (record->ExceptionFlags & EXCEPTION_UNWINDING) {
        cpp.unwound++;
        cpp.flags = record->ExceptionFlags;
        return ExceptionContinueSearch;
    }
    if (record->ExceptionCode != 0xE0004711)
        return ExceptionContinueSearch;
    memset(&own, 0, sizeof own);
    own.ExceptionCode = UNWIND_CONSOLIDATE;
    own.NumberParameters = 1;
    own.ExceptionInformation[0] = (ULONG_PTR)catch_block;
    RtlUnwindEx(frame, (void *)dispatcher->ControlPc, &own, NULL, dispatcher->ContextRecord,
                dispatcher->HistoryTable);
    return ExceptionContinueSearch;
}

static void catch_it(void *argument)
{
    cpp.inner = caught_as_cpp(raise_own, argument);
}

static void se016(void)
{
    memset(&cpp, 0, sizeof cpp);
    same("caught, with the frame's registers", (ULONG64)caught_as_cpp(raise_own, &met), 77);
    same("catch blocks", cpp.blocks, 1);
    same("an exception inside the catch block", (DWORD)cpp.inner, EXCEPTION_ACCESS_VIOLATION);
    same("the target frame's termination handler", cpp.unwound, 1);
    same("which is told that it is the target's", cpp.flags & EXCEPTION_TARGET_UNWIND, 0x20);
}

static void se017(void)
{
    memset(&cpp, 0, sizeof cpp);
    cpp.rethrow = 0xE0000001;
    same("what a catch block raises passes its own frame", call_caught(catch_it, &met), 0xE0000001);
    same("catch blocks", cpp.blocks, 1);
    memset(&cpp, 0, sizeof cpp);
    same("and all is well afterwards", (ULONG64)caught_as_cpp(raise_own, &met), 77);
}

static const struct statement statements[] = {
    {"SE-001", se001}, {"SE-002", se002}, {"SE-003", se003}, {"SE-004", se004}, {"SE-005", se005},
    {"SE-006", se006}, {"SE-007", se007}, {"SE-008", se008}, {"SE-009", se009}, {"SE-010", se010},
    {"SE-011", se011}, {"SE-012", se012}, {"SE-013", se013}, {"SE-014", se014}, {"SE-015", se015},
    {"SE-016", se016}, {"SE-017", se017}, {NULL, NULL},
};

void start(void)
{
    const struct statement *const tables[] = {statements, seh_native_statements, NULL};
    UINT code = (UINT)kit_run_tables(tables, NULL);
    ExitProcess(code);
}
