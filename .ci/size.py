#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""No header above 300 lines, no other source above 500, and each starts with the licence's name."""
import sources

LIMITS = {".hpp": 300, ".cpp": 500, ".py": 500, ".sh": 500, ".txt": 500, ".rs": 500, ".go": 500}
LICENCE = "SPDX-License-Identifier: BSL-1.0"


def main():
    root = sources.root_argument()
    paths = sources.files(root, (".hpp", ".cpp", ".py", ".sh", ".rs", ".go"))
    paths += [path for path in sources.files(root, (".txt",)) if path.name == "CMakeLists.txt"]
    paths += [path for path in (root / "dev", root / "CMakeLists.txt") if path.exists()]
    paths += [path for path in sorted((root / ".ci").glob("*")) if path.is_file() and path.name != "packages.txt"]
    problems = []
    for path in paths:
        place = path.relative_to(root).as_posix()
        lines = path.read_text().splitlines()
        limit = LIMITS.get(path.suffix, 500)
        if len(lines) > limit:
            problems.append(f"{place}:{limit + 1}: {len(lines)} lines; at most {limit}")
        if not any(LICENCE in line for line in lines[:2]):  # the first line may be for the system or the test
            problems.append(f"{place}:1: no line '{LICENCE}' at the top")
    sources.report("size", problems, len(paths))


main()
