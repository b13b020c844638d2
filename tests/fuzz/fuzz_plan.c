/*
 * Reads descriptions of machines that lie. As a test: random changes of good ones; with -DLIBFUZZER
 * the same examination is a target for clang's -fsanitize=fuzzer.
 *
 *     fuzz_plan [CHANGES]       default 200000; WINMEM_SEED repeats a run
 */
#include "d3dkmt/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *const good[] = {
    "name=default; adapter local=8G nonlocal=16G",
    "name=a seed=0x10;adapter local=3M nonlocal=4K local-bandwidth=5G nonlocal-bandwidth=6 "
    "local-latency=7ms nonlocal-latency=8us name=card vendor=4318 device=0xFFFFFFFF call=9ns "
    "fail=10:11 poison=1\n;\t adapter nonlocal=1T fail=12; seed=13",
    "adapter local=64T adapter local=1 adapter nonlocal=0x10K; name=b seed=18446744073709551615",
};

static void stop(const char *text, const char *why)
{
    fprintf(stderr, "fuzz_plan: %s: \"%s\"\n", why, text);
    abort();
}

static void check_adapter(const char *text, const struct vid_plan_adapter *adapter)
{
    uint64_t memory = 0;
    for (unsigned place = VID_LOCAL; place < VID_PLACES; place++) {
        const struct vid_plan_segment *segment = &adapter->segments[place];
        memory += segment->size;
        if (segment->size > 1ull << 46 || !segment->bandwidth ||
            segment->latency > 3600000000000ull)
            stop(text, "a segment beyond its limits");
    }
    if (!memory || adapter->poison > 1 || adapter->call_cost > 3600000000000ull ||
        memchr(adapter->name, '\0', sizeof adapter->name) == NULL)
        stop(text, "an adapter beyond its limits");
}

/* The text is in a block of exactly its length: a byte read beyond is found. */
static void examine(const char *bytes, size_t length)
{
    char *text = malloc(length + 1);
    static struct vid_plan plan;
    struct vid_plan_wrong wrong = {0};
    if (!text)
        abort();
    memcpy(text, bytes, length);
    text[length] = '\0';
    if (vid_plan_parse(text, &plan, &wrong)) {
        if (plan.adapter_count < 1 || plan.adapter_count > VID_ADAPTERS ||
            strcmp(plan.description, text) != 0 || !plan.name[0] ||
            memchr(plan.name, '\0', sizeof plan.name) == NULL ||
            vid_machine_size(&plan) < plan.adapter_count * sizeof(struct vid_adapter))
            stop(text, "a plan beyond its limits");
        for (uint32_t i = 0; i < plan.adapter_count; i++)
            check_adapter(text, &plan.adapters[i]);
    } else if (!wrong.why || wrong.at < text || wrong.at + wrong.length > text + length) {
        stop(text, "refused without saying where");
    }
    free(text);
}

#ifdef LIBFUZZER
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    examine((const char *)bytes, length);
    return 0;
}
#else

static uint64_t state;

static uint32_t below(uint32_t limit)
{
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)((state >> 33) % limit);
}

/* One random change; pieces of good ones are put in, too. */
static size_t change(char *text, size_t length, size_t room)
{
    const char *other = good[below(3)];
    size_t at = below((uint32_t)length + 1), from = below((uint32_t)strlen(other));
    size_t count = 1 + below(12);
    if (count > strlen(other) - from)
        count = strlen(other) - from;
    switch (below(4)) {
    case 0:
        if (at < length)
            text[at] = (char)(1 + below(255));
        return length;
    case 1:
        if (at < length)
            text[at] = "0123456789=; -:KMGTx"[below(20)];
        return length;
    case 2:
        if (at + count > length)
            return length;
        memmove(text + at, text + at + count, length - at - count);
        return length - count;
    default:
        if (length + count > room)
            return length;
        memmove(text + at + count, text + at, length - at);
        memcpy(text + at, other + from, count);
        return length + count;
    }
}

int main(int count, char **arguments)
{
    const char *seed = getenv("WINMEM_SEED");
    unsigned long changes = count > 1 ? strtoul(arguments[1], NULL, 0) : 200000;
    char text[1200];
    state = seed ? strtoull(seed, NULL, 0) : (uint64_t)time(NULL);
    printf("fuzz_plan: WINMEM_SEED=%lu\n", state);
    fflush(stdout);
    for (unsigned i = 0; i < 3; i++)
        examine(good[i], strlen(good[i]));
    for (unsigned long n = 0; n < changes;) {
        const char *start = good[below(3)];
        size_t length = strlen(start);
        memcpy(text, start, length);
        for (unsigned i = 0; i < 40 && n < changes; i++, n++) {
            length = change(text, length, sizeof text);
            examine(text, length);
        }
    }
    return 0;
}
#endif
