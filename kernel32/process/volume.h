/* What a file system of the host is, as volumes of Windows are described. */
#pragma once

#include <stdint.h>
#include <winmem/windef.h>

struct volume_facts {
    uint32_t serial;
    uint32_t flags;                  /* FILE_CASE_PRESERVED_NAMES... */
    uint32_t name_maximum;           /* of one name, in characters */
    uint32_t cluster;                /* bytes */
    uint64_t total, free, available; /* in clusters */
    uint64_t created;
};

/* Of the file system that holds the open file, or the path. */
NTSTATUS volume_facts_of_descriptor(int fd, struct volume_facts *ret_facts);
NTSTATUS volume_facts_of_path(const char *host, struct volume_facts *ret_facts);
