#!/usr/bin/env python3
"""Each statement of the spec about memory is proved by a Windows program, or its quirk says why not; nothing is proved that it does not say.

proof.py SPEC PE            PE: the folder of the Windows programs

A statement about a function that is only a name yet waits for it.
"""

import re
import sys
import tomllib
from pathlib import Path

TABLE = re.compile(r"const struct statement (\w+)_statements\[\] = \{(.*?)\};", re.S)


PROGRAMS = (("behaviour.toml", "conformance", "VM"), ("kmt_behaviour.toml", "gpu_memory", "KMT"),
            ("kmt_behaviour_device.toml", "gpu_device", "KMT"))


def proved(folder, program, prefix):
    """{identity: the topics whose table has it}; a table that the program does not run counts for nothing."""
    topics = {}
    run = (folder / f"{program}.c").read_text()
    for source in folder.glob(f"{program}_*.c"):
        for topic, table in TABLE.findall(source.read_text()):
            for number in re.findall(r"\bS\((\d{3})\)", table):
                if re.search(rf"\b{topic}_statements,", run):
                    topics.setdefault(f"{prefix}-{number}", []).append(topic)
    return topics


def planned(spec):
    """The functions that are only names yet."""
    names = set()
    for path in spec.glob("*.toml"):
        names |= {f["name"] for f in tomllib.loads(path.read_text()).get("function", []) if f.get("status") == "planned"}
    return names


def check(file, tables, waiting):
    """What is wrong with the statements of the file, and how many they are."""
    statements = {statement["id"]: statement for statement in tomllib.loads(file.read_text())["statement"]}
    wrong = [f"{id} has neither a proof nor a quirk" for id, s in statements.items()
             if id not in tables and "quirk" not in s and not waiting & set(s["functions"])]
    wrong += [f"{id} is proved in {', '.join(topics)}, but spec/{file.name} has no sentence" for id, topics in tables.items() if id not in statements]
    wrong += [f"{id} is in more than one table: {', '.join(topics)}" for id, topics in tables.items() if len(topics) > 1]
    return wrong, len(statements)


def main(spec, pe):
    wrong, total = [], 0
    for name, program, prefix in PROGRAMS:
        found, count = check(Path(spec) / name, proved(Path(pe), program, prefix), planned(Path(spec)))
        wrong += found
        total += count
    print("\n".join(wrong), end="\n" if wrong else "")
    print(f"{total - len(wrong)} passed, {len(wrong)} failed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
