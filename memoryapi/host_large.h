/* The operation of host_ops that host_large.c gives to the table in host_linux.c. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

int linux_map_large(uint64_t address, uint64_t size, unsigned shift, unsigned access, uint32_t node,
                    bool mandatory);
