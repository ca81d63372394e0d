"""A TensorFlow Lite model -> a spec and its weights, operator by operator.

An int8 model keeps its integers and scales: the spec's device graph must have the very ops of the file, which is
asserted, and a build of it computes what TensorFlow Lite Micro computes with the file. A model of another kind (float,
16 bit activations, float with int8 weights) becomes a float spec, which a build quantizes anew.
"""

from __future__ import annotations

from math import prod
from typing import Any

from netspec.importers.faults import MalformedModel, ModelFault
from netspec.importers.tflite.ends import dequantize, drop_ranking, is_last_ranking, quantize, transpose
from netspec.importers.tflite.floats import FLOAT_OPERATORS, permuted
from netspec.importers.tflite.reader import FileModel, FileOperator
from netspec.importers.tflite.rescaling import find_rescalings, rescaled
from netspec.importers.tflite.translator import OperatorTranslator, Translated, Translator
from netspec.importers.tflite.weighted import convolution, dense, depthwise

_FIXED_OUTPUTS = {"SOFTMAX": (1 / 256, -128), "LOGISTIC": (1 / 256, -128), "TANH": (1 / 128, 0)}


def translate(model: FileModel, file_name: str) -> Translated:
    """Return the draft of a model's spec. `ModelFault` names the operator or tensor that netspec cannot take."""
    rescalings = find_rescalings(model)
    kinds = dict.fromkeys(operator.kind for operator in model.operators if operator.index not in rescalings)
    floats_only = tuple(kind for kind in kinds if kind in FLOAT_OPERATORS)
    return Translator(model, file_name, floats_only, rescalings).run(FLOAT_OPERATORS | _OPERATORS)


def _pool(to: Translator, operator: FileOperator) -> None:
    kind = "max" if operator.kind == "MAX_POOL_2D" else "average"
    window = [operator.options["filter_h"], operator.options["filter_w"]]
    keys = {"pool_size": window, **to.geometry(operator)}
    to.same_scale(operator, 0)
    layer = to.add(operator, f"{kind}_pooling2d", keys)
    to.bind(operator, to.activated(operator, layer), f"pool2d.{kind}")


def _reduced(to: Translator, operator: FileOperator) -> None:
    source = to.source(operator)
    rank = len(to._tensor(operator, 0).shape)
    axes = {axis % rank for axis in to.integers(operator, 1)} if rank else set()
    keep = bool(operator.options.get("keep_dims", len(to.output(operator).shape) == rank))
    if axes != set(range(1, rank - 1)) or rank not in (3, 4) or len(to.draft.shape(source)) != rank - 1:
        raise ModelFault(
            f"{operator.shown} reduces the axes {sorted(axes)} of {rank}; the device reduces height and width alone"
        )
    kind, step = ("average", "mean") if operator.kind == "MEAN" else ("max", "pool2d.max")
    if kind == "max":
        to.same_scale(operator, 0)
    layer = to.add(operator, f"global_{kind}_pooling{rank - 2}d", {"keepdims": keep})
    to.bind(operator, layer, step)


def _softmax(to: Translator, operator: FileOperator) -> None:
    if is_last_ranking(to, operator):
        drop_ranking(to, operator)
        return
    if operator.options["beta"] != 1.0:
        to.refuse(operator, ModelFault(f"{operator.shown} has beta {operator.options['beta']:g}, the layer has 1"))
    _fixed(to, operator, "softmax", "softmax")


def _log_softmax(to: Translator, operator: FileOperator) -> None:
    if not is_last_ranking(to, operator):
        raise ModelFault(f"{operator.shown} has no counterpart on the device")
    drop_ranking(to, operator)


def _transpose(to: Translator, operator: FileOperator) -> None:
    if transpose(to, operator):
        return
    if to.result.integer:
        raise ModelFault(f"{operator.shown} moves values, for which netspec has no int8 kernel yet")
    permuted(to, operator)


def _fixed(to: Translator, operator: FileOperator, layer_type: str, step: str) -> None:
    output = to.output(operator)
    scale, zero_point = _FIXED_OUTPUTS[operator.kind]
    if to.result.integer and (output.scales, output.zero_points) != ((scale,), (zero_point,)):
        to.refuse(operator, ModelFault(f"{operator.shown} has an output with other than the scale 1/{1 / scale:g}"))
    to.bind(operator, to.add(operator, layer_type, {}), step)


def _relu(to: Translator, operator: FileOperator) -> None:
    if operator.kind == "RELU6":
        to.same_scale(operator, 0)
        layer = to.add(operator, "relu", {"max_value": 6.0})
    else:
        layer = to.add(operator, "relu", {})
    to.bind(operator, layer, "unary.relu")


def _product(to: Translator, operator: FileOperator) -> None:
    if operator.index in to.rescalings:
        rescaled(to, operator)
    else:
        FLOAT_OPERATORS["MUL"](to, operator)


def _binary(layer_type: str, does: str) -> OperatorTranslator:
    """Return what translates an operator of two tensors: to a layer of the type, whose device op has its name."""

    def translate(to: Translator, operator: FileOperator) -> None:
        if operator.index in to.rescalings:
            rescaled(to, operator)
            return
        reads = (to.source(operator, 0), to.source(operator, 1))
        if to.draft.shape(reads[0]) != to.draft.shape(reads[1]) and to.result.integer:
            raise ModelFault(f"{operator.shown} {does} tensors of different shapes, and the device does not broadcast")
        layer = to.add(operator, layer_type, {}, reads)
        to.bind(operator, to.activated(operator, layer), f"binary.{layer_type}", reads=2)

    return translate


def _concatenation(to: Translator, operator: FileOperator) -> None:
    count = len(operator.inputs)
    rank = len(to.output(operator).shape)
    axis = operator.options["axis"]
    to.same_scale(operator, *range(count))
    if operator.options["activation"] != "NONE":
        activation = operator.options["activation"]
        to.refuse(operator, ModelFault(f"{operator.shown} has the fused activation {activation}"))
    if not -rank <= axis < rank or count < 2:
        raise ModelFault(f"{operator.shown} joins {count} tensors along axis {axis} of {rank}")
    keys = {"axis": -1 if axis % rank == rank - 1 else axis % rank}
    layer = to.add(operator, "concatenate", keys, tuple(to.source(operator, index) for index in range(count)))
    to.bind(operator, layer, "concatenate", reads=count)


def _pad(to: Translator, operator: FileOperator) -> None:
    amounts = to.integers(operator, 1)
    rank = len(to._tensor(operator, 0).shape)
    pairs = [list(amounts[index : index + 2]) for index in range(0, len(amounts), 2)]
    if len(pairs) != rank or rank not in (3, 4) or any(pairs[0]) or any(pairs[-1]) or min(amounts) < 0:
        raise ModelFault(f"{operator.shown} pads {pairs}; the device pads height and width alone")
    to.same_scale(operator, 0)
    padding: Any = pairs[1:-1] if rank == 4 else pairs[1]
    to.bind(operator, to.add(operator, f"zero_padding{rank - 2}d", {"padding": padding}), "pad")


def _view(to: Translator, operator: FileOperator) -> None:
    given = to._tensor(operator, 0)
    source = to.repeats[given.index] if given.index in to.repeats else to.source(operator)
    shape = to.view_shape(to.output(operator), to.draft.shape(source))
    if prod(shape) != prod(to.draft.shape(source)):
        raise MalformedModel(f"{operator.shown} makes {prod(shape)} values of {prod(to.draft.shape(source))}")
    to.same_scale(operator, 0)
    to.bind(operator, to.reshaped(source, shape))


_OPERATORS: dict[str, OperatorTranslator] = {
    "ADD": _binary("add", "adds"),
    "AVERAGE_POOL_2D": _pool,
    "CONCATENATION": _concatenation,
    "CONV_2D": convolution,
    "DEPTHWISE_CONV_2D": depthwise,
    "DEQUANTIZE": dequantize,
    "EXPAND_DIMS": _view,
    "FULLY_CONNECTED": dense,
    "LOGISTIC": lambda to, operator: _fixed(to, operator, "sigmoid", "unary.sigmoid"),
    "LOG_SOFTMAX": _log_softmax,
    "MAX_POOL_2D": _pool,
    "MEAN": _reduced,
    "MUL": _product,
    "PAD": _pad,
    "QUANTIZE": quantize,
    "REDUCE_MAX": _reduced,
    "RELU": _relu,
    "RELU6": _relu,
    "RESHAPE": _view,
    "SOFTMAX": _softmax,
    "SQUEEZE": _view,
    "TRANSPOSE": _transpose,
    "TANH": lambda to, operator: _fixed(to, operator, "tanh", "unary.tanh"),
}
