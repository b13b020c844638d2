/* Errors of the host become NTSTATUS here and nowhere else. */
#pragma once

#include <winmem/windef.h>

/* `error` is 0 or -errno. */
NTSTATUS status_from_errno(int error);
