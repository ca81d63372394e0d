"""Imports point down only: the order in docs/ARCHITECTURE.md, and no circles, imports inside functions included."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = "netspec"


@dataclass(frozen=True)
class Import:
    """One import of a module of ours by another, where type checkers alone see it too."""

    importer: str
    imported: str
    line: int

    def __str__(self) -> str:
        return f"{self.importer}, line {self.line}, imports {self.imported}"


def _modules(root: Path) -> dict[str, Path]:
    """Return the files of the package by the names of their modules, without the package's own."""
    found = {}
    for path in (root / PACKAGE).rglob("*.py"):
        parts = path.relative_to(root / PACKAGE).with_suffix("").parts
        found[".".join(part for part in parts if part != "__init__")] = path
    return found


def _imports(name: str, tree: ast.Module, modules: dict[str, Path]) -> Iterator[Import]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            each = [f"{node.module}.{alias.name}" for alias in node.names]
            targets = [full if full.removeprefix(f"{PACKAGE}.") in modules else node.module for full in each]
        elif isinstance(node, ast.ImportFrom):
            raise AssertionError(f"{name}, line {node.lineno}: the order is read from absolute imports")
        else:
            continue
        for target in targets:
            imported = target.removeprefix(f"{PACKAGE}.")
            if target.startswith(f"{PACKAGE}.") and imported in modules and imported != name:
                yield Import(name, imported, node.lineno)


def _order(page: str) -> dict[str, int]:
    """Return the line of each name in the page's order, the top one first."""
    block = page.partition("## Import order")[2].partition("```text\n")[2].partition("```")[0]
    return {name: line for line, names in enumerate(block.splitlines()) for name in names.split(", ")}


def _room(module: str, order: dict[str, int]) -> str | None:
    """Return the longest name of the order that a module begins with."""
    while module and module not in order:
        module = module.rpartition(".")[0]
    return module or None


MODULES = _modules(ROOT)
ORDER = _order((ROOT / "docs" / "ARCHITECTURE.md").read_text(encoding="utf-8"))
IMPORTS = [
    found
    for name, path in MODULES.items()
    for found in _imports(name, ast.parse(path.read_text(encoding="utf-8")), MODULES)
]


def test_the_order_names_every_module_and_nothing_else() -> None:
    # A room's docstring is in a module of its own, which imports nothing where the order names its modules one by one.
    apart = {module for module in MODULES if any(name.startswith(f"{module}.") for name in ORDER)}
    unnamed = {module for module in MODULES if module and _room(module, ORDER) is None}
    assert unnamed <= {module for module in apart if not any(each.importer == module for each in IMPORTS)}
    assert {name for name in ORDER if not any(_room(module, ORDER) == name for module in MODULES)} == set()


def test_imports_point_down() -> None:
    def down(each: Import) -> bool:
        above, below = _room(each.importer, ORDER), _room(each.imported, ORDER)
        return above is None or below is None or above == below or ORDER[above] < ORDER[below]

    assert [str(each) for each in IMPORTS if not down(each)] == []


def test_no_imports_run_in_a_circle() -> None:
    graph: dict[str, set[str]] = {}
    for each in IMPORTS:
        graph.setdefault(each.importer, set()).add(each.imported)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"{' -> '.join(reversed(error.args[1]))} is a circle")


def test_few_files_lie_flat() -> None:
    """What belongs together has a room; a stranger finds it by its name."""
    assert len(list((ROOT / PACKAGE).glob("*.py*"))) <= 15


def test_an_import_inside_a_function_counts() -> None:
    tree = ast.parse("def f():\n    from netspec.graph import Graph\nif TYPE_CHECKING:\n    import netspec.check\n")
    assert list(_imports("lint", tree, MODULES)) == [
        Import("lint", "graph", 2),
        Import("lint", "check", 4),
    ]
