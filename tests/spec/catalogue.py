#!/usr/bin/env python3
"""Every name of the catalogue is there: as a symbol and in the coverage table, as a macro, or as a type.

catalogue.py CATALOGUE WINMEM LIBRARY HEADERS
"""

import re
import subprocess
import sys
from pathlib import Path


def output(*words):
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def main(catalogue, winmem, library, headers):
    coverage = {row.split()[0]: row.split()[2] for row in output(winmem, "exports", "--coverage").split("\n\n")[0].splitlines()}
    symbols = {line.split()[2].split("@")[0] for line in output("nm", "-D", "--defined-only", library).splitlines()}
    public = "\n".join(path.read_text() for path in Path(headers).glob("*.h"))
    wrong = []

    def function(name):
        if name not in symbols:
            wrong.append(f"{name}: not exported")
        if coverage.get(name) not in ("implemented", "planned", "refused"):
            wrong.append(f"{name}: not in the coverage table")
        if not re.search(rf"\b{name}\(", public):
            wrong.append(f"{name}: not in the public headers")

    rows = [line.split() for line in Path(catalogue).read_text().splitlines() if line and not line.startswith("#")]
    for name, *kind in rows:
        match kind:
            case []:
                function(name)
            case ["letters"]:
                function(name + "A")
                function(name + "W")
            case ["macro"]:
                if coverage.get(name) != "macro" or f"#define {name}(" not in public:
                    wrong.append(f"{name}: no macro")
            case ["type", type_name]:
                if not re.search(rf"typedef .*\b{type_name}\b", public):
                    wrong.append(f"{name}: no type {type_name}")
            case _:
                wrong.append(f"{name}: what is {' '.join(kind)}?")
    print("\n".join(wrong) if wrong else f"{len(rows)} names")
    return 1 if wrong or len(rows) < 100 else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
