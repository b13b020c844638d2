/*
 * What the exported calls cost a program: offer and reclaim of resident allocations in lists of 1000,
 * with and without contents that the CPU has written. And what a million allocations need beyond
 * their contents: memory of the process, and blocks of the machine's file.
 */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <winmem/d3dkmthk.h>
#include <winmem/gpu.h>
#include "bench_kit.h"

#define LIST   1000u
#define ROUNDS 51u
#define LIMIT  200.0 /* nanoseconds each */
#define MANY   1000000u
#define BYTES  200.0 /* of one allocation */

static D3DKMT_HANDLE device, queue, list[LIST];
static char folder[] = "/tmp/winmem-bench-XXXXXX";

static void must(NTSTATUS status, const char *what)
{
    if (status >= 0)
        return;
    fprintf(stderr, "%s: 0x%08x\n", what, (unsigned)status);
    exit(1);
}

static void set_up(void)
{
    D3DKMT_ADAPTERINFO adapters[16];
    D3DKMT_ENUMADAPTERS2 all = {.NumAdapters = 16, .pAdapters = adapters};
    D3DKMT_CREATEDEVICE make = {0};
    D3DKMT_CREATEPAGINGQUEUE paging = {0};
    must(D3DKMTEnumAdapters2(&all), "EnumAdapters2");
    make.hAdapter = adapters[0].hAdapter;
    must(D3DKMTCreateDevice(&make), "CreateDevice");
    device = paging.hDevice = make.hDevice;
    must(D3DKMTCreatePagingQueue(&paging), "CreatePagingQueue");
    queue = paging.hPagingQueue;
}

static void make_list(void)
{
    struct winmem_gpu_allocation wanted = {64 * KIB, WINMEM_GPU_LOCAL, 0};
    D3DDDI_MAKERESIDENT resident = {
        .hPagingQueue = queue, .NumAllocations = LIST, .AllocationList = list};
    for (unsigned i = 0; i < LIST; i++) {
        D3DDDI_ALLOCATIONINFO2 info = {.pPrivateDriverData = &wanted,
                                       .PrivateDriverDataSize = sizeof wanted};
        D3DKMT_CREATEALLOCATION create = {
            .hDevice = device, .NumAllocations = 1, .pAllocationInfo2 = &info};
        must(D3DKMTCreateAllocation2(&create), "CreateAllocation2");
        list[i] = info.hAllocation;
    }
    must(D3DKMTMakeResident(&resident), "MakeResident");
}

static void write_all(void)
{
    for (unsigned i = 0; i < LIST; i++) {
        D3DKMT_LOCK2 lock = {.hDevice = device, .hAllocation = list[i]};
        const D3DKMT_UNLOCK2 unlock = {device, list[i]};
        must(D3DKMTLock2(&lock), "Lock2");
        memset(lock.pData, 1, 64 * KIB);
        must(D3DKMTUnlock2(&unlock), "Unlock2");
    }
}

static double offer_and_reclaim(void)
{
    double times[ROUNDS];
    for (unsigned round = 0; round < ROUNDS; round++) {
        static D3DDDI_RECLAIM_RESULT results[LIST];
        const D3DKMT_OFFERALLOCATIONS offer = {.hDevice = device,
                                               .HandleList = list,
                                               .NumAllocations = LIST,
                                               .Priority = D3DKMT_OFFER_PRIORITY_NORMAL};
        D3DKMT_RECLAIMALLOCATIONS2 reclaim = {
            .hPagingQueue = queue, .NumAllocations = LIST, .HandleList = list, .pResults = results};
        double start = now();
        must(D3DKMTOfferAllocations(&offer), "OfferAllocations");
        must(D3DKMTReclaimAllocations2(&reclaim), "ReclaimAllocations2");
        times[round] = (now() - start) / LIST;
        for (unsigned i = 0; i < LIST; i++)
            if (results[i] != D3DDDI_RECLAIM_RESULT_OK)
                exit(1);
    }
    return median(times, ROUNDS);
}

/* Bytes: anonymous memory of the process, and what is behind the file. */
static uint64_t in_use(void)
{
    char text[256];
    unsigned long kib = 0;
    struct stat machine;
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(text, sizeof text, status) && sscanf(text, "RssAnon: %lu", &kib) != 1)
        ;
    if (status)
        fclose(status);
    snprintf(text, sizeof text, "%s/gpu-default", folder);
    if (!kib || stat(text, &machine) != 0)
        exit(1);
    return kib * KIB + (uint64_t)machine.st_blocks * 512;
}

static void make_many(void)
{
    static D3DDDI_ALLOCATIONINFO2 infos[LIST];
    struct winmem_gpu_allocation wanted = {4 * KIB, WINMEM_GPU_LOCAL, 0};
    uint64_t before = in_use();
    double each;
    for (unsigned made = 0; made < MANY; made += LIST) {
        D3DKMT_CREATEALLOCATION create = {
            .hDevice = device, .NumAllocations = LIST, .pAllocationInfo2 = infos};
        memset(infos, 0, sizeof infos);
        for (unsigned i = 0; i < LIST; i++) {
            infos[i].pPrivateDriverData = &wanted;
            infos[i].PrivateDriverDataSize = sizeof wanted;
        }
        must(D3DKMTCreateAllocation2(&create), "CreateAllocation2");
    }
    each = (double)(in_use() - before) / MANY;
    printf("bytes of an allocation beyond its contents, of %u: %.1f (less than %.0f)%s\n", MANY,
           each, BYTES, each < BYTES ? "" : " ABOVE");
}

/* A machine of its own, so that nobody else's allocations count. */
static void make_machine(void)
{
    if (!mkdtemp(folder) || setenv("WINMEM_GPU_DIR", folder, 1) != 0 ||
        setenv("WINMEM_GPU", "adapter local=64G nonlocal=64G", 1) != 0)
        exit(1);
}

/* With what is left beside the machine. */
static void remove_machine(void)
{
    const D3DKMT_DESTROYDEVICE destroy = {device};
    char path[64];
    must(D3DKMTDestroyDevice(&destroy), "DestroyDevice");
    snprintf(path, sizeof path, "%s/gpu-default", folder);
    unlink(path);
    snprintf(path, sizeof path, "%s/gpu-default.lock", folder);
    unlink(path);
    rmdir(folder);
}

int main(void)
{
    make_machine();
    set_up();
    make_many();
    make_list();
    line("offer and reclaim by the exported calls, each of a list of 1000", offer_and_reclaim(),
         LIMIT, 1);
    write_all();
    line("the same with contents that were written", offer_and_reclaim(), LIMIT, 1);
    remove_machine();
    return 0;
}
