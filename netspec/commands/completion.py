"""What the shell offers where a word is typed that only netspec knows; files it completes by itself."""

from __future__ import annotations

from collections.abc import Iterable

import typer


def cores(incomplete: str) -> list[str]:
    """Return the cores that begin so."""
    from netspec.device.cmsis_nn import CORE_EXTENSIONS

    return _beginning(incomplete, CORE_EXTENSIONS)


def rules(incomplete: str) -> list[str]:
    """Return the rules that begin so."""
    from netspec.rules import REGISTRY

    return _beginning(incomplete, REGISTRY)


def layer_types(incomplete: str) -> list[str]:
    """Return the types of layers that begin so."""
    from netspec.layers.registry import LAYER_TYPES

    return _beginning(incomplete, LAYER_TYPES)


def layers_of_spec(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the layers that begin so, of the spec that the command line names before them; none if it is wrong."""
    from netspec.diagnostics import SpecError
    from netspec.graph import build_graph
    from netspec.spec import source
    from netspec.spec.spec import read

    path = ctx.params.get("spec")
    if path in (None, "-"):
        return []
    try:
        graph = build_graph(read(source.load(str(path))))
    except SpecError:
        return []
    return _beginning(incomplete, (layer.name for layer in graph.layers))


def _beginning(incomplete: str, names: Iterable[str]) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]
