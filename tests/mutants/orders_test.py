#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Proves that orders.py counts what it says: in a tree with three orders and a barrier it weakens each, and fails for one that
no model sees, for one that is excused and seen, and for an excuse that fits no line."""
import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

RUNNER = Path(__file__).with_name("orders.py")
HEADER = """#pragma once
#include <atomic>
// Not this one: std::memory_order_seq_cst.
template <class Atomics>
void publish(Atomics& a) { a.store(1, std::memory_order_release); }
template <class Atomics>
void add(Atomics& a) {
  a.fetch_add(1, std::memory_order_acq_rel);
  Atomics::heavy_barrier();
}
"""
MODEL = """#include <gyre/flag.hpp>
#include <cstring>
struct atomics {
  bool good = true;
  static inline bool passed = false;
  void store(int, std::memory_order o) { good = good && o == std::memory_order_release; }
  void fetch_add(int, std::memory_order o) { good = good && o != std::memory_order_release; }
  static void heavy_barrier() { passed = true; }
};
template <class T> int scenario(const char*) { T a; publish(a); add(a); return a.good && T::passed ? 0 : 1; }
int main() { return scenario<atomics>("tiny: all"); }
"""
EXCUSE = {"file": "include/gyre/flag.hpp", "text": "a.fetch_add", "to": ["acquire"], "why": "nobody looks"}


class Orders(unittest.TestCase):
    def run_with(self, excuses, *words):
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            for name, text in (("include/gyre/flag.hpp", HEADER), ("lib/empty.cpp", ""), ("tests/model/tiny_model.cpp", MODEL),
                               ("tests/model/orders_unseen.json", json.dumps(excuses))):
                path = root / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            done = subprocess.run([sys.executable, "-B", RUNNER, "--root", root, "--jobs", "1", *words], capture_output=True,
                                  text=True)
            return done.returncode, done.stdout + done.stderr

    def test_each_order_is_listed(self):
        status, said = self.run_with([], "--list")
        self.assertEqual(status, 0)
        self.assertEqual([line.split(": ")[1] for line in said.splitlines()],
                         ["release -> relaxed", "acq_rel -> acquire", "acq_rel -> release", "heavy_barrier -> none"])

    def test_seen_and_excused(self):
        status, said = self.run_with([EXCUSE])
        self.assertEqual((status, said.splitlines()[-1]), (0, "4 passed, 0 failed"), said)
        self.assertEqual(said.count("caught "), 3)

    def test_unseen(self):
        status, said = self.run_with([])
        self.assertEqual((status, said.splitlines()[-1]), (1, "3 passed, 1 failed"), said)
        self.assertIn("SURVIVED", said)

    def test_excused_but_seen(self):
        status, said = self.run_with([{**EXCUSE, "to": ["acquire", "release"]}])
        self.assertEqual((status, said.splitlines()[-1]), (1, "3 passed, 1 failed"), said)

    def test_excuse_for_nothing(self):
        status, said = self.run_with([{**EXCUSE, "text": "a.exchange"}])
        self.assertEqual(status, 1)
        self.assertIn("has 0 orders", said)


if __name__ == "__main__":
    unittest.main()
