/* Windows threads on pthreads: their stacks, their start and their end. */
#include "kernel32/process/thread.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "kernel32/face.h"
#include "kernel32/process/context.h"
#include "kernel32/process/exception.h"
#include "kernel32/process/process.h"
#include "kernel32/process/teb.h"
#include "memoryapi/base.h"
#include "memoryapi/futex.h"
#include "memoryapi/gate.h"
#include "memoryapi/mm.h"

#define NATIVE_STACK (128u << 10) /* what runs before and after the Windows stack is in use */
/* signal frames with AVX-512 state are 3 to 4 KiB, and two may nest */
#define ALTERNATE_STACK (64u << 10)
/* native code runs on the Windows stack and does not probe as it goes down */
#define SMALLEST_COMMIT (64u << 10)
/* How long the end of the process waits for threads that are inside system calls, in 100 ns. */
#define STOP_PATIENCE (100 * TIME_MILLISECOND)
/*
 * Never committed at the start: the lowest page, the guard, and room for an overflow's handler.
 */
#define KEPT_PAGES    4
#define STACK_RESERVE (1u << 20)
/* x87 as Windows starts a thread: 53 bits of precision, all exceptions masked. */
#define X87_CONTROL 0x027F

static __thread struct thread *self __attribute__((tls_model("initial-exec")));
static struct {
    struct futex_lock lock;
    struct thread *first;
    uint32_t count;
} list;

uint64_t thread_default_reserve = STACK_RESERVE, thread_default_commit = PAGE_SIZE;
void (*thread_notify)(unsigned reason);

struct thread *thread_self(void)
{
    return self;
}

static bool is_signalled(struct waitable *waitable, struct wait_state *who, uint64_t now)
{
    (void)who;
    (void)now;
    return container_of(waitable, struct thread, waitable)->ended;
}

static void release_memory(struct thread *thread)
{
    uint64_t base = thread->stack.floor, size = 0;
    if (base)
        mm_free(&base, &size, MEM_RELEASE);
    thread->stack.floor = 0;
    teb_destroy(thread->teb);
    thread->teb = NULL;
    free(thread->alternate_stack);
    free(thread->xsave);
    thread->alternate_stack = thread->xsave = NULL;
}

static void destroy(struct object *object)
{
    struct thread *thread = container_of(object, struct thread, waitable.object);
    release_memory(thread);
    free(thread->description);
    free(thread);
}

static const struct object_rights rights = {
    .read = READ_CONTROL | THREAD_QUERY_INFORMATION | THREAD_GET_CONTEXT |
            THREAD_QUERY_LIMITED_INFORMATION,
    .write = READ_CONTROL | THREAD_SUSPEND_RESUME | THREAD_TERMINATE | THREAD_SET_CONTEXT |
             THREAD_SET_INFORMATION | THREAD_SET_LIMITED_INFORMATION,
    .execute = READ_CONTROL | SYNCHRONIZE | THREAD_QUERY_LIMITED_INFORMATION | THREAD_RESUME,
    .all = THREAD_ALL_ACCESS,
};
static const struct object_ops thread_ops = {
    .type = OBJECT_THREAD, .name = "thread", .destroy = destroy, .rights = &rights};
static const struct waitable_ops thread_wait_ops = {.signalled = is_signalled};

static void stack_moved(struct mm_stack *stack)
{
    container_of(stack, struct thread, stack)->teb->stack_limit = stack->limit;
}

/*
 * Reserves the stack, commits its top, and puts a guard page below. The lowest page is never
 * committed.
 */
static NTSTATUS make_stack(struct thread *thread, uint64_t reserve, uint64_t commit)
{
    reserve = reserve ? reserve : thread_default_reserve ? thread_default_reserve : STACK_RESERVE;
    reserve = round_up(reserve, ALLOCATION_GRANULARITY);
    commit = round_up(commit ? commit : thread_default_commit, PAGE_SIZE);
    uint64_t least = reserve / 2 < SMALLEST_COMMIT ? reserve / 2 : SMALLEST_COMMIT;
    uint64_t most = reserve - KEPT_PAGES * PAGE_SIZE;
    commit = commit < least ? least : commit > most ? most : commit;
    struct mm_request whole = {.size = reserve, .type = MEM_RESERVE, .protect = PAGE_READWRITE};
    NTSTATUS status = mm_allocate(&whole);
    if (status != STATUS_SUCCESS)
        return status;
    uint64_t top = whole.base + reserve;
    struct mm_request used = {
        .base = top - commit, .size = commit, .type = MEM_COMMIT, .protect = PAGE_READWRITE};
    struct mm_request guard = {.base = top - commit - PAGE_SIZE,
                               .size = PAGE_SIZE,
                               .type = MEM_COMMIT,
                               .protect = PAGE_READWRITE | PAGE_GUARD};
    thread->stack = (struct mm_stack){
        .base = top, .limit = top - commit, .floor = whole.base, .moved = stack_moved};
    status = mm_allocate(&used);
    if (status == STATUS_SUCCESS)
        status = mm_allocate(&guard);
    return status;
}

static void describe_stack(struct thread *thread)
{
    thread->teb->stack_base = thread->stack.base;
    thread->teb->stack_limit = thread->stack.limit;
    thread->teb->stack_floor = thread->stack.floor;
}

static NTSTATUS create(uint64_t reserve, uint64_t commit, struct thread **ret_thread)
{
    struct thread *thread = calloc(1, sizeof *thread);
    NTSTATUS status = STATUS_NO_MEMORY;
    if (!thread)
        return status;
    waitable_init(&thread->waitable, &thread_ops, &thread_wait_ops);
    thread->exit_code = THREAD_STILL_ACTIVE;
    thread->created = time_system();
    thread->alternate_stack = malloc(ALTERNATE_STACK);
    thread->xsave = aligned_alloc(64, (size_t)context_xsave_room() * THREAD_XSAVE_SLOTS);
    if (thread->alternate_stack && thread->xsave)
        status = make_stack(thread, reserve, commit);
    if (status == STATUS_SUCCESS)
        status = teb_create(&thread->teb);
    if (status != STATUS_SUCCESS) {
        object_unref(&thread->waitable.object);
        return status;
    }
    describe_stack(thread);
    *ret_thread = thread;
    return STATUS_SUCCESS;
}

static void enlist(struct thread *thread)
{
    futex_lock(&list.lock);
    thread->next = list.first;
    if (list.first)
        list.first->previous = thread;
    list.first = thread;
    list.count++;
    futex_unlock(&list.lock);
}

/* True when it was the last. */
static bool delist(struct thread *thread)
{
    futex_lock(&list.lock);
    if (thread->previous)
        thread->previous->next = thread->next;
    else
        list.first = thread->next;
    if (thread->next)
        thread->next->previous = thread->previous;
    bool last = --list.count == 0;
    futex_unlock(&list.lock);
    return last;
}

void thread_for_each(void (*visit)(struct thread *thread, void *context), void *context)
{
    futex_lock(&list.lock);
    for (struct thread *thread = list.first; thread; thread = thread->next)
        visit(thread, context);
    futex_unlock(&list.lock);
}

uint32_t thread_count(void)
{
    futex_lock(&list.lock);
    uint32_t count = list.count;
    futex_unlock(&list.lock);
    return count;
}

struct thread *thread_find(uint32_t id)
{
    struct thread *found = NULL;
    futex_lock(&list.lock);
    for (struct thread *thread = list.first; thread && !found; thread = thread->next)
        if (thread->id == id)
            found = thread;
    if (found)
        object_ref(&found->waitable.object);
    futex_unlock(&list.lock);
    return found;
}

/* The calling pthread becomes this Windows thread. */
static void attach(struct thread *thread)
{
    stack_t alternate = {.ss_sp = thread->alternate_stack, .ss_size = ALTERNATE_STACK};
    thread->teb->thread_id = thread->id;
    sigaltstack(&alternate, NULL);
    teb_activate(thread->teb);
    mm_thread_stack = &thread->stack;
    gate_self.stack_limit = thread->stack.limit;
    last_error_place = &thread->teb->last_error;
    self = thread;
    wait_attach(&thread->wait, thread->id);
    suspend_allow();
}

static void detach(struct thread *thread)
{
    stack_t none = {.ss_flags = SS_DISABLE};
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, NULL); /* no suspension any more: the thread is leaving */
    bool last = delist(thread);
    wait_detach(&thread->wait);
    mm_thread_stack = NULL;
    gate_self.stack_limit = 0;
    last_error_place = NULL;
    self = NULL;
    sigaltstack(&none, NULL);
    if (last)
        process_end(__atomic_load_n(&thread->exit_code, __ATOMIC_RELAXED));
    __atomic_or_fetch(&thread->suspension, THREAD_PARKED, __ATOMIC_RELEASE);
    futex_wake(&thread->suspension, INT32_MAX);
    dispatcher_lock();
    thread->exited = time_system();
    thread->ended = true;
    waitable_changed(&thread->waitable);
    dispatcher_unlock();
    release_memory(thread);
    object_unref(&thread->waitable.object);
}

__asm__(".text\n"
        ".globl winmem_switch_stack\n"
        ".hidden winmem_switch_stack\n"
        "winmem_switch_stack:\n" /* rdi: top, rsi: function, rdx: argument */
        "    mov %rdi, %rsp\n"
        "    xor %ebp, %ebp\n"
        "    mov %rdx, %rdi\n"
        "    call *%rsi\n"
        "    ud2\n");
extern _Noreturn void winmem_switch_stack(uint64_t top, void (*function)(void *), void *argument);

static _Noreturn void run_on_stack(struct thread *thread, void (*function)(void *), void *argument)
{
    winmem_switch_stack(round_down(thread->stack.base - 64, 16), function, argument);
}

/*
 * The pthread of main may not return: the process lives on until its last Windows thread ends it.
 */
_Noreturn void thread_run_main(void (*function)(void *), void *argument)
{
    if (!setjmp(self->leave))
        run_on_stack(self, function, argument);
    detach(self);
    for (;;)
        pause();
}

typedef __attribute__((ms_abi)) DWORD start_routine(PVOID parameter);

/* On the Windows stack. */
static void run_windows(void *argument)
{
    struct thread *thread = argument;
    uint16_t control = X87_CONTROL;
    __asm__ volatile("fldcw %0" ::"m"(control));
    gate_leave(); /* of run_native: from here on it can be stopped and ended */
    if (thread->suspension & THREAD_SUSPEND_COUNT)
        gate_park(); /* created suspended */
    gate_enter();
    if (thread_notify)
        thread_notify(2);
    wait_run_apcs();
    gate_leave();
    thread_exit(((start_routine *)thread->start)(thread->parameter));
}

struct beginning {
    struct thread *thread;
    uint32_t ready; /* futex */
};

static void *run_native(void *argument)
{
    struct beginning *beginning = argument;
    struct thread *thread = beginning->thread;
    gate_enter();
    thread->id = (uint32_t)syscall(SYS_gettid);
    attach(thread);
    __atomic_store_n(&beginning->ready, 1, __ATOMIC_RELEASE);
    futex_wake(&beginning->ready, 1); /* `beginning` is gone after this */
    if (!setjmp(thread->leave))
        run_on_stack(thread, run_windows, thread);
    detach(thread);
    return NULL;
}

NTSTATUS thread_create(PVOID start, PVOID parameter, uint64_t stack_reserve, uint64_t stack_commit,
                       bool suspended, struct thread **ret_thread)
{
    struct beginning beginning = {0};
    pthread_attr_t attributes;
    pthread_t native;
    NTSTATUS status = create(stack_reserve, stack_commit, &beginning.thread);
    if (status != STATUS_SUCCESS)
        return status;
    struct thread *thread = beginning.thread;
    thread->start = start;
    thread->parameter = parameter;
    thread->suspension = suspended;
    object_ref(&thread->waitable.object); /* the running thread's own */
    enlist(thread);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, NATIVE_STACK);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    int error = pthread_create(&native, &attributes, run_native, &beginning);
    pthread_attr_destroy(&attributes);
    if (error) {
        delist(thread);
        object_unref(&thread->waitable.object);
        object_unref(&thread->waitable.object);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    while (!__atomic_load_n(&beginning.ready, __ATOMIC_ACQUIRE))
        futex_wait_until(&beginning.ready, 0, NULL);
    *ret_thread = thread;
    return STATUS_SUCCESS;
}

static struct object *current_thread_object(void)
{
    return self ? &self->waitable.object : NULL;
}

NTSTATUS thread_init_main(void)
{
    struct thread *thread;
    NTSTATUS status = create(0, 0, &thread);
    if (status != STATUS_SUCCESS)
        return status;
    thread->id = (uint32_t)syscall(SYS_gettid);
    object_current_thread = current_thread_object;
    suspend_init();
    exception_init();
    enlist(thread);
    attach(thread);
    return STATUS_SUCCESS;
}

_Noreturn void thread_exit(uint32_t code)
{
    struct thread *thread = self;
    gate_enter();
    if (!thread->terminated) {
        if (thread_notify)
            thread_notify(3);
        tls_thread_ends(thread);
    }
    gate_self.depth = 1; /* nothing stops a thread that leaves */
    __atomic_store_n(&thread->exit_code, code, __ATOMIC_RELEASE);
    longjmp(thread->leave, 1);
}

NTSTATUS thread_lookup(HANDLE handle, ACCESS_MASK access, struct thread **ret_thread)
{
    struct object *object;
    NTSTATUS status = handle_lookup(handle, OBJECT_THREAD, access, &object);
    if (status == STATUS_SUCCESS && object->ops != &thread_ops) {
        object_unref(object);
        return STATUS_NOT_SUPPORTED; /* a thread of another process (child.h) */
    }
    if (status == STATUS_SUCCESS)
        *ret_thread = container_of(object, struct thread, waitable.object);
    return status;
}

struct others {
    struct thread *threads[64];
    unsigned count;
};

static void collect(struct thread *thread, void *context)
{
    struct others *others = context;
    if (thread != self && others->count < array_length(others->threads) &&
        !(thread->suspension & THREAD_SUSPEND_COUNT))
        others->threads[others->count++] = (struct thread *)object_ref(&thread->waitable.object);
}

/*
 * New threads may begin meanwhile: rounds until none is left that runs. The references are never
 * given back: the process ends.
 */
void thread_stop_others(void)
{
    uint64_t deadline = time_monotonic() + STOP_PATIENCE;
    struct others others;
    uint32_t previous;
    do {
        others.count = 0;
        thread_for_each(collect, &others);
        for (unsigned i = 0; i < others.count; i++)
            thread_ask_to_stop(others.threads[i], &previous);
        for (unsigned i = 0; i < others.count; i++)
            thread_wait_stopped(others.threads[i], deadline);
    } while (others.count);
}
