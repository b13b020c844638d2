"""Sizes and offsets of the spec's structs by the rules of Windows on x64, which agree with the System V ones for these types."""

import re

SCALARS = {"char": 1, "int8_t": 1, "uint8_t": 1, "int16_t": 2, "uint16_t": 2, "int": 4, "int32_t": 4, "uint32_t": 4, "int64_t": 8,
           "uint64_t": 8, "float": 4, "double": 8}


class LayoutError(Exception):
    pass


class Layouts:
    def __init__(self, model):
        self.types = {name: c for name, c, _, _ in model.types}
        self.pointers = {c["name"] for c in model.callbacks} | {p for s in model.structs for p in s.get("pointers", [])}
        self.structs = {s["name"]: s for s in model.structs}
        self.tags = {s.get("tag", "_" + s["name"]): s["name"] for s in model.structs}
        self.known = {}

    def type_of(self, text):
        """(size, alignment) of a type's name."""
        words = [w for w in text.replace("*", " * ").split() if w not in ("const", "volatile", "unsigned", "signed")]
        if "*" in words or text in self.pointers or words and words[0] in self.pointers:
            return 8, 8
        name = words[-1] if words else ""
        if words and words[0] in ("struct", "union"):
            name = self.tags.get(name, name)
        if name in SCALARS:
            return SCALARS[name], SCALARS[name]
        if name in self.types:
            return self.type_of(self.types[name])
        if name in self.structs:
            size, align, _ = self.struct(name)
            return size, align
        raise LayoutError(f"unknown type '{text}'")

    def struct(self, name):
        """(size, alignment, [offset of each field])."""
        if name not in self.known:
            self.known[name] = None
            entry = self.structs[name]
            fields = [text.rsplit("@", 1)[0].strip() for text in entry["fields"]]
            size, align, offsets = self.place(fields, entry.get("union", False), entry.get("packed", False))
            if entry.get("force_align"):
                align = entry["align"]
                size = -(-size // align) * align
            self.known[name] = size, align, offsets
        if self.known[name] is None:
            raise LayoutError(f"'{name}' contains itself")
        return self.known[name]

    def field(self, text):
        """(size, alignment, bits or None) of one declaration."""
        nested = re.fullmatch(r"(struct|union)\s*\w*\s*\{(.*)\}\s*(.*)", text, re.S)
        if nested:
            size, align, _ = self.place(split(nested.group(2)), nested.group(1) == "union")
            rest = nested.group(3)
        elif re.search(r"\(\s*(?:\w+\s*)?\*", text):
            return 8, 8, None
        else:
            match = re.fullmatch(r"(.*?[\s*])(\w+)?((?:\s*\[[^]]*\])*)\s*(?::\s*(\d+))?", text, re.S)
            if not match:
                raise LayoutError(f"field '{text}' is not 'type name @offset'")
            size, align = self.type_of(match.group(1).strip())
            rest = match.group(3)
            if match.group(4):
                return size, align, int(match.group(4))
        for count in re.findall(r"\[([^]]*)\]", rest):
            try:
                size *= int(count, 0)
            except ValueError:
                raise LayoutError(f"field '{text}': '{count}' is not a number") from None
        return size, align, None

    def place(self, fields, union, packed=False):
        end, align, offsets, unit = 0, 1, [], None  # unit: the bit field being filled, as (offset, size, bits used)
        for text in fields:
            size, own, bits = self.field(text)
            own = 1 if packed else own
            align = max(align, own)
            if union:
                offsets.append(0)
                end = max(end, size)
                continue
            if bits and unit and unit[1] == size and unit[2] + bits <= size * 8:
                unit = (unit[0], size, unit[2] + bits)
                offsets.append(unit[0])
                continue
            start = -(-end // own) * own
            offsets.append(start)
            end = start + size
            unit = (start, size, bits) if bits else None
        return -(-end // align) * align, align, offsets


def split(body):
    """The declarations of a struct's body: cut at semicolons outside braces."""
    out, depth, text = [], 0, ""
    for c in body:
        depth += (c == "{") - (c == "}")
        if c == ";" and depth == 0:
            out.append(text.strip())
            text = ""
        else:
            text += c
    return out + ([text.strip()] if text.strip() else [])
