#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Makes random scenarios (README.md beside this file); the same ones for the same arguments.

Each is run on CPython's asyncio again and again, in random orders of what falls on one instant, and then with other
tasks running between two ops of a step. "order" says which of these runs agree with CPython's own order:

    any   all: so a runtime of many loops must give this trace too
    step  all but the last kind: steps must not be interrupted
    fifo  only CPython's own

Run it with Python 3.13, the reference.
"""
import argparse
import json
import random
import sys

import oracle
import programs

ORDERS = ("any", "step", "fifo")
EAGER = 0.1  # of all scenarios start their tasks eagerly


def order_of(scenario, runs):
    """The order and the trace of a scenario. None for one that never ends, or whose trace CPython itself does not repeat:
    it follows the order of a set of tasks somewhere, which is that of their addresses."""
    trace = oracle.trace_of(scenario)
    if any(event["ev"] == "overrun" for event in trace) or any(oracle.trace_of(scenario) != trace for _ in range(3)):
        return None, trace
    for order, preempt in (("fifo", False), ("step", True)):
        if any(oracle.trace_of(scenario, schedule, preempt) != trace for schedule in range(runs)):
            return order, trace
    return "any", trace


def scenarios(seed, count, statements, orders, shutdown, runs):
    """`count` scenarios of the wanted orders, each with its trace."""
    rng = random.Random(seed)
    made = 0
    while made < count:
        author = programs.Author(rng, rng.randint(max(4, statements // 3), statements), shutdown)
        scenario = author.scenario(f"g{seed}-{made}")
        if rng.random() < EAGER:
            scenario["eager"] = True
        scenario["order"], trace = order_of(scenario, runs)
        if scenario["order"] in orders:
            made += 1
            yield scenario, trace


def list_of_orders(text):
    orders = text.split(",")
    if not set(orders) <= set(ORDERS):
        raise argparse.ArgumentTypeError(f"not among {','.join(ORDERS)}: {text}")
    return orders


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--count", type=int, default=10, help="how many scenarios")
    options.add_argument("--ops", type=int, default=24, help="up to about so many statements in each")
    options.add_argument("--orders", type=list_of_orders, default=["any", "step"], help="default: any,step")
    options.add_argument("--no-shutdown", action="store_true", help="leave out Queue.shutdown")
    options.add_argument("--runs", type=int, default=8, help="random orders that are tried")
    options.add_argument("--records", action="store_true", help="print each with its trace, as corpus.py keeps them")
    asked = options.parse_args()
    if sys.version_info[:2] != (3, 13):
        sys.exit(f"generate.py: Python 3.13 is the reference, this is {sys.version.split()[0]}")
    oracle.keep_quiet()
    for scenario, trace in scenarios(asked.seed, asked.count, asked.ops, asked.orders, not asked.no_shutdown, asked.runs):
        shown = {"scenario": scenario, "trace": oracle.lines_of(trace)} if asked.records else scenario
        print(json.dumps(shown, separators=(",", ":")), flush=True)


if __name__ == "__main__":
    main()
