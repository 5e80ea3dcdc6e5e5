#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Proves that run.py counts what it says: in a tree with one sum it catches a wrong one, and fails for a bug that
survives, that does not apply, that does not build, and for a catcher that fails by itself."""
import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

RUNNER = Path(__file__).with_name("run.py")
HEADER = "inline int sum(int a, int b) { return a + b; }\ninline int unused() { return 1; }\n"
PROGRAM = """#include <gyre/sum.hpp>
#include <cstring>
int main(int argc, char** argv) {
  const char* filter = argv[argc - 1];
  if (std::strcmp(filter, "red") == 0) return 1;
  while (sum(1, 1) == 99) {
  }
  return sum(2, 3) == 5 ? 0 : 1;
}
"""
CMAKE = """cmake_minimum_required(VERSION 3.25)
project(tiny LANGUAGES CXX)
add_executable(test_sum tests/sum_test.cpp)
target_include_directories(test_sum PRIVATE include)
"""


def bug(name, new, old="a + b", caught_by="test_sum sums"):
    return {"name": name, "file": "include/gyre/sum.hpp", "old": old, "new": new, "caught_by": caught_by}


class Runner(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.root = Path(cls.folder.name)
        for name, text in (("include/gyre/sum.hpp", HEADER), ("tests/sum_test.cpp", PROGRAM), ("CMakeLists.txt", CMAKE)):
            path = cls.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        (cls.root / "lib").mkdir()
        (cls.root / "tests/mutants").mkdir()

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def run_with(self, bugs, *words):
        (self.root / "tests/mutants/list.json").write_text(json.dumps(bugs))
        done = subprocess.run([sys.executable, "-B", RUNNER, "--root", self.root, "--seconds", "1", *words],
                              capture_output=True, text=True)
        self.assertEqual((self.root / "include/gyre/sum.hpp").read_text(), HEADER)
        return done.returncode, done.stdout + done.stderr

    def test_caught(self):
        status, text = self.run_with([bug("difference", "a - b"), bug("hangs", "a + b + (a == 1 ? 97 : 0)")])
        self.assertIn("caught 2 of 2", text)
        self.assertEqual(text.splitlines()[-1], "2 passed, 0 failed")
        self.assertEqual(status, 0)

    def test_survivor(self):
        status, text = self.run_with([bug("difference", "a - b"), bug("dead code", "return 2", "return 1")])
        self.assertIn("SURVIVED       dead code", text)
        self.assertEqual(text.splitlines()[-1], "1 passed, 1 failed")
        self.assertEqual(status, 1)

    def test_does_not_apply(self):
        for old in ("a * b", "int"):  # not there; more than once
            status, text = self.run_with([bug("stale", "a - b", old)])
            self.assertIn("does not apply stale", text)
            self.assertEqual(status, 1)

    def test_does_not_build(self):
        status, text = self.run_with([bug("nonsense", "a + ;")])
        self.assertIn("does not build nonsense", text)
        self.assertEqual(status, 1)

    def test_red_catcher(self):
        status, text = self.run_with([bug("difference", "a - b", caught_by="test_sum red")])
        self.assertIn("not run        difference", text)
        self.assertEqual(status, 1)

    def test_parts_cover_all(self):
        bugs = [bug(f"bug {i}", "a - b") for i in range(7)]
        seen = []
        for k in (1, 2, 3):
            status, text = self.run_with(bugs, "--list", "--part", f"{k}/3")
            self.assertEqual(status, 0)
            self.assertIn(f"./dev mutants --part {k}/3", text)
            seen += [line[:5] for line in text.splitlines()[1:]]
        self.assertEqual(sorted(seen), [f"bug {i}" for i in range(7)])
        _, text = self.run_with(bugs, "--list", "--rotate")
        self.assertRegex(text, r"part \d of 8; the same again: ./dev mutants --part \d/8")

    def test_names(self):
        status, text = self.run_with([bug("a sum", "a - b"), bug("another", "b - a")], "--list", "a sum")
        self.assertEqual(len(text.splitlines()), 1)
        status, text = self.run_with([bug("a sum", "a - b"), bug("a sum", "b - a")])
        self.assertNotEqual(status, 0)
        self.assertIn("more than one bug", text)


if __name__ == "__main__":
    unittest.main()
