#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Writes the CTest file of a Catch2 program: one test per test case, whatever characters its name has.

Usage: discover.py PROGRAM LAYER TIMEOUT OUTPUT
"""
import re
import subprocess
import sys
from pathlib import Path


def quoted(text):
    return f"[==[{text}]==]"


def main():
    program, layer, timeout, output = sys.argv[1:]
    # Its status is the number of tests.
    listed = subprocess.run([program, "--list-test-names-only"], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    names = [line for line in listed.stdout.splitlines() if line.strip()]
    if not names or listed.stderr:
        sys.exit(f"{program} lists no tests\n{listed.stdout}{listed.stderr}")
    lines = []
    for name in names:
        title = quoted(f"{layer}/{name.replace(';', ',')}")  # CTest takes a semicolon for the end of a name
        spec = re.sub(r'([\\,\[\]"*])', r"\\\1", name)  # what Catch2 would take for its own syntax
        # NoTests: a name that Catch2 does not find again must not pass.
        lines.append(f"add_test({title} {quoted(program)} {quoted(spec)} --warn NoTests)")
        lines.append(f"set_tests_properties({title} PROPERTIES TIMEOUT {timeout} LABELS unit)")
    Path(output).write_text("\n".join(lines) + "\n")


main()
