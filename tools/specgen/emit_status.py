"""status_table.h: NTSTATUS to Win32, and names, as initializers."""

from emit_headers import GUARD


def emit(model):
    out = [GUARD]
    rows = sorted(model.ntstatus.items(), key=lambda row: row[1][0])
    out.append("#define STATUS_TABLE \\")
    out += [f"    X({name}, {win32}) \\" for name, (_, win32) in rows]
    out.append("")
    out.append("#define WIN32_ERROR_TABLE \\")
    out += [f"    X({name}) \\" for name in model.win32]
    return "\n".join(out) + "\n\n"
