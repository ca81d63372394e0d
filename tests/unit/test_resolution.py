"""Warnings of a build: int8 far below float, inputs far from 0, channels of unlike ranges in one scale."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from netspec.device.plan import plan_device
from netspec.graph import build_graph
from netspec.quantize.quantize import quantize, weight_lookup
from netspec.quantize.ranges import evaluate, find_ranges
from netspec.quantize.scales import choose_scales
from netspec.spec.source import parse
from netspec.spec.spec import read
from netspec.train.data import Dataset, Split
from netspec.verify import scores
from netspec.verify.html import report_html
from netspec.verify.report import Accuracy, BuildWarning, Report, ValueScore
from netspec.verify.resolution import build_warnings
from netspec.verify.scores import Scored, score_split
from tests.builds import random_weights
from tests.test_build import run as netspec

CASES = Path(__file__).resolve().parents[3] / "shared" / "cases"
CLASSES: list[Any] = [{"dense": {"name": "h", "units": 8, "activation": "relu"}}, {"dense": {"name": "y", "units": 3}}]
SPARSE = "sparse_categorical_crossentropy"
Weights = dict[tuple[str, str], Any]


def judged(layers: list[Any], x: Any, loss: str, weights: Weights | None = None) -> tuple[Scored, list[BuildWarning]]:
    """Score a network on samples whose labels are its own answers in float."""
    document = {
        "netspec": 1,
        "name": "net",
        "inputs": {"x": {"shape": list(x.shape[1:])}},
        "layers": layers,
        "train": {"data": {"npz": "data.npz"}, "loss": loss},
    }
    graph = build_graph(read(parse(yaml.safe_dump(document, sort_keys=False), "net.yaml")))
    arrays = random_weights(graph, np.random.default_rng(0)) | (weights or {})
    plan, lookup, samples = plan_device(graph), weight_lookup(arrays), {"x": x.astype(np.float32)}
    model = quantize(plan, lookup, choose_scales(plan.graph, find_ranges(plan.graph, lookup, samples)))
    floats = evaluate(plan.graph, lookup, samples)
    answers = {each.name: floats[each.tensor].reshape(len(x), *each.shape) for each in plan.graph.outputs}
    if loss == SPARSE:
        answers = {name: values.argmax(axis=-1).astype(np.int32) for name, values in answers.items()}
    split = Split(samples, answers)  # type: ignore[arg-type]
    found = score_split(graph, model, arrays, Dataset(split, None, split, ""), "test")
    assert found is not None
    return found, list(build_warnings(graph, model, found))


def normal(*shape: int) -> Any:
    return np.random.default_rng(1).normal(size=shape)


def test_a_sound_network_has_no_warning() -> None:
    scored, found = judged(CLASSES, normal(200, 4), SPARSE)
    assert not found
    assert scored.accuracy.int8_value > 0.9


def test_an_input_far_from_zero_is_named_with_the_rescaling_that_helps() -> None:
    kernel = normal(4, 8)
    weights: Weights = {("h", "kernel"): kernel, ("h", "bias"): -1000 * kernel.sum(axis=0)}
    _, (collapse, input_) = judged(CLASSES, 1000 + normal(200, 4), SPARSE, weights)
    assert collapse.rule == "int8-far-below-float"
    assert collapse.help is None
    assert input_.rule == "few-steps"
    assert input_.message.startswith("input 'x' uses 3 of the 256 steps of int8: its values go from 99")
    keys = yaml.safe_load((input_.help or "").split("- rescaling: ")[1].removesuffix("`"))
    assert abs((1000 + normal(200, 4)) * keys["scale"] + keys["offset"]).max() < 1.05
    _, after = judged([{"rescaling": keys}, *CLASSES], 1000 + normal(200, 4), SPARSE)
    assert not after


def test_an_input_far_from_zero_is_named_though_int8_answers_as_float() -> None:
    x = np.where(normal(200, 1) > 0, 1004, 996)
    weights: Weights = {("y", "kernel"): np.array([[1.0, -1.0]], np.float32), ("y", "bias"): np.float32([-1000, 1000])}
    _, (found,) = judged([{"dense": {"name": "y", "units": 2}}], x, SPARSE, weights)
    assert found.rule == "few-steps"


def test_a_column_in_the_scale_of_another_is_named_with_the_normalization_that_helps() -> None:
    x = normal(300, 2) * [300, 1] + [20000, 1]
    weights: Weights = {("h", "kernel"): np.tile([[0.0], [1.0]], (1, 8)) * normal(1, 8)}
    _, found = judged(CLASSES, x, SPARSE, weights)
    collapse, column = found
    assert (collapse.rule, column.rule) == ("int8-far-below-float", "unlike-ranges")
    assert "column 1 of input 'x' uses 1 of the 256 steps" in column.message
    keys = yaml.safe_load((column.help or "").split("- normalization: ")[1].removesuffix("`"))
    np.testing.assert_allclose(keys["mean"], x.mean(axis=0), atol=5)
    np.testing.assert_allclose(keys["variance"], x.var(axis=0), rtol=0.01)
    _, after = judged([{"normalization": keys}, *CLASSES], x, SPARSE, weights)
    assert not after


def test_a_value_in_the_scale_of_another_is_named_and_scored_alone() -> None:
    weights: Weights = {("y", "kernel"): normal(4, 2) * [0.001, 100], ("y", "bias"): np.zeros(2)}
    scored, found = judged([{"dense": {"name": "y", "units": 2}}], normal(200, 4), "mse", weights)
    small, large = scored.accuracy.values
    assert (small.label, large.label) == ("y[0]", "y[1]")
    assert small.int8_value == pytest.approx((small.deviation or 0) ** 2, rel=0.05)
    assert scored.accuracy.int8_value == pytest.approx((small.int8_value + large.int8_value) / 2)
    collapse, value = found
    assert "mean squared error of y[0]" in collapse.message
    assert "value 0 of output 'y' uses 1 of the 256 steps" in value.message
    assert "`- dense: {name: y_0, units: 1, from: x}`" in (value.help or "")
    assert "`outputs: [y_0, y_1]`" in (value.help or "")


def test_a_tensor_inside_is_named_where_no_input_or_output_is_to_blame() -> None:
    kernel = normal(4, 8) * np.array([1000] + [0.01] * 7)
    weights: Weights = {("h", "kernel"): kernel, ("h", "bias"): np.zeros(8)}
    weights["y", "kernel"] = normal(8, 3) * np.array([[0.0]] + [[100.0]] * 7)
    _, found = judged(CLASSES, normal(300, 4), SPARSE, weights)
    assert [each.rule for each in found] == ["int8-far-below-float", "unlike-ranges"]
    assert found[1].message.startswith("7 of 8 channels of tensor 'h' (layer h) use at most 16 of the 256 steps")


def test_a_column_that_never_varies_is_not_to_blame() -> None:
    x = normal(200, 3) * [1, 1, 0] + [0, 0, 5]
    assert not judged(CLASSES, x, SPARSE)[1]


def test_scores_of_batches_are_those_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, _ = judged([{"dense": {"name": "y", "units": 3}}], normal(100, 4), "mse")
    monkeypatch.setattr(scores, "_BATCH_BYTES", 1000)
    found, _ = judged([{"dense": {"name": "y", "units": 3}}], normal(100, 4), "mse")
    for one, other in zip(found.accuracy.values, whole.accuracy.values, strict=True):
        assert one.float_value == pytest.approx(other.float_value, abs=1e-12)
        assert one.int8_value == pytest.approx(other.int8_value)
        assert one.deviation == pytest.approx(other.deviation)
    for name, spread in whole.spreads.items():
        np.testing.assert_allclose(found.spreads[name].low, spread.low, rtol=1e-6)
        np.testing.assert_array_equal(found.spreads[name].steps, spread.steps)


def _report() -> Report:
    metric = "mean squared error"
    values = tuple(ValueScore("out", i, metric, 0.5, 0.5 + i, 1.0) for i in range(10))
    warning = BuildWarning("few-steps", "input 'x' uses 3 of the 256 steps of int8", "`- rescaling: {scale: <1>}`")
    return Report("net", accuracy=(Accuracy(metric, "test", 9, 0.5, 5.0, values),), warnings=(warning,))


def test_warnings_and_values_are_in_the_text_the_json_and_the_page() -> None:
    report = _report()
    text = report.to_text()
    assert "warning: input 'x' uses 3 of the 256 steps of int8 [few-steps]\n   = help: `- rescaling" in text
    assert text.index("    out[9]  float 0.5, int8 9.5") < text.index("    out[8]  float 0.5, int8 8.5")
    assert "    and 7 more that int8 changes less, all in verify.json" in text
    data = json.loads(report.to_json())
    assert [warning["rule"] for warning in data["warnings"]] == ["few-steps"]
    assert [value["index"] for value in data["accuracy"][0]["values"]] == list(range(10))
    page = report_html(report)
    assert "input &#39;x&#39; uses 3" in page
    assert "{scale: &lt;1&gt;}" in page
    assert "out[9]: mean squared error" in page
    assert report.agrees


@pytest.mark.slow
@pytest.mark.parametrize(
    ("case", "bad", "good", "expected"),
    [
        ("02-large-offset", "net", "rescaled", "input 'p' uses 2 of the 256 steps"),
        ("21-unlike-outputs", "one", "two", "value 0 of output 'both' uses 1 of the 256 steps"),
        ("01-unlike-columns", "batch_norm", "per_column", "column 1 of input 'x' uses 1 of the 256 steps"),
    ],
)
def test_a_shared_case_is_warned_of(case: str, bad: str, good: str, expected: str, tmp_path: Path) -> None:
    if not (CASES / case).is_dir():
        pytest.skip(f"the folder ../shared/cases beside the checkout has no {case}")
    for path in (CASES / case).iterdir():
        shutil.copy(path, tmp_path)
    printed = netspec("build", f"{bad}.yaml", folder=tmp_path)
    assert "warning: int8 falls far below float" in printed
    assert expected in printed
    saved = json.loads((tmp_path / "build" / bad / "verify.json").read_text(encoding="utf-8"))
    assert any(expected in warning["message"] for warning in saved["warnings"])
    assert expected.split("'")[1] in (tmp_path / "build" / bad / "report.html").read_text(encoding="utf-8")
    assert "warning:" not in netspec("build", f"{good}.yaml", folder=tmp_path)
