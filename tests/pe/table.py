#!/usr/bin/env python3
"""Every statement of the memory API and where it holds, as a Markdown table.

table.py CONFORMANCE.exe WINMEM [NAME=OUTPUT...]

Runs the conformance program under winmem (without and with the privilege to lock memory) and, where it is installed, under Wine. The output
of a run on another system is added by its name: on Windows `conformance.exe > windows.txt`, then Windows=windows.txt here.
Exit code 1 when a statement fails under winmem.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from run import VERDICT, sentences

SECONDS = 300


def verdicts(text):
    """{identity: (pass, fail or skip; what was said)}"""
    found = {}
    for line in text.replace("\r", "").splitlines():
        if match := VERDICT.match(line):
            found[match[1]] = (match[2], match[3].strip())
    return found


def ask(command):
    done = subprocess.run(command, capture_output=True, timeout=SECONDS, env={**os.environ, "WINEDEBUG": "-all"})
    return verdicts(done.stdout.decode("utf-8", "replace"))


def joined(first, second):
    """A statement is proved by either run, and disproved by either."""
    rank = {"fail": 0, "pass": 1, "skip": 2}
    return {id: min(first.get(id, ("skip", "")), second.get(id, ("skip", "")), key=lambda v: rank[v[0]]) for id in {**first, **second}}


def cell(results, id):
    return results.get(id, ("not recorded", ""))[0] if results else "not recorded"


def main(program, winmem, *recorded):
    run = [winmem, "run"]
    results = {"winmem": joined(ask([*run, program]), ask([*run, "--privilege", "SeLockMemoryPrivilege", program])),
               "Wine": ask(["wine", program]) if shutil.which("wine") else None, "Windows": None}
    for pair in recorded:
        name, path = pair.split("=", 1)
        results[name] = verdicts(Path(path).read_text(errors="replace"))
    known, names = sentences(), list(results)
    print(f"| | statement | {' | '.join(names)} |\n|---|---{'|---' * len(names)}|")
    for id, sentence in known.items():
        words = [cell(results[name], id) for name in names]
        print(f"| {id} | {sentence['statement']} | {' | '.join(words)} |")
    print()
    for name, found in results.items():
        if found:
            words = [word for word, _ in found.values()]
            print(f"{name}: " + ", ".join(f"{words.count(word)} {said}" for word, said in
                                          (("pass", "hold"), ("fail", "do not"), ("skip", "could not be tried"))))
    for name, found in results.items():
        for id, (word, said) in sorted((found or {}).items()):
            if word != "pass":
                quirk = known.get(id, {}).get("quirk") if name == "winmem" else None
                print(f"- {name} {id} {word}: {quirk or said}")
    return 1 if any(word == "fail" for word, _ in results["winmem"].values()) else 0


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
