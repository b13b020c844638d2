#!/usr/bin/env python3
"""Declares what the D3DKMT calls take, for Windows programs that include windows.h, which declares all else.

gpu_types.py SPECGEN SPEC OUT      SPECGEN: the generator's program; its folder has what reads the spec
"""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(sys.argv[1]).parent))
import emit_headers  # noqa: E402
import model  # noqa: E402

HEADERS = ("d3dkmthk.h", "d3dukmdt.h", "d3dkmdt.h")


def declarations(api):
    """windef.h of these headers alone, and the calls as imports."""
    ours = lambda entries: [e for e in entries if e.get("header") in HEADERS]
    structs = ours(api.structs)
    out = [emit_headers.GUARD, "#include <stdint.h>", ""]
    out += [f"typedef {c} {n};" for n, c, header, _ in api.types if header in HEADERS and re.match("D3D|KMT|DXGK", n)]
    out += [f"#define {n} {emit_headers.constant(v)}" for group in api.groups for n, v in group["values"].items()
            if re.match("D3D|KMT|DXGK", n)]
    out += [f"#define {n} ((NTSTATUS)0x{v[0]:08X})" for n, v in api.ntstatus.items()]
    out += [f"typedef struct _{name} {name};" for name, _ in api.opaque if re.match("D3D|DXGK", name)]
    out += [f"typedef {s.get('kind', 'union' if s.get('union') else 'struct')} {s.get('tag', '_' + s['name'])} {s['name']};" for s in structs]
    out += [emit_headers.callback(c) for c in ours(api.callbacks)]
    out += [emit_headers.definition(s) for s in emit_headers.in_order_of_need(structs)]
    out += [f"__declspec(dllimport) {f.returns} WINAPI {f.name}({emit_headers.parameters(f)});" for f in api.functions
            if f.header in HEADERS and f.elf]
    return "\n".join(out) + "\n"


Path(sys.argv[3]).write_text(declarations(model.load(sys.argv[2])))
