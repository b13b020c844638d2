/* Environment variables that are not understood. */
#include "memoryapi/setting.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

void setting_refuse(const char *name, const char *value, const char *allowed, atomic_flag *said)
{
    int kept = errno;
    if (!atomic_flag_test_and_set(said))
        dprintf(STDERR_FILENO, "winmem: %s='%.200s': counts as not set; allowed: %s\n", name, value,
                allowed);
    errno = kept;
}
