# SPDX-License-Identifier: BSL-1.0
"""What the checks share: which files are sources, and their text without comments and literals."""
import re
import sys
from pathlib import Path

FOLDERS = ("include", "lib", "tests", "stress", "docs")
EXCEPT = "tests/checks"  # inputs that must be refused

_NOISE = re.compile(
    r"""//[^\n]*
      | /\*.*?\*/
      | R"(?P<mark>[^()\\\s]{0,16})\(.*?\)(?P=mark)"
      | "(?:[^"\\\n]|\\.)*"
      | (?<![0-9a-zA-Z_])'(?:[^'\\\n]|\\.)+'""",
    re.VERBOSE | re.DOTALL,
)


def files(root, suffixes=(".hpp", ".cpp")):
    """The sources below `root`, sorted."""
    found = []
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in suffixes and not path.relative_to(root).as_posix().startswith(EXCEPT + "/"):
                found.append(path)
    return found


def code_of(text):
    """`text` with comments and literals blanked; every position and line number stays."""
    return _NOISE.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)


def line_of(text, position):
    return text.count("\n", 0, position) + 1


def report(what, problems, checked, unit="files"):
    """Prints `path:line: message` for each problem and ends the program."""
    for problem in problems:
        print(problem)
    print(f"{what}: {checked} {unit}, {len(problems)} problems")
    sys.exit(1 if problems else 0)


def root_argument():
    if len(sys.argv) < 2:
        sys.exit(f"usage: {sys.argv[0]} ROOT")
    return Path(sys.argv[1]).resolve()
