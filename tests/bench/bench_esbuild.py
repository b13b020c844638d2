#!/usr/bin/env python3
"""How long the Windows build of esbuild takes under `winmem run` for the demo's project, against the native build of the same version.

bench_esbuild.py WINMEM CACHE       CACHE is where `tools/dev demo` keeps packages and project (the variable WINMEM_CACHE goes before it);
                                    without it the benchmark is skipped (77)
"""

import os
import sys
from pathlib import Path

from ratio import line, medians

ROUNDS = 15
LIMIT = 1.15


def main(winmem, cache):
    winmem, cache = Path(winmem).resolve(), Path(os.environ.get("WINMEM_CACHE", cache)).resolve()
    packages, project = cache / "packages/@esbuild", cache / "project"
    native, windows = packages / "linux-x64/bin/esbuild", packages / "win32-x64/esbuild.exe"
    if not (native.exists() and windows.exists() and (project / "entry.ts").exists()):
        print("esbuild bundle: left out, run `tools/dev demo` first (it fetches the packages)")
        return 77
    arguments = ["entry.ts", "--bundle", "--minify", "--sourcemap", "--log-level=warning", "--outfile=bench.js"]
    spent = medians({"native": [native, *arguments], "winmem": [winmem, "run", windows, *arguments]}, ROUNDS, cwd=project)
    good = line("esbuild bundle of about 600 modules, winmem to native", spent, "winmem", "native", LIMIT)
    for left in project.glob("bench.js*"):
        left.unlink()
    return 0 if good else 1


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
