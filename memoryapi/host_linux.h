/* The operations of the host contract (host.h) that have files of their own. For host_linux.c. */
#pragma once

#include "memoryapi/host.h"

/* host_lock.c */
int linux_lock(uint64_t address, uint64_t size);
int linux_unlock(uint64_t address, uint64_t size);
/* What is present is locked, nothing is made present. */
int linux_pin(uint64_t address, uint64_t size);
int linux_hint(uint64_t address, uint64_t size, enum host_hint hint);
/* host_pagemap.c */
int linux_resident(uint64_t *at, uint64_t end, uint64_t pages, struct host_stretch *ret,
                   unsigned room);
int linux_own_pages(uint64_t start, uint64_t end, uint64_t *ret_pages);
int linux_nodes(const uint64_t *pages, unsigned count, int *ret_nodes);
/* host_shared.c */
int linux_shared_map(int file, uint64_t offset, uint64_t size, unsigned access, uint64_t address,
                     uint64_t *ret_address);
int linux_shared_fill(int file, uint64_t offset, uint64_t size);
int linux_shared_drop(int file, uint64_t offset, uint64_t size);
