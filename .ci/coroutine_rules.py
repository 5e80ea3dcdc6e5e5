#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""The coroutine rules of CONTRIBUTING.md that a script can see, over all sources.

Most of them keep clear of what g++ 12 compiles wrongly in a full expression with co_await or co_yield. A line that must
break a rule says `// coroutine-rules: allow`, on itself or on the line before, and why.
"""
import re

import sources
from syntax import CO, Syntax

AWAIT = re.compile(r"\bco_(?:await|yield)\b")
ALLOWED = "coroutine-rules: allow"
# Trivially destructible by a static_assert or by their nature: built twice or not, nothing is freed twice.
HARMLESS_BRACES = re.compile(r"(?:\b(?:task_options|wait_options)|\bstd::chrono::\w+|\b(?:int|bool|double|std::u?int\w*_t|std::size_t))\s*$")
HOOKS = re.compile(r"(?<![.\w>:])(?:initial_suspend|final_suspend|unhandled_exception)\s*\(")
COROUTINE = re.compile(r"\b(?:coro|async_generator)\s*<[^;{}()]*>\s+(?:\w+::)*(\w+)\s*\(")
DANGLES = re.compile(r"\bconst\s+std::(?!atomic)\w+(?:\s*<[^()]*>)?\s*&|&&|\bstring_view\b|\bspan\s*<")


def by_value(captures):
    """Whether a capture list copies or moves something in."""
    parts = [part.strip() for part in captures.split(",")] if captures else []
    return any(part not in ("this",) and not part.startswith("&") for part in parts)


def expression_problems(syntax):
    """Captures, braces and ?: in a full expression that awaits."""
    for start, end in sorted({syntax.expression(found.start()) for found in AWAIT.finditer(syntax.code)}):
        text = syntax.without_lambda_bodies(start, end)
        for found in syntax.lambdas:
            if start <= found.start < end and by_value(found.captures):
                yield found.start, "R1 a lambda that captures by value in an awaiting expression; name it on a line before"
        bodies = {found.body for found in syntax.lambdas}
        for brace in (start + match.start() for match in re.finditer("{", text)):
            inside = text[brace - start + 1:syntax.partner[brace] - start]
            awaits = len(AWAIT.findall(inside))
            if brace in bodies or not inside.strip() or HARMLESS_BRACES.search(text[:brace - start]):
                continue
            if awaits > 1:
                yield brace, "R5 more than one await in one braced initialisation; name each result"
            elif awaits == 0:
                yield brace, "R3 braces in an awaiting expression; name the object on a line before"
        for match in re.finditer(r"\?", text):
            yield start + match.start(), "R4 ?: in an awaiting expression; choose with if on a line before"


def lambda_problems(syntax):
    for found in syntax.lambdas:
        body = syntax.without_lambda_bodies(found.body + 1, syntax.partner[found.body])
        coroutine = CO.search(body) or re.search(r"\bcoro\s*<", found.result)
        if coroutine and by_value(found.captures):
            yield found.start, "R6 a coroutine lambda captures by value; pass arguments"


def body_problems(syntax, header):
    for match in re.finditer(r"(?<!struct )(?<!class )\balignas\s*\(", syntax.code):
        if syntax.coroutine_around(match.start()):
            yield match.start(), "R7 an over-aligned local of a coroutine; its frame is aligned to 16 bytes only"
    for match in re.finditer(r"\bthread_local\b", syntax.code):
        if header:
            yield match.start(), "thread_local in a header; a coroutine may keep the old thread's address"
        elif syntax.coroutine_around(match.start()):
            yield match.start(), "thread_local in a coroutine"
    for match in re.finditer(r"\bcatch\s*\(", syntax.code):
        parameters = match.end() - 1
        block = syntax.code.find("{", syntax.partner[parameters])
        if AWAIT.search(syntax.without_lambda_bodies(block + 1, syntax.partner.get(block, block + 1))):
            yield match.start(), "R10 an await in a catch handler; keep the exception_ptr and await after it"


def library_problems(syntax, place):
    """What only the library itself must keep."""
    for match in HOOKS.finditer(syntax.code):
        after = syntax.partner[match.end() - 1] + 1
        if not re.match(r"[^{;]*\bnoexcept\b", syntax.code[after:]) and not re.match(r"\s*[),}]|\s*->\s*std::", syntax.code[after:]):
            yield match.start(), f"R8 {match[0].rstrip('( ')} must be noexcept"
    if place != "lib/base/clock.cpp":
        for match in re.finditer(r"\b(?:steady_clock|system_clock|high_resolution_clock)::now\b", syntax.code):
            yield match.start(), "a clock is read outside lib/base/clock.cpp"


def parameter_problems(syntax):
    for match in COROUTINE.finditer(syntax.code):
        opening = match.end() - 1
        closing = syntax.partner[opening]
        body = re.match(r"[^;{}]*(?={)", syntax.code[closing:])
        if not body or not CO.search(syntax.code, closing + body.end(), syntax.partner[closing + body.end()]):
            continue  # only declared here, or a function that makes its coroutine elsewhere
        if DANGLES.search(syntax.code, opening, closing):
            yield match.start(1), f"R9 {match[1]}: a coroutine takes values, not what binds to a temporary"


def problems_of(path, root):
    place = path.relative_to(root).as_posix()
    text = path.read_text()
    lines = text.splitlines()
    syntax = Syntax(sources.code_of(text))
    found = [*expression_problems(syntax), *lambda_problems(syntax), *body_problems(syntax, path.suffix == ".hpp")]
    found += parameter_problems(syntax)
    if place.startswith(("include/", "lib/")):
        found += library_problems(syntax, place)
    for position, message in sorted(found):
        line = sources.line_of(text, position)
        if not any(ALLOWED in near for near in lines[max(0, line - 2):line]):
            yield f"{place}:{line}: {message}"


def main():
    root = sources.root_argument()
    paths = sources.files(root)
    problems = [problem for path in paths for problem in problems_of(path, root)]
    sources.report("coroutine_rules", problems, len(paths))


main()
