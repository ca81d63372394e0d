"""What a wrong name was meant to be: no other operation is taken for a slip, and what is typed comes through whole."""

from __future__ import annotations

import inspect
from collections.abc import Iterable

import pytest

from netspec.check import check
from netspec.diagnostics import Diagnostic, SpecError, letters
from netspec.fixes import mend
from netspec.layers._types import CONSTRAINTS, INITIALIZERS, REGULARIZERS
from netspec.layers.registry import LAYER_TYPES
from netspec.names import keras as keras_names
from netspec.names.elsewhere import BY_KIND
from netspec.names.meant import guess, is_slip
from netspec.names.other_names import ADVICE, ALIASES
from netspec.spec.source import parse

NET = "netspec: 1\nname: net\ninputs: {x: {shape: [8, 8, 3]}}\nlayers:\n"


def findings(data: bytes | str) -> list[Diagnostic]:
    try:
        return list(check(parse(data, "net.yaml")).warnings)
    except SpecError as error:
        return list(error.diagnostics)


def mended(text: str) -> str:
    return mend(text.encode(), "net.yaml", findings).data.decode()


@pytest.mark.parametrize(
    "layer",
    ["relu6", "ReLU6", "min_pooling2d", "MinPool2D", "log_softmax", "LogSoftmax", "instance_normalization",
     "InstanceNorm2d", "GroupNormalization", "dropout2d", "Dropout2d", "spatial_dropout3d", "alpha_dropout", "celu",
     "hardtanh", "softmin", "softsign", "log_sigmoid", "thresholded_relu", "unflatten", "embedding_bag", "lstm_cell",
     "conv3d_transpose", "resizing", "rms_norm", "adaptive_avg_pool2d", "mish", "global_min_pooling2d", "nadam"],
)  # fmt: skip
def test_another_operation_is_not_mended_to_one_of_ours(layer: str) -> None:
    text = f"{NET}  - {layer}\n  - flatten\n  - dense: {{units: 2}}\n"
    assert mended(text) == text
    (fault,) = [each for each in findings(text) if each.rule == "unknown-layer"]
    assert fault.message == f"unknown layer type '{layer}'"
    assert not (fault.help or "").startswith("did you mean")


@pytest.mark.parametrize(
    ("wrong", "right"),
    [("Dens", "dense"), ("denes", "dense"), ("flaten", "flatten"), ("Flatten", "flatten"), ("ReLU", "relu"),
     ("conv_2d", "conv2d"), ("softmxa", "softmax"), ("BatchNorm2d", "batch_normalization"), ("concat", "concatenate")],
)  # fmt: skip
def test_a_slip_is_mended(wrong: str, right: str) -> None:
    assert guess("layer", wrong, LAYER_TYPES, "").certain == right


@pytest.mark.parametrize(
    ("wrong", "near"),
    [("conv4d", "conv2d"), ("dense2", "dense"), ("gelu6", "gelu"), ("zelu", "selu")],
)
def test_a_digit_or_a_first_letter_is_no_slip(wrong: str, near: str) -> None:
    assert not is_slip(wrong, near)


@pytest.mark.parametrize(
    ("section", "key"),
    [("train", "validation_steps: 5"), ("train", "validation_data: v.npz"), ("train", "shuffle: true"),
     ("train", "validation_freq: 2"), ("train", "loss_weights: 1"), ("train", "batch: 3"),
     ("layer", "gamma_initializer: ones"), ("layer", "keep_prob: 0.5"), ("layer", "output_padding: 1"),
     ("layer", "padding_mode: reflect"), ("layer", "depth_multiplier: 2"), ("layer", "dim: 1"),
     ("quantize", "dtype: int8"), ("target", "sram: 4KiB")],
)  # fmt: skip
def test_a_key_of_something_else_is_not_mended(section: str, key: str) -> None:
    layer = f", {key}" if section == "layer" else ""
    sections = {"train": "data: {npz: d.npz}, loss: mse", "quantize": "scheme: int8", "target": "core: cortex-m4"}
    text = f"{NET}  - conv2d: {{filters: 2, kernel_size: 3{layer}}}\n"
    if section in sections:
        text += f"{section}: {{{sections[section]}, {key}}}\n"
    assert mended(text) == text
    assert any(each.rule == "unknown-key" for each in findings(text))


@pytest.mark.parametrize(
    ("key", "value"),
    [("loss", "rmse"), ("loss", "smape"), ("loss", "rmsle"), ("loss", "focal"), ("loss", "l1"), ("metrics", "[smape]"),
     ("metrics", "[balanced_accuracy]"), ("metrics", "[median_absolute_error]"), ("metrics", "[f2_score]"),
     ("optimizer", "radam"), ("optimizer", "adamp"), ("optimizer", "sgdw"), ("optimizer", "rprop")],
)  # fmt: skip
def test_a_name_of_something_else_is_not_presented_as_a_slip(key: str, value: str) -> None:
    keys = {"data": "{npz: d.npz}", "loss": "mse"} | {key: value}
    text = f"{NET}  - flatten\n  - dense: {{units: 1}}\ntrain:\n" + "".join(f"  {k}: {v}\n" for k, v in keys.items())
    assert mended(text) == text
    (fault,) = [each for each in findings(text) if each.severity == "error"]
    assert not (fault.help or "").startswith("did you mean")


def test_relu6_has_its_form_in_the_help() -> None:
    assert guess("layer", "ReLU6", LAYER_TYPES, "").help == "write `relu: {max_value: 6}`"


OURS: dict[str, Iterable[str]] = {
    "layer": LAYER_TYPES,
    "loss": keras_names.LOSSES,
    "metric": keras_names.METRICS,
    "optimizer": keras_names.OPTIMIZERS,
    "initializer": INITIALIZERS,
    "regularizer": REGULARIZERS,
    "constraint": CONSTRAINTS,
}


@pytest.mark.parametrize("kind", OURS)
def test_nothing_of_the_tables_is_certain_but_aliases(kind: str) -> None:
    ours = {letters(name) for name in OURS[kind]}
    for name in BY_KIND[kind] - ours - set(ALIASES.get(kind, {})):
        found = guess(kind, name, OURS[kind], "otherwise")
        assert found.certain is None, name
        assert not found.help.startswith("did you mean"), name


@pytest.mark.parametrize("kind", [*BY_KIND, *ADVICE, *ALIASES])
def test_names_of_the_tables_are_letters(kind: str) -> None:
    for name in (*BY_KIND.get(kind, ()), *ADVICE.get(kind, ()), *ALIASES.get(kind, ())):
        assert name == letters(name)


def test_the_tables_know_all_of_keras() -> None:
    keras = pytest.importorskip("keras")
    skipped = {"get", "Input", "serialize", "deserialize", "Layer", "InputSpec", "Loss", "Metric", "Optimizer",
               "Initializer", "Regularizer", "Constraint", "MeanMetricWrapper", "OptimizerMap"}  # fmt: skip
    modules = {"layer": "layers", **{kind: f"{kind}s" for kind in OURS if kind not in ("layer", "loss")}}
    modules |= {"loss": "losses", "activation": "activations"}
    ours = OURS | {"activation": [*LAYER_TYPES, "linear", "relu6"]}
    for kind, module in modules.items():
        known = {letters(name) for name in ours[kind]} | BY_KIND[kind] | set(ALIASES.get(kind, ()))
        named = {name for name, each in vars(getattr(keras, module)).items() if callable(each) and name[0] != "_"}
        assert {letters(name) for name in named - skipped} - known == set(), kind
    keys = BY_KIND["layer key"] | {letters(name) for name in ("kernel", "bias", "self", "kwargs", "name")}
    for layer in ("Dense", "Conv2D", "SeparableConv2D", "Conv2DTranspose", "LSTM", "BatchNormalization", "Dropout",
                  "LayerNormalization", "Embedding", "ReLU", "LeakyReLU", "PReLU", "MaxPooling2D"):  # fmt: skip
        assert {letters(key) for key in inspect.signature(getattr(keras.layers, layer)).parameters} - keys == set()
    train = BY_KIND["train key"] | {letters(key) for key in ("epochs", "batch_size", "validation_split", "self", "loss",
                                                            "optimizer", "metrics")}  # fmt: skip
    for method in (keras.Model.fit, keras.Model.compile):
        assert {letters(key) for key in inspect.signature(method).parameters} - train == set()


def test_the_tables_know_the_operators_of_tensorflow_lite() -> None:
    schema = pytest.importorskip("tensorflow.lite.python.schema_py_generated")
    names = {letters(name) for name in vars(schema.BuiltinOperator) if name.isupper()}
    unknown = names - {letters(name) for name in LAYER_TYPES} - set(ALIASES["layer"])
    assert len(unknown) > 100
    guesses = {name: guess("layer", name, LAYER_TYPES, "").help for name in unknown}
    assert {name for name, help in guesses.items() if help.startswith("did you mean")} <= {"conv3d", "maxpool2d"}


HOSTILE = "mse; KEY `q` {layer} must be 'x' did you mean"
QUOTED = '"' + HOSTILE + '"'
PLACES = {
    "layer": ("- dense:", f"- {QUOTED}:"),
    "layer_key": ("units: 4", f"units: 4, {QUOTED}: 3"),
    "count": ("units: 4", f"units: {QUOTED}"),
    "sizes": ("kernel_size: 3", f"kernel_size: {QUOTED}"),
    "padding": ("padding: same", f"padding: {QUOTED}"),
    "activation": ("activation: relu", f"activation: {QUOTED}"),
    "initializer": ("he_normal", QUOTED),
    "initializer_argument": ("he_normal", f"{{he_normal: {{{QUOTED}: 1}}}}"),
    "regularizer": ("l2:", f"{QUOTED}:"),
    "truth": ("use_bias: true", f"use_bias: {QUOTED}"),
    "number": ("rate: 0.5", f"rate: {QUOTED}"),
    "from": ("from: x", f"from: {QUOTED}"),
    "from_list": ("from: x", f"from: [{QUOTED}]"),
    "name": ("name: net", f"name: {QUOTED}"),
    "input": ("x: {shape", f"{QUOTED}: {{shape"),
    "dtype": ("shape: [8, 8, 3]", f"shape: [8, 8, 3], dtype: {QUOTED}"),
    "loader": ("npz:", f"{QUOTED}:"),
    "loss": ("loss: mse", f"loss: {QUOTED}"),
    "metric": ("[mae]", f"[{QUOTED}]"),
    "optimizer": ("optimizer: adam", f"optimizer: {QUOTED}"),
    "optimizer_argument": ("optimizer: adam", f"optimizer: {{adam: {{{QUOTED}: 1}}}}"),
    "monitor": ("val_loss", QUOTED),
    "mode": ("mode: min", f"mode: {QUOTED}"),
    "train_key": ("epochs: 2", f"{QUOTED}: 2"),
    "method": ("method: minmax", f"method: {QUOTED}"),
    "core": ("cortex-m4", QUOTED),
    "budget": ("64KiB", QUOTED),
    "region": ("name: dtcm", f"name: {QUOTED}"),
    "holds": ("holds: [arena]", f"holds: [{QUOTED}]"),
    "output": ("outputs: [out]", f"outputs: [{QUOTED}]"),
    "top_key": ("quantize:", f"{QUOTED}: 1\nquantize:"),
}
WHOLE = """\
netspec: 1
name: net
inputs: {x: {shape: [8, 8, 3]}}
layers:
  - conv2d: {from: x, filters: 4, kernel_size: 3, padding: same, activation: relu, kernel_initializer: he_normal}
  - flatten
  - dropout: {rate: 0.5}
  - dense: {name: out, units: 4, use_bias: true, kernel_regularizer: {l2: 0.1}}
outputs: [out]
train:
  data: {npz: d.npz}
  loss: mse
  optimizer: adam
  metrics: [mae]
  epochs: 2
  early_stopping: {monitor: val_loss, mode: min}
quantize: {calibration: {method: minmax}}
target:
  core: cortex-m4
  memory: [{name: dtcm, size: 32KiB, holds: [arena]}]
  budget: {ram: 64KiB}
"""


@pytest.mark.parametrize("place", PLACES)
def test_what_a_user_types_comes_through_whole(place: str) -> None:
    before, after = PLACES[place]
    assert WHOLE.count(before) == 1
    found = [each for each in findings(WHOLE.replace(before, after)) if each.severity == "error"]
    assert len(found) == 1 + (place == "input"), found
    assert HOSTILE in found[0].message.replace('"', "").replace("\\'", "'"), found[0].message
    assert "KEY" not in (found[0].help or "")
    assert found[0].help


def test_the_whole_spec_is_sound() -> None:
    assert [each for each in findings(WHOLE) if each.severity == "error"] == []
