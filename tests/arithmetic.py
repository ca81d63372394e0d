"""What the formulas that `explain` prints come to: an evaluator that knows nothing of layers."""

from __future__ import annotations

import ast
import math
from fractions import Fraction

_OPERATORS = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
}
_FUNCTIONS = {"floor": math.floor, "ceil": math.ceil, "max": max}


def evaluate(text: str) -> Fraction:
    """Return the value of `text`: numbers, + - * /, parentheses, floor, ceil, max; quotients are exact."""
    return _value(ast.parse(text, mode="eval").body)


def _value(node: ast.expr) -> Fraction:
    match node:
        case ast.Constant(value=int() as number):
            return Fraction(number)
        case ast.BinOp(left=left, op=op, right=right):
            return _OPERATORS[type(op)](_value(left), _value(right))
        case ast.Call(func=ast.Name(id=name), args=args):
            return Fraction(_FUNCTIONS[name](*map(_value, args)))
    raise AssertionError(f"no arithmetic: {ast.unparse(node)}")
