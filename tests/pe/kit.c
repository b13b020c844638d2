/* The conformance kit: verdict lines and exception probes. */
#include "kit.h"

/* Differences that a statement may print: a loop has more than anybody reads. */
enum { MOST_SAID = 4 };

static struct {
    unsigned passed, failed, skipped;
    unsigned wrong; /* comparisons that failed in the statement that runs */
    const char *id;
    const char *why_skipped;
    CONTEXT resume;    /* where a statement that touched what it should not have goes on */
    int recovers;      /* resume is valid */
    DWORD interrupted; /* by this exception, 0: by none */
} run;

static struct {
    struct probe result;
    int mode;
    int active;
} probing;

/* A C compiler may call these even in a program without a runtime. */
void *memset(void *to, int value, size_t size)
{
    volatile char *p = to;
    while (size--)
        *p++ = (char)value;
    return to;
}

void *memcpy(void *to, const void *from, size_t size)
{
    volatile char *p = to;
    const volatile char *q = from;
    while (size--)
        *p++ = *q++;
    return to;
}

void kit_print(const char *text)
{
    DWORD written, length = 0;
    while (text[length])
        length++;
    WriteFile(GetStdHandle(STD_OUTPUT_HANDLE), text, length, &written, NULL);
}

void kit_number(ULONG64 number, unsigned base)
{
    char text[32];
    unsigned at = sizeof text - 1;
    text[at] = 0;
    do {
        text[--at] = "0123456789ABCDEF"[number % base];
        number /= base;
    } while (number);
    if (base == 16) {
        text[--at] = 'x';
        text[--at] = '0';
    }
    kit_print(text + at);
}

void kit_same(const char *what, ULONG64 got, ULONG64 wanted, int line)
{
    if (got == wanted || run.wrong++ >= MOST_SAID)
        return;
    if (run.wrong == 1) {
        kit_print(run.id);
        kit_print(" fail ");
    } else {
        kit_print(";");
    }
    kit_print(" ");
    kit_print(what);
    kit_print(": got ");
    kit_number(got, 16);
    kit_print(", wanted ");
    kit_number(wanted, 16);
    kit_print(" (line ");
    kit_number((ULONG64)line, 10);
    kit_print(")");
}

void kit_skip(const char *why)
{
    run.why_skipped = why;
}

__asm__(".text\n"
        ".globl kit_call_on\n"
        "kit_call_on:\n"
        "    push %rbx\n"
        "    mov %rsp, %rbx\n"
        "    lea -32(%rcx), %rsp\n"
        "    mov %r8, %rcx\n"
        "    call *%rdx\n"
        "    mov %rbx, %rsp\n"
        "    pop %rbx\n"
        "    ret\n");

/* The probes: one instruction each, with a place to go on when it may not complete. */
__asm__(".text\n"
        "probe_load: movb (%rcx), %al\n"
        "probe_load_done: ret\n"
        "probe_store_only: movb %dl, (%rcx)\n"
        "probe_store_done: ret\n"
        "probe_jump: push %rbx\n"
        "mov %rsp, %rbx\n"
        "sub $32, %rsp\n"
        "call *%rcx\n"
        "mov %rbx, %rsp\n"
        "probe_jump_done: pop %rbx\n"
        "ret\n");
extern void probe_load(const volatile void *address);
extern void probe_store_only(volatile void *address, int value);
extern void probe_jump(void *address);
extern char probe_load_done[], probe_store_done[], probe_jump_done[];
static char *resume_at;

static LONG CALLBACK on_exception(EXCEPTION_POINTERS *pointers)
{
    EXCEPTION_RECORD *record = pointers->ExceptionRecord;
    struct probe *result = &probing.result;

    if (!probing.active)
        return EXCEPTION_CONTINUE_SEARCH;
    if (result->count++ == 0)
        result->first = record->ExceptionCode;
    result->code = record->ExceptionCode; /* the last one counts when retrying */
    result->parameters = record->NumberParameters;
    result->kind = record->NumberParameters > 0 ? record->ExceptionInformation[0] : ~0ull;
    result->address = record->NumberParameters > 1 ? record->ExceptionInformation[1] : ~0ull;
    if (probing.mode == PROBE_RETRY && result->count < 2 &&
        record->ExceptionCode == STATUS_GUARD_PAGE_VIOLATION)
        return EXCEPTION_CONTINUE_EXECUTION;
    /* the call pushed its return address: undo by the saved stack pointer */
    if (resume_at == probe_jump_done)
        pointers->ContextRecord->Rsp = pointers->ContextRecord->Rbx;
    pointers->ContextRecord->Rip = (ULONG64)resume_at;
    return EXCEPTION_CONTINUE_EXECUTION;
}

static void begin(int mode, char *resume)
{
    memset(&probing.result, 0, sizeof probing.result);
    probing.mode = mode;
    resume_at = resume;
    probing.active = 1;
}

static struct probe end(void)
{
    probing.active = 0;
    return probing.result;
}

struct probe probe_read(const volatile void *address, int mode)
{
    begin(mode, probe_load_done);
    probe_load(address);
    return end();
}

struct probe probe_write(volatile void *address, int mode)
{
    begin(mode, probe_store_done);
    probe_store_only(address, 0x5A);
    return end();
}

struct probe probe_call(void *address)
{
    begin(PROBE_ONCE, probe_jump_done);
    probe_jump(address);
    return end();
}

static int begins_with(const char *text, const char *prefix)
{
    while (*prefix)
        if (*text++ != *prefix++)
            return 0;
    return 1;
}

/*
 * Asked when nobody else wanted the exception; a function under test may expect one and handle it
 * in a frame of its own.
 */
static LONG WINAPI on_unhandled(EXCEPTION_POINTERS *pointers)
{
    if (!run.recovers)
        return EXCEPTION_CONTINUE_SEARCH;
    run.interrupted = pointers->ExceptionRecord->ExceptionCode;
    run.recovers = 0;
    *pointers->ContextRecord = run.resume;
    return EXCEPTION_CONTINUE_EXECUTION;
}

/* An exception outside a probe ends the statement, not the program. */
static void prove_safely(const struct statement *statement)
{
    run.interrupted = 0;
    RtlCaptureContext(&run.resume);
    if (run.interrupted) { /* second return, by on_unhandled() */
        kit_same("interrupted", run.interrupted, 0, 0);
        return;
    }
    run.recovers = 1;
    statement->prove();
    run.recovers = 0;
}

/* One statement and its line of output. */
static void prove(const struct statement *statement, int recover)
{
    run.id = statement->id;
    run.wrong = 0;
    run.why_skipped = NULL;
    if (recover)
        prove_safely(statement);
    else
        statement->prove();
    if (run.wrong) {
        run.failed++;
        kit_print("\r\n");
        return;
    }
    kit_print(run.id);
    if (run.why_skipped) {
        run.skipped++;
        kit_print(" skip  ");
        kit_print(run.why_skipped);
    } else {
        run.passed++;
        kit_print(" pass");
    }
    kit_print("\r\n");
}

static int sum_up(void)
{
    kit_number(run.passed, 10);
    kit_print(" passed, ");
    kit_number(run.failed, 10);
    kit_print(" failed, ");
    kit_number(run.skipped, 10);
    kit_print(" skipped\r\n");
    return run.failed != 0;
}

int kit_run(const struct statement *statements, unsigned count, const char *only)
{
    unsigned i;

    AddVectoredExceptionHandler(1, on_exception);
    for (i = 0; i < count; i++)
        if (!only || begins_with(statements[i].id, only))
            prove(&statements[i], 0);
    return sum_up();
}

int kit_run_tables(const struct statement *const *tables, const char *only)
{
    const struct statement *statement;

    AddVectoredExceptionHandler(1, on_exception);
    SetUnhandledExceptionFilter(on_unhandled);
    for (; *tables; tables++)
        for (statement = *tables; statement->id; statement++)
            if (!only || begins_with(statement->id, only))
                prove(statement, 1);
    return sum_up();
}
