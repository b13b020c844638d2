#!/usr/bin/env python3
"""A mistake in a spec file is told with file and line by `meson setup`, too.

configure.py SOURCE MESON
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

MISTAKE = '\n[[macro]]\nname = "Nowhere"\nheader = "nosuch.h"\ntext = "() 0"\nsource = "nowhere"\n'


def main(source, meson):
    source = Path(source)
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder, "tree")
        shutil.copytree(source / "spec", tree / "spec")
        (tree / "include/winmem").mkdir(parents=True)
        for name in ("meson.build", "meson_options.txt", "include/winmem/meson.build", "tools"):
            (tree / name).symlink_to(source / name)
        spec = tree / "spec/offer.toml"
        line = len(spec.read_text().splitlines()) + 4
        spec.write_text(spec.read_text() + MISTAKE)
        run = subprocess.run([meson, "setup", "build"], cwd=tree, capture_output=True, text=True, timeout=120)
        wanted = f"offer.toml:{line}: macro 'Nowhere': no header 'nosuch.h'"
        if run.returncode == 0 or wanted not in run.stdout + run.stderr:
            print(f"meson setup ended with {run.returncode} and without '{wanted}':\n{run.stdout[-2000:]}{run.stderr[-2000:]}")
            return 1
    print(wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
