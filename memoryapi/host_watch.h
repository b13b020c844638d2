/* The write-watch operations of the host contract; host_linux.c puts them in the table. */
#pragma once

#include "memoryapi/host.h"

int linux_watch_begin(uint64_t address, uint64_t size);
int linux_watch_end(uint64_t address, uint64_t size);
int linux_watch_collect(struct host_collect *collect);
int linux_watch_mark(uint64_t address, uint64_t size);
