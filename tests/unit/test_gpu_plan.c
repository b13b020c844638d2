/* The text that describes a machine: every word, every limit, and what is refused. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "d3dkmt/plan.h"
#include "memoryapi/base.h"

static struct vid_plan plan;
static char wrong[2048]; /* the word or the part */
static const char *why;

static bool parse(const char *text)
{
    struct vid_plan_wrong told;
    if (vid_plan_parse(text, &plan, &told))
        return true;
    snprintf(wrong, sizeof wrong, "%.*s", (int)told.length, told.at);
    why = told.why;
    return false;
}

START_TEST(the_default_machine)
{
    ck_assert(parse(vid_plan_default));
    ck_assert_str_eq(plan.name, "default");
    ck_assert_str_eq(plan.description, vid_plan_default);
    ck_assert_uint_eq(plan.adapter_count, 1);
    ck_assert_uint_eq(plan.adapters[0].segments[VID_LOCAL].size, 8ull << 30);
    ck_assert_uint_eq(plan.adapters[0].segments[VID_NONLOCAL].size, 16ull << 30);
}
END_TEST

START_TEST(every_word)
{
    const struct vid_plan_adapter *a = plan.adapters;
    ck_assert(parse("name=a-Z_09;adapter local=3M nonlocal=4K local-bandwidth=5G "
                    "nonlocal-bandwidth=6 local-latency=7ms nonlocal-latency=8us name=card "
                    "vendor=4318 device=0xFFFFFFFF call=9ns fail=10:11 poison=1\n;\t adapter "
                    "nonlocal=1T fail=12; seed=13"));
    ck_assert_str_eq(plan.name, "a-Z_09");
    ck_assert_uint_eq(plan.seed, 13); /* behind an adapter, too */
    ck_assert_uint_eq(plan.adapter_count, 2);
    ck_assert_uint_eq(a[0].segments[VID_LOCAL].size, 3 << 20);
    ck_assert_uint_eq(a[0].segments[VID_NONLOCAL].size, 4096);
    ck_assert_uint_eq(a[0].segments[VID_LOCAL].bandwidth, 5ull << 30);
    ck_assert_uint_eq(a[0].segments[VID_NONLOCAL].bandwidth, 6);
    ck_assert_uint_eq(a[0].segments[VID_LOCAL].latency, 7000000);
    ck_assert_uint_eq(a[0].segments[VID_NONLOCAL].latency, 8000);
    ck_assert_str_eq(a[0].name, "card");
    ck_assert_uint_eq(a[0].vendor, 4318);
    ck_assert_uint_eq(a[0].device, UINT32_MAX);
    ck_assert_uint_eq(a[0].call_cost, 9);
    ck_assert_uint_eq(a[0].fail_seed, 10);
    ck_assert_uint_eq(a[0].fail_one_in, 11);
    ck_assert_uint_eq(a[0].poison, 1);
    ck_assert_uint_eq(a[1].segments[VID_LOCAL].size, 0);
    ck_assert_uint_eq(a[1].segments[VID_NONLOCAL].size, 1ull << 40);
    ck_assert_uint_eq(a[1].fail_seed, 12);
    ck_assert_uint_gt(a[1].fail_one_in, 0);
    ck_assert_uint_eq(a[1].poison, 0);
    ck_assert_uint_eq(a[1].call_cost, 1000);
}
END_TEST

/* Each with where the wrong word begins. */
START_TEST(nonsense)
{
    static const struct {
        const char *text, *wrong;
    } cases[] = {
        {"adapter local=1M x", "x"},
        {"adapter local=1M x=1", "x=1"},
        {"adapter local=", "local="},
        {"adapter local=1X", "local=1X"},
        {"adapter local=-1", "local=-1"},
        {"adapter local=65T", "local=65T"},
        {"adapter local=99999999999999999999", "local=99999999999999999999"},
        {"adapter locals=1M", "locals=1M"},
        {"adapter local-=1M", "local-=1M"},
        {"adapter local-bandwidth=0", "local-bandwidth=0"},
        {"adapter local-latency=1", "local-latency=1"},
        {"adapter local-latency=1s", "local-latency=1s"},
        {"adapter local-latency=3600001ms", "local-latency=3600001ms"},
        {"adapter call=18446744073709551616ns", "call=18446744073709551616ns"},
        {"adapter name=", "name="},
        {"adapter name=a.b", "name=a.b"},
        {"adapter vendor=4294967296", "vendor=4294967296"},
        {"adapter vendor=1x", "vendor=1x"},
        {"adapter device=+1", "device=+1"},
        {"adapter fail=", "fail="},
        {"adapter fail=1:", "fail=1:"},
        {"adapter fail=1:0", "fail=1:0"},
        {"adapter local=1M fail=1;2", "2"},
        {"adapter fail=1:2:3", "fail=1:2:3"},
        {"adapter poison=2", "poison=2"},
        {"adapter=1", "adapter=1"},
        {"seed=1 name=/x; adapter local=1M", "name=/x"},
        {"seed=18446744073709551616", "seed=18446744073709551616"},
        {"name=12345678901234567890123456789012; adapter", "name=12345678901234567890123456789012"},
        {"local=1M", "local=1M"},
        {"adapter local=1M; local=1M", "local=1M"},
    };
    for (size_t i = 0; i < array_length(cases); i++) {
        ck_assert_msg(!parse(cases[i].text), "%s", cases[i].text);
        ck_assert_str_eq(wrong, cases[i].wrong);
    }
}
END_TEST

START_TEST(an_adapter_is_needed)
{
    static const char *const texts[] = {"", "  ;;\n", "name=x", "seed=1;"};
    for (size_t i = 0; i < array_length(texts); i++) {
        ck_assert(!parse(texts[i]));
        ck_assert_str_eq(why, "an adapter is missing");
        ck_assert_uint_le(strlen(wrong), strlen(texts[i]));
    }
    ck_assert(!parse("seed=1; "));
    ck_assert_str_eq(wrong, "seed=1");
}
END_TEST

/* Told with the adapter that has none. */
START_TEST(an_adapter_needs_memory)
{
    static const struct {
        const char *text, *wrong;
    } cases[] = {
        {"adapter", "adapter"},
        {"seed=2; adapter poison=1 ;", "adapter poison=1"},
        {"adapter local=0 nonlocal=0", "adapter local=0 nonlocal=0"},
        {"adapter local=1M; adapter vendor=1", "adapter vendor=1"},
        {"adapter vendor=1\nadapter local=1M", "adapter vendor=1"},
        {"adapter vendor=1; seed=2; adapter local=1M", "adapter vendor=1"},
    };
    for (size_t i = 0; i < array_length(cases); i++) {
        ck_assert_msg(!parse(cases[i].text), "%s", cases[i].text);
        ck_assert_str_eq(wrong, cases[i].wrong);
        ck_assert_str_eq(why, "an adapter has to have memory (local=SIZE, nonlocal=SIZE)");
    }
}
END_TEST

START_TEST(a_word_stands_once)
{
    static const struct {
        const char *text, *wrong;
    } cases[] = {
        {"adapter local=1M local=2M", "local=2M"},
        {"adapter local=1M nonlocal=1M nonlocal=1M", "nonlocal=1M"},
        {"adapter local=1M call=1us local-latency=1us call=2us", "call=2us"},
        {"name=a name=b; adapter local=1M", "name=b"},
        {"seed=1; adapter local=1M; seed=1", "seed=1"},
    };
    for (size_t i = 0; i < array_length(cases); i++) {
        ck_assert_msg(!parse(cases[i].text), "%s", cases[i].text);
        ck_assert_str_eq(wrong, cases[i].wrong);
        ck_assert_str_eq(why, "this word was there before");
    }
    ck_assert(parse("name=a; adapter name=a local=1M local-latency=1us nonlocal-latency=1us; "
                    "adapter name=a local=1M; seed=1"));
}
END_TEST

START_TEST(the_reason)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"adapter local=1X", "it cannot have this value"},
        {"adapter colour=red", "there is no such word here"},
        {"local=1M", "there is no such word here"},
        {"seed=x", "it cannot have this value"},
    };
    for (size_t i = 0; i < array_length(cases); i++) {
        ck_assert_msg(!parse(cases[i].text), "%s", cases[i].text);
        ck_assert_str_eq(why, cases[i].why);
    }
}
END_TEST

START_TEST(limits)
{
    char text[2048] = "", name[128];
    for (unsigned i = 0; i < VID_ADAPTERS; i++)
        strcat(text, "adapter local=64T; ");
    ck_assert(parse(text));
    ck_assert_uint_eq(plan.adapter_count, VID_ADAPTERS);
    ck_assert_uint_gt(vid_machine_size(&plan), VID_ADAPTERS * (VID_ALLOCATIONS * 64ull));
    strcat(text, "adapter local=1M");
    ck_assert(!parse(text));
    ck_assert_str_eq(wrong, "adapter");
    ck_assert_str_eq(why, "there are too many adapters");
    memset(name, 'n', sizeof name);
    snprintf(text, sizeof text, "name=%.31s; adapter local=1M name=%.63s", name, name);
    ck_assert(parse(text));
    ck_assert_uint_eq(strlen(plan.name), 31);
    ck_assert_uint_eq(strlen(plan.adapters[0].name), 63);
    snprintf(text, sizeof text, "adapter local=1M name=%.64s", name);
    ck_assert(!parse(text));
    snprintf(text, sizeof text, "adapter local=1M name=%.100s", name);
    ck_assert(!parse(text));
    ck_assert(parse("adapter local=1M call=3600000ms"));
    memset(text, ' ', sizeof text);
    memcpy(text, "adapter local=1M", 16);
    text[1023] = '\0';
    ck_assert(parse(text));
    memcpy(text + 1023, " ", 2);
    ck_assert(!parse(text));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gpu_plan");
    TCase *tests = tcase_create("plan");
    SRunner *runner = srunner_create(suite);
    int failed;
    tcase_add_test(tests, the_default_machine);
    tcase_add_test(tests, every_word);
    tcase_add_test(tests, nonsense);
    tcase_add_test(tests, an_adapter_is_needed);
    tcase_add_test(tests, an_adapter_needs_memory);
    tcase_add_test(tests, a_word_stands_once);
    tcase_add_test(tests, the_reason);
    tcase_add_test(tests, limits);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
