/* Reading the plan of a machine. */
#include "d3dkmt/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "memoryapi/base.h"
#include "memoryapi/setting.h"

const char vid_plan_default[] = "name=default; adapter local=8G nonlocal=16G";

static const struct vid_plan_adapter adapter_default = {
    .name = "winmem simulated adapter",
    .vendor = 0x1414, /* as software adapters have it */
    .device = 0x57A1,
    .segments = {[VID_LOCAL] = {.bandwidth = 16ull << 30, .latency = 20000},
                 [VID_NONLOCAL] = {.bandwidth = 8ull << 30, .latency = 10000}},
    .software = 1,
    .call_cost = 1000,
    .work_cost = 100000,
};

static bool read_number(const char *text, uint64_t most, uint64_t *ret_number)
{
    const char *rest = text;
    return setting_number(&rest, ret_number) && !*rest && *ret_number <= most;
}

static bool read_small(const char *text, uint32_t *ret_number)
{
    uint64_t number;
    if (!read_number(text, UINT32_MAX, &number))
        return false;
    *ret_number = (uint32_t)number;
    return true;
}

/* "20us"; at most an hour. */
static bool read_time(const char *text, uint64_t *ret_nanoseconds)
{
    static const struct {
        const char *unit;
        uint64_t nanoseconds;
    } units[] = {{"ns", 1}, {"us", 1000}, {"ms", 1000000}};
    const char *rest = text;
    uint64_t number;
    if (!setting_number(&rest, &number))
        return false;
    for (size_t i = 0; i < array_length(units); i++)
        if (strcmp(rest, units[i].unit) == 0)
            return !__builtin_mul_overflow(number, units[i].nanoseconds, ret_nanoseconds) &&
                   *ret_nanoseconds <= 3600000000000ull;
    return false;
}

/* SEED or SEED:N */
static bool read_failure(const char *text, struct vid_plan_adapter *adapter)
{
    const char *rest = text;
    adapter->fail_one_in = 16;
    if (!setting_number(&rest, &adapter->fail_seed))
        return false;
    return !*rest ||
           (*rest == ':' && read_small(rest + 1, &adapter->fail_one_in) && adapter->fail_one_in);
}

static bool read_name(const char *text, char *ret_name, size_t room)
{
    size_t length = strlen(text);
    if (!length || length >= room ||
        strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != length)
        return false;
    memset(ret_name, 0, room);
    memcpy(ret_name, text, length);
    return true;
}

/* Of printable ASCII. */
static bool read_path(const char *text, char *ret_path, size_t room)
{
    size_t length = strlen(text);
    for (size_t i = 0; i < length; i++)
        if (text[i] <= ' ' || text[i] > '~')
            return false;
    if (!length || length >= room)
        return false;
    memset(ret_path, 0, room);
    memcpy(ret_path, text, length);
    return true;
}

static bool read_flag(const char *text, uint32_t *ret_flag)
{
    return read_small(text, ret_flag) && *ret_flag <= 1;
}

/* The words of an adapter: what their values are, and where they go. */
enum value { NUMBER, FLAG, TIME, BYTES, RATE, NAME, PATH, FAILURE };

#define FIELD(member) offsetof(struct vid_plan_adapter, member)
#define ROOM(member)  sizeof(((struct vid_plan_adapter *)0)->member)

static const struct {
    const char *name;
    enum value value;
    size_t field, room;
} adapter_words[] = {
    {"local", BYTES, FIELD(segments[VID_LOCAL].size), 0},
    {"local-bandwidth", RATE, FIELD(segments[VID_LOCAL].bandwidth), 0},
    {"local-latency", TIME, FIELD(segments[VID_LOCAL].latency), 0},
    {"nonlocal", BYTES, FIELD(segments[VID_NONLOCAL].size), 0},
    {"nonlocal-bandwidth", RATE, FIELD(segments[VID_NONLOCAL].bandwidth), 0},
    {"nonlocal-latency", TIME, FIELD(segments[VID_NONLOCAL].latency), 0},
    {"name", NAME, FIELD(name), ROOM(name)},
    {"vendor", NUMBER, FIELD(vendor), 0},
    {"device", NUMBER, FIELD(device), 0},
    {"call", TIME, FIELD(call_cost), 0},
    {"work", TIME, FIELD(work_cost), 0},
    {"fail", FAILURE, 0, 0},
    {"icd", PATH, FIELD(icd), ROOM(icd)},
    {"software", FLAG, FIELD(software), 0},
    {"poison", FLAG, FIELD(poison), 0},
};

static bool read_value(const char *text, unsigned word, struct vid_plan_adapter *adapter)
{
    void *field = (char *)adapter + adapter_words[word].field;
    switch (adapter_words[word].value) {
    case NUMBER:
        return read_small(text, field);
    case FLAG:
        return read_flag(text, field);
    case TIME:
        return read_time(text, field);
    case BYTES:
        return setting_size(text, field) && *(uint64_t *)field <= 1ull << 46;
    case RATE:
        return setting_size(text, field) && *(uint64_t *)field;
    case NAME:
        return read_name(text, field, adapter_words[word].room);
    case PATH:
        return read_path(text, field, adapter_words[word].room);
    default:
        return read_failure(text, adapter);
    }
}

/* While the text is read: NULL is for what is in order, else why it is not. */
struct reader {
    struct vid_plan *plan;
    struct vid_plan_adapter *adapter;    /* whose words these are; NULL: the machine's */
    const char *adapter_at;              /* where it begins */
    uint32_t machine_seen, adapter_seen; /* 1 << word */
};

static const char unknown[] = "there is no such word here";
static const char bad_value[] = "it cannot have this value";

/* Each word once. */
static const char *see(uint32_t *seen, unsigned word)
{
    bool again = *seen >> word & 1;
    *seen |= 1u << word;
    return again ? "this word was there before" : NULL;
}

static const char *read_adapter_word(struct reader *reader, const char *key, const char *value)
{
    for (unsigned i = 0; i < array_length(adapter_words); i++)
        if (strcmp(key, adapter_words[i].name) == 0)
            return read_value(value, i, reader->adapter) ? see(&reader->adapter_seen, i)
                                                         : bad_value;
    return unknown;
}

static const char *read_machine_word(struct reader *reader, const char *key, const char *value)
{
    struct vid_plan *plan = reader->plan;
    bool is_name = strcmp(key, "name") == 0;
    if (!is_name && strcmp(key, "seed") != 0)
        return unknown;
    if (!(is_name ? read_name(value, plan->name, sizeof plan->name)
                  : read_number(value, UINT64_MAX, &plan->seed)))
        return bad_value;
    return see(&reader->machine_seen, is_name);
}

static const char *begin_adapter(struct reader *reader, const char *at)
{
    struct vid_plan *plan = reader->plan;
    if (plan->adapter_count == VID_ADAPTERS)
        return "there are too many adapters";
    reader->adapter = &plan->adapters[plan->adapter_count++];
    *reader->adapter = adapter_default;
    reader->adapter_at = at;
    reader->adapter_seen = 0;
    return NULL;
}

static const char *end_adapter(struct reader *reader)
{
    const struct vid_plan_adapter *adapter = reader->adapter;
    reader->adapter = NULL;
    return !adapter || adapter->segments[VID_LOCAL].size || adapter->segments[VID_NONLOCAL].size
               ? NULL
               : "an adapter has to have memory (local=SIZE, nonlocal=SIZE)";
}

/* The word `text` of `length` characters, which begins an adapter or says something. */
static const char *take_word(struct reader *reader, const char *text, size_t length)
{
    char word[sizeof reader->plan->adapters[0].icd + 8], *value;
    if (length >= sizeof word)
        return "it is too long";
    memcpy(word, text, length);
    word[length] = '\0';
    if (strcmp(word, "adapter") == 0)
        return begin_adapter(reader, text);
    value = strchr(word, '=');
    if (!value)
        return unknown;
    *value++ = '\0';
    return reader->adapter ? read_adapter_word(reader, word, value)
                           : read_machine_word(reader, word, value);
}

static bool is_blank(char character)
{
    return character && strchr(" \t\n;", character);
}

/* False, and what is wrong: `why`, in the text from `at` to `end` without the blanks behind. */
static bool refuse(struct vid_plan_wrong *ret_wrong, const char *at, const char *end,
                   const char *why)
{
    while (end > at && is_blank(end[-1]))
        end--;
    *ret_wrong = (struct vid_plan_wrong){at, (size_t)(end - at), why};
    return false;
}

bool vid_plan_parse(const char *text, struct vid_plan *ret_plan, struct vid_plan_wrong *ret_wrong)
{
    struct reader reader = {.plan = ret_plan};
    const char *why, *at = text;
    memset(ret_plan, 0, sizeof *ret_plan);
    memcpy(ret_plan->name, "default", 8);
    if (strlen(text) >= sizeof ret_plan->description)
        return refuse(ret_wrong, text, text + strlen(text), "it is too long");
    memcpy(ret_plan->description, text, strlen(text));
    while (*at) {
        size_t length = strcspn(at, " \t\n;");
        bool begins = length == 7 && memcmp(at, "adapter", 7) == 0;
        if ((begins || *at == ';') && (why = end_adapter(&reader)) != NULL)
            return refuse(ret_wrong, reader.adapter_at, at, why);
        if (length && (why = take_word(&reader, at, length)) != NULL)
            return refuse(ret_wrong, at, at + length, why);
        at += length ? length : 1;
    }
    if ((why = end_adapter(&reader)) != NULL)
        return refuse(ret_wrong, reader.adapter_at, at, why);
    if (!ret_plan->adapter_count)
        return refuse(ret_wrong, text, at, "an adapter is missing");
    return true;
}
