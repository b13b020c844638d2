"""exports.c: one Windows-convention gate per function, and the function table; exports.map: the ELF symbols."""

from emit_headers import GUARD, parameters

FAILURE = {
    "false": "winmem_set_last_error(ERROR_NOT_SUPPORTED); return 0;",
    "null": "winmem_set_last_error(ERROR_NOT_SUPPORTED); return 0;",
    "zero": "winmem_set_last_error(ERROR_NOT_SUPPORTED); return 0;",
    "invalid": "winmem_set_last_error(ERROR_NOT_SUPPORTED); return (HANDLE)(intptr_t)-1;",
    "minus1": "winmem_set_last_error(ERROR_NOT_SUPPORTED); return ({type})-1;",
    "code": "return ERROR_NOT_SUPPORTED;",
    "status": "return STATUS_NOT_SUPPORTED;",
    "hresult": "return (HRESULT)0x80004001;",
}


def gate(f):
    if f.raw and f.status == "done":
        return f"extern __attribute__((ms_abi, visibility(\"hidden\"))) void gate_{f.name}(void);\n"
    visible = "default" if f.elf else "hidden"
    head = (f"__attribute__((ms_abi, visibility(\"{visible}\")))"
            f"{' __attribute__((noreturn))' if f.noreturn else ''} {f.returns} gate_{f.name}({parameters(f)})"
            f" __asm__(\"{f.name if f.elf else 'gate_' + f.name}\");\n"
            f"__attribute__((ms_abi)) {f.returns} gate_{f.name}({parameters(f)})\n{{\n")
    body = []
    if f.status != "done":
        body += [f"    (void){p.name};" for p in f.params]
        if f.fails == "never":
            body.append(f"    gate_missing(\"{f.modules[0]}\", \"{f.name}\");")
        else:
            body.append("    " + FAILURE[f.fails].format(type=f.returns))
        return head + "\n".join(body) + "\n}\n"
    args = ", ".join(p.name for p in f.params)
    trace_in = f"    if (__builtin_expect(gate_tracing, 0))\n        gate_trace_enter({f.index}, (const uint64_t[]){{0{''.join(', (uint64_t)' + p.name for p in f.params)}}});\n"
    if f.noreturn:
        return head + "    gate_enter();\n" + trace_in + f"    {f.face}({args});\n}}\n"
    call = f"{f.face}({args});"
    out = "    gate_enter();\n" + trace_in
    if f.returns == "void":
        out += f"    {call}\n    if (__builtin_expect(gate_tracing, 0))\n        gate_trace_leave({f.index}, 0);\n    gate_leave();\n"
    else:
        out += (f"    {f.returns} result = {call}\n    if (__builtin_expect(gate_tracing, 0))\n"
                f"        gate_trace_leave({f.index}, (uint64_t)result);\n    gate_leave();\n    return result;\n")
    return head + out + "}\n"


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
            out.append(f"extern __attribute__((visibility(\"default\"), alias(\"{target(model, f).name}\"))) void alias_{f.name}(void) __asm__(\"{f.name}\");")
    out.append("\nconst struct export_entry winmem_exports[] = {")
    for f in model.functions:
        t = target(model, f)
        mods = ", ".join(f'"{m}"' for m in f.modules)
        sets = ", ".join(f'"{m}"' for m in f.apisets)
        out.append(f"    {{\"{f.name}\", (export_function *)gate_{t.name}, (const char *const[]){{{mods}, NULL}}, "
                   f"(const char *const[]){{{sets + ', ' if sets else ''}NULL}}, \"{f.family}\", EXPORT_{f.status.upper()}, {len(f.params)}, "
                   f"\"{f.returns}\", (const char *const[]){{{''.join(chr(34) + p.type + ' ' + p.name + chr(34) + ', ' for p in f.params)}NULL}}}},")
    out.append("};\nconst unsigned winmem_export_count = sizeof winmem_exports / sizeof winmem_exports[0];\n")
    symbols = [f.name for f in model.functions if f.elf] + model.host_exports
    version_map = "{\n  global:\n" + "".join(f"    {name};\n" for name in symbols) + "  local: *;\n};\n"
    return "\n".join(out), version_map
