"""MUL and ADD with a constant at an input of a .tflite file: a `rescaling`, where they change no integer.

So netspec writes nets whose input is rescaled, and so do converters where scale and zero point happen to fit.
"""

from __future__ import annotations

from collections import Counter

from netspec.importers.tflite.reader import FileModel, FileOperator, FileTensor
from netspec.importers.tflite.translator import InputRescaling, Translator

_ROUNDING = 1e-6
"""Of scales in float32, relative."""


def find_rescalings(model: FileModel) -> dict[int, InputRescaling]:
    """Return the operators that rescale an input, by their place: a MUL, and an ADD where one follows it."""
    products = [operator for operator in model.operators if operator.kind == "MUL"]
    if not products:
        return {}
    readers = Counter(index for operator in model.operators for index in operator.inputs)
    readers.update(model.outputs)
    producers = {index: operator for operator in model.operators for index in operator.outputs}
    sums = {operator.inputs[0]: operator for operator in model.operators if operator.kind == "ADD" and operator.inputs}
    found: dict[int, InputRescaling] = {}
    for product in products:
        factor = _constant(model, product)
        views = _views_of_input(model, product.inputs[0], readers, producers) if factor is not None else frozenset()
        if factor is None or not views or not _keeps_integers(model, product, factor):
            continue
        shift = sums.get(product.outputs[0]) if readers[product.outputs[0]] == 1 else None
        offset = _offset(model, shift) if shift is not None else None
        if shift is None or offset is None:
            found[product.index] = InputRescaling(factor, 0.0, True, views)
            continue
        before = views | {product.outputs[0]}
        found[product.index] = InputRescaling(factor, offset, False, before)
        found[shift.index] = InputRescaling(factor, offset, True, before)
    return found


def rescaled(to: Translator, operator: FileOperator) -> None:
    """Append the layer of the last of the operators that rescale an input."""
    found = to.rescalings[operator.index]
    to.result.unscaled |= found.before
    if not found.is_last:
        to.bind(operator, to.source(operator))
        return
    keys = {"scale": plain_number(found.factor), "offset": plain_number(found.offset)}
    layer = to.add(operator, "rescaling", keys)
    to.result.folded.add(layer)
    to.bind(operator, layer)


def _constant(model: FileModel, operator: FileOperator) -> float | None:
    """Return the number that an operator's second input is; None where it is none."""
    if len(operator.inputs) != 2 or len(operator.outputs) != 1 or min(operator.inputs) < 0:
        return None
    tensor = model.tensors[operator.inputs[1]]
    if tensor.data is None or tensor.dtype != "int8" or len(tensor.data) != 1:
        return None
    if len(tensor.scales) != 1 or operator.options.get("activation", "NONE") != "NONE":
        return None
    return float(tensor.scales[0] * (int.from_bytes(tensor.data, "little", signed=True) - tensor.zero_points[0]))


def _ends(model: FileModel, operator: FileOperator) -> tuple[FileTensor, FileTensor] | None:
    """Return an operator's first input and its output, both int8 with one scale; None where they are not."""
    ends = (model.tensors[operator.inputs[0]], model.tensors[operator.outputs[0]])
    return ends if all(each.dtype == "int8" and len(each.scales) == 1 for each in ends) else None


def _keeps_integers(model: FileModel, product: FileOperator, factor: float) -> bool:
    ends = _ends(model, product)
    if ends is None or not factor > 0:
        return False
    given, output = ends
    ratio = given.scales[0] * factor / output.scales[0]
    return abs(ratio - 1.0) <= _ROUNDING and given.zero_points == output.zero_points


def _shifts_by_steps(model: FileModel, shift: FileOperator, offset: float) -> bool:
    """Say whether an ADD of a number moves the zero point by that many steps, and no integer."""
    ends = _ends(model, shift)
    if ends is None or abs(offset) > 256 * ends[1].scales[0]:
        return False
    given, output = ends
    steps = round(offset / output.scales[0])
    whole = abs(steps * output.scales[0] - offset) <= _ROUNDING * abs(offset)
    return whole and output.scales == given.scales and output.zero_points[0] == given.zero_points[0] - steps


def _offset(model: FileModel, shift: FileOperator) -> float | None:
    """Return the number that an ADD adds; None where it is none, or where adding it changes an integer."""
    offset = _constant(model, shift)
    return offset if offset is not None and _shifts_by_steps(model, shift, offset) else None


def _views_of_input(
    model: FileModel, index: int, readers: Counter[int], producers: dict[int, FileOperator]
) -> frozenset[int]:
    """Return a tensor, and those that it is a view of down to an input; nothing where something else reads one."""
    found: set[int] = set()
    while readers[index] == 1 and index not in found:
        found.add(index)
        if index in model.inputs:
            return frozenset(found)
        producer = producers.get(index)
        if producer is None or producer.kind != "RESHAPE" or not producer.inputs:
            break
        index = producer.inputs[0]
    return frozenset()


def plain_number(value: float) -> float:
    """Return the number that somebody wrote, of which a file has the float32: a short decimal, or 1 over one."""
    if value == 0.0:
        return 0.0

    def near(candidate: float) -> bool:
        return abs(candidate - value) <= 1.2e-7 * abs(value)

    for digits in range(1, 6):
        if near(short := float(f"{value:.{digits}g}")):
            return short
    for digits in range(1, 6):
        if near(reciprocal := 1.0 / float(f"{1.0 / value:.{digits}g}")):
            return reciprocal
    return next(short for digits in range(6, 18) if near(short := float(f"{value:.{digits}g}")))
