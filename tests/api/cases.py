#!/usr/bin/env python3
"""Runs the calls of spec/cases/FILE.toml through `winmem call` and compares result, buffers and error with what the case says.

cases.py WINMEM GENERATOR SPEC FILE

A case whose calls are not all built is skipped. An expected error must be one that the function's spec entry lists.
"""

import os
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

KEYS = {"what", "calls", "privileges", "environment", "result", "error", "out", "source"}


class Spec:
    def __init__(self, generator, folder):
        sys.path.insert(0, str(Path(generator).resolve().parent))
        import model
        api = model.load(folder)
        self.functions = {f.name: f for f in api.functions}
        self.numbers = {n: v for g in api.groups for n, v in g["values"].items()}
        self.numbers |= api.win32 | {n: v for n, (v, _) in api.ntstatus.items()}

    def number(self, text):
        """Terms joined by '+': numbers and names."""
        return sum(self.numbers[t] if t in self.numbers else int(t, 0) for t in str(text).split("+"))

    def built(self, name):
        f = self.functions[name]
        while f.forward:
            f = self.functions[f.forward.split("!")[1]]
        return f.status != "planned"

    def errors(self, name):
        return {e["code"] for e in self.functions[name].entry.get("error", [])}


def run(winmem, calls, privileges, variables):
    """[(result, {argument: bytes}, last error)] of the calls, made in one process that holds these privileges and has these variables."""
    words = " then ".join(calls).split()
    done = subprocess.run([winmem, "call", *words], capture_output=True, text=True, timeout=30,
                          env=os.environ | variables | {"WINMEM_PRIVILEGES": privileges})
    if done.returncode:
        raise ValueError(f"exit code {done.returncode}: {done.stderr.strip()}")
    results = []
    for line in done.stdout.splitlines():
        if match := re.match(r"  &(\d+)\+[0-9A-F]+: (.*)", line):
            buffers = results[-1][1]
            buffers[match.group(1)] = buffers.get(match.group(1), b"") + bytes.fromhex(match.group(2))
        elif match := re.match(r"  last error (\d+)", line):
            results[-1][2] = int(match.group(1))
        elif match := re.match(r"\w+ = (?:void|(0x[0-9A-F]+)|-?\d+ \((0x[0-9A-F]+)\))", line):
            results.append([int(match.group(1) or match.group(2) or "0", 16), {}, 0])
    if len(results) != len(calls):
        raise ValueError(f"{len(calls)} calls, {len(results)} results")
    return results


def wrong_with(spec, case, results):
    result, buffers, last_error = results[-1]
    function = spec.functions[case["calls"][-1].split()[0]]
    by_value = function.fails in ("code", "status", "hresult")
    error = case.get("error")
    if error and error not in spec.errors(function.name):
        yield f"{error} is not among the errors in the spec of {function.name}"
    expected = case.get("result", error if by_value else None)
    if expected == "nonzero":
        if not result:
            yield "the result is 0"
    elif expected is None:
        yield "the case expects no result"
    elif result != spec.number(expected) % (1 << 64) and result != spec.number(expected) % (1 << 32):
        yield f"the result is {result:#x}, not {expected}"
    if not by_value and last_error != spec.number(error or 0):
        yield f"the last error is {last_error}, not {error}"
    for argument, value in case.get("out", {}).items():
        if int.from_bytes(buffers[argument][:8], "little") != spec.number(value):
            yield f"argument {argument} is {buffers[argument].hex(' ')}, not {value}"


def main(winmem, generator, folder, path):
    spec = Spec(generator, folder)
    cases = tomllib.loads(Path(path).read_text())["case"]
    failed = skipped = 0
    for case in cases:
        names = [call.split()[0] for call in case["calls"]]
        unknown = set(case) - KEYS | {name for name in names if name not in spec.functions}
        if not unknown and not all(spec.built(name) for name in names):
            skipped += 1
            continue
        try:
            wrong = [f"unknown: {', '.join(unknown)}"] if unknown else list(wrong_with(spec, case, run(winmem, case["calls"], case.get("privileges", ""), case.get("environment", {}))))
        except (ValueError, KeyError, subprocess.TimeoutExpired) as error:
            wrong = [repr(error)]
        if wrong:
            failed += 1
            print(f"failed: {case.get('what')} ({case['calls'][-1]}): {'; '.join(wrong)}")
    print(f"{len(cases) - failed - skipped} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as own:
        os.environ["WINMEM_GPU_DIR"] = own    # the simulated adapters of these calls are nobody else's
        sys.exit(main(*sys.argv[1:]))
