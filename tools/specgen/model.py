"""Reads spec/*.toml into one checked model. Every complaint names file and line."""

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

FAILS = {"false", "null", "zero", "invalid", "minus1", "code", "status", "hresult", "never"}
STATUSES = {"done", "planned", "refused"}


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
    where: str
    index: int = 0


@dataclass
class Model:
    modules: list = field(default_factory=list)
    types: list = field(default_factory=list)      # (name, c, header)
    callbacks: list = field(default_factory=list)
    structs: list = field(default_factory=list)
    opaque: list = field(default_factory=list)     # names of structs whose fields are not described
    groups: list = field(default_factory=list)
    ntstatus: dict = field(default_factory=dict)
    win32: dict = field(default_factory=dict)
    functions: list = field(default_factory=list)
    families: dict = field(default_factory=dict)
    host_exports: list = field(default_factory=list)


def line_of(text, name):
    for number, line in enumerate(text.splitlines(), 1):
        if re.match(r'\s*name\s*=\s*"' + re.escape(name) + r'"', line):
            return number
    return 1


def parse_param(text, where):
    words = re.match(r"(in|out|inout)\s+((?:opt\s+|(?:bytes|count)\([^()]*\)\s+)*)(.+?)\s*(\w+)$", text)
    if not words:
        raise SpecError(f"{where}: parameter '{text}' is not '<in|out|inout> [opt] [bytes(..)|count(..)] type name'")
    direction, marks, ctype, name = words.groups()
    size = re.search(r"(?:bytes|count)\([^()]*\)", marks)
    return Param(direction, "opt" in marks.split(), size.group(0) if size else None, ctype.strip(), name)


def face_name(model, module, name, where):
    for entry in model.modules:
        if entry["name"] == module:
            strip = entry.get("strip", "")
            return entry["prefix"] + (name[len(strip):] if strip and name.startswith(strip) else name)
    raise SpecError(f"{where}: module '{module}' is not in modules.toml")


def read_family(model, path, text, data):
    family = data["family"]
    model.families[family["name"]] = family
    for entry in data.get("function", []):
        name = entry.get("name", "?")
        where = f"{path}:{line_of(text, name)}"
        for key in ("name", "returns", "fails", "params"):
            if key not in entry:
                raise SpecError(f"{where}: function '{name}' has no '{key}'")
        if entry["fails"] not in FAILS:
            raise SpecError(f"{where}: fails = '{entry['fails']}' is not one of {', '.join(sorted(FAILS))}")
        status = entry.get("status", "planned")
        if status not in STATUSES:
            raise SpecError(f"{where}: status = '{status}' is not one of {', '.join(sorted(STATUSES))}")
        modules = entry.get("module", family.get("module", []))
        if not modules:
            raise SpecError(f"{where}: function '{name}' names no module")
        model.functions.append(Function(
            name, family["name"], entry.get("header", family.get("header")), modules, entry.get("apiset", []),
            entry["returns"], entry["fails"], [parse_param(p, where) for p in entry["params"]], status,
            entry.get("elf", family.get("elf", True)), entry.get("face") or face_name(model, modules[0], name, where),
            entry.get("forward"), entry.get("noreturn", False), entry.get("raw", False), entry, where))
        if model.functions[-1].raw and model.functions[-1].elf:
            raise SpecError(f"{where}: '{name}' is raw, so its gate is hidden: it needs elf = false")


def load(folder):
    model = Model()
    files = [(p, p.read_text()) for p in sorted(Path(folder).glob("*.toml"))]
    parsed = []
    for path, text in files:
        try:
            parsed.append((path, text, tomllib.loads(text)))
        except tomllib.TOMLDecodeError as error:
            line = re.search(r"line (\d+)", str(error))
            raise SpecError(f"{path}:{line.group(1) if line else 1}: {error}") from None
    for path, text, data in parsed:
        model.modules += data.get("module", [])
        model.host_exports += data.get("host", {}).get("exports", [])
    for path, text, data in parsed:
        for entry in data.get("type", []):
            model.types += [(n, c, entry["header"]) for n, c in entry["names"].items()]
        model.callbacks += data.get("callback", [])
        model.structs += data.get("struct", [])
        model.opaque += [n for entry in data.get("opaque", []) for n in entry["names"]]
        model.groups += data.get("group", [])
        model.ntstatus.update(data.get("ntstatus", {}))
        model.win32.update(data.get("win32", {}))
        if "family" in data:
            read_family(model, path, text, data)
    seen = {}
    for function in model.functions:
        if function.name in seen:
            raise SpecError(f"{function.where}: '{function.name}' is already described at {seen[function.name]}")
        seen[function.name] = function.where
    model.functions.sort(key=lambda f: f.name)
    for index, function in enumerate(model.functions):
        function.index = index
    return model
