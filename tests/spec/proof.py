#!/usr/bin/env python3
"""Each statement of spec/behaviour.toml is proved by the conformance program, or its quirk says why not; nothing is proved that it does not say.

proof.py SPEC PE            PE: the folder of the Windows programs
"""

import re
import sys
import tomllib
from pathlib import Path

TABLE = re.compile(r"const struct statement (\w+)_statements\[\] = \{(.*?)\};", re.S)


def proved(folder):
    """{identity: the topics whose table has it}; a table that the program does not run counts for nothing."""
    topics = {}
    run = (folder / "conformance.c").read_text()
    for source in folder.glob("conformance_*.c"):
        for topic, table in TABLE.findall(source.read_text()):
            for number in re.findall(r"\bS\((\d{3})\)", table):
                if re.search(rf"\b{topic}_statements,", run):
                    topics.setdefault(f"VM-{number}", []).append(topic)
    return topics


def main(spec, pe):
    with (Path(spec) / "behaviour.toml").open("rb") as file:
        statements = {statement["id"]: statement for statement in tomllib.load(file)["statement"]}
    tables = proved(Path(pe))
    wrong = [f"{id} has neither a proof nor a quirk" for id, s in statements.items() if id not in tables and "quirk" not in s]
    wrong += [f"{id} is proved in {', '.join(topics)}, but spec/behaviour.toml has no sentence" for id, topics in tables.items() if id not in statements]
    wrong += [f"{id} is in more than one table: {', '.join(topics)}" for id, topics in tables.items() if len(topics) > 1]
    print("\n".join(wrong), end="\n" if wrong else "")
    print(f"{len(statements) - len(wrong)} passed, {len(wrong)} failed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
