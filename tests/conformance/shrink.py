#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Makes a scenario on which gyre and CPython disagree as small as it gets. Run it with Python 3.13.

    python3.13 shrink.py --program GYRE_SCENARIO FILE [--loops N] [--seeds N] [--fork-join]

Ops are left out, and blocks put in the place of what encloses them, as long as the traces still differ under one of the
schedules and CPython's own trace relies on no more than before. Prints the smallest scenario and the two traces.
"""
import argparse
import copy
import json
import subprocess
import sys

import generate
import oracle

BLOCKS = ("body", "handler", "finally", "do")


class Shrinker:
    def __init__(self, asked):
        self.asked = asked
        self.seed = asked.seed
        self.tried = 0

    def traces(self, scenario, seed):
        """CPython's lines and gyre's; gyre's are None if it failed."""
        command = [self.asked.program, "--loops", str(self.asked.loops), "--seed", str(seed), "-"]
        command += ["--fork-join"] if self.asked.fork_join else []
        try:
            done = subprocess.run(command, input=json.dumps(scenario) + "\n", text=True, timeout=10,
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        except subprocess.TimeoutExpired:
            return oracle.lines_of(oracle.trace_of(scenario)), None
        got = done.stdout.splitlines()[1:] if done.returncode == 0 else None
        return oracle.lines_of(oracle.trace_of(scenario)), got

    def diverges(self, scenario):
        self.tried += 1
        for seed in [self.seed, *range(1, self.asked.seeds + 1)]:
            try:
                expected, got = self.traces(scenario, seed)
            except Exception:  # what is left is no program any more
                return False
            if expected != got:
                if not self.still_ordered(scenario):
                    return False
                self.seed = seed
                return True
        return False

    def still_ordered(self, scenario):
        wanted = generate.ORDERS.index(scenario.get("order", "fifo"))
        order, _ = generate.order_of(scenario, 100)
        return order is not None and generate.ORDERS.index(order) <= wanted

    def shrunk(self, scenario):
        while True:
            for smaller in candidates(scenario):
                if self.diverges(smaller):
                    scenario = smaller
                    break
            else:
                return scenario


def blocks_of(ops):
    """Every list of ops in these, outermost first."""
    yield ops
    for each in ops:
        for key in BLOCKS:
            if key in each:
                yield from blocks_of(each[key])


def pruned(scenario):
    """Without the tasks and objects that nothing names any more."""
    text = json.dumps(list(scenario["tasks"].values()))
    while True:
        tasks = {name: ops for name, ops in scenario["tasks"].items() if name == "main" or json.dumps(name) in text}
        if len(tasks) == len(scenario["tasks"]):
            break
        scenario["tasks"] = tasks
        text = json.dumps(list(tasks.values()))
    scenario["objects"] = {name: spec for name, spec in scenario["objects"].items() if json.dumps(name) in text}
    return scenario


def edited(scenario, task, block, change):
    """A copy in which `change` has been made to the nth block of a task."""
    made = copy.deepcopy(scenario)
    for number, ops in enumerate(blocks_of(made["tasks"][task])):
        if number == block:
            change(ops)
            break
    return pruned(made)


def candidates(scenario):
    """Smaller scenarios, the much smaller ones first."""
    for task in list(scenario["tasks"]):
        for number, ops in enumerate(blocks_of(scenario["tasks"][task])):
            size = len(ops)
            for width in sorted({size, size // 2, 1} - {0}, reverse=True):
                for start in range(0, size, width):
                    yield edited(scenario, task, number, lambda ops, at=slice(start, start + width): ops.__delitem__(at))
            for place, each in enumerate(ops):
                for key in BLOCKS:
                    if each.get(key) and key != "do":
                        yield edited(scenario, task, number,
                                     lambda ops, at=place, key=key: ops.__setitem__(slice(at, at + 1), ops[at][key]))
                for name in each.get("tasks", []) if len(each.get("tasks", [])) > 1 else []:
                    yield edited(scenario, task, number, lambda ops, at=place, name=name: ops[at]["tasks"].remove(name))


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--program", required=True, help="gyre-scenario")
    options.add_argument("file", help="its first scenario is the one")
    options.add_argument("--loops", type=int, default=1)
    options.add_argument("--seed", type=int, default=1, help="of the schedule that is tried first")
    options.add_argument("--seeds", type=int, default=10, help="how many schedules are tried")
    options.add_argument("--fork-join", action="store_true")
    asked = options.parse_args()
    oracle.keep_quiet()
    with open(asked.file, encoding="utf-8") as lines:
        scenario = json.loads(next(lines))
    shrinker = Shrinker(asked)
    if not shrinker.diverges(scenario):
        sys.exit("shrink.py: no divergence under these schedules")
    scenario = shrinker.shrunk(scenario)
    print(json.dumps(scenario))
    expected, got = shrinker.traces(scenario, shrinker.seed)
    print(f"\nCPython (seed {shrinker.seed} for gyre; {shrinker.tried} candidates tried)", *expected, sep="\n")
    print("\ngyre", *(got or ["failed"]), sep="\n")


if __name__ == "__main__":
    main()
