/* Small things that stand alone. */
#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include "kernel32/face.h"

/* The secret of EncodePointer: one for the process, never 0, so that a clear pointer shows. */
static uint64_t cookie;
static pthread_once_t cookie_once = PTHREAD_ONCE_INIT;

static void make_cookie(void)
{
    if (getrandom(&cookie, sizeof cookie, 0) != (ssize_t)sizeof cookie) {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        cookie = (uint64_t)now.tv_nsec * 0x9E3779B97F4A7C15u;
    }
    cookie |= 1;
}

PVOID k32_EncodePointer(PVOID Ptr)
{
    pthread_once(&cookie_once, make_cookie);
    uint64_t value = (uint64_t)Ptr ^ cookie;
    unsigned turn = cookie & 63;
    return (PVOID)(turn ? value >> turn | value << (64 - turn) : value);
}

PVOID k32_DecodePointer(PVOID Ptr)
{
    pthread_once(&cookie_once, make_cookie);
    uint64_t value = (uint64_t)Ptr;
    unsigned turn = cookie & 63;
    return (PVOID)((turn ? value << turn | value >> (64 - turn) : value) ^ cookie);
}

/* nNumber * nNumerator / nDenominator, rounded half away from zero; -1 when it does not fit. */
INT k32_MulDiv(INT nNumber, INT nNumerator, INT nDenominator)
{
    if (!nDenominator)
        return -1;
    int64_t product = (int64_t)nNumber * nNumerator, divisor = nDenominator;
    if (divisor < 0) {
        product = -product;
        divisor = -divisor;
    }
    int64_t half = divisor / 2;
    int64_t result = (product < 0 ? product - half : product + half) / divisor;
    return result > INT32_MAX || result < INT32_MIN ? -1 : (INT)result;
}

BOOL k32_Beep(DWORD dwFreq, DWORD dwDuration)
{
    /* 37 to 32767 Hz (sdk-api utilapiset/Beep); nothing here can sound */
    return face_bool(dwFreq < 37 || dwFreq > 32767 ? STATUS_INVALID_PARAMETER
                                                   : STATUS_NOT_SUPPORTED);
}
