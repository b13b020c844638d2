"""layouts.c: size, alignment and offsets of every struct, to be compiled by each compiler that programs are built with."""

import re

GUARD = "/* Generated from spec/. Do not edit. */\n"


def field_name(text):
    """The name that offsetof takes, or None for nameless members and bit fields."""
    declaration = re.sub(r"@\s*\d+\s*$", "", text).strip()
    if re.search(r":\s*\d+$", declaration) or declaration.endswith("}"):
        return None
    pointer = re.search(r"\(\s*(?:\w+\s*)?\*\s*(\w+)", declaration)
    if pointer and not declaration.rstrip("]0123456789[ ").endswith("}"):
        return pointer.group(1)
    name = re.search(r"(\w+)\s*(?:\[[^]]*\]\s*)*$", declaration)
    return name.group(1) if name else None


def assertions(entry):
    """(what, condition) of one struct."""
    name = entry["name"]
    yield f"size of {name}", f"sizeof({name}) == {entry['size']}"
    yield f"alignment of {name}", f"_Alignof({name}) == {entry['align']}"
    for text in entry["fields"]:
        member = field_name(text)
        if member:
            yield f"offset of {name}.{member}", f"offsetof({name}, {member}) == {text.rsplit('@', 1)[1].strip()}"


def emit(model):
    out = [GUARD, "#include <winmem/windef.h>", ""]
    for s in model.structs:
        out += [f'_Static_assert({condition}, "{what}");' for what, condition in assertions(s)]
    return "\n".join(out) + "\n"
