"""faces.h: the prototype of every face, in the System V convention, so that a face that differs from the spec does not compile."""

from emit_headers import GUARD, parameters


def emit(model):
    out = [GUARD, "#include <winmem/windef.h>", ""]
    done = set()
    for f in model.functions:
        if f.status == "done" and not f.forward and not f.raw and f.face not in done:
            done.add(f.face)
            mark = "__attribute__((noreturn)) " if f.noreturn else ""
            out.append(f"{mark}{f.returns} {f.face}({parameters(f)});")
    return "\n".join(out) + "\n"
