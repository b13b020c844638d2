/* Random bytes, all from the host kernel. */
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include "kernel32/face.h"
#include "memoryapi/mm.h"
#include "memoryapi/watch.h"

/* getrandom() gives at most 32 MiB - 1 a call and may be interrupted in long ones; before the pool
 * is ready it waits. */
static bool fill(void *buffer, uint64_t size)
{
    char *at = buffer;
    mm_will_write((uint64_t)buffer, size);
    while (size > 0) {
        mm_watch_expect(at, size);
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

/* One provider, which only gives random bytes: CryptAcquireContext with CRYPT_VERIFYCONTEXT. */
#define PROVIDER       1u
#define VERIFY_CONTEXT 0xF0000000u

BOOL adv_CryptAcquireContextW(PULONG_PTR phProv, LPCWSTR szContainer, LPCWSTR szProvider,
                              DWORD dwProvType, DWORD dwFlags)
{
    if (!phProv)
        return face_bool(STATUS_INVALID_PARAMETER);
    if (!(dwFlags & VERIFY_CONTEXT)) {
        last_error_set((DWORD)NTE_BAD_KEYSET);
        return FALSE;
    }
    *phProv = PROVIDER;
    return TRUE;
}

BOOL adv_CryptAcquireContextA(PULONG_PTR phProv, LPCSTR szContainer, LPCSTR szProvider,
                              DWORD dwProvType, DWORD dwFlags)
{
    return adv_CryptAcquireContextW(phProv, NULL, NULL, dwProvType, dwFlags);
}

BOOL adv_CryptGenRandom(ULONG_PTR hProv, DWORD dwLen, PBYTE pbBuffer)
{
    if (hProv != PROVIDER)
        return face_bool(STATUS_INVALID_HANDLE);
    return face_bool(fill(pbBuffer, dwLen) ? STATUS_SUCCESS : STATUS_UNSUCCESSFUL);
}

BOOL adv_CryptReleaseContext(ULONG_PTR hProv, DWORD dwFlags)
{
    return face_bool(hProv == PROVIDER ? STATUS_SUCCESS : STATUS_INVALID_HANDLE);
}

/* The machine is not set up to allow only FIPS algorithms. */
NTSTATUS bcr_BCryptGetFipsAlgorithmMode(PBOOLEAN pfEnabled)
{
    if (!pfEnabled)
        return STATUS_INVALID_PARAMETER;
    *pfEnabled = FALSE;
    return STATUS_SUCCESS;
}
