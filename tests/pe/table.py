#!/usr/bin/env python3
"""Every statement of the memory API and of video memory, and where it holds, as a Markdown table.

table.py CONFORMANCE.exe WINMEM [NAME=OUTPUT...]

Runs the conformance program under winmem (without and with the privilege to lock memory) and, where it is installed, under Wine. The output
of a run on another system is added by its name: on Windows `conformance.exe > windows.txt`, then Windows=windows.txt here. The programs about
the simulated GPU (KMT) lie beside it; where there is no such GPU their statements are "not available".
Exit code 1 when a statement fails under winmem.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from run import VERDICT, sentences

SECONDS = 300
GPU_PROGRAMS = {"gpu_memory.exe": ["--commit-limit", "512M"],
                "gpu_device.exe": ["--privilege", "SeIncreaseBasePriorityPrivilege", "--privilege", "SeDebugPrivilege"]}
GPU = "adapter local=64M nonlocal=64M; adapter local=32M nonlocal=32M"


def verdicts(text):
    """{identity: (pass, fail or skip; what was said)}"""
    found = {}
    for line in text.replace("\r", "").splitlines():
        if match := VERDICT.match(line):
            found[match[1]] = (match[2], match[3].strip())
    return found


def ask(command):
    with tempfile.TemporaryDirectory(prefix="winmem-test-") as machine:
        done = subprocess.run(command, capture_output=True, timeout=SECONDS,
                              env={**os.environ, "WINEDEBUG": "-all", "WINMEM_GPU": GPU, "WINMEM_GPU_DIR": machine})
    return verdicts(done.stdout.decode("utf-8", "replace"))


def ask_gpu(folder, winmem):
    """The statements about the simulated GPU, of the programs that are there."""
    found = {}
    for name, options in GPU_PROGRAMS.items():
        if (folder / name).exists():
            found |= ask([winmem, "run", *options, folder / name])
    return found


def joined(first, second):
    """A statement is proved by either run, and disproved by either."""
    rank = {"fail": 0, "pass": 1, "skip": 2}
    return {id: min(first.get(id, ("skip", "")), second.get(id, ("skip", "")), key=lambda v: rank[v[0]]) for id in {**first, **second}}


def cell(results, id):
    missing = "not available" if results and id.startswith("KMT-") else "not recorded"
    return results.get(id, (missing, ""))[0] if results else missing


def main(program, winmem, *recorded):
    run = [winmem, "run"]
    results = {"winmem": joined(ask([*run, program]), ask([*run, "--privilege", "SeLockMemoryPrivilege", program])) |
               ask_gpu(Path(program).parent, winmem),
               "Wine": ask(["wine", program]) if shutil.which("wine") else None, "Windows": None}
    for pair in recorded:
        name, path = pair.split("=", 1)
        results[name] = verdicts(Path(path).read_text(errors="replace"))
    known, names = sentences(), list(results)
    print(f"| | statement | {' | '.join(names)} |\n|---|---{'|---' * len(names)}|")
    for id, sentence in known.items():
        words = ["quirk" if name == "winmem" and id not in results[name] and "quirk" in sentence else cell(results[name], id) for name in names]
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
