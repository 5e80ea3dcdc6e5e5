#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""docs/errors.md against the tests, both ways: every id of the page has a test, every id of a test has a row.

A test names its ids before the colon of its name, "FAULT-26: ..." or "FAULT-39, RUN-016: ..."; the ways in which a process
ends stand in tests/process/CMakeLists.txt after a line `# proves FAULT-38: way way`. What the page lists as not there yet has
no test. And since FAULT-36 promises that the wall clock does not matter, nothing in include/ and lib/ may ask for it.
"""
import re
import sys
from pathlib import Path

PAGE = "docs/errors.md"
PROCESSES = "tests/process/CMakeLists.txt"
LAST = 44
NAMED = re.compile(r'\b(?:LOOP_TEST|RUNTIME_TEST|TEST_CASE)\(\s*"((?:[^"\\]|\\.)*)"', re.S)
ID = re.compile(r"FAULT-\d\d")
WALL_CLOCK = re.compile(r"\b(system_clock|CLOCK_REALTIME|gettimeofday)\b|\btime\((nullptr|NULL|0)\)")


def numbered(path):
    return enumerate(path.read_text().splitlines(), 1)


def ids_of_tests(root):
    found = {}
    for path in sorted((root / "tests").rglob("*.cpp")):
        text = path.read_text()
        for match in NAMED.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            for each in ID.findall(match[1].split(":", 1)[0]):
                found.setdefault(each, (path.relative_to(root).as_posix(), line))
    return found


def ids_of_processes(root, problems):
    found, path = {}, root / PROCESSES
    if not path.exists():
        return found
    text = path.read_text()
    for number, line in numbered(path):
        match = re.match(r"# proves (FAULT-\d\d): (.+)$", line)
        if not match:
            continue
        found[match[1]] = (PROCESSES, number)
        for way in match[2].split():
            if f'"{way}|' not in text:
                problems.append((PROCESSES, number, f"there is no way {way}"))
    return found


def main():
    root = Path(sys.argv[1]).resolve()
    problems, rows, later, is_later = [], {}, {}, False
    for number, line in numbered(root / PAGE):
        if line.startswith("## "):
            is_later = line == "## Not there yet"
        cells = line.split("|")
        said = line if is_later else cells[-2] if line.startswith("|") else ""
        for each in ID.findall(said):
            (later if is_later else rows).setdefault(each, number)
    tests = ids_of_processes(root, problems) | ids_of_tests(root)
    for each, number in rows.items():
        if each not in tests:
            problems.append((PAGE, number, f"{each} has no test"))
    for each, (where, number) in tests.items():
        if each in later:
            problems.append((PAGE, later[each], f"{each} is not there yet, but has a test"))
        elif each not in rows:
            problems.append((where, number, f"{each} has no row in {PAGE}"))
    for n in range(1, LAST + 1):
        if f"FAULT-{n:02d}" not in rows | later:
            problems.append((PAGE, 1, f"FAULT-{n:02d} is missing"))
    for folder in ("include", "lib"):
        for path in sorted((root / folder).rglob("*.?pp")):
            for number, line in numbered(path):
                if WALL_CLOCK.search(line):
                    problems.append((path.relative_to(root).as_posix(), number, "asks for the wall clock"))
    for where, number, what in problems:
        print(f"{where}:{number}: {what}")
    print(f"faults: {len(rows)} rows with tests, {len(later)} to come, {len(problems)} problems")
    sys.exit(1 if problems else 0)


main()
