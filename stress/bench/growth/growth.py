#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""How gyre's costs grow: with the number of operations, of live tasks, of loops.

growth.py FOLDER                    prints the tables; FOLDER has gyre-bench and growth/gyre-counts
growth.py FOLDER --publish DOCS     also writes DOCS/growth.jsonl and the chart DOCS/growth.svg
growth.py FOLDER --check            a short run by counted instructions alone, for tests; exit status 1 if they grow
Parts: instructions (callgrind; left out where there is no valgrind), loops (by time), memory, counts (simulations).
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import chart

PARTS = ("instructions", "loops", "memory", "counts")
LOOPS = (1, 2, 8, 64)
FLAT = 1.20       # a size may need this much of any smaller one
COLLAPSE = 2.0    # 64 loops may need this much of two

# Workload, a size that stands for start and end of the program, and three sizes, each about ten times the one before.
# `own`: the workload's own code does more for an operation of a larger size, so that its costs are no costs of gyre.
SIZES = {
    "fib": (5, 15, 20, 25), "skynet": (1, 3, 4, 5), "nqueens": (8, 9, 10, 11),
    "spawn_join": (10, 1_000, 10_000, 100_000), "spawn_rounds": (1_000, 4_000, 40_000, 400_000),
    "yield": (1_000, 10_000, 100_000, 1_000_000), "pingpong": (10, 1_000, 10_000, 100_000),
    "queue_mpmc": (40, 4_000, 40_000, 400_000), "queue_spsc": (40, 4_000, 40_000, 400_000),
    "lock": (64, 6_400, 64_000, 640_000), "lock_contended": (64, 6_400, 64_000, 640_000),
    "timers_churn": (10, 1_000, 10_000, 100_000), "cancel": (10, 1_000, 10_000, 100_000),
    "sleepers": (10, 1_000, 10_000, 100_000),
}
OWN = {"nqueens"}
CHECKED = ("fib", "skynet", "spawn_join", "yield", "pingpong", "queue_mpmc", "lock", "lock_contended", "timers_churn")
LIVE = {"cancel": (10_000, 100_000, 1_000_000), "fib": (25, 30, 35), "skynet": (5, 6, 7)}
LIVE_QUICK = {"cancel": (10_000, 30_000, 100_000), "fib": (15, 20, 25), "skynet": (3, 4, 5)}
BY_TIME = ("fib", "skynet", "nqueens", "spawn_join", "spawn_rounds", "yield", "pingpong", "queue_mpmc", "queue_spsc",
           "sleepers_100k", "timers_churn", "lock", "lock_contended", "submit_lat", "submit_tput", "offload_lat",
           "offload_tput", "cancel", "echo/64")


def records(text):
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def child(bench, workload, size, *before):
    """One run in a process of its own: its record and what went to stderr."""
    run = subprocess.run([*before, bench, "--child", workload, "--threads", "1", "--size", str(size)],
                         capture_output=True, text=True, check=False)
    found = records(run.stdout)
    if run.returncode != 0 or not found:
        sys.exit(f"{workload} of size {size} failed:\n{run.stderr}")
    return found[-1], run.stderr


def instructions(bench, workload, size):
    """Operations and instructions of one run."""
    record, log = child(bench, workload, size, "valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null")
    return record["n"], int(re.search(r"Collected : (\d+)", log).group(1))


def measure_instructions(bench, workloads, sizes):
    """Instructions of an operation: what a run needs beyond a tiny one."""
    runs = [(workload, size) for workload in workloads for size in SIZES[workload][:sizes + 1]]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        found = dict(zip(runs, pool.map(lambda run: instructions(bench, *run), runs)))
    for workload in workloads:
        base, *others = SIZES[workload][:sizes + 1]
        base_n, base_cost = found[workload, base]
        for size in others:
            n, cost = found[workload, size]
            yield {"part": "instructions", "workload": workload, "n": n,
                   "instructions": round((cost - base_cost) / (n - base_n), 1)}


def figure_of(record):
    """What is compared between numbers of loops, in nanoseconds: sleepers spend a second asleep whatever they cost."""
    if record["workload"].startswith("sleepers"):
        return record["over_ideal_s"] / record["n"] * 1e9
    return record["cpu_ns_per_op"] if record["workload"].startswith("echo") else record["ns_per_op"]


def measure_loops(bench, quick, runs):
    with tempfile.TemporaryDirectory() as folder:
        lines = os.path.join(folder, "runs.jsonl")
        command = [bench, "--runtime", "gyre", "--runs", str(runs), "--json", lines, "--loops", *map(str, LOOPS)]
        done = subprocess.run([*command, *(["--quick"] if quick else []), "--", *BY_TIME], stdout=subprocess.PIPE,
                              text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"gyre-bench failed:\n{done.stdout}")
        found = records(pathlib.Path(lines).read_text(encoding="utf-8"))
    for workload in BY_TIME:
        for loops in LOOPS:
            values = sorted(figure_of(each) for each in found
                            if each["workload"] == workload and each["threads"] == loops)
            yield {"part": "loops", "workload": workload, "loops": loops, "ns": round(values[len(values) // 2], 2)}


def measure_memory(bench, sizes_of):
    for workload, sizes in sizes_of.items():
        for size in sizes:
            record, _ = child(bench, workload, size)
            line = {"part": "memory", "workload": workload, "n": record["n"], "peak_kb": record["max_rss_kb"]}
            if workload == "cancel":
                line["bytes_per_task"] = round((record["max_rss_kb"] - record["rss_start_kb"]) * 1024 / record["n"])
            yield line


def measure_counts(program):
    for line in records(subprocess.run([program], capture_output=True, text=True, check=True).stdout):
        yield {"part": "counts", **line}


def table(found, part, column, value):
    """Values of a part: {workload: {column: value}}."""
    rows = {}
    for each in found:
        if each["part"] == part and value in each:
            rows.setdefault(each["workload"], {})[each[column]] = each[value]
    return rows


def print_rows(title, rows, verdict):
    """Prints each row with what verdict(values) says of it; returns how many rows it says are missed."""
    if not rows:
        return 0
    missed = 0
    print(f"\n{title}")
    for name, values in rows.items():
        said = verdict(name, list(values.values()))
        missed += "MISSED" in said
        cells = "  ".join(f"{column:>9,}: {value:<10,}" for column, value in values.items())
        print(f"{name:16}{cells}  {said}")
    return missed


def flat(name, values):
    ratio = max([b / max(a, 1e-9) for i, b in enumerate(values) for a in values[:i]], default=1)
    if name in OWN:
        return f"{ratio:.2f}x, not judged: its own code does more on a larger board"
    falls = values[-1] < values[0] / FLAT
    return f"{ratio:.2f}x {'MISSED' if ratio > FLAT else 'falls' if falls else 'flat'}"


def holds(_, values):
    ratio = values[-1] / max(values[1], 1e-9)
    return f"{ratio:.2f}x of 2 loops {'met' if ratio <= COLLAPSE else 'MISSED'}"


def report(found):
    missed = print_rows("Instructions of an operation (callgrind, one loop), by the number of operations",
                        table(found, "instructions", "n", "instructions"), flat)
    missed += print_rows("Time of an operation, ns (sleepers: beyond the sleep; echo: CPU), by the number of loops",
                         table(found, "loops", "loops", "ns"), holds)
    missed += print_rows("Memory of a parked task, bytes, by the number of tasks",
                         table(found, "memory", "n", "bytes_per_task"), flat)
    missed += print_rows("Peak memory of a process, KiB, by the number of operations",
                         {name: row for name, row in table(found, "memory", "n", "peak_kb").items() if name != "cancel"},
                         flat)
    for value in ("steals", "wakeups", "messages"):
        print_rows(f"{value.capitalize()} of an operation, by the number of loops (simulated; bounds: gyre-counts --check)",
                   table(found, "counts", "loops", value), lambda *_: "")
    print(f"\n{missed} rows missed")
    return missed


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="where gyre-bench is")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--quick", action="store_true", help="small sizes, one run")
    parser.add_argument("--runs", type=int, default=3, help="of the timed part")
    parser.add_argument("--publish", metavar="DOCS", help="write growth.jsonl and growth.svg there")
    parser.add_argument("--check", action="store_true", help="instructions of some workloads at two sizes")
    return parser.parse_args()


def main():
    wanted = arguments()
    bench = os.path.join(wanted.folder, "gyre-bench")
    has_valgrind = shutil.which("valgrind") is not None
    if not has_valgrind and (wanted.check or "instructions" in wanted.parts):
        print("valgrind is not installed: no instructions are counted")
    found = []
    if wanted.check:
        found.extend(measure_instructions(bench, CHECKED, 2) if has_valgrind else ())
        sys.exit(1 if report(found) else 0)
    if "instructions" in wanted.parts and has_valgrind:
        found.extend(measure_instructions(bench, SIZES, 2 if wanted.quick else 3))
    if "loops" in wanted.parts:
        print("the timed part takes some minutes", file=sys.stderr)
        found.extend(measure_loops(bench, wanted.quick, 1 if wanted.quick else wanted.runs))
    if "memory" in wanted.parts:
        found.extend(measure_memory(bench, LIVE_QUICK if wanted.quick else LIVE))
    if "counts" in wanted.parts:
        found.extend(measure_counts(os.path.join(wanted.folder, "growth", "gyre-counts")))
    report(found)
    if wanted.publish:
        docs = pathlib.Path(wanted.publish)
        docs.mkdir(parents=True, exist_ok=True)
        (docs / "growth.jsonl").write_text("".join(json.dumps(each) + "\n" for each in found), encoding="utf-8")
        (docs / "growth.svg").write_text(chart.draw(found), encoding="utf-8")


if __name__ == "__main__":
    main()
