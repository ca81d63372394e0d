"""`${...}` as text: what it comes to, and where it is wrong."""

from __future__ import annotations

import pytest

from netspec.spec.language.arithmetic import MAX_DEPTH, ExpressionError, evaluate

NAMES = {"width": 64, "minus": -7, "_a1": 3}


def value_of(name: str) -> int:
    if name in NAMES:
        return NAMES[name]
    raise ExpressionError(f"no {name}", rule="unknown-name")


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1", 1),
        (" 12 ", 12),
        ("width", 64),
        ("_a1*2", 6),
        ("width * 2 + 1", 129),
        ("1 + width * 2", 129),
        ("(1 + width) * 2", 130),
        ("10 - 3 - 2", 5),
        ("100 // 7 // 2", 7),
        ("100 // 7 * 2", 28),
        ("100 % 7 * 2", 4),
        ("2 * 100 % 7", 4),
        ("-7 // 2", -4),
        ("7 // -2", -4),
        ("-7 % 3", 2),
        ("7 % -3", -2),
        ("minus // 2", -4),
        ("-(7 // 2)", -3),
        ("--3", 3),
        ("- - -3", -3),
        ("2--3", 5),
        ("2*-3", -6),
        ("-2*-3", 6),
        ("0", 0),
        ("0 // 5", 0),
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775807 - 1", -(2**63)),
        ("(" * MAX_DEPTH + "1" + ")" * MAX_DEPTH, 1),
        ("\t2\n+\n3", 5),
        ("+".join(["1"] * 500), 500),
        ("-" * 998 + "1", 1),
    ],
)
def test_value(expression: str, value: int) -> None:
    assert evaluate(expression, value_of) == value


@pytest.mark.parametrize(
    ("expression", "at", "rule", "part"),
    [
        ("", "", "bad-expression", "empty"),
        ("  ", "", "bad-expression", "empty"),
        ("2 +", "+", "bad-expression", "missing after"),
        ("-", "-", "bad-expression", "missing after"),
        ("+2", "+", "bad-expression", "missing before"),
        ("2 + * 3", "*", "bad-expression", "missing before"),
        ("2 3", "3", "bad-expression", "operator is missing"),
        ("2 width", "width", "bad-expression", "operator is missing"),
        ("2 (3)", "(", "bad-expression", "operator is missing"),
        ("width(3)", "(", "bad-expression", "operator is missing"),
        ("()", ")", "bad-expression", "missing before"),
        ("(2", "(", "bad-expression", "never closed"),
        ("((2)", "(", "bad-expression", "never closed"),
        ("(2 3)", "3", "bad-expression", "operator is missing"),
        ("(2 / 3)", "/", "bad-expression", "fraction"),
        ("2)", ")", "bad-expression", "closes nothing"),
        ("7 / 2", "/", "bad-expression", "fraction"),
        ("7 ** 2", "**", "bad-expression", "no operator"),
        ("1.5", "1.5", "bad-expression", "not an integer"),
        (".5", ".5", "bad-expression", "not an integer"),
        ("1e3", "1e3", "bad-expression", "not an integer"),
        ("0x1F", "0x1F", "bad-expression", "not an integer"),
        ("1_000", "1_000", "bad-expression", "not an integer"),
        ("007", "007", "bad-expression", "zero"),
        ("2 < 3", "<", "bad-expression", "means nothing"),
        ("width.real", ".", "bad-expression", "means nothing"),
        ("a[0]", "[", "bad-expression", "means nothing"),
        ("2; 3", ";", "bad-expression", "means nothing"),
        ("'2'", "'", "bad-expression", "means nothing"),
        ("breite", "b", "unknown-name", "breite"),
        ("1 // 0", "0", "bad-arithmetic", "by zero"),
        ("1 % (2 - 2)", "(2 - 2)", "bad-arithmetic", "by zero"),
        ("9223372036854775808", "9223372036854775808", "bad-arithmetic", "64 bits"),
        ("9" * 999, "9" * 999, "bad-arithmetic", "64 bits"),
        ("9223372036854775807 + 1", "+", "bad-arithmetic", "64 bits"),
        ("-9223372036854775807 - 2", "-", "bad-arithmetic", "64 bits"),
        ("4294967296 * 4294967296", "*", "bad-arithmetic", "64 bits"),
        ("(" * (MAX_DEPTH + 1) + "1" + ")" * (MAX_DEPTH + 1), "(", "bad-expression", "brackets"),
    ],
)
def test_fault(expression: str, at: str, rule: str, part: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        evaluate(expression, value_of)
    error = caught.value
    assert error.rule == rule
    assert part in error.message
    assert error.start is not None
    assert expression[error.start : error.end].startswith(at)


def test_dividing_the_least_integer_by_minus_one_does_not_fit() -> None:
    with pytest.raises(ExpressionError, match="64 bits"):
        evaluate("(-9223372036854775807 - 1) // -1", value_of)


def test_a_very_long_expression_is_not_read() -> None:
    with pytest.raises(ExpressionError, match="the expression has 5,000 characters, more than 1,000") as caught:
        evaluate("9" * 5000, value_of)
    assert caught.value.rule == "bad-expression"
