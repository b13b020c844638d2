"""Reads spec/*.toml into one model. Every complaint names file and line; check.py says what else must hold."""

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

FAILS = {"false", "null", "zero", "invalid", "minus1", "argument", "badmem", "code", "status", "hresult", "never"}
STATUSES = {"done", "planned", "refused"}

# table -> (keys it must have, keys it may have)
KEYS = {
    "family": ({"name", "summary"}, {"header", "module", "elf"}),
    "function": ({"name", "returns", "fails", "params"},
                 {"summary", "header", "module", "apiset", "since", "status", "source", "flags", "error", "elf", "face", "forward",
                  "noreturn", "raw", "ordinal", "notes", "quirk", "refusal"}),
    "error": ({"when", "code"}, {"source"}),
    "module": ({"name", "prefix"}, {"strip"}),
    "host": ({"exports"}, set()),
    "type": ({"header", "names"}, set()),
    "opaque": ({"header", "names"}, {"source"}),
    "callback": ({"name", "header", "returns", "params"}, {"source"}),
    "struct": ({"name", "header", "size", "align", "fields"}, {"pointers", "union", "tag", "kind", "force_align", "packed", "source"}),
    "group": ({"name", "values"}, {"header", "source"}),
    "macro": ({"name", "header", "text", "source"}, set()),
    "statement": ({"id", "statement", "functions", "basis", "source"}, {"quirk"}),
}
WHOLE = {"ntstatus", "win32"}  # name = value tables without keys of their own
TYPES = {"names": dict, "values": dict, "flags": dict, "params": list, "fields": list, "pointers": list, "apiset": list, "module": list,
         "functions": list, "error": list, "exports": list, "size": int, "align": int, "ordinal": int, "elf": bool, "raw": bool, "noreturn": bool,
         "union": bool, "force_align": bool, "packed": bool}


class SpecError(Exception):
    pass


@dataclass
class Param:
    direction: str
    optional: bool
    size: str | None
    type: str
    name: str


@dataclass
class Function:
    name: str
    family: str
    header: str
    modules: list
    apisets: list
    returns: str
    fails: str
    params: list
    status: str
    elf: bool
    face: str
    forward: str | None
    noreturn: bool
    raw: bool                                      # the gate is written by hand in assembler
    entry: dict
    where: "Where"
    index: int = 0


@dataclass
class Model:
    modules: list = field(default_factory=list)
    types: list = field(default_factory=list)      # (name, c, header, where)
    opaque: list = field(default_factory=list)     # (struct name, where)
    callbacks: list = field(default_factory=list)
    structs: list = field(default_factory=list)
    groups: list = field(default_factory=list)
    statements: list = field(default_factory=list)
    macros: list = field(default_factory=list)
    ntstatus: dict = field(default_factory=dict)   # name -> (number, win32 name)
    win32: dict = field(default_factory=dict)
    code_where: dict = field(default_factory=dict)
    functions: list = field(default_factory=list)
    families: dict = field(default_factory=dict)
    host_exports: list = field(default_factory=list)
    complaints: list = field(default_factory=list)

    def complain(self, where, text):
        self.complaints.append(f"{where}: {text}")

    def report(self):
        """All complaints together, by file and line."""
        if self.complaints:
            raise SpecError("\n".join(sorted(self.complaints, key=lambda c: (c.split(":")[0], int(c.split(":")[1])))))


class Where:
    """A table of a file: the lines from its header to the next one of its rank. str() is "file:line" of its name."""

    def __init__(self, path, lines, first, last):
        self.path, self.lines, self.first, self.last = path, lines, first, last

    def line(self, *needles):
        """The first line of the table that has all the needles, else the table's header."""
        for number in range(self.first, self.last + 1):
            if all(needle in self.lines[number - 1] for needle in needles):
                return f"{self.path}:{number}"
        return f"{self.path}:{self.first}"

    def key(self, key):
        for number in range(self.first, self.last + 1):
            if re.match(r'\s*"?' + re.escape(key) + r'"?\s*=', self.lines[number - 1]):
                return f"{self.path}:{number}"
        return f"{self.path}:{self.first}"

    def __str__(self):
        return self.key("name")


def table_lines(path, lines, kind):
    """Where each [kind] or [[kind]] of the file lies, in order; [kind.x] belongs to the kind before it."""
    starts = [n for n, line in enumerate(lines, 1) if re.match(rf"\s*\[\[?\s*{kind}\s*\]", line)]
    for first in starts:
        last = first
        while last < len(lines) and not (re.match(r"\s*\[\[?\s*[\w-]+\s*[\].]", lines[last]) and
                                         not re.match(rf"\s*\[\[?\s*{kind}\s*\.", lines[last])):
            last += 1
        yield Where(path, lines, first, last)


def parse_param(text, where):
    words = re.match(r"(in|out|inout)\s+((?:opt\s+|(?:bytes|count)\([^()]*\)\s+)*)(.+?)\s*(\w+)$", text)
    if not words:
        raise SpecError(f"{where.line(text)}: parameter '{text}' is not '<in|out|inout> [opt] [bytes(..)|count(..)] type name'")
    direction, marks, ctype, name = words.groups()
    size = re.search(r"(?:bytes|count)\([^()]*\)", marks)
    return Param(direction, "opt" in marks.split(), size.group(0) if size else None, ctype.strip(), name)


def face_name(model, module, name, where):
    for entry in model.modules:
        if entry["name"] == module:
            strip = entry.get("strip", "")
            return entry["prefix"] + (name[len(strip):] if strip and name.startswith(strip) else name)
    raise SpecError(f"{where}: module '{module}' of '{name}' is not in modules.toml")


def check_keys(model, kind, entry, where):
    must, may = KEYS[kind]
    what = f"{kind} '{entry['name']}'" if "name" in entry else kind
    for key in sorted(set(entry) - must - may):
        model.complain(where.key(key), f"{what}: unknown key '{key}'")
    for key in sorted(must - set(entry)):
        model.complain(where, f"{what} has no '{key}'")
    for key in set(entry) & (must | may):
        expected = list if (kind, key) == ("opaque", "names") else TYPES.get(key, str)
        if type(entry[key]) is not expected:
            model.complain(where.key(key), f"{what}: '{key}' must be a {expected.__name__}")


def read_function(model, family, entry, where):
    name, status = entry["name"], entry.get("status", "planned")
    if entry["fails"] not in FAILS:
        raise SpecError(f"{where.key('fails')}: fails = '{entry['fails']}' is not one of {', '.join(sorted(FAILS))}")
    if status not in STATUSES:
        raise SpecError(f"{where.key('status')}: status = '{status}' is not one of {', '.join(sorted(STATUSES))}")
    modules = entry.get("module", family.get("module", []))
    if not modules:
        raise SpecError(f"{where}: function '{name}' names no module")
    model.functions.append(Function(
        name, family["name"], entry.get("header", family.get("header")), modules, entry.get("apiset", []),
        entry["returns"], entry["fails"], [parse_param(p, where) for p in entry["params"]], status,
        entry.get("elf", family.get("elf", True)), entry.get("face") or face_name(model, modules[0], name, where),
        entry.get("forward"), entry.get("noreturn", False), entry.get("raw", False), entry, where))


def read_tables(model, data, wheres):
    """Everything of a file but its functions. The lists of dictionaries get their place as entry["where"]."""
    for kind in ("module", "callback", "struct", "group", "statement", "macro"):
        for entry, where in zip(data.get(kind, []), wheres[kind]):
            entry["where"] = where
            getattr(model, kind + "s").append(entry)
    for entry, where in zip(data.get("type", []), wheres["type"]):
        model.types += [(n, c, entry["header"], where) for n, c in entry["names"].items()]
    for entry, where in zip(data.get("opaque", []), wheres["opaque"]):
        model.opaque += [(name, where) for name in entry["names"]]
    for kind in ("ntstatus", "win32"):
        known = getattr(model, kind)
        for name, value in data.get(kind, {}).items():
            where = wheres[kind][0].key(name)
            if known.setdefault(name, value) != value:
                model.complain(where, f"'{name}' has another value at {model.code_where[name]}")
            model.code_where.setdefault(name, where)
    model.host_exports += data.get("host", {}).get("exports", [])


def read_file(model, path):
    """(data, kind -> places), after the keys were checked."""
    text = path.read_text()
    lines = text.splitlines()
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        raise SpecError(f"{path}:{line.group(1) if line else len(lines)}: {error}") from None
    wheres = {kind: list(table_lines(path, lines, kind)) for kind in [*KEYS, *WHOLE]}
    for kind in data:
        if kind not in KEYS and kind not in WHOLE or kind == "error":
            model.complain(Where(path, lines, 1, len(lines)).line("[" + kind), f"unknown table '{kind}'")
        elif kind in KEYS:
            entries = data[kind] if isinstance(data[kind], list) else [data[kind]]
            for entry, where in zip(entries, wheres[kind]):
                check_keys(model, kind, entry, where)
                for error in entry.get("error", []) if kind == "function" else []:
                    check_keys(model, "error", error, where)
    return data, wheres


def load(folder):
    model = Model()
    files = []
    for path in sorted(Path(folder).glob("*.toml")):
        try:
            files.append(read_file(model, path))
        except SpecError as error:
            model.complaints.append(str(error))
    model.report()
    for data, wheres in files:
        read_tables(model, data, wheres)
    for data, wheres in files:
        if "family" in data:
            model.families[data["family"]["name"]] = data["family"]
        for entry, where in zip(data.get("function", []), wheres["function"]):
            try:
                read_function(model, data.get("family", {"name": "?"}), entry, where)
            except SpecError as error:
                model.complaints.append(str(error))
    model.functions.sort(key=lambda f: f.name)
    for index, function in enumerate(model.functions):
        function.index = index
    return model
