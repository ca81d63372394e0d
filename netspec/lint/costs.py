"""Layers that cost more than a simpler one in their place."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from netspec.layers.registry import LAYER_TYPES
from netspec.lint.finding import Finding
from netspec.lint.net import Net, activation_of, key_of

_MOST = 0.9
_LARGE = 16_384
"""Weights below which a dense layer, at a byte each, is not worth a word."""


def separable_costs_more(net: Net) -> Iterator[Finding]:
    """A separable convolution that costs at least what the plain one costs.

    Depthwise and 1x1 together hold k*c*m + c*m*f weights, the plain kernel k*c*f (k: window, c: channels, m: depth
    multiplier, f: filters); multiply-accumulates stand in the same relation, and the plain one can learn more. Few
    filters, a 1x1 kernel or a depth multiplier make the separable one the larger.
    """
    for layer in net.layers:
        if not layer.type.startswith("separable_conv"):
            continue
        plain_type = layer.type.removeprefix("separable_")
        window = key_of(layer, "kernel_size")
        channels, filters = layer.input_shapes[0][-1], layer.output_shape[-1]
        plain = prod(window) * channels * filters
        separable = sum(prod(weight.shape) for weight in layer.weights if weight.name != "bias")
        if separable < plain:
            continue
        positions = prod(layer.output_shape[:-1])
        size = window[0] if len(set(window)) == 1 else list(window)
        yield Finding(
            f"{layer.name} costs {separable * positions:,} multiply-accumulates and {separable:,} weights, "
            f"a plain {plain_type} {plain * positions:,} and {plain:,}",
            f"use `{plain_type}: {{filters: {filters}, kernel_size: {size}}}` with the same strides and padding",
            layer,
        )


def norm_after_activation(net: Net) -> Iterator[Finding]:
    """Batch norm after an activation, in a net with a target.

    Before the activation it folds into the weights of the layer in front of it and costs nothing. After it, it runs as
    a depthwise convolution: a kernel in flash, a multiplication for each value, and one more rounding to int8. It is
    not folded into the weights after it: a channel that is nearly always 0 has a tiny variance, by which its weights
    would be divided, and their int8 scale with them; only training shows which channels those are.
    """
    if net.spec.target is None:
        return
    for layer in net.layers:
        source = net.source(layer) if layer.type == "batch_normalization" else None
        if source is None or activation_of(source) in (None, "linear", "softmax") or not net.is_read_once(source.name):
            continue
        weighted = source if hasattr(source.layer, "activation") else net.source(source)
        if weighted is None or not hasattr(weighted.layer, "use_bias") or activation_of(weighted) is None:
            continue
        if weighted is not source and not (activation_of(weighted) == "linear" and net.is_read_once(weighted.name)):
            continue
        yield Finding(
            f"{layer.name} comes after the activation of {source.name}: on the device it is a depthwise convolution of "
            f"its own, with {prod(layer.output_shape):,} multiply-accumulates",
            f"put it before the activation, where it folds into the weights of {weighted.name}: `use_bias: false` "
            f"there, then `- batch_normalization` and `- {activation_of(source)}`",
            layer,
            notes=(net.place_note(f"{source.name} is here", source.name),),
        )


def dense_holds_most(net: Net) -> Iterator[Finding]:
    """A dense layer that reads a flattened feature map and holds nine tenths of all parameters.

    It keeps a weight for each place of each feature. The mean of each feature over all places is what most
    classifiers need, and costs a small part. Nets without a convolution or pool before it are not judged, nor are
    layers of less than 16,384 weights.
    """
    total = net.graph.parameters
    convolved: set[str] = set()
    for layer in net.layers:
        if (
            hasattr(layer.layer, "kernel_size")
            or hasattr(layer.layer, "pool_size")
            or convolved.intersection(layer.inputs)
        ):
            convolved.add(layer.name)
        flat = net.source(layer) if layer.type == "dense" else None
        while flat is not None and flat.type == "dropout":
            flat = net.source(flat)
        if flat is None or flat.type != "flatten" or flat.name not in convolved:
            continue
        weights = prod(layer.weights[0].shape)
        shape = flat.input_shapes[0]
        pooling = f"global_average_pooling{len(shape) - 1}d"
        if weights < _LARGE or layer.parameters <= _MOST * total or pooling not in LAYER_TYPES or prod(shape[:-1]) == 1:
            continue
        left = weights // prod(shape[:-1]) + layer.parameters - weights
        yield Finding(
            f"{layer.name} holds {layer.parameters:,} of {total:,} parameters, a weight for each of "
            f"{' x '.join(map(str, shape))} flattened values",
            f"write `- {pooling}` in place of {flat.name}: {layer.name} then holds {left:,}",
            layer,
            notes=(net.place_note(f"{flat.name} is here", flat.name),),
        )
