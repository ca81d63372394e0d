"""The implementations that are compared: TensorFlow Lite Micro and compiled C."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netspec.diagnostics import ToolError
from netspec.system.processes import TimedOut, ending, run_bounded
from netspec.system.writing import write_file

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from netspec.quantize.model import QuantizedModel
    from netspec.toolchain import KernelSet

Values = Mapping[str, "NDArray[np.int8]"]

_TIMEOUT_SECONDS = 600


def tflite_micro(model: QuantizedModel) -> Callable[[Values], Values]:
    """Return what computes every tensor with TensorFlow Lite Micro. Raises `ToolError` where it is not installed."""
    import numpy as np

    from netspec.tflite.interpreter import Interpreter
    from netspec.tflite.model import TFLiteModel

    written = TFLiteModel(model)
    interpreter = Interpreter(written.to_bytes())
    names = [tensor.name for node in model.plan.graph.nodes for tensor in node.outputs]
    wanted = [written.index_of[name] for name in names]

    def run(inputs: Values) -> Values:
        rows: list[list[NDArray[Any]]] = []
        for sample in range(len(next(iter(inputs.values())))):
            arrays = [inputs[given.name][sample : sample + 1] for given in model.plan.graph.inputs]
            rows.append([array.reshape(-1) for array in interpreter.run(arrays, wanted)])
        return {name: np.stack([row[index] for row in rows]) for index, name in enumerate(names)}

    return run


def run_tflite_micro(model: QuantizedModel, inputs: Values) -> Values:
    """Return every tensor as TensorFlow Lite Micro computes it. Raises `ToolError` where it is not installed."""
    return tflite_micro(model)(inputs)


def run_program(model: QuantizedModel, program: Path, inputs: Values) -> dict[str, NDArray[np.int8]]:
    """Return every tensor as the compiled C computes it.

    The program reads samples, each the inputs one after another, and writes every node's output. Raises `ToolError`
    with what the program said where it fails.
    """
    import numpy as np

    graph = model.plan.graph
    flat = [inputs[given.name].reshape(len(inputs[given.name]), -1) for given in graph.inputs]
    stream = np.concatenate(flat, axis=1).astype(np.int8).tobytes()
    written = output_of(program, stream)
    written_by = [tensor for node in graph.nodes for tensor in node.outputs]
    sizes = [tensor.bytes for tensor in written_by]
    rows = np.frombuffer(written, np.int8)
    if rows.size != sum(sizes) * len(flat[0]):
        raise ToolError(f"the compiled network wrote {rows.size} bytes, {sum(sizes) * len(flat[0])} were expected")
    samples, ends = rows.reshape(len(flat[0]), -1), np.cumsum(sizes)  # of a net of views alone both are empty
    return {
        each.name: np.ascontiguousarray(samples[:, end - each.bytes : end]).view(each.dtype.name)
        for each, end in zip(written_by, ends, strict=True)
    }


def output_of(program: Path, stream: bytes, *words: str) -> bytes:
    """Return what a program writes for `stream`. Raises `ToolError` with what it said where it fails."""
    try:
        done = run_bounded([str(program), *words], "run the compiled network", _TIMEOUT_SECONDS, given=stream)
    except TimedOut as error:
        raise ToolError(f"the compiled network did not end within {error.seconds:g} s", error.help) from error
    except OSError as error:
        message = f"the compiled network does not run here: {error.strerror}"
        raise ToolError(
            message, "let CC name a compiler for this machine, and TMPDIR a folder that programs run from"
        ) from error
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines()[:12]
        raise ToolError(f"the compiled network {ending(done.returncode)}" + "".join(f"\n{line}" for line in said))
    return done.stdout


def compile_network(
    model: QuantizedModel, firmware: Mapping[str, str], kernels: KernelSet, output: Path, *, sanitize: str = ""
) -> Path:
    """Compile emitted files with a provider of kernels into a program for this machine, assertions on."""
    from netspec.emit import host_defines, host_main
    from netspec.toolchain import compile_library, compile_program

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for stem in (model.name, f"{model.name}_weights"):
            for ending in (".h", ".c"):
                write_file(folder / f"{stem}{ending}", firmware[f"{stem}{ending}"])
        # No network has a name that begins so.
        write_file(folder / "netspec_host_main.c", host_main(model))
        return compile_program(
            sorted(folder.glob("*.c")),
            [folder, *kernels.include_dirs],
            [*kernels.defines, *host_defines(model)],
            [compile_library(kernels, sanitize=sanitize)],
            output,
            system_include_dirs=kernels.system_include_dirs,
            sanitize=sanitize,
        )
