"""The step before int8 of an imported model: what its QUANTIZE, and the emitted function, make of floats."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netspec.verify.report import TensorResult

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from netspec.quantize.model import QuantizedModel

Floats = Mapping[str, "NDArray[np.float32]"]
Integers = Mapping[str, "NDArray[np.int8]"]

_RANDOM = 20_000
_SEED = 20261130


def float_cases(model: QuantizedModel) -> dict[str, NDArray[np.float32]]:
    """Return floats for the inputs that QUANTIZE would make, (samples, values); nothing for a net without such inputs.

    Every integer's own value, the floats halfway between two and their neighbours, values out of range, and random
    ones. The other inputs of such a net get zeros: the emitted functions are called for all of them.
    """
    import numpy as np

    inputs = model.plan.graph.inputs
    if not any(model.divides(given.name) for given in inputs):
        return {}
    generator = np.random.default_rng(_SEED)
    halves = np.arange(-600, 601, dtype=np.float32) / np.float32(2)
    values: dict[str, Any] = {}
    for given in inputs:
        quant = model.tensors[given.name]
        exact = halves * np.float32(quant.scale)
        around = [np.nextafter(exact, np.float32(end)) for end in (np.inf, -np.inf)]
        spread = generator.uniform(-280, 280, _RANDOM).astype(np.float32) * np.float32(quant.scale)
        values[given.name] = np.concatenate([exact, *around, spread])
    samples = max(-(-len(values[given.name]) // prod(given.shape)) for given in inputs)
    return {
        given.name: np.resize(values[given.name], (samples, prod(given.shape))).astype(np.float32)
        if model.divides(given.name)
        else np.zeros((samples, prod(given.shape)), np.float32)
        for given in inputs
    }


def quantized_by_micro(model: QuantizedModel, floats: Floats) -> Integers:
    """Return what TensorFlow Lite Micro's QUANTIZE makes of floats. Raises `ToolError` where it is not installed."""
    from netspec.tflite.interpreter import Interpreter
    from netspec.tflite.writer import Operator, Tensor, write

    found: dict[str, Any] = {}
    for name, values in floats.items():
        if not model.divides(name):
            continue
        quant, row = model.tensors[name], values.reshape(1, -1)
        tensors = [
            Tensor("floats", row.shape, "float32"),
            Tensor("integers", row.shape, "int8", (quant.scale,), (quant.zero_point,)),
        ]
        file = write(tensors, [Operator("QUANTIZE", (0,), (1,), {})], (0,), (1,), description="QUANTIZE")
        found[name] = Interpreter(file).run([row], [1])[0].reshape(values.shape)
    return found


def quantized_by_program(model: QuantizedModel, program: Path, floats: Floats) -> Integers:
    """Return what the compiled functions make of floats."""
    import numpy as np

    from netspec.verify.oracles import output_of

    rows = [floats[given.name] for given in model.plan.graph.inputs]
    stream = np.concatenate(rows, axis=1).astype("<f4").tobytes()
    sizes = [row.shape[1] for row in rows]
    integers = np.frombuffer(output_of(program, stream, "quantize"), np.int8).reshape(len(rows[0]), sum(sizes))
    ends = np.cumsum(sizes)
    return {
        given.name: integers[:, end - size : end]
        for given, size, end in zip(model.plan.graph.inputs, sizes, ends, strict=True)
        if model.divides(given.name)
    }


def compare_inputs(
    model: QuantizedModel, floats: Floats, run: Callable[[Floats], Integers]
) -> tuple[TensorResult, ...]:
    """Return how the integers that an implementation makes of floats differ from the reference's."""
    import numpy as np

    results = []
    for name, got in run(floats).items():
        gap = np.abs(model.quantize_input(name, floats[name]).astype(np.int16) - got)
        results.append(TensorResult(name, name, gap.size, int((gap > 0).sum()), int(gap.max(initial=0))))
    return tuple(results)
