#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Compares gyre with CPython's asyncio, scenario by scenario: the canonical traces must be equal.

    compare.py --program GYRE_SCENARIO --corpus           against the recorded corpus
    compare.py --program GYRE_SCENARIO --live --count N   against fresh ones; needs a Python 3.13
    compare.py --program GYRE_SCENARIO FILE...            scenarios of files; needs a Python 3.13

A scenario runs on one loop, and as far as its order allows on one loop in fork_join order and on four, under --seeds
schedules each. Every divergence is printed with its first differing event and the command that replays it. The last line
is `N passed, N failed`.

generate.py finds out by trying on what a trace relies, so now and then it takes a scenario for more robust than it is.
Where a Python is at hand, a trace that differs is looked for among those that asyncio gives under many more random orders,
before it counts as a divergence.
"""
import argparse
import collections
import difflib
import hashlib
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import corpus

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BATCH = 200     # scenarios that are compared at a time
PATIENCE = 300  # seconds for a batch under one schedule
DOUBTS = 1000   # random orders in which asyncio is tried when a trace differs


class Comparison:
    """Counts scenarios and prints what diverges."""

    def __init__(self, program, seeds, first_seed, loops, keep, python=None):
        self.program = program
        self.python = python
        self.seeds = range(first_seed, first_seed + seeds)
        self.loops = loops
        self.keep = keep
        self.passed = self.failed = self.runs = 0
        self.variants = {}

    def ways(self, order):
        """How a scenario of that order is to be run: lists of options."""
        yield ["--loops", "1"]  # asyncio's order: schedules do not matter
        if order == "fifo":
            return
        for seed in self.seeds:
            yield ["--loops", "1", "--fork-join", "--seed", str(seed)]
            for loops in self.loops:
                yield ["--loops", str(loops), "--seed", str(seed)]

    def compare(self, records):
        by_order = collections.defaultdict(dict)
        for record in records:
            by_order[record["scenario"].get("order", "fifo")][record["scenario"]["id"]] = record
        for order, batch in by_order.items():
            bad = set()
            for way in self.ways(order):
                bad |= self.compare_one_way(batch, way, bad)
            self.failed += len(bad)
            self.passed += len(batch) - len(bad)

    def compare_one_way(self, batch, way, known):
        """The ids that diverge, or end the program, when the batch is run with these options."""
        bad = set()
        left = {ident: record for ident, record in batch.items() if ident not in known}
        while left:
            self.runs += len(left)
            seen, problem = self.digests(left.values(), way)
            for ident, digest in seen.items():
                record = left.pop(ident, None)
                if record is None:
                    sys.exit(f"compare.py: {self.program} gave a trace of {ident}, which it was not asked for")
                if digest != digest_of(record["trace"]) and not self.may_be(record, digest, way):
                    bad.add(ident)
                    self.report(record, way, self.difference(record, way))
            if problem is None:
                break
            # The first without a digest is to blame; if all have one, the last: the program failed at its end.
            record = left.pop(next(iter(left))) if left else record
            bad.add(record["scenario"]["id"])
            self.report(record, way, problem)
        return bad

    def run(self, records, options):
        """Output and problem of the interpreter, given these scenarios."""
        text = "".join(json.dumps(record["scenario"], separators=(",", ":")) + "\n" for record in records)
        command = [self.program, *options, "-"]
        try:
            done = subprocess.run(command, input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                  timeout=PATIENCE)
        except subprocess.TimeoutExpired as late:
            return (late.stdout or b"").decode(), f"does not end within {PATIENCE} s"
        if done.returncode != 0:
            return done.stdout, f"exit status {done.returncode}\n{done.stderr[-4000:].rstrip()}"
        return done.stdout, None

    def digests(self, records, way):
        output, problem = self.run(records, [*way, "--digest"])
        return dict(line.split() for line in output.splitlines() if " " in line), problem

    def may_be(self, record, digest, way):
        """Whether asyncio gives a trace of that digest, too, in another order of what does not matter to the scenario."""
        ident = record["scenario"]["id"]
        if self.python is None:
            return False
        if ident not in self.variants:
            done = subprocess.run([self.python, "-B", HERE / "oracle.py", "--variants", str(DOUBTS), "-"], text=True,
                                  input=json.dumps(record["scenario"]) + "\n", stdout=subprocess.PIPE, check=True)
            self.variants[ident] = done.stdout.split()[1:]
            if digest in self.variants[ident]:
                print(f"{ident} is not {record['scenario']['order']}: asyncio gives the trace of {' '.join(way)}, too")
        return digest in self.variants[ident]

    def difference(self, record, way):
        """The first event that is not as expected, and what stands around it."""
        output, problem = self.run([record], way)
        if problem is not None:
            return problem
        got, expected = output.splitlines()[1:], record["trace"]
        if got == expected:
            return "not when it is run alone"
        place = next(at for at, pair in enumerate(itertools.zip_longest(expected, got)) if pair[0] != pair[1])
        lines = [f"first difference at event {place + 1}"]
        lines += list(difflib.unified_diff(expected, got, "CPython", "gyre", n=2, lineterm=""))[:30]
        return "\n".join(lines)

    def report(self, record, way, what):
        ident = record["scenario"]["id"]
        self.keep.mkdir(parents=True, exist_ok=True)
        kept = self.keep / f"{ident}.jsonl"
        kept.write_text(json.dumps(record["scenario"], separators=(",", ":")) + "\n")
        (self.keep / f"{ident}.trace").write_text("\n".join(record["trace"]) + "\n")
        print(f"\nDIVERGENCE {ident} (order {record['scenario'].get('order')}): {' '.join(way)}")
        print(what)
        print(f"replay: ./dev oracle {os.path.relpath(kept, ROOT) if kept.is_relative_to(ROOT) else kept} {' '.join(way)}")
        sys.stdout.flush()


def digest_of(lines):
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def reference_python(asked):
    """A Python 3.13."""
    for name in [asked] if asked else ["python3.13", "python3", sys.executable]:
        found = shutil.which(name)
        if not found:
            continue
        version = subprocess.run([found, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], text=True,
                                 stdout=subprocess.PIPE, check=False).stdout.strip()
        if version == "3.13":
            return found
    sys.exit(f"compare.py: {asked or 'the PATH'} is no Python 3.13, the reference; give one with --python")


def records_from(command):
    """What generate.py or oracle.py prints with --records, as it comes."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as made:
        for line in made.stdout:
            yield json.loads(line)
    if made.returncode != 0:
        sys.exit(f"compare.py: {command[2]} failed")


def wanted_records(asked, python):
    if asked.corpus:
        part, parts = map(int, asked.part.split("/"))
        return itertools.islice(corpus.records(), part, None, parts)
    if asked.live:
        return records_from([python, "-B", HERE / "generate.py", "--records", "--seed", str(asked.seed),
                             "--count", str(asked.count), "--ops", str(asked.ops), "--orders", asked.orders])
    return records_from([python, "-B", HERE / "oracle.py", "--records", *asked.files])


def batches(records, size):
    records = iter(records)
    while batch := list(itertools.islice(records, size)):
        yield batch


def parse():
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--program", required=True, help="gyre-scenario")
    what = options.add_mutually_exclusive_group(required=True)
    what.add_argument("--corpus", action="store_true", help="the recorded corpus")
    what.add_argument("--live", action="store_true", help="fresh scenarios")
    what.add_argument("files", nargs="*", default=[], metavar="FILE", help="scenarios, one a line")
    options.add_argument("--part", default="0/1", help="with --corpus, K/N: every Nth scenario from the Kth on")
    options.add_argument("--count", type=int, default=1000, help="with --live: how many")
    options.add_argument("--seed", type=int, default=1, help="with --live: of the scenarios")
    options.add_argument("--ops", type=int, default=24, help="with --live: up to about so many statements in each")
    options.add_argument("--orders", default="any,step,fifo", help="with --live")
    options.add_argument("--python", help="a Python 3.13; otherwise the one on the PATH")
    options.add_argument("--seeds", type=int, default=10, help="schedules for each scenario that may have several")
    options.add_argument("--first-seed", type=int, default=1, help="of the schedules")
    options.add_argument("--loops", type=lambda text: [int(n) for n in text.split(",")], default=[4], help="for example 2,4,8")
    options.add_argument("--keep", type=Path, help="where scenarios that diverge are kept")
    return options.parse_args()


def main():
    asked = parse()
    keep = asked.keep or Path(tempfile.gettempdir()) / "gyre-divergences"
    python = None if asked.corpus else reference_python(asked.python)
    comparison = Comparison(asked.program, asked.seeds, asked.first_seed, asked.loops, keep.resolve(), python)
    for batch in batches(wanted_records(asked, python), BATCH):
        comparison.compare(batch)
        print(f"{comparison.passed + comparison.failed} scenarios, {comparison.runs} runs", file=sys.stderr)
    print(f"{comparison.passed} passed, {comparison.failed} failed")
    sys.exit(0 if comparison.failed == 0 and comparison.passed else 1)


if __name__ == "__main__":
    main()
