"""What must hold between the entries of a model. Adds to model.complaints; raises them all together."""

import re

from layout import LayoutError, Layouts

BASES = {"documented", "inferred", "observed", "chosen"}
BUILTIN = {"void", "VOID", "char", "int", "float", "double"}


def duplicates(model):
    """Functions, and all names that become C type names, each once."""
    seen = {}
    for f in model.functions:
        if f.name in seen:
            model.complain(f.where, f"function '{f.name}' is already at {seen[f.name]}")
        seen.setdefault(f.name, f.where)
    types = [(name, where.line(f"{name} =")) for name, _, _, where in model.types]
    types += [(name, where.line(f'"{name}"')) for name, where in model.opaque]
    types += [(e["name"], str(e["where"])) for e in [*model.callbacks, *model.structs]]
    types += [(p, e["where"].key("pointers")) for e in model.structs for p in e.get("pointers", [])]
    places = {}
    for name, where in types:
        if name in places:
            model.complain(where, f"type '{name}' is already at {places[name]}")
        places.setdefault(name, where)
    groups, values = {}, {}
    for group in model.groups:
        where = group["where"]
        if group["name"] in groups:
            model.complain(where, f"group '{group['name']}' is already at {groups[group['name']]}")
        groups.setdefault(group["name"], where)
        for name, value in group["values"].items():
            if values.setdefault(name, (value, where))[0] != value:
                model.complain(where.line(f"{name} ="), f"'{name}' = {value:#x} is {values[name][0]:#x} at {values[name][1].line(name + ' =')}")


class Names:
    """What a type may be made of."""

    def __init__(self, model):
        self.types = {t[0] for t in model.types} | {c["name"] for c in model.callbacks} | BUILTIN
        for s in model.structs:
            self.types |= {s["name"], *s.get("pointers", [])}
        self.types |= {name for name, _ in model.opaque}
        self.tags = {s.get("tag", "_" + s["name"]) for s in model.structs}

    def unknown(self, text):
        """The first name of a type that nothing declares, or None."""
        words = [w for w in re.findall(r"\w+", re.sub(r"\[[^]]*\]", "", text)) if w not in ("const", "volatile")]
        for before, word in zip([None, *words], words):
            if word in ("struct", "union"):
                continue
            if word not in (self.tags if before in ("struct", "union") else self.types):
                return word
        return None if words else text


def macros(model):
    names = Names(model).types | {f.name for f in model.functions}
    headers = {f.header for f in model.functions if f.elf}
    for m in model.macros:
        if m["name"] in names:
            model.complain(m["where"], f"macro '{m['name']}' has the name of something else")
        names.add(m["name"])
        if m["header"] not in headers:
            model.complain(m["where"].key("header"), f"macro '{m['name']}': no header '{m['header']}'")


def functions(model):
    names = Names(model)
    by_name = {f.name: f for f in model.functions}
    groups = {g["name"] for g in model.groups}
    codes = {*model.win32, *model.ntstatus, *(n for g in model.groups for n in g["values"])}
    modules = {m["name"] for m in model.modules}
    for f in model.functions:
        say = lambda text, *needles: model.complain(f.where.line(*needles) if needles else f.where, f"'{f.name}': {text}")
        if f.family == "?":
            say("the file has functions but no [family]")
        for module in f.modules:
            if module not in modules:
                say(f"unknown module '{module}'", f'"{module}"')
        if names.unknown(f.returns):
            say(f"unknown type '{f.returns}'", "returns", f.returns)
        params = {p.name for p in f.params}
        if len(params) != len(f.params):
            say("two parameters of one name", "params")
        for p in f.params:
            if names.unknown(p.type):
                say(f"unknown type '{names.unknown(p.type)}' of parameter '{p.name}'", names.unknown(p.type), p.name)
            for word in re.findall(r"[A-Za-z_]\w*", p.size[6:-1]) if p.size else []:
                if word not in params:
                    say(f"{p.size} of '{p.name}' names no parameter '{word}'", p.size)
        for param, group in f.entry.get("flags", {}).items():
            if param not in params:
                say(f"flags of '{param}', which is no parameter", f"{param} =")
            if group not in groups:
                say(f"unknown flag group '{group}'", param, f'"{group}"')
        for error in f.entry.get("error", []):
            if error["code"] not in codes:
                say(f"unknown error code '{error['code']}'", f'"{error["code"]}"')
        if f.entry.get("refusal", "ERROR_SUCCESS") not in codes:
            say(f"unknown error code '{f.entry['refusal']}'", "refusal")
        gates(f, say, by_name)


def gates(f, say, by_name):
    if f.raw and f.elf:
        say("a raw gate is hidden: it needs elf = false", "raw")
    if f.forward:
        module, _, name = f.forward.partition("!")
        target = by_name.get(name)
        if not target or module not in target.modules:
            say(f"forward to '{f.forward}', which is not described", "forward")
        elif target.forward:
            say(f"forward to '{f.forward}', itself a forward", "forward")
    if f.status == "done":
        for key in ("summary", "since", "source"):
            if not f.entry.get(key):
                say(f"done, but without '{key}'")
        if not f.header:
            say("done, but without 'header'")


def structs(model):
    names = Names(model)
    for c in model.callbacks:
        for text in [c["returns"], *c["params"]]:
            words = text.split()
            ctype = text if text == c["returns"] else " ".join(words[words[0] in ("in", "out", "inout"):-1])
            ctype = re.sub(r"^(opt\s+|(?:bytes|count)\([^()]*\)\s+)+", "", ctype)
            if names.unknown(ctype):
                model.complain(c["where"].line(text), f"callback '{c['name']}': unknown type '{names.unknown(ctype)}'")
    layouts = Layouts(model)
    for s in model.structs:
        try:
            size, align, offsets = layouts.struct(s["name"])
        except LayoutError as error:
            model.complain(s["where"], f"struct '{s['name']}': {error}")
            continue
        for text, offset in zip(s["fields"], offsets):
            said = re.search(r"@\s*(\d+)\s*$", text)
            if not said or int(said.group(1)) != offset:
                model.complain(s["where"].line(text), f"struct '{s['name']}': '{text}' lies at offset {offset}")
        if (size, align) != (s["size"], s["align"]):
            model.complain(s["where"], f"struct '{s['name']}': size {s['size']} and align {s['align']} should be {size} and {align}")


def codes(model):
    for name, value in model.ntstatus.items():
        if not (isinstance(value, list) and len(value) == 2 and isinstance(value[0], int)):
            model.complain(model.code_where[name], f"'{name}' is not [number, \"WIN32_NAME\"]")
        elif value[1] not in model.win32:
            model.complain(model.code_where[name], f"'{name}' becomes the unknown code '{value[1]}'")


def statements(model):
    known, seen = {f.name for f in model.functions}, {}
    for s in model.statements:
        if s["id"] in seen:
            model.complain(s["where"], f"statement '{s['id']}' is already at {seen[s['id']]}")
        seen.setdefault(s["id"], s["where"])
        if s["basis"] not in BASES:
            model.complain(s["where"].key("basis"), f"statement '{s['id']}': basis = '{s['basis']}' is not one of {', '.join(sorted(BASES))}")
        for name in s["functions"]:
            if name not in known:
                model.complain(s["where"].key("functions"), f"statement '{s['id']}': unknown function '{name}'")


def check(model):
    if not model.complaints:
        duplicates(model)
        functions(model)
        macros(model)
        structs(model)
        codes(model)
        statements(model)
    model.report()
