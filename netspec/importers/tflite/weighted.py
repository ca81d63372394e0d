"""The operators with weights: convolutions and dense layers."""

from __future__ import annotations

from math import prod
from typing import Any

from netspec.importers.draft import Source
from netspec.importers.faults import MalformedModel, ModelFault
from netspec.importers.tflite.reader import FileOperator
from netspec.importers.tflite.translator import LayerWeights, Translator
from netspec.ops import Shape

_BY_CHANNEL = (
    "Changed: a dense layer whose weights have a scale for each output is a 1x1 convolution here. The device's dense "
    "layer has one scale in all; the convolution has one for each and computes the same integers."
)


def convolution(to: Translator, operator: FileOperator) -> None:
    source, shape = to.source(operator), to._tensor(operator, 1).shape
    channels = to.draft.shape(source)[-1]
    if len(shape) != 4 or len(to.draft.shape(source)) != 3:
        raise MalformedModel(f"{operator.shown} has a kernel of shape {list(shape)}")
    if channels != shape[3] and to.result.integer:
        raise ModelFault(f"{operator.shown} is grouped, and netspec has no int8 kernel for grouped convolutions yet")
    weights = to.weights(operator, lambda kernel: kernel.transpose(1, 2, 3, 0))
    keys = {"filters": shape[0], "kernel_size": list(shape[1:3]), **to.geometry(operator)}
    keys |= {"dilation_rate": [operator.options["dilation_h"], operator.options["dilation_w"]]}
    if channels != shape[3]:
        keys["groups"] = channels // shape[3] if shape[3] and channels % shape[3] == 0 else 0
    _weighted(to, operator, "conv2d", keys, weights, "conv2d")


def depthwise(to: Translator, operator: FileOperator) -> None:
    source, shape = to.source(operator), to._tensor(operator, 1).shape
    channels = to.draft.shape(source)[-1]
    if len(shape) != 4 or shape[0] != 1 or len(to.draft.shape(source)) != 3 or shape[3] % channels:
        raise MalformedModel(f"{operator.shown} has a kernel of shape {list(shape)} for {channels} channels")
    taps = (*shape[1:3], channels, shape[3] // channels)
    weights = to.weights(operator, lambda kernel: kernel.reshape(taps))
    keys = {"kernel_size": list(shape[1:3]), **to.geometry(operator), "depth_multiplier": taps[3]}
    height, width, _ = to.draft.shape(source)
    down, across = keys["strides"]
    if down != across and 1 in (height, width):  # along an axis of 1 a window takes no step, and Keras wants one stride
        keys["strides"] = [across] * 2 if height == 1 else [down] * 2
    keys |= {"dilation_rate": [operator.options["dilation_h"], operator.options["dilation_w"]]}
    _weighted(to, operator, "depthwise_conv2d", keys, weights, "depthwise_conv2d")


def dense(to: Translator, operator: FileOperator) -> None:
    source, shape = to.source(operator), to._tensor(operator, 1).shape
    if len(shape) != 2:
        raise MalformedModel(f"{operator.shown} has a kernel of shape {list(shape)}")
    units, inputs = shape
    given = to.draft.shape(source)
    if not given or inputs < 1 or prod(given) % inputs:
        raise MalformedModel(
            f"{operator.shown} has a kernel of shape {list(shape)} for an input of {prod(given)} values"
        )
    tensor = to.output(operator)
    output = (*given[:-1], units) if to.fits(tensor, (*given[:-1], units)) else to._shape(tensor)
    # All leading axes are rows to the operator; a layer keeps them.
    wanted = (*output[:-1], inputs) if prod(output[:-1]) * inputs == prod(given) else (prod(given) // inputs, inputs)
    weights = to.weights(operator, lambda kernel: kernel.T)
    _require_counts(operator, weights, units)
    if len(weights.scales) > 1:
        _dense_by_channel(to, operator, source, wanted, weights)
        return
    reads = (to.reshaped(source, wanted),)
    keys = {"units": units, **to.activation_key(operator), "use_bias": weights.bias is not None}
    layer = to.add(operator, "dense", keys, reads)
    to.result.weights[layer] = weights
    to.bind(operator, to.reshaped(layer, output), "dense")


def _dense_by_channel(
    to: Translator, operator: FileOperator, source: Source, wanted: Shape, weights: LayerWeights
) -> None:
    inputs, units = weights.kernel.shape
    image = to.reshaped(source, (1, prod(wanted[:-1]), inputs))
    keys = {"filters": units, "kernel_size": 1, **to.activation_key(operator), "use_bias": weights.bias is not None}
    if _BY_CHANNEL not in to.draft.notes:
        to.draft.notes.append(_BY_CHANNEL)
    comment = "FULLY_CONNECTED in the file, with a weight scale for each output."
    layer = to.add(operator, "conv2d", keys, (image,), comment)
    kernel = weights.kernel.reshape((1, 1, inputs, units))
    to.result.weights[layer] = LayerWeights(kernel, weights.bias, weights.scales)
    to.bind(operator, to.reshaped(layer, to._shape(to.output(operator))), "conv2d")


def _weighted(
    to: Translator,
    operator: FileOperator,
    layer_type: str,
    keys: dict[str, Any],
    weights: LayerWeights,
    step: str,
) -> None:
    keys |= to.activation_key(operator) | {"use_bias": weights.bias is not None}
    layer = to.add(operator, layer_type, keys)
    outputs = to.draft.layers[layer].output_shape[-1]
    _require_counts(operator, weights, outputs)
    to.result.weights[layer] = weights
    to.bind(operator, layer, step)


def _require_counts(operator: FileOperator, weights: LayerWeights, outputs: int) -> None:
    """Raise unless there is a bias for each output, and a scale for each or one in all."""
    if weights.bias is not None and weights.bias.shape != (outputs,):
        raise MalformedModel(f"{operator.shown} has {weights.bias.size} biases for {outputs} outputs")
    if len(weights.scales) not in (0, 1, outputs):
        raise MalformedModel(f"{operator.shown} has {len(weights.scales)} weight scales for {outputs} outputs")
