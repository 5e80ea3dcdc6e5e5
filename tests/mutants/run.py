#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Plants one small bug at a time and sees whether the test that should catch it does.

The bugs are the entries of tests/mutants/*.json and tests/model/mutants/*.json, each a list of
  {"name": "...", "file": "include/gyre/...", "old": "text that occurs once", "new": "text", "caught_by": "CATCHER"}
with CATCHER `model/NAME` (tests/model/NAME_model.cpp) or `test_LAYER FILTER` (a Catch2 program and what to run of it).
An entry may have "runs": N where one run of the catcher may miss the bug.

Everything happens in a copy of the sources, whose build folder is kept: the second run compiles what has changed. A bug
is caught when its catcher fails, crashes, or hangs far beyond the time that it takes without the bug. A bug that
survives, does not apply, does not build, or whose catcher fails without it is a failure.
"""
import argparse
import datetime
import fnmatch
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

COPIED = ["CMakeLists.txt", "include", "lib", "tests"]
LISTS = ["tests/mutants/*.json", "tests/model/mutants/*.json"]
FIELDS = {"name", "file", "old", "new", "caught_by"}
PARTS = 8  # of --rotate


def arguments():
    parser = argparse.ArgumentParser(description="Plants bugs one at a time and counts those that the tests catch.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these: the beginning of a name or of a catcher, or a pattern with *")
    parser.add_argument("--part", metavar="K/N", help="the K-th of N parts, from 1")
    parser.add_argument("--rotate", nargs="?", const=PARTS, type=int, metavar="N",
                        help=f"one of N parts (default {PARTS}), another one each day")
    parser.add_argument("--list", action="store_true", help="print the names and what should catch them")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="compilers at a time")
    parser.add_argument("--seconds", type=float, default=15, help="the least time before a catcher counts as hanging")
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parents[2], help="the tree to test")
    parser.add_argument("--scratch", type=Path, help="where it is copied to (default: build/mutants in the tree)")
    return parser.parse_args()


def load(root):
    mutants = []
    for pattern in LISTS:
        for path in sorted(root.glob(pattern)):
            for each in json.loads(path.read_text()):
                if not FIELDS <= each.keys():
                    sys.exit(f"{path}: an entry lacks {', '.join(sorted(FIELDS - each.keys()))}: {each}")
                mutants.append(each)
    names = [each["name"] for each in mutants]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        sys.exit(f"these names stand for more than one bug: {', '.join(sorted(twice))}")
    return mutants


def choose(mutants, options):
    def wanted(mutant):
        texts = mutant["name"], mutant["caught_by"]
        return not options.names or any(
            text.startswith(word) or fnmatch.fnmatchcase(text, word) for text in texts for word in options.names)

    mutants = [each for each in mutants if wanted(each)]
    part = None
    if options.part:
        k, n = (int(figure) for figure in options.part.split("/"))
        part = (k, n)
    elif options.rotate:
        part = (datetime.date.today().toordinal() % options.rotate + 1, options.rotate)
    if part is None:
        return mutants
    k, n = part
    if not 1 <= k <= n:
        sys.exit(f"there is no part {k} of {n}")
    again = f"./dev mutants --part {k}/{n} {shlex.join(options.names)}".rstrip()
    print(f"part {k} of {n}; the same again: {again}", flush=True)
    return mutants[k - 1::n]


class Workshop:
    """The copy of the tree and its build folder."""

    def __init__(self, options):
        self.root = options.root
        scratch = options.scratch or options.root / "build" / "mutants"
        self.tree = scratch / "tree"
        self.build = self.tree / "build" / "debug"  # as deep as in the tree itself: ccache knows the files by their paths
        self.jobs, self.patience = options.jobs, options.seconds
        self.usual = {}  # seconds that a catcher takes without a bug

    def copy(self):
        """Makes the copy equal to the tree; a file that has not changed keeps its time."""
        wanted = set()
        for entry in COPIED:
            source = self.root / entry
            files = [source] if source.is_file() else [path for path in source.rglob("*") if path.is_file()]
            wanted.update(path.relative_to(self.root) for path in files if "__pycache__" not in path.parts)
        there = [path for entry in COPIED for path in (self.tree / entry).rglob("*") if path.is_file()]
        for path in there:
            if path.relative_to(self.tree) not in wanted:
                path.unlink()
        for path in wanted:
            content = (self.root / path).read_bytes()
            target = self.tree / path
            if not target.exists() or target.read_bytes() != content:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)

    def configure(self):
        launcher = ["-DCMAKE_CXX_COMPILER_LAUNCHER=ccache"] if shutil.which("ccache") else []
        command = ["cmake", "-S", self.tree, "-B", self.build, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Debug",
                   "-DCMAKE_CXX_FLAGS_DEBUG=-O0 -foptimize-sibling-calls -w", "-DCMAKE_CXX_COMPILER=g++", *launcher,
                   "-DGYRE_BUILD_EXAMPLES=OFF", "-DGYRE_BUILD_STRESS=OFF", "-DGYRE_BUILD_TOOLS=OFF", "-DGYRE_INSTALL=OFF"]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"cmake failed:\n{done.stdout}{done.stderr}")

    def compile(self, targets):
        """What the compiler says when it fails, else an empty string."""
        environment = {"CCACHE_BASEDIR": str(self.tree), **os.environ}
        done = subprocess.run(["ninja", "-C", self.build, "-j", str(self.jobs), *targets], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, env=environment)
        return "" if done.returncode == 0 else done.stdout + done.stderr

    def run(self, catcher, limit):
        """(whether it passed, how it ended with its output)."""
        target, words = parse(catcher)
        program = next((path for path in self.build.rglob(target) if path.is_file() and os.access(path, os.X_OK)), None)
        if program is None:
            return False, f"there is no program {target}"
        child = subprocess.Popen([program, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, cwd=self.build, start_new_session=True)
        try:
            output, _ = child.communicate(timeout=limit)
            ended = f"exit status {child.returncode}"
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            output, _ = child.communicate()
            ended = f"hung for {limit:.0f} s"
        tail = "\n".join(output.decode(errors="replace").splitlines()[-30:])
        return child.returncode == 0, f"{ended}\n{tail}"


def parse(catcher):
    """The program and its arguments."""
    first, _, rest = catcher.partition(" ")
    if first.startswith("model/"):
        return first.replace("/", "_"), shlex.split(rest)
    return first, ["-w", "NoTests", *([rest] if rest else [])]


def green(shop, mutants):
    """The catchers that pass without a bug."""
    catchers = list(dict.fromkeys(each["caught_by"] for each in mutants))
    targets = sorted({parse(each)[0] for each in catchers})
    print(f"{len(mutants)} bugs; building {', '.join(targets)}", flush=True)
    problem = shop.compile(targets)
    if problem:
        sys.exit(f"the tree does not build without a bug:\n{problem}")
    good = set()
    for each in catchers:
        start = time.monotonic()
        passed, how = shop.run(each, 20 * shop.patience)
        shop.usual[each] = time.monotonic() - start
        if passed:
            good.add(each)
        else:
            print(f"fails without a bug: {each}: {how}", flush=True)
    return good


def plant(shop, mutant):
    """Plants one bug, runs its catcher, takes the bug out: (verdict, what to show)."""
    path = shop.tree / mutant["file"]
    original = path.read_text() if path.is_file() else ""
    if original.count(mutant["old"]) != 1 or mutant["old"] == mutant["new"]:
        return "does not apply", f"{mutant['file']} has the text {original.count(mutant['old'])} times: {mutant['old']}"
    path.write_text(original.replace(mutant["old"], mutant["new"]))
    try:
        catcher = mutant["caught_by"]
        problem = shop.compile([parse(catcher)[0]])
        if problem:
            return "does not build", problem
        for _ in range(mutant.get("runs", 1)):
            passed, how = shop.run(catcher, max(shop.patience, 10 * shop.usual[catcher]))
            if not passed:
                return "caught", how.splitlines()[0]
        return "SURVIVED", f"{mutant['file']}: {mutant['old'].strip()} -> {mutant['new'].strip()}"
    finally:
        path.write_text(original)


def main():
    options = arguments()
    mutants = choose(load(options.root), options)
    if options.list:
        for each in mutants:
            print(f"{each['name']:<48} {each['caught_by']}")
        return 0
    if not mutants:
        sys.exit("there is no such bug; --list shows them")
    shop = Workshop(options)
    shop.copy()
    shop.configure()
    good = green(shop, mutants)
    caught = 0
    for each in sorted(mutants, key=lambda each: each["file"]):  # neighbours share what they recompile
        start = time.monotonic()
        verdict, how = plant(shop, each) if each["caught_by"] in good else ("not run", "its catcher fails without it")
        caught += verdict == "caught"
        print(f"{verdict:<14} {each['name']:<48} {each['caught_by']}  {time.monotonic() - start:.1f} s", flush=True)
        if verdict != "caught":
            print("  " + how.replace("\n", "\n  "), flush=True)
    print(f"caught {caught} of {len(mutants)}")
    print(f"{caught} passed, {len(mutants) - caught} failed")
    return 0 if caught == len(mutants) else 1


if __name__ == "__main__":
    sys.exit(main())
