#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Counts the instructions of gyre's hot paths with callgrind and compares them with what is recorded.

check.py PROGRAM                 one line a path; exit status 1 if one needs more than the recorded count plus 3 %
check.py PROGRAM --record        writes the counts to recorded.json
The counts of one machine hold on another as long as compiler, library and flags are the same.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys

RECORDED = pathlib.Path(__file__).parent / "recorded.json"
TOLERANCE = 0.03
SMALL, LARGE = 2_000, 12_000  # the pools are warm and the queues have grown before the small one ends


def instructions(program, path, n):
    """All instructions of one run."""
    run = subprocess.run(
        ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", program, path, str(n)],
        capture_output=True, text=True, check=False)
    found = re.search(r"Collected : (\d+)", run.stderr)
    if run.returncode != 0 or found is None:
        sys.exit(f"callgrind of {path} {n} failed:\n{run.stderr}")
    return int(found.group(1))


def cost(program, path):
    """Instructions of one operation."""
    return (instructions(program, path, LARGE) - instructions(program, path, SMALL)) / (LARGE - SMALL)


def verdict(now, then):
    if then is None:
        return "not recorded"
    if now > then * (1 + TOLERANCE):
        return "REGRESSION"
    return "better: record it" if now < then * (1 - TOLERANCE) else ""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", help="gyre-paths")
    parser.add_argument("--record", action="store_true", help="write the counts to recorded.json")
    wanted = parser.parse_args()
    paths = subprocess.run([wanted.program, "--list"], capture_output=True, text=True, check=True).stdout.split()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        now = dict(zip(paths, pool.map(lambda path: round(cost(wanted.program, path), 1), paths)))
    if wanted.record:
        RECORDED.write_text(json.dumps(now, indent=1) + "\n")
    then = json.loads(RECORDED.read_text()) if RECORDED.exists() else {}
    worse = 0
    print(f"{'instructions an operation':26}{'now':>9}{'recorded':>10}{'ratio':>8}")
    for path in paths:
        was = then.get(path)
        said = verdict(now[path], was)
        worse += said in ("REGRESSION", "not recorded")
        ratio = f"{now[path] / was:8.3f}" if was else f"{'-':>8}"
        print(f"{path:26}{now[path]:9.1f}{was if was is not None else '-':>10}{ratio}  {said}".rstrip())
    for path in sorted(then.keys() - set(paths)):
        print(f"{path:26} is recorded, but gyre-paths does not know it")
        worse += 1
    print(f"{len(paths) - worse} passed, {worse} failed")
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
