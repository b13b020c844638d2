"""exports.c: one Windows-convention gate per function, and the function table; exports.map: the ELF symbols."""

from emit_headers import GUARD, parameters

NOT_SUPPORTED = {
    "false": "0", "null": "0", "zero": "0", "invalid": "(HANDLE)(intptr_t)-1", "minus1": "({type})-1",
    "argument": "{first}", "badmem": "GMEM_INVALID_HANDLE",
    "code": "ERROR_NOT_SUPPORTED", "status": "STATUS_NOT_SUPPORTED", "hresult": "(HRESULT)0x80004001",  # E_NOTIMPL
}
WITHOUT_LAST_ERROR = {"code", "status", "hresult"}
TRACING = "    if (__builtin_expect(gate_tracing, 0))\n        "


def failure(f):
    """The body's middle of a function that nobody built: it sets `result`."""
    if f.fails == "never":
        return f"    gate_missing(\"{f.modules[0]}\", \"{f.name}\");\n"
    code = f.entry.get("refusal", "ERROR_NOT_SUPPORTED")
    text = "" if f.fails in WITHOUT_LAST_ERROR else f"    winmem_set_last_error({code});\n"
    if f.returns == "void":
        return text
    if f.fails in WITHOUT_LAST_ERROR and "refusal" in f.entry:
        return f"    {f.returns} result = {code};\n"
    return text + f"    {f.returns} result = {NOT_SUPPORTED[f.fails].format(type=f.returns, first=f.params[0].name if f.params else '')};\n"


def call(f):
    text = f"{f.face}({', '.join(p.name for p in f.params)});\n"
    return ("    " if f.returns == "void" or f.noreturn else f"    {f.returns} result = ") + text


def gate(f):
    if f.raw and f.status == "done":
        return f"extern __attribute__((ms_abi, visibility(\"hidden\"))) void gate_{f.name}(void);\n"
    visible = "default" if f.elf else "hidden"
    out = (f"__attribute__((ms_abi, visibility(\"{visible}\")))"
           f"{' __attribute__((noreturn))' if f.noreturn else ''} {f.returns} gate_{f.name}({parameters(f)})"
           f" __asm__(\"{f.name if f.elf else 'gate_' + f.name}\");\n"
           f"__attribute__((ms_abi)) {f.returns} gate_{f.name}({parameters(f)})\n{{\n    gate_enter();\n")
    out += TRACING + f"gate_trace_enter({f.index}, (const uint64_t[]){{0{''.join(', (uint64_t)' + p.name for p in f.params)}}});\n"
    out += call(f) if f.status == "done" else failure(f)
    if f.noreturn or (f.status != "done" and f.fails == "never"):
        return out + "}\n"
    value = "0" if f.returns == "void" else "(uint64_t)result"
    out += TRACING + f"gate_trace_leave({f.index}, {value});\n    gate_leave();\n"
    return out + ("" if f.returns == "void" else "    return result;\n") + "}\n"


def target(model, f):
    while f.forward:
        name = f.forward.split("!", 1)[1]
        f = next(g for g in model.functions if g.name == name)
    return f


def emit(model):
    out = [GUARD.replace("#pragma once\n", ""), "#include <winmem/windef.h>", '#include "faces.h"', '#include "memoryapi/gate.h"',
           '#include "memoryapi/exports.h"', ""]
    out += [gate(f) for f in model.functions if not f.forward]
    for f in model.functions:
        if f.forward and f.elf:
            t = target(model, f)
            out.append(f"extern __attribute__((ms_abi, visibility(\"default\"), alias(\"{t.name if t.elf else 'gate_' + t.name}\"))) "
                       f"{f.returns} alias_{f.name}({parameters(f)}) __asm__(\"{f.name}\");")
    out.append("\nconst struct export_entry winmem_exports[] = {")
    for f in model.functions:
        t = target(model, f)
        mods = ", ".join(f'"{m}"' for m in f.modules)
        sets = ", ".join(f'"{m}"' for m in f.apisets)
        out.append(f"    {{\"{f.name}\", (export_function *)gate_{t.name}, (const char *const[]){{{mods}, NULL}}, "
                   f"(const char *const[]){{{sets + ', ' if sets else ''}NULL}}, \"{f.family}\", EXPORT_{t.status.upper()}, {len(f.params)}, "
                   f"\"{f.returns}\", (const char *const[]){{{''.join(chr(34) + p.type + ' ' + p.name + chr(34) + ', ' for p in f.params)}NULL}}}},")
    out.append("};\nconst unsigned winmem_export_count = sizeof winmem_exports / sizeof winmem_exports[0];\n")
    symbols = [f.name for f in model.functions if f.elf] + model.host_exports
    version_map = "{\n  global:\n" + "".join(f"    {name};\n" for name in symbols) + "  local: *;\n};\n"
    return "\n".join(out), version_map
