"""What `netspec explain` prints, exactly: a case is a layer of a seed's spec, or of one of its own, and the output.

`cases/explain/*.yaml` name a `seed` of `specs/seeds/` or hold a `spec`, and the `layer`, by default all, and `core`.
After a change that was meant

    NETSPEC_UPDATE_CASES=1 pytest tests/test_explain.py

then read the `.out` files that changed: they are what users will read.
"""

from __future__ import annotations

import json
import os
import re
import time
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from netspec.cli import app
from netspec.commands.explain import Explained, explain, explain_data
from netspec.commands.explain_text import explain_text
from netspec.device.cmsis_nn import CORE_EXTENSIONS
from netspec.device.explain import explain_device
from netspec.device.kernels import kernel_of
from netspec.device.kernels.base import Layout
from netspec.device.plan import plan_device
from netspec.graph import Graph, build_graph
from netspec.layers import LAYERS
from netspec.ops import Conv2D, Dense, DepthwiseConv2D
from netspec.ops.numbers import Quantized
from netspec.spec.source import Document, load, parse
from netspec.spec.spec import read
from tests.arithmetic import evaluate
from tests.nets import device_nets
from tests.specs import make_graph

FOLDER = Path(__file__).parent / "cases" / "explain"
SEEDS = Path(__file__).parents[1] / "specs" / "seeds"
CASES = sorted(FOLDER.glob("*.yaml"))
ARITHMETIC = re.compile(r"^ *= ([^=]+) = ([\d,]+)(?:, not trainable)?$", re.MULTILINE)


def explained(path: Path) -> Explained:
    case = yaml.safe_load(path.read_text(encoding="utf-8"))
    document = load(SEEDS / f"{case['seed']}.yaml") if "seed" in case else parse(case["spec"], "case.yaml")
    return explain(document, case.get("layer"), case.get("core"))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_output(path: Path) -> None:
    output, expected = explain_text(explained(path)) + "\n", path.with_suffix(".out")
    if os.environ.get("NETSPEC_UPDATE_CASES"):
        expected.write_text(output, encoding="utf-8", newline="\n")
    assert output == expected.read_text(encoding="utf-8")
    assert max(map(len, output.splitlines())) <= 120


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_the_arithmetic_that_is_printed(path: Path) -> None:
    """A reader who takes the text to a calculator gets the number after the last equals sign."""
    found = ARITHMETIC.findall(path.with_suffix(".out").read_text(encoding="utf-8"))
    for numbers, result in found:
        assert evaluate(numbers) == int(result.replace(",", "")), numbers
    if yaml.safe_load(path.read_text(encoding="utf-8")).get("layer", "").startswith(("conv", "dense")):
        assert found


def test_the_folder_holds_cases_and_their_outputs_only() -> None:
    assert len(CASES) > 25
    assert set(FOLDER.iterdir()) == {each for path in CASES for each in (path, path.with_suffix(".out"))}
    told = {yaml.safe_load(path.read_text(encoding="utf-8")).get("seed") for path in CASES}
    assert {path.stem for path in SEEDS.glob("*.yaml")} <= told


# Every layer, on every core.


def graph_of(text: str) -> Graph:
    return build_graph(read(parse(text, "net.yaml")))


@given(device_nets(), st.sampled_from(sorted(CORE_EXTENSIONS)))
def test_all_of_a_net_that_the_device_runs(text: str, core: str) -> None:
    """Each op is told once, at the layer that it belongs to; its constants and bytes are those of the plan."""
    graph = graph_of(text)
    device, plan = explain_device(graph, core), plan_device(graph, core)
    found = {layer.name: device.layer(layer) for layer in graph.layers}
    assert all(bool(each.steps) != bool(each.no_code) for each in found.values())
    steps = {step.name: step for each in found.values() for step in each.steps}
    assert set(steps) == {node.name for node in plan.graph.nodes}
    for node, live in zip(plan.graph.nodes, plan.live_bytes(), strict=True):
        step = steps[node.name]
        assert step.constants == plan.constants(node)
        assert step.scratch_bytes == plan.memory.scratch_bytes.get(node.name, 0)
        assert step.arena is not None
        assert step.arena.live == plan.live_tensors(node)
        assert sum(step.arena.live.values()) == live <= step.arena.total == plan.arena_bytes
        assert step.choice.function in kernel_of(node).functions(node.op, device.extension)


@given(device_nets())
def test_all_of_a_net_that_the_device_does_not_run(text: str) -> None:
    """One layer that has no kernel takes nothing from what is said of the others, but for the arena."""
    document = yaml.safe_load(text)
    last = document["layers"][-1]
    name = next(iter(last.values()))["name"]
    document["layers"].append({"elu": {"name": "unsupported", "from": name}})
    document["outputs"] = [*document["outputs"], "unsupported"]
    graph = graph_of(yaml.safe_dump(document, sort_keys=False))
    device = explain_device(graph, "cortex-m4")
    assert device.plan is None
    for layer in graph.layers:
        found = device.layer(layer)
        assert (found.unsupported is not None) == (layer.name == "unsupported")
        assert found.unsupported or found.no_code or found.steps
        assert all(step.arena is None for step in found.steps)


@pytest.mark.parametrize("layer_type", sorted(LAYERS))
def test_every_type_is_explained(layer_type: str) -> None:
    rows = yaml.safe_load((FOLDER.parent / "layers" / f"{layer_type}.yaml").read_text(encoding="utf-8"))
    for row in rows:
        inputs = {f"x{index}": shape for index, shape in enumerate(row["inputs"])}
        reads = {"from": list(inputs)} if len(inputs) > 1 else {}
        graph = make_graph([{layer_type: {**row["keys"], **reads}}], inputs, dtype=row.get("dtype", "float32"))
        (layer,) = graph.layers
        for one in (True, False):
            whole = Explained(graph, (layer,), explain_device(graph), one)
            text = explain_text(whole)
            assert text.startswith(f"{layer.name}, {layer_type}, line ")
            assert f"{layer.parameters:,}" in text
        (data,) = json.loads(json.dumps(explain_data(whole)))["layers"]
        assert data["output_shape"] == [each["result"] for each in data["shape"]] == row["output"]
        assert {each["name"]: each["shape"] for each in data["weights"]} == row.get("weights", {})


# The index of a layout is what quantization does.

LAYOUTS = [
    ("conv1d", {"filters": 3, "kernel_size": 2}, (5, 4)),
    ("conv2d", {"filters": 3, "kernel_size": [2, 3]}, (5, 6, 4)),
    ("depthwise_conv1d", {"kernel_size": 2}, (5, 4)),
    ("depthwise_conv2d", {"kernel_size": [2, 3], "depth_multiplier": 2}, (5, 6, 4)),
    ("separable_conv1d", {"filters": 3, "kernel_size": 2, "depth_multiplier": 2}, (5, 4)),
    ("separable_conv2d", {"filters": 3, "kernel_size": 2}, (5, 6, 4)),
    ("dense", {"units": 3}, (4,)),
    ("dense", {"units": 1608}, (18,)),
    ("dense", {"units": 1029}, (25,)),
    ("batch_normalization", {}, (5, 6, 4)),
]


@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m4"])
@pytest.mark.parametrize(("layer_type", "keys", "shape"), LAYOUTS, ids=lambda value: value if value is str else None)
def test_the_index_of_a_layout(layer_type: str, keys: dict[str, Any], shape: tuple[int, ...], core: str) -> None:
    plan = plan_device(make_graph([{layer_type: keys}], shape), core)
    for node in plan.graph.nodes:
        kernel: Any = kernel_of(node)
        layouts = {layout.role: layout for layout in kernel.layout(node.op)}
        shown = [layouts[constant.role] for constant in plan.constants(node) if constant.role in layouts]
        assert isinstance(node.op, Conv2D | DepthwiseConv2D | Dense)
        keras = np.arange(np.prod(shown[0].keras_shape, dtype=int), dtype=np.float32)
        keras = (keras.reshape(shown[0].keras_shape) - 100) % 255 - 127
        plain = replace(node.op, bias=None, affine=())
        weights, _ = plain.float_weights(lambda param, array=keras: array)  # type: ignore[misc]
        integers = {"kernel": weights.astype(np.int8)}
        device = integers | dict(kernel.arrays(node.op, Quantized(integers)))
        places = 0
        for layout in shown:
            array, known = device[layout.role], through_index(layout, keras)
            assert array.shape == known.shape == layout.device_shape
            meant = ~np.isnan(known)
            assert (array[meant] == known[meant]).all()
            places += meant.sum()
        assert places == (weights.size if shown[0].keras_shape else array.size)


def through_index(layout: Layout, keras: np.ndarray) -> np.ndarray:
    """Return the device's array as the printed index makes it of Keras', NaN where no weight goes."""
    target, source = layout.index.split(" = ")
    if not layout.keras_shape:
        return np.full(layout.device_shape, float(source))
    letters = re.findall(r"\[([^\]]+)\]", source)
    device = np.full(layout.device_shape, np.nan)
    for place in product(*map(range, layout.keras_shape)):
        known = {letter: index for letter, index in zip(letters, place, strict=True) if letter.isalpha()}
        if layout.where and not eval(layout.where, {}, known):
            continue
        there = tuple(eval(part, {}, known) for part in re.findall(r"\[([^\]]+)\]", target))
        assert np.isnan(device[there]), "two weights in one place"
        value = int(keras[place])
        if layout.flipped and eval(layout.flipped, {}, known):
            value = value - 128 if value >= 0 else value + 128
        device[there] = value
    return device


# The command.


@pytest.fixture
def spec(tmp_path: Path) -> str:
    path = tmp_path / "net.yaml"
    path.write_text((SEEDS / "filters_and_channels.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    return str(path)


def test_command(spec: str) -> None:
    done = CliRunner().invoke(app, ["explain", spec, "conv2d"])
    assert done.exit_code == 0
    assert "= 10 * (4 * 4 * 3 + 1) = 490" in done.output


def test_command_json(spec: str) -> None:
    done = CliRunner().invoke(app, ["explain", spec, "--format", "json", "--core", "cortex-m55"])
    data = json.loads(done.output)
    assert data["core"] == "cortex-m55"
    (layer,) = data["layers"]
    assert layer["total"]["result"] == 490
    assert layer["device"]["steps"][0]["calls"] == ["netspec_convolve_s8"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("conv2", "no layer of this spec; did you mean `conv2d`?"),
        ("zzz", "no layer of this spec; the layers are conv2d"),
        ("image", "an input, no layer; the layers are conv2d"),
    ],
)
def test_command_without_such_a_layer(spec: str, name: str, said: str) -> None:
    done = CliRunner().invoke(app, ["explain", spec, name])
    assert done.exit_code == 2
    assert f"'{name}' is {said}" in done.output


def test_command_on_a_faulty_spec(spec: str) -> None:
    Path(spec).write_text(Path(spec).read_text().replace("kernel_size: 4", "kernel_size: 40"))
    done = CliRunner().invoke(app, ["explain", spec])
    assert done.exit_code == 1
    assert "window-too-large" in done.output


def test_time_grows_with_the_net_and_not_with_its_square() -> None:
    """Looking through the net for every layer would take minutes here."""
    layers = [{"conv2d": {"filters": 4, "kernel_size": 3}}, "batch_normalization", "relu", "flatten"]
    layers += [{"dropout": {"rate": 0.5}}, {"dense": {"units": 4}}, {"reshape": {"target_shape": [4]}}, "relu"] * 1000
    graph = make_graph(layers, (8, 8, 4))
    start = time.process_time()
    text = explain_text(Explained(graph, graph.layers, explain_device(graph), one=False))
    assert text.count("\n\n") == len(layers) - 1
    assert time.process_time() - start < 10


def test_a_target_does_not_hide_what_it_cannot_run() -> None:
    """`check` refuses such a spec; here one asks why."""
    text = "netspec: 1\nname: n\ninputs: {x: {shape: [9, 4]}}\nlayers: [{lstm: {units: 2}}]\n"
    document: Document = parse(text + "target: {core: cortex-m4}\n", "n.yaml")
    said = explain_text(explain(document, "lstm"))
    assert "= 4 * 2 * (4 + 2 + 1) = 56" in said
    assert "not supported: netspec has no int8 kernel for lstm yet" in said
