"""Graph -> Keras: wiring, names, and what happens where both disagree."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from netspec.diagnostics import SpecError
from netspec.layers.base import Weight
from netspec.spec.held import locate
from netspec.train.model import assert_matches, build_model
from tests.specs import make_graph

BRANCHED = make_graph(
    [
        {"dense": {"name": "left", "units": 4, "from": "a"}},
        {"dense": {"name": "right", "units": 4, "from": "b"}},
        {"add": {"name": "sum", "from": ["left", "right"]}},
        {"concatenate": {"name": "both", "from": ["sum", "b"]}},
    ],
    {"b": [2], "a": [3]},
    outputs=["both", "sum"],
)


def test_several_inputs_and_outputs_go_by_name() -> None:
    model = build_model(BRANCHED)
    assert set(model.input) == {"b", "a"}
    assert set(model.output) == {"both", "sum"}
    ones = {"a": np.ones((1, 3), np.float32), "b": np.full((1, 2), 2, np.float32)}
    answer = model(ones)
    left = np.ones((1, 3)) @ model.get_layer("left").kernel.numpy()
    right = np.full((1, 2), 2) @ model.get_layer("right").kernel.numpy()
    np.testing.assert_allclose(answer["sum"], left + right, rtol=1e-6)
    np.testing.assert_array_equal(answer["both"], np.concatenate([answer["sum"], ones["b"]], axis=1))


def test_a_single_input_and_output_stay_bare() -> None:
    model = build_model(make_graph(["relu"], [3]))
    assert np.asarray(model(np.array([[-1.0, 0.0, 2.0]]))).tolist() == [[0.0, 0.0, 2.0]]


def test_explicit_padding_pads_under_a_name_of_its_own() -> None:
    graph = make_graph(
        [
            {"conv2d": {"name": "c_pad", "filters": 1, "kernel_size": 1}},
            {"conv2d": {"name": "c", "filters": 1, "kernel_size": 3, "padding": [[2, 0], [0, 1]]}},
        ],
        [4, 4, 1],
    )
    model = build_model(graph)
    assert [layer.name for layer in model.layers] == ["x", "c_pad", "c_pad_", "c"]
    assert model.get_layer("c_pad_").padding == ((2, 0), (0, 1))


def test_integer_inputs_keep_their_dtype() -> None:
    graph = make_graph([{"rescaling": {"scale": 0.5}}], [3])
    ((name, given),) = graph.spec.inputs.items()
    graph = replace(graph, spec=replace(graph.spec, inputs={name: given.model_copy(update={"dtype": "int32"})}))
    model = build_model(graph)
    assert model.inputs[0].dtype == "int32"
    assert model.outputs[0].dtype == "float32"


def test_what_keras_refuses_is_told_at_its_place() -> None:
    key = "kernel_initializer"
    keys = {key: {"variance_scaling": {"mode": "sideways"}}}
    graph = make_graph([{"dense": {"name": "it", "units": 2, **keys}}], [3])
    with pytest.raises(SpecError) as caught:
        build_model(graph)
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.rule == "keras-restriction"
    assert diagnostic.span == locate(graph.layers[0].item, key)[0]
    assert "\n" not in diagnostic.message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"output_shape": (5,)}, r"left: output shape \(5,\) in the graph, \(4,\) in Keras"),
        ({"weights": (Weight("kernel", (3, 4)),)}, "left: weights .* in Keras"),
        ({"name": "absent"}, "absent: presence True in the graph, False in Keras"),
    ],
)
def test_a_difference_names_layer_and_values(change: dict[str, object], message: str) -> None:
    model = build_model(BRANCHED)
    layers = tuple(replace(one, **change) if one.name == "left" else one for one in BRANCHED.layers)
    with pytest.raises(AssertionError, match=message):
        assert_matches(replace(BRANCHED, layers=layers), model)


def test_frozen_layers_are_frozen_in_keras() -> None:
    graph = make_graph(
        [{"dense": {"units": 2, "trainable": False}}, {"batch_normalization": {"trainable": False}}], [3]
    )
    assert build_model(graph).trainable_variables == []


def test_importing_the_package_imports_no_tensorflow() -> None:
    code = (
        "import sys, pkgutil, importlib, netspec.train as package\n"
        "for module in pkgutil.iter_modules(package.__path__):\n"
        "    importlib.import_module(f'netspec.train.{module.name}')\n"
        "assert not {'keras', 'tensorflow', 'h5py'} & set(sys.modules), sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_keras_starts_in_silence() -> None:
    code = "from netspec.train.backend import load_keras; k = load_keras(); k.ops.zeros((1,))"
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={"PATH": "/usr/bin:/bin", "KERAS_BACKEND": "torch", "CUDA_VISIBLE_DEVICES": "-1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (run.stdout, run.stderr) == ("", "")
