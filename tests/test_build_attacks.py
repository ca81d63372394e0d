"""Builds under attack: odd wiring, extreme weights, tampered folders, broken tools. Tolerance 0 or a clear refusal."""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netspec.artifacts.manifest import MANIFEST, SPEC_LINK, VERDICT_FILE, Manifest
from netspec.check import check
from netspec.diagnostics import SpecError, ToolError
from netspec.emit.firmware import emit_firmware
from netspec.layers import LAYERS
from netspec.ops import Mean
from netspec.quantize.quantize import quantize, weight_lookup
from netspec.quantize.ranges import find_ranges
from netspec.quantize.scales import choose_scales
from netspec.running import run
from netspec.spec.source import load, parse
from netspec.toolchain import compile_library, find_cc, portable_kernels
from netspec.toolchain.compiler import ADDRESS, cache_folder, compile_program
from netspec.verify.folder import verify_folder
from netspec.verify.inputs import case_inputs
from netspec.verify.proof import three_way
from tests.builds import bakenn_kernels, plan_of, quantized, random_weights
from tests.test_build import run as netspec
from tests.unit.test_train_layer_cases import CASES, graph_of

HEAD = "netspec: 1\nname: net\ninputs: {x: {shape: [2, 3]}}\nlayers:\n"
NETS = {
    "views of the input as outputs": HEAD
    + "  - flatten: {name: f}\n  - dropout: {name: d, rate: 0.5}\n"
    + "  - reshape: {name: r, from: x, target_shape: [3, 2]}\noutputs: [f, d, r]\n",
    "no op at all": HEAD + "  - dropout: {rate: 0.5}\n",
    "an input rescaled two ways": HEAD
    + "  - rescaling: {name: a, from: x, scale: -2}\n  - rescaling: {name: b, from: x, scale: 0, offset: 1}\n"
    + "  - add: {name: s, from: [a, b]}\n  - dense: {units: 3}\n",
    "the same tensor twice": HEAD
    + "  - dense: {name: a, units: 3}\n  - add: {name: b, from: [a, a, a, a]}\n"
    + "  - concatenate: {name: c, from: [b, b]}\n  - add: {from: [c, c]}\noutputs: [add, c]\n",
    "softmax in the middle": HEAD
    + "  - softmax: {name: a}\n  - relu: {name: b, from: x, max_value: 6}\n"
    + "  - relu: {name: c, from: x, max_value: 0.001}\n  - concatenate: {from: [a, b, c]}\n"
    + "  - dense: {units: 2}\n  - softmax\n",
    "names that differ in case": HEAD
    + "  - dense: {name: Stem, units: 3}\n  - dense: {name: stem, units: 3}\n  - dense: {name: INT8_MAX, units: 3}\n"
    + "outputs: [Stem, stem, INT8_MAX]\n",
    "names of 120 letters": HEAD
    + f"  - dense: {{name: {'l' * 120}a, units: 3}}\n  - dense: {{name: {'l' * 120}b, units: 3}}\n",
    "one pixel": HEAD.replace("[2, 3]", "[1, 1, 1]")
    + "  - conv2d: {filters: 4, kernel_size: 3, padding: same}\n  - max_pooling2d: {pool_size: 3, padding: same}\n"
    + "  - global_average_pooling2d: {keepdims: true}\n  - global_max_pooling2d: {keepdims: true}\n",
    "quoted keys": HEAD.replace("{x:", '{"x":') + '  - "dense": {"units": 2}\n',
}


@pytest.mark.parametrize("text", NETS.values(), ids=NETS)
def test_odd_nets_are_bit_exact_and_clean(text: str) -> None:
    """All implementations agree on every tensor, and neither sanitizer has anything to say of the C."""
    _, _, model = quantized(text)
    inputs = {name: values[::4] for name, values in case_inputs(model, None).items()}
    firmware = emit_firmware(model, parse(text, "spec.yaml"))
    comparisons = three_way(model, firmware, inputs, bakenn_kernels(), lambda line: None, sanitize=ADDRESS)
    for comparison in comparisons:
        assert comparison.mismatches == 0, comparison.first
    assert len([each for each in comparisons if not each.skipped]) >= 2


CONV = (
    "netspec: 1\nname: net\ninputs: {x: {shape: [6, 6, 2]}}\nlayers:\n"
    "  - conv2d: {filters: 4, kernel_size: 3}\n  - batch_normalization\n  - relu\n"
    "  - depthwise_conv2d: {kernel_size: 3}\n  - relu: {max_value: 6}\n  - global_average_pooling2d\n"
    "  - dense: {units: 3}\n"
)


def _quantized_with(change: Callable[[str, Any], Any], samples: int = 16, percentile: float | None = None) -> Any:
    graph, plan = plan_of(CONV)
    generator = np.random.default_rng(0)
    arrays = {
        key: np.asarray(change(key[1], value), np.float32) for key, value in random_weights(graph, generator).items()
    }
    inputs = {"x": generator.normal(0, 1, (samples, 6, 6, 2)).astype(np.float32)}
    ranges = find_ranges(plan.graph, weight_lookup(arrays), inputs, percentile)
    return quantize(plan, weight_lookup(arrays), choose_scales(plan.graph, ranges))


@pytest.mark.parametrize("factor", [1e9, 1e12, 1e15])
def test_multipliers_too_large_for_a_shift_are_refused(factor: float) -> None:
    """A relu6 after huge weights: the shift passes 63, and an int64 that is shifted so far is small again."""
    with pytest.raises(ToolError, match="does not fit int32"):
        _quantized_with(lambda name, value: value * (factor if "kernel" in name else 1))


@pytest.mark.parametrize("percentile", [None, 99.0])
def test_values_that_overflow_are_refused(percentile: float | None) -> None:
    with pytest.raises(ValueError, match=r"tensor .* is not finite"):
        _quantized_with(lambda name, value: value * (1e30 if "kernel" in name else 1), percentile=percentile)


@pytest.mark.parametrize(
    "change",
    {
        "all zero": lambda name, value: value * 0,
        "vanishing": lambda name, value: value * 1e-12,
        "no variance": lambda name, value: value * (name != "moving_variance"),
        "negative gamma": lambda name, value: -value if name == "gamma" else value,
        "dead": lambda name, value: value - 1e4 if name == "beta" else value,
    }.items(),
    ids=lambda item: item[0],
)
def test_degenerate_weights_are_bit_exact(change: tuple[str, Callable[[str, Any], Any]]) -> None:
    model = _quantized_with(change[1], samples=1)
    inputs = {name: values[::4] for name, values in case_inputs(model, None).items()}
    firmware = emit_firmware(model, parse(CONV, "spec.yaml"))
    for comparison in three_way(model, firmware, inputs, None, lambda line: None):
        assert comparison.mismatches == 0, comparison.first


def test_a_mean_whose_sums_would_leave_int32_is_refused() -> None:
    from netspec.ops.numbers import Quant

    with pytest.raises(ValueError, match="a sum would leave int32"):
        Mean((4, 4, 2), (2,)).numbers(None, [Quant(1e12, 0)], [Quant(1e-3, 0)])
    assert Mean((4, 4, 2), (2,)).numbers(None, [Quant(0.5, 0)], [Quant(0.5, 0)]).numbers["shift"] <= 0


def _integer_rows() -> list[Any]:
    return [
        pytest.param(kind, row, id=f"{kind}-{number}")
        for kind, rows in CASES.items()
        for number, row in enumerate(rows, start=1)
        if LAYERS[kind].integers != "refused" and row.get("dtype") is None
    ]


@pytest.mark.parametrize(("kind", "row"), _integer_rows())
def test_what_is_said_of_int32_is_what_keras_does(kind: str, row: dict[str, Any]) -> None:
    """Layers that say they read integers run on them in Keras, and give the type that they say."""
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed")
    from netspec.train.model import build_model

    graph = graph_of(kind, row | {"dtype": "int32"})
    model = build_model(graph)
    values = [np.ones((2, *shape), np.int32) for shape in row["inputs"]]
    given = dict(zip(graph.inputs, values, strict=True)) if len(values) > 1 else values[0]
    integer = np.issubdtype(np.asarray(model(given)).dtype, np.integer)
    assert integer == (graph.layers[0].layer.reads_integers() == "kept")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a small trained net once: a project with a spec, data and build/net."""
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed")
    folder = tmp_path_factory.mktemp("tiny")
    generator = np.random.default_rng(0)
    np.savez(folder / "d.npz", x_train=generator.normal(0, 1, (32, 4)), y_train=generator.integers(0, 2, 32))
    (folder / "net.yaml").write_text(
        "netspec: 1\nname: net\ninputs: {x: {shape: [4]}}\nlayers:\n  - dense: {units: 2}\n  - softmax\n"
        "train: {data: {npz: d.npz}, loss: sparse_categorical_crossentropy}\n"
    )
    netspec("build", "net.yaml", folder=folder)
    return folder


@pytest.fixture
def project(tiny: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny, tmp_path / "project"))


def _verify(project: Path) -> Any:
    return verify_folder(project / "build" / "net", None, None, lambda line: None)


def _reseal(project: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change a manifest and make its chain close again, as somebody would who means it."""
    path = project / "build" / "net" / MANIFEST
    values = json.loads(path.read_text())
    change(values)
    path.write_text(Manifest(**values).sealed().to_json())


@pytest.mark.parametrize("content", [b"", b"netspec: [", b"\xff\xfe\x00", b"netspec: 1\n"])
def test_a_spec_that_is_none_any_more_is_drift(project: Path, content: bytes) -> None:
    (project / "net.yaml").write_bytes(content)
    assert any("was changed after the build" in fault for fault in _verify(project).drift)


def test_a_link_that_is_no_text_is_a_spec_that_is_gone(project: Path) -> None:
    (project / "build" / "net" / SPEC_LINK).write_bytes(b"\xff\xfe\x00")
    assert any("is gone" in fault for fault in _verify(project).drift)


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.update(files=[]),
        lambda m: m.update(files={"x": 1}),
        lambda m: m.update(quantization=5),
        lambda m: m["quantization"]["x"].update(scale="x"),
        lambda m: m["quantization"]["x"].update(scale=float("nan")),
        lambda m: m["quantization"]["x"].pop("zero_point"),
        lambda m: m.update(core="z80"),
        lambda m: m.update(schema_version=99),
    ],
)
def test_a_manifest_of_another_form_is_refused(project: Path, change: Callable[[dict[str, Any]], object]) -> None:
    _reseal(project, change)
    with pytest.raises(ToolError, match=r"manifest\.json cannot be read"):
        _verify(project)
    assert not (project / "build" / "net" / VERDICT_FILE).exists()


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda m: m.update(files={}), "firmware/net.c is not what netspec"),
        (lambda m: m["files"].pop("firmware/net.c"), "firmware/net.c is not what netspec"),
        (lambda m: m.update(quantization={}), "of another network"),
        (lambda m: m.update(name="other"), "of another network"),
        (lambda m: m.update(core="cortex-m55"), "firmware/README.md is not what netspec"),
    ],
)
def test_a_manifest_that_says_less_is_drift(
    project: Path, change: Callable[[dict[str, Any]], object], fault: str
) -> None:
    _reseal(project, change)
    drift = _verify(project).drift
    assert any(fault in each for each in drift), drift


def test_no_verdict_outlives_a_verification_that_fails(project: Path) -> None:
    assert json.loads((project / "build" / "net" / VERDICT_FILE).read_text())["agrees"]
    (project / "d.npz").unlink()
    with pytest.raises(SpecError):
        _verify(project)
    assert not (project / "build" / "net" / VERDICT_FILE).exists()


def test_a_build_on_a_read_only_medium_is_verified(project: Path) -> None:
    verdict = project / "build" / "net" / VERDICT_FILE
    verdict.unlink()
    verdict.mkdir()  # stands for a file that cannot be written, also to root
    assert _verify(project).agrees


def test_huge_weights_are_no_internal_error(tmp_path: Path) -> None:
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed")
    from netspec.train.weights import write_npz

    (tmp_path / "net.yaml").write_text(CONV)
    graph = check(load(tmp_path / "net.yaml")).graph
    arrays = random_weights(graph, np.random.default_rng(0))
    write_npz({key: value * np.float32(1e30) for key, value in arrays.items()}, tmp_path / "w.npz")
    netspec("build", "net.yaml", "--weights", "w.npz", folder=tmp_path, expect=3)
    assert not (tmp_path / "build" / "net" / MANIFEST).exists()


@pytest.mark.parametrize("kind", ["libraries", "objects"])
def test_a_damaged_cache_is_compiled_again(tmp_path: Path, kind: str) -> None:
    kernels = portable_kernels(frozenset({"netspec_softmax_s8"}))
    archive = compile_library(kernels, cache_dir=tmp_path)
    before = archive.read_bytes()
    for path in tmp_path.rglob("*.[ao]"):
        if kind in path.parts or path == archive:
            path.write_bytes(path.read_bytes()[:50])
    assert compile_library(kernels, cache_dir=tmp_path).read_bytes() == before


@pytest.mark.parametrize("cc", ['gcc "', "/bin/false", "no-such-cc"])
def test_a_compiler_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch, cc: str) -> None:
    monkeypatch.setenv("CC", cc)
    with pytest.raises(ToolError, match="CC"):
        find_cc()


def test_a_compiler_that_writes_nothing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CC", "/bin/true")
    (tmp_path / "a.c").write_text("int main(void) { return 0; }\n")
    with pytest.raises(ToolError, match=r"wrote no a\.out"):
        compile_program([tmp_path / "a.c"], [], [], [], tmp_path / "a.out")


def test_without_a_home_the_cache_has_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in ("NETSPEC_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", no_home)
    with pytest.raises(ToolError, match="no home"):
        cache_folder()


def test_a_full_disk_is_no_internal_error(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def fill() -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "build/net/model.tflite")

    monkeypatch.delenv("NETSPEC_TRACEBACK", raising=False)
    with pytest.raises(SystemExit) as ended:
        run(fill)
    assert ended.value.code == 3
    assert capsys.readouterr().err == "error: build/net/model.tflite: No space left on device\n"


def test_a_manifest_with_a_key_twice_is_refused(project: Path) -> None:
    path = project / "build" / "net" / MANIFEST
    path.write_text(path.read_text().replace('"core":', '"core": "cortex-m0",\n  "core":', 1))
    with pytest.raises(ToolError, match="it has the key 'core' twice"):
        _verify(project)
