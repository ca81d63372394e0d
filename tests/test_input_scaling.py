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
