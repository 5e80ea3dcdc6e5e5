# SPDX-License-Identifier: BSL-1.0
"""The names that headers declare for their users: a scan of scopes, enough for code in gyre's style, without a compiler."""
import re

import sources

_TOKEN = re.compile(r"[A-Za-z_]\w*|::|\[\[|\]\]|[^\s\w]")
_NO_NAMES = {"requires", "noexcept", "decltype", "alignas", "static_assert", "sizeof", "explicit", "throw", "if", "while"}


class Scope:
    """Where the scan is: the kind of the brace, its name, and whether users see what is declared in it."""

    def __init__(self, kind, name, public):
        self.kind, self.name, self.public = kind, name, public


def _past_parentheses(tokens, i):
    """The position after the parenthesis that closes the one at `i`."""
    depth = 0
    while i < len(tokens):
        depth += {"(": 1, ")": -1}.get(tokens[i], 0)
        i += 1
        if depth == 0:
            break
    return i


def _without_templates(head):
    """The tokens of a declaration without its `template <...>`, `requires(...)` and attributes."""
    out, i = [], 0
    while i < len(head):
        if head[i] == "template" and i + 1 < len(head) and head[i + 1] == "<":
            depth = 0
            i += 1
            while i < len(head):
                depth += {"<": 1, ">": -1}.get(head[i], 0)
                i += 1
                if depth == 0:
                    break
        elif head[i] == "requires" and head[i + 1:i + 2] == ["("]:
            i = _past_parentheses(head, i + 1)
        elif head[i] == "[[":
            while i < len(head) and head[i] != "]]":
                i += 1
            i += 1
        else:
            out.append(head[i])
            i += 1
    return out


def _is_name(token):
    return token[0].isalpha() or token[0] == "_"


def declared_name(head):
    """The name that the tokens before a `;` or `{` declare, or None."""
    head = _without_templates(head)
    if not head or head[0] in ("friend", "static_assert", "typedef") or "namespace" in head:
        return None
    for keyword in ("class", "struct", "union", "concept"):
        if keyword in head and "(" not in head[:head.index(keyword)]:
            after = [t for t in head[head.index(keyword) + 1:] if t != "final" and not t.startswith("GYRE_")]
            return after[0] if after and _is_name(after[0]) and "::" not in after[1:2] else None
    if head[0] == "using":
        if "=" in head:
            return head[1]
        return head[-1] if "::" in head else None
    depth = angles = 0
    for i, token in enumerate(head):
        if token == "(" and depth == 0 and i and _is_name(head[i - 1]) and head[i - 1] not in _NO_NAMES:
            return None if "operator" in head[:i] or "::" in head[i - 2:i - 1] else head[i - 1]
        if token == "=" and depth == 0 and angles <= 0:
            return head[i - 1] if i and _is_name(head[i - 1]) else None
        depth += {"(": 1, ")": -1}.get(token, 0)
        angles += {"<": 1, ">": -1}.get(token, 0)
    names = [t for t in head if _is_name(t)]
    return names[-1] if names and "operator" not in head else None


def _scope_of(head, outer):
    """The scope that a brace after these tokens opens; None for a body or an initializer."""
    plain = _without_templates(head)
    if "namespace" in plain:
        name = "".join(plain[plain.index("namespace") + 1:])
        return Scope("namespace", name, outer.public and "detail" not in name and name != "")
    if "enum" in plain:
        return Scope("enum", declared_name(head), outer.public)
    for keyword in ("class", "struct"):
        if keyword in plain and "(" not in plain[:plain.index(keyword)]:
            return Scope(keyword, declared_name(head), keyword == "struct" and (outer.public or outer.kind == "namespace"))
    return None


def _skip_braces(tokens, i):
    """The position after the brace that closes the one at `i`."""
    depth = 0
    while i < len(tokens):
        depth += {"{": 1, "}": -1}.get(tokens[i], 0)
        i += 1
        if depth == 0:
            break
    return i


def _takes_requirement(head):
    """Whether a brace after these tokens belongs to a `requires(...)` expression."""
    if not head or head[-1] not in (")", "requires"):
        return False
    if head[-1] == "requires":
        return True
    depth = 0
    for i in range(len(head) - 1, -1, -1):
        depth += {")": 1, "(": -1}.get(head[i], 0)
        if depth == 0:
            return i > 0 and head[i - 1] == "requires" and (i < 2 or head[i - 2] in ("requires", "=", "&", "|", "!"))
    return False


def of_text(text):
    """(names of public namespaces, {class: public members}) of a header; classes of detail are bases of public ones."""
    code = re.sub(r"^[ \t]*#.*(?:\\\n.*)*$", "", sources.code_of(text), flags=re.MULTILINE)
    tokens = _TOKEN.findall(code)
    top, members = set(), {}
    scopes, head, i = [Scope("namespace", "", True)], [], 0

    def note():
        scope, name = scopes[-1], declared_name(head)
        if name is None or scope.name is None or not scope.public:
            return
        if scope.kind == "namespace":
            top.add(name)
        else:
            members.setdefault(scope.name, set()).add(name)

    while i < len(tokens):
        token = tokens[i]
        scope = scopes[-1]
        if scope.kind == "enum" and token != "}":
            if _is_name(token) and scope.public and tokens[i - 1] in ("{", ","):
                members.setdefault(scope.name, set()).add(token)
            i += 1
        elif token == ";":
            note()
            head, i = [], i + 1
        elif token == "{":
            if _takes_requirement(head):
                i = _skip_braces(tokens, i)
                continue
            note()
            inner = _scope_of(head, scope)
            if inner is None:
                i = _skip_braces(tokens, i)
                if i < len(tokens) and tokens[i] == ";":
                    i += 1
            else:
                scopes.append(inner)
                i += 1
            head = []
        elif token == "}":
            scopes.pop()
            head, i = [], i + 1
        elif token in ("public", "private", "protected") and i + 1 < len(tokens) and tokens[i + 1] == ":":
            scope.public = token == "public"
            head, i = [], i + 2
        else:
            head.append(token)
            i += 1
    return top, members


def of_headers(root):
    """{name: (file, line)} of namespace scope, {class: members}, over all public headers."""
    top, members = {}, {}
    for path in sorted((root / "include").rglob("*.hpp")):
        text = path.read_text()
        names, inside = of_text(text)
        for name in sorted(names):
            line = re.search(rf"\b{name}\b", sources.code_of(text))
            top.setdefault(name, (path.relative_to(root).as_posix(), sources.line_of(text, line.start()) if line else 1))
        for owner, its in inside.items():
            members.setdefault(owner, set()).update(its)
    return top, members
