#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""A user pays about twice as much for <gyre/gyre.hpp> as for a few standard headers, and sees nothing of what gyre is built on.

What is counted are the instructions of `g++ -std=c++20 -O0` for one line, beside those for the standard headers of
REFERENCE, which take 0.4 to 0.6 s of an idle machine: so the answer is the same on a busy one. That LIMIT stands for twice
their time is an estimate; in time the header took 0.83 to 1.09 s. Needs valgrind.
Usage: include_cost.py ROOT [COMPILER]
"""
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import sources

LIMIT = 1.85  # instructions of REFERENCE
REFERENCE = ("chrono", "memory", "optional", "string", "tuple", "vector")
COUNTER = "valgrind,--tool=cachegrind,--cache-sim=no,--cachegrind-out-file=/dev/null"
HIDDEN = re.compile(r"/boost/|/asio|concurrentqueue|moodycamel")


def instructions(command):
    """What the compiler proper executes."""
    run = subprocess.run([*command, "-wrapper", COUNTER], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    found = re.search(r"I\s+refs:\s+([\d,]+)", run.stderr)
    if run.returncode != 0 or found is None:
        sys.exit(f"{' '.join(map(str, command))} could not be counted:\n{run.stderr}")
    return int(found.group(1).replace(",", ""))


def main():
    root = sources.root_argument()
    compiler = sys.argv[2] if len(sys.argv) > 2 else "g++"
    with tempfile.TemporaryDirectory() as folder:
        source, reference = Path(folder) / "one_line.cpp", Path(folder) / "reference.cpp"
        source.write_text("#include <gyre/gyre.hpp>\n")
        reference.write_text("".join(f"#include <{name}>\n" for name in REFERENCE))
        command = [compiler, "-std=c++20", "-O0", f"-I{root / 'include'}"]
        listed = subprocess.run([*command, "-M", source], stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if listed.returncode != 0:
            sys.exit(f"<gyre/gyre.hpp> does not compile:\n{listed.stderr}")
        headers = listed.stdout.replace("\\\n", " ").split()[2:]
        command += ["-S", "-o", "/dev/null"]
        with ThreadPoolExecutor(2) as pool:
            ours, theirs = pool.map(instructions, [[*command, source], [*command, reference]])
        cost = ours / theirs
    # A path of the tree itself may contain such a name.
    outside = [header for header in headers if not Path(header).resolve().is_relative_to(root)]
    problems = [f"{header}: reached from <gyre/gyre.hpp>" for header in outside if HIDDEN.search(header)]
    if cost >= LIMIT:
        problems.append(f"include/gyre/gyre.hpp:1: costs {cost:.2f} times the reference, must stay below {LIMIT:.2f}")
    print(f"include_cost: {cost:.2f} times the instructions of the reference with {compiler} -O0 (limit {LIMIT:.2f})")
    sources.report("include_cost", problems, len(headers))


main()
