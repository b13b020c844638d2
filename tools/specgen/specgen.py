#!/usr/bin/env python3
"""Turns spec/*.toml into C.

specgen.py list    SPEC              prints the names of the public headers, one a line
specgen.py headers SPEC OUT DEPFILE  writes OUT/windef.h and one header per `header` key of the spec
specgen.py code    SPEC OUT DEPFILE  writes OUT/{gates_N.c,exports.c,exports.map,faces.h,status_table.h,layouts.c,constant_table.h}

DEPFILE, for ninja, names everything the outputs were made from, the spec folder included: a new family file changes the folder.
"""

import argparse
import sys
from pathlib import Path

import check
import emit_constants
import emit_exports
import emit_faces
import emit_headers
import emit_layouts
import emit_status
import model


def write_depfile(path, targets, spec):
    sources = [Path(spec), *sorted(Path(spec).glob("*.toml")), *sorted(Path(__file__).parent.glob("*.py"))]
    escape = lambda p: str(p).replace(" ", "\\ ")
    Path(path).write_text(" ".join(map(escape, targets)) + ": " + " \\\n  ".join(map(escape, sources)) + "\n")


def write(path, text):
    """Unchanged text keeps its time, so that what was built from it is not built again."""
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def headers(api, out, declared):
    made = emit_headers.emit(api)
    if declared and sorted(declared) != sorted(made):
        strange = ", ".join(sorted(set(made) ^ set(declared)))
        raise model.SpecError(f"the set of public headers changed ({strange}): run 'meson setup --reconfigure' on the build folder")
    return made


def code(api):
    return emit_exports.emit(api) | {"faces.h": emit_faces.emit(api), "status_table.h": emit_status.emit(api),
                                     "layouts.c": emit_layouts.emit(api), "constant_table.h": emit_constants.emit(api)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("list", "headers", "code"))
    parser.add_argument("spec")
    parser.add_argument("out", nargs="?")
    parser.add_argument("depfile", nargs="?")
    parser.add_argument("--declared", nargs="*", help="the public headers the build expects; any other set is an error")
    options = parser.parse_args()
    try:
        api = model.load(options.spec)
        check.check(api)
        if options.what == "list":
            print("\n".join(emit_headers.emit(api)))
            return
        outputs = headers(api, options.out, options.declared) if options.what == "headers" else code(api)
    except model.SpecError as error:
        sys.exit(f"{error}")
    out = Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    for name, text in outputs.items():
        write(out / name, text)
    if options.depfile:
        write_depfile(options.depfile, [out / name for name in outputs], options.spec)


if __name__ == "__main__":
    main()
