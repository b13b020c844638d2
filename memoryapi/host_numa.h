/* The operation of host_ops that host_numa.c gives to the table in host_linux.c. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

int linux_prefer_node(uint64_t address, uint64_t size, uint32_t node, bool mandatory);
