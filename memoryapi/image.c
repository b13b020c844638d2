/*
 * The headers and sections of a PE32+ file: checked once, here, before anything else reads the
 * image.
 */
#include "memoryapi/image.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "memoryapi/base.h"
#include "memoryapi/image_read.h"

#define MACHINE_AMD64   0x8664
#define MACHINE_I386    0x014C
#define MAGIC_PE32      0x010B
#define MAGIC_PE32_PLUS 0x020B
#define OPTIONAL_FIXED  112 /* bytes of the PE32+ optional header before the directories */
#define SECTION_HEADER  40

bool image_fail(struct image_failure *failure, enum image_reason reason, const char *format, ...)
{
    va_list arguments;
    failure->reason = reason;
    va_start(arguments, format);
    vsnprintf(failure->text, sizeof failure->text, format, arguments);
    va_end(arguments);
    return false;
}

/* Finds the PE signature, or says what the file is instead. */
static bool find_signature(struct image *image, struct image_failure *failure)
{
    const uint8_t *bytes = image->bytes;
    if (image->length < 2 || bytes[0] != 'M' || bytes[1] != 'Z')
        return image_fail(failure, IMAGE_NOT_EXECUTABLE,
                          "not a Windows program: it does not begin with MZ");
    if (image->length < 64)
        return image_fail(failure, IMAGE_TOO_SHORT,
                          "the file ends inside the DOS header (%llu bytes)",
                          (unsigned long long)image->length);
    uint32_t at = read32(bytes + 60);
    if (at < 4 || (uint64_t)at + 4 > image->length)
        return image_fail(failure, IMAGE_DOS, "a DOS program: there is no Windows header at 0x%x",
                          at);
    const uint8_t *mark = bytes + at;
    if (mark[0] == 'L' && (mark[1] == 'E' || mark[1] == 'X'))
        return image_fail(failure, IMAGE_16BIT, "an OS/2 or VxD program (%c%c)", mark[0], mark[1]);
    if (mark[0] == 'N' && mark[1] == 'E')
        return image_fail(failure, IMAGE_16BIT, "a 16-bit Windows program (NE)");
    if (memcmp(mark, "PE\0\0", 4) != 0)
        return image_fail(failure, IMAGE_DOS, "a DOS program: there is no PE signature at 0x%x",
                          at);
    if ((uint64_t)at + 24 + 2 > image->length)
        return image_fail(failure, IMAGE_TOO_SHORT, "the file ends inside the PE header");
    image->nt_offset = at;
    return true;
}

static bool check_machine(struct image *image, struct image_failure *failure)
{
    const uint8_t *file = image->bytes + image->nt_offset + 4;
    unsigned machine = read16(file), magic = read16(file + 20);
    image->flags = read16(file + 18);
    if (machine == MACHINE_I386 || (machine == MACHINE_AMD64 && magic == MAGIC_PE32))
        return image_fail(failure, IMAGE_32BIT,
                          "a 32-bit program (PE32): only 64-bit x86 programs can run");
    if (machine != MACHINE_AMD64)
        return image_fail(failure, IMAGE_OTHER_MACHINE,
                          "a program for another processor%s (machine 0x%04x)",
                          machine == 0xAA64 ? ", ARM64" : "", machine);
    if (!(image->flags & IMAGE_FLAG_EXECUTABLE))
        return image_fail(failure, IMAGE_NOT_EXECUTABLE,
                          "not linked into a program (IMAGE_FILE_EXECUTABLE_IMAGE is not set)");
    unsigned size = read16(file + 16);
    if (size < OPTIONAL_FIXED || (uint64_t)image->nt_offset + 24 + size > image->length)
        return image_fail(failure, IMAGE_TOO_SHORT,
                          "the optional header has %u bytes, or the file ends inside it", size);
    if (magic != MAGIC_PE32_PLUS)
        return image_fail(failure, IMAGE_BAD_HEADER,
                          "the optional header's magic is 0x%04x, not PE32+ (0x020b)", magic);
    return true;
}

static bool check_sizes(struct image *image, const uint8_t *optional, struct image_failure *failure)
{
    uint32_t section_alignment = read32(optional + 32), file_alignment = read32(optional + 36),
             size = read32(optional + 56);
    image->entry = read32(optional + 16);
    image->base = read64(optional + 24);
    image->headers = read32(optional + 60);
    if (section_alignment < PAGE_SIZE || (section_alignment & (section_alignment - 1)))
        return image_fail(failure, IMAGE_BAD_HEADER,
                          "section alignment 0x%x is not a power of two of at least a page",
                          section_alignment);
    if (file_alignment == 0 || (file_alignment & (file_alignment - 1)) ||
        file_alignment > section_alignment)
        return image_fail(failure, IMAGE_BAD_HEADER,
                          "file alignment 0x%x is not a power of two up to the section alignment",
                          file_alignment);
    if (size == 0 || size > 0x7FFF0000u)
        return image_fail(failure, IMAGE_BAD_HEADER, "image size 0x%x", size);
    image->size = (uint32_t)round_up(size, PAGE_SIZE);
    if (image->base % ALLOCATION_GRANULARITY)
        return image_fail(failure, IMAGE_BAD_HEADER,
                          "image base 0x%llx is not a multiple of 64 KiB",
                          (unsigned long long)image->base);
    if (image->headers == 0 || image->headers > image->length || image->headers > image->size)
        return image_fail(failure, IMAGE_BAD_HEADER,
                          "headers of 0x%x bytes in a file of 0x%llx and an image of 0x%x",
                          image->headers, (unsigned long long)image->length, image->size);
    if (image->entry >= image->size)
        return image_fail(failure, IMAGE_BAD_HEADER,
                          "entry point 0x%x lies beyond the image (0x%x)", image->entry,
                          image->size);
    return true;
}

static bool check_subsystem(struct image *image, struct image_failure *failure)
{
    if (image->subsystem == 1)
        return image_fail(failure, IMAGE_DRIVER, "a driver or native program (subsystem 1)");
    if (image->subsystem != 2 && image->subsystem != 3)
        return image_fail(failure, IMAGE_OTHER_SUBSYSTEM,
                          "made for subsystem %u%s, not for Windows", image->subsystem,
                          image->subsystem >= 10 && image->subsystem <= 13 ? " (EFI)" : "");
    if (image->directories[IMAGE_CLR].rva)
        return image_fail(failure, IMAGE_DOTNET, "a .NET program: it needs the .NET runtime");
    return true;
}

static bool read_directories(struct image *image, const uint8_t *optional, unsigned room,
                             struct image_failure *failure)
{
    static const char *const names[] = {
        "export", "import",       "resource",       "exception", "security",    "relocation",
        "debug",  "architecture", "global pointer", "TLS",       "load config", "bound import",
        "IAT",    "delay import", ".NET",           "reserved"};
    uint32_t count = read32(optional + 108);
    if (count > IMAGE_DIRECTORIES)
        count = IMAGE_DIRECTORIES;
    if (count > (room - OPTIONAL_FIXED) / 8)
        return image_fail(failure, IMAGE_BAD_HEADER,
                          "%u data directories do not fit into the optional header (%u bytes)",
                          count, room);
    for (unsigned i = 0; i < count; i++) {
        uint32_t rva = read32(optional + OPTIONAL_FIXED + i * 8),
                 size = read32(optional + OPTIONAL_FIXED + i * 8 + 4);
        if (rva == 0 || i == IMAGE_SECURITY) /* certificates: an offset in the file, never loaded */
            continue;
        if ((uint64_t)rva + size > image->size)
            return image_fail(failure, IMAGE_BAD_DIRECTORY,
                              "%s directory 0x%x+0x%x ends beyond the image (0x%x)", names[i], rva,
                              size, image->size);
        image->directories[i].rva = rva;
        image->directories[i].size = size;
    }
    return true;
}

/*
 * Sections follow one another in memory without gaps, begin after the headers, end inside the
 * image.
 */
static bool read_section(struct image *image, unsigned index, const uint8_t *header,
                         uint32_t alignment, uint64_t *next, struct image_failure *failure)
{
    struct image_section *section = &image->sections[index];
    memcpy(section->name, header, 8);
    for (char *c = section->name; *c; c++)
        if (*c < ' ' || *c > '~')
            *c = '?'; /* it goes into messages */
    section->size = read32(header + 8);
    section->rva = read32(header + 12);
    section->raw_size = read32(header + 16);
    section->raw_offset = read32(header + 20);
    section->flags = read32(header + 36);
    if (section->size == 0)
        section->size = section->raw_size;
    if (section->rva != *next)
        return image_fail(
            failure, IMAGE_BAD_SECTION,
            "section %u (%s): begins at 0x%x, not at 0x%llx where the one before ends", index + 1,
            section->name, section->rva, (unsigned long long)*next);
    uint64_t end = round_up((uint64_t)section->rva + section->size, alignment);
    if ((uint64_t)section->rva + section->size > image->size)
        return image_fail(failure, IMAGE_BAD_SECTION,
                          "section %u (%s): 0x%x+0x%x ends beyond the image (0x%x)", index + 1,
                          section->name, section->rva, section->size, image->size);
    if (section->raw_offset == 0)
        section->raw_size = 0;
    if (section->raw_size && (uint64_t)section->raw_offset + section->raw_size > image->length)
        return image_fail(failure, IMAGE_BAD_SECTION,
                          "section %u (%s): raw data 0x%x+0x%x ends beyond the file (0x%llx bytes)",
                          index + 1, section->name, section->raw_offset, section->raw_size,
                          (unsigned long long)image->length);
    uint64_t room = round_up(section->size, PAGE_SIZE);
    if (section->raw_size > room)
        section->raw_size = (uint32_t)room;
    *next = end;
    return true;
}

static bool read_sections(struct image *image, struct image_failure *failure)
{
    const uint8_t *nt = image->bytes + image->nt_offset;
    unsigned count = read16(nt + 6);
    uint32_t alignment = read32(nt + 24 + 32);
    uint64_t table = (uint64_t)image->nt_offset + 24 + read16(nt + 20);
    if (count == 0 || count > IMAGE_MAX_SECTIONS)
        return image_fail(failure, IMAGE_BAD_SECTION, "%u sections, where 1 to %d are possible",
                          count, IMAGE_MAX_SECTIONS);
    if (table + (uint64_t)count * SECTION_HEADER > image->headers)
        return image_fail(failure, IMAGE_BAD_SECTION,
                          "%u section headers at 0x%llx end beyond the headers (0x%x)", count,
                          (unsigned long long)table, image->headers);
    uint64_t next = round_up(image->headers, alignment);
    for (unsigned i = 0; i < count; i++) {
        if (!read_section(image, i, image->bytes + table + (uint64_t)i * SECTION_HEADER, alignment,
                          &next, failure))
            return false;
        image->section_count = i + 1;
    }
    return true;
}

bool image_parse(const void *bytes, uint64_t length, struct image *ret_image,
                 struct image_failure *ret_failure)
{
    struct image *image = ret_image;
    memset(image, 0, sizeof *image);
    image->bytes = bytes;
    image->length = length;
    ret_failure->reason = IMAGE_OK;
    ret_failure->text[0] = 0;
    if (!find_signature(image, ret_failure) || !check_machine(image, ret_failure))
        return false;
    const uint8_t *optional = image->bytes + image->nt_offset + 24;
    image->subsystem = read16(optional + 68);
    image->dll_flags = read16(optional + 70);
    image->stack_reserve = read64(optional + 72);
    image->stack_commit = read64(optional + 80);
    return check_sizes(image, optional, ret_failure) &&
           read_directories(image, optional, read16(image->bytes + image->nt_offset + 20),
                            ret_failure) &&
           check_subsystem(image, ret_failure) && read_sections(image, ret_failure);
}

/* The bytes from `rva` to the end of the headers or of its section's raw data. */
static const uint8_t *span(const struct image *image, uint64_t rva, uint64_t *ret_size)
{
    if (rva < image->headers) {
        *ret_size = image->headers - rva;
        return image->bytes + rva;
    }
    for (unsigned i = 0; i < image->section_count; i++) {
        const struct image_section *section = &image->sections[i];
        if (rva < section->rva || rva - section->rva >= section->raw_size)
            continue;
        *ret_size = section->raw_size - (rva - section->rva);
        return image->bytes + section->raw_offset + (rva - section->rva);
    }
    return NULL;
}

const uint8_t *image_bytes(const struct image *image, uint64_t rva, uint64_t size)
{
    uint64_t available;
    const uint8_t *bytes = span(image, rva, &available);
    return bytes && size <= available ? bytes : NULL;
}

const char *image_string(const struct image *image, uint64_t rva)
{
    uint64_t available;
    const uint8_t *bytes = span(image, rva, &available);
    if (!bytes || !memchr(bytes, 0, available < 4096 ? available : 4096))
        return NULL;
    return (const char *)bytes;
}
