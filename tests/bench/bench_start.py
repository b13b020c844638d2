#!/usr/bin/env python3
"""Wall time of whole programs under `winmem run` against their native twins: medians of alternating runs, one table of ratios.

bench_start.py WINMEM NATIVE-HELLO HELLO.EXE [CACHE]

CACHE is where `tools/dev demo` keeps its packages; with them the bundler is measured too, else it says that it was left out. With Wine
installed, its time for the same hello world is a column of its own.
"""

import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path


def seconds(command, cwd=None, env=None):
    """One run, from before the spawn to the exit status; output thrown away."""
    begin = time.perf_counter()
    subprocess.run(command, cwd=cwd, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, check=True)
    return time.perf_counter() - begin


def medians(commands, rounds, cwd=None, env=None):
    """The median of each command, run in turns so that a busy moment hits all alike. The first round warms the caches."""
    times = {name: [] for name in commands}
    for turn in range(rounds + 1):
        for name, command in commands.items():
            spent = seconds(command, cwd, env)
            if turn:
                times[name].append(spent)
    return {name: statistics.median(values) for name, values in times.items()}


def row(work, spent, limit):
    ratio = spent["winmem"] / spent["native"]
    others = "".join(f", {name} {value * 1e3:.2f} ms" for name, value in spent.items() if name not in ("winmem", "native"))
    verdict = "" if ratio <= limit else "  ABOVE"
    print(f"{work:<34} {ratio:5.2f}  (at most {limit}){verdict}   winmem {spent['winmem'] * 1e3:.2f} ms, native {spent['native'] * 1e3:.2f} ms{others}")


def hello(winmem, native, windows):
    commands = {"native": [native], "winmem": [winmem, "run", windows]}
    if shutil.which("wine"):
        commands["wine"] = ["wine", windows]
    env = dict(os.environ, WINEDEBUG="-all")
    row("hello world", medians(commands, 15 if "wine" in commands else 200, env=env), 5)


def bundle(winmem, cache):
    native, windows, project = (cache / "packages/@esbuild/linux-x64/bin/esbuild", cache / "packages/@esbuild/win32-x64/esbuild.exe",
                                cache / "project")
    if not (native.exists() and windows.exists() and project.exists()):
        print("esbuild bundle: left out, run `tools/dev demo` first (it fetches the packages)")
        return
    arguments = ["entry.ts", "--bundle", "--minify", "--sourcemap", "--outfile=bench.js"]
    commands = {"native": [native, *arguments], "winmem": [winmem, "run", windows, *arguments]}
    row("esbuild bundle, about 600 modules", medians(commands, 15, cwd=project), 1.15)


def main(winmem, native, windows, cache=None):
    hello(winmem, native, windows)
    bundle(winmem, Path(cache)) if cache else print("esbuild bundle: left out, no package cache named")


if __name__ == "__main__":
    main(*sys.argv[1:])
