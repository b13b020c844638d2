/*
 * How much memory is installed: the memory devices in the tables of the firmware (SMBIOS
 * specification, structure type 17), where they may be read; else the memory blocks of the kernel.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "kernel32/face.h"
#include "memoryapi/pressure.h"
#include "memoryapi/textfile.h"

#define MIB            (1ull << 20)
#define GIB            (1ull << 30)
#define TABLES_MAXIMUM (1u << 20) /* bytes; real ones have a few thousand */
#define MEMORY_DEVICE  17
#define END_OF_TABLE   127

static uint32_t number_at(const uint8_t *bytes, unsigned size)
{
    uint32_t value = 0;
    for (unsigned i = 0; i < size; i++)
        value |= (uint32_t)bytes[i] << 8 * i;
    return value;
}

/* Bytes of one memory device; 0 when its socket is empty or the size is not known. */
static uint64_t device_size(const uint8_t *structure, unsigned length)
{
    if (length < 14)
        return 0;
    uint32_t size = number_at(structure + 12, 2);
    if (size == 0xFFFF)
        return 0;
    if (size == 0x7FFF) /* too large for 15 bits: the extended size, in MiB */
        return length < 32 ? 0 : (number_at(structure + 28, 4) & 0x7FFFFFFF) * MIB;
    return size & 0x8000 ? (size & 0x7FFF) * 1024ull : size * MIB;
}

/*
 * The sum of the memory devices; 0 when the tables are malformed: each structure is its formatted
 * part, then strings that two zero bytes end.
 */
static uint64_t sum_devices(const uint8_t *table, size_t size)
{
    uint64_t sum = 0;
    size_t at = 0;
    while (at + 4 <= size && table[at] != END_OF_TABLE) {
        unsigned length = table[at + 1];
        if (length < 4 || at + length + 2 > size)
            return 0;
        if (table[at] == MEMORY_DEVICE)
            sum += device_size(table + at, length);
        at += length;
        while (at + 2 <= size && (table[at] || table[at + 1]))
            at++;
        at += 2;
    }
    return at <= size ? sum : 0;
}

/* False: the tables are not to be read (there are none, or only root may). */
static bool read_tables(uint64_t *ret_sum)
{
    int file = text_open_file("/sys/firmware/dmi/tables/DMI", O_RDONLY);
    uint8_t *table = file < 0 ? NULL : malloc(TABLES_MAXIMUM);
    size_t size = 0;
    ssize_t got = 1;
    while (table && size < TABLES_MAXIMUM && got > 0) {
        got = read(file, table + size, TABLES_MAXIMUM - size);
        size += got > 0 ? (size_t)got : 0;
    }
    bool read_it = table && size && got >= 0;
    if (read_it)
        *ret_sum = sum_devices(table, size);
    free(table);
    if (file >= 0)
        close(file);
    return read_it;
}

/* In hexadecimal, without 0x. */
static uint64_t block_size(void)
{
    struct text_file text;
    if (text_open(&text, "/sys/devices/system/memory/block_size_bytes") != 0)
        return 0;
    char *line = text_line(&text);
    uint64_t size = line ? strtoull(line, NULL, 16) : 0;
    text_close(&text);
    return size;
}

/* The blocks of memory that the kernel found, what it keeps for itself included; 0: not told. */
static uint64_t sum_blocks(void)
{
    char path[TEXT_PATH];
    uint64_t blocks = 0;
    unsigned number;
    snprintf(path, sizeof path, "%s/sys/devices/system/memory", text_root);
    DIR *folder = opendir(path);
    if (!folder)
        return 0;
    for (struct dirent *entry; (entry = readdir(folder));)
        blocks += sscanf(entry->d_name, "memory%u", &number) == 1;
    closedir(folder);
    return blocks * block_size();
}

/* Where neither is told: the kernel keeps a few hundredths for itself of what is whole GiB. */
static uint64_t whole(uint64_t total)
{
    uint64_t unit = total > 4 * GIB ? GIB : 64 * MIB;
    return (total + unit - 1) / unit * unit;
}

BOOL k32_GetPhysicallyInstalledSystemMemory(PULONGLONG TotalMemoryInKilobytes)
{
    struct mm_memory memory;
    uint64_t installed;
    if (!TotalMemoryInKilobytes)
        return face_bool(STATUS_INVALID_PARAMETER);
    if (!pressure_read(&memory))
        return face_bool(STATUS_NOT_SUPPORTED);
    if (!read_tables(&installed) && (installed = sum_blocks()) == 0)
        installed = whole(memory.machine_total);
    if (installed < memory.machine_total) {
        last_error_set(ERROR_INVALID_DATA);
        return FALSE;
    }
    ULONGLONG kib = installed >> 10;
    return face_bool(face_give(TotalMemoryInKilobytes, &kib, sizeof kib) ? STATUS_SUCCESS
                                                                         : STATUS_ACCESS_VIOLATION);
}
