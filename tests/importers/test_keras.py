"""Keras files: the rebuilt model computes what the original does; code is refused by name; specs come back."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netspec.check import check
from netspec.diagnostics import SpecError
from netspec.graph import Graph
from netspec.importers.imported import import_model
from netspec.importers.names import is_automatic
from netspec.importers.result import graph_of
from netspec.spec.source import load
from tests.builds import random_weights
from tests.importers.keras_models import functional, imported_graph, layer, rebuilt_outputs, write_h5
from tests.importers.shared_models import shared_model

pytest.importorskip("tensorflow", reason="TensorFlow is not installed: these tests compare with Keras")

TOLERANCE = 1e-5


def keras() -> Any:
    from netspec.train.backend import load_keras

    return load_keras()


def assert_close(ours: Any, theirs: Any) -> None:
    assert np.max(np.abs(ours - theirs)) <= TOLERANCE * max(1.0, float(np.max(np.abs(theirs))))


# ------------------------------------------------------------------------------------------------- trained models


@pytest.mark.parametrize(("name", "parameters"), [("ad01.h5", 269_992), ("pretrainedResnet.h5", 78_666)])
def test_trained_models_compute_what_keras_computes(tmp_path: Path, name: str, parameters: int) -> None:
    path = shared_model(name)
    original = keras().models.load_model(path, compile=False)
    inputs = np.random.default_rng(3).normal(0, 1, (8, *original.input_shape[1:])).astype(np.float32)
    graph, _ = imported_graph(path, tmp_path)
    assert graph.parameters == parameters == original.count_params()
    assert_close(rebuilt_outputs(path, tmp_path, inputs), original.predict(inputs, verbose=0))


@pytest.mark.parametrize("name", ["ad01.h5", "pretrainedResnet.h5"])
def test_the_summary_of_a_trained_model_is_the_original_s(name: str) -> None:
    path = shared_model(name)
    assert_same_summary(graph_of(import_model(path).text), keras().models.load_model(path, compile=False))


def assert_same_summary(graph: Graph, original: Any) -> None:
    """Assert that `netspec show` has the rows that Keras' summary has, with the names that are no mere numbers.

    Layers of branches stand side by side, and each program lists them in an order of its own.
    """
    theirs = [
        ("" if is_automatic(each.name) else each.name, tuple(each.output.shape[1:]), each.count_params())
        for each in original.layers
        if type(each).__name__ != "InputLayer"
    ]
    given = {name for name, _, _ in theirs}
    ours = [(each.name if each.name in given else "", each.output_shape, each.parameters) for each in graph.layers]
    assert sorted(ours) == sorted(theirs)
    trainable = sum(int(np.prod(variable.shape)) for variable in original.trainable_weights)
    assert (graph.parameters, graph.trainable_parameters) == (original.count_params(), trainable)


def test_repeated_groups_are_written_once() -> None:
    text = import_model(shared_model("ad01.h5")).text
    assert text.count("- repeat:") == 2
    assert text.count("dense: {units: 128}") == 2
    assert "name:" not in text.partition("layers:")[2], "numbers that Keras gave say nothing"
    text = import_model(shared_model("pretrainedResnet.h5")).text
    assert "\nblocks:\n  residual:\n    params: {filters: null}\n" in text
    assert "\n  - residual: {filters: 32}\n  - residual: {filters: 64}\n" in text


def _residual(layers: Any, given: Any, filters: int, strides: int) -> Any:
    here = layers.Conv2D(filters, 3, strides=strides, padding="same", use_bias=False)(given)
    here = layers.ReLU()(layers.BatchNormalization()(here))
    here = layers.BatchNormalization()(layers.Conv2D(filters, 3, padding="same", use_bias=False)(here))
    if strides > 1:
        given = layers.Conv2D(filters, 1, strides=strides, use_bias=False)(given)
    return layers.ReLU()(layers.Add()([here, given]))


@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_a_residual_net_of_keras_is_written_in_blocks(tmp_path: Path, ending: str) -> None:
    """ResNet-20 as people write it with a function, without a name: 73 layers in 29 lines, and the same floats."""
    layers = keras().layers
    image = keras().Input((16, 16, 3), name="image")
    here = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(8, 3, padding="same", use_bias=False)(image)))
    for stage, filters in enumerate((8, 12, 16)):
        for place in range(3):
            here = _residual(layers, here, filters, 2 if stage and not place else 1)
    here = layers.Dense(10, activation="softmax")(layers.GlobalAveragePooling2D()(here))
    original = keras().Model(image, here)
    generator = np.random.default_rng(2)
    for variable in original.weights:
        variable.assign(generator.uniform(0.2, 0.5, variable.shape))
    path = tmp_path / f"resnet.{ending}"
    original.save(path)
    text = import_model(path).text
    assert text.partition("\nlayers:\n")[2].splitlines() == [
        "  - conv2d: {filters: 8, kernel_size: 3, padding: same, use_bias: false}",
        "  - batch_normalization",
        "  - relu",
        "  - repeat: {times: 3, layers: [{residual: {filters: 8}}]}",
        "  - residual_down: {filters: 12}",
        "  - residual: {filters: 12}",
        "  - residual: {filters: 12}",
        "  - residual_down: {filters: 16}",
        "  - residual: {filters: 16}",
        "  - residual: {filters: 16}",
        "  - global_average_pooling2d",
        "  - dense: {units: 10, activation: softmax}",
        "",
        "weights: resnet.weights.npz",
    ]
    assert_same_summary(graph_of(text), original)
    inputs = generator.normal(0, 1, (4, 16, 16, 3)).astype(np.float32)
    assert_close(rebuilt_outputs(path, tmp_path, inputs), original.predict(inputs, verbose=0))


# ----------------------------------------------------------------------------------------------------- file kinds


def _branching_model() -> Any:
    layers = keras().layers
    image, extra = keras().Input((8, 8, 3), name="image"), keras().Input((5,), name="extra")
    inner_input = keras().Input((8, 8, 3))
    inner = layers.Conv2D(4, 3, padding="same", name="inner_conv")(inner_input)
    inner = layers.BatchNormalization()(inner)
    body = keras().Model(inner_input, layers.ReLU(max_value=6.0)(inner), name="body")
    tail = keras().Sequential([keras().Input((8, 8, 4)), layers.DepthwiseConv2D(3), layers.Flatten()], name="tail")
    here = layers.Add()([body(image), layers.Conv2D(4, 1, activation="tanh")(image)])
    joined = layers.Concatenate()([tail(here), layers.Dense(6, activation="relu6")(extra)])
    first = layers.Dense(3, activation="softmax", name="first")(layers.Dropout(0.5)(joined))
    return keras().Model([image, extra], [first, layers.Dense(1, name="second")(joined)], name="Branches")


@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_nested_and_branching_models(tmp_path: Path, ending: str) -> None:
    original = _branching_model()
    generator = np.random.default_rng(1)
    for variable in original.weights:
        variable.assign(generator.uniform(0.2, 1.0, variable.shape))
    path = tmp_path / f"model.{ending}"
    original.save(path)
    inputs = {
        "image": generator.normal(0, 1, (4, 8, 8, 3)).astype(np.float32),
        "extra": generator.normal(0, 1, (4, 5)).astype(np.float32),
    }
    found = import_model(path)
    assert "\nname: branches\n" in found.text
    assert "name: inner_conv" in found.text
    ours = rebuilt_outputs(path, tmp_path, inputs)
    theirs = original.predict(inputs, verbose=0)
    assert_close(ours["first"], theirs[0])
    assert_close(ours["second"], theirs[1])


def test_a_legacy_file_of_keras_2(tmp_path: Path) -> None:
    """`groups` on a depthwise convolution and `batch_input_shape`: Keras 3 itself refuses to load this."""
    generator = np.random.default_rng(2)
    kernel = generator.normal(0, 1, (3, 3, 2, 2)).astype(np.float32)
    dense = generator.normal(0, 1, (36, 3)).astype(np.float32)
    config = functional(
        [
            layer("InputLayer", "image", batch_input_shape=[None, 8, 8, 2], dtype="float32", sparse=False),
            layer(
                "DepthwiseConv2D", "taps", "image", kernel_size=[3, 3], strides=[2, 2], groups=1, depth_multiplier=2,
                padding="valid", use_bias=False, data_format="channels_last", dilation_rate=[1, 1], activation="relu",
            ),
            layer("Flatten", "flatten", "taps", data_format="channels_last"),
            layer("Dense", "scores", "flatten", units=3, use_bias=False, activation="linear"),
        ],
        ["image"],
        ["scores"],
    )  # fmt: skip
    path = write_h5(
        tmp_path / "old.h5",
        config,
        {"taps": {"taps/depthwise_kernel:0": kernel}, "scores": {"scores/kernel:0": dense}},
    )
    inputs = generator.normal(0, 1, (4, 8, 8, 2)).astype(np.float32)
    layers = keras().layers
    hand_made = keras().Sequential(
        [
            keras().Input((8, 8, 2)),
            layers.DepthwiseConv2D(3, strides=2, depth_multiplier=2, use_bias=False, activation="relu"),
            layers.Flatten(),
            layers.Dense(3, use_bias=False),
        ]
    )
    hand_made.set_weights([kernel, dense])
    assert_close(rebuilt_outputs(path, tmp_path, inputs), hand_made.predict(inputs, verbose=0))


def test_a_sequential_without_an_input_layer(tmp_path: Path) -> None:
    kernel, bias = np.eye(3, 2, dtype=np.float32), np.ones(2, np.float32)
    first = {"class_name": "Dense", "config": {"name": "scores", "units": 2, "batch_input_shape": [None, 3]}}
    path = write_h5(
        tmp_path / "old.h5",
        {"class_name": "Sequential", "config": {"name": "net", "layers": [first]}},
        {"scores": {"scores/kernel:0": kernel, "scores/bias:0": bias}},
    )
    graph, weights = imported_graph(path, tmp_path)
    assert graph.inputs == {"scores_input": (3,)}
    np.testing.assert_array_equal(weights["scores", "kernel"], kernel)
    np.testing.assert_array_equal(weights["scores", "bias"], bias)


def test_weights_of_a_model_inside_another_of_keras_2(tmp_path: Path) -> None:
    """Keras 2 files the arrays of all inner layers under the outer one, the trainable ones first."""
    inner = functional(
        [
            layer("InputLayer", "inner_in", batch_input_shape=[None, 3]),
            layer("Dense", "a", "inner_in", units=2, use_bias=False),
            layer("BatchNormalization", "norm", "a", axis=[1]),
            layer("Dense", "b", "norm", units=2, use_bias=False),
        ],
        ["inner_in"],
        ["b"],
    )
    outer = functional(
        [
            layer("InputLayer", "x", batch_input_shape=[None, 3]),
            {**inner, "name": "inner", "config": {**inner["config"], "name": "inner"},
             "inbound_nodes": [[["x", 1, 0, {}]]]},
        ],
        ["x"],
        ["inner"],
    )  # fmt: skip
    ones = np.ones(2, np.float32)
    arrays = {
        "a/kernel:0": np.full((3, 2), 1, np.float32), "norm/gamma:0": ones * 2, "norm/beta:0": ones * 3,
        "b/kernel:0": np.full((2, 2), 4, np.float32),
        "norm/moving_mean:0": ones * 5, "norm/moving_variance:0": ones * 6,
    }  # fmt: skip
    _, weights = imported_graph(write_h5(tmp_path / "old.h5", outer, {"inner": arrays}), tmp_path)
    found = {key: float(array.flat[0]) for key, array in weights.items()}
    norm = "batch_normalization" if ("batch_normalization", "gamma") in found else "norm"
    assert found == {
        ("a", "kernel"): 1, (norm, "gamma"): 2, (norm, "beta"): 3, ("b", "kernel"): 4,
        (norm, "moving_mean"): 5, (norm, "moving_variance"): 6,
    }  # fmt: skip


# ------------------------------------------------------------------------------------------------------ refusals


def refusal(path: Path) -> str:
    with pytest.raises(SpecError) as caught:
        import_model(path)
    [diagnostic] = caught.value.diagnostics
    assert diagnostic.span.path == str(path)
    return f"{diagnostic.message} [{diagnostic.rule}]"


def _with_layer(tmp_path: Path, middle: dict[str, Any]) -> Path:
    config = functional(
        [layer("InputLayer", "x", batch_input_shape=[None, 4]), middle, layer("Flatten", "out", middle["name"])],
        ["x"],
        ["out"],
    )
    return write_h5(tmp_path / "model.h5", config, {})


@pytest.mark.parametrize(
    ("middle", "expected"),
    [
        (layer("Lambda", "trick", "x", function=["4wEAAAA", None, None]), "layer 'trick' (Lambda) holds code"),
        (
            layer("TFOpLambda", "tf.math.add", "x", function="math.add"),
            "layer 'tf.math.add' (TFOpLambda) has one operand",
        ),
        (layer("TFOpLambda", "odd", "x", function="math.pow"), "layer 'odd' (TFOpLambda) is the operation 'math.pow'"),
        (layer("Attention2", "mine", "x"), "layer 'mine' (Attention2) is a layer that netspec does not have"),
        (
            {**layer("Dense", "mine", "x", units=2), "registered_name": "my_package>Dense", "module": None},
            "layer 'mine' (Dense) is a custom layer",
        ),
        (
            {**layer("Dense", "mine", "x", units=2), "registered_name": None, "module": "os.path"},
            "layer 'mine' (Dense) is a custom layer",
        ),
        (
            layer("Dense", "d", "x", units=2, activation={"class_name": "function", "config": "evil"}),
            "layer 'd' (Dense) has the activation 'evil', which is code or a custom function",
        ),
        (layer("Dense", "d", "x", units=-2), "layer 'd' (Dense) cannot be written as dense: units"),
        (layer("Dense", "d", "x", units=2, secret=7), "layer 'd' (Dense) has secret '7', for which a spec has no key"),
        (
            {**layer("Dense", "d", "x", units=2), "inbound_nodes": [[["x", 0, 0, {}]], [["x", 0, 0, {}]]]},
            "layer 'd' is called 2 times",
        ),
    ],
)
def test_what_netspec_cannot_take_is_refused_by_name(tmp_path: Path, middle: dict[str, Any], expected: str) -> None:
    message = refusal(_with_layer(tmp_path, middle))
    assert message.startswith(expected)
    assert message.endswith("[unsupported-model]")


def test_a_lambda_in_a_keras_file_is_never_executed(tmp_path: Path) -> None:
    """The function would leave a file behind if anything unpickled or called it."""
    model = keras().Sequential([keras().Input((4,)), keras().layers.Lambda(lambda x: x * 2, name="doubled")])
    path = tmp_path / "model.keras"
    model.save(path)
    assert "layer 'doubled' (Lambda) holds code" in refusal(path)


def test_channels_first_is_refused(tmp_path: Path) -> None:
    config = functional(
        [
            layer("InputLayer", "x", batch_input_shape=[None, 3, 8, 8]),
            layer("Conv2D", "c", "x", filters=2, kernel_size=[3, 3], data_format="channels_first"),
        ],
        ["x"],
        ["c"],
    )
    assert "has data_format 'channels_first'" in refusal(write_h5(tmp_path / "model.h5", config, {}))


def test_open_sizes_are_refused(tmp_path: Path) -> None:
    config = functional([layer("InputLayer", "x", batch_input_shape=[None, None, 3])], ["x"], ["x"])
    assert "a spec's shapes are fixed" in refusal(write_h5(tmp_path / "model.h5", config, {}))


def test_weights_of_other_shapes_are_refused(tmp_path: Path) -> None:
    config = functional(
        [layer("InputLayer", "x", batch_input_shape=[None, 3]), layer("Dense", "d", "x", units=2, use_bias=False)],
        ["x"],
        ["d"],
    )
    path = write_h5(tmp_path / "model.h5", config, {"d": {"d/kernel:0": np.zeros((3, 5), np.float32)}})
    assert "has arrays of (3, 5), its config asks for (3, 2) [malformed-model]" in refusal(path)


# ----------------------------------------------------------------------------------------------------- round trips


def same_net(one: Graph, two: Graph) -> None:
    def layers(graph: Graph) -> dict[str, Any]:  # by name: of parallel branches Keras forgets which was written first
        return {
            each.name: (each.type, each.layer.keras(each.input_shapes), each.inputs, each.output_shape, each.weights)
            for each in graph.layers
        }

    assert one.name == two.name
    assert one.inputs == two.inputs
    assert layers(one) == layers(two)
    assert one.outputs == two.outputs


def _specs() -> list[str]:
    folder = Path(__file__).resolve().parents[2] / "specs"
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.yaml"))


@pytest.mark.parametrize("name", _specs())
def test_a_model_built_from_a_spec_gives_that_spec_back(tmp_path: Path, repository: Path, name: str) -> None:
    from netspec.train.model import build_model
    from netspec.train.weights import save_model, set_weights

    graph = check(load(repository / "specs" / name)).graph
    weights = random_weights(graph, np.random.default_rng(0))
    model = build_model(graph)
    set_weights(model, weights)
    save_model(model, tmp_path / "model.keras")
    found, imported = imported_graph(tmp_path / "model.keras", tmp_path)
    same_net(graph, found)
    assert imported.keys() == weights.keys()
    for key, array in weights.items():
        np.testing.assert_array_equal(imported[key], array)


def test_a_padded_convolution_comes_back_as_one_layer(tmp_path: Path) -> None:
    from netspec.spec.source import parse
    from netspec.train.model import build_model
    from netspec.train.weights import save_model

    text = (
        "netspec: 1\nname: padded\ninputs: {x: {shape: [9, 9, 2]}}\nlayers:\n"
        "  - conv2d: {name: c, filters: 3, kernel_size: 3, padding: [[0, 1], [2, 1]]}\n"
        "  - repeat: {times: 4, layers: [{conv2d: {filters: 3, kernel_size: 1}}, relu]}\n"
        "  - depthwise_conv2d: {kernel_size: 3, padding: 1}\n"
    )
    graph = check(parse(text, "spec.yaml")).graph
    save_model(build_model(graph), tmp_path / "model.keras")
    found = import_model(tmp_path / "model.keras")
    same_net(graph, graph_of(found.text))
    assert "zero_padding" not in found.text
    assert "- repeat:" in found.text


# --------------------------------------------------------------------------------------------------- hostile files


def test_a_zip_bomb_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", b" " * (64 * 1024**2))
        archive.writestr("model.weights.h5", b"")
    assert path.stat().st_size < 200_000
    assert "config.json unpacks to more than" in refusal(path)


def test_declared_terabytes_are_never_allocated(tmp_path: Path) -> None:
    import h5py

    config = functional(
        [layer("InputLayer", "x", batch_input_shape=[None, 3]), layer("Dense", "d", "x", units=2, use_bias=False)],
        ["x"],
        ["d"],
    )
    path = write_h5(tmp_path / "model.h5", config, {"d": {}})
    with h5py.File(path, "a") as file:
        group = file["model_weights/d"]
        group.attrs["weight_names"] = [b"d/kernel:0"]
        group.create_dataset("d/kernel:0", (1 << 20, 1 << 20), np.float32, chunks=(64, 64))
    assert "has arrays of (1048576, 1048576)" in refusal(path)


@pytest.mark.parametrize("link", ["soft", "external", "dataset"])
def test_links_out_of_the_file_are_not_followed(tmp_path: Path, link: str) -> None:
    import h5py

    config = functional(
        [layer("InputLayer", "x", batch_input_shape=[None, 3]), layer("Dense", "d", "x", units=2, use_bias=False)],
        ["x"],
        ["d"],
    )
    other = tmp_path / "other.h5"
    with h5py.File(other, "w") as file:
        file["secret"] = np.ones((3, 2), np.float32)
    (tmp_path / "raw").write_bytes(bytes(24))
    path = write_h5(tmp_path / "model.h5", config, {"d": {}})
    with h5py.File(path, "a") as file:
        group = file["model_weights/d"]
        group.attrs["weight_names"] = [b"d/kernel:0"]
        inner = group.create_group("d")
        if link == "soft":
            file["kept"] = np.ones((3, 2), np.float32)
            inner["kernel:0"] = h5py.SoftLink("/kept")
        elif link == "external":
            inner["kernel:0"] = h5py.ExternalLink(str(other), "/secret")
        else:
            inner.create_dataset("kernel:0", (3, 2), np.float32, external=[(str(tmp_path / "raw"), 0, 24)])
    assert "is no plain array" in refusal(path)


@pytest.mark.parametrize("content", [b"", b"PK", b"PK\x03\x04rubbish", b"\x89HDF\r\n\x1a\nrubbish", b"hello world"])
def test_files_that_are_no_models(tmp_path: Path, content: bytes) -> None:
    for name in ("model.keras", "model.h5", "model.tflite", "model.bin"):
        path = tmp_path / name
        path.write_bytes(content)
        refusal(path)


def test_json_that_is_no_model(tmp_path: Path) -> None:
    for index, config in enumerate(["[]", "{}", "7", "[" * 100_000, '{"class_name": "Functional", "config": []}']):
        path = tmp_path / f"model{index}.keras"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("config.json", config)
            archive.writestr("model.weights.h5", _empty_h5(tmp_path))
        refusal(path)
    assert json.loads("{}") == {}


def _empty_h5(tmp_path: Path) -> bytes:
    import h5py

    path = tmp_path / "empty.h5"
    with h5py.File(path, "w"):
        pass
    return path.read_bytes()
