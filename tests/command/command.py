#!/usr/bin/env python3
"""The winmem command from outside: what it prints and how it ends.

command.py WINMEM CASE
"""

import json
import os
import pathlib
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import tomllib
import xml.etree.ElementTree

WINMEM = sys.argv[1]


def run(*words, code=0, environment=None):
    done = subprocess.run([WINMEM, *words], capture_output=True, text=True, env=environment, timeout=60)
    assert done.returncode == code, f"{words}: exit code {done.returncode}, not {code}: {done.stderr}"
    return done


def version():
    assert re.fullmatch(r"winmem \d+\.\d+\.\d+\n", run("version").stdout)
    assert run("--version").stdout == run("version").stdout
    assert "exports" in run("help").stdout
    assert "no command" in run("nosuch", code=2).stderr
    run(code=2)


def coverage():
    rows, totals = run("exports", "--coverage").stdout.split("\n\n")
    rows = [row.split() for row in rows.splitlines()]
    assert all(len(row) == 3 and row[2] in ("implemented", "planned", "refused", "macro") for row in rows)
    macros = [row[0] for row in rows if row[2] == "macro"]
    assert "ZeroMemory" in macros and macros == sorted(macros)
    rows = [row for row in rows if row[2] != "macro"]
    assert ["VirtualAlloc", "kernel32.dll,kernelbase.dll", "implemented"] in rows
    count = lambda line, word: int(re.search(rf"(\d+) {word}", line).group(1))
    *families, whole = totals.splitlines()
    assert whole.startswith("all ")
    for word in ("implemented", "planned", "refused"):
        assert count(whole, word) == sum(row[2] == word for row in rows) == sum(count(f, word) for f in families)
    assert count(whole, "functions") == len(rows) == len(run("exports").stdout.splitlines())


def quirks():
    """Each quirk of the spec, word for word."""
    spec = pathlib.Path(__file__).parents[2] / "spec"
    told = [line.split(": ", 1) for line in run("exports", "--quirks").stdout.splitlines()]
    written = [[f["name"], f["quirk"]] for path in spec.glob("*.toml") for f in tomllib.loads(path.read_text()).get("function", [])
               if "quirk" in f]
    assert told and told == sorted(told) and sorted(told) == sorted(written)
    assert all(text and "\n" not in text for _, text in told)
    awe = run("exports", "--quirks", "awe").stdout
    assert "AllocateUserPhysicalPages: " in awe and "LoadEnclaveData" not in awe
    assert run("exports", "--quirks", "VirtualFreeEx").stdout == ""


def filters():
    names = {row.split()[0] for row in run("exports", "offer").stdout.splitlines()}
    assert {"OfferVirtualMemory", "ReclaimVirtualMemory", "DiscardVirtualMemory"} <= names
    assert "VirtualAlloc" not in names
    assert run("exports", "VirtualAlloc").stdout.split()[0] == "VirtualAlloc"
    assert "NtFreeVirtualMemory" in run("exports", "ntdll").stdout
    sets = [row.split() for row in run("exports", "--apisets", "VirtualAlloc").stdout.splitlines()]
    assert sets == [["api-ms-win-core-memory-l1-1-0", "VirtualAlloc", "kernel32.dll"]]
    run("exports", "--nosuch", code=2)


def call():
    out = run("call", "VirtualAlloc", "0", "65536", "MEM_RESERVE+MEM_COMMIT", "PAGE_READWRITE",
              "then", "KernelBase!VirtualQuery", "$1", "&48", "48",
              "then", "VirtualFree", "$1+4096", "0", "MEM_RELEASE",
              "then", "VirtualFree", "$1", "0", "MEM_RELEASE").stdout.splitlines()
    base = int(out[0].split(" = ")[1], 16)
    assert out[0].startswith("VirtualAlloc = 0x") and base and base % 65536 == 0
    assert out[1] == "VirtualQuery = 48 (0x30)" or out[1] == "VirtualQuery = 0x30", out[1]
    bytes_of = bytes.fromhex("".join(line.split(":")[1] for line in out[2:5]))
    assert int.from_bytes(bytes_of[:8], "little") == base
    assert int.from_bytes(bytes_of[24:32], "little") == 65536
    assert bytes_of[32:40] == bytes([0, 0x10, 0, 0, 4, 0, 0, 0])
    assert out[5] == "VirtualFree = 0 (0x0)" and "ERROR_INVALID" in out[6]
    assert out[7] == "VirtualFree = 1 (0x1)" and len(out) == 8, out[7:]


def buffers():
    out = run("call", "NtAllocateVirtualMemory", "-1", "&8", "0", "&=65536", "0x3000", "4",
              "then", "NtFreeVirtualMemory", "-1", "&8=$1.2", "&", "0x8000",
              "then", "NtFreeVirtualMemory", "-1", "&8=$1.2", "&", "0x8000").stdout
    assert out.count("STATUS_SUCCESS") == 2 and "STATUS_MEMORY_NOT_ALLOCATED" in out, out
    out = run("call", "CreateEventA", "0", "1", "0", "s:7", "then", "OpenEventW", "SYNCHRONIZE", "0", "s:7").stdout
    handles = re.findall(r"= 0x([0-9A-F]+)$", out, re.M)
    assert len(handles) == 2 and handles[0] != handles[1] and "last error" not in out, out


def mistakes():
    out = run("call", "RtlMoveMemory", "&20=1,0x10000+2,-1", "&4", "0").stdout
    assert "&1+00: 01 00 00 00 00 00 00 00  02 00 01 00 00 00 00 00\n  &1+10: FF FF FF FF\n" in out, out
    for text in ("&8=1,2", "&8=", "&16=1,", "&16=1,,2"):
        assert f"'{text}' is no" in run("call", "RtlMoveMemory", text, "&4", "0", code=2).stderr, text
    assert "no function" in run("call", "NoSuchFunction", code=2).stderr
    assert "no function" in run("call", "ntdll!VirtualAlloc", "0", "1", "2", "3", code=2).stderr
    assert "takes 4 arguments: LPVOID lpAddress" in run("call", "VirtualAlloc", "0", code=2).stderr
    assert "'x' is no SIZE_T dwSize" in run("call", "VirtualAlloc", "0", "x", "0", "0", code=2).stderr
    assert "'$1' is no" in run("call", "VirtualAlloc", "$1", "0", "0", "0", code=2).stderr
    assert "is no LPVOID lpAddress" in run("call", "VirtualAlloc", "99999999999999999999999", "1", "0", "0", code=2).stderr
    assert "is no SIZE_T dwSize" in run("call", "VirtualAlloc", "0", "99999999999999999999999", "0", "0", code=2).stderr
    assert "is no SIZE_T dwSize" in run("call", "VirtualAlloc", "0", "-99999999999999999999", "0", "0", code=2).stderr
    assert "'' is no" in run("call", "VirtualAlloc", "", "0", "0", "0", code=2).stderr
    run("call", code=2)


def trace():
    environment = {"WINMEM_TRACE": "VirtualAlloc,nosuch"}
    said = run("call", "VirtualAlloc", "0", "4096", "0x1000", "4", "then", "GetTickCount", environment=environment).stderr.splitlines()
    assert said[0] == "winmem: trace: 'nosuch' is no family and no function" and len(said) == 2, said
    assert re.fullmatch(r"winmem: \d+ VirtualAlloc\(lpAddress=NULL, dwSize=4096, flAllocationType=MEM_COMMIT, flProtect=PAGE_READWRITE\) = 0x\w+",
                        said[1]), said
    said = run("call", "GetTickCount", environment={"WINMEM_TRACE": "1"}).stderr
    assert re.fullmatch(r"winmem: \d+ GetTickCount\(\) = \w+\n", said), said
    assert run("call", "GetTickCount", environment={"WINMEM_TRACE": "0"}).stderr == ""


def full():
    """Output that cannot be written is a failure, and said to be one."""
    with open("/dev/full", "w") as full_disk, tempfile.TemporaryDirectory() as folder:
        program = pathlib.Path(folder, "no-imports.exe")
        program.write_bytes(smallest_program())
        for words in (["version"], ["help"], ["exports", "--coverage"], ["call", "GetTickCount"],
                      ["run", "--imports", str(program)]):
            assert run(*words).stdout, words
            done = subprocess.run([WINMEM, *words], stdout=full_disk, stderr=subprocess.PIPE, text=True)
            assert done.returncode == 1 and "output" in done.stderr, (words, done)


def smallest_program():
    """A PE32+ image for x64 with headers and nothing else."""
    optional = struct.pack("<HBBIIIIIQIIHHHHHHIIIIHHQQQQII", 0x20B, 14, 0, 0, 0, 0, 0x1000, 0x1000,
                           0x140000000, 0x1000, 0x200, 6, 0, 0, 0, 6, 0, 0, 0x2000, 0x200, 0, 3, 0,
                           0x100000, 0x1000, 0x100000, 0x1000, 0, 16) + bytes(16 * 8)
    section = struct.pack("<8sIIIIIIHHI", b".text", 16, 0x1000, 0x200, 0x200, 0, 0, 0, 0, 0x60000020)
    headers = struct.pack("<2s58xI", b"MZ", 64) + b"PE\0\0" + struct.pack("<HHIIIHH", 0x8664, 1, 0, 0, 0, len(optional), 0x22)
    return (headers + optional + section).ljust(0x200, b"\0") + b"\xC3".ljust(0x200, b"\0")


def faults():
    """A wild pointer ends the command with words. Reading or writing first is the C library's choice."""
    for words in ("RtlFillMemory 8 100 0", "RtlMoveMemory 8 16 100"):
        said = run("call", *words.split(), code=5).stderr
        name, first = words.split()[0], "writing 0x8" if "Fill" in words else "(writing 0x8|reading 0x10)"
        assert re.match(rf"winmem: call: {name}: access violation {first}", said) and said.count("\n") == 1, said
    done = run("call", "GetTickCount", "then", "RtlFillMemory", "0xFFFF800000000000", "1", "0", code=5)
    assert done.stdout.startswith("GetTickCount = ") and "RtlFillMemory" in done.stderr, done


def no_program():
    """Exit codes as the usage text tells: 126 cannot be run, 127 no such file; a fifo or a device keeps nobody waiting."""
    with tempfile.TemporaryDirectory() as folder:
        fifo, text = os.path.join(folder, "fifo.exe"), os.path.join(folder, "text.exe")
        os.mkfifo(fifo)
        pathlib.Path(text).write_text("no program")
        for option in ([], ["--imports"]):
            for path, code in ((text, 126), (folder, 126), (fifo, 126), ("/dev/zero", 126), (text + ".absent", 127)):
                said = run("run", *option, path, code=code).stderr
                assert path in said and said.count("\n") == 1, said


def settings():
    """A value that is not understood is said to be so, once, and counts as not set."""
    offer = ("call", "VirtualAlloc", "0", "4096", "MEM_COMMIT", "PAGE_READWRITE", "then", "RtlFillMemory", "$1", "1", "1",
             "then", "OfferVirtualMemory", "$1", "4096", "1", "then", "ReclaimVirtualMemory", "$1", "4096",
             "then", "OfferVirtualMemory", "$1", "4096", "1", "then", "ReclaimVirtualMemory", "$1", "4096")
    for name, good, bad in (("WINMEM_OFFER_DISCARD", ("", "none", "all", "<=1", "<=4", "seed:0", "seed:0x12"),
                             ("bogus", "<=x", "<=", "<=5", "<=1x", "seed:", "seed:-1", "seed:99999999999999999999999", "al")),
                            ("WINMEM_HOST_CAPS", ("", "-guard", "-populate,-lazyfree", "-lazyfree,", "-pin"),
                             ("bogus", "guard", "-guardx", "-guard,-nosuch", "-guar")),
                            ("WINMEM_RETURN", ("", "lazy", "keep"), ("bogus", "Lazy", "lazy,now")),
                            ("WINMEM_OFFER_BUDGET", ("", "0", "64K", "1T"), ("bogus", "-1", "64KB", "K"))):
        for value in good:
            assert run(*offer, environment={name: value}).stderr == "", (name, value)
        for value in bad:
            done = run(*offer, environment={name: value})
            assert re.fullmatch(rf"winmem: {name}='{re.escape(value)}': .* allowed: .*(all|-guard|lazy|SIZE|bytes).*\n", done.stderr), (value, done)
            assert done.stdout.splitlines()[1:] == run(*offer, environment={}).stdout.splitlines()[1:], (value, done)
        assert "ReclaimVirtualMemory = 170" in run(*offer, environment={"WINMEM_OFFER_DISCARD": "all"}).stdout


def privileges():
    """WINMEM_PRIVILEGES: what is held counts in a call without a token; a mistake is told once and counts as not set."""
    name, window = "WINMEM_PRIVILEGES", ("call", "VirtualAlloc", "0", "0x10000", "MEM_RESERVE+MEM_PHYSICAL", "PAGE_READWRITE")
    refused = run(*window, environment={}).stdout
    assert "last error 1314" in refused, refused
    for value in ("", "SeDebugPrivilege", "-SeChangeNotifyPrivilege,", "SeLockMemoryPrivilege,-SeLockMemoryPrivilege"):
        done = run(*window, environment={name: value})
        assert (done.stdout, done.stderr) == (refused, ""), (value, done)
    for value in ("SeLockMemoryPrivilege", "SeDebugPrivilege,selockmemoryprivilege,"):
        done = run(*window, environment={name: value})
        assert "1314" not in done.stdout and done.stderr == "", (value, done)
    for value in ("SeNothing", "-", "SeLockMemoryPrivilege;SeDebugPrivilege", "SeLockMemoryPrivilege," + "SeLockMemoryPrivilege" * 9):
        done = run(*window, environment={name: value})
        assert done.stdout == refused and re.fullmatch(rf"winmem: {name}='.*': .* allowed: .*\n", done.stderr), (value, done)
    assert "no such privilege" in run("run", "--privilege", "SeNothing", "x.exe", code=2).stderr


def limits():
    """--commit-limit, --address-space, --pressure, --fail-allocation, and the variables that programs run in other ways have."""
    program = sys.argv[3]
    blocks = lambda text, what: int(re.search(rf"^{what}: (\d+) blocks, error (\d+)$", text, re.M).group(1))
    error = lambda text, what: int(re.search(rf"^{what}: (\d+) blocks, error (\d+)$", text, re.M).group(2))

    free = run("run", program, environment={}).stdout
    assert error(free, "commit 1 MiB") == error(free, "reserve 16 MiB") == 0, free
    assert re.search(r"^allocations: \.{480}$", free, re.M) and "threads: 96 started, wrong 0\n" in free, free

    for words, environment in ((["--commit-limit", "64M"], {}), ([], {"WINMEM_COMMIT_LIMIT": "65536K"})):
        said = run("run", *words, program, environment=environment).stdout
        # what the process itself has committed is charged too: its stack and a few pages
        assert 60 <= blocks(said, "commit 1 MiB") <= 63 and error(said, "commit 1 MiB") == 1455, said
        assert error(said, "reserve 16 MiB") == 0 and "another number" not in said, said
    for words, environment in ((["--address-space", "2G"], {}), ([], {"WINMEM_ADDRESS_SPACE": "2G"})):
        said = run("run", *words, program, environment=environment).stdout
        assert 126 <= blocks(said, "reserve 16 MiB") <= 127 and error(said, "reserve 16 MiB") == 8, said
        assert error(said, "commit 1 MiB") == 0 and "another number" not in said, said
    for words, environment in ((["--pressure", "9M"], {}), ([], {"WINMEM_AVAILABLE": "9M"})):
        assert re.search(r"^available: \d+ MiB, low 1$", run("run", *words, program, environment=environment).stdout, re.M)
    too_small(program)
    pressure_files(program)
    failing(program)
    for option, value in (("--commit-limit", "64MB"), ("--address-space", "-1"), ("--pressure", "much"), ("--offer-budget", "64KB"), ("--fail-allocation", "x"),
                          ("--fail-allocation", "1:0"), ("--fail-allocation", "1:"), ("--fail-allocation", "1:2:3")):
        said = run("run", option, value, program, code=2).stderr
        assert said.startswith(f"winmem: '{value}' is no ") and said.count("\n") == 1, said


def too_small(program):
    """A limit that the process itself does not fit in is told with the least that works; which does."""
    with tempfile.TemporaryDirectory() as folder:
        program = pathlib.Path(folder, "program.exe")
        program.write_bytes(smallest_program())
        for option, name in (("--commit-limit", "WINMEM_COMMIT_LIMIT"), ("--address-space", "WINMEM_ADDRESS_SPACE")):
            for value in ("0", "5000", "64K"):
                said = run("run", option, value, str(program), code=126).stderr
                least = re.fullmatch(rf"winmem: .*: {name}={value} is too small: to set up this program takes (\d+) bytes\n", said)
                assert least, said
            least = int(least.group(1))
            said = run("run", option, str(least - 1), str(program), code=126).stderr
            assert f"takes {least} bytes" in said, said
            started = subprocess.run([WINMEM, "run", option, str(least), str(program)], capture_output=True, text=True, timeout=60)
            assert "too small" not in started.stderr and started.returncode != 126, started


def pressure_files(program):
    """What is wrong with the file of --pressure is said once, at the start, and nothing is pretended."""
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, "size")
        plain = re.compile(r"^available: (\d+) MiB, low 0$", re.M)
        for content, problem in ((None, "No such file or directory"), ("", "it holds no size"), ("much\n", "it holds no size"), ("7MB", "it holds no size")):
            if content is not None:
                file.write_text(content)
            for words, environment in ((["--pressure", f"@{file}"], {}), ([], {"WINMEM_AVAILABLE": f"@{file}"})):
                done = run("run", *words, program, environment=environment)
                assert re.fullmatch(rf"winmem: WINMEM_AVAILABLE=@{file}: {problem}; nothing is pretended until it holds .*\n", done.stderr), done
                assert plain.search(done.stdout) or plain.search(run("run", program, environment={}).stdout) is None, done.stdout
        file.write_text("9M\n")
        done = run("run", "--pressure", f"@{file}", program)
        assert done.stderr == "" and re.search(r"^available: \d+ MiB, low 1$", done.stdout, re.M), done


def failing(program):
    """Some allocations fail, chosen by the seed: a run repeats, another seed chooses others, and all fail with 1."""
    letters = lambda text: re.search(r"^allocations: (.*)$", text, re.M).group(1)
    def once(value):
        done = run("run", "--fail-allocation", value, program, environment={}).stdout
        assert "?" not in letters(done) and "wrong 0\n" in done, done
        return re.sub(r"(?m)^available.*$", "", done)  # the machine's, not the seed's
    first = once("7")
    assert once("7") == first and letters(once("8")) != letters(first)
    assert letters(run("run", program, environment={"WINMEM_FAIL_ALLOCATION": "7:16"}).stdout) == letters(first)
    for value, one_in in (("7", 16), ("0x8:4", 4), ("12345678901234567:2", 2)):
        said = letters(once(value))
        for letter in "RC":  # 240 of each, drawn
            assert abs(said.count(letter) / 240 - 1 / one_in) < 0.12, (value, said)
    started = int(re.search(r"threads: (\d+) started", first).group(1))
    assert 72 <= started < 96, first
    said = run("run", program, environment={"WINMEM_FAIL_ALLOCATION": "x"}).stderr
    assert re.fullmatch(r"winmem: WINMEM_FAIL_ALLOCATION='x': counts as not set; allowed: SEED.*\n", said), said


def shortage():
    """What keeps a program from being set up is told in words."""
    with tempfile.TemporaryDirectory() as folder:
        program = pathlib.Path(folder, "program.exe")
        program.write_bytes(smallest_program())
        said = run("run", str(program), "x" * 33000, code=126).stderr
        assert said == f"winmem: {program}: the command line is longer than 32766 characters\n", said
        limited = lambda: resource.setrlimit(resource.RLIMIT_AS, (64 << 20, 64 << 20))
        done = subprocess.run([WINMEM, "run", str(program)], capture_output=True, text=True, preexec_fn=limited, timeout=60)
        assert done.returncode == 126 and "RLIMIT_AS" in done.stderr and "0x" not in done.stderr, done


class Machine:
    """A machine of its own, and programs on it that stay while the case looks."""

    def __init__(self, text="name=t; adapter local=256M nonlocal=256M; adapter local=1G nonlocal=0 name=second"):
        self.folder = tempfile.TemporaryDirectory()
        os.chmod(self.folder.name, 0o700)
        self.environment = {"WINMEM_GPU_DIR": self.folder.name, "WINMEM_GPU": text}
        self.guests = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for guest in self.guests:
            if guest.poll() is None:
                self.end(guest)
        self.folder.cleanup()

    def start(self, name, milliseconds, seed):
        guest = subprocess.Popen([sys.argv[3], name, str(milliseconds), str(seed)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                 text=True, env=self.environment)
        self.guests.append(guest)
        assert guest.stdout.readline() == "ready\n"
        return guest

    def end(self, guest):
        guest.stdin.close()
        guest.wait(20)
        guest.stdout.close()

    def gpu(self, *words, code=0):
        return run("gpu", *words, code=code, environment=self.environment)

    def json(self):
        return json.loads(self.gpu("list", "--json").stdout)["adapters"]


def gpu_mistakes(machine):
    """Words that cannot be right are told before anybody looks for a machine."""
    for words in ([], ["nosuch"], ["destroy", "x"], ["list", "x"], ["top", "-n", "0"], ["top", "-n", "x"], ["top", "-d", "0"], ["top", "x"], ["timeline"],
                  ["reset"], ["reset", "0", "--process"], ["reset", "0", "x", "1"], ["stop"], ["stop", "0", "1"], ["pressure", "0"],
                  ["pressure", "0", "middle", "1M"], ["discard"], ["background", "1"], ["background", "1", "maybe"]):
        assert machine.gpu(*words, code=2).stderr.startswith("usage: winmem gpu"), words
    for words, said in ((["stop", "x"], "x: is no adapter's number"), (["remove", "-1"], "-1: is no adapter's number"),
                        (["timeline", "f", ""], ": is no adapter's number"), (["pressure", "0", "1X"], "1X: is no size (a number, or with K, M, G or T)"),
                        (["discard", "0", "x"], "x: is no size (a number, or with K, M, G or T)"), (["background", "me", "on"], "me: is no process id"),
                        (["reset", "0", "--process", "abc"], "abc: is no process id"), (["reset", "0", "--process", "0"], "0: is no process id")):
        assert machine.gpu(*words, code=2).stderr == f"winmem: gpu: {said}\n", words


def gpu_nothing():
    """Without a machine every command says so; mistakes of usage are told with the usage text."""
    with Machine() as machine:
        for words in (["list"], ["list", "--json"], ["top"], ["timeline", "x"], ["reset", "0"], ["stop", "0"], ["destroy"],
                      ["pressure", "0", "1M"], ["discard", "0"], ["background", "1", "on"]):
            said = machine.gpu(*words, code=1).stderr
            assert "there is no machine" in said and said.count("\n") == 1, (words, said)
        assert os.listdir(machine.folder.name) in ([], ["gpu-t.lock"])
        mistakes = lambda: gpu_mistakes(machine)
        mistakes()
        assert machine.gpu("--help").stdout.startswith("usage: winmem gpu")
        machine.start("a.exe", 1, 1)
        mistakes()
        for words in (["reset", "2"], ["pressure", "16", "1M"], ["timeline", "/dev/null", "2"]):
            assert "no such adapter" in machine.gpu(*words, code=1).stderr, words
        assert "not so much" in machine.gpu("pressure", "0", "257M", code=1).stderr
        assert "no such process" in machine.gpu("background", "1", "on", code=1).stderr
        assert "no such process" in machine.gpu("reset", "0", "--process", str(os.getpid()), code=1).stderr


def gpu_stopped():
    """Who has the machine locked and is stopped keeps no command waiting, and is named."""
    with Machine() as machine:
        guest, other = machine.start("game.exe", 1, 1), machine.start("other.exe", 1, 2)
        for letter, commands in (("a", (["list"], ["top", "-n", "1"], ["pressure", "0", "1M"], ["timeline", "/dev/null"], ["background", str(other.pid), "on"])),
                                 ("m", (["list"], ["discard", "0"])), ("g", (["list"], ["destroy"]))):
            guest.stdin.write(letter + "\n")
            guest.stdin.flush()
            assert guest.stdout.readline() == "locked\n"
            guest.send_signal(signal.SIGSTOP)
            for words in commands:
                began = time.monotonic()
                said = machine.gpu(*words, code=1).stderr
                assert said == (f"winmem: gpu: process {guest.pid} (game.exe) has kept the machine locked for 3 s; "
                                "it is stopped (SIGCONT lets it go on)\n"), (words, said)
                assert 2.5 < time.monotonic() - began < 8, words
            guest.send_signal(signal.SIGCONT)
            guest.stdin.write("\n")
            guest.stdin.flush()
            assert guest.stdout.readline() == "free\n"
        assert [p["name"] for p in machine.json()[0]["processes"]] == ["game.exe", "other.exe"]  # nothing is left locked


def gpu_damaged():
    """The file is cut off or overwritten while programs have it: they end in order, and the command too."""
    for damage in ("cut", "zero", "random"):
        with Machine() as machine:
            guest = machine.start("game.exe", 5, 1)
            path = os.path.join(machine.folder.name, "gpu-t")
            if damage == "cut":
                os.truncate(path, 0)
            else:
                with open(path, "r+b") as file:
                    file.write(bytes(1 << 20) if damage == "zero" else os.urandom(1 << 20))
            assert "refused: it " in machine.gpu("list", code=1).stderr, damage
            said = machine.gpu("pressure", "0", "1M", code=1).stderr
            assert said.count("\n") == 1, said
            machine.end(guest)
            assert guest.returncode == 0, (damage, guest.returncode)
            machine.environment["WINMEM_GPU"] = "name=t; adapter local=64M"
            again = machine.start("again.exe", 5, 2)  # nobody uses it any more: made anew
            assert len(machine.json()) == 1
            machine.end(again)


def gpu_strays():
    """Who lost its machine's file is named; later programs have another machine."""
    for whole in (False, True):
        with Machine() as machine:
            first = machine.start("first.exe", 1, 1)
            path = os.path.join(machine.folder.name, "gpu-t")
            said = f"winmem: gpu: process {first.pid} has a machine of its own: its file {path} was removed\n"
            assert machine.gpu("list").stderr == ""
            if whole:
                shutil.rmtree(machine.folder.name)
            else:
                os.unlink(path)
            assert machine.gpu("list", code=1).stderr.endswith(said)
            second = machine.start("second.exe", 1, 2)
            listed = machine.gpu("list")
            assert listed.stderr == said and "second.exe" in listed.stdout and "first.exe" not in listed.stdout, listed
            machine.end(first)
            assert machine.gpu("list").stderr == ""
            machine.end(second)


def gpu_list():
    with Machine() as machine:
        guests = [machine.start("game.exe", 20, 1), machine.start("we\\ird\"", 20, 2)]
        first, second = machine.json()
        assert (first["state"], first["resets"], second["name"]) == ("running", 0, "second"), first
        assert first["segments"]["local"]["size"] == 256 << 20 and second["segments"]["non-local"]["size"] == 0
        assert [p["name"] for p in first["processes"]] == ["game.exe", "we\\ird\""]
        assert [p["pid"] for p in first["processes"]] == [g.pid for g in guests]
        taken = lambda adapter: sum(p["local"]["resident"] + p["non-local"]["resident"] + p["offered"] for p in adapter["processes"])
        used = lambda adapter: sum(segment["used"] for segment in adapter["segments"].values())
        assert taken(first) == used(first) and first["segments"]["local"]["used"] > 0 and first["clock"] >= 20000000
        budgets = {p["local"]["budget"] for p in first["processes"]}
        assert len(budgets) == 1 and 100 << 20 < budgets.pop() < 128 << 20  # shared alike
        plain = machine.gpu("list").stdout
        assert plain.startswith("adapter 0: ") and "adapter 1: second" in plain and f"{guests[0].pid}  game.exe" in plain, plain
        top = machine.gpu("top", "-n", "2", "-d", "0.1").stdout
        assert top.count("adapter 0: ") == 2 and "\033" not in top and "in a second" in top, top
        guests[1].kill()  # not in order: the next one who looks sweeps
        guests[1].wait()
        first, _ = machine.json()
        assert [p["name"] for p in first["processes"]] == ["game.exe"]
        assert taken(first) == used(first)
        assert first["processes"][0]["local"]["budget"] > 200 << 20
        machine.environment["WINMEM_GPU"] = "name=other"
        assert "there is no machine" in machine.gpu("list", code=1).stderr
        machine.environment["WINMEM_GPU"] = "name=t"
        assert len(machine.json()) == 2


def gpu_control():
    with Machine() as machine:
        guest = machine.start("game.exe", 30, 1)
        other = machine.start("other.exe", 30, 2)
        state = lambda: machine.json()[0]
        for word, after, again in (("stop", "stopped", "not running"), ("start", "running", "not stopped"),
                                   ("remove", "removed", "not there"), ("restore", "running", "not removed")):
            luid = state()["luid"]
            machine.gpu(word, "0")
            assert state()["state"] == after and (state()["luid"] != luid) == (word == "restore")
            assert again in machine.gpu(word, "0", code=1).stderr
        assert state()["resets"] == 1  # by the removal, which left nothing resident
        assert all(segment["used"] == 0 for segment in state()["segments"].values()), state()
        machine.gpu("reset", "0", "--process", str(guest.pid))
        assert state()["resets"] == 2 and f"the last one for process {guest.pid}" in machine.gpu("list").stdout
        machine.gpu("reset", "0")
        assert "the last one for" not in machine.gpu("list").stdout and machine.json()[1]["resets"] == 0
        budget = lambda: state()["processes"][0]["local"]["budget"]
        before = budget()
        machine.gpu("background", str(guest.pid), "on")
        assert state()["processes"][0]["background"] and budget() < before
        machine.gpu("background", str(guest.pid), "off")
        assert budget() == before
        machine.gpu("pressure", "0", "100M")
        assert state()["segments"]["local"]["pressure"] == 100 << 20 and budget() < before
        machine.gpu("pressure", "0", "nonlocal", "1M")
        assert state()["segments"]["non-local"]["pressure"] == 1 << 20
        machine.gpu("pressure", "0", "local", "0")
        assert budget() == before
        third = machine.start("third.exe", 60, 3)
        assert state()["offered"] > 0
        said = machine.gpu("discard", "0").stdout
        assert re.fullmatch(r"[1-9]\d* discarded, 0 B offered\n", said) and machine.gpu("discard", "0", "1G").stdout.startswith("0 "), said
        assert "in use" in machine.gpu("destroy", code=1).stderr
        for one in (guest, other, third):
            machine.end(one)
        machine.gpu("destroy")
        assert os.listdir(machine.folder.name) == ["gpu-t.lock"]
        assert "there is no machine" in machine.gpu("list", code=1).stderr


def gpu_timeline():
    """A whole document that needs nothing else, with all that happened in it."""
    with Machine() as machine, tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "t.html")
        machine.gpu("timeline", path, code=1)
        guest = machine.start("game.exe", 40, 1)
        machine.gpu("timeline", path, "1")  # where nothing happened
        assert "second: video memory" in pathlib.Path(path).read_text()
        machine.gpu("pressure", "0", "32M")
        other = machine.start("<b>&", 60, 2)
        machine.gpu("reset", "0")
        machine.start("late.exe", 10, 3)
        machine.end(other)
        machine.gpu("timeline", path)
        text = pathlib.Path(path).read_text()
        assert text.startswith("<!DOCTYPE html>") and "http" not in text and "src=" not in text
        svg = xml.etree.ElementTree.fromstring(text[text.index("<svg"):text.index("</svg>") + 6])
        said = [title.text for title in svg.iter("title")]
        labels = [f"game.exe ({guest.pid})", f"<b>& ({other.pid})", "late.exe"]
        for label in labels:
            assert any(title.startswith(label) and "at most" in title and title.endswith(" local") for title in said), (label, said)
            assert any(title.startswith("budget of " + label) for title in said), label
        assert any(title.endswith(" offered") for title in said) and "32 MiB taken by pressure" in said
        assert any(re.fullmatch(r"[\d.]+ ms: reset", title) for title in said), said
        peaks = [float(re.search(r"at most ([\d.]+) MiB local", t).group(1)) for t in said if "MiB local" in t]
        assert all(0 < peak <= 256 for peak in peaks) and len(peaks) == 3, peaks
        now = machine.json()[0]
        moments = [t.text for rect in svg.iter("rect") if rect.get("class") == "touch" for t in rect]
        assert len(moments) == 3 * 120 and f"game.exe ({guest.pid})" in moments[119] and f"({other.pid})" not in moments[119], moments[119]
        assert "1 reset<" in text and "prefers-color-scheme:dark" in text and now["resets"] == 1
        assert machine.gpu("timeline", "/nosuch/t.html", code=1).stderr == "winmem: gpu: /nosuch/t.html: No such file or directory\n"
        if os.path.exists("/dev/full"):
            assert "/dev/full" in machine.gpu("timeline", "/dev/full", code=1).stderr


def gpu_timeline_long():
    """More events than are kept: who is gone by now still has its name, and the budgets are there from the first moment."""
    with Machine("name=t; adapter local=64M nonlocal=64M") as machine, tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "t.html")
        both = [machine.start("early.exe", 10, 1), machine.start("late.exe", 4000, 2)]
        text = machine.gpu("timeline", path) and pathlib.Path(path).read_text()
        assert "older events are not kept" in text, text[:3000]
        for live in (True, False):
            text = machine.gpu("timeline", path) and pathlib.Path(path).read_text()
            svg = xml.etree.ElementTree.fromstring(text[text.index("<svg"):text.index("</svg>") + 6])
            for name, guest in zip(("early.exe", "late.exe"), both):
                label = f"budget of {name} ({guest.pid})"
                paths = [path.get("d") for path in svg.iter("path") for title in path if title.text == label]
                assert len(paths) == 2, (live, label, [title.text for title in svg.iter("title")][:20])
                assert all(paths), (live, label)
                assert [re.match(r"M[\d.]+ ", d).group(0) for d in paths] == ["M98.0 "] * 2, paths  # the left edge
            for guest in both * live:
                machine.end(guest)


globals()[sys.argv[2]]()
