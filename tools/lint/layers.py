#!/usr/bin/env python3
"""Checks what a reviewer would otherwise have to: include direction, host calls in one place, file and function sizes.

layers.py ROOT prints one line per breach ("file:line: text") and exits 1 when there is one.
"""

import re
import sys
from pathlib import Path

# a folder may include from itself and from those named here
MAY_INCLUDE = {
    "memoryapi": {"memoryapi"},
    "kernel32": {"kernel32", "memoryapi"},
    "d3dkmt": {"d3dkmt", "memoryapi"},
    "tools": {"tools", "memoryapi", "kernel32", "d3dkmt"},
    "tests": {"tests", "tools", "memoryapi", "kernel32", "d3dkmt"},
}
LINES_C, LINES_H, LINES_FUNCTION = 600, 280, 60
# calls that change mappings belong to memoryapi/host_*.c
HOST_CALLS = re.compile(r"(?<![\w.>])(mmap|munmap|mprotect|madvise|mremap|memfd_create)\s*\(")
HOST_ALLOWED = re.compile(r"memoryapi/host_\w+\.c")


def function_sizes(lines):
    """(first line, length) of every function: a `{` in the first column to its `}`."""
    start = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            start = number
        elif line == "}" and start:
            yield start, number - start
            start = None


def check_file(root, path):
    name = path.relative_to(root).as_posix()
    layer = name.split("/")[0]
    lines = path.read_text().splitlines()
    for number, line in enumerate(lines, 1):
        include = re.match(r'\s*#\s*include\s+"([a-z0-9]+)/', line)
        if include and include.group(1) in MAY_INCLUDE and include.group(1) not in MAY_INCLUDE[layer]:
            yield f"{name}:{number}: {layer}/ may not include {include.group(1)}/"
        if layer in ("memoryapi", "kernel32", "d3dkmt") and not HOST_ALLOWED.fullmatch(name) and HOST_CALLS.search(line) \
                and not line.lstrip().startswith(("*", "/*")):
            yield f"{name}:{number}: a mapping call outside memoryapi/host_*.c"
        if re.search(r"\b(TODO|FIXME|XXX)\b", line):
            yield f"{name}:{number}: unfinished work"
    limit = LINES_H if path.suffix == ".h" else LINES_C
    if len(lines) > limit and layer != "tests":
        yield f"{name}:1: {len(lines)} lines, at most {limit}: split it"
    if layer != "tests":
        for start, length in function_sizes(lines):
            if length > LINES_FUNCTION:
                yield f"{name}:{start}: a function of {length} lines, at most {LINES_FUNCTION}"


def main(root):
    root = Path(root)
    breaches = []
    for layer in MAY_INCLUDE:
        for path in sorted((root / layer).rglob("*.[ch]")):
            breaches += check_file(root, path)
    print("\n".join(breaches) if breaches else "layers: nothing to say")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "."))
