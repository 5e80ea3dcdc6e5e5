# SPDX-License-Identifier: BSL-1.0
"""As much C++ syntax as the coroutine rules need: brackets, lambdas, blocks, full expressions. Works on blanked code."""
import bisect
import re

OPENING, CLOSING = "([{", ")]}"
# What may stand before the `[` of a lambda; after anything else it is a subscript, an attribute or a structured binding.
BEFORE_LAMBDA = re.compile(r"(?:^|[(,={};&|!?:<>+\-*/%]|\b(?:return|co_return|co_await|co_yield|case|throw))\s*$")
SPECIFIERS = re.compile(r"\s*(?:mutable|constexpr|consteval|static|noexcept)\b")
RESULT = re.compile(r"\s*->\s*(?:[\w:]|<[^{};]*>|[&*]|\s(?=[&*<]))+")
CO = re.compile(r"\bco_(?:await|yield|return)\b")


class Lambda:
    """Positions of a lambda's parts; `body` is that of its `{`."""

    def __init__(self, start, captures, result, body):
        self.start, self.captures, self.result, self.body = start, captures, result, body


class Syntax:
    def __init__(self, code):
        self.code = code
        self.partner, self.parent = {}, {}
        self._match_brackets()
        self.opens = sorted(self.parent)
        self.lambdas = self._find_lambdas()
        self.lambda_bodies = {found.body: found for found in self.lambdas}
        self.blocks = set()
        for position in reversed(self.opens):  # inner ones first
            if code[position] == "{" and self._is_block(position):
                self.blocks.add(position)

    def _match_brackets(self):
        stack = []
        for match in re.finditer(r"[()\[\]{}]", self.code):
            position, char = match.start(), match[0]
            if char in OPENING:
                self.parent[position] = stack[-1] if stack else None
                stack.append(position)
            elif stack and OPENING.index(self.code[stack[-1]]) == CLOSING.index(char):
                start = stack.pop()
                self.partner[start], self.partner[position] = position, start
        for position in stack:  # never closed, as in a macro
            self.partner[position] = len(self.code)

    def _skip(self, position, *patterns):
        again = True
        while again:
            again = False
            for pattern in patterns:
                match = pattern.match(self.code, position)
                if match and match.end() > position:
                    position, again = match.end(), True
        return position

    def _find_lambdas(self):
        found = []
        space = re.compile(r"\s+")
        for start in self.opens:
            if self.code[start] != "[" or self.code.startswith("[[", start) or not BEFORE_LAMBDA.search(self.code[:start][-40:]):
                continue
            after = self._skip(self.partner[start] + 1, space)
            if self.code.startswith("<", after):  # template parameters
                after = self._skip(self.code.find(">", after) + 1, space)
            if self.code.startswith("(", after):
                after = self.partner[after] + 1
            after = self._skip(after, SPECIFIERS)
            if self.code.startswith("(", self._skip(after, space)) and self.code[:after].endswith("noexcept"):
                after = self.partner[self._skip(after, space)] + 1
            result = RESULT.match(self.code, after)
            after = self._skip(result.end() if result else after, space)
            if self.code.startswith("{", after):
                captures = self.code[start + 1:self.partner[start]].strip()
                found.append(Lambda(start, captures, result[0] if result else "", after))
        return found

    def _children(self, position):
        end = self.partner[position]
        index = bisect.bisect_right(self.opens, position)
        while index < len(self.opens) and self.opens[index] < end:
            if self.parent[self.opens[index]] == position:
                yield self.opens[index]
            index += 1

    def _is_block(self, position):
        """Whether a `{` opens statements or declarations, not an initializer."""
        if position in self.lambda_bodies:
            return True
        before = self.code[:position].rstrip()[-12:]
        if before.endswith(")") or re.search(r"\b(?:else|do|try|noexcept|const|override|final)$", before):
            return True
        inside = position + 1
        for child in self._children(position):
            if ";" in self.code[inside:child]:
                return True
            if child in self.blocks and child not in self.lambda_bodies:
                return True
            inside = self.partner[child] + 1
        return ";" in self.code[inside:self.partner[position]]

    def around(self, position):
        """The brackets that enclose a position, inner first."""
        index = bisect.bisect_left(self.opens, position) - 1
        bracket = self.opens[index] if index >= 0 else None
        while bracket is not None:
            if self.partner[bracket] > position:
                yield bracket
            bracket = self.parent[bracket]

    def expression(self, position):
        """(start, end) of the full expression, or the declaration's initialisation, that holds `position`."""
        start, bracket = position, next(self.around(position), None)
        while True:
            start -= 1
            if start < 0:
                break
            char = self.code[start]
            if char == ";" or char == "{" and start in self.blocks:
                break
            if char in CLOSING and start in self.partner:
                if char == "}" and self.partner[start] in self.blocks and self.partner[start] not in self.lambda_bodies:
                    break
                start = self.partner[start]
            elif char in OPENING:
                bracket = self.parent[start]
        end = position
        while end < len(self.code):
            char = self.code[end]
            if char == ";" or end in self.blocks and end not in self.lambda_bodies:
                break
            if char in OPENING:
                end = self.partner[end]
            elif char == "}" and self.partner.get(end) in self.blocks:
                break
            end += 1
        return start + 1, end

    def without_lambda_bodies(self, start, end):
        """The code of a range with the bodies of its lambdas blanked."""
        text = list(self.code[start:end])
        for found in self.lambdas:
            if start <= found.start < end:
                for position in range(found.body, min(self.partner[found.body] + 1, end)):
                    text[position - start] = " "
        return "".join(text)

    def coroutine_around(self, position):
        """Whether a position lies in the body of a function or lambda that awaits, yields or co_returns."""
        for bracket in self.around(position):
            if bracket not in self.blocks:
                continue
            head = re.split(r"[;{}]", self.code[:bracket])[-1]
            if re.search(r"\b(?:namespace|struct|class|union|enum|extern)\b", head):
                return False
            if CO.search(self.without_lambda_bodies(bracket + 1, self.partner[bracket])):
                return True
            if bracket in self.lambda_bodies:
                return False
        return False
