/* Processors: their numbers, masks, features and topology. */
#include "kernel32/process/processor.h"

#include <cpuid.h>
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "kernel32/face.h"
#include "memoryapi/host.h"
#include "memoryapi/object.h"

static unsigned host_numbers[64]; /* of our processors; constant after processors_read */
static unsigned count;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void processors_read(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        for (unsigned cpu = 0; cpu < CPU_SETSIZE && count < 64; cpu++)
            if (CPU_ISSET(cpu, &set))
                host_numbers[count++] = cpu;
    if (count == 0)
        count = 1; /* more than CPU_SETSIZE host CPUs: say one, host CPU 0 */
}

unsigned processor_count(void)
{
    pthread_once(&once, processors_read);
    return count;
}

uint64_t processor_mask(void)
{
    unsigned n = processor_count();
    return n == 64 ? ~0ull : (1ull << n) - 1;
}

bool processor_host_set(uint64_t mask, cpu_set_t *ret_set)
{
    if (mask == 0 || (mask & ~processor_mask()))
        return false;
    CPU_ZERO(ret_set);
    for (unsigned n = 0; n < 64; n++)
        if (mask >> n & 1)
            CPU_SET(host_numbers[n], ret_set);
    return true;
}

uint64_t processor_mask_of(const cpu_set_t *set)
{
    uint64_t mask = 0;
    for (unsigned n = 0; n < processor_count(); n++)
        if (CPU_ISSET(host_numbers[n], set))
            mask |= 1ull << n;
    return mask;
}

unsigned processor_current(void)
{
    int cpu = sched_getcpu();
    for (unsigned n = 0; n < processor_count(); n++)
        if ((int)host_numbers[n] == cpu)
            return n;
    return 0;
}

DWORD k32_GetCurrentProcessorNumber(void)
{
    return processor_current();
}

void k32_GetCurrentProcessorNumberEx(PPROCESSOR_NUMBER ProcNumber)
{
    *ProcNumber = (PROCESSOR_NUMBER){0, (BYTE)processor_current(), 0};
}

/* Group 0, or ALL_PROCESSOR_GROUPS. */
static bool is_our_group(WORD group)
{
    return group == 0 || group == 0xFFFF;
}

DWORD k32_GetActiveProcessorCount(WORD GroupNumber)
{
    if (is_our_group(GroupNumber))
        return processor_count();
    last_error_set(ERROR_INVALID_PARAMETER);
    return 0;
}

DWORD k32_GetMaximumProcessorCount(WORD GroupNumber)
{
    return k32_GetActiveProcessorCount(GroupNumber);
}

WORD k32_GetActiveProcessorGroupCount(void)
{
    return 1;
}

WORD k32_GetMaximumProcessorGroupCount(void)
{
    return 1;
}

BOOL k32_GetNumaHighestNodeNumber(PULONG HighestNodeNumber)
{
    *HighestNodeNumber = host_highest_node();
    return TRUE;
}

BOOL k32_GetNumaProcessorNode(UCHAR Processor, PUCHAR NodeNumber)
{
    *NodeNumber = Processor < processor_count() ? 0 : 0xFF;
    return Processor < processor_count() ? TRUE : face_bool(STATUS_INVALID_PARAMETER);
}

BOOL k32_GetNumaProcessorNodeEx(PPROCESSOR_NUMBER Processor, PUSHORT NodeNumber)
{
    bool known =
        Processor->Group == 0 && Processor->Number < processor_count() && !Processor->Reserved;
    *NodeNumber = known ? 0 : 0xFFFF;
    return known ? TRUE : face_bool(STATUS_INVALID_PARAMETER);
}

BOOL k32_GetNumaNodeProcessorMask(UCHAR Node, PULONGLONG ProcessorMask)
{
    if (Node != 0)
        return face_bool(STATUS_INVALID_PARAMETER);
    *ProcessorMask = processor_mask();
    return TRUE;
}

BOOL k32_GetNumaNodeProcessorMaskEx(USHORT Node, PGROUP_AFFINITY ProcessorMask)
{
    if (Node != 0)
        return face_bool(STATUS_INVALID_PARAMETER);
    *ProcessorMask = (GROUP_AFFINITY){.Mask = processor_mask()};
    return TRUE;
}

BOOL k32_GetProcessAffinityMask(HANDLE hProcess, PDWORD_PTR lpProcessAffinityMask,
                                PDWORD_PTR lpSystemAffinityMask)
{
    cpu_set_t set;
    NTSTATUS status = handle_is_current_process(hProcess, PROCESS_QUERY_LIMITED_INFORMATION);
    if (status != STATUS_SUCCESS)
        return face_bool(status);
    uint64_t system = processor_mask(), mask = system;
    /* The first thread's: SetProcessAffinityMask gives all threads the same, a thread's own mask is
     * not the process's. */
    if (sched_getaffinity(getpid(), sizeof set, &set) == 0 && processor_mask_of(&set))
        mask = processor_mask_of(&set);
    *lpProcessAffinityMask = mask;
    *lpSystemAffinityMask = system;
    return TRUE;
}

static bool bind_threads(const cpu_set_t *set)
{
    DIR *tasks = opendir("/proc/self/task");
    if (!tasks)
        return sched_setaffinity(0, sizeof *set, set) == 0;
    bool bound = true;
    for (struct dirent *entry; (entry = readdir(tasks)) != NULL;) {
        int id = atoi(entry->d_name);
        if (id > 0 && sched_setaffinity(id, sizeof *set, set) != 0 && errno != ESRCH)
            bound = false;
    }
    closedir(tasks);
    return bound;
}

BOOL k32_SetProcessAffinityMask(HANDLE hProcess, DWORD_PTR dwProcessAffinityMask)
{
    cpu_set_t set;
    NTSTATUS status = handle_is_current_process(hProcess, PROCESS_SET_INFORMATION);
    if (status == STATUS_SUCCESS && !processor_host_set(dwProcessAffinityMask, &set))
        status = STATUS_INVALID_PARAMETER;
    if (status == STATUS_SUCCESS && !bind_threads(&set))
        status = STATUS_ACCESS_DENIED;
    return face_bool(status);
}

BOOL k32_GetProcessGroupAffinity(HANDLE hProcess, PUSHORT GroupCount, PUSHORT GroupArray)
{
    NTSTATUS status = handle_is_current_process(hProcess, PROCESS_QUERY_LIMITED_INFORMATION);
    if (status != STATUS_SUCCESS)
        return face_bool(status);
    USHORT room = *GroupCount;
    *GroupCount = 1;
    if (room < 1) {
        last_error_set(ERROR_INSUFFICIENT_BUFFER);
        return FALSE;
    }
    GroupArray[0] = 0;
    return TRUE;
}

static bool cpuid_bit(unsigned leaf, unsigned word, unsigned bit)
{
    unsigned r[4];
    if (!__get_cpuid_count(leaf, 0, &r[0], &r[1], &r[2], &r[3]))
        return false;
    return r[word] >> bit & 1;
}

/* PF_* of winnt.h that can be on with x86-64, and the CPUID bit of each: leaf, word (0 EAX to 3
 * EDX), bit. */
static const struct {
    uint8_t feature, word, bit;
    unsigned leaf;
} cpuid_features[] = {
    {2, 3, 8, 1},            /* COMPARE_EXCHANGE_DOUBLE */
    {3, 3, 23, 1},           /* MMX */
    {6, 3, 25, 1},           /* XMMI: SSE */
    {8, 3, 4, 1},            /* RDTSC */
    {9, 3, 6, 1},            /* PAE */
    {10, 3, 26, 1},          /* XMMI64: SSE2 */
    {12, 3, 20, 0x80000001}, /* NX */
    {13, 2, 0, 1},           /* SSE3 */
    {14, 2, 13, 1},          /* COMPARE_EXCHANGE128 */
    {17, 2, 27, 1},          /* XSAVE: enabled by the system */
    {22, 1, 0, 7},           /* RDWRFSGSBASE */
    {28, 2, 30, 1},          /* RDRAND */
    {32, 3, 27, 0x80000001}, /* RDTSCP */
    {33, 2, 22, 7},          /* RDPID */
    {35, 2, 29, 0x80000001}, /* MONITORX */
    {36, 2, 9, 1},           /* SSSE3 */
    {37, 2, 19, 1},          /* SSE4.1 */
    {38, 2, 20, 1},          /* SSE4.2 */
    {42, 1, 9, 7},           /* ERMS */
};

BOOL k32_IsProcessorFeaturePresent(DWORD ProcessorFeature)
{
    switch (ProcessorFeature) {
    case 11: /* SSE_DAZ_MODE: every x86-64 processor has it */
    case 23: /* FASTFAIL: int 29h ends the process */
        return TRUE;
    case 39: /* AVX and its followers also need the system to save their registers: the compiler's
                run time looks */
        return __builtin_cpu_supports("avx") != 0;
    case 40:
        return __builtin_cpu_supports("avx2") != 0;
    case 41:
        return __builtin_cpu_supports("avx512f") != 0;
    default:
        for (unsigned i = 0; i < array_length(cpuid_features); i++)
            if (cpuid_features[i].feature == ProcessorFeature)
                return cpuid_bit(cpuid_features[i].leaf, cpuid_features[i].word,
                                 cpuid_features[i].bit);
        return FALSE;
    }
}
