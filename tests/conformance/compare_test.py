#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Proves that compare.py notices what it must: a trace that differs, a program that dies, one that is too slow."""
import contextlib
import copy
import io
import itertools
import sys
import tempfile
import unittest
from pathlib import Path

import compare
import corpus

PROGRAM = sys.argv.pop()


class ComparisonTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.records = list(itertools.islice(corpus.records(), 3))

    def tearDown(self):
        self.folder.cleanup()

    def outcome(self, program, records):
        """(passed, failed, what was printed)."""
        comparison = compare.Comparison(program, 1, 1, [4], Path(self.folder.name) / "kept")
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            comparison.compare(records)
        return comparison.passed, comparison.failed, printed.getvalue()

    def script(self, body):
        path = Path(self.folder.name) / "program"
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)
        return str(path)

    def test_equal_traces_pass(self):
        self.assertEqual(self.outcome(PROGRAM, self.records), (3, 0, ""))

    def test_a_changed_event_is_found_and_shown(self):
        records = copy.deepcopy(self.records)
        records[1]["trace"][2] = records[1]["trace"][2].replace('"ev":"', '"ev":"not ')
        passed, failed, printed = self.outcome(PROGRAM, records)
        self.assertEqual((passed, failed), (2, 1))
        self.assertIn("DIVERGENCE " + records[1]["scenario"]["id"], printed)
        self.assertIn("first difference at event 3", printed)
        self.assertIn("replay: ./dev oracle ", printed)

    def test_a_missing_event_is_found(self):
        records = copy.deepcopy(self.records)
        records[2]["trace"].pop()
        self.assertEqual(self.outcome(PROGRAM, records)[:2], (2, 1))

    def test_a_program_that_dies_is_a_failure_of_the_scenario_it_died_in(self):
        # It gives the first trace that it is asked for, if that is not the third scenario's, and dies.
        third = self.records[2]["scenario"]["id"]
        known = "".join(f"{record['scenario']['id']}) echo {record['scenario']['id']} {compare.digest_of(record['trace'])};;\n"
                        for record in self.records[:2])
        body = f"""ids=$(sed 's/.*"id":"\\([^"]*\\)".*/\\1/')
            for id in $ids; do case $id in {third}) exit 1;; {known} esac; done"""
        passed, failed, printed = self.outcome(self.script(body), self.records)
        self.assertEqual((passed, failed), (2, 1))
        self.assertIn("DIVERGENCE " + third, printed)
        self.assertIn("exit status 1", printed)

    def test_a_program_that_fails_at_its_end_is_a_failure(self):
        one = self.records[:1]
        digest = compare.digest_of(one[0]["trace"])
        body = f"echo {one[0]['scenario']['id']} {digest}; exit 1"
        self.assertEqual(self.outcome(self.script(body), one)[:2], (0, 1))

    def test_a_program_that_hangs_is_a_failure(self):
        patience, compare.PATIENCE = compare.PATIENCE, 0.5
        try:
            passed, failed, printed = self.outcome(self.script("exec sleep 100"), self.records[:1])
        finally:
            compare.PATIENCE = patience
        self.assertEqual((passed, failed), (0, 1))
        self.assertIn("does not end", printed)


if __name__ == "__main__":
    unittest.main()
