#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Weakens each memory order and each barrier of include/ and lib/ in turn and sees whether a model fails.

A copy of the sources is changed so that each order is a call, which answers something weaker where the environment names it.
So each model is compiled once, and a bug costs a run of the scenarios that pass its place, the quickest first.

An order is weakened by one step: acquire and release to relaxed, acq_rel to each half, seq_cst to acq_rel (acquire of a load,
release of a store) and to less; a barrier is left out. What no model shows stands in tests/model/orders_unseen.json, with
the reason: {"file": "...", "text": "a part of the line that occurs once", "to": ["relaxed"], "why": "..."}.
It is a failure if no model sees one that does not stand there, or if a model sees one that does.
"""
import argparse
import concurrent.futures
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

UNSEEN = "tests/model/orders_unseen.json"
NOT_CHANGED = {"atomics.hpp", "membarrier.hpp", "membarrier.cpp"}  # what the models replace
ORDERS = {"relaxed": 0, "acquire": 2, "release": 3, "acq_rel": 4, "seq_cst": 5, "none": 9}  # the values of std::memory_order
PLACE = re.compile(r"std::memory_order_(acquire|release|acq_rel|seq_cst)\b|"
                   r"\b(?:Policy|Atomics|A)::(light_barrier|heavy_barrier)\(\);")
OPERATION = re.compile(r"[.>](load|store|exchange|fetch_\w+|compare_exchange_\w+)\(")
SCENARIO = re.compile(r'scenario<[^"]*?>\(\s*"([^"]+)"')
HEADER = r"""#pragma once
#include <atomic>
#include <cstdio>
#include <cstdlib>
namespace orders {
inline int number(const char* name) { const char* text = std::getenv(name); return text != nullptr ? std::atoi(text) : -1; }
inline int weak = number("ORDERS_WEAK");
inline int to = number("ORDERS_TO");
struct passed_places {
  bool at[4096] = {};
  ~passed_places() {
    if (std::getenv("ORDERS_PASSED") == nullptr) return;
    std::printf("passed:");
    for (int i = 0; i < 4096; ++i) if (at[i]) std::printf(" %d", i);
    std::printf("\n");
  }
};
inline passed_places passed;
inline std::memory_order order(int i, std::memory_order written) noexcept {
  passed.at[i] = true;
  return i == weak ? static_cast<std::memory_order>(to) : written;
}
inline bool barrier(int i) noexcept { passed.at[i] = true; return i != weak; }
}  // namespace orders
"""


def arguments():
    parser = argparse.ArgumentParser(description="Weakens each memory order in turn: a model must fail.")
    parser.add_argument("files", nargs="*", metavar="FILE", help="only the orders of files whose paths contain one of these")
    parser.add_argument("--list", action="store_true", help="print the orders and what they are weakened to")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="compilers or models at a time")
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parents[2], help="the tree to test")
    parser.add_argument("--scratch", type=Path, help="where it is copied to (default: build/orders in the tree)")
    return parser.parse_args()


def code_only(text):
    """The same with blanks for comments and strings."""
    return re.sub(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"', lambda m: re.sub(r"[^\n]", " ", m.group()), text, flags=re.S)


def weaker(order, operation):
    if "barrier" in order:
        return ["none"]
    if order in ("acquire", "release"):
        return ["relaxed"]
    if order == "acq_rel":
        return ["acquire", "release"]
    return {"load": ["acquire", "relaxed"], "store": ["release", "relaxed"]}.get(operation, ["acq_rel", "acquire", "release"])


def change(path, relative, places):
    """The text of a source with calls in place of its orders, which are added to `places`."""
    text = path.read_text()
    if path.name in NOT_CHANGED:
        return text
    code, lines, out, last = code_only(text), text.split("\n"), [], 0
    for found in PLACE.finditer(code):
        before = list(OPERATION.finditer(code, 0, found.start()))
        operation = before[-1].group(1) if found.group(1) and before else ""
        if operation.startswith("compare") and "memory_order" in code[before[-1].end():found.start()]:
            operation = "load"  # what is left of a failed exchange
        order = found.group(1) or found.group(2)
        line = code.count("\n", 0, found.start())
        number = len(places)
        places.append({"file": relative, "line": line + 1, "text": lines[line].strip(), "order": order,
                       "to": weaker(order, operation)})
        call = f"::orders::order({number}, {found.group()})" if found.group(1) else f"if (::orders::barrier({number})) {found.group()}"
        out += [text[last:found.start()], call]
        last = found.end()
    return "".join(out) + text[last:]


def copy(root, tree):
    """Writes the changed tree; the orders that it has."""
    places = []
    shutil.rmtree(tree, ignore_errors=True)
    for folder in ("include", "lib", "tests/model"):
        for path in sorted(p for p in (root / folder).rglob("*.?pp") if p.is_file()):
            relative = path.relative_to(root).as_posix()
            target = tree / relative
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(path.read_text() if folder == "tests/model" else change(path, relative, places))
    (tree / "orders.hpp").write_text(HEADER)
    return places


def build(tree, source):
    program = tree / source.stem
    launcher = ["ccache"] if shutil.which("ccache") else []
    command = [*launcher, "g++", "-std=c++20", "-O1", "-DNDEBUG", "-w", "-fno-sized-deallocation", "-Iinclude", "-Ilib",
               "-include", "orders.hpp", "-c", source, "-o", f"{program}.o"]
    for step in (command, ["g++", f"{program}.o", "-o", program, "-lpthread"]):
        done = subprocess.run(step, cwd=tree, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"{source.name} does not build:\n{done.stderr}")
    return [(program, name) for name in SCENARIO.findall(source.read_text())]


def passed_places(scenario):
    """(seconds, scenario, the places that it passes) without a bug."""
    start = time.monotonic()
    done = subprocess.run(scenario, capture_output=True, text=True, env={**os.environ, "ORDERS_PASSED": "1"})
    found = re.search(r"passed:(.*)", done.stdout)
    if done.returncode != 0 or found is None:
        sys.exit(f"fails without a bug: {scenario[1]}\n{done.stdout}")
    return time.monotonic() - start, scenario, {int(n) for n in found.group(1).split()}


def seen_by(number, to, known):
    """The scenario that fails when the order is weakened, or null."""
    bug = {**os.environ, "ORDERS_WEAK": str(number), "ORDERS_TO": str(ORDERS[to])}
    for seconds, scenario, places in known:
        if number not in places:
            continue
        try:
            done = subprocess.run(scenario, capture_output=True, env=bug, timeout=max(30, 15 * seconds))
        except subprocess.TimeoutExpired:
            return scenario[1]
        if done.returncode != 0:
            return scenario[1]
    return None


def unseen(root, places):
    """{(number of the place, weaker order): reason} of those that no model shows."""
    listed = {}
    for each in json.loads((root / UNSEEN).read_text()):
        fits = [i for i, p in enumerate(places) if p["file"] == each["file"] and each["text"] in p["text"]]
        if len(fits) != 1:
            sys.exit(f"{UNSEEN}: {each['file']} has {len(fits)} orders in lines with: {each['text']}")
        listed.update({(fits[0], to): each["why"] for to in each["to"]})
    return listed


def main():
    options = arguments()
    tree = options.scratch or options.root / "build" / "orders"
    places = copy(options.root, tree)
    wanted = [(i, to) for i, place in enumerate(places) for to in place["to"]
              if not options.files or any(word in place["file"] for word in options.files)]
    if options.list:
        for i, to in wanted:
            print(f"{places[i]['file']}:{places[i]['line']}: {places[i]['order']} -> {to}: {places[i]['text']}")
        return 0
    excused = unseen(options.root, places)
    sources = sorted((tree / "tests/model").glob("*_model.cpp"))
    print(f"{len(places)} orders, {len(wanted)} bugs; building {len(sources)} models", flush=True)
    good = bad = 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        scenarios = [s for built in pool.map(lambda source: build(tree, source), sources) for s in built]
        known = sorted(pool.map(passed_places, scenarios), key=lambda each: each[0])
        for (i, to), by in zip(wanted, pool.map(lambda bug: seen_by(*bug, known), wanted)):
            verdict = "caught" if by else "known" if (i, to) in excused else "SURVIVED"
            if by and (i, to) in excused:
                verdict = f"caught, and stands in {UNSEEN}"
            fine = verdict in ("caught", "known")
            good, bad = good + fine, bad + (not fine)
            place = places[i]
            print(f"{verdict:<9} {place['file']}:{place['line']}: {place['order']} -> {to}: {by or excused.get((i, to), place['text'])}",
                  flush=True)
    print(f"{good} passed, {bad} failed")
    return 0 if bad == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
