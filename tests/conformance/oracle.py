#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Runs scenarios (README.md beside this file) on CPython's asyncio, on a virtual clock, and prints their traces.

    oracle.py FILE...            a scenario a line; - is the standard input
    oracle.py --digest FILE...   a line `id sha256` for each trace
    oracle.py --records FILE...  a line {"scenario": ..., "trace": [lines]} for each: what corpus.py keeps
    oracle.py --variants N FILE...  a line `id sha256 sha256 ...` for each: all traces that N random orders come to,
                                 within what the scenario's "order" says that it does not rely on

Python 3.13 is the reference.
"""
import argparse
import asyncio
import hashlib
import json
import random
import sys
import warnings

import interpreter
from virtual_loop import Deadlock, Overrun, ShuffledLoop, VirtualLoop


class EagerToWake(asyncio.Condition):
    """Wakes all its waiters at each notify(): a condition may wake a waiter for no reason."""

    def notify(self, n=1):
        super().notify(len(self._waiters))


def end_all(world, choices):
    """The end of asyncio.run(): what is left is cancelled and waited for."""
    left = sorted(asyncio.all_tasks(world.loop), key=asyncio.Task.get_name)
    if choices is not None:
        choices.shuffle(left)
    for task in left:
        task.cancel()
    if left:
        world.loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
    world.loop.settle()


def play(world, choices):
    """Runs main and what it leaves, to the last event."""
    loop = world.loop
    try:
        main = world.enlist("main", loop.create_task(world.live("main"), name="main"))
        try:
            loop.run_until_complete(main)
        except (Exception, asyncio.CancelledError):
            pass  # main's end is in the trace
        end_all(world, choices)
        world.note("*", "finished")
    except Deadlock:
        world.note("*", "deadlock", world.unfinished())
    except Overrun:
        world.note("*", "overrun")
    world.over = True


def trace_of(scenario, schedule=None, preempt=False):
    """The canonical trace, a list of dictionaries: sorted by instant and name, the events of one name in their order.

    `schedule` seeds a random order of what falls on one instant, in place of CPython's; under an odd one conditions also
    wake waiters for no reason. With `preempt` other tasks also run between two ops of one step."""
    choices = None if schedule is None else random.Random(schedule)
    loop = VirtualLoop() if choices is None else ShuffledLoop(choices, preempt)
    if scenario.get("eager"):
        loop.set_task_factory(asyncio.eager_task_factory)
    asyncio.set_event_loop(loop)
    try:
        condition = asyncio.Condition if schedule is None or schedule % 2 == 0 else EagerToWake
        world = interpreter.World(scenario, loop, condition)
        play(world, choices)
    finally:
        asyncio.set_event_loop(None)
        loop.close()
    ordered = sorted(world.events, key=lambda event: event[:2])  # stable
    return [{"t": ticks, "task": name, "ev": event, "v": value} for ticks, name, event, value in ordered]


def lines_of(trace):
    return [json.dumps(event, sort_keys=True, separators=(",", ":")) for event in trace]


def digest_of(lines):
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def variants_of(scenario, schedules):
    """Digests of the traces that asyncio may give: its own, which follow the order of a set of tasks now and then and so
    need not be one, and those under random orders."""
    digests = {digest_of(lines_of(trace_of(scenario))) for _ in range(20)}
    preempts = {"any": (False, True), "step": (False,)}.get(scenario.get("order"), ())
    for preempt in preempts:
        digests |= {digest_of(lines_of(trace_of(scenario, schedule, preempt))) for schedule in range(schedules)}
    return sorted(digests)


def keep_quiet():
    """Nothing is said about what the teardown of a deadlocked run leaves behind."""
    sys.unraisablehook = lambda *_: None
    warnings.simplefilter("ignore")


def scenarios_in(paths):
    for path in paths:
        with sys.stdin if path == "-" else open(path, encoding="utf-8") as lines:
            for line in lines:
                if line.strip():
                    yield json.loads(line)


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("files", nargs="+", metavar="FILE")
    options.add_argument("--digest", action="store_true", help="print id and sha256 of each trace")
    options.add_argument("--records", action="store_true", help="print scenario and trace as one object a line")
    options.add_argument("--variants", type=int, metavar="N", help="print the digests of all traces of N random orders")
    options.add_argument("--schedule", type=int, metavar="SEED", help="a random order of what falls on one instant")
    options.add_argument("--preempt", action="store_true", help="with --schedule: other tasks also run within a step")
    asked = options.parse_args()
    keep_quiet()
    for scenario in scenarios_in(asked.files):
        if asked.variants is not None:
            print(scenario["id"], *variants_of(scenario, asked.variants))
            continue
        lines = lines_of(trace_of(scenario, asked.schedule, asked.preempt))
        if asked.records:
            print(json.dumps({"scenario": scenario, "trace": lines}, separators=(",", ":")), flush=True)
        elif asked.digest:
            print(scenario["id"], digest_of(lines))
        else:
            print(json.dumps({"scenario": scenario["id"]}), *lines, sep="\n")


if __name__ == "__main__":
    main()
