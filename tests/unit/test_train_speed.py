"""What makes training slow, held by counts: page faults of a steady epoch, and oneDNN, which TensorFlow must use."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

_MEASURE = """
import json, resource, sys
import numpy as np
from pathlib import Path

from netspec.train.data import load_data
from netspec.train.fit import train
from tests.specs import make_graph

folder = Path(sys.argv[1])
np.savez(folder / "data.npz", x_train=np.zeros((256, 32, 32, 3), np.float32), y_train=np.zeros(256, np.int64))
graph = make_graph(
    [*[{"conv2d": {"filters": 16, "kernel_size": 3}}, "relu"] * 2, "global_average_pooling2d", {"dense": {"units": 2}}],
    [32, 32, 3],
    path=folder / "spec.yaml",
    train={"data": {"npz": "data.npz"}, "loss": "sparse_categorical_crossentropy", "epochs": 3, "batch_size": 64},
)
faults = []
train(
    graph, load_data(graph.spec), folder / "build",
    progress=lambda step: step.done and faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt),
)
print(json.dumps([after - before for before, after in zip(faults, faults[1:])]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts page faults as Linux does")
def test_a_steady_epoch_does_not_map_its_tensors_anew(tmp_path: Path) -> None:
    """Tensors of 3.7 MB each; mapped anew in each step they cost hundreds of faults a sample.

    Without oneDNN, which keeps memory of its own and so hides most of them.
    """
    environment = os.environ | {
        "TF_ENABLE_ONEDNN_OPTS": "0",
        "PYTHONPATH": os.pathsep.join(each for each in sys.path if each),
    }
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE, str(tmp_path)], capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    *_, last = json.loads(done.stdout)
    assert last / 256 < 30


def test_keras_is_loaded_with_onednn_and_without_its_notices() -> None:
    code = "import os; from netspec.train.backend import load_keras; load_keras(); print(os.environ['%s'])"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    done = subprocess.run(
        [sys.executable, "-c", code % "TF_ENABLE_ONEDNN_OPTS"],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert (done.stdout, done.stderr) == ("1\n", "")
