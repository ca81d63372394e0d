"""Weights and scales -> every integer of the network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from netspec.device.graph import Node
from netspec.device.kernels import kernel_of
from netspec.device.plan import DevicePlan
from netspec.diagnostics import ToolError
from netspec.ops import Param
from netspec.ops.numbers import Integers, Quant, Quantized, Weights
from netspec.quantize.model import QuantizedModel
from netspec.quantize.raw_inputs import raw_tensors, raw_weights

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def weight_lookup(arrays: Mapping[tuple[str, str], NDArray[Any]]) -> Weights:
    """Return the look-up of arrays by (layer, weight). A missing array or another shape is ours: `AssertionError`."""

    def find(param: Param) -> NDArray[np.float32]:
        array = arrays.get((param.layer, param.weight))
        assert array is not None, f"no array for {param.weight} of {param.layer}"
        assert array.shape == param.shape, f"{param.weight} of {param.layer} has {array.shape}, not {param.shape}"
        return array

    return find


def quantize(plan: DevicePlan, weights: Weights, tensors: Mapping[str, Quant]) -> QuantizedModel:
    """Return the integers of every op. Raises `ToolError` naming the layer whose numbers leave a kernel's range."""
    numbers: dict[str, Quantized] = {}
    raw = raw_tensors(plan.graph)
    for node in plan.graph.nodes:
        reads = [tensors[name] for name in node.inputs]
        own = weights
        writes = [tensors[each.name] for each in node.outputs]
        if reads[0].raw and not writes[0].raw:  # else it pads
            own = raw_weights(node, weights, raw[node.inputs[0]])
        try:
            integers = node.op.integers(own, reads, writes)
            found = numbers_of(node, integers, reads, writes)
        except ValueError as error:
            raise ToolError(
                f"layer {node.layer} (line {node.line}) cannot be quantized: {error}",
                help="look at its weights and at the calibration data; `calibration: {method: {percentile: 99.9}}` "
                "narrows ranges that outliers stretch",
            ) from error
        numbers[node.name] = checked(plan, node, found)
    return QuantizedModel(plan, dict(tensors), numbers)


def numbers_of(node: Node, integers: Integers | None, reads: Sequence[Quant], writes: Sequence[Quant]) -> Quantized:
    """Return a node's numbers with the arrays that its kernel reads. Raises ValueError where they are out of range."""
    kernel = kernel_of(node)
    refused = kernel.refuses(node.op, integers) if integers is not None else None
    if refused:
        raise ValueError(refused)
    found = node.op.numbers(integers, reads, writes)
    return replace(found, arrays={**found.arrays, **kernel.arrays(node.op, found)})


def checked(plan: DevicePlan, node: Node, found: Quantized) -> Quantized:
    """Return a node's numbers. Asserts that the arrays of its core are those that were counted.

    Other arrays, such as a bias that the core's kernel wants in another form, are for the reference and model.tflite.
    """
    declared = {constant.role: constant.count for constant in plan.constants(node)}
    sizes = {role: array.size for role, array in found.arrays.items() if role in declared}
    assert sizes == declared, f"{node.name} promised constants {declared} and gives {sizes}"
    return found
