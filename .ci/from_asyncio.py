#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""docs/from_asyncio.md against the headers and against asyncio, both ways.

Every identifier of a gyre spelling is declared in include/gyre; every public name of namespace gyre stands in a table;
every name of asyncio_names.txt has a row. The tables are those under "Name by name": Python on the left, gyre in the
second column.
"""
import re
from pathlib import Path

import declarations
import sources

PAGE = "docs/from_asyncio.md"
SECTIONS = ("## Name by name", "## Two lines each")
NAMES = ".ci/asyncio_names.txt"

# What a row may use undeclared: words of C++ (of Python, where a row says "the same"), and the names that rows give to
# objects, functions and values of the reader.
CPP = set(
    "auto await bool co_await co_return co_yield cout double exception_ptr int make_shared move nullopt nullptr "
    "return shared_future shared_ptr std testing true vector while".split())
PLACEHOLDERS = set(
    "Compare GYRE_LOOPS PID R T V X a amain args b body c cond coros ctx d e ex f file fs fut g gen gyre h held i id it l "
    "limit lk mine msg n options os pid pool process_cpu_count ps pstree waits q r rest s seed sem stay t t1 t2 tasks tg ts v var "
    "w work x".split())

# How rows call the objects of a class whose members they list.
HANDLES = {"loop": {"loop", "l"}, "Future": {"t", "fut"}, "Task": {"t"}, "Handle": {"h"}, "TimerHandle": {"h"},
           "Runner": {"r", "Runner"}, "Timeout": {"t", "timeout"}, "TaskGroup": {"tg", "TaskGroup"}, "ContextVar": {"ContextVar", "var"},
           "Context": {"ctx", "Context"}, "ExceptionGroup": {"ExceptionGroup", "g"}}

SPAN = re.compile(r"`([^`]+)`")
WORD = re.compile(r"[A-Za-z_]\w*")
LITERAL = re.compile(r'"[^"]*"|\b\d[\w.]*|//.*')


def cells_of(line):
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line.strip()[1:-1])]


def rows_of(page):
    """(line number, heading of the first column, cells) of each row of the checked sections."""
    rows, inside, heading = [], False, None
    for number, line in enumerate(page.splitlines(), 1):
        if line.startswith("## "):
            inside = line.strip() in SECTIONS
        if not inside or not line.startswith("|"):
            heading = None
        elif heading is None:
            heading = cells_of(line)[0]
        elif not set(line) <= set("|-: "):
            rows.append((number, heading, cells_of(line)))
    return rows


def words_in(cell):
    return {word for span in SPAN.findall(cell) for word in WORD.findall(LITERAL.sub(" ", span))}


def wanted_names(text):
    """[(class or "asyncio", name)] of the list of asyncio's names."""
    wanted = []
    for line in text.splitlines():
        if line and not line.startswith("#"):
            owner, names = line.split(":")
            wanted += [(owner, name) for name in names.split()]
    return wanted


def has_row(owner, name, rows):
    for _, heading, cells in rows:
        if heading not in ("asyncio", "Python"):
            continue
        left = words_in(cells[0])
        if owner == "asyncio":
            if name in left:
                return True
        elif left & (HANDLES.get(owner, set()) | {owner}) and name in left | (words_in(cells[1]) if owner in left else set()):
            return True
    return False


def main():
    root = sources.root_argument()
    rows = rows_of((root / PAGE).read_text())
    top, members = declarations.of_headers(root)
    declared = set(top).union(*members.values())
    problems, shown = [], set()
    for number, heading, cells in rows:
        if heading == "without":
            continue
        words = words_in(cells[1])
        if cells[1].startswith("the same"):
            words |= words_in(cells[0])
        shown |= words
        for word in sorted(words - declared - CPP - PLACEHOLDERS):
            problems.append(f"{PAGE}:{number}: {word} is not declared in include/gyre")
    for name, (path, line) in sorted(top.items()):
        if name not in shown:
            problems.append(f"{path}:{line}: {name} is public and has no row in {PAGE}")
    for owner, name in wanted_names((root / NAMES).read_text() if (root / NAMES).exists() else
                                    (Path(__file__).parent / "asyncio_names.txt").read_text()):
        full = name if owner == "asyncio" else f"{owner}.{name}"
        listed = any(name in words_in(cells[0]) for _, heading, cells in rows if heading == "without")
        if not has_row(owner, name, rows) and not listed:
            problems.append(f"{PAGE}:1: asyncio's {full} has no row")
    sources.report("from_asyncio", problems, len(rows), "rows")


if __name__ == "__main__":
    main()
