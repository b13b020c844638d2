/* Allocations under the CPU: KMT-307 to KMT-316, 375, 376. */
#include "gpu_memory.h"

#define FLAG(name) D3DDDICB_LOCKFLAGS_##name

static NTSTATUS lock_old(D3DKMT_HANDLE allocation, UINT flags, const UINT *pages, UINT count,
                         void **ret_address)
{
    D3DKMT_LOCK data = {.hDevice = device,
                        .hAllocation = allocation,
                        .NumPages = count,
                        .pPages = pages,
                        .pData = (void *)0x1234,
                        .Flags.Value = flags};
    NTSTATUS status = D3DKMTLock(&data);
    *ret_address = data.pData;
    return status;
}

static NTSTATUS unlock_old(const D3DKMT_HANDLE *list, UINT count)
{
    D3DKMT_UNLOCK data = {.hDevice = device, .NumAllocations = count, .phAllocations = list};
    return D3DKMTUnlock(&data);
}

PROVE(307)
{
    D3DKMT_HANDLE a = make(MIB);
    char *at = lock(a);
    same("first byte", probe_write(at, PROBE_ONCE).code, 0);
    same("last byte", probe_write(at + MIB - 1, PROBE_ONCE).code, 0);
    for (UINT i = 0; i < MIB; i++)
        at[i] = (char)(i / 5);
    same("unlock", unlock(a), OK);
    at = lock(a);
    for (UINT i = 0; i < MIB; i++)
        if (at[i] != (char)(i / 5))
            same("each byte", at[i], (char)(i / 5));
    same("unlock", unlock(a), OK);
}

PROVE(308)
{
    D3DKMT_HANDLE a = make(MIB);
    fill(a, MIB, 1);
    same("make resident", resident(a), OK);
    ok("resident", holds(a, MIB, 1));
    fill(a, MIB, 2);
    same("evict", evict(a, 0), OK);
    ok("out", holds(a, MIB, 2));
    fill(a, MIB, 3);
    same("make resident", resident(a), OK);
    ok("back", holds(a, MIB, 3));
}

PROVE(309)
{
    D3DKMT_HANDLE a = make(MIB);
    char *first = lock(a);
    same("the same address", lock(a) == first, 1);
    same("and again", lock(a) == first, 1);
    same("unlock", unlock(a), OK);
    same("unlock", unlock(a), OK);
    same("still there", probe_write(first, PROBE_ONCE).code, 0);
    same("still no offer", offer(a, 1, 0), BAD);
    same("unlock", unlock(a), OK);
    same("one too many", unlock(a), BAD);
    same("an offer", offer(a, 1, 0), OK);
}

PROVE(310)
{
    D3DKMT_HANDLE a = make(MIB), b = make(MIB), list[] = {a, b};
    same("Unlock2", unlock(a), BAD);
    same("Unlock", unlock_old(list, 2), BAD);
    lock(a);
    same("one of the list", unlock_old(list, 2), BAD);
    same("the other is still locked", unlock(a), OK);
}

PROVE(311)
{
    D3DKMT_HANDLE a = make(MIB);
    for (UINT bit = 0; bit < 32; bit++) {
        D3DKMT_LOCK2 data = {
            .hDevice = device, .hAllocation = a, .Flags.Value = 1u << bit, .pData = &data};
        same("a flag", D3DKMTLock2(&data), BAD);
        same("nothing is written", data.pData == &data, 1);
    }
    same("no lock", unlock(a), BAD);
}

PROVE(312)
{
    D3DKMT_HANDLE a = make(MIB);
    const UINT wrong[] = {FLAG(ReadOnly) | FLAG(WriteOnly),
                          FLAG(IgnoreSync) | FLAG(AcquireAperture), FLAG(UseAlternateVA)};
    void *at;
    for (unsigned i = 0; i < COUNT_OF(wrong); i++) {
        same("together", lock_old(a, FLAG(LockEntire) | wrong[i], NULL, 0, &at), BAD);
        same("nothing is written", (ULONG64)at, 0x1234);
    }
    same("no lock", unlock(a), BAD);
    same("one of them", lock_old(a, FLAG(LockEntire) | FLAG(ReadOnly), NULL, 0, &at), OK);
    same("unlock", unlock_old(&a, 1), OK);
}

PROVE(313)
{
    D3DKMT_HANDLE a = make(MIB);
    const UINT pages[] = {7, 3, 20}, first[] = {0};
    char *whole, *at;
    void *address;
    same("all", lock_old(a, FLAG(LockEntire), NULL, 0, &address), OK);
    whole = address;
    same("a list", lock_old(a, 0, pages, 3, &address), OK);
    at = address;
    same("its first page", (ULONG64)(at - whole), 7 * PAGE);
    same("the first of all", lock_old(a, 0, first, 1, &address), OK);
    same("its address", (char *)address == whole, 1);
    same("a write", probe_write(at, PROBE_ONCE).code, 0);
}

PROVE(315)
{
    D3DKMT_HANDLE a = make(MIB);
    volatile char *at;
    same("make resident", resident(a), OK);
    at = lock(a);
    at[5] = 'a';
    same("evict", evict(a, 0), OK);
    same("out", place_of(a), NOWHERE);
    same("the address holds", probe_write(at, PROBE_ONCE).code, 0);
    same("the content, too", (UCHAR)at[5], 'a');
    at[6] = 'b';
    same("unlock", unlock(a), OK);
    same("make resident", resident(a), OK);
    at = lock(a);
    same("what was written while it was out", (UCHAR)at[6], 'b');
    same("unlock", unlock(a), OK);
}

PROVE(316)
{
    D3DKMT_HANDLE a = make(MIB);
    char *at = lock(a);
    same("write", probe_write(at, PROBE_ONCE).code, 0);
    same("destroy", destroy(a), OK);
    same("gone", probe_read(at, PROBE_ONCE).code, 0xC0000005); /* STATUS_ACCESS_VIOLATION */
    same("no lock", unlock(a), BAD);
}

PROVE(375)
{
    D3DKMT_HANDLE a = make(MIB);
    const struct {
        SIZE_T offset, length;
        NTSTATUS status;
    } ranges[] = {{0, MIB, OK},      {MIB - 1, 1, OK},  {0, 0, OK},      {0, MIB + 1, BAD},
                  {MIB - 1, 2, BAD}, {MIB + 1, 0, BAD}, {8, ~0ull, BAD}, {~0ull, ~0ull, BAD}};
    for (unsigned i = 0; i < COUNT_OF(ranges); i++) {
        D3DKMT_INVALIDATECACHE data = {device, a, ranges[i].offset, ranges[i].length};
        same("invalidate", D3DKMTInvalidateCache(&data), ranges[i].status);
    }
}

PROVE(376)
{
    D3DKMT_HANDLE a = make(MIB);
    const UINT end[] = {0, 256}, far_off[] = {0xFFFFFFFF}, last[] = {255};
    void *at;
    same("neither", lock_old(a, 0, NULL, 0, &at), BAD);
    same("behind the end", lock_old(a, 0, end, 2, &at), BAD);
    same("far behind", lock_old(a, 0, far_off, 1, &at), BAD);
    same("nothing is written", (ULONG64)at, 0x1234);
    same("no lock", unlock(a), BAD);
    same("the last page", lock_old(a, 0, last, 1, &at), OK);
}

const struct statement lock_statements[] = {S(307), S(308), S(309), S(310), S(311), S(312),
                                            S(313), S(315), S(316), S(375), S(376), END};
