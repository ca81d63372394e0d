"""`${...}`: integer arithmetic on numbers and names, and nothing else.

    sum     = product (("+" | "-") product)*
    product = factor (("*" | "//" | "%") factor)*
    factor  = "-"* (integer | name | "(" sum ")")

`//` and `%` are Python's: the quotient is rounded down and the remainder has the divisor's sign. Every intermediate
result fits 64 bits with a sign, so that no expression takes long or much memory.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

MAX_DEPTH = 30
"""Most brackets inside each other."""
MAX_LENGTH = 1_000
"""Characters of an expression."""
LIMIT = 2**63

_TOKEN = re.compile(
    r"\s*(?:(?P<integer>[0-9]+)(?![0-9A-Za-z_.])|(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<sign>//|\*\*|[-+*/%()]))"
)
_INSTEAD = {
    "**": ("`**` is no operator here", "multiply: `width * width`"),
    "/": ("`/` would give a fraction", "write `//`, which rounds down"),
}


class ExpressionError(Exception):
    """An expression without a value; `start` and `end` are the fault's place in it, once that is known."""

    def __init__(self, message: str, *, help: str | None = None, rule: str = "bad-expression") -> None:
        super().__init__(message)
        self.message = message
        self.help = help
        self.rule = rule
        self.start: int | None = None
        self.end: int | None = None

    def at(self, start: int, end: int) -> ExpressionError:
        if self.start is None:
            self.start, self.end = start, end
        return self


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str  # "integer", "name", a sign, or "end"
    text: str
    start: int
    end: int


def evaluate(expression: str, value_of: Callable[[str], int]) -> int:
    """Return an expression's value.

    `value_of` gives the value of a name, or raises. Raises `ExpressionError`: rule `bad-expression` if the text is no
    expression, `bad-arithmetic` if it divides by zero or leaves 64 bits, or whatever `value_of` says.
    """
    if len(expression) > MAX_LENGTH:
        message = f"the expression has {len(expression):,} characters, more than {MAX_LENGTH:,}"
        raise ExpressionError(message, help="name parts of it as variables")
    return _Parser(_tokens(expression), value_of).run()


def _tokens(expression: str) -> list[_Token]:
    tokens: list[_Token] = []
    position, end = 0, len(expression.rstrip())
    while position < end:
        match = _TOKEN.match(expression, position, end)
        if match is None:
            raise _unreadable(expression, position)
        kind = str(match.lastgroup)
        text = match[kind]
        tokens.append(_Token(text if kind == "sign" else kind, text, match.start(kind), match.end(kind)))
        position = match.end()
    return [*tokens, _Token("end", "", end, end)]


def _unreadable(expression: str, position: int) -> ExpressionError:
    rest = expression[position:]
    start = position + len(rest) - len(rest.lstrip())
    number = re.match(r"[0-9][0-9A-Za-z_.]*|\.[0-9]+", expression[start:])
    if number:
        message = f"`{_short(number[0])}` is not an integer in decimal digits"
        error = ExpressionError(message, help="arithmetic is on integers; use `//` to divide")
        return error.at(start, start + len(number[0]))
    text = expression[start]
    message = f"`{text}` means nothing in arithmetic"
    return ExpressionError(message, help="the operators are + - * // % and parentheses").at(start, start + 1)


class _Parser:
    def __init__(self, tokens: list[_Token], value_of: Callable[[str], int]) -> None:
        self.tokens = tokens
        self.index = 0
        self.depth = 0
        self.value_of = value_of

    @property
    def next(self) -> _Token:
        return self.tokens[self.index]

    def take(self) -> _Token:
        token = self.next
        self.index += 1
        return token

    def run(self) -> int:
        value = self.sum()
        token = self.next
        if token.kind == ")":
            raise ExpressionError("this `)` closes nothing", help="remove it").at(token.start, token.end)
        if token.kind != "end":
            raise _no_operator(token)
        return value

    def sum(self) -> int:
        value = self.product()
        while self.next.kind in ("+", "-"):
            sign = self.take()
            right = self.product()
            value = _fitting(value + right if sign.kind == "+" else value - right, sign)
        return value

    def product(self) -> int:
        value = self.factor()
        while self.next.kind in ("*", "//", "%"):
            sign = self.take()
            begin = self.next.start
            right = self.factor()
            if sign.kind == "*":
                value = _fitting(value * right, sign)
                continue
            if right == 0:
                end = self.tokens[self.index - 1].end
                raise ExpressionError(
                    "this divides by zero", help="let the divisor be 1 or more", rule="bad-arithmetic"
                ).at(begin, end)
            value = _fitting(value // right, sign) if sign.kind == "//" else value % right
        return value

    def factor(self) -> int:
        minus = self.next
        signs = 0
        while self.next.kind == "-":
            self.take()
            signs += 1
        value = self.operand()
        return _fitting(-value, minus) if signs % 2 else value

    def operand(self) -> int:
        token = self.take()
        if token.kind == "integer":
            if len(token.text) > 1 and token.text[0] == "0":
                message = f"`{_short(token.text)}` starts with a zero: octal to some, decimal to others"
                raise ExpressionError(message, help="write it without the zero").at(token.start, token.end)
            return _fitting(int(token.text) if len(token.text) < 20 else LIMIT, token)
        if token.kind == "name":
            try:
                return self.value_of(token.text)
            except ExpressionError as error:
                raise error.at(token.start, token.end) from None
        if token.kind == "(":
            return self.bracket(token)
        if token.kind == "end":
            last = self.tokens[-2] if len(self.tokens) > 1 else token
            what = f"a number or name is missing after `{last.text}`" if last.text else "the expression is empty"
            raise ExpressionError(what, help="write it as in `${width * 2}`").at(last.start, last.end)
        message = f"a number or name is missing before `{token.text}`"
        raise ExpressionError(message, help="write it as in `${width * 2}`").at(token.start, token.end)

    def bracket(self, opening: _Token) -> int:
        if self.depth == MAX_DEPTH:
            message = f"more than {MAX_DEPTH} brackets are open here"
            raise ExpressionError(message, help="name parts of it as variables").at(opening.start, opening.end)
        self.depth += 1
        value = self.sum()
        self.depth -= 1
        if self.next.kind == "end":
            raise ExpressionError("this `(` is never closed", help="add the `)`").at(opening.start, opening.end)
        if self.next.kind != ")":
            raise _no_operator(self.next)
        self.take()
        return value


def _no_operator(token: _Token) -> ExpressionError:
    missing = f"an operator is missing before `{_short(token.text)}`", "the operators are + - * // %"
    message, help = _INSTEAD.get(token.kind, missing)
    return ExpressionError(message, help=help).at(token.start, token.end)


def _fitting(value: int, token: _Token) -> int:
    if -LIMIT <= value < LIMIT:
        return value
    help = "a size of this kind fits no memory: lower what it is made of"
    raise ExpressionError("the result does not fit 64 bits", help=help, rule="bad-arithmetic").at(
        token.start, token.end
    )


def _short(text: str) -> str:
    return text if len(text) <= 20 else f"{text[:19]}…"
