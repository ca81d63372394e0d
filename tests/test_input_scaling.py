"""What an input's numbers mean, end to end: whole builds of nets that scale their input, and the files they leave."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="TensorFlow is not installed: builds need the `train` extra")

_TRAIN = """\
train:
  data: {{npz: {data}}}
  loss: binary_crossentropy
  optimizer: {{adam: {{learning_rate: 0.01}}}}
  metrics: [accuracy]
  epochs: 6
  seed: 0
target: {{core: cortex-m4}}
"""


def run(*words: str | Path, folder: Path, expect: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "netspec", *map(str, words)], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == expect, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def _unlike_columns(folder: Path) -> None:
    """Write raw.npz, a large column beside a small one that holds the answer, and scaled.npz, both scaled alike."""
    generator = np.random.default_rng(1)
    labels = generator.integers(0, 2, 4000)
    x = np.stack([generator.normal(20000, 300, 4000), generator.normal(0, 1, 4000) + 2 * labels], 1).astype("f4")
    scaled = ((x - x[:3000].mean(0)) / x[:3000].std(0)).astype("f4")
    for name, values in (("raw.npz", x), ("scaled.npz", scaled)):
        np.savez(
            folder / name, x_train=values[:3000], y_train=labels[:3000], x_test=values[3000:], y_test=labels[3000:]
        )


@pytest.mark.slow
def test_columns_of_unlike_size_reach_what_columns_scaled_outside_reach(tmp_path: Path) -> None:
    _unlike_columns(tmp_path)
    layers = "  - dense: {units: 8, activation: relu}\n  - dense: {units: 1, activation: sigmoid}\n"
    normalization = "  - normalization: {mean: [20000, 1], variance: [90000, 2]}\n"
    found = {}
    for name, first in (("raw", normalization), ("scaled", "")):
        head = f"netspec: 1\nname: {name}\ninputs: {{x: {{shape: [2]}}}}\nlayers:\n{first}"
        (tmp_path / f"{name}.yaml").write_text(head + layers + _TRAIN.format(data=f"{name}.npz"))
        run("build", f"{name}.yaml", folder=tmp_path)
        found[name] = json.loads((tmp_path / "build" / name / "verify.json").read_text())["accuracy"][0]
    assert found["raw"]["int8_value"] == pytest.approx(found["raw"]["float_value"], abs=0.005)
    assert found["raw"]["int8_value"] == pytest.approx(found["scaled"]["int8_value"], abs=0.005)
    assert "0 mismatches" in run("verify", "build/raw", folder=tmp_path)


_EXPORTED = """\
netspec: 1
name: net
inputs: {pixels: {shape: [16]}}
layers:
  - rescaling: {scale: 0.00392156862745098}
  - dense: {units: 8, activation: relu}
  - dense: {units: 3}
  - softmax
train:
  data: {npz: d.npz}
  loss: sparse_categorical_crossentropy
  optimizer: {adam: {learning_rate: 0.01}}
  metrics: [accuracy]
  epochs: 10
  seed: 0
target: {core: cortex-m4}
"""


@pytest.mark.slow
def test_both_exports_take_the_same_input(tmp_path: Path) -> None:
    import tensorflow as tf

    generator = np.random.default_rng(0)
    y = generator.integers(0, 3, 1500)
    x = np.clip(60 + 60 * y[:, None] + generator.normal(0, 25, (1500, 16)), 0, 255).astype("f4")
    np.savez(tmp_path / "d.npz", x_train=x[:1000], y_train=y[:1000], x_test=x[1000:], y_test=y[1000:])
    (tmp_path / "net.yaml").write_text(_EXPORTED)
    run("build", "net.yaml", folder=tmp_path)
    run("export", "build/net", "--tflite", "net.tflite", "--keras", "net.keras", folder=tmp_path)
    interpreter = tf.lite.Interpreter(str(tmp_path / "net.tflite"))
    interpreter.allocate_tensors()
    (given,), (output,) = interpreter.get_input_details(), interpreter.get_output_details()
    scale, zero_point = given["quantization"]
    assert (scale, zero_point) == (1.0, -128)
    hits = 0
    for sample, label in zip(x[1000:], y[1000:], strict=True):
        integers = np.clip(np.round(sample / scale + zero_point), -128, 127).astype(np.int8)
        interpreter.set_tensor(given["index"], integers[None])
        interpreter.invoke()
        hits += interpreter.get_tensor(output["index"])[0].argmax() == label
    float_model = tf.keras.models.load_model(tmp_path / "net.keras")
    expected = (float_model.predict(x[1000:], verbose=0).argmax(1) == y[1000:]).mean()
    assert hits / 500 == pytest.approx(expected, abs=0.01)
    run("import", "net.tflite", "--out", "again.yaml", folder=tmp_path)
    assert "rescaling" not in (tmp_path / "again.yaml").read_text()
    run("build", "again.yaml", "--out", "build/again", folder=tmp_path)
    before, again = ((tmp_path / "build" / name / "model.tflite").read_bytes() for name in ("net", "again"))
    assert before == again


@pytest.mark.slow
def test_an_export_says_where_its_input_is_the_rescaled_value(tmp_path: Path) -> None:
    _unlike_columns(tmp_path)
    head = "netspec: 1\nname: net\ninputs: {x: {shape: [2]}}\nlayers:\n"
    layers = "  - normalization: {mean: [20000, 1], variance: [90000, 2]}\n  - dense: {units: 1, activation: sigmoid}\n"
    (tmp_path / "net.yaml").write_text(head + layers + _TRAIN.format(data="raw.npz"))
    run("build", "net.yaml", folder=tmp_path)
    said = run("export", "build/net", "--tflite", "net.tflite", folder=tmp_path)
    assert "warning: input x is the rescaled value: (value - mean) / deviation" in said
    assert b"input x is the rescaled value" in (tmp_path / "net.tflite").read_bytes()


_GIVEN = "netspec: 1\nname: net\ninputs: {x: {shape: [4]}}\nweights: net.npz\nlayers:\n  - dense: {units: 2}\n"


def _given_weights(folder: Path, data: str) -> None:
    rng = np.random.default_rng(0)
    kernel, bias = rng.normal(size=(4, 2)).astype("f4"), np.zeros(2, "f4")
    np.savez(folder / "net.npz", **{"dense/kernel": kernel, "dense/bias": bias})
    (folder / "net.yaml").write_text(_GIVEN + (f"quantize: {{calibration: {{data: {data}}}}}\n" if data else ""))


@pytest.mark.slow
def test_what_is_wrong_with_samples_for_calibration_is_said_before_training(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x_train=np.zeros((8, 4), "f4"), y_train=np.zeros((8, 2), "f4"))
    np.savez(tmp_path / "some.npz", x=np.full((8, 4), np.nan, "f4"))
    text = _GIVEN.replace("weights: net.npz\n", "") + "train: {data: {npz: d.npz}, loss: mse}\n"
    (tmp_path / "net.yaml").write_text(text + "quantize: {calibration: {data: {npz: some.npz}}}\n")
    said = run("build", "net.yaml", folder=tmp_path, expect=1)
    assert "x of the calibration samples for input 'x' holds 32 values that are not finite in float32" in said
    assert "epoch" not in said


@pytest.mark.slow
def test_samples_without_labels_calibrate_given_weights(tmp_path: Path) -> None:
    values = np.random.default_rng(1).uniform(0, 510, (50, 4))
    np.savez(tmp_path / "some.npz", x=values)
    np.save(tmp_path / "some.npy", values)
    _given_weights(tmp_path, "{npz: some.npz}")
    said = run("build", "net.yaml", folder=tmp_path)
    assert "made up" not in said
    quantization = json.loads((tmp_path / "build" / "net" / "manifest.json").read_text())["quantization"]
    assert quantization["x"]["scale"] == pytest.approx(2.0, rel=0.05)
    _given_weights(tmp_path, "{npy: some.npy}")
    run("build", "net.yaml", folder=tmp_path)
    again = json.loads((tmp_path / "build" / "net" / "manifest.json").read_text())["quantization"]
    assert again == quantization
    (tmp_path / "some.csv").write_text("\n".join(",".join(map(repr, row)) for row in values.tolist()))
    _given_weights(tmp_path, "{csv: {path: some.csv}}")
    run("build", "net.yaml", folder=tmp_path)
    again = json.loads((tmp_path / "build" / "net" / "manifest.json").read_text())["quantization"]
    assert again == quantization
    assert "0 mismatches" in run("verify", "build/net", folder=tmp_path)
    _given_weights(tmp_path, "")
    said = run("build", "net.yaml", folder=tmp_path)
    assert "warning: the ranges of the activations are made up" in said
    assert "for information, calibration: the ranges of the activations are made up" in said


@pytest.mark.parametrize(
    ("data", "rule", "message"),
    [
        ("{npz: none.npz}", "data-missing-file", "there is no file none.npz"),
        ("{npz: other.npz}", "data-missing-array", "other.npz has no array for input 'x'; it has y"),
        ("{npz: wide.npz}", "data-shape", "x of the calibration samples"),
        ("{npy: {z: wide.npy}}", "data-missing-array", "npy has no file for input 'x'"),
        ("{csv: {path: t.csv}}", "data-missing-file", "there is no file t.csv"),
        ("{tfrecord: {path: t.bin}}", "invalid-value", "data has no loader 'tfrecord'"),
    ],
)
def test_calibration_data_that_do_not_fit_are_findings(tmp_path: Path, data: str, rule: str, message: str) -> None:
    np.savez(tmp_path / "other.npz", y=np.zeros((3, 4)))
    np.savez(tmp_path / "wide.npz", x=np.zeros((3, 5)))
    _given_weights(tmp_path, data)
    said = run("check", "--data", "net.yaml", folder=tmp_path, expect=1)
    assert message in said
    assert f"[{rule}]" in said
