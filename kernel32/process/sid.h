/* Security identifiers, and the one user there is: S-1-5-21-1-1-1-1000, a plain user. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <winmem/windef.h>

#define SID_MAXIMUM_PARTS 15u /* SID_MAX_SUB_AUTHORITIES */

struct sid {
    uint8_t revision; /* 1 */
    uint8_t count;
    uint8_t authority[6]; /* big-endian */
    uint32_t parts[SID_MAXIMUM_PARTS];
};

static inline size_t sid_size(unsigned count)
{
    return offsetof(struct sid, parts) + count * sizeof(uint32_t);
}

extern const struct sid sid_user, sid_group, sid_everyone, sid_users, sid_integrity;
bool sid_is_valid(const struct sid *sid);
bool sid_equal(const struct sid *a, const struct sid *b);
