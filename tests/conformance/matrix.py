#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Writes MATRIX.md: which test proves which behaviour of asyncio, on how many loops.

Usage: matrix.py [--check]

A test proves the behaviours whose ids its name begins with: "TG-007: ...", "C3, XLOOP-004: ...". The names are taken from
the sources of the tests: LOOP_TEST runs on one loop and pinned to one of four, RUNTIME_TEST on 2, 4, 8 and 64 loops,
TEST_CASE as it says itself; a program that must not compile names its behaviour in a line `// proves: ID`.
With --check nothing is written: the status is 1 if an id has neither a test nor a reason, if a name has an id that does not
exist, or if MATRIX.md is not what would be written.
"""
import re
import sys
from collections import defaultdict
from pathlib import Path

HERE = Path(__file__).resolve().parent
TESTS = HERE.parent
MATRIX = HERE / "MATRIX.md"
NAMED = re.compile(r'\b(LOOP_TEST|RUNTIME_TEST|TEST_CASE)\(\s*"((?:[^"\\]|\\.)*)"', re.S)
ID = re.compile(r"[A-Z]+-\d{3}$")
LOOPS = {"LOOP_TEST": ("yes", "pinned"), "RUNTIME_TEST": ("", "yes"), "TEST_CASE": ("yes", ""), "compile": ("-", "-")}


def read_behaviours():
    """Returns the ids in order, and the reasons of those without a test."""
    ids, reasons = [], {}
    for line in (HERE / "behaviours.txt").read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        first, rest = line.split(" ", 1)
        if ID.match(first):
            reasons[first] = rest
        else:
            ids += [f"{first}-{n:03d}" for n in range(1, int(rest) + 1)]
    return ids, reasons


def ids_of(name):
    head = name.split(":", 1)[0]
    return [each for each in re.split(r",\s*", head) if ID.match(each)]


def read_tests():
    """Returns id -> [(macro, title, file)]."""
    found = defaultdict(list)
    for path in sorted(TESTS.rglob("*.cpp")):
        text, where = path.read_text(), path.relative_to(TESTS).as_posix()
        for macro, name in NAMED.findall(text):
            for each in ids_of(name):
                found[each].append((macro, name.split(":", 1)[1].strip(), where))
        for each in re.findall(r"^// proves: ([A-Z]+-\d{3})$", text, re.M):
            found[each].append(("compile", "does not compile", where))
    return found


def cell(tests, which):
    kinds = [LOOPS[macro][which] for macro, _, _ in tests]
    return next((kind for kind in ("yes", "pinned", "-") if kind in kinds), "")


def table(ids, reasons, tests):
    lines = [
        "# Which test proves which behaviour",
        "",
        "Written by matrix.py from the names of the tests and from behaviours.txt. All of them run in every build of the suite.",
        "",
        "- 1 loop: asyncio's order, on the virtual clock and on real threads.",
        "- 4 loops: `pinned` to one loop of a runtime of four, or `yes`, unpinned on several loops.",
        "- `-`: decided by the compiler.",
        "",
    ]
    proven = sum(1 for each in ids if tests[each])
    lines += [f"{proven} of {len(ids)} behaviours have a test.", ""]
    group = None
    for each in ids:
        if each.split("-")[0] != group:
            group = each.split("-")[0]
            lines += ["", f"## {group}", "", "| id | test | 1 loop | 4 loops |", "|---|---|---|---|"]
        if tests[each]:
            names = "<br>".join(f"{title} ({where})".replace("|", "\\|") for _, title, where in tests[each])
            lines.append(f"| {each} | {names} | {cell(tests[each], 0)} | {cell(tests[each], 1)} |")
        else:
            lines.append(f"| {each} | none: {reasons.get(each, '')} | | |")
    return "\n".join(lines) + "\n"


def main():
    ids, reasons = read_behaviours()
    tests = read_tests()
    groups = {each.split("-")[0] for each in ids}
    problems = [f"{each} has neither a test nor a reason" for each in ids if not tests[each] and each not in reasons]
    problems += [f"{each} has a test and a reason for having none" for each in reasons if tests[each]]
    problems += [f"{each} of {tests[each][0][2]} does not exist"
                 for each in sorted(tests) if tests[each] and each.split("-")[0] in groups and each not in ids]
    text = table(ids, reasons, tests)
    if "--check" in sys.argv[1:]:
        if not MATRIX.exists() or MATRIX.read_text() != text:
            problems.append("MATRIX.md is out of date: run tests/conformance/matrix.py")
    else:
        MATRIX.write_text(text)
    for each in problems:
        print(each)
    print(f"matrix: {sum(1 for each in ids if tests[each])} of {len(ids)} behaviours have a test, {len(problems)} problems")
    sys.exit(1 if problems else 0)


main()
