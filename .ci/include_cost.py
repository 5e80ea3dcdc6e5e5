#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""A user pays at most 0.8 s of processor time for <gyre/gyre.hpp>, and sees nothing of what gyre is built on.

The time is the user time of `g++ -std=c++20 -O0 -c` for one line, the median of 7. Usage: include_cost.py ROOT [COMPILER]
"""
import re
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import sources

LIMIT = 0.8
RUNS = 7
HIDDEN = re.compile(r"/boost/|/asio|concurrentqueue|moodycamel")


def user_time(command):
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before


def main():
    root = sources.root_argument()
    compiler = sys.argv[2] if len(sys.argv) > 2 else "g++"
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "one_line.cpp"
        source.write_text("#include <gyre/gyre.hpp>\n")
        command = [compiler, "-std=c++20", "-O0", f"-I{root / 'include'}", str(source)]
        listed = subprocess.run([*command, "-M"], stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if listed.returncode != 0:
            sys.exit(f"<gyre/gyre.hpp> does not compile:\n{listed.stderr}")
        headers = listed.stdout.replace("\\\n", " ").split()[2:]
        output = ["-c", "-o", str(Path(folder) / "one_line.o")]
        median = statistics.median(user_time([*command, *output]) for _ in range(RUNS))
    # A path of the tree itself may contain such a name.
    outside = [header for header in headers if not Path(header).resolve().is_relative_to(root)]
    problems = [f"{header}: reached from <gyre/gyre.hpp>" for header in outside if HIDDEN.search(header)]
    if median >= LIMIT:
        problems.append(f"include/gyre/gyre.hpp:1: costs {median:.2f} s of user time, must stay below {LIMIT} s")
    print(f"include_cost: {median:.2f} s of user time with {compiler} -O0 (limit {LIMIT} s)")
    sources.report("include_cost", problems, len(headers))


main()
