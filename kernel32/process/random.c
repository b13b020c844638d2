/* Random bytes, all from the host kernel. */
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include "kernel32/face.h"

/* getrandom() gives at most 32 MiB - 1 a call and may be interrupted in long ones; before the pool
 * is ready it waits. */
static bool fill(void *buffer, uint64_t size)
{
    char *at = buffer;
    while (size > 0) {
        ssize_t got = getrandom(at, size < 0x1000000 ? size : 0x1000000, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return false;
        at += got;
        size -= (uint64_t)got;
    }
    return true;
}

BOOL bcrypt_ProcessPrng(PBYTE pbData, SIZE_T cbData)
{
    if (!fill(pbData, cbData))
        abort(); /* win32 SecCrypto ProcessPrng always succeeds: callers do not look; weak bytes
                    would be worse than an end */
    return TRUE;
}

BOOLEAN adv_SystemFunction036(PVOID RandomBuffer, ULONG RandomBufferLength)
{
    return fill(RandomBuffer, RandomBufferLength);
}

#define USE_SYSTEM_PREFERRED_RNG 2u
#define RNG_ALGORITHM            ((HANDLE)0x81) /* the pseudo handle BCRYPT_RNG_ALG_HANDLE */

NTSTATUS bcr_BCryptGenRandom(HANDLE hAlgorithm, PUCHAR pbBuffer, ULONG cbBuffer, ULONG dwFlags)
{
    if (hAlgorithm != RNG_ALGORITHM && (hAlgorithm || !(dwFlags & USE_SYSTEM_PREFERRED_RNG)))
        return STATUS_INVALID_HANDLE;
    if (!pbBuffer && cbBuffer)
        return STATUS_INVALID_PARAMETER;
    return fill(pbBuffer, cbBuffer) ? STATUS_SUCCESS : STATUS_UNSUCCESSFUL;
}
