#!/usr/bin/env python3
"""Tests the spec generator like a compiler.

golden.py GENERATOR good [--refresh]   the outputs for good/spec equal the files of good/expected (--refresh writes these anew)
golden.py GENERATOR bad/NAME.toml      good/spec with this file added fails with exactly the complaints of its "# expect: " lines
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent


def generate(generator, what, spec, out):
    return subprocess.run([sys.executable, generator, what, ".", out], cwd=spec, capture_output=True, text=True)


def again(generator):
    """What has not changed keeps its time; the depfile names what the outputs are made from."""
    wrong = []
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, generator, "code", "spec", out, f"{out}/made.d"]
        times = []
        for _ in range(2):
            subprocess.run(command, cwd=HERE / "good", check=True)
            times.append({p.name: p.stat().st_mtime_ns for p in Path(out).iterdir() if p.suffix != ".d"})
        if times[0] != times[1]:
            wrong.append("outputs were written anew though nothing had changed")
        targets, sources = Path(out, "made.d").read_text().replace("\\\n", " ").split(": ")
        for name in ("spec", "spec/small.toml", "spec/types.toml", str(Path(generator).parent / "model.py")):
            if name not in sources.split():
                wrong.append(f"the depfile does not name {name}")
        if {Path(t).name for t in targets.split()} != set(times[0]):
            wrong.append(f"the depfile is about {targets}")
    return wrong


def good(generator, refresh):
    with tempfile.TemporaryDirectory() as out:
        for what in ("headers", "code"):
            run = generate(generator, what, HERE / "good/spec", out)
            if run.returncode:
                return [run.stderr]
        made = {p.name: p.read_text() for p in Path(out).iterdir()}
    expected = HERE / "good/expected"
    if refresh:
        shutil.rmtree(expected, ignore_errors=True)
        expected.mkdir()
        for name, text in made.items():
            (expected / name).write_text(text)
    stored = {p.name: p.read_text() for p in expected.iterdir()}
    wrong = [f"{name}: made but not expected" for name in sorted(set(made) - set(stored))]
    wrong += [f"{name}: expected but not made" for name in sorted(set(stored) - set(made))]
    for name in sorted(set(made) & set(stored)):
        for number, (a, b) in enumerate(zip(made[name].splitlines(), stored[name].splitlines()), 1):
            if a != b:
                wrong.append(f"{name}:{number}:\n  made     {a}\n  expected {b}")
                break
        else:
            if made[name] != stored[name]:
                wrong.append(f"{name}: one is longer than the other")
    return wrong + again(generator)


def bad(generator, case):
    text = (HERE / case).read_text()
    expected = [line[len("# expect: "):] for line in text.splitlines() if line.startswith("# expect: ")]
    with tempfile.TemporaryDirectory() as folder:
        spec = Path(folder) / "spec"
        shutil.copytree(HERE / "good/spec", spec)
        (spec / "bad.toml").write_text(text)
        run = generate(generator, "code", spec, str(Path(folder) / "out"))
    said = run.stderr.strip().splitlines()
    if not expected:
        return ["the case expects nothing"]
    if run.returncode != 1 or said != expected:
        return [f"exit code {run.returncode}", *(f"said     {line}" for line in said), *(f"expected {line}" for line in expected)]
    return []


def main():
    generator = str(Path(sys.argv[1]).resolve())
    wrong = good(generator, "--refresh" in sys.argv) if sys.argv[2] == "good" else bad(generator, sys.argv[2])
    print("\n".join(wrong) or "as expected")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
