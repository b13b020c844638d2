/* Data execution prevention: always on in a 64-bit process, so that there is nothing to ask or
 * change. */
#include "kernel32/face.h"

BOOL k32_GetProcessDEPPolicy(HANDLE hProcess, LPDWORD lpFlags, PBOOL lpPermanent)
{
    return face_bool(STATUS_NOT_SUPPORTED);
}

BOOL k32_SetProcessDEPPolicy(DWORD dwFlags)
{
    return face_bool(STATUS_NOT_SUPPORTED);
}

/* What Windows answers on a client machine; it speaks of 32-bit processes. */
DEP_SYSTEM_POLICY_TYPE k32_GetSystemDEPPolicy(void)
{
    return DEPPolicyOptIn;
}
