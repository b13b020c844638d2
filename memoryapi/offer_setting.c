/* The environment variables of offered and reset memory. */
#include "memoryapi/offer_setting.h"

#include <stdlib.h>
#include <string.h>
#include "memoryapi/base.h"
#include "memoryapi/setting.h"

#define HIGHEST_PRIORITY 4u /* VmOfferPriorityNormal */

enum return_mode offer_return_mode(enum return_mode unset)
{
    static const char name[] = "WINMEM_RETURN";
    static const char *const words[] = {
        [RETURN_LAZY] = "lazy", [RETURN_NOW] = "now", [RETURN_KEEP] = "keep"};
    static atomic_flag said = ATOMIC_FLAG_INIT;
    const char *text = getenv(name);

    if (!text || !*text)
        return unset;
    for (unsigned i = 0; i < array_length(words); i++)
        if (strcmp(text, words[i]) == 0)
            return (enum return_mode)i;
    setting_refuse(name, text, "lazy, now, keep", &said);
    return unset;
}

uint64_t offer_budget(void)
{
    static const char name[] = "WINMEM_OFFER_BUDGET";
    static atomic_flag said = ATOMIC_FLAG_INIT;
    return setting_size_of(name, UINT64_MAX, &said);
}

bool offer_shortage_is_pretended(void)
{
    const char *text = getenv("WINMEM_AVAILABLE");
    return text && *text && *text != '@';
}

/* The whole text is one number, at most `highest`. */
static bool read_whole(const char *text, uint64_t highest, uint64_t *ret_value)
{
    return setting_number(&text, ret_value) && !*text && *ret_value <= highest;
}

struct discard_policy offer_discard_policy(void)
{
    static const char name[] = "WINMEM_OFFER_DISCARD";
    static atomic_flag said = ATOMIC_FLAG_INIT;
    struct discard_policy policy = {DISCARD_NONE, 0};
    const char *text = getenv(name);
    if (!text || !*text || strcmp(text, "none") == 0)
        return policy;
    if (strcmp(text, "all") == 0)
        policy.kind = DISCARD_ALL;
    else if (strncmp(text, "<=", 2) == 0 && read_whole(text + 2, HIGHEST_PRIORITY, &policy.value))
        policy.kind = DISCARD_UP_TO;
    else if (strncmp(text, "seed:", 5) == 0 && read_whole(text + 5, UINT64_MAX, &policy.value))
        policy.kind = DISCARD_SEED;
    else
        setting_refuse(name, text, "none, all, <=N (a priority, 1 to 4), seed:NUMBER", &said);
    return policy;
}

/* Of each page, by the number of its offer and its place in it, so that a run repeats. */
static bool seed_says(uint64_t seed, uint64_t age, uint64_t page)
{
    return mix64(seed * 0x9E3779B97F4A7C15ull + age * 0xC2B2AE3D27D4EB4Full + page) & 1;
}

bool discard_says(const struct discard_policy *policy, uint32_t priority, uint64_t age,
                  uint64_t page)
{
    switch (policy->kind) {
    case DISCARD_ALL:
        return true;
    case DISCARD_UP_TO:
        return priority <= policy->value;
    case DISCARD_SEED:
        return seed_says(policy->value, age, page);
    default:
        return false;
    }
}

/* A mistake is told at the start, not at the first offer, which may be hours away. */
__attribute__((constructor)) static void check_settings(void)
{
    offer_return_mode(RETURN_LAZY);
    offer_budget();
    offer_discard_policy();
}
