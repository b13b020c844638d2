"""The public headers: types, constants and prototypes."""

import re

GUARD = "/* Generated from spec/. Do not edit. */\n#pragma once\n"


def constant(value):
    return f"0x{value:X}u" if value > 9 else str(value)


def callback(entry):
    params = ", ".join(p.split(None, 1)[1] if p.split()[0] in ("in", "out", "inout") else p
                       for p in entry["params"]) or "void"
    return f"typedef {entry['returns']} (WINAPI *{entry['name']})({params});"


def windef(model):
    out = [GUARD, "#include <stdint.h>", "#include <stddef.h>", "",
           "#define WINAPI __attribute__((ms_abi))", "#define CALLBACK WINAPI", "#define NTAPI WINAPI", ""]
    out += [f"typedef {c}{'' if c.endswith('*') else ' '}{n};" for n, c, _, _ in model.types]
    for group in model.groups:
        out.append(f"\n/* {group['name']}: {group.get('source', '')} */")
        out += [f"#define {n} {constant(v)}" for n, v in group["values"].items()]
    out.append("")
    out += [f"#define {n} {v}u" for n, v in model.win32.items()]
    out += [f"#define {n} ((NTSTATUS)0x{v[0]:08X})" for n, v in model.ntstatus.items()]
    out.append("")
    out += [f"typedef struct _{name} {name};" for name, _ in model.opaque]
    out += [f"typedef {s.get('kind', 'union' if s.get('union') else 'struct')} {s.get('tag', '_' + s['name'])} {s['name']};\n"
            + "\n".join(f"typedef {s['name']} *{p};" for p in s.get("pointers", [])) for s in model.structs]
    out += [callback(c) for c in model.callbacks]
    out += [definition(s) for s in in_order_of_need(model.structs)]
    return "\n".join(out) + "\n"


def in_order_of_need(structs):
    """A struct that is a field of another comes before it; else file order."""
    by_name = {s["name"]: s for s in structs}
    ordered = {}

    def visit(entry):
        if entry["name"] in ordered:
            return
        for text in entry["fields"]:
            for part in re.split("[{;}]", text.rsplit("@", 1)[0]):
                type_name = part.split()[0] if part.split() else ""
                if type_name in by_name and type_name != entry["name"] and "*" not in part:
                    visit(by_name[type_name])
        ordered[entry["name"]] = entry

    for entry in structs:
        visit(entry)
    return ordered.values()


def definition(entry):
    body = ["    " + text.rsplit("@", 1)[0].strip() + ";" for text in entry["fields"]]
    kind = "union" if entry.get("union") else "struct"
    aligned = f" __attribute__((aligned({entry['align']})))" if entry.get("force_align") else ""
    aligned = " __attribute__((packed))" if entry.get("packed") else aligned
    # the nameless inner types that Windows has are an extension of C++
    mark = "__extension__ " if any("{" in line for line in body) else ""
    return "\n".join([f"{mark}{kind} {entry.get('tag', '_' + entry['name'])} {{", *body, f"}}{aligned};"])


def parameters(function):
    return ", ".join(f"{p.type} {p.name}" for p in function.params) or "void"


def prototypes(model, header):
    out = [GUARD, '#include <winmem/windef.h>', "", "#ifdef __cplusplus", 'extern "C" {', "#endif", ""]
    for f in model.functions:
        if f.header == header and f.elf:
            out.append(f"WINAPI {f.returns} {f.name}({parameters(f)});")
    out += ["", "#ifdef __cplusplus", "}", "#endif"]
    macros = [f"#define {m['name']}{m['text']}" for m in model.macros if m["header"] == header]
    out += ["", *macros] if macros else []
    return "\n".join(out) + "\n"


def emit(model):
    made = {"windef.h": windef(model)}
    for header in sorted({f.header for f in model.functions if f.elf}):
        made[header] = prototypes(model, header)
    return made
