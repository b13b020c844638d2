/* What needs the privilege to raise quotas. */
#include "kernel32/face.h"

/* Flags that contradict each other are refused before the privilege is looked at. */
BOOL k32_SetSystemFileCacheSize(SIZE_T MinimumFileCacheSize, SIZE_T MaximumFileCacheSize,
                                DWORD Flags)
{
    const DWORD most = FILE_CACHE_MAX_HARD_ENABLE | FILE_CACHE_MAX_HARD_DISABLE;
    const DWORD least = FILE_CACHE_MIN_HARD_ENABLE | FILE_CACHE_MIN_HARD_DISABLE;
    if ((Flags & most) == most || (Flags & least) == least || (Flags & ~(most | least)))
        return face_bool(STATUS_INVALID_PARAMETER);
    return face_bool(STATUS_PRIVILEGE_NOT_HELD);
}
