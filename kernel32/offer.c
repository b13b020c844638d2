/* Offer, reclaim and discard: the error code is the return value; the last error is left alone. */
#include "kernel32/face.h"
#include "memoryapi/mm.h"

DWORD k32_OfferVirtualMemory(PVOID VirtualAddress, SIZE_T Size, OFFER_PRIORITY Priority)
{
    return last_error_from_status(mm_offer((uint64_t)VirtualAddress, Size, (uint32_t)Priority));
}

DWORD k32_ReclaimVirtualMemory(LPCVOID VirtualAddress, SIZE_T Size)
{
    bool discarded = false;
    NTSTATUS status = mm_reclaim((uint64_t)VirtualAddress, Size, &discarded);
    return status == STATUS_SUCCESS && discarded ? ERROR_BUSY : last_error_from_status(status);
}

DWORD k32_DiscardVirtualMemory(PVOID VirtualAddress, SIZE_T Size)
{
    return last_error_from_status(mm_discard((uint64_t)VirtualAddress, Size));
}
