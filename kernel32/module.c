/*
 * Start of the library in a host program: the fault door only. Everything else starts with its
 * first use.
 */
#include "memoryapi/fault.h"

__attribute__((constructor)) static void library_start(void)
{
    fault_init();
}
