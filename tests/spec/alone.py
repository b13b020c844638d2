#!/usr/bin/env python3
"""Each public header compiles alone, as C11 and as C++17, without a warning, with every compiler that is here.

alone.py BUILD-INCLUDE SOURCE-INCLUDE LAYOUTS   LAYOUTS, the generated assertions about structs, must hold for each of them, too
"""

import shutil
import subprocess
import sys
from pathlib import Path

COMPILERS = ["gcc", "g++", "clang", "clang++", "x86_64-w64-mingw32-gcc", "x86_64-w64-mingw32-g++"]


def main(build, source, layouts):
    headers = sorted({p.name for folder in (build, source) for p in Path(folder, "winmem").glob("*.h")})
    failed = 0
    for compiler in filter(shutil.which, COMPILERS):
        plus = compiler.endswith("++")
        command = [compiler, "-x", "c++" if plus else "c", "-std=c++17" if plus else "-std=c11", "-Wall", "-Wextra", "-Werror", "-pedantic",
                   "-fsyntax-only", f"-I{build}", f"-I{source}", "-"]
        texts = {name: f"#include <winmem/{name}>\n" for name in headers}
        texts["all of them"] = "".join(texts.values())
        texts["layouts.c"] = ("#define _Alignof alignof\n#define _Static_assert static_assert\n" if plus else "") + Path(layouts).read_text()
        for name, text in texts.items():
            run = subprocess.run(command, input=text, capture_output=True, text=True)
            if run.returncode:
                failed += 1
                print(f"{compiler}: {name}:\n{run.stderr[:1500]}")
        print(f"{compiler}: {len(texts)} compiled")
    return 1 if failed or len(headers) < 2 else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
