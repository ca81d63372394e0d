"""A TensorFlow Lite model -> a spec and its weights, operator by operator.

An int8 model keeps its integers and scales: the spec's device graph must have the very ops of the file, which is
asserted, and a build of it computes what TensorFlow Lite Micro computes with the file. A model of another kind (float,
16 bit activations, float with int8 weights) becomes a float spec, which a build quantizes anew.
"""

from __future__ import annotations

from math import prod
from typing import Any

from netspec.importers.faults import MalformedModel, ModelFault
from netspec.importers.tflite_reader import FileModel, FileOperator, FileTensor
from netspec.importers.tflite_translator import OperatorTranslator, Translated, Translator, as_floats
from netspec.importers.tflite_weighted import convolution, dense, depthwise

_FIXED_OUTPUTS = {"SOFTMAX": (1 / 256, -128), "LOGISTIC": (1 / 256, -128), "TANH": (1 / 128, 0)}


def translate(model: FileModel, file_name: str) -> Translated:
    """Return the draft of a model's spec. `ModelFault` names the operator or tensor that netspec cannot take."""
    return Translator(model, file_name).run(_OPERATORS)


def _pool(to: Translator, operator: FileOperator) -> None:
    kind = "max" if operator.kind == "MAX_POOL_2D" else "average"
    window = [operator.options["filter_h"], operator.options["filter_w"]]
    keys = {"pool_size": window, **to.geometry(operator)}
    to.same_scale(operator, 0)
    layer = to.add(operator, f"{kind}_pooling2d", keys)
    to.bind(operator, to.activated(operator, layer), f"Pool2D {kind}")


def _reduced(to: Translator, operator: FileOperator) -> None:
    source = to.source(operator)
    rank = len(to._tensor(operator, 0).shape)
    axes = {axis % rank for axis in to.integers(operator, 1)}
    keep = bool(operator.options.get("keep_dims", len(to.output(operator).shape) == rank))
    if axes != set(range(1, rank - 1)) or rank not in (3, 4) or len(to.draft.shape(source)) != rank - 1:
        raise ModelFault(
            f"{operator.shown} reduces the axes {sorted(axes)} of {rank}; the device reduces height and width alone"
        )
    kind, step = ("average", "Mean") if operator.kind == "MEAN" else ("max", "Pool2D max")
    if kind == "max":
        to.same_scale(operator, 0)
    layer = to.add(operator, f"global_{kind}_pooling{rank - 2}d", {"keepdims": keep})
    to.bind(operator, layer, step)


def _softmax(to: Translator, operator: FileOperator) -> None:
    if operator.options["beta"] != 1.0:
        raise ModelFault(f"{operator.shown} has beta {operator.options['beta']:g}, the layer has 1")
    _fixed(to, operator, "softmax", "Softmax")


def _fixed(to: Translator, operator: FileOperator, layer_type: str, step: str) -> None:
    output = to.output(operator)
    scale, zero_point = _FIXED_OUTPUTS[operator.kind]
    if to.result.integer and (output.scales, output.zero_points) != ((scale,), (zero_point,)):
        raise ModelFault(f"{operator.shown} has an output with other than the scale 1/{1 / scale:g}")
    to.bind(operator, to.add(operator, layer_type, {}), step)


def _relu(to: Translator, operator: FileOperator) -> None:
    if operator.kind == "RELU6":
        to.same_scale(operator, 0)
        layer = to.add(operator, "relu", {"max_value": 6.0})
    else:
        layer = to.add(operator, "relu", {})
    to.bind(operator, layer, "Unary relu")


def _sum(to: Translator, operator: FileOperator) -> None:
    reads = (to.source(operator, 0), to.source(operator, 1))
    if to.draft.shape(reads[0]) != to.draft.shape(reads[1]) and to.result.integer:
        raise ModelFault(f"{operator.shown} adds tensors of different shapes, and the device does not broadcast")
    layer = to.add(operator, "add", {}, reads)
    to.bind(operator, to.activated(operator, layer), "Add", reads=2)


def _concatenation(to: Translator, operator: FileOperator) -> None:
    count = len(operator.inputs)
    rank = len(to.output(operator).shape)
    axis = operator.options["axis"]
    to.same_scale(operator, *range(count))
    if operator.options["activation"] != "NONE":
        raise ModelFault(f"{operator.shown} has the fused activation {operator.options['activation']}")
    if not -rank <= axis < rank or count < 2:
        raise ModelFault(f"{operator.shown} joins {count} tensors along axis {axis} of {rank}")
    keys = {"axis": -1 if axis % rank == rank - 1 else axis % rank}
    layer = to.add(operator, "concatenate", keys, tuple(to.source(operator, index) for index in range(count)))
    to.bind(operator, layer, "Concatenate", reads=count)


def _pad(to: Translator, operator: FileOperator) -> None:
    amounts = to.integers(operator, 1)
    rank = len(to._tensor(operator, 0).shape)
    pairs = [list(amounts[index : index + 2]) for index in range(0, len(amounts), 2)]
    if len(pairs) != rank or rank not in (3, 4) or any(pairs[0]) or any(pairs[-1]) or min(amounts) < 0:
        raise ModelFault(f"{operator.shown} pads {pairs}; the device pads height and width alone")
    to.same_scale(operator, 0)
    padding: Any = pairs[1:-1] if rank == 4 else pairs[1]
    to.bind(operator, to.add(operator, f"zero_padding{rank - 2}d", {"padding": padding}), "Pad")


def _view(to: Translator, operator: FileOperator) -> None:
    source, shape = to.source(operator), to._shape(to.output(operator))
    if prod(shape) != prod(to.draft.shape(source)):
        raise MalformedModel(f"{operator.shown} makes {prod(shape)} values of {prod(to.draft.shape(source))}")
    to.same_scale(operator, 0)
    to.bind(operator, to.reshaped(source, shape))


def _quantize(to: Translator, operator: FileOperator) -> None:
    given, output = to._tensor(operator, 0), to.output(operator)
    source = to.source(operator)
    at_start = given.index in to.model.inputs
    name = source if isinstance(source, str) else ""
    if not to.result.integer:
        to.bind(operator, source)
    elif at_start and output.dtype == "int8" and (given.dtype == "float32" or _shifted(given, output)):
        to.draft.notes.append(f"Dropped: the QUANTIZE of {name}, which is {given.dtype} in the file; here it is int8.")
        to.bind(operator, source)
    elif given.dtype == "int8" and _shifted(output, given) and output.index in to.model.outputs:
        to.draft.notes.append(f"Dropped: the last QUANTIZE, to {output.dtype}; here the output is int8.")
        to.result.source_of[output.index] = source
    elif given.dtype == output.dtype == "int8":
        comment = "QUANTIZE in the file: the same values under another scale."
        to.bind(operator, to.add(operator, "rescaling", {"scale": 1.0}, comment=comment), "Unary requantize")
    else:
        raise ModelFault(f"{operator.shown} takes {given.dtype} to {output.dtype} inside the net")


def _dequantize(to: Translator, operator: FileOperator) -> None:
    given, output = to._tensor(operator, 0), to.output(operator)
    if given.data is not None:
        to.constants[output.index] = as_floats(to.constant(operator, 0), given)
    elif not to.result.integer:
        to.bind(operator, to.source(operator))
    elif given.dtype == "int8" and output.index in to.model.outputs:
        to.draft.notes.append(f"Dropped: the last DEQUANTIZE, to {output.dtype}; here the output is int8.")
        to.result.source_of[output.index] = to.source(operator)
    else:
        raise ModelFault(f"{operator.shown} leaves int8 inside the net")


def _shifted(one: FileTensor, int8: FileTensor) -> bool:
    """Say whether a uint8 tensor holds the int8 one's values, 128 higher."""
    return (
        one.dtype == "uint8"
        and one.scales == int8.scales
        and one.zero_points == tuple(zero_point + 128 for zero_point in int8.zero_points)
    )


_OPERATORS: dict[str, OperatorTranslator] = {
    "ADD": _sum,
    "AVERAGE_POOL_2D": _pool,
    "CONCATENATION": _concatenation,
    "CONV_2D": convolution,
    "DEPTHWISE_CONV_2D": depthwise,
    "DEQUANTIZE": _dequantize,
    "EXPAND_DIMS": _view,
    "FULLY_CONNECTED": dense,
    "LOGISTIC": lambda to, operator: _fixed(to, operator, "sigmoid", "Unary sigmoid"),
    "MAX_POOL_2D": _pool,
    "MEAN": _reduced,
    "PAD": _pad,
    "QUANTIZE": _quantize,
    "REDUCE_MAX": _reduced,
    "RELU": _relu,
    "RELU6": _relu,
    "RESHAPE": _view,
    "SOFTMAX": _softmax,
    "SQUEEZE": _view,
    "TANH": lambda to, operator: _fixed(to, operator, "tanh", "Unary tanh"),
}
