#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Proves that a check of .ci refuses what it must, and nothing else.

Usage: checks_test.py CHECK. The inputs lie beside this file in CHECK/: a tree in which every line that must be reported
ends in a comment `bad: TEXT`, with TEXT part of the message.
"""
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
CHECKS = HERE.parent.parent / ".ci"


def run(check, root):
    """(exit status, {(file, line): messages}, whole output) of a check over a tree."""
    done = subprocess.run([sys.executable, "-B", CHECKS / f"{check}.py", root], capture_output=True, text=True)
    found = {}
    for match in re.finditer(r"^(\S+?):(\d+): (.*)$", done.stdout, re.MULTILINE):
        found.setdefault((match[1], int(match[2])), []).append(match[3])
    return done.returncode, found, done.stdout + done.stderr


def marked(root):
    """{(file, line): text} of all the lines that say what is bad about them."""
    marks = {}
    for path in sorted(root.rglob("*.?pp")):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            mark = re.search(r"// bad: (.+)$", line)
            if mark:
                marks[path.relative_to(root).as_posix(), number] = mark[1].strip()
    return marks


def test_marked_tree(check):
    status, found, output = run(check, HERE / check)
    marks = marked(HERE / check)
    wrong = [f"not reported: {place} {text}" for place, text in marks.items()
             if not any(text in message for message in found.get(place, []))]
    wrong += [f"reported without reason: {place} {messages}" for place, messages in found.items() if place not in marks]
    assert marks and status == 1 and not wrong, "\n".join([*wrong, output])


def write_lines(path, count, first="// SPDX-License-Identifier: BSL-1.0"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([first] + ["//"] * (count - 1)) + "\n")


def test_size():
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_lines(root / "include/gyre/base/full.hpp", 300)
        write_lines(root / "lib/base/full.cpp", 500)
        status, found, output = run("size", root)
        assert status == 0 and not found, output
        write_lines(root / "include/gyre/base/long.hpp", 301)
        write_lines(root / "lib/base/long.cpp", 501)
        write_lines(root / "lib/base/bare.cpp", 3, "//")
        status, found, output = run("size", root)
        places = {("include/gyre/base/long.hpp", 301), ("lib/base/long.cpp", 501), ("lib/base/bare.cpp", 1)}
        assert status == 1 and set(found) == places, output


def test_from_asyncio():
    header = """// SPDX-License-Identifier: BSL-1.0
#pragma once
namespace gyre {
namespace detail {
class basis {
 public:
  void release();
};
void hidden();
}  // namespace detail
template <class T>
  requires(sizeof(T) > 1)
class lock : public detail::basis {
 public:
  [[nodiscard]] bool acquire() noexcept { return first(second); }

 private:
  bool locked_ = false;
};
template <class F>
  requires requires(F f) { f.start(); }
void gather(F f);
inline constexpr int first_completed = 1;
}  // namespace gyre
"""
    page = """## Name by name

| asyncio | gyre |
| --- | --- |
| `Lock` | `lock`: `acquire`, `release` |
| `await gather(a)` | `co_await gather(a)` |
| `FIRST_COMPLETED` | `first_completed` |

| without | instead |
| --- | --- |
| `Server` | `anything` |

## Elsewhere

| asyncio | gyre |
| --- | --- |
| `sleep` | `nothing_like_it` |
"""
    cases = [  # what to change in the header or the page, and what the check then says
        (("", ""), ("", ""), None),
        (("void gather(F f)", "void gather_all(F f)"), ("", ""), "docs/from_asyncio.md:6: gather is not declared in include/gyre"),
        (("release", "free_it"), ("", ""), "docs/from_asyncio.md:5: release is not declared in include/gyre"),
        (("acquire", "locked_"), ("", ""), "docs/from_asyncio.md:5: acquire is not declared in include/gyre"),
        (("", ""), ("| `await gather(a)` | `co_await gather(a)` |\n", ""),
         "include/gyre/core/lock.hpp:22: gather is public and has no row in docs/from_asyncio.md"),
        (("", ""), ("`FIRST_COMPLETED`", "`FIRST`"), "docs/from_asyncio.md:1: asyncio's FIRST_COMPLETED has no row"),
        (("", ""), ("`acquire`, ", ""), "docs/from_asyncio.md:1: asyncio's Lock.acquire has no row"),
        (("", ""), ("`Server`", "`Servant`"), "docs/from_asyncio.md:1: asyncio's Server has no row"),
    ]
    for in_header, in_page, message in cases:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            for place, text in (("include/gyre/core/lock.hpp", header.replace(*in_header)), ("docs/from_asyncio.md", page.replace(*in_page)),
                                (".ci/asyncio_names.txt", "# names\nasyncio: Lock gather FIRST_COMPLETED Server\nLock: acquire release\n")):
                (root / place).parent.mkdir(parents=True, exist_ok=True)
                (root / place).write_text(text)
            status, _, output = run("from_asyncio", root)
            assert status == (message is not None) and (message or "0 problems") in output, (in_header, in_page, output)


def test_include_cost():
    with tempfile.TemporaryDirectory() as folder:
        header = Path(folder) / "include/gyre/gyre.hpp"
        header.parent.mkdir(parents=True)
        header.write_text("#pragma once\n#include <cstddef>\n")
        status, _, output = run("include_cost", folder)
        assert status == 0, output
    status, _, output = run("include_cost", HERE / "include_cost")
    assert status == 1 and "boost/asio.hpp: reached from" in output and "times the reference, must stay below" in output, output


def test_compare_output():
    """The comparison of the tour: each case is (sets, expected text, printed text, whether they agree)."""
    block = "a\n{any order\nb\nc {time}\n}\nd\n"
    instants = "{instant}\na\nb\n{instant}\nc\n"
    cases = [
        (False, "a\nb\n", "a\nb\n", True), (False, "a\nb\n", "b\na\n", False), (False, "a\n", "a\nb\n", False),
        (False, "a\nb\n", "a\n", False), (False, block, "a\nc 1.5\nb\nd\n", True), (False, block, "b\na\nc 1.5\nd\n", False),
        (False, block, "a\nb\nb\nd\n", False), (True, instants, "b\na\nc\n", True), (True, instants, "a\nc\nb\n", False),
        (False, instants, "b\na\nc\n", False), (True, block, "d\nc 2\nb\na\n", True),
        (False, "<x at {address}> {place}\n", "<x at 0x7f12> dir/a.cpp:12\n", True),
        (False, "<x at {address}>\n", "<x at 7f12>\n", False), (False, "a.c\n", "abc\n", False),
        (True, "{time}\n1\n", "1\n2\n", True), (True, "{time}\n1\n", "2\n3\n", False),
    ]
    with tempfile.TemporaryDirectory() as folder:
        expected = Path(folder) / "expected.out"
        for sets, text, printed, agree in cases:
            expected.write_text(text)
            flags = ["--sets"] if sets else []
            done = subprocess.run([sys.executable, HERE.parent / "compare_output.py", *flags, expected, "printf", "%s", printed],
                                  capture_output=True, text=True)
            assert (done.returncode == 0) == agree, (sets, text, printed, done.stderr)
        expected.write_text("")
        failing = subprocess.run([sys.executable, HERE.parent / "compare_output.py", expected, "false"], capture_output=True)
        assert failing.returncode == 1, "a program that fails must not pass"


def test_compile_fail():
    cases = [("// expect: no such\nstatic_assert(false, \"no such\");\n", True), ("// expect: other\nint x = y;\n", False),
             ("// expect: x\nint x;\n", False), ("int x = y;\n", False),
             ("// expect: 'y'\n#ifdef GYRE_FIXED\nint x = z;\n#else\nint x = y;\n#endif\n", False)]
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "case.cpp"
        for text, agree in cases:
            source.write_text(text)
            done = subprocess.run([sys.executable, HERE.parent / "compile_fail.py", source, "--", "g++", "-fsyntax-only"],
                                  capture_output=True, text=True)
            assert (done.returncode == 0) == agree, (text, done.stdout)


def test_faults():
    ids = [f"FAULT-{n:02d}" for n in range(1, 45)]
    page = "| a | b | c | %s |\n\n## Not there yet\nStreams (FAULT-31).\n"
    good = ", ".join(each for each in ids if each != "FAULT-31")
    tests = "".join(f'TEST_CASE("{each}, C1: x") {{}}\n' for each in ids if each not in ("FAULT-31", "FAULT-38"))
    ways = '# proves FAULT-38: leave\nset(ENDS\n  "leave|0|")\n'
    fine = {"docs/errors.md": page % good, "tests/a/b_test.cpp": tests, "tests/process/CMakeLists.txt": ways,
            "lib/base/c.cpp": "auto now = std::chrono::steady_clock::now();\n"}
    cases = [({}, None),
             ({"tests/a/b_test.cpp": tests.replace("FAULT-07", "C7")}, "FAULT-07 has no test"),
             ({"tests/process/CMakeLists.txt": ""}, "FAULT-38 has no test"),
             ({"tests/process/CMakeLists.txt": ways.replace('"leave', '"other')}, "there is no way leave"),
             ({"docs/errors.md": page % good.replace("FAULT-12, ", "")}, "FAULT-12 has no row"),
             ({"docs/errors.md": (page % good).replace("31", "30")}, "FAULT-31 is missing"),
             ({"tests/a/c_test.cpp": 'LOOP_TEST(\n  "FAULT-31: x") {}\n'}, "FAULT-31 is not there yet, but has a test"),
             ({"tests/a/c_test.cpp": 'LOOP_TEST("FAULT-45: x") {}\n'}, "FAULT-45 has no row"),
             ({"lib/base/c.cpp": "auto now = std::chrono::system_clock::now();\n"}, "asks for the wall clock")]
    for changes, message in cases:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            for name, text in (fine | changes).items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(text)
            (root / "include").mkdir()
            status, _, output = run("faults", root)
            assert (status == 0) == (message is None) and (message or "") in output, (message, output)


TESTS = {
    "layers": lambda: test_marked_tree("layers"),
    "coroutine_rules": lambda: test_marked_tree("coroutine_rules"),
    "size": test_size,
    "from_asyncio": test_from_asyncio,
    "include_cost": test_include_cost,
    "faults": test_faults,
    "compare_output": test_compare_output,
    "compile_fail": test_compile_fail,
}
TESTS[sys.argv[1]]()
