/*
 * Frames of native code, against what the compiler's own run-time library makes of the same tables
 * (_Unwind_Backtrace): places, stack pointers and preserved registers, up to the end of the stack.
 */
#include <check.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <unwind.h>
#include <winmem/windef.h>
#include "kernel32/process/context.h"
#include "kernel32/process/unwind_native.h"
#include "tests/unit/suite.h"

enum { FRAMES = 64, KEPT = 6 };

struct place {
    uint64_t rip, rsp, kept[KEPT];
};

static struct {
    struct place wanted[FRAMES], got[FRAMES];
    unsigned wanted_count, got_count;
    unsigned compared; /* times */
} chains;

static _Unwind_Reason_Code note(struct _Unwind_Context *context, void *unused)
{
    static const int numbers[KEPT] = {3, 6, 12, 13, 14, 15}; /* rbx, rbp, r12 to r15 */
    struct place *place = &chains.wanted[chains.wanted_count];
    (void)unused;
    /* it also tells of the end */
    if (chains.wanted_count == FRAMES || _Unwind_GetIP(context) == 0)
        return _URC_END_OF_STACK;
    place->rip = _Unwind_GetIP(context);
    place->rsp = _Unwind_GetCFA(context);
    for (unsigned i = 0; i < KEPT; i++)
        place->kept[i] = _Unwind_GetGR(context, numbers[i]);
    chains.wanted_count++;
    return _URC_NO_REASON;
}

static void walk(CONTEXT *context)
{
    bool signal = false;
    while (chains.got_count < FRAMES &&
           unwind_native_frame(context, chains.got_count != 0 && !signal, &signal))
        chains.got[chains.got_count++] = (struct place){
            context->Rip,
            context->Rsp,
            {context->Rbx, context->Rbp, context->R12, context->R13, context->R14, context->R15}};
}

/* From its caller on, both ways. */
static __attribute__((noinline)) void compare_chains(void)
{
    CONTEXT context = {.ContextFlags = CONTEXT_CONTROL | CONTEXT_INTEGER};
    ucontext_t here;
    memset(chains.got, 0, sizeof chains.got);
    memset(chains.wanted, 0, sizeof chains.wanted);
    chains.got_count = chains.wanted_count = 0;
    getcontext(&here);
    context_from_signal(&here, &context);
    walk(&context);
    _Unwind_Backtrace(note, NULL);
    /* the library begins with this function itself */
    ck_assert_uint_ge(chains.got_count, 3);
    ck_assert_uint_eq(chains.got_count, chains.wanted_count - 1);
    for (unsigned i = 0; i < chains.got_count; i++) {
        const struct place *got = &chains.got[i], *wanted = &chains.wanted[i + 1];
        ck_assert_uint_eq(got->rip, wanted->rip);
        ck_assert_uint_eq(got->rsp, wanted->rsp);
        for (unsigned kept = 0; kept < KEPT; kept++)
            ck_assert_uint_eq(got->kept[kept], wanted->kept[kept]);
    }
    chains.compared++;
}

static int by_order(const void *left, const void *right)
{
    compare_chains();
    return *(const int *)left - *(const int *)right;
}

/* The frame is aligned further than the convention asks: its address needs a calculation. */
static __attribute__((noinline)) int aligned_frame(int count)
{
    _Alignas(128) volatile char block[256];
    volatile char *more = __builtin_alloca((size_t)count * 16);
    block[0] = more[0] = (char)count;
    compare_chains();
    return block[0] + more[0];
}

static __attribute__((noinline)) int big_frame(int count)
{
    volatile char block[20000];
    block[0] = (char)count;
    int sum = count ? big_frame(count - 1) + aligned_frame(count) : aligned_frame(1);
    return sum + block[0];
}

START_TEST(frames_of_this_program)
{
    compare_chains();
    big_frame(5);
    ck_assert_uint_eq(chains.compared, 7);
}
END_TEST

START_TEST(frames_of_the_c_library)
{
    int numbers[] = {3, 1, 2};
    qsort(numbers, 3, sizeof numbers[0], by_order);
    ck_assert_int_eq(numbers[2], 3);
    ck_assert_uint_ge(chains.compared, 2);
}
END_TEST

static void on_signal(int number)
{
    (void)number;
    aligned_frame(3);
}

START_TEST(the_frame_of_a_signal)
{
    signal(SIGUSR1, on_signal);
    raise(SIGUSR1);
    ck_assert_uint_eq(chains.compared, 1);
}
END_TEST

static void *in_thread(void *unused)
{
    big_frame(2);
    return unused;
}

START_TEST(the_frames_of_a_thread)
{
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, in_thread, NULL), 0);
    pthread_join(thread, NULL);
    ck_assert_uint_eq(chains.compared, 3);
}
END_TEST

START_TEST(nowhere)
{
    CONTEXT context = {.Rip = 0x1000, .Rsp = (uint64_t)&context};
    bool signal;
    ck_assert(!unwind_native_frame(&context, false, &signal));
    context.Rip = (uint64_t)compare_chains;
    context.Rsp = 0x1000; /* nothing to be read */
    ck_assert(!unwind_native_frame(&context, false, &signal));
}
END_TEST

int main(void)
{
    TCase *all = tcase_create("unwind_native");
    tcase_add_test(all, frames_of_this_program);
    tcase_add_test(all, frames_of_the_c_library);
    tcase_add_test(all, the_frame_of_a_signal);
    tcase_add_test(all, the_frames_of_a_thread);
    tcase_add_test(all, nowhere);
    return suite_run("unwind_native", all);
}
