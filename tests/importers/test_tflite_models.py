"""Real int8 models: import, build, and equality with TensorFlow Lite Micro on the original file, tolerance 0."""

from __future__ import annotations

import hashlib
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from netspec.device.plan import plan_device
from netspec.emit.firmware import emit_firmware
from netspec.graph import Graph
from netspec.importers.command import run_import
from netspec.importers.imported import import_model
from netspec.importers.result import graph_of
from netspec.quantize.model import QuantizedModel
from netspec.quantize.stored import quantize_stored, read_stored
from netspec.spec.source import load, parse
from netspec.toolchain import portable_kernels
from netspec.verify.oracles import compile_network, run_program
from tests.importers.shared_models import known_input, shared_model

MODELS = ("kws_ref_model.tflite", "pretrainedResnet_quant.tflite", "ad01_int8.tflite")
_SAMPLES = 24


@pytest.fixture(scope="module", params=MODELS)
def original(request: pytest.FixtureRequest) -> Path:
    return shared_model(str(request.param))


@pytest.fixture(scope="module")
def imported(original: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the spec of an imported model."""
    spec, _ = run_import(original, tmp_path_factory.mktemp("imported") / "net.yaml")
    return spec


def network(spec: Path) -> QuantizedModel:
    document = load(spec)
    graph = graph_of(document.text)
    plan = plan_device(graph)
    return quantize_stored(plan, read_stored(spec.with_name("net.weights.npz"), graph, plan))


def samples(model: QuantizedModel) -> NDArray[np.int8]:
    [given] = model.plan.graph.inputs
    generator = np.random.default_rng(5)
    drawn = generator.integers(-128, 128, (_SAMPLES, *given.shape), np.int8)
    ends = generator.choice(np.array([-128, 127], np.int8), (4, *given.shape))
    return np.concatenate([known_input(given.shape), drawn, ends])


def interpreter_outputs(tflite: bytes, inputs: NDArray[np.int8]) -> NDArray[np.int8]:
    pytest.importorskip("tflite_micro", reason="tflite-micro is not installed: the `train` extra has it")
    from netspec.importers.tflite.reader import read_model
    from netspec.tflite.interpreter import Interpreter

    interpreter = Interpreter(tflite)
    [output] = read_model(tflite).outputs
    rows = [interpreter.run([inputs[i : i + 1]], [output])[0].reshape(-1) for i in range(len(inputs))]
    return np.stack(rows)


def test_the_reference_equals_the_interpreter_on_the_original_file(original: Path, imported: Path) -> None:
    model = network(imported)
    inputs = samples(model)
    [output] = model.plan.graph.outputs
    ours = model.run({model.plan.graph.inputs[0].name: inputs})[output.tensor].reshape(len(inputs), -1)
    np.testing.assert_array_equal(ours, interpreter_outputs(original.read_bytes(), inputs))


def test_the_emitted_c_equals_the_interpreter_on_the_original_file(original: Path, imported: Path) -> None:
    from netspec.emit import host_functions

    model = network(imported)
    inputs = samples(model)
    firmware = emit_firmware(model, load(imported))
    with tempfile.TemporaryDirectory() as folder:
        kernels = portable_kernels(host_functions(model))
        program = compile_network(model, firmware, kernels, Path(folder) / "network")
        ours = run_program(model, program, {model.plan.graph.inputs[0].name: inputs})
    last = ours[model.plan.graph.outputs[0].tensor].reshape(len(inputs), -1)
    np.testing.assert_array_equal(last, interpreter_outputs(original.read_bytes(), inputs))


def test_the_outputs_are_those_that_the_models_came_with(original: Path, imported: Path) -> None:
    model = network(imported)
    [given], [output] = model.plan.graph.inputs, model.plan.graph.outputs
    found = model.run({given.name: known_input(given.shape)})[output.tensor].tobytes()
    if original.name == "ad01_int8.tflite":
        assert found.hex().startswith("f012132435492e2a282d282b28272222")
        assert hashlib.sha256(found).hexdigest() == "3b5107f3ad214cbc37ef0e5d310cd6e3a6217595ec1af97584dc84ab4dd80f80"
    else:
        known = {
            "kws_ref_model.tflite": "8080808080808080806e8092",
            "pretrainedResnet_quant.tflite": "80809393808058808180",
        }
        assert found.hex() == known[original.name]


def test_every_integer_of_the_file_is_in_the_network(original: Path, imported: Path) -> None:
    """The int8 kernels and int32 biases of the file, and of what the network emits, are the same bytes."""
    from netspec.importers.tflite.reader import read_file

    model = network(imported)
    file = read_file(original)
    theirs = sorted(
        bytes(tensor.data)
        for tensor in file.tensors
        if tensor.data is not None and tensor.scales and tensor.dtype in ("int8", "int32")
    )
    ours = sorted(
        numbers.arrays[role].tobytes()
        for _, numbers in model.nodes
        for role in ("kernel", "bias")
        if role in numbers.arrays
    )
    assert ours == theirs


def test_the_spec_is_short_and_says_what_was_frozen(original: Path) -> None:
    found = import_model(original)
    assert "is open in the file (-1); here it is 1" in " ".join(found.text.replace("#", "").split())
    assert "name:" not in found.text.partition("layers:")[2], "Keras' numbering says nothing, so no name is written"
    assert {
        "kws_ref_model.tflite": "- repeat:",
        "ad01_int8.tflite": "- repeat:",
        "pretrainedResnet_quant.tflite": "\nblocks:\n  residual:\n    params: {filters: null}\n",
    }[original.name] in found.text
    lines = [line for line in found.text.splitlines() if line and not line.startswith("#")]
    assert (
        len(lines)
        == {"kws_ref_model.tflite": 16, "ad01_int8.tflite": 10, "pretrainedResnet_quant.tflite": 26}[original.name]
    )


def test_the_summary_is_the_original_s(original: Path) -> None:
    """As many parameters as the file has weights, a layer for each operator, and one more where a sum has a relu."""
    from netspec.importers.tflite.reader import read_file

    file = read_file(original)
    graph: Graph = graph_of(import_model(original).text)
    assert graph.parameters == sum(
        int(np.prod(tensor.shape)) for tensor in file.tensors if tensor.data is not None and tensor.scales
    )
    relus = sum(operator.kind == "ADD" for operator in file.operators)
    assert len(graph.layers) == len(file.operators) + relus
    assert graph.shape(graph.outputs[0]) == file.tensors[file.outputs[0]].shape[1:]


def test_import_is_deterministic(original: Path) -> None:
    one, two = import_model(original), import_model(original)
    assert one == two


_WHOLE = """
import sys
from pathlib import Path
from netspec.device.plan import plan_device
from netspec.emit.firmware import emit_firmware
from netspec.importers.command import run_import
from netspec.importers.result import graph_of
from netspec.quantize.stored import quantize_stored, read_stored
from netspec.spec.source import load
spec, imported = run_import(Path(sys.argv[1]), Path(sys.argv[2]) / "net.yaml")
document = load(spec)
graph = graph_of(document.text)
plan = plan_device(graph)
model = quantize_stored(plan, read_stored(spec.with_name(imported.weights_name), graph, plan))
for name, text in emit_firmware(model, document).items():
    path = Path(sys.argv[2]) / "firmware" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
heavy = {"tensorflow", "keras", "tflite_micro", "h5py"} & set(sys.modules)
assert not heavy, heavy
"""


_SECONDS = 3.0
_TRIES = 3


def test_import_and_emit_take_less_than_3_s_and_no_tensorflow(original: Path, tmp_path: Path) -> None:
    """Of processor time, for others may have the machine too; a processor that just woke up gets another chance."""
    seconds = []
    while not seconds or (seconds[-1] >= _SECONDS and len(seconds) < _TRIES):
        folder = tmp_path / str(len(seconds))
        folder.mkdir()
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            [sys.executable, "-c", _WHOLE, str(original), str(folder)], capture_output=True, text=True, check=False
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert done.returncode == 0, done.stderr
        assert (folder / "firmware" / "CMakeLists.txt").is_file()
        seconds.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
    assert seconds[-1] < _SECONDS, f"import and emit took {seconds} s of processor time"


def test_a_build_of_an_import_needs_no_tensorflow_and_verifies(original: Path, imported: Path) -> None:
    code = (
        "import sys; from netspec.cli import app; app(sys.argv[1:], standalone_mode=False); "
        "assert 'tensorflow' not in sys.modules and 'keras' not in sys.modules"
    )
    folder = imported.parent
    for words in (["build", "net.yaml", "--out", "built"], ["verify", "built"]):
        done = subprocess.run(
            [sys.executable, "-c", code, *words], cwd=folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert "0 mismatches" in done.stdout
    assert not (folder / "built" / "model.keras").exists()


def test_a_changed_spec_no_longer_fits_the_integers(imported: Path) -> None:
    from netspec.diagnostics import SpecError

    text = imported.read_text(encoding="utf-8")
    changed = text.replace("units: ", "units: 1", 1)
    graph = graph_of(changed)
    assert parse(changed, "net.yaml")
    with pytest.raises(SpecError, match="in the spec and"):
        read_stored(imported.with_name("net.weights.npz"), graph, plan_device(graph))
