"""The sections of a spec: what they accept, what they become, and where their parts stand."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
import yaml

from netspec.diagnostics import MAX_FAULTS, Diagnostic, SpecError
from netspec.layers._types import CONSTRAINTS, INITIALIZERS, REGULARIZERS, _parse_named, keras_config
from netspec.spec.source import parse
from netspec.spec.spec import Spec, read

BASE: dict[str, Any] = {
    "netspec": 1,
    "name": "net",
    "inputs": {"x": {"shape": [16]}},
    "layers": [{"dense": {"units": 4}}],
}
TRAIN = {"data": {"npz": "d.npz"}, "loss": "mse"}


def spec(**sections: Any) -> Spec:
    return read(parse(yaml.safe_dump(BASE | sections, sort_keys=False), "net.yaml"))


def faults(**sections: Any) -> tuple[Diagnostic, ...]:
    with pytest.raises(SpecError) as caught:
        spec(**sections)
    return caught.value.diagnostics


def test_defaults_are_those_of_the_language_page() -> None:
    bare = spec()
    assert (bare.description, bare.outputs, bare.train, bare.target, bare.weights) == ("", (), None, None, None)
    assert bare.inputs["x"].dtype == "float32"
    assert (bare.quantize.scheme, bare.quantize.calibration.samples, bare.quantize.calibration.method) == (
        "int8",
        256,
        None,
    )
    assert bare.core == "cortex-m4"


def test_defaults_of_training_are_those_of_keras() -> None:
    train = spec(train=TRAIN).train
    assert train is not None
    assert (train.optimizer, train.metrics, train.epochs, train.batch_size) == (("adam", {}), [], 1, 32)
    assert (train.validation_split, train.early_stopping, train.seed) == (0.0, None, 0)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        (0, 0), (4096, 4096), ("4096", 4096), ("128KiB", 131072), ("128 KiB", 131072), ("2MiB", 2097152),
        ("500k", 500_000), ("3M", 3_000_000), ("1.5k", 1500), ("0.5KiB", 512), ("1.25M", 1_250_000),
        (4e3, 4000), ("1e6", 1_000_000), ("1.5e3", 1500),
    ],
)  # fmt: skip
def test_a_size(written: int | str, value: int) -> None:
    target = spec(target={"budget": {"ram": written}}).target
    assert target is not None
    assert target.budget.ram == value


@pytest.mark.parametrize(
    "written",
    [-1, 0.5, True, "", "k", "8KB", "8kB", 1.5, 1e-3, "8K", "-8KiB", "1.0001k", "9" * 400, "1." + "0" * 400, [8]],
)
def test_no_size(written: object) -> None:
    (fault,) = faults(target={"budget": {"ram": written}})
    assert fault.rule == "invalid-value"
    assert fault.path == "target.budget.ram"


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("adam", ("adam", {})),
        ({"adam": None}, ("adam", {})),
        ({"sgd": {"learning_rate": 0.1, "nesterov": True}}, ("sgd", {"learning_rate": 0.1, "nesterov": True})),
    ],
)
def test_an_optimizer(written: object, value: object) -> None:
    train = spec(train=TRAIN | {"optimizer": written}).train
    assert train is not None
    assert train.optimizer == value


@pytest.mark.parametrize(
    "written",
    [
        "adm", None, 3, ["adam"], {"adam": {}, "sgd": {}}, {}, {"adam": 0.1}, {"adam": {"lr": 0.1}},
        {"adam": {"learning_rate": 0}}, {"adam": {"learning_rate": None}}, {"adam": {"learning_rate": True}},
        {"adam": {"beta_1": [0.9]}}, {"adam": {"beta_1": "high"}}, {"adam": {"learning_rate": {"class_name": "x"}}},
    ],
)  # fmt: skip
def test_no_optimizer(written: object) -> None:
    (fault,) = faults(train=TRAIN | {"optimizer": written})
    assert (fault.rule, fault.path.startswith("train.optimizer")) == ("invalid-value", True)


@pytest.mark.parametrize("name", ["net", "a", "net_2", "n0"])
def test_a_name(name: str) -> None:
    assert spec(name=name).name == name


@pytest.mark.parametrize("name", ["", "Net", "2net", "my-net", "int", "class", "main", "größe", "_x", 7, None, ["a"]])
def test_no_name(name: object) -> None:
    assert {fault.path for fault in faults(name=name)} == {"name"}


def test_a_version_that_is_not_known_is_the_only_fault() -> None:
    (fault,) = faults(netspec=2, name="NOT A NAME", layers=[7])
    assert fault.rule == "language-version"


def test_spans_lead_to_keys_values_and_items() -> None:
    text = "netspec: 1\nname: net\ninputs: {x: {shape: [16]}}\nlayers:\n  - dense: {name: a, units: 4}\noutputs: [a]\n"
    read_back = read(parse(text, "net.yaml"))
    lines = text.splitlines()

    def cut(span: Any) -> str:
        assert span.line == span.end_line
        return lines[span.line - 1][span.column - 1 : span.end_column - 1]

    assert cut(read_back.span("inputs", "x", "shape")) == "[16]"
    assert cut(read_back.span("inputs", "x", "shape", 0)) == "16"
    assert cut(read_back.key_span("inputs", "x")) == "x"
    assert cut(read_back.entry_span("inputs", "x", "shape")) == "shape: [16]"
    assert cut(read_back.span("outputs", 0)) == "a"
    assert cut(read_back.key_span("outputs", 0)) == "a"
    assert cut(read_back.span("inputs", "nowhere", "else")) == "{x: {shape: [16]}}"
    assert cut(read_back.span("outputs", 9)) == "[a]"


def test_a_value_behind_an_alias_is_told_at_its_key() -> None:
    text = "netspec: 1\nname: net\nvars: {n: &n 0}\ninputs: {x: {shape: [4]}}\nlayers:\n  - dense: {units: *n}\n"
    with pytest.raises(SpecError) as caught:
        read(parse(text, "net.yaml"))
    (fault,) = caught.value.diagnostics
    assert (fault.span.line, fault.span.column) == (6, 13)


def test_not_more_faults_are_told_than_anybody_reads() -> None:
    assert len(faults(layers=[{"dense": {"unit": 4}}] * 500)) <= MAX_FAULTS + 10
    assert len(faults(layers=["dence"] * 500)) <= MAX_FAULTS + 10
    assert len(faults(inputs={f"x{i}": {"shape": [0]} for i in range(500)})) <= 4 * MAX_FAULTS


def test_initializers_regularizers_and_constraints_are_those_of_keras() -> None:
    keras = pytest.importorskip("keras")
    homes = ((INITIALIZERS, keras.initializers), (REGULARIZERS, keras.regularizers), (CONSTRAINTS, keras.constraints))
    for table, home in homes:
        for name, (class_name, *arguments) in table.items():
            found = inspect.signature(getattr(home, class_name)).parameters
            assert set(arguments) <= set(found), name
            parsed = _parse_named(name, table, "name")
            assert type(home.get(keras_config(parsed))) is getattr(home, class_name)
