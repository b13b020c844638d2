"""gates_N.c: one Windows-convention gate per function, families spread over the files so that a change compiles little anew;
exports.c: the function table; exports.map: the ELF symbols."""

import zlib

from emit_headers import GUARD, constant, parameters

GATE_FILES = 8
NOT_SUPPORTED = {
    "false": "0", "null": "({type})0", "zero": "({type})0", "invalid": "(HANDLE)(intptr_t)-1", "minus1": "({type})-1",
    "argument": "{first}", "badmem": "GMEM_INVALID_HANDLE",
    "code": "ERROR_NOT_SUPPORTED", "status": "STATUS_NOT_SUPPORTED", "hresult": "0x80004001",  # E_NOTIMPL
}
WITHOUT_LAST_ERROR = {"code", "status", "hresult"}
# the kinds of memoryapi/exports.h
KINDS = {"void": "v", "uint8_t": "b", "char": "B", "uint16_t": "w", "int16_t": "W", "uint32_t": "d", "int32_t": "D", "int": "D",
         "uint64_t": "q", "int64_t": "Q", "float": "f", "double": "f"}
POINTED = {"uint32_t": "4", "int32_t": "4", "uint64_t": "8", "int64_t": "8", "void*": "8"}


def kind(types, text):
    """How a value of this type is passed and printed, as one character."""
    name = text.replace("VOID", "void") if text == "VOID" else text
    c = types.get(name, name)
    if "*" not in c:
        return KINDS.get(c, "p")
    pointed = c.rsplit("*", 1)[0].replace("const ", "").replace(" ", "")
    pointed = types.get(pointed, pointed).replace(" ", "")
    if pointed == "char" or (pointed == "uint16_t" and any(word in name for word in ("WSTR", "WCH", "WCHAR"))):
        return ("a" if pointed == "char" else "u") if "const" in c else ("A" if pointed == "char" else "U")
    return POINTED.get(pointed, "8" if pointed.endswith("*") else "p")


def result_of(f):
    """The expression or statement that answers for a function: its face, or the failure of one that nobody built."""
    if f.status == "done":
        return f"{f.face}({', '.join(p.name for p in f.params)})"
    if f.fails == "never":
        return f"gate_missing(\"{f.modules[0]}\", \"{f.name}\")"
    value = NOT_SUPPORTED[f.fails].format(type=f.returns, first=f.params[0].name if f.params else "")
    if f.fails in WITHOUT_LAST_ERROR:
        return f"({f.returns}){f.entry.get('refusal', value)}"
    return f"winmem_set_last_error({f.entry.get('refusal', 'ERROR_NOT_SUPPORTED')})" + ("" if f.returns == "void" else f", {value}")


def gate(f):
    if f.raw and f.status == "done":
        return f"extern __attribute__((ms_abi, visibility(\"hidden\"))) void gate_{f.name}(void);\n"
    ends = f.noreturn or (f.status != "done" and f.fails == "never")
    void = f.returns == "void" or ends
    names = ", ".join(p.name for p in f.params)
    values = f"(const uint64_t[]){{0{''.join(', (uint64_t)' + p.name for p in f.params)}}}"
    # the traced twin keeps the arguments for afterwards, which would cost the plain way a frame
    out = f"static __attribute__((noinline, cold)) {'void' if ends else f.returns} traced_{f.name}({parameters(f)})\n{{\n"
    if ends:
        out += f"    trace_call({f.index}, {values}, NULL);\n    {result_of(f)};\n"
    elif void:
        out += f"    {result_of(f)};\n    trace_call({f.index}, {values}, &(uint64_t){{0}});\n"
    else:
        out += (f"    {f.returns} result = ({result_of(f)});\n    trace_call({f.index}, {values}, &(uint64_t){{(uint64_t)result}});\n"
                f"    return result;\n")
    visible = "default" if f.elf else "hidden"
    out += (f"}}\n__attribute__((ms_abi, visibility(\"{visible}\")))"
            f"{' __attribute__((noreturn))' if f.noreturn else ''} {f.returns} gate_{f.name}({parameters(f)})"
            f" __asm__(\"{f.name if f.elf else 'gate_' + f.name}\");\n"
            f"__attribute__((ms_abi)) {f.returns} gate_{f.name}({parameters(f)})\n{{\n    gate_enter();\n")
    test = "__builtin_expect(gate_tracing, 0)"
    if void:
        out += f"    if ({test})\n        traced_{f.name}({names});\n    else\n        {result_of(f)};\n"
        return out + ("    __builtin_unreachable();\n}\n" if ends else "    gate_leave();\n}\n")
    return out + (f"    {f.returns} result = {test} ? traced_{f.name}({names}) : ({result_of(f)});\n"
                  f"    gate_leave();\n    return result;\n}}\n")


def target(model, f):
    while f.forward:
        name = f.forward.split("!", 1)[1]
        f = next(g for g in model.functions if g.name == name)
    return f


def literal(text):
    return "\"" + text.replace("\\", "\\\\").replace("\"", "\\\"") + "\"" if text else "NULL"


def strings(texts):
    return "(const char *const[]){" + "".join(f'"{t}", ' for t in texts) + "NULL}"


def flag_tables(model):
    used = {group for f in model.functions for group in f.entry.get("flags", {}).values()}
    for group in model.groups:
        if group["name"] in used:
            rows = "".join(f'{{"{n}", {constant(v)}}}, ' for n, v in group["values"].items())
            yield f"static const struct export_flag flags_{group['name']}[] = {{{rows}{{NULL, 0}}}};"


def table_row(model, types, f):
    t = target(model, f)
    kinds = kind(types, f.returns) + "".join(kind(types, p.type) for p in f.params)
    flags = f.entry.get("flags", {})
    groups = ", ".join(f"flags_{flags[p.name]}" if p.name in flags else "NULL" for p in f.params)
    return (f"    {{\"{f.name}\", gate_{t.name}, {strings(f.modules)}, {strings(f.apisets)}, \"{f.family}\", "
            f"EXPORT_{t.status.upper()}, {len(f.params)}, \"{f.returns}\", {strings(f'{p.type} {p.name}' for p in f.params)}, "
            f"\"{f.fails}\", \"{kinds}\", {f'(const struct export_flag *const[]){{{groups}}}' if flags else 'NULL'}, {f.entry.get('ordinal', 0)}, "
            f"{literal(f.entry.get('quirk'))}}},")


def file_of(model, f):
    """By family; an alias has to be where its target is."""
    return zlib.crc32(target(model, f).family.encode()) % GATE_FILES


def gate_file(model, number):
    out = [GUARD.replace("#pragma once\n", ""), "#include <winmem/windef.h>", '#include "faces.h"', '#include "memoryapi/gate.h"',
           '#include "memoryapi/trace.h"', ""]
    mine = [f for f in model.functions if file_of(model, f) == number]
    out += [gate(f) for f in mine if not f.forward]
    for f in mine:
        if f.forward and f.elf:
            t = target(model, f)
            out.append(f"extern __attribute__((ms_abi, visibility(\"default\"), alias(\"{t.name if t.elf else 'gate_' + t.name}\"))) "
                       f"{f.returns} alias_{f.name}({parameters(f)}) __asm__(\"{f.name}\");")
    return "\n".join(out) + "\n"


def declaration(f):
    """For the table, to which every gate is the same kind of thing."""
    elf = f.elf and not (f.raw and f.status == "done")
    return (f"extern __attribute__((visibility(\"{'default' if elf else 'hidden'}\"))) export_function gate_{f.name}"
            f" __asm__(\"{f.name if elf else 'gate_' + f.name}\");")


def emit(model):
    """The files by name."""
    types = {name: c for name, c, _, _ in model.types}
    out = [GUARD.replace("#pragma once\n", ""), "#include <winmem/windef.h>", '#include "memoryapi/exports.h"', ""]
    out += [declaration(f) for f in model.functions if not f.forward]
    out += ["", *flag_tables(model)]
    out.append("\nconst struct export_entry winmem_exports[] = {")
    out += [table_row(model, types, f) for f in model.functions]
    out.append("};\nconst unsigned winmem_export_count = sizeof winmem_exports / sizeof winmem_exports[0];\n")
    out.append("const struct export_macro winmem_macros[] = {")
    out += [f"    {{\"{m['name']}\", \"{m['header']}\"}}," for m in sorted(model.macros, key=lambda m: m["name"])]
    out.append("    {NULL, NULL},\n};\n")
    symbols = [f.name for f in model.functions if f.elf] + model.host_exports
    version_map = "{\n  global:\n" + "".join(f"    {name};\n" for name in symbols) + "  local: *;\n};\n"
    files = {f"gates_{number}.c": gate_file(model, number) for number in range(GATE_FILES)}
    return files | {"exports.c": "\n".join(out), "exports.map": version_map}
