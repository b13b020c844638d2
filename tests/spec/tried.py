#!/usr/bin/env python3
"""Each built function of the memory families has cases in spec/cases/, and each error in its entry has as many cases as it has conditions.

tried.py GENERATOR SPEC [strict]      without strict, conditions without a case are printed and do not count: while functions are being built

Only the last call of a case counts. An [[untried]] of the case files excuses one condition; it must name an error that the entry has.
"""

import sys
import tomllib
from collections import Counter
from pathlib import Path

FAMILIES = ("virtual", "awe", "general", "workingset", "native", "native_memory", "offer")


def main(generator, spec, strict=None):
    sys.path.insert(0, str(Path(generator).resolve().parent))
    import model
    built = {f.name: f for f in model.load(spec).functions if f.family in FAMILIES and f.status == "done" and not f.forward}
    tried, excused, called = Counter(), Counter(), set()
    for path in sorted(Path(spec, "cases").glob("*.toml")):
        cases = tomllib.loads(path.read_text())
        for case in cases.get("case", []):
            name = case["calls"][-1].split()[0]
            called.add(name)
            tried[name, case.get("error")] += 1
        for entry in cases.get("untried", []):
            excused[entry["function"], entry["error"]] += 1
    wrong = [f"{name} has no case" for name in built if name not in called]
    missing = []
    conditions = Counter((name, error["code"]) for name, f in built.items() for error in f.entry.get("error", []))
    for (name, code), wanted in conditions.items():
        if tried[name, code] + excused[name, code] < wanted:
            missing.append(f"{name}: {code} has {wanted} conditions in the spec, {tried[name, code]} cases and {excused[name, code]} excuses")
    missing += [f"{name}: {code} is excused and not in the spec" for name, code in excused if name in built and (name, code) not in conditions]
    print("".join(line + "\n" for line in wrong + missing), end="")
    wrong += missing if strict else []
    print(f"{len(built) + len(conditions) - len(wrong)} passed, {len(wrong)} failed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
