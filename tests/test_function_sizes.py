"""No function of the package is long or entangled: at most 60 lines, at most 20 ways that a run can branch."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
MOST_LINES = 60
"""Of a definition, its decorators aside."""
MOST_COMPLEX = 20

Function = ast.FunctionDef | ast.AsyncFunctionDef
_ONE_BRANCH = (
    ast.If, ast.IfExp, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler, ast.Assert, ast.comprehension,
    ast.Lambda, ast.match_case,
)  # fmt: skip


def complexity(function: Function) -> int:
    """Return the cyclomatic complexity as radon counts it, that of functions inside included.

    ruff's C901 counts statements alone. Here conditional expressions, comprehensions, `and` and `or` count too.
    """
    return 1 + sum(map(_branches, ast.walk(function)))


def _branches(node: ast.AST) -> int:
    count = int(isinstance(node, _ONE_BRANCH))
    if isinstance(node, ast.BoolOp):
        count += len(node.values) - 1
    elif isinstance(node, ast.comprehension):
        count += len(node.ifs)
    elif isinstance(node, ast.Try | ast.For | ast.AsyncFor | ast.While):
        count += bool(node.orelse)
    return count


def functions(path: Path) -> Iterator[Function]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, Function):
            yield node


def test_functions_are_short_and_simple() -> None:
    found = []
    for path in sorted((ROOT / "netspec").rglob("*.py")):
        for function in functions(path):
            lines = (function.end_lineno or function.lineno) - function.lineno + 1
            where = f"{path.relative_to(ROOT).as_posix()}:{function.lineno}: {function.name}"
            if lines > MOST_LINES:
                found.append(f"{where} has {lines} lines")
            if (ways := complexity(function)) > MOST_COMPLEX:
                found.append(f"{where} has a complexity of {ways}")
    assert not found, "\n".join(["split these functions:", *found])


def test_conditions_count_wherever_they_are_written() -> None:
    (function,) = ast.parse(
        "def f(a, b):\n"
        "    if a and b or not a: return [x for x in a if x if not b]\n"  # 1 + 2, and 1 + 2
        "    for each in a: pass\n"  # 1
        "    else: a = b if b else (lambda: a)\n"  # 1 for the else, 1, 1
        "    try: assert a\n"  # 1
        "    except E: pass\n"  # 1
        "    def g(): return 1\n"
    ).body
    assert isinstance(function, ast.FunctionDef)
    assert complexity(function) == 1 + 3 + 3 + 1 + 3 + 2
