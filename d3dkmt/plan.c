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

static bool read_segment_word(const char *key, const char *value, struct vid_plan_segment *segment)
{
    if (strcmp(key, "") == 0)
        return setting_size(value, &segment->size) && segment->size <= 1ull << 46;
    if (strcmp(key, "-bandwidth") == 0)
        return setting_size(value, &segment->bandwidth) && segment->bandwidth;
    return strcmp(key, "-latency") == 0 && read_time(value, &segment->latency);
}

static bool read_adapter_word(const char *key, const char *value, struct vid_plan_adapter *adapter)
{
    if (strncmp(key, "local", 5) == 0)
        return read_segment_word(key + 5, value, &adapter->segments[VID_LOCAL]);
    if (strncmp(key, "nonlocal", 8) == 0)
        return read_segment_word(key + 8, value, &adapter->segments[VID_NONLOCAL]);
    if (strcmp(key, "name") == 0)
        return read_name(value, adapter->name, sizeof adapter->name);
    if (strcmp(key, "vendor") == 0)
        return read_small(value, &adapter->vendor);
    if (strcmp(key, "device") == 0)
        return read_small(value, &adapter->device);
    if (strcmp(key, "call") == 0)
        return read_time(value, &adapter->call_cost);
    if (strcmp(key, "work") == 0)
        return read_time(value, &adapter->work_cost);
    if (strcmp(key, "fail") == 0)
        return read_failure(value, adapter);
    if (strcmp(key, "icd") == 0)
        return read_path(value, adapter->icd, sizeof adapter->icd);
    if (strcmp(key, "software") == 0)
        return read_flag(value, &adapter->software);
    return strcmp(key, "poison") == 0 && read_flag(value, &adapter->poison);
}

static bool read_machine_word(const char *key, const char *value, struct vid_plan *plan)
{
    if (strcmp(key, "name") == 0)
        return read_name(value, plan->name, sizeof plan->name);
    return strcmp(key, "seed") == 0 && read_number(value, UINT64_MAX, &plan->seed);
}

/* One word into the plan; the word "adapter" begins one. */
static bool take_word(struct vid_plan *plan, bool *in_adapter, char *word)
{
    char *value = strchr(word, '=');
    if (strcmp(word, "adapter") == 0) {
        if (plan->adapter_count == VID_ADAPTERS)
            return false;
        plan->adapters[plan->adapter_count++] = adapter_default;
        *in_adapter = true;
        return true;
    }
    if (!value)
        return false;
    *value++ = '\0';
    return *in_adapter ? read_adapter_word(word, value, &plan->adapters[plan->adapter_count - 1])
                       : read_machine_word(word, value, plan);
}

static bool is_whole(const struct vid_plan *plan)
{
    for (uint32_t i = 0; i < plan->adapter_count; i++)
        if (!plan->adapters[i].segments[VID_LOCAL].size &&
            !plan->adapters[i].segments[VID_NONLOCAL].size)
            return false;
    return plan->adapter_count > 0;
}

bool vid_plan_parse(const char *text, struct vid_plan *ret_plan, const char **ret_wrong)
{
    bool in_adapter = false;
    memset(ret_plan, 0, sizeof *ret_plan);
    memcpy(ret_plan->name, "default", 8);
    *ret_wrong = text;
    if (strlen(text) >= sizeof ret_plan->description)
        return false;
    memcpy(ret_plan->description, text, strlen(text));
    while (*text) {
        char word[sizeof ret_plan->adapters[0].icd + 8];
        size_t length = strcspn(text, " \t\n;");
        *ret_wrong = text;
        if (length >= sizeof word)
            return false;
        memcpy(word, text, length);
        word[length] = '\0';
        if (length && !take_word(ret_plan, &in_adapter, word))
            return false;
        text += length;
        if (*text == ';')
            in_adapter = false;
        text += *text != '\0';
    }
    *ret_wrong = "an adapter with memory is missing";
    return is_whole(ret_plan);
}
