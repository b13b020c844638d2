/* Environment variables that are not understood. */
#include "memoryapi/setting.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void setting_refuse(const char *name, const char *value, const char *allowed, atomic_flag *said)
{
    int kept = errno;
    if (!atomic_flag_test_and_set(said))
        dprintf(STDERR_FILENO, "winmem: %s='%.200s': counts as not set; allowed: %s\n", name, value,
                allowed);
    errno = kept;
}

void setting_refuse_part(const char *name, const char *part, const char *why, const char *allowed,
                         atomic_flag *said)
{
    int kept = errno;
    if (!atomic_flag_test_and_set(said))
        dprintf(STDERR_FILENO, "winmem: %s: '%.200s': %s; counts as not set; allowed: %s\n", name,
                part, why, allowed);
    errno = kept;
}

bool setting_size(const char *text, uint64_t *ret_bytes)
{
    static const char units[] = "KMGT";
    const char *unit;
    char *end;
    int kept = errno;
    errno = 0;
    uint64_t number = strtoull(text, &end, 10);
    bool fits = *text >= '0' && *text <= '9' && errno == 0;
    errno = kept;
    unsigned shift = 0;
    if (fits && *end && (unit = strchr(units, *end)) != NULL) {
        shift = 10 * (unsigned)(unit - units + 1);
        end++;
    }
    if (!fits || *end || number > UINT64_MAX >> shift)
        return false;
    *ret_bytes = number << shift;
    return true;
}

uint64_t setting_size_of(const char *name, uint64_t otherwise, atomic_flag *said)
{
    const char *text = getenv(name);
    uint64_t size;
    if (!text || !*text)
        return otherwise;
    if (setting_size(text, &size))
        return size;
    setting_refuse(name, text, "a number of bytes, or with K, M, G or T behind it", said);
    return otherwise;
}

bool setting_number(const char **text, uint64_t *ret_number)
{
    char *end;
    int kept = errno;
    if (**text < '0' || **text > '9') /* strtoull alone takes signs and blanks */
        return false;
    errno = 0;
    *ret_number = strtoull(*text, &end, 0);
    bool fits = errno == 0;
    errno = kept;
    *text = end;
    return fits;
}
