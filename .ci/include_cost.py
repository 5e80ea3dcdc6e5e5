#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""A user pays at most 0.8 s of processor time for <gyre/gyre.hpp>, and sees nothing of what gyre is built on.

The time is the user time of `g++ -std=c++20 -O0 -c` for one line, the least of 9, since what disturbs only adds. A machine
that is slow, or busy with something else, is excused by what the standard headers of REFERENCE cost there at the same time
(0.4 s where it is idle).
Usage: include_cost.py ROOT [COMPILER]
"""
import re
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import sources

LIMIT = 0.8
REFERENCE = ("chrono", "memory", "optional", "string", "tuple", "vector")
REFERENCES = 2  # in LIMIT
RUNS = 9
HIDDEN = re.compile(r"/boost/|/asio|concurrentqueue|moodycamel")


def user_time(command):
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before


def least(commands):
    """The least time of each command; they take turns, so that a busy moment meets all of them."""
    times = [[user_time(command) for command in commands] for _ in range(RUNS)]
    return [min(column) for column in zip(*times)]


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
        command += ["-c", "-o", str(Path(folder) / "object.o")]
        cost, reference_cost = least([[*command, source], [*command, reference]])
    # A path of the tree itself may contain such a name.
    outside = [header for header in headers if not Path(header).resolve().is_relative_to(root)]
    problems = [f"{header}: reached from <gyre/gyre.hpp>" for header in outside if HIDDEN.search(header)]
    limit = max(LIMIT, REFERENCES * reference_cost)
    if cost >= limit:
        problems.append(f"include/gyre/gyre.hpp:1: costs {cost:.2f} s of user time, must stay below {limit:.2f} s")
    print(f"include_cost: {cost:.2f} s of user time with {compiler} -O0 (limit {limit:.2f} s)")
    sources.report("include_cost", problems, len(headers))


main()
