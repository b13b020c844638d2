#!/usr/bin/env python3
"""The dynamic symbols of the library are those the spec says, no more and no fewer.

symbols.py GENERATOR SPEC LIBRARY
"""

import subprocess
import sys
from pathlib import Path


def main(generator, spec, library):
    sys.path.insert(0, str(Path(generator).resolve().parent))
    import model
    api = model.load(spec)
    said = {f.name for f in api.functions if f.elf} | set(api.host_exports)
    lines = subprocess.run(["nm", "-D", "--defined-only", library], capture_output=True, text=True, check=True).stdout.splitlines()
    has = {line.split()[2].split("@")[0] for line in lines}
    data = [line for line in lines if line.split()[1] != "T"]
    for name in sorted(said - has):
        print(f"the spec exports {name}, the library does not")
    for name in sorted(has - said):
        print(f"the library exports {name}, the spec does not")
    for line in data:
        print(f"not a function: {line}")
    print(f"{len(has)} symbols")
    return 1 if has != said or data else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
