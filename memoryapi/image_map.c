/* Putting an image into memory: its place, its bytes, the protections of its sections. */
#include "memoryapi/base.h"
#include "memoryapi/host.h"
#include "memoryapi/image_read.h"
#include "memoryapi/mm.h"

static NTSTATUS reserve(const struct image *image, uint64_t base, uint64_t *ret_base)
{
    struct mm_request request = {.base = base,
                                 .size = image->size,
                                 .type = MEM_RESERVE | MEM_COMMIT,
                                 .protect = PAGE_EXECUTE_WRITECOPY,
                                 .kind = MM_IMAGE};
    NTSTATUS status = mm_allocate(&request);
    if (status >= 0)
        *ret_base = request.base;
    return status;
}

/* Below this a few page faults cost less than the call. */
#define WORTH_A_CALL (16 * PAGE_SIZE)

/*
 * The pages are new, so what no section fills is zero already. They are made in one go where the
 * host can, not fault by fault.
 */
static void fill(const struct image *image, uint8_t *memory)
{
    memcpy(memory, image->bytes, image->headers);
    for (unsigned i = 0; i < image->section_count; i++) {
        const struct image_section *section = &image->sections[i];
        if (section->raw_size >= WORTH_A_CALL)
            host_prefault((uint64_t)memory + section->rva, round_up(section->raw_size, PAGE_SIZE));
        memcpy(memory + section->rva, image->bytes + section->raw_offset, section->raw_size);
    }
}

NTSTATUS image_map(const struct image *image, uint64_t wanted, uint64_t *ret_base,
                   struct image_failure *ret_failure)
{
    uint64_t base;
    NTSTATUS status = reserve(image, wanted ? wanted : image->base, &base);
    if (status < 0 && !(image->flags & IMAGE_FLAG_RELOCS_STRIPPED))
        status = reserve(image, 0, &base);
    if (status < 0) {
        image_fail(ret_failure, IMAGE_NOT_RELOCATABLE, "no room for 0x%x bytes%s (0x%08x)",
                   image->size,
                   image->flags & IMAGE_FLAG_RELOCS_STRIPPED
                       ? " at its base, and its relocations are stripped"
                       : "",
                   (unsigned)status);
        return status;
    }
    fill(image, (uint8_t *)base);
    if (base != image->base &&
        !image_relocate(image, (uint8_t *)base, base - image->base, ret_failure)) {
        image_unmap(base);
        return STATUS_INVALID_IMAGE_FORMAT;
    }
    /* OptionalHeader.ImageBase tells where the image is, not where it wanted to be */
    memcpy((uint8_t *)base + image->nt_offset + 24 + 24, &base, sizeof base);
    *ret_base = base;
    return STATUS_SUCCESS;
}

/* Windows shows a writable section that nobody wrote to as WRITECOPY. */
static uint32_t protection(uint32_t flags)
{
    static const uint32_t plain[] = {PAGE_NOACCESS, PAGE_READONLY, PAGE_WRITECOPY, PAGE_WRITECOPY};
    static const uint32_t code[] = {PAGE_EXECUTE, PAGE_EXECUTE_READ, PAGE_EXECUTE_WRITECOPY,
                                    PAGE_EXECUTE_WRITECOPY};
    unsigned access =
        (flags & IMAGE_SECTION_READ ? 1u : 0) | (flags & IMAGE_SECTION_WRITE ? 2u : 0);
    return flags & IMAGE_SECTION_EXECUTE ? code[access] : plain[access];
}

static NTSTATUS protect_range(uint64_t start, uint64_t length, uint32_t protect)
{
    uint32_t old;
    return mm_protect(&start, &length, protect, &old);
}

/* Between sections that are aligned to more than a page, and behind the last, is nothing. */
static NTSTATUS close_gap(uint64_t base, uint64_t start, uint64_t end)
{
    start = round_up(start, PAGE_SIZE);
    return start < end ? protect_range(base + start, end - start, PAGE_NOACCESS) : STATUS_SUCCESS;
}

NTSTATUS image_protect(const struct image *image, uint64_t base)
{
    NTSTATUS status = protect_range(base, image->headers, PAGE_READONLY);
    uint64_t used = image->headers;
    for (unsigned i = 0; i < image->section_count && status >= 0; i++) {
        const struct image_section *section = &image->sections[i];
        status = close_gap(base, used, section->rva);
        /* a section may be empty */
        if (status >= 0 && section->size)
            status = protect_range(base + section->rva, section->size, protection(section->flags));
        used = (uint64_t)section->rva + section->size;
    }
    return status < 0 ? status : close_gap(base, used, image->size);
}

NTSTATUS image_unmap(uint64_t base)
{
    uint64_t size = 0;
    return mm_free(&base, &size, MEM_RELEASE | MM_FREE_IMAGE);
}
