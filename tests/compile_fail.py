#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Passes when a source does not compile and the compiler says why.

Usage: compile_fail.py SOURCE -- COMPILER ARGS...

The first line of SOURCE is `// expect: REGEX`; the regex is searched in the compiler's output. A source that has a
line `#ifdef GYRE_FIXED` must compile with that macro defined, which proves that nothing else is wrong with it.
"""
import re
import subprocess
import sys
from pathlib import Path


def compiles(command, source):
    done = subprocess.run([*command, source], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return done.returncode == 0, done.stdout + done.stderr


def verdict(source, command):
    text = Path(source).read_text()
    expected = re.match(r"// expect: (.+)\n", text)
    if not expected:
        return "its first line is not `// expect: REGEX`"
    good, output = compiles(command, source)
    if good:
        return "it compiled"
    if not re.search(expected[1], output):
        return f"it failed, but no line matches {expected[1]!r}:\n{output}"
    if "#ifdef GYRE_FIXED" in text:
        good, output = compiles([*command, "-DGYRE_FIXED"], source)
        if not good:
            return f"it does not compile with GYRE_FIXED either:\n{output}"
    return ""


def main():
    source, dashes, *command = sys.argv[1:]
    assert dashes == "--" and command, __doc__
    problem = verdict(source, command)
    if problem:
        print(f"{source}: {problem}")
    sys.exit(1 if problem else 0)


main()
