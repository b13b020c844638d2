"""Whole programs against one another: medians of runs by turns, and one line per ratio."""

import statistics
import subprocess
import time

SECONDS = 60  # for one run; the slowest takes about 2


def seconds(command, cwd=None, env=None):
    """One run, from before the spawn to the exit status; output thrown away. A run that fails ends the benchmark."""
    begin = time.perf_counter()
    subprocess.run(command, cwd=cwd, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, check=True,
                   timeout=SECONDS)
    return time.perf_counter() - begin


def medians(commands, rounds, cwd=None, env=None):
    """The median of each command, run by turns so that a busy moment hits all alike. The first round warms the caches."""
    times = {name: [] for name in commands}
    for turn in range(rounds + 1):
        for name, command in commands.items():
            spent = seconds(command, cwd, env)
            if turn:
                times[name].append(spent)
    return {name: statistics.median(values) for name, values in times.items()}


def line(work, spent, name, other, limit=None):
    """Prints `work: ratio (limit) times`; False when the ratio is above its limit."""
    ratio = spent[name] / spent[other]
    bound = f"(at most {limit})" if limit else "(no limit)"
    above = limit is not None and ratio > limit
    print(f"{work}: {ratio:.2f} {bound}{' ABOVE' if above else ''}   {name} {spent[name] * 1e3:.2f} ms, {other} {spent[other] * 1e3:.2f} ms",
          flush=True)
    return not above
