"""A small net, the two kinds of npz files that go with it, and their readers: what the fuzzer and its corpus share."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from netspec.device.plan import plan_device
from netspec.diagnostics import SpecError
from netspec.importers.result import graph_of
from netspec.ops.numbers import Quant
from netspec.quantize.stored import Stored, read_stored, write_stored
from netspec.train.weights import read_weights, write_npz

GRAPH = graph_of(
    "netspec: 1\nname: net\ninputs: {x: {shape: [3]}}\n"
    "layers: [{dense: {units: 2}}, {dense: {units: 1, use_bias: false}}]\n"
)
PLAN = plan_device(GRAPH)


def floats(path: Path) -> None:
    """Write the net's weights as floats."""
    weights = {
        (layer.name, each.name): np.ones(each.shape, np.float32) for layer in GRAPH.layers for each in layer.weights
    }
    write_npz(weights, path)


def integers(path: Path) -> None:
    """Write the net's weights as integers with scales."""
    kinds = {"kernel": np.int8, "bias": np.int32}
    arrays = {(layer.name, w.name): np.ones(w.shape, kinds[w.name]) for layer in GRAPH.layers for w in layer.weights}
    scales = {key: (0.5,) for key in arrays if key[1] == "kernel"}
    tensors = {name: Quant(0.25, 3) for name in PLAN.graph.tensors}
    path.write_bytes(write_stored(Stored(arrays, scales, tensors)))


def read_both(path: Path) -> list[str]:
    """Read a file as floats and as integers; return what is found wrong, and nothing where it is right."""
    found = []
    for read in (lambda: read_weights(path, GRAPH), lambda: read_stored(path, GRAPH, PLAN)):
        try:
            read()
        except SpecError as error:
            found.append(str(error))
    return found
