#!/usr/bin/env python3
"""Compares the spec with the headers of mingw-w64, which somebody else wrote.

mingw.py GENERATOR SPEC data      COMPILER    sizes, alignments and offsets of structs, and constants
mingw.py GENERATOR SPEC functions COMPILER    the number, size and kind (pointer, integer, floating) of what each function takes and returns

One file with an assertion per fact is compiled; the compiler's messages tell by line which ones fail. What only one side knows
is counted, not judged; mingw_differences.txt holds the names for which mingw-w64 is known to be wrong.
"""

import re
import subprocess
import sys
from pathlib import Path

HEADERS = ["winsock2.h", "ws2tcpip.h", "mswsock.h", "windows.h", "winternl.h", "psapi.h", "tlhelp32.h", "mmsystem.h", "bcrypt.h",
           "shlobj.h", "powrprof.h", "ntdef.h"]
HEAD = ["#define WIN32_NO_STATUS", *(f"#include <{h}>" for h in HEADERS), "#undef WIN32_NO_STATUS", "#include <ntstatus.h>",
        "#include <stddef.h>"]
OPTIONS = ["-D_WIN32_WINNT=0x0A00", "-DNTDDI_VERSION=0x0A00000B", "-fsyntax-only", "-fmax-errors=0", "-fno-diagnostics-show-caret", "-w", "-"]
UNKNOWN = re.compile(r"undeclared|not declared|not been declared|has no member|invalid application|incomplete|overloaded")

# In C++ a function's type can be taken apart: 'p' a pointer, 'f' floating, 'v' nothing, else the size in bytes.
ABI = """
template<class T> struct kind { static constexpr char value = '0' + sizeof(T); };
template<> struct kind<void> { static constexpr char value = 'v'; };
template<> struct kind<float> { static constexpr char value = 'f'; };
template<> struct kind<double> { static constexpr char value = 'f'; };
template<class T> struct kind<T *> { static constexpr char value = 'p'; };
template<class T> struct kind<T &> { static constexpr char value = 'p'; };
template<class F> struct abi;
template<class R, class... A> struct abi<R (*)(A...)> {
    static constexpr bool is(const char *want) {
        const char got[] = {kind<R>::value, kind<A>::value..., 0};
        for (unsigned i = 0; i < sizeof got; i++)
            if (got[i] != want[i])
                return false;
        return true;
    }
};
template<class R, class... A> struct abi<R (*)(A..., ...)> { static constexpr bool is(const char *) { return true; } };
""".strip().splitlines()


def data(model, emit_layouts, layout):
    """(names that mingw must know, text for people, line of C)."""
    for s in model.structs:
        for what, condition in emit_layouts.assertions(s):
            yield re.findall(r"\w+", what.split(" of ")[1]), what, f'_Static_assert({condition}, "{what}");'
    rows = [(name, value) for group in model.groups for name, value in group["values"].items()]
    rows += [*model.win32.items(), *((name, value) for name, (value, _) in model.ntstatus.items())]
    for name, value in rows:
        yield [name], f"{name} = {value:#x}", f'_Static_assert((DWORD)({name}) == {value & 0xFFFFFFFF:#x}, "{name}");'


def functions(model, emit_layouts, layout):
    layouts = layout.Layouts(model)

    def kind(text):
        if text in ("void", "VOID"):
            return "v"
        name = text.replace("const ", "")
        c = next((c for n, c, _, _ in model.types if n == name), name)
        return "p" if "*" in c or c in layouts.pointers else "f" if c in ("float", "double") else chr(ord("0") + layouts.type_of(text)[0])

    for f in model.functions:
        want = kind(f.returns) + "".join(kind(p.type) for p in f.params)
        text = f"{f.returns} {f.name}({', '.join(p.type for p in f.params)})"
        yield [f.name], text, f'static_assert(abi<decltype(&::{f.name})>::is("{want}"), "{f.name}");'


def compile_facts(compiler, language, head, rows):
    """(line of rows -> message, rows the compiler does not know)."""
    source = "\n".join(head + [line for _, _, line in rows]) + "\n"
    run = subprocess.run([compiler, "-x", language, *OPTIONS], input=source, capture_output=True, text=True)
    wrong, lacking = {}, set()
    for number, text in re.findall(r"^<stdin>:(\d+):\d+: (?:error|warning): (.*)$", run.stderr, re.M):
        number = int(number) - len(head) - 1
        if number < 0:
            sys.exit(f"the headers do not compile: {text}")
        lacking.add(number) if UNKNOWN.search(text) else wrong.setdefault(number, text)
    return {n: text for n, text in wrong.items() if n not in lacking}, lacking


def expected():
    lines = (Path(__file__).parent / "mingw_differences.txt").read_text().splitlines()
    return {line.split()[0] for line in lines if line and not line.startswith("#")}


def main(generator, spec, what, compiler):
    sys.path.insert(0, str(Path(generator).resolve().parent))
    import emit_layouts
    import layout
    import model
    made = data if what == "data" else functions
    settled = expected()
    rows = [row for row in made(model.load(spec), emit_layouts, layout) if row[0][-1] not in settled]
    expanded = subprocess.run([compiler, "-E", "-dD", *OPTIONS], input="\n".join(HEAD), capture_output=True, text=True).stdout
    names = set(re.findall(r"\w+", expanded))
    known = [row for row in rows if names.issuperset(row[0])]
    language, head = ("c", HEAD) if what == "data" else ("c++", HEAD + ABI)
    wrong, lacking = compile_facts(compiler, language, head, known)
    for number, text in sorted(wrong.items()):
        print(f"differs: {known[number][1]}   ({text})")
    agree = len(known) - len(lacking) - len(wrong)
    print(f"{len(rows)} facts: {agree} agree, {len(wrong)} differ, {len(rows) - len(known) + len(lacking)} unknown to mingw-w64")
    return 1 if wrong or agree < len(rows) // 5 else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
