"""Specs for tests, made of plain data and read as text, so that the whole language is on the way to the graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from netspec.graph import Graph, build_graph
from netspec.spec.source import load, parse
from netspec.spec.spec import read


def make_graph(
    layers: Sequence[str | Mapping[str, Any]],
    inputs: Mapping[str, Sequence[int]] | Sequence[int],
    *,
    path: Path | None = None,
    dtype: str = "float32",
    **sections: Any,
) -> Graph:
    """Return the graph of a spec; `inputs` is {name: shape}, or the shape of the one input `x`; all are of one `dtype`.

    With `path` the spec is written there, so that relative paths in it have a place.
    """
    named = inputs if isinstance(inputs, Mapping) else {"x": inputs}
    typed = {} if dtype == "float32" else {"dtype": dtype}
    document = {
        "netspec": 1,
        "name": "net",
        "inputs": {name: {"shape": list(shape), **typed} for name, shape in named.items()},
        "layers": list(layers),
        **sections,
    }
    text = yaml.safe_dump(document, sort_keys=False)
    if path is None:
        return build_graph(read(parse(text, "net.yaml")))
    path.write_text(text)
    return build_graph(read(load(path)))
