/*
 * MEM_EXTENDED_PARAMETER arrays: what VirtualAlloc2 and its kin are told beyond address and size.
 * Sources: sdk-api winnt/MEM_EXTENDED_PARAMETER, winnt/MEM_ADDRESS_REQUIREMENTS.
 */
#pragma once

#include <stdint.h>
#include <winmem/windef.h>
#include "memoryapi/mm.h"

/* Set in the value of MemExtendedParameterNumaNode: fail rather than take another node's memory. */
#define EXTENDED_NODE_MANDATORY (1ull << 63)

/*
 * Reads `count` parameters, which the caller's memory holds, into the request; base, size and type
 * of the request are set already. The request counts only on success. Must not be called with a
 * lock held.
 */
NTSTATUS extended_read(const MEM_EXTENDED_PARAMETER *parameters, uint32_t count,
                       struct mm_request *request);
