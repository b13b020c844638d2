#!/usr/bin/env python3
"""Turns spec/*.toml into C: specgen.py SPEC OUT writes OUT/{exports.c,exports.map,faces.h,status_table.h,include/winmem/*.h}."""

import sys
from pathlib import Path

import emit_exports
import emit_faces
import emit_headers
import emit_status
import model


def main(spec, out):
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    try:
        api = model.load(spec)
    except model.SpecError as error:
        sys.exit(f"{error}")
    emit_headers.emit(api, out / "include" / "winmem")
    emit_faces.emit(api, out / "faces.h")
    emit_exports.emit(api, out / "exports.c", out / "exports.map")
    emit_status.emit(api, out / "status_table.h")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: specgen.py SPEC-FOLDER OUTPUT-FOLDER")
    main(sys.argv[1], sys.argv[2])
