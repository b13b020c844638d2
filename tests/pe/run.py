#!/usr/bin/env python3
"""Runs one Windows program of this folder and compares what it does with what is expected of it.

run.py PROGRAM.exe RUNNER...       RUNNER is "build/tools/winmem/winmem run", or "wine" to see what it does there

Programs of statements (kit.h) must print each statement of their source once, as "pass" (or "skip" with a reason); the others have their
expectations below. Exit code 0 when all is right; ends with "N passed, N failed".
"""

import os
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

SOURCES = Path(__file__).parent
STATEMENT = re.compile(r'\bS\((\d{3})\)|\{"([A-Z]{2}-\d{3})"|\bS\("([A-Z]{2}-\d{3})"')
VERDICT = re.compile(r"^([A-Z]{2,3}-\d{3}) (pass|fail|skip)(.*)$")
SPEC = SOURCES.parents[1] / "spec"
GPU_MACHINE = "adapter local=64M nonlocal=64M; adapter local=32M nonlocal=32M"
SECONDS = 100  # for one program; the slowest takes about 5


class Checks:
    """Counts and prints what was wrong."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def same(self, what, got, wanted):
        if got == wanted:
            self.passed += 1
        else:
            self.failed += 1
            print(f"{what}:\n    got    {got!r}\n    wanted {wanted!r}")

    def holds(self, what, text, piece):
        self.same(what, piece in text or text, True)


class Program:
    def __init__(self, path, runner):
        self.path = Path(path).resolve()
        self.name = Path(runner[0]).stem  # of the system: winmem, wine
        self.runner = [str(Path(runner[0]).resolve()) if "/" in runner[0] else runner[0], *runner[1:]]

    def run(self, *arguments, text=b"", cwd=None, environment=None):
        """Exit code, output, error output; output ends lines with plain newlines."""
        env = {key: value for key, value in {**os.environ, "WINEDEBUG": "-all", **(environment or {})}.items() if value is not None}
        with tempfile.TemporaryDirectory(prefix="winmem-test-") as machine:  # a simulated GPU of its own, for programs that use one
            return self.run_in(env | {"WINMEM_GPU_DIR": machine}, arguments, text, cwd)

    def run_in(self, env, arguments, text, cwd):
        try:
            done = subprocess.run([*self.runner, str(self.path), *arguments], input=text, capture_output=True, cwd=cwd or self.path.parent,
                                  env=env, timeout=SECONDS)
        except subprocess.TimeoutExpired as error:
            return None, (error.stdout or b"").replace(b"\r\n", b"\n"), f"took longer than {SECONDS} s".encode()
        return done.returncode, done.stdout.replace(b"\r\n", b"\n"), done.stderr


def statement_ids(name):
    """The identities in the program's own tables: all of them have to be proved."""
    ids = set()
    for source in [SOURCES / f"{name}.c", *SOURCES.glob(f"{name}_*.c")]:
        for number, plain, called in STATEMENT.findall(source.read_text()):
            ids.add(f"{'KMT' if name.startswith('gpu_') else 'VM'}-{number}" if number else plain or called)
    return ids


def sentences():
    """The statements of the spec by identity: all of the memory API and of the GPU has one."""
    found = {}
    for path in SPEC.glob("*behaviour*.toml"):
        with path.open("rb") as file:
            found |= {statement["id"]: statement for statement in tomllib.load(file)["statement"]}
    return found


def planned():
    """The functions that are only names yet."""
    names = set()
    for path in SPEC.glob("*.toml"):
        with path.open("rb") as file:
            names |= {f["name"] for f in tomllib.load(file).get("function", []) if f.get("status") == "planned"}
    return names


def excused(program, sentence, reason):
    """A statement may be skipped where its spec says why, or where what it needs was not asked for."""
    return program.name != "winmem" or "quirk" in sentence or ("privilege" in reason and "--privilege" not in program.runner)


def statements(program, name, checks, last_line=None):
    code, output, errors = program.run()
    seen, known, unbuilt = {}, sentences(), planned()
    lines = output.decode("utf-8", "replace").splitlines()
    for line in lines:
        if verdict := VERDICT.match(line):
            id, word, reason = verdict.groups()
            checks.same(f"{id} said once", id in seen, False)
            functions = known.get(id, {}).get("functions", [])
            if word == "fail" and program.name == "winmem" and unbuilt & {n for f in functions for n in (f, "K32" + f)}:
                word, line = "not built", f"{id} skip  not built"
            seen[id] = word
            if word != "pass":
                print(line)
            if word == "skip" and id in known:
                checks.same(f"{id} may be skipped", excused(program, known[id], reason), True)
    wanted, verdicts = statement_ids(name), list(seen.values())
    checks.passed = verdicts.count("pass")  # a statement is one case, however many checks it took
    checks.failed += verdicts.count("fail")
    checks.skipped += verdicts.count("skip") + verdicts.count("not built")
    checks.same("statements not proved", sorted(wanted - set(seen)), [])
    checks.same("statements nobody knows", sorted(set(seen) - wanted), [])
    checks.same("statements without a sentence in the spec", [id for id in seen if id[:3] in ("VM-", "KMT") and id not in known], [])
    if last_line is not None:
        checks.same("last line", lines[-1] if lines else "", last_line)
    checks.same("exit code", code, 1 if {"fail", "not built"} & set(verdicts) else 0)
    if code != 0:
        sys.stdout.write(errors.decode("utf-8", "replace"))


def usedll(program, checks):
    # The diary of the libraries: which DllMain was called when (dll_kit.h). The end: A needs B, so A goes first.
    statements(program, "usedll", checks, last_line="B+A+C+C-D+D-BtAtC+CxAxBxC-BtAtAxBxBtBxA-B-.")


def delay(program, checks):
    statements(program, "delay", checks, last_line="B+A+A-B-.")


def hello(program, checks):
    checks.same("exit code, output, error output", program.run(), (0, b"Hello from winmem\n", b""))


def missing(program, checks):
    checks.same("not called", program.run(), (0, b"started\nended\n", b""))
    code, output, errors = program.run("call")
    checks.same("called", (code, output), (3, b"started\n"))
    checks.holds("its complaint", errors.decode(), "winmem: the program called nosuch.dll!NoSuchFunction, which winmem does not provide")


def split_command_line(line):
    """The documented rules of CommandLineToArgvW: 2n backslashes before a quote are n, 2n+1 are n and a quote that counts as text."""
    words, at = [], 0
    while at < len(line):
        word, quoted = "", False
        while at < len(line) and (quoted or line[at] not in " \t"):
            slashes = re.match(r"\\*", line[at:])[0]
            at += len(slashes)
            if line[at:at + 1] == '"':
                word += "\\" * (len(slashes) // 2)
                if len(slashes) % 2:
                    word += '"'
                else:
                    quoted = not quoted
                at += 1
            else:
                word += slashes
                if at < len(line) and (quoted or line[at] not in " \t"):
                    word += line[at]
                    at += 1
        words.append(word)
        while line[at:at + 1] in (" ", "\t") and at < len(line):
            at += 1
    return words


def args(program, checks):
    def facts(output):
        return dict(line.split(": ", 1) for line in output.decode("utf-8", "replace").splitlines() if ": " in line)

    for arguments, wanted in ((["0"], 0), (["plain", "words", "17"], 17), (["300"], 44), (["two words", 'a "quote"', "5"], 5),
                              (["", "end\\", "with space\\", 'back\\"slash', "6"], 6), (["grüß", "日本", "😀", "7"], 7)):
        code, output, _ = program.run(*arguments)
        checks.same(f"exit code of {arguments}", code, wanted)
        checks.same("arguments", split_command_line(facts(output).get("command line", ""))[1:], arguments)
    bases = {facts(program.run("0")[1]).get("module") for _ in range(4)}
    checks.same("bases of the program in four runs", len(bases), 4 if "--aslr" in program.runner else 1)
    code, output, _ = program.run("0", environment={"PE_TEST_VALUE": "grüß 😀 = x"})
    checks.same("a variable", facts(output).get("value"), "grüß 😀 = x")
    checks.holds("an unset variable", program.run("0", environment={"PE_TEST_VALUE": None})[1], b"value is not set\n")
    with tempfile.TemporaryDirectory(prefix="winmem ordner ü ") as folder:
        _, output, _ = program.run("0", cwd=folder)
        checks.same("current directory", facts(output).get("current directory"), "Z:" + os.path.realpath(folder).replace("/", "\\"))


def stdin(program, checks):
    for name, text in (("nothing", b""), ("a line", b"one line\n"), ("no end of line", "grüß".encode()),
                       ("all lengths of UTF-8", "a é 日 😀\r\n\0\t".encode() * 9), ("much", "0123456789 ÄÖÜ 日本語\n".encode() * 20000)):
        wanted = text.replace(b"\r\n", b"\n")
        checks.same(name, program.run(text=text)[:2], (0, wanted))
    checks.same("not UTF-8", program.run(text=b"a\xff\xfeb")[:2], (1, b"this is not UTF-8\n"))


def gpu_memory(program, checks):
    """On another machine than its own it says which one it needs; its adapter is removed and comes back while it works."""
    statements(program, "gpu_memory", checks)
    if program.name != "winmem":
        return
    for machine in ("adapter local=1G", "adapter local=64M nonlocal=64M; adapter local=32M nonlocal=33M"):
        code, output, _ = program.run(environment={"WINMEM_GPU": machine})
        checks.same(f"on '{machine}'", (code, output), (77, f"skipped: gpu_memory.exe needs WINMEM_GPU='{GPU_MACHINE}'\n".encode()))
    # with the machine's file cut off instead: up to there all is the same, but nothing comes back
    cut = lambda word, machine: word == "remove" and os.truncate(os.path.join(machine, "gpu-default"), 0)
    said = removal(program, cut)
    checks.same("its machine cut off", (said[:2], said[2].split(":")[0]), (["GM-003 remove", "GM-003 restore"], "GM-003 fail  another adapter"))
    checks.same("its adapter removed and restored", removal(program), ["GM-003 remove", "GM-003 restore", "GM-003 pass", "1 passed, 0 failed, 0 skipped"])


def removal(program, act=None):
    """What the program says when whoever runs it does what it asks for, or act(word, directory)."""
    said = []
    with tempfile.TemporaryDirectory(prefix="winmem-test-") as machine:
        env = {**os.environ, "WINMEM_GPU_DIR": machine}
        with subprocess.Popen([*program.runner, str(program.path), "GM-003"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env) as process:
            for line in process.stdout:
                said.append(line.decode().strip())
                if word := re.fullmatch("GM-003 (remove|restore)", said[-1]):
                    if act:
                        act(word[1], machine)
                    else:
                        subprocess.run([program.runner[0], "gpu", word[1], "0"], env=env, timeout=SECONDS, check=True)
                    process.stdin.write(b"\n")
                    process.stdin.flush()
    return said


PROGRAMS = {"hello": hello, "missing": missing, "args": args, "stdin": stdin, "usedll": usedll, "delay": delay, "gpu_memory": gpu_memory}


def main(path, *runner):
    program, checks, name = Program(path, list(runner)), Checks(), Path(path).stem
    if name in PROGRAMS:
        PROGRAMS[name](program, checks)
    else:
        statements(program, name, checks)
    skipped = f", {checks.skipped} skipped" if checks.skipped else ""
    print(f"{checks.passed} passed, {checks.failed} failed{skipped}")
    return 1 if checks.failed else 0


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
