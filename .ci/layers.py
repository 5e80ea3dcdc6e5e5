#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Include arrows of include/gyre and lib point only to lower layers, and public headers hide what gyre is built on.

    base <- core <- sync <- loop <- flow <- runtime <- io, fiber <- debug, testing

gyre.hpp may include every layer but testing; asio.hpp counts as io; testing.hpp as testing. Boost and moodycamel are
for asio.hpp, testing/network*.hpp, which testing.hpp does not reach, and lib only.
"""
import re

import sources

RANKS = {"base": 0, "core": 1, "sync": 2, "loop": 3, "flow": 4, "runtime": 5, "io": 6, "fiber": 6, "debug": 7, "testing": 7}
ROOT_HEADERS = {"asio.hpp": "io", "testing.hpp": "testing", "gyre.hpp": "umbrella"}
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"\n]+)[>"]', re.MULTILINE)
HIDDEN = re.compile(r"^(boost|asio|concurrentqueue|moodycamel)(/|\.hpp)|concurrentqueue\.h$")


# Public headers that users include only when they use Asio themselves.
WITH_ASIO = re.compile(r"include/gyre/(asio|io/write_now|testing/network(_\w+)?)\.hpp$")


def layer_of(path, root):
    """The layer of a file of include/gyre or lib; None for others."""
    for base in (root / "include" / "gyre", root / "lib"):
        if path.is_relative_to(base):
            parts = path.relative_to(base).parts
            return parts[0] if len(parts) > 1 else ROOT_HEADERS.get(parts[0], parts[0])
    return None


def resolve(kind, name, path, root):
    """The file of the tree that an include means, or None."""
    places = [root / "include", root / "lib"]
    if kind == '"':
        places.insert(0, path.parent)
    for place in places:
        if (place / name).is_file():
            return (place / name).resolve()
    return None


def arrow_problem(own, target):
    if own == target or own == "umbrella" and target != "testing" and target in RANKS:
        return ""
    if own not in RANKS or target not in RANKS:
        return f"{own} may not include {target}"
    if RANKS[own] > RANKS[target]:
        return ""
    return f"{own} may not include {target}, which is not below it"


def main():
    root = sources.root_argument()
    problems = []
    checked = [path for path in sources.files(root) if layer_of(path, root)]
    for path in checked:
        text = path.read_text()
        place = path.relative_to(root).as_posix()
        own = layer_of(path, root)
        public = place.startswith("include/")
        if own not in RANKS and own != "umbrella":
            problems.append(f"{place}:1: {own} is not a layer")
            continue
        for include in INCLUDE.finditer(text):
            kind, name = include[1], include[2]
            where = f"{place}:{sources.line_of(text, include.start(1))}"
            if public and not WITH_ASIO.match(place) and HIDDEN.search(name):
                problems.append(f"{where}: a public header may not include <{name}>")
            target = resolve(kind, name, path, root)
            if public and target and not WITH_ASIO.match(place) and WITH_ASIO.match(target.relative_to(root).as_posix()):
                problems.append(f"{where}: a header without Asio may not include <{name}>, which has it")
            if target:
                problem = arrow_problem(own, layer_of(target, root))
                if problem:
                    problems.append(f"{where}: {problem}")
                if public and target.is_relative_to(root / "lib"):
                    problems.append(f"{where}: a public header may not include a private one")
            elif name.startswith("gyre/"):
                problems.append(f"{where}: <{name}> does not exist")
    sources.report("layers", problems, len(checked))


main()
