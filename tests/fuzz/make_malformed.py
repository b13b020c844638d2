#!/usr/bin/env python3
"""Makes malformed Windows programs from a good one.

make_malformed.py GOOD.exe FOLDER       writes FOLDER/NAME.exe for each, and FOLDER/expected.tsv: name, stage, reason, piece of the message

The good program must have imports, relocations and thread-local storage (tests/pe/tls.c has). Stage says what finds the fault: "parse",
"import", "tls", "relocate" (the functions of memoryapi/image.h), or "fine" where the fault must not matter. Field offsets: Microsoft Learn,
"PE Format".
"""

import sys
from pathlib import Path

DIRECTORY = {"export": 0, "import": 1, "resource": 2, "exception": 3, "relocation": 5, "tls": 9, "clr": 14}
CASES = []


def case(stage, reason, message):
    def add(function):
        CASES.append((function.__name__, stage, reason, message, function))
        return function
    return add


class Image:
    """The good file, with the places that get broken."""

    def __init__(self, data):
        self.data = bytearray(data)
        self.nt = self.get(60)
        self.optional = self.nt + 24
        self.table = self.optional + self.get(self.nt + 20, 2)
        self.count = self.get(self.nt + 6, 2)

    def get(self, at, size=4):
        return int.from_bytes(self.data[at:at + size], "little")

    def put(self, at, value, size=4):
        self.data[at:at + size] = value.to_bytes(size, "little")

    def section(self, index):
        return self.table + 40 * index

    def directory(self, name):
        return self.optional + 112 + 8 * DIRECTORY[name]

    def at(self, rva):
        """Where in the file the byte of this RVA lies."""
        for index in range(self.count):
            header = self.section(index)
            start, raw_size, raw = self.get(header + 12), self.get(header + 16), self.get(header + 20)
            if raw and start <= rva < start + raw_size:
                return raw + rva - start
        raise SystemExit(f"RVA {rva:#x} has no data in the file")

    def in_directory(self, name, offset=0):
        return self.at(self.get(self.directory(name)) + offset)


# --- the headers ----------------------------------------------------------------------------------------------------------------

@case("parse", "IMAGE_NOT_EXECUTABLE", "does not begin with MZ")
def one_byte(image):
    image.data = bytearray(b"M")


@case("parse", "IMAGE_NOT_EXECUTABLE", "does not begin with MZ")
def shell_script(image):
    image.data = bytearray(b"#!/bin/sh\nexit 0\n")


@case("parse", "IMAGE_TOO_SHORT", "ends inside the DOS header")
def dos_header_cut(image):
    del image.data[40:]


@case("parse", "IMAGE_DOS", "no Windows header at")
def new_header_beyond_the_file(image):
    image.put(60, 0x7FFFFFF0)


@case("parse", "IMAGE_DOS", "no Windows header at")
def new_header_offset_wraps(image):
    image.put(60, 0xFFFFFFFE)


@case("parse", "IMAGE_DOS", "no PE signature at")
def bad_signature(image):
    image.put(image.nt, 0x00004550 ^ 0x20)


@case("parse", "IMAGE_16BIT", "16-bit")
def sixteen_bit(image):
    image.data[image.nt:image.nt + 2] = b"NE"


@case("parse", "IMAGE_TOO_SHORT", "ends inside")
def pe_header_cut(image):
    del image.data[image.nt + 10:]


@case("parse", "IMAGE_TOO_SHORT", "optional header")
def optional_header_cut(image):
    del image.data[image.optional + 60:]


@case("parse", "IMAGE_TOO_SHORT", "optional header")
def optional_header_short(image):
    image.put(image.nt + 20, 40, 2)


@case("parse", "IMAGE_32BIT", "32-bit")
def machine_i386(image):
    image.put(image.nt + 4, 0x014C, 2)


@case("parse", "IMAGE_32BIT", "32-bit")
def magic_pe32(image):
    image.put(image.optional, 0x010B, 2)


@case("parse", "IMAGE_BAD_HEADER", "magic")
def magic_rom(image):
    image.put(image.optional, 0x0107, 2)


@case("parse", "IMAGE_OTHER_MACHINE", "ARM64")
def machine_arm64(image):
    image.put(image.nt + 4, 0xAA64, 2)


@case("parse", "IMAGE_NOT_EXECUTABLE", "not linked into a program")
def not_linked(image):
    image.put(image.nt + 22, image.get(image.nt + 22, 2) & ~2, 2)


@case("parse", "IMAGE_DRIVER", "driver")
def driver(image):
    image.put(image.optional + 68, 1, 2)


@case("parse", "IMAGE_OTHER_SUBSYSTEM", "EFI")
def efi(image):
    image.put(image.optional + 68, 10, 2)


@case("parse", "IMAGE_DOTNET", ".NET")
def dotnet(image):
    image.put(image.directory("clr"), image.get(image.directory("import")))
    image.put(image.directory("clr") + 4, 72)


@case("parse", "IMAGE_BAD_HEADER", "file alignment 0x0")
def file_alignment_zero(image):
    image.put(image.optional + 36, 0)


@case("parse", "IMAGE_BAD_HEADER", "file alignment 0x300")
def file_alignment_odd(image):
    image.put(image.optional + 36, 0x300)


@case("parse", "IMAGE_BAD_HEADER", "section alignment 0x0")
def section_alignment_zero(image):
    image.put(image.optional + 32, 0)


@case("parse", "IMAGE_BAD_HEADER", "image size 0x0")
def image_size_zero(image):
    image.put(image.optional + 56, 0)


@case("parse", "IMAGE_BAD_HEADER", "image size 0xffffffff")
def image_size_huge(image):
    image.put(image.optional + 56, 0xFFFFFFFF)


@case("parse", "IMAGE_BAD_SECTION", "ends beyond the image")
def image_size_small(image):
    last = image.section(image.count - 1)
    image.put(image.optional + 56, image.get(last + 12))
    for name in ("relocation", "tls"):  # else one of these is found first
        image.put(image.directory(name), 0)


@case("parse", "IMAGE_BAD_HEADER", "64 KiB")
def base_unaligned(image):
    image.put(image.optional + 24, 0x140001000, 8)


@case("parse", "IMAGE_BAD_HEADER", "headers of 0x0 bytes")
def headers_zero(image):
    image.put(image.optional + 60, 0)


@case("parse", "IMAGE_BAD_HEADER", "entry point")
def entry_outside(image):
    image.put(image.optional + 16, 0x7FFFFFFF)


@case("parse", "IMAGE_BAD_DIRECTORY", "import directory")
def import_directory_outside(image):
    image.put(image.directory("import"), 0xFFFFF000)


@case("parse", "IMAGE_BAD_DIRECTORY", "relocation directory")
def relocation_directory_wraps(image):
    image.put(image.directory("relocation"), 0xFFFFFFFF)
    image.put(image.directory("relocation") + 4, 0xFFFFFFFF)


@case("fine", "IMAGE_OK", "")
def more_directories_than_there_are(image):
    image.put(image.optional + 108, 0xFFFFFFFF)


# --- sections -------------------------------------------------------------------------------------------------------------------

@case("parse", "IMAGE_BAD_SECTION", "0 sections")
def no_sections(image):
    image.put(image.nt + 6, 0, 2)


@case("parse", "IMAGE_BAD_SECTION", "65535 sections")
def too_many_sections(image):
    image.put(image.nt + 6, 0xFFFF, 2)


@case("parse", "IMAGE_BAD_SECTION", "section headers")
def section_table_beyond_the_headers(image):
    image.put(image.nt + 6, 90, 2)


@case("parse", "IMAGE_BAD_SECTION", "ends beyond the file")
def section_data_outside_the_file(image):
    image.put(image.section(0) + 20, 0xFFFFF000)


@case("parse", "IMAGE_BAD_SECTION", "ends beyond the file")
def file_cut_in_the_last_section(image):
    last = image.section(image.count - 1)
    del image.data[image.get(last + 20) + 16:]


@case("parse", "IMAGE_BAD_SECTION", "section 2")
def sections_overlap(image):
    image.put(image.section(1) + 12, image.get(image.section(0) + 12))


@case("parse", "IMAGE_BAD_SECTION", "section 2")
def sections_with_a_gap(image):
    image.put(image.section(1) + 12, image.get(image.section(1) + 12) + 0x100000)


@case("parse", "IMAGE_BAD_SECTION", "section 1")
def section_over_the_headers(image):
    image.put(image.section(0) + 12, 0)


@case("parse", "IMAGE_BAD_SECTION", "ends beyond the image")
def section_size_wraps(image):
    image.put(image.section(image.count - 1) + 8, 0xFFFFFFF0)


# --- what the directories point to ------------------------------------------------------------------------------------------------

@case("import", "IMAGE_BAD_DIRECTORY", "the import table")
def import_table_without_an_end(image):
    # moved to the last descriptor that fits into its section's data: no room for the one of zeros
    header = next(image.section(i) for i in range(image.count)
                  if image.get(image.section(i) + 12) == image.get(image.directory("import")) & ~0xFFF)
    end = image.get(header + 12) + image.get(header + 16)
    good = image.in_directory("import")
    image.data[image.at(end - 20):image.at(end - 1) + 1] = image.data[good:good + 20]
    image.put(image.directory("import"), end - 20)


@case("import", "IMAGE_BAD_DIRECTORY", "the name of an imported module")
def module_name_outside(image):
    image.put(image.in_directory("import", 12), 0xFFFFFF00)


@case("import", "IMAGE_BAD_DIRECTORY", "an import lookup table")
def lookup_table_outside(image):
    image.put(image.in_directory("import", 0), 0x7FFFFFF8)


@case("import", "IMAGE_BAD_DIRECTORY", "an import address table")
def address_table_outside(image):
    image.put(image.in_directory("import", 16), 0xFFFFFFF8)


@case("import", "IMAGE_BAD_DIRECTORY", "the name of an imported function")
def function_name_outside(image):
    image.put(image.at(image.get(image.in_directory("import", 0))), 0x7FFFFFFFFFFFFFF0, 8)


@case("tls", "IMAGE_BAD_DIRECTORY", "the TLS callback array")
def tls_callbacks_outside(image):
    image.put(image.in_directory("tls", 24), 0x100, 8)


@case("tls", "IMAGE_BAD_DIRECTORY", "the TLS index")
def tls_index_outside(image):
    image.put(image.in_directory("tls", 16), 0xFFFFFFFFFFFFFFFE, 8)


@case("tls", "IMAGE_BAD_DIRECTORY", "the TLS template")
def tls_template_backwards(image):
    start = image.get(image.in_directory("tls", 0), 8)
    image.put(image.in_directory("tls", 8), start - 8, 8)


@case("fine", "IMAGE_OK", "")
def relocation_block_of_size_zero(image):
    # ends the table, as the padding of some linkers does; so nothing is relocated
    image.put(image.in_directory("relocation", 4), 0)


@case("relocate", "IMAGE_BAD_DIRECTORY", "relocation block")
def relocation_block_of_size_one(image):
    image.put(image.in_directory("relocation", 4), 1)


@case("relocate", "IMAGE_BAD_DIRECTORY", "relocation block")
def relocation_block_endless(image):
    image.put(image.in_directory("relocation", 4), 0xFFFFFFF8)


@case("relocate", "IMAGE_BAD_DIRECTORY", "beyond the image")
def relocation_outside(image):
    image.put(image.in_directory("relocation", 0), 0xFFFFF000)


@case("relocate", "IMAGE_BAD_DIRECTORY", "relocation of kind 15")
def relocation_unknown(image):
    image.put(image.in_directory("relocation", 8), 0xF000, 2)


def main(good, folder):
    data, folder = Path(good).read_bytes(), Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["good\tfine\tIMAGE_OK\t\n"]
    (folder / "good.exe").write_bytes(data)
    for name, stage, reason, message, change in CASES:
        image = Image(data)
        change(image)
        (folder / f"{name}.exe").write_bytes(image.data)
        lines.append(f"{name}\t{stage}\t{reason}\t{message}\n")
    (folder / "expected.tsv").write_text("".join(lines))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
