/* The rules of PAGE_* values, as tables. */
#include "memoryapi/prot.h"

#include "memoryapi/base.h"
#include "memoryapi/host.h"

struct protection {
    uint32_t value;
    unsigned access;
    bool private_memory; /* allowed on memory from VirtualAlloc */
};

static const struct protection protections[] = {
    {PAGE_NOACCESS, HOST_NONE, true},
    {PAGE_READONLY, HOST_READ, true},
    {PAGE_READWRITE, HOST_READ | HOST_WRITE, true},
    {PAGE_WRITECOPY, HOST_READ | HOST_WRITE, false},
    {PAGE_EXECUTE, HOST_READ | HOST_EXECUTE, true}, /* x86 cannot deny the read */
    {PAGE_EXECUTE_READ, HOST_READ | HOST_EXECUTE, true},
    {PAGE_EXECUTE_READWRITE, HOST_READ | HOST_WRITE | HOST_EXECUTE, true},
    {PAGE_EXECUTE_WRITECOPY, HOST_READ | HOST_WRITE | HOST_EXECUTE, false},
};

#define EXECUTE_BASES                                                                              \
    (PAGE_EXECUTE | PAGE_EXECUTE_READ | PAGE_EXECUTE_READWRITE | PAGE_EXECUTE_WRITECOPY)
#define MODIFIERS (PAGE_GUARD | PAGE_NOCACHE | PAGE_WRITECOMBINE | PAGE_TARGETS_INVALID)

static const struct protection *find(uint32_t base)
{
    for (unsigned i = 0; i < array_length(protections); i++)
        if (protections[i].value == base)
            return &protections[i];
    return NULL;
}

bool prot_is_valid(uint32_t protect, enum prot_use use, bool changing)
{
    const struct protection *base = find(protect & PAGE_BASE_MASK);
    uint32_t modifiers = protect & ~PAGE_BASE_MASK;

    /*
     * PAGE_TARGETS_INVALID and PAGE_TARGETS_NO_UPDATE are one bit, allowed with execution in both
     */
    (void)changing;
    if (!base || (modifiers & ~(uint32_t)MODIFIERS) ||
        (use == PROT_PRIVATE && !base->private_memory))
        return false;
    if ((modifiers & PAGE_TARGETS_INVALID) && !(base->value & EXECUTE_BASES))
        return false;
    modifiers &= ~(uint32_t)PAGE_TARGETS_INVALID;
    if (use == PROT_IMAGE && (modifiers & (PAGE_NOCACHE | PAGE_WRITECOMBINE)))
        return false;
    /* at most one of the three, and none without access */
    return (modifiers & (modifiers - 1)) == 0 && (modifiers == 0 || base->value != PAGE_NOACCESS);
}

unsigned prot_host_access(uint32_t protect)
{
    const struct protection *base = find(protect & PAGE_BASE_MASK);
    return !base || (protect & PAGE_GUARD) ? HOST_NONE : base->access;
}

bool prot_is_open(uint32_t protect)
{
    return (prot_host_access(protect) & HOST_READ_WRITE) == HOST_READ_WRITE;
}

uint32_t prot_shown(uint32_t protect)
{
    return protect & ~(uint32_t)PAGE_TARGETS_INVALID;
}

uint32_t prot_of_image(uint32_t protect)
{
    uint32_t base = protect & PAGE_BASE_MASK, modifiers = protect & ~PAGE_BASE_MASK;
    return base == PAGE_READWRITE           ? PAGE_WRITECOPY | modifiers
           : base == PAGE_EXECUTE_READWRITE ? PAGE_EXECUTE_WRITECOPY | modifiers
                                            : protect;
}
