#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Passes when a coroutine function that one compiler made cannot be called from what the other one made, and the linker says so.

Usage: mixed_compilers.py CLANG GCC INCLUDE LIBRARY [LIBRARY...]

g++ and clang pass a gyre::coro in different ways (GYRE_IN_REGISTER in base/config.hpp): linked all the same, it would crash.
"""
import subprocess
import sys
import tempfile
from pathlib import Path

CALLEE = """#include <gyre/gyre.hpp>
gyre::coro<int> there(int n) { co_return n; }
"""
CALLER = """#include <gyre/gyre.hpp>
#include <cstdio>
gyre::coro<int> there(int n);
gyre::coro<> amain() { std::printf("%d\\n", co_await there(3)); }
int main() { gyre::run(amain()); }
"""


def run(command):
    return subprocess.run([str(part) for part in command], stdin=subprocess.DEVNULL, capture_output=True, text=True)


def main():
    clang, gcc, include, *libraries = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)

        def compiled(text, name, compiler):
            source, target = folder / f"{name}.cpp", folder / f"{name}.o"
            source.write_text(text)
            done = run([compiler, "-std=c++20", "-O1", f"-I{include}", "-c", source, "-o", target])
            if done.returncode != 0:
                sys.exit(f"{compiler} does not compile {name}:\n{done.stderr}")
            return target

        def linked(*objects):
            return run([clang, *objects, *libraries, "-pthread", "-ldl", "-o", folder / "program"])

        caller = compiled(CALLER, "caller", clang)
        alike = linked(caller, compiled(CALLEE, "callee", clang))
        if alike.returncode != 0 or run([folder / "program"]).stdout != "3\n":
            sys.exit(f"what one compiler made does not link or run:\n{alike.stderr}")
        mixed = linked(caller, compiled(CALLEE, "other_callee", gcc))
        if mixed.returncode == 0 or "there[abi:in_register](int)" not in mixed.stderr:
            sys.exit(f"what two compilers made is not refused:\n{mixed.stderr}")


if __name__ == "__main__":
    main()
