"""constant_table.h: the names of all flags and numbers, for tools that read and print them."""

from emit_headers import GUARD


def emit(model):
    names = sorted({name for group in model.groups for name in group["values"]})
    return GUARD + "\n#define CONSTANT_TABLE \\\n" + "".join(f"    X({name}) \\\n" for name in names) + "\n"
