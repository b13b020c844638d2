/* The PE32+ parser on files made byte by byte, whole and damaged, and the mapping of one. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include "memoryapi/image.h"
#include "memoryapi/mm.h"
#include "tests/sanitized.h"
#include "tests/unit/suite.h"

#define BASE     0x140000000ull
#define NT       0x80
#define OPTIONAL (NT + 24)
#define SECTIONS (OPTIONAL + 240)
#define LENGTH   0xC00

static uint8_t file[LENGTH];

static void put(unsigned at, uint64_t value, unsigned width)
{
    memcpy(file + at, &value, width);
}

static void section(unsigned index, const char *name, uint32_t rva, uint32_t raw, uint32_t flags)
{
    unsigned at = SECTIONS + index * 40;
    memcpy(file + at, name, strlen(name));
    put(at + 8, 0x400, 4);
    put(at + 12, rva, 4);
    put(at + 16, 0x400, 4);
    put(at + 20, raw, 4);
    put(at + 36, flags, 4);
}

static void directory(unsigned index, uint32_t rva, uint32_t size)
{
    put(OPTIONAL + 112 + index * 8, rva, 4);
    put(OPTIONAL + 112 + index * 8 + 4, size, 4);
}

/*
 * .text at 0x1000 (file 0x400), .data at 0x2000 (file 0x800): imports at 0x2000, exports at 0x2100,
 * relocations at 0x2300.
 */
static void make(void)
{
    memset(file, 0, sizeof file);
    memcpy(file, "MZ", 2);
    put(60, NT, 4);
    memcpy(file + NT, "PE", 2);
    put(NT + 4, 0x8664, 2);
    put(NT + 6, 2, 2);
    put(NT + 20, 240, 2);
    put(NT + 22, 0x22, 2);
    put(OPTIONAL, 0x20B, 2);
    put(OPTIONAL + 16, 0x1010, 4);
    put(OPTIONAL + 24, BASE, 8);
    put(OPTIONAL + 32, 0x1000, 4);
    put(OPTIONAL + 36, 0x200, 4);
    put(OPTIONAL + 56, 0x3000, 4);
    put(OPTIONAL + 60, 0x400, 4);
    put(OPTIONAL + 68, 3, 2);
    put(OPTIONAL + 72, 0x100000, 8);
    put(OPTIONAL + 108, 16, 4);
    section(0, ".text", 0x1000, 0x400, 0x60000020);
    section(1, ".data", 0x2000, 0x800, 0xC0000040);
    directory(IMAGE_IMPORT, 0x2000, 40);
    put(0x800, 0x2040, 4), put(0x80C, 0x2060, 4), put(0x810, 0x2080, 4);
    put(0x840, 0x2070, 8), put(0x848, (1ull << 63) | 7, 8);
    memcpy(file + 0x860, "some.dll", 8);
    memcpy(file + 0x872, "Thing", 5);
    directory(IMAGE_EXPORT, 0x2100, 0x100);
    put(0x910, 5, 4), put(0x914, 3, 4), put(0x918, 2, 4); /* ordinals 5 to 7, two of them named */
    put(0x91C, 0x2140, 4), put(0x920, 0x2150, 4), put(0x924, 0x2160, 4);
    put(0x940, 0x1020, 4), put(0x944, 0x2180, 4), put(0x948, 0x1040, 4);
    put(0x950, 0x2170, 4), put(0x954, 0x2178, 4);
    put(0x960, 2, 2), put(0x962, 1, 2);
    memcpy(file + 0x970, "alpha", 5), memcpy(file + 0x978, "beta", 4);
    memcpy(file + 0x980, "other.Beta", 10);
    directory(IMAGE_RELOCATION, 0x2300, 12);
    put(0xB00, 0x2000, 4), put(0xB04, 12, 4), put(0xB08, 0xA000 | 0x200, 2);
    put(0xA00, BASE + 0x1234, 8);
}

static struct image image;
static struct image_failure failure;

static enum image_reason reason(void)
{
    return image_parse(file, sizeof file, &image, &failure) ? IMAGE_OK : failure.reason;
}

START_TEST(a_whole_file)
{
    make();
    ck_assert_int_eq(reason(), IMAGE_OK);
    ck_assert_uint_eq(image.base, BASE);
    ck_assert_uint_eq(image.size, 0x3000);
    ck_assert_uint_eq(image.section_count, 2);
    ck_assert_ptr_eq(image_bytes(&image, 0x1010, 4), file + 0x410);
    ck_assert_ptr_eq(image_bytes(&image, 0x13FD, 4), NULL);
    ck_assert_ptr_eq(image_bytes(&image, 0x2000, ~0ull), NULL);
    ck_assert_ptr_eq(image_bytes(&image, ~0ull, 2), NULL);
}
END_TEST

static const struct {
    unsigned at;
    uint64_t value;
    unsigned width;
    enum image_reason reason;
} damage[] = {
    {0, 0x5A5A, 2, IMAGE_NOT_EXECUTABLE},
    {60, LENGTH - 2, 4, IMAGE_DOS},
    {60, 0xFFFFFFFF, 4, IMAGE_DOS},
    {60, LENGTH - 4, 4, IMAGE_DOS},
    {NT, 'N' | 'E' << 8, 2, IMAGE_16BIT},
    {NT, 'L' | 'X' << 8, 2, IMAGE_16BIT},
    {NT + 4, 0x14C, 2, IMAGE_32BIT},
    {NT + 4, 0xAA64, 2, IMAGE_OTHER_MACHINE},
    {NT + 6, 0, 2, IMAGE_BAD_SECTION},
    {NT + 6, 97, 2, IMAGE_BAD_SECTION},
    {NT + 20, 100, 2, IMAGE_TOO_SHORT},
    {NT + 20, 120, 2, IMAGE_BAD_HEADER},
    {NT + 22, 0, 2, IMAGE_NOT_EXECUTABLE},
    {OPTIONAL, 0x10B, 2, IMAGE_32BIT},
    {OPTIONAL, 0x107, 2, IMAGE_BAD_HEADER},
    {OPTIONAL + 16, 0x3000, 4, IMAGE_BAD_HEADER},
    {OPTIONAL + 24, BASE + 0x1000, 8, IMAGE_BAD_HEADER},
    {OPTIONAL + 32, 0x1800, 4, IMAGE_BAD_HEADER},
    {OPTIONAL + 36, 0, 4, IMAGE_BAD_HEADER},
    {OPTIONAL + 56, 0x2000, 4, IMAGE_BAD_DIRECTORY},
    {OPTIONAL + 56, 0xFFFFFFFF, 4, IMAGE_BAD_HEADER},
    {OPTIONAL + 60, 0x1000, 4, IMAGE_BAD_HEADER},
    {OPTIONAL + 68, 1, 2, IMAGE_DRIVER},
    {OPTIONAL + 68, 10, 2, IMAGE_OTHER_SUBSYSTEM},
    {OPTIONAL + 112 + 14 * 8, 0x2000, 4, IMAGE_DOTNET},
    {OPTIONAL + 112 + 8, 0xFFFFFFFF, 4, IMAGE_BAD_DIRECTORY},
    {SECTIONS + 12, 0x2000, 4, IMAGE_BAD_SECTION},
    {SECTIONS + 48, 0x1001, 4, IMAGE_BAD_SECTION},
    {SECTIONS + 52, 0x3000, 4, IMAGE_BAD_SECTION},
    {SECTIONS + 56, 0xFFFFFE00, 4, IMAGE_BAD_SECTION},
    {SECTIONS + 60, 0xFFFFFE00, 4, IMAGE_BAD_SECTION},
};

START_TEST(each_damage_has_its_reason)
{
    make();
    put(damage[_i].at, damage[_i].value, damage[_i].width);
    ck_assert_int_eq(reason(), damage[_i].reason);
    ck_assert_uint_gt(strlen(failure.text), 0);
}
END_TEST

START_TEST(the_text_names_the_section)
{
    make();
    put(SECTIONS + 16, 0x5AD200, 4);
    ck_assert_int_eq(reason(), IMAGE_BAD_SECTION);
    ck_assert_str_eq(
        failure.text,
        "section 1 (.text): raw data 0x400+0x5ad200 ends beyond the file (0xc00 bytes)");
}
END_TEST

START_TEST(imports_by_name_and_ordinal)
{
    struct image_import import;
    struct image_thunk thunk;
    make();
    ck_assert_int_eq(reason(), IMAGE_OK);
    ck_assert_int_eq(image_import(&image, false, 0, &import, &failure), IMAGE_MORE);
    ck_assert_str_eq(import.module, "some.dll");
    ck_assert_int_eq(image_thunk(&image, &import, 0, &thunk, &failure), IMAGE_MORE);
    ck_assert_str_eq(thunk.name, "Thing");
    ck_assert_uint_eq(thunk.slot, 0x2080);
    ck_assert_int_eq(image_thunk(&image, &import, 1, &thunk, &failure), IMAGE_MORE);
    ck_assert_ptr_eq(thunk.name, NULL);
    ck_assert_uint_eq(thunk.ordinal, 7);
    ck_assert_uint_eq(thunk.slot, 0x2088);
    ck_assert_int_eq(image_thunk(&image, &import, 2, &thunk, &failure), IMAGE_END);
    ck_assert_int_eq(image_import(&image, false, 1, &import, &failure), IMAGE_END);
    ck_assert_int_eq(image_import(&image, true, 0, &import, &failure), IMAGE_END);
}
END_TEST

START_TEST(imports_that_lead_nowhere)
{
    struct image_import import;
    struct image_thunk thunk;
    make();
    put(0x80C, 0x2FF0, 4); /* the module's name: in memory, but not in the file */
    ck_assert_int_eq(reason(), IMAGE_OK);
    ck_assert_int_eq(image_import(&image, false, 0, &import, &failure), IMAGE_BAD);
    make();
    put(0x840, 0x7000000020ull, 8); /* the function's name: 32 bits of it would be good */
    ck_assert_int_eq(reason(), IMAGE_OK);
    ck_assert_int_eq(image_import(&image, false, 0, &import, &failure), IMAGE_MORE);
    ck_assert_int_eq(image_thunk(&image, &import, 0, &thunk, &failure), IMAGE_BAD);
}
END_TEST

START_TEST(exports_by_name_ordinal_and_forwarder)
{
    struct image_symbol symbol;
    make();
    ck_assert_int_eq(reason(), IMAGE_OK);
    ck_assert(image_export(&image, "alpha", 0, &symbol));
    ck_assert_uint_eq(symbol.rva, 0x1040);
    ck_assert_ptr_eq(symbol.forward, NULL);
    ck_assert(image_export(&image, "beta", 0, &symbol));
    ck_assert_str_eq(symbol.forward, "other.Beta");
    ck_assert(image_export(&image, NULL, 5, &symbol));
    ck_assert_uint_eq(symbol.rva, 0x1020);
    ck_assert(!image_export(&image, NULL, 4, &symbol));
    ck_assert(!image_export(&image, NULL, 8, &symbol));
    ck_assert(!image_export(&image, "gamma", 0, &symbol));
    put(0x914, 0xFFFFFFFF, 4); /* a table of 16 GiB */
    ck_assert(!image_export(&image, NULL, 5, &symbol));
}
END_TEST

START_TEST(relocations_check_before_they_write)
{
    static uint8_t memory[0x3000];
    uint64_t value;
    make();
    ck_assert_int_eq(reason(), IMAGE_OK);
    memcpy(memory + 0x2000, file + 0x800, 0x400);
    ck_assert(image_relocate(&image, memory, 0x10000, &failure));
    memcpy(&value, memory + 0x2200, 8);
    ck_assert_uint_eq(value, BASE + 0x11234);
    /* the last eight bytes would end beyond the image; the good entry stands before it */
    put(0xB0A, 0xAFFD, 2);
    ck_assert(!image_relocate(&image, memory, 0x10000, &failure));
    memcpy(&value, memory + 0x2200, 8);
    ck_assert_uint_eq(value, BASE + 0x11234);
    put(0xB04, 0xFFFFFFF0, 4);
    ck_assert(!image_relocate(&image, memory, 0x10000, &failure));
    image.flags |= IMAGE_FLAG_RELOCS_STRIPPED;
    ck_assert(!image_relocate(&image, memory, 0x10000, &failure));
    ck_assert_int_eq(failure.reason, IMAGE_NOT_RELOCATABLE);
}
END_TEST

START_TEST(tls_directory)
{
    struct image_tls tls;
    make();
    directory(IMAGE_TLS, 0x2200, 40);
    put(0xA00, BASE + 0x2000, 8), put(0xA08, BASE + 0x2010, 8), put(0xA10, BASE + 0x2020, 8),
        put(0xA20, 32, 4);
    ck_assert_int_eq(reason(), IMAGE_OK);
    ck_assert_int_eq(image_tls(&image, &tls, &failure), IMAGE_MORE);
    ck_assert_uint_eq(tls.template_rva, 0x2000);
    ck_assert_uint_eq(tls.template_size, 16);
    ck_assert_uint_eq(tls.zeros, 32);
    ck_assert_uint_eq(tls.index_rva, 0x2020);
    put(0xA10, BASE + 0x2FFE, 8);
    ck_assert_int_eq(image_tls(&image, &tls, &failure), IMAGE_BAD);
    put(0xA08, BASE + 0x1000, 8);
    ck_assert_int_eq(image_tls(&image, &tls, &failure), IMAGE_BAD);
}
END_TEST

START_TEST(mapped_here_and_elsewhere)
{
    MEMORY_BASIC_INFORMATION info;
    uint64_t first, second, value;
    make();
    ck_assert_int_eq(reason(), IMAGE_OK);
    ck_assert_int_eq(image_map(&image, 0, &first, &failure), STATUS_SUCCESS);
    if (!SHADOWED)
        ck_assert_uint_eq(first, BASE);
    ck_assert_int_eq(image_map(&image, 0, &second, &failure), STATUS_SUCCESS);
    ck_assert_uint_ne(second, BASE);
    memcpy(&value, (void *)(second + 0x2200), 8);
    ck_assert_uint_eq(value, second + 0x1234);
    ck_assert_int_eq(image_protect(&image, second), STATUS_SUCCESS);
    ck_assert_int_eq(mm_query(second + 0x1000, &info), STATUS_SUCCESS);
    ck_assert_uint_eq(info.Protect, PAGE_EXECUTE_READ);
    ck_assert_uint_eq(info.Type, MEM_IMAGE);
    ck_assert_int_eq(mm_query(second + 0x2000, &info), STATUS_SUCCESS);
    ck_assert_uint_eq(info.Protect, PAGE_WRITECOPY);
    ck_assert_int_eq(mm_query(second, &info), STATUS_SUCCESS);
    ck_assert_uint_eq(info.Protect, PAGE_READONLY);
    image.flags |= IMAGE_FLAG_RELOCS_STRIPPED;
    ck_assert_int_ne(image_map(&image, 0, &value, &failure), STATUS_SUCCESS);
    ck_assert_int_eq(image_unmap(second), STATUS_SUCCESS);
    ck_assert_int_eq(image_unmap(first), STATUS_SUCCESS);
}
END_TEST

START_TEST(what_no_section_fills_cannot_be_touched)
{
    MEMORY_BASIC_INFORMATION info;
    uint64_t base;
    make();
    ck_assert_int_eq(reason(), IMAGE_OK);
    /* as with sections aligned to 64 KiB: an empty one, and pages behind all of them */
    image.sections[image.section_count++] = (struct image_section){.rva = 0x5000};
    image.size = 0x8000;
    ck_assert_int_eq(image_map(&image, 0, &base, &failure), STATUS_SUCCESS);
    ck_assert_int_eq(image_protect(&image, base), STATUS_SUCCESS);
    ck_assert_int_eq(mm_query(base + 0x2000, &info), STATUS_SUCCESS);
    ck_assert_uint_eq(info.RegionSize, 0x1000);
    ck_assert_int_eq(mm_query(base + 0x3000, &info), STATUS_SUCCESS);
    ck_assert_uint_eq(info.Protect, PAGE_NOACCESS);
    ck_assert_uint_eq(info.RegionSize, 0x5000);
    ck_assert_int_eq(image_unmap(base), STATUS_SUCCESS);
}
END_TEST

/*
 * Every byte of the file in turn, with three values, and every shorter length: no crash is the
 * statement (run it with sanitizers).
 */
START_TEST(no_byte_makes_it_crash)
{
    static const uint8_t values[] = {0x00, 0x7F, 0xFF};
    static uint8_t memory[0x3000];
    for (unsigned at = 0; at < LENGTH; at++) {
        for (unsigned v = 0; v < 3; v++) {
            struct image_import import;
            struct image_thunk thunk;
            struct image_symbol symbol;
            make();
            file[at] = values[v];
            if (reason() != IMAGE_OK)
                continue;
            for (unsigned i = 0;
                 i < 8 && image_import(&image, false, i, &import, &failure) == IMAGE_MORE; i++)
                for (unsigned j = 0;
                     j < 8 && image_thunk(&image, &import, j, &thunk, &failure) == IMAGE_MORE; j++)
                    ck_assert_uint_le(thunk.slot + 8, image.size);
            if (image_export(&image, "alpha", 0, &symbol))
                ck_assert_uint_lt(symbol.rva, image.size);
            if (image.size == sizeof memory)
                image_relocate(&image, memory, 0x10000, &failure);
        }
    }
    for (unsigned length = 0; length < LENGTH; length++) {
        make();
        uint8_t *copy = malloc(length + 1);
        memcpy(copy, file, length);
        ck_assert(!image_parse(copy, length, &image, &failure));
        free(copy);
    }
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("image");
    tcase_add_test(tcase, a_whole_file);
    tcase_add_loop_test(tcase, each_damage_has_its_reason, 0, sizeof damage / sizeof damage[0]);
    tcase_add_test(tcase, the_text_names_the_section);
    tcase_add_test(tcase, imports_by_name_and_ordinal);
    tcase_add_test(tcase, imports_that_lead_nowhere);
    tcase_add_test(tcase, exports_by_name_ordinal_and_forwarder);
    tcase_add_test(tcase, relocations_check_before_they_write);
    tcase_add_test(tcase, tls_directory);
    tcase_add_test(tcase, mapped_here_and_elsewhere);
    tcase_add_test(tcase, what_no_section_fills_cannot_be_touched);
    tcase_add_test(tcase, no_byte_makes_it_crash);
    return suite_run("image", tcase);
}
