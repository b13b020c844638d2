#!/usr/bin/env python3
"""How long `winmem run` takes for a hello world, against the native one, and against Wine when that is installed.

bench_start.py WINMEM NATIVE-HELLO HELLO.EXE
"""

import os
import shutil
import subprocess
import sys

from ratio import line, medians

LIMIT = 5  # winmem to native: both are dominated by the kernel's exec and the dynamic linker


def wine_works(windows, env):
    """The first start of Wine makes its folder, which is not what is measured."""
    try:
        return subprocess.run(["wine", windows], env=env, capture_output=True, timeout=120).stdout.startswith(b"Hello")
    except (OSError, subprocess.TimeoutExpired):
        return False


def main(winmem, native, windows):
    env = dict(os.environ, WINEDEBUG="-all")
    spent = medians({"native": [native], "winmem": [winmem, "run", windows]}, 200)
    good = line("hello world, winmem to native", spent, "winmem", "native", LIMIT)
    if shutil.which("wine") and wine_works(windows, env):
        # in runs of their own: a Wine server that lingers would slow the others down
        spent = medians({"wine": ["wine", windows], "winmem": [winmem, "run", windows]}, 15, env=env)
        line("hello world, Wine to winmem", spent, "wine", "winmem")
    else:
        print("hello world, Wine to winmem: left out, Wine does not run here")
    return 0 if good else 1


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
