#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""The recorded corpus: scenarios with the traces that CPython gave, a record a line, compressed.

    python3.13 corpus.py make [--seed N]   writes corpus.jsonl.xz anew
    corpus.py list                         prints how many scenarios of each order it holds
    corpus.py show ID...                   prints scenarios, for ./dev oracle -
"""
import argparse
import collections
import json
import lzma
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
CORPUS = HERE / "corpus.jsonl.xz"
SHARES = {"any": 700, "step": 150, "fifo": 150}
STATEMENTS = (12, 24, 40)  # small, usual and large programs, a third each
RUNS = 64  # random orders that decide on what a trace relies: more than usual, nobody looks twice later


def records(path=CORPUS):
    """The records: {"scenario": ..., "trace": [lines]}."""
    with lzma.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def made(order, count, statements, seed):
    """Fresh records from generate.py, run by the Python that runs this."""
    command = [sys.executable, "-B", HERE / "generate.py", "--records", "--orders", order, "--count", str(count),
               "--ops", str(statements), "--seed", str(seed), "--runs", str(RUNS)]
    lines = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    return [json.loads(line) for line in lines]


def make(seed):
    with lzma.open(CORPUS, "wt", encoding="utf-8", preset=9 | lzma.PRESET_EXTREME) as out:
        for order, count in SHARES.items():
            for place, statements in enumerate(STATEMENTS):
                share = (count + place) // len(STATEMENTS)
                for record in made(order, share, statements, seed):
                    record["scenario"]["id"] = f"{order}-{statements}-{record['scenario']['id']}"
                    out.write(json.dumps(record, separators=(",", ":")) + "\n")
    print(f"{CORPUS.name}: {CORPUS.stat().st_size} bytes")


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    subcommands = options.add_subparsers(dest="what", required=True)
    subcommands.add_parser("make").add_argument("--seed", type=int, default=1)
    subcommands.add_parser("list")
    subcommands.add_parser("show").add_argument("ids", nargs="+", metavar="ID")
    asked = options.parse_args()
    if asked.what == "make":
        make(asked.seed)
    elif asked.what == "list":
        print(*collections.Counter(record["scenario"]["order"] for record in records()).items(), sep="\n")
    else:
        for record in records():
            if record["scenario"]["id"] in asked.ids:
                print(json.dumps(record["scenario"], separators=(",", ":")))


if __name__ == "__main__":
    main()
