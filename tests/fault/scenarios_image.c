/* Mapping an image: its place, its bytes, the protections of its sections. */
#include <string.h>
#include "memoryapi/image.h"
#include "memoryapi/mm.h"
#include "tests/fault/scenario.h"

#define NT       0x40u
#define OPTIONAL (NT + 24)
#define SECTIONS (OPTIONAL + 240)
#define PAGES    3u /* headers, .text, .data */

static uint8_t file[0xC00];
static struct image image;
static uint64_t mapped; /* where, or 0 */

static void put(unsigned at, uint64_t value, unsigned width)
{
    memcpy(file + at, &value, width);
}

static void put_section(unsigned index, uint32_t rva, uint32_t raw, uint32_t flags)
{
    unsigned at = SECTIONS + index * 40;
    put(at + 8, 0x400, 4);
    put(at + 12, rva, 4);
    put(at + 16, 0x400, 4);
    put(at + 20, raw, 4);
    put(at + 36, flags, 4);
}

/* A program of two sections; with `page` as its base, and no relocations, it fits nowhere else. */
static void make_image(const struct step *step)
{
    struct image_failure failure;
    memset(file, 0, sizeof file);
    memcpy(file, "MZ", 2);
    put(60, NT, 4);
    memcpy(file + NT, "PE", 2);
    put(NT + 4, 0x8664, 2);
    put(NT + 6, 2, 2);
    put(NT + 20, 240, 2);
    put(NT + 22, IMAGE_FLAG_EXECUTABLE | (step->a ? 0 : IMAGE_FLAG_RELOCS_STRIPPED), 2);
    put(OPTIONAL, 0x20B, 2);
    put(OPTIONAL + 16, 0x1010, 4);
    put(OPTIONAL + 24, step_start(step), 8);
    put(OPTIONAL + 32, 0x1000, 4);
    put(OPTIONAL + 36, 0x200, 4);
    put(OPTIONAL + 56, PAGES * PAGE_SIZE, 4);
    put(OPTIONAL + 60, 0x400, 4);
    put(OPTIONAL + 68, 3, 2);
    put(OPTIONAL + 72, 0x100000, 8);
    put(OPTIONAL + 108, 16, 4);
    put_section(0, 0x1000, 0x400, 0x60000020);
    put_section(1, 0x2000, 0x800, 0xC0000040);
    memset(file + 0x400, 0xCC, 0x400);
    memset(file + 0x800, 0x77, 0x400);
    CHECK(image_parse(file, sizeof file, &image, &failure));
}

static NTSTATUS do_image_map(const struct step *step)
{
    struct image_failure failure;
    uint64_t base = 0;
    make_image(step);
    NTSTATUS status = image_map(&image, 0, &base, &failure);
    CHECK((status == STATUS_SUCCESS) == (base != 0));
    CHECK(!base || *(uint8_t *)(base + 0x1000) == 0xCC);
    if (base)
        mapped = base;
    return status;
}

static NTSTATUS do_image_unmap(const struct step *step)
{
    NTSTATUS status = image_unmap(mapped);
    (void)step;
    if (status == STATUS_SUCCESS)
        mapped = 0;
    return status;
}

/* The sections one after the other: a loader gives the image up when one of them fails. */
static NTSTATUS do_image_load(const struct step *step)
{
    NTSTATUS status = do_image_map(step);
    if (status == STATUS_SUCCESS)
        status = image_protect(&image, mapped);
    if (status != STATUS_SUCCESS && mapped) {
        CHECK(image_unmap(mapped) == STATUS_SUCCESS);
        mapped = 0;
    }
    return status;
}

static void unmap_image(void)
{
    if (mapped)
        CHECK(image_unmap(mapped) == STATUS_SUCCESS);
    mapped = 0;
}

const struct scenario image_scenarios[] = {
    {"map an image at its base",
     "",
     {{do_image_map, 16, 1, 0, 0, 0}, {do_image_unmap, 0, 0, 0, 0, 0}},
     unmap_image},
    {"load an image",
     "",
     {{do_image_load, 16, 1, 0, 0, 0},
      {do_query, 17, 1, MEM_COMMIT, PAGE_EXECUTE_READ, 0},
      {do_query, 18, 1, MEM_COMMIT, PAGE_WRITECOPY, 0},
      {do_image_unmap, 0, 0, 0, 0, 0}},
     unmap_image},
    {"an image whose place is taken",
     "",
     {RESERVE(16, 16), {do_image_map, 16, 1, 0, 0, STATUS_CONFLICTING_ADDRESSES}},
     unmap_image},
    {"free an image as if it were memory is refused",
     "",
     {{do_image_load, 16, 1, 0, 0, 0},
      {do_free, 16, 0, MEM_RELEASE, 0, STATUS_UNABLE_TO_FREE_VM},
      {do_free, 17, 1, MEM_DECOMMIT, 0, STATUS_UNABLE_TO_FREE_VM}},
     unmap_image},
    {0},
};
