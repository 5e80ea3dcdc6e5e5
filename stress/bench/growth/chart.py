#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Draws what growth.py measured as one SVG: chart.py growth.jsonl > growth.svg"""
import json
import math
import sys
from xml.sax.saxutils import escape

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#666666")  # told apart by all eyes
DASHES = ("", "6 3", "2 3")
WIDTH, HEIGHT, LEGEND, MARGIN = 430, 300, 170, 56


def round_up(value):
    """The next number that reads well on an axis of four parts."""
    power = 10 ** math.floor(math.log10(value))
    return next(digit * power for digit in (1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10) if digit * power >= value)


class Panel:
    """Lines over a logarithmic axis of x; `bounds` are drawn as dotted horizontal lines."""

    def __init__(self, title, x_title, rows, bounds=(), top=None):
        self.title, self.x_title, self.rows, self.bounds = title, x_title, rows, bounds
        xs = [x for row in rows.values() for x, _ in row]
        ys = [y for row in rows.values() for _, y in row]
        self.x_low, self.x_high = min(xs), max(xs)
        self.ticks = sorted(set(xs))
        self.y_high = top or round_up(max([*ys, *bounds, 1e-9]))

    def place(self, x, y):
        span = math.log(self.x_high / self.x_low) or 1
        across = MARGIN + (WIDTH - MARGIN) * math.log(x / self.x_low) / span
        return across, HEIGHT - min(y / self.y_high, 1.02) * (HEIGHT - 40)

    def draw(self):
        out = [f'<text x="{MARGIN}" y="20" font-weight="bold">{escape(self.title)}</text>']
        for share in range(5):
            value = self.y_high * share / 4
            _, y = self.place(self.x_low, value)
            out.append(f'<line x1="{MARGIN}" x2="{WIDTH}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
            out.append(f'<text x="{MARGIN - 6}" y="{y + 4:.1f}" text-anchor="end">{value:,.4g}</text>')
        for tick in self.ticks:
            x, _ = self.place(tick, 0)
            out.append(f'<text x="{x:.1f}" y="{HEIGHT + 16}" text-anchor="middle">{tick:,}</text>')
        middle = (MARGIN + WIDTH) / 2
        out.append(f'<text x="{middle}" y="{HEIGHT + 34}" text-anchor="middle">{escape(self.x_title)}</text>')
        for bound in self.bounds:
            _, y = self.place(self.x_low, bound)
            out.append(f'<line x1="{MARGIN}" x2="{WIDTH}" y1="{y:.1f}" y2="{y:.1f}" stroke="#000" stroke-dasharray="2 2"/>')
        for number, (name, row) in enumerate(self.rows.items()):
            style = f'stroke="{COLOURS[number % 7]}" stroke-dasharray="{DASHES[number // 7 % 3]}" fill="none"'
            points = " ".join("%.1f,%.1f" % self.place(x, y) for x, y in row)
            out.append(f'<polyline points="{points}" stroke-width="1.8" {style}/>')
            y = 44 + 14 * number
            out.append(f'<line x1="{WIDTH + 14}" x2="{WIDTH + 38}" y1="{y - 4}" y2="{y - 4}" stroke-width="1.8" {style}/>')
            out.append(f'<text x="{WIDTH + 44}" y="{y}">{escape(name)}</text>')
        return "\n".join(out)


def rows_of(found, part, column, value):
    rows = {}
    for each in found:
        if each["part"] == part and value in each:
            rows.setdefault(each["workload"], []).append((each[column], each[value]))
    return rows


def relative(rows, index):
    return {name: [(x, y / row[index][1]) for x, y in row] for name, row in rows.items() if row[index][1] > 0}


def by_step(rows):
    """Sizes differ between workloads: n, 10 n, 100 n instead."""
    return {name: [(10 ** step, y) for step, (_, y) in enumerate(row)] for name, row in rows.items()}


def panels(found):
    steps = by_step(relative(rows_of(found, "instructions", "n", "instructions"), 0))
    if steps:
        yield Panel("Instructions of an operation, against n", "times n operations", steps, (1.2,), 2)
    loops = relative(rows_of(found, "loops", "loops", "ns"), 1)
    if loops:
        yield Panel("Time of an operation, against 2 loops (2 cores)", "loops", loops, (2,), 4)
    memory = rows_of(found, "memory", "n", "bytes_per_task")
    if memory:
        yield Panel("Bytes of a parked task", "parked tasks", memory)
    for value, title in (("steals", "Steals of an operation"), ("messages", "Messages between loops, of an operation"),
                         ("wakeups", "Wake-ups of loops, of an operation")):
        rows = rows_of(found, "counts", "loops", value)
        if rows:
            yield Panel(title + " (simulated)", "loops", rows)


def draw(found):
    """The whole chart, two panels a line."""
    drawn = list(panels(found))
    width, height = WIDTH + LEGEND + 20, HEIGHT + 60
    lines = (len(drawn) + 1) // 2
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{2 * width}" height="{lines * height}" '
           f'viewBox="0 0 {2 * width} {lines * height}" font-family="sans-serif" font-size="11">',
           '<rect width="100%" height="100%" fill="#fff"/>']
    for number, panel in enumerate(drawn):
        out.append(f'<g transform="translate({number % 2 * width},{number // 2 * height})">\n{panel.draw()}\n</g>')
    return "\n".join([*out, "</svg>"]) + "\n"


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as file:
        sys.stdout.write(draw([json.loads(line) for line in file]))
