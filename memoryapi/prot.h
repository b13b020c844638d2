/*
 * PAGE_* values: which are allowed where, and what the host gives for them. Source: win32
 * Memory/memory-protection-constants.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <winmem/windef.h>

#define PAGE_BASE_MASK 0xFFu

/* What kind of memory a protection is for. */
enum prot_use { PROT_PRIVATE, PROT_IMAGE };

/*
 * One base protection, allowed modifiers, allowed for this memory. `changing`: for VirtualProtect,
 * else for an allocation.
 */
bool prot_is_valid(uint32_t protect, enum prot_use use, bool changing);
/* The modifiers that only memory has which was allocated with them. */
#define PROT_CACHE_BITS (PAGE_NOCACHE | PAGE_WRITECOMBINE)
/* enum host_access bits. A guard page has none. */
unsigned prot_host_access(uint32_t protect);
/* Whether the host lets such a page be read and written. */
bool prot_is_open(uint32_t protect);
/* The value that queries show: without the bits that only steer control-flow guard. */
uint32_t prot_shown(uint32_t protect);
/*
 * What is kept and shown of a protection asked for pages of an image: those that may be written are
 * copied first, so that the file stays as it is, and say so.
 */
uint32_t prot_of_image(uint32_t protect);
