#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Runs a program and compares how it ends, as a shell sees it, and what it printed.

Usage: expect_end.py STATUS LINES PROGRAM ARGUMENT...

A line `SIGINT` of the program's asks for that signal; it is not compared.
"""
import os
import signal
import subprocess
import sys


def main():
    status, lines, *command = sys.argv[1:]
    # Whoever leaves in the middle leaves memory behind.
    environment = dict(os.environ, ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0")
    program = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    seen = []
    for line in program.stdout:
        if line == "SIGINT\n":
            program.send_signal(signal.SIGINT)
        else:
            seen.append(line.rstrip("\n"))
    errors = program.stderr.read()
    code = program.wait()
    code = 128 - code if code < 0 else code
    wanted = lines.replace("\\n", "\n").split("\n")
    if code == int(status) and seen == wanted:
        return
    sys.exit(f"status {code}, not {status}\nprinted {seen}\nwanted  {wanted}\n{errors}")


main()
