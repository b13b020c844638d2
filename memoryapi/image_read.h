/* What the image*.c files share: unaligned little-endian reads, and failing with a text. */
#pragma once

#include <stdint.h>
#include <string.h>
#include "memoryapi/image.h"

static inline uint16_t read16(const uint8_t *bytes)
{
    uint16_t value;
    memcpy(&value, bytes, sizeof value);
    return value;
}

static inline uint32_t read32(const uint8_t *bytes)
{
    uint32_t value;
    memcpy(&value, bytes, sizeof value);
    return value;
}

static inline uint64_t read64(const uint8_t *bytes)
{
    uint64_t value;
    memcpy(&value, bytes, sizeof value);
    return value;
}

/* Always false. */
bool image_fail(struct image_failure *failure, enum image_reason reason, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
