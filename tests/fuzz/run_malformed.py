#!/usr/bin/env python3
"""Starts each program of make_malformed.py: a refusal says why and has exit code 126, what is harmless starts; nothing crashes or hangs.

run_malformed.py FOLDER RUNNER...        RUNNER is "build/tools/winmem/winmem run"
"""

import subprocess
import sys
from pathlib import Path

REFUSED = 126
SECONDS = 30  # for one program; each takes a few hundredths


def run(command):
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return "too long", ""
    return done.returncode, done.stderr.decode("utf-8", "replace")


def complaint(path, stage, message, runner):
    """What is wrong with the start of this program, or None."""
    # relocations are read only when the image moves
    moved = ["--aslr"] if stage == "relocate" else []
    code, errors = run([*runner, *moved, str(path)])
    if stage == "fine":
        return None if code != REFUSED and isinstance(code, int) and 0 <= code < 128 else f"exit code {code}: {errors}"
    if code != REFUSED:
        return f"exit code {code}, not {REFUSED}: {errors}"
    if not errors.startswith("winmem: ") or errors.count("\n") != 1 or message not in errors:
        return f"the complaint is not one line with {message!r}: {errors}"
    return None


def main(folder, *runner):
    passed = failed = 0
    for line in (Path(folder) / "expected.tsv").read_text().splitlines():
        name, stage, _, message = line.split("\t")
        wrong = complaint(Path(folder) / f"{name}.exe", stage, message, runner)
        if wrong:
            failed += 1
            print(f"{name}: {wrong.rstrip()}")
        else:
            passed += 1
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
