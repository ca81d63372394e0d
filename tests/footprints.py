"""Networks whose footprint on a device is measured: random ones to fit predictions to, and real ones to test them."""

from __future__ import annotations

import os
import random
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from netspec.device.plan import plan_device
from netspec.device.size import PORTABLE
from netspec.diagnostics import SpecError
from netspec.emit import emit, host_functions, make_vectors, plain_inputs
from netspec.emit.view import make_view
from netspec.graph import Graph, build_graph
from netspec.importers.imported import import_model
from netspec.importers.result import graph_of
from netspec.quantize.model import QuantizedModel
from netspec.quantize.quantize import quantize, weight_lookup
from netspec.quantize.ranges import find_ranges
from netspec.quantize.scales import choose_scales
from netspec.quantize.stored import quantize_stored, read_stored
from netspec.spec.sections import Target
from netspec.spec.source import load
from netspec.spec.spec import read
from netspec.toolchain import CmsisNN, probe
from netspec.toolchain.arm import BOARD, CONSTANTS, Image, core_named, device_kernels, find_arm_gcc, link_image
from netspec.toolchain.kernel_sizes import callable_functions
from tests.builds import bakenn_kernels, random_weights
from tests.emitted_nets import NETS
from tests.importers.shared_models import FOLDER
from tests.specs import make_graph

SPECS = {path.stem: path for path in sorted((Path(__file__).resolve().parents[1] / "specs").rglob("*.yaml"))}
LARGEST_ARENA = 2**21
"""Half of the RAM of the larger boards."""
IMPORTED = {"kws": "kws_ref_model.tflite", "ic": "pretrainedResnet_quant.tflite", "ad": "ad01_int8.tflite"}
"""Models of MLPerf Tiny, by the names that its benchmarks have; see tests/importers/shared_models.py."""
ON_ARM = ", `kernels: cmsis-nn`"


def _on_boards() -> Iterator[str]:
    """Yield names; without the check, which asks for sizes of kernels that are yet to be measured."""
    for name, path in SPECS.items():
        try:
            plan = plan_device(build_graph(read(load(path))))
        except SpecError:
            continue
        if plan.arena_bytes <= LARGEST_ARENA:
            yield name


ON_BOARDS = tuple(_on_boards())
"""Those of SPECS that int8 kernels can run, and whose arena an emulated board holds."""

_SAMPLES = 8
_MAIN = """
#include "{name}.h"

{storage}

int main(void)
{{
    const int status = {run};
    return status{ports};
}}
"""
Layers = list[dict[str, Any]]
OnCore = Callable[[str], QuantizedModel]


def quantized(graph: Graph) -> OnCore:
    """Return what plans and quantizes a network for a core: its weights are random, sizes do not depend on them."""
    generator = np.random.default_rng(0)
    weights = weight_lookup(random_weights(graph, generator))
    shapes = graph.inputs.items()
    samples = {name: generator.normal(0, 1, (_SAMPLES, *shape)).astype(np.float32) for name, shape in shapes}
    device = plan_device(graph).graph
    scales = choose_scales(device, find_ranges(device, weights, samples))
    return lambda core: quantize(plan_device(graph, core), weights, scales)


def shipped_graph(name: str) -> Graph:
    """Return the network of a spec of specs/."""
    return build_graph(read(load(SPECS[name])))


def shipped(name: str) -> OnCore:
    """Return a spec of specs/ as `quantized` does."""
    return quantized(shipped_graph(name))


@cache
def imported(name: str) -> OnCore:
    """Return a model of IMPORTED, with its own integers; with ON_ARM behind its name on Arm's kernels throughout.

    Raises FileNotFoundError where its file is not there.
    """
    found = import_model(FOLDER / IMPORTED[name.removesuffix(ON_ARM)])
    graph = graph_of(found.text)
    if name.endswith(ON_ARM):
        graph = on_arm_kernels(graph)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / found.weights_name
        path.write_bytes(found.weights)
        stored = read_stored(path, graph, plan_device(graph))

    return lambda core: quantize_stored(plan_device(graph, core), stored)


def providers() -> dict[str, CmsisNN | None]:
    """Return all kernels that are here, by the names that reports give them; None are the portable ones.

    Beside those there is the CMSIS-NN that a test dependency carries, and the one that CMSIS_NN_PATH names.
    """
    copies = [bakenn_kernels()]
    if named := os.environ.get("CMSIS_NN_PATH"):
        copies.append(probe(Path(named)))
    return {PORTABLE: None} | {device_kernels(callable_functions(), copy).provider: copy for copy in copies}


def emitted(model: QuantizedModel) -> dict[str, str]:
    """Return the emitted folder."""
    vectors = make_vectors(model, plain_inputs(model))
    return emit(model, spec_sha256="0" * 64, spec_path_name="net.yaml", vectors=vectors)


def link_alone(model: QuantizedModel, cmsis: CmsisNN | None, folder: Path) -> Image:
    """Link a network with a program that does nothing but run it and look at its inputs and outputs."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in emitted(model).items():
        if "/" not in name and name.endswith((".h", ".c")):
            (folder / name).write_text(text, encoding="utf-8")
    view = make_view(model)
    ports = "".join(f" + *{port.held}" for port in (*view.inputs, *view.outputs))
    storage = "\n".join(view.storage)
    (folder / "main.c").write_text(_MAIN.format(name=view.name, storage=storage, run=view.run, ports=ports))
    core = core_named(model.plan.core, find_arm_gcc())
    return link_image(
        core,
        [folder / f"{view.name}.c", folder / f"{view.name}_weights.c", folder / "main.c"],
        device_kernels(host_functions(model), cmsis),
        folder / "alone.elf",
        include_dirs=[folder],
        groups={"main": BOARD, f"{view.name}_weights": CONSTANTS},
        app=False,
        board=core.larger,
    )


FITTED_SEEDS = range(144)


def networks_to_fit() -> Iterator[Graph]:
    """Yield small and large networks of all shapes; none of them ships. The same ones on every machine."""
    yield from (NETS[name]() for name in ("image", "sequence", "one_step", "names", "views"))
    yield from map(_copied, range(1, 4))
    yield from map(random_network, FITTED_SEEDS)
    yield from map(on_arm_kernels, map(random_network, FITTED_SEEDS))
    yield from map(_alone, _ALONE)
    yield from map(on_arm_kernels, map(_alone, _ALONE))


_ALONE: tuple[tuple[str, dict[str, Any], tuple[int, ...]], ...] = (
    ("conv2d", {"filters": 8, "kernel_size": 3}, (12, 12, 4)),
    ("conv2d", {"filters": 32, "kernel_size": 5, "strides": 2, "padding": "same", "activation": "relu"}, (40, 40, 3)),
    ("conv2d", {"filters": 16, "kernel_size": 1}, (9, 9, 8)),
    ("conv1d", {"filters": 12, "kernel_size": 3, "padding": "causal"}, (50, 4)),
    ("depthwise_conv2d", {"kernel_size": 3, "padding": "same"}, (12, 12, 8)),
    ("depthwise_conv2d", {"kernel_size": 3, "padding": "same"}, (40, 40, 16)),
    ("dense", {"units": 10}, (64,)),
    ("dense", {"units": 3, "activation": "relu"}, (20, 8)),
    ("max_pooling2d", {"pool_size": 2}, (12, 12, 4)),
    ("average_pooling2d", {"pool_size": 2, "padding": "same"}, (13, 13, 4)),
    ("global_average_pooling2d", {}, (12, 12, 4)),
    ("softmax", {}, (10,)),
    ("sigmoid", {}, (300,)),
)


def _alone(layer: tuple[str, dict[str, Any], tuple[int, ...]]) -> Graph:
    """Return a network of one layer: what surrounds a single call is not what surrounds one of many."""
    kind, keys, shape = layer
    return make_graph([{kind: keys}], shape)


def on_arm_kernels(graph: Graph) -> Graph:
    """Return a network with `target: {kernels: cmsis-nn}`."""
    target = (graph.spec.target or Target()).model_copy(update={"kernels": "cmsis-nn"})
    return replace(graph, spec=replace(graph.spec, target=target))


def random_network(seed: int) -> Graph:
    """Return a network as people make them, of random size, and with one of the ways in which memory is laid out."""
    draw = random.Random(seed)
    kind = draw.choice((_vector, _sequence, _image, _image))
    return kind(draw)


def _copied(count: int) -> Graph:
    """Return a network with outputs of the caller's that are the same values: all but the first are copied."""
    layers: Layers = [{"dense": {"name": "first", "units": 24}}]
    shapes = ([2, 12], [3, 8], [4, 6])[:count]
    layers += [
        {"reshape": {"name": f"view{i}", "from": "first", "target_shape": each}} for i, each in enumerate(shapes)
    ]
    outputs = [str(next(iter(layer.values()))["name"]) for layer in layers]
    return make_graph(layers, (10,), outputs=outputs, target={"io": "external"})


def _graph(draw: random.Random, layers: Layers, shape: tuple[int, ...]) -> Graph:
    target: dict[str, Any] = {"io": draw.choice(("arena", "arena", "arena", "external"))}
    if draw.random() < 0.3:
        target["kernels"] = "cmsis-nn"
    if draw.random() < 0.2:
        target["memory"] = [{"name": "fast", "size": _size(draw, 64, 16384)}, {"name": "slow", "size": 2**20}]
    return make_graph(layers, shape, target=target)


def _size(draw: random.Random, least: int, most: int) -> int:
    """Return a number of that range: as many small as large ones."""
    return round(least * (most / least) ** draw.random())


def _activated(draw: random.Random) -> dict[str, str]:
    activation = draw.choice((None, "relu", "relu", "relu6", "tanh"))
    return {"activation": activation} if activation else {}


def _head(draw: random.Random, layers: Layers) -> None:
    for _ in range(draw.randint(0, 2)):
        layers.append({"dense": {"units": _size(draw, 4, 64), **_activated(draw)}})
    layers.append({"dense": {"units": _size(draw, 1, 12)}})
    if draw.random() < 0.7:
        layers.append({draw.choice(("softmax", "sigmoid")): {}})


def _vector(draw: random.Random) -> Graph:
    layers: Layers = []
    for _ in range(draw.randint(0, 8)):
        layers.append({"dense": {"units": _size(draw, 4, 200), **_activated(draw)}})
    _head(draw, layers)
    return _graph(draw, layers, (_size(draw, 2, 600),))


def _sequence(draw: random.Random) -> Graph:
    layers: Layers = []
    for _ in range(draw.randint(1, 5)):
        window = {"kernel_size": draw.choice((1, 3, 5)), "padding": draw.choice(("same", "causal"))}
        window |= {"strides": draw.choice((1, 1, 2)), "filters": _size(draw, 4, 32), **_activated(draw)}
        layers.append({"conv1d": window})
        if draw.random() < 0.4:
            layers.append({draw.choice(("max_pooling1d", "average_pooling1d")): {"pool_size": 2, "padding": "same"}})
    layers.append({draw.choice(("global_average_pooling1d", "global_max_pooling1d", "flatten")): {}})
    _head(draw, layers)
    return _graph(draw, layers, (_size(draw, 16, 256), draw.randint(1, 8)))


def _image(draw: random.Random) -> Graph:
    filters = 4 * _size(draw, 1, 8)
    layers: Layers = [_convolution(draw, filters, 2)]
    for number in range(draw.randint(0, 6)):
        filters = _step(draw, layers, filters, number)
    layers.append({draw.choice(("global_average_pooling2d", "global_max_pooling2d", "flatten")): {}})
    _head(draw, layers)
    side = _size(draw, 8, 40)
    return _graph(draw, layers, (side, draw.choice((side, side + 3)), draw.choice((1, 3))))


def _convolution(draw: random.Random, filters: int, strides: int) -> dict[str, Any]:
    window = {"kernel_size": draw.choice((1, 3, 3, 5)), "padding": "same", "strides": strides, "filters": filters}
    return {"conv2d": {**window, **_activated(draw)}}


def _step(draw: random.Random, layers: Layers, filters: int, number: int) -> int:
    """Append what networks on images are made of; return the channels that it gives."""
    kind = draw.choice(("conv", "depthwise", "separable", "pool", "residual", "residual", "join", "pad", "norm"))
    if kind == "conv":
        filters = 4 * _size(draw, 1, 10)
        layers.append(_convolution(draw, filters, draw.choice((1, 1, 2))))
    elif kind == "depthwise":
        multiplier = draw.choice((1, 1, 1, 2))
        window = {"kernel_size": draw.choice((3, 3, 5)), "padding": "same", "depth_multiplier": multiplier}
        layers.append({"depthwise_conv2d": {**window, **_activated(draw)}})
        filters *= multiplier
    elif kind == "separable":
        filters = 4 * _size(draw, 1, 10)
        layers.append(
            {"separable_conv2d": {"kernel_size": 3, "padding": "same", "filters": filters, **_activated(draw)}}
        )
    elif kind == "pool":
        layers.append({draw.choice(("max_pooling2d", "average_pooling2d")): {"pool_size": 2, "padding": "same"}})
    elif kind in ("residual", "join"):
        last = f"from{number}"
        layers.append({"relu": {"name": last}})
        layers.append({"conv2d": {"kernel_size": draw.choice((1, 3)), "padding": "same", "filters": filters}})
        merge = "add" if kind == "residual" else "concatenate"
        layers.append({merge: {"from": [last, "previous"]}})
        layers[-2]["conv2d"]["name"] = f"beside{number}"
        layers[-1][merge]["from"][1] = f"beside{number}"
        filters *= 1 if kind == "residual" else 2
    elif kind == "pad":
        layers.append({"zero_padding2d": {"padding": draw.randint(1, 2)}})
        layers.append({"max_pooling2d": {"pool_size": 3, "strides": 2}})
    else:
        layers.append({"batch_normalization": {}})
    return filters
