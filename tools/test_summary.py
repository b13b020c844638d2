#!/usr/bin/env python3
"""Counts what `meson test` ran, by kind: test programs, the cases inside them, and what was skipped and why."""

import json
import re
import sys
from collections import Counter

CASES = re.compile(r"\d+%: Checks: (\d+), Failures: (\d+), Errors: (\d+)")   # Check's closing line
LINES = re.compile(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$", re.M)  # our own programs'
GOOD, SKIPPED = {"OK", "EXPECTEDFAIL"}, {"SKIP"}


def cases(text):
    """How many cases one program says it ran; a program that counts none is one case."""
    total = sum(int(m.group(1)) for m in CASES.finditer(text))
    total += sum(int(m.group(1)) + int(m.group(2)) for m in LINES.finditer(text))
    return total or 1


def main(path):
    programs, inside, skipped, passed, failed = Counter(), Counter(), [], 0, 0
    with open(path) as log:
        for line in log:
            test = json.loads(line)
            kind = test["name"].split(" / ")[0] if " / " in test["name"] else "other"
            suites = test.get("suite") or [kind]
            kind = suites[0].split(":")[-1]
            text = test.get("stdout") or ""
            if test["result"] in SKIPPED:
                reason = (text.strip().splitlines() or ["no reason given"])[-1]
                skipped.append(f"{test['name']}: {reason}")
                continue
            programs[kind] += 1
            inside[kind] += cases(text)
            if test["result"] in GOOD:
                passed += 1
            else:
                failed += 1
    print("\nkind      programs  cases")
    for kind in sorted(programs):
        print(f"{kind:<9} {programs[kind]:>8} {inside[kind]:>6}")
    for line in skipped:
        print(f"skipped   {line}")
    print(f"\n{passed} passed, {failed} failed, {len(skipped)} skipped")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
