#!/usr/bin/env python3
"""The prices of memory calls that a Windows program meets under `winmem run`, and under Wine when that is installed.

bench_windows.py WINMEM BENCH_WINDOWS.EXE
"""

import os
import subprocess
import sys


def prices(command):
    """Nanoseconds by name, or None when it does not run."""
    try:
        done = subprocess.run(command, env=dict(os.environ, WINEDEBUG="-all"), capture_output=True, text=True, timeout=240)
    except (OSError, subprocess.TimeoutExpired):
        return None
    rows = [row.split("\t") for row in done.stdout.splitlines()]
    return {name: int(value) for name, value in rows} if done.returncode == 0 else None


def main(winmem, program):
    ours, wine = prices([winmem, "run", program]), prices(["wine", program])
    if not ours:
        print("the program did not run under winmem")
        return 1
    for name, price in ours.items():
        if wine and name in wine:
            print(f"{name}, Wine to winmem: {wine[name] / max(price, 1):.2f} (no limit)   {wine[name]} ns to {price} ns")
        else:
            why = "Wine does not have it" if wine else "Wine does not run here"
            print(f"{name}, Wine to winmem: left out, {why}   winmem {price} ns")
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
