"""The two ends of a model, where converters put what the device leaves to its caller: changes of type and of layout.

What is dropped changes no integer between the ends, and is in a note of the spec.
"""

from __future__ import annotations

from dataclasses import replace

from netspec.arithmetic import requantize_table
from netspec.importers.faults import ModelFault
from netspec.importers.tflite.reader import FileOperator, FileTensor
from netspec.importers.tflite.translator import RANKINGS, Translator, as_floats
from netspec.layers._activation import WIDEST_SOFTMAX

_CHANNELS_LAST = ((0, 2, 3, 1), (0, 2, 1))


def quantize(to: Translator, operator: FileOperator) -> None:
    given, output = to._tensor(operator, 0), to.output(operator)
    source = to.source(operator)
    at_start = isinstance(source, str)
    if not to.result.integer:
        to.bind(operator, source)
    elif at_start and output.dtype == "int8" and (given.dtype == "float32" or _same_values(given, output)):
        if given.dtype == "int8" and to.readers[given.index] > 1:
            raise ModelFault(f"{operator.shown} is one of several operators that read {given.shown}")
        to.result.unscaled.add(given.index)
        to.draft.notes.append(
            f"Dropped: the QUANTIZE of {source}, which is {given.dtype} in the file; here it is int8."
        )
        to.bind(operator, source)
    elif given.dtype == "int8" and output.index in to.model.outputs and _same_values(output, given):
        to.draft.notes.append(f"Dropped: the last QUANTIZE, to {output.dtype}; here the output is int8.")
        to.result.unscaled.add(output.index)
        to.result.source_of[output.index] = source
    elif given.dtype == output.dtype == "int8":
        comment = "QUANTIZE in the file: the same values under another scale."
        to.bind(operator, to.add(operator, "rescaling", {"scale": 1.0}, comment=comment), "unary.requantize")
    elif given.index in to.not_int8:
        to.bind(operator, source)
    else:
        raise ModelFault(f"{operator.shown} takes {given.dtype} to {output.dtype} inside the net")


def dequantize(to: Translator, operator: FileOperator) -> None:
    given, output = to._tensor(operator, 0), to.output(operator)
    if given.data is not None:
        to.constants[output.index] = as_floats(to.constant(operator, 0), given)
    elif not to.result.integer:
        to.bind(operator, to.source(operator))
    elif given.dtype == "int8" and (output.index in to.model.outputs or output.index in to.float_tail):
        to.draft.notes.append(f"Dropped: the last DEQUANTIZE, to {output.dtype}; here the output is int8.")
        to.result.source_of[output.index] = to.source(operator)
    else:
        raise ModelFault(f"{operator.shown} leaves int8 inside the net")


def is_last_ranking(to: Translator, operator: FileOperator) -> bool:
    """Say whether a softmax or its logarithm ends the net, and the device cannot or need not compute it."""
    output = to.output(operator)
    if not to.result.integer or not output.shape or not _ends(to, output):
        return False
    return output.dtype == "float32" or operator.kind == "LOG_SOFTMAX" or output.shape[-1] > WIDEST_SOFTMAX


def drop_ranking(to: Translator, operator: FileOperator) -> None:
    """Let the net end with what a softmax reads: which output is the largest stays."""
    output = to.output(operator)
    reason = (
        f"The device's kernel sums up to {WIDEST_SOFTMAX}."
        if operator.kind == "SOFTMAX" and output.shape[-1] > WIDEST_SOFTMAX
        else "The device has no kernel for it."
    )
    to.draft.notes.append(
        f"Dropped: the last {operator.kind}, over {output.shape[-1]} classes. {reason} Here the output is what it "
        "reads, whose largest value is the same class."
    )
    to.result.unscaled.add(output.index)
    to.result.source_of[output.index] = to.source(operator)


def transpose(to: Translator, operator: FileOperator) -> bool:
    """Take a TRANSPOSE that moves no value, or that makes an input channels last; say whether it was one of these."""
    order = to.integers(operator, 1)
    given, output = to._tensor(operator, 0), to.output(operator)
    if sorted(order) != list(range(len(given.shape))):
        raise ModelFault(f"{operator.shown} takes the axes of {given.shown} in the order {list(order)}")
    source = to.source(operator)
    moved = [axis for axis in order if given.shape[axis] not in (1, -1)]
    if moved == sorted(moved):
        to.same_scale(operator, 0)
        to.bind(operator, to.reshaped(source, to._shape(output)))
        return True
    if not isinstance(source, str) or order not in _CHANNELS_LAST:
        return False
    if to.readers[given.index] != 1 or any(source in layer.sources for layer in to.draft.layers):
        return False
    to.same_scale(operator, 0)
    first = list(to.draft.inputs[source])
    to.draft.inputs[source] = to._shape(output)
    to.draft.notes.append(
        f"Changed: {source} is channels first in the file, {first}; here it is channels last, "
        f"{list(to.draft.inputs[source])}, and the TRANSPOSE of it is dropped."
    )
    to.bind(operator, source)
    return True


def _ends(to: Translator, tensor: FileTensor) -> bool:
    """Say whether a tensor is an output, or becomes one by a DEQUANTIZE or QUANTIZE alone."""
    if tensor.index in to.model.outputs:
        return not to.readers[tensor.index]
    readers = [operator for operator in to.model.operators if tensor.index in operator.inputs]
    kinds = ("DEQUANTIZE", "QUANTIZE", *RANKINGS)
    return len(readers) == 1 and readers[0].kind in kinds and set(readers[0].outputs) <= set(to.model.outputs)


def _same_values(one: FileTensor, int8: FileTensor) -> bool:
    """Say whether a QUANTIZE from one to the other, either way, gives each of 256 values as it is, uint8 128 higher.

    Scales may be an ulp apart: what counts is what the kernel computes.
    """
    if one.dtype not in ("int8", "uint8") or len(one.scales) != 1 or len(int8.scales) != 1:
        return False
    if one.dtype == "uint8":
        one = replace(one, zero_points=(one.zero_points[0] - 128,))
    try:
        tables = [
            requantize_table(a.scales[0], a.zero_points[0], b.scales[0], b.zero_points[0])
            for a, b in ((one, int8), (int8, one))
        ]
    except (OverflowError, ValueError):
        return False
    return all(table == list(range(-128, 128)) for table in tables)
