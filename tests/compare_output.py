#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Runs a program and compares what it prints with an expected text.

Usage: compare_output.py [--sets] [--show] EXPECTED PROGRAM [ARGS...]

In the expected text
  {time}       stands for a number, such as 4.00123
  {address}    stands for an address, such as 0x55d4c0ffee
  {place}      stands for a source line, such as tour/timers.cpp:12
  {any order   alone on a line, opens a block whose lines may come in any order; a line `}` closes it
  {instant}    alone on a line, separates what happens at one point in time from what happens at the next

Every other character stands for itself. By default the lines must come in the order in which they are written. With
--sets only the instants are ordered: the lines of one instant may come in any order. --show passes the program's output
on as it comes. The program must exit with 0.
"""
import argparse
import collections
import os
import re
import subprocess
import sys
import tty
from pathlib import Path

MASKS = {
    "{time}": r"[0-9]+(?:\.[0-9]+)?(?:e[-+][0-9]+)?",
    "{address}": r"0x[0-9a-fA-F]+",
    "{place}": r"[\w./+-]+:[0-9]+",
}
MASK = re.compile("|".join(map(re.escape, MASKS)))


def matches(pattern, line):
    """Whether `line` is `pattern` with every placeholder filled in."""
    literals = MASK.split(pattern)
    masks = [MASKS[name] for name in MASK.findall(pattern)] + [""]
    return re.fullmatch("".join(re.escape(text) + mask for text, mask in zip(literals, masks)), line) is not None


def groups_of(expected, sets):
    """The expected text as (ordered, lines) pairs: lines that are compared together."""
    groups = []
    in_block, new_group = False, True
    for line in expected.splitlines():
        if line == "{any order" or (line == "}" and in_block):
            in_block = not in_block
            new_group = new_group or not sets
        elif line == "{instant}":
            new_group = True
        else:
            if new_group:
                groups.append((not sets and not in_block, []))
                new_group = False
            groups[-1][1].append(line)
    return groups


def unmatched(patterns, lines):
    """(patterns, lines) that are left over when as many as possible are paired, each at most once."""
    spare = collections.Counter(lines)
    hard = []  # patterns that do not stand literally among the lines
    for pattern in patterns:
        if spare[pattern] > 0:
            spare[pattern] -= 1
        else:
            hard.append(pattern)
    rest = list(spare.elements())
    owner = {}  # index into rest -> index into hard

    def claim(pattern, tried):
        for index, line in enumerate(rest):
            if index not in tried and matches(hard[pattern], line):
                tried.add(index)
                if index not in owner or claim(owner[index], tried):
                    owner[index] = pattern
                    return True
        return False

    missing = [hard[pattern] for pattern in range(len(hard)) if not claim(pattern, set())]
    return missing, [line for index, line in enumerate(rest) if index not in owner]


def difference(expected, actual, sets):
    """What is wrong with the lines `actual`, or ''."""
    position = 0
    for ordered, patterns in groups_of(expected, sets):
        lines = actual[position:position + len(patterns)]
        if ordered:
            for offset, pattern in enumerate(patterns):
                if offset >= len(lines):
                    return f"the output ends before: {pattern}"
                if not matches(pattern, lines[offset]):
                    return f"line {position + offset + 1}\n  expected: {pattern}\n  printed:  {lines[offset]}"
        else:
            missing, extra = unmatched(patterns, lines)
            if missing:
                text = [f"lines {position + 1} to {position + len(patterns)}, in any order"]
                text += [f"  expected: {line}" for line in missing] + [f"  printed:  {line}" for line in extra]
                return "\n".join(text)
        position += len(patterns)
    return f"more was printed than expected: {actual[position]}" if position < len(actual) else ""


def output_of(command, show):
    """(exit status, standard output) of a program; with `show` it writes to a terminal, so that its lines come at once."""
    if not show:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        return done.returncode, done.stdout.decode(errors="replace")
    try:
        ours, its = os.openpty()
        tty.setraw(its)
    except OSError:  # a system without terminals
        ours, its = os.pipe()
    program = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=its)
    os.close(its)
    collected = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # EIO: the program closed its side
            piece = b""
        if not piece:
            break
        collected += piece
        os.write(1, piece)
    os.close(ours)
    return program.wait(), collected.decode(errors="replace")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", action="store_true")
    parser.add_argument("--show", action="store_true")
    parser.add_argument("expected", type=Path)
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    status, output = output_of(options.command, options.show)
    problem = difference(options.expected.read_text(), output.splitlines(), options.sets)
    if status != 0:
        problem = f"exit status {status}\n{problem}"
    if problem:
        printed = "" if options.show else f"\nall that was printed:\n{output}"
        sys.exit(f"{options.expected.name}: {problem}{printed}")


if __name__ == "__main__":
    main()
