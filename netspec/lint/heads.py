"""Outputs that do not fit their loss. All but `softmax_of_one` need a `train` section.

What Keras' losses take, by their names: probabilities, since `from_logits` is false by default (Keras 3,
`keras.losses`): of every class, with sum 1, for the categorical ones; of each output alone for the binary ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from netspec.diagnostics import Note
from netspec.graph import GraphLayer
from netspec.lint.finding import Finding
from netspec.lint.net import Net, activation_of, key_of

_CLASSES = frozenset([
    "categorical_crossentropy", "sparse_categorical_crossentropy", "categorical_focal_crossentropy",
    "kl_divergence", "kld",
])  # fmt: skip
_EACH = frozenset(["binary_crossentropy", "bce", "binary_focal_crossentropy"])
_VALUES = frozenset([
    "mse", "mean_squared_error", "mae", "mean_absolute_error", "mape", "mean_absolute_percentage_error",
    "msle", "mean_squared_logarithmic_error", "huber", "log_cosh",
])  # fmt: skip
_BETWEEN_0_AND_1 = frozenset(["sigmoid", "hard_sigmoid"])
_PASSED = frozenset(["flatten", "reshape", "permute", "dropout", "global_average_pooling1d", "global_average_pooling2d",
                     "global_average_pooling3d"])  # fmt: skip
"""Layers between the last activation and the output that leave its range as it is."""


class _Head(NamedTuple):
    """An output, its loss, and the layer whose activation gives its values."""

    output: str
    loss: str
    layer: GraphLayer
    activation: str
    width: int
    note: Note
    loss_key: str

    @property
    def size_key(self) -> str | None:
        """Return the key that sets the width, if it is the output's own layer's."""
        return next((key for key in ("units", "filters") if hasattr(self.layer.layer, key)), None)

    def with_activation(self, kind: str) -> str:
        """Return how to end the output in an activation."""
        has_key = hasattr(self.layer.layer, "activation")
        if has_key and self.layer.name == self.output:
            return f"write `activation: {kind}` in {self.layer.name}"
        if self.activation == "linear":
            return f"add `- {kind}: {{from: {self.output}}}` and make it the output"
        if has_key:
            return f"write `activation: {kind}` in {self.layer.name} in place of {self.activation}"
        return f"use `{kind}` in place of {self.layer.name}"


def _heads(net: Net) -> Iterator[_Head]:
    train = net.spec.train
    if train is None:
        return
    for output in net.graph.outputs:
        loss = train.loss.get(output) if isinstance(train.loss, dict) else train.loss
        layer = net.layer(output)
        width = layer.output_shape[-1] if layer is not None else 0
        while layer is not None and layer.type in _PASSED:
            layer = net.source(layer)
        if layer is None or loss is None:
            continue
        activation = "linear" if layer.type == "batch_normalization" else activation_of(layer)
        if activation is not None:
            path = ("train", "loss", output) if isinstance(train.loss, dict) else ("train", "loss")
            note = Note(f"the loss of {output} is {loss}", net.spec.entry_span(*path))
            yield _Head(output, loss, layer, activation, width, note, path[-1])


def softmax_of_one(net: Net) -> Iterator[Finding]:
    """Softmax over one value.

    It gives 1 whatever the value is, so the net cannot learn.
    """
    for layer in net.layers:
        if activation_of(layer) != "softmax":
            continue
        axis = key_of(layer, "axis", -1)
        if layer.output_shape[axis if axis < 0 else axis - 1] == 1:
            yield Finding(
                f"the softmax of {layer.name} is over one value, so it is always 1",
                "use `sigmoid` and `loss: binary_crossentropy`, or an output for each class",
                layer,
                key="activation",
            )


def loss_activation(net: Net) -> Iterator[Finding]:
    """A last activation whose values the loss does not take.

    Crossentropy of logits, or of what relu and tanh give, takes logarithms of numbers that are no probabilities: the
    loss is clipped, jumps or stays still. Values with softmax can only be learned if they sum to 1.
    """
    for head in _heads(net):
        kind, softmax_of_one_value = head.activation, head.activation == "softmax" and head.width == 1
        ends = f"ends in {kind}" if kind != "linear" else "has no activation"
        if head.loss in _CLASSES and kind != "softmax" and head.width > 1:
            message = f"{head.loss} takes probabilities that sum to 1, but {head.layer.name} {ends}"
            remedy = head.with_activation("softmax")
            if kind in _BETWEEN_0_AND_1:
                remedy += f"; if several labels hold at once, `{head.loss_key}: binary_crossentropy`"
        elif head.loss in _EACH and kind == "softmax" and head.width > 2:
            message = (
                f"{head.loss} judges {head.width} outputs one by one, but the softmax of {head.layer.name} ties them"
            )
            remedy = f"use `{head.loss_key}: categorical_crossentropy`; if several labels hold at once, "
            remedy += head.with_activation("sigmoid")
        elif head.loss in _EACH and kind not in (*_BETWEEN_0_AND_1, "softmax"):
            message = f"{head.loss} takes probabilities from 0 to 1, but {head.layer.name} {ends}"
            remedy = head.with_activation("sigmoid")
        elif head.loss in _VALUES and kind == "softmax" and not softmax_of_one_value:
            message = (
                f"{head.loss} compares values, but the softmax of {head.layer.name} makes {head.width} of them sum to 1"
            )
            remedy = f"use `{head.loss_key}: categorical_crossentropy` for classes, or remove the softmax for values"
        else:
            continue
        yield Finding(message, remedy, head.layer, key="activation", notes=(head.note,))


def loss_width(net: Net) -> Iterator[Finding]:
    """As many outputs as the loss cannot use: one for a categorical loss, two with softmax for a binary one.

    A categorical loss compares the outputs with one another, and one alone is always right. A binary loss takes two
    outputs for two questions, while softmax makes them one.
    """
    for head in _heads(net):
        if head.loss in _CLASSES and head.width == 1 and head.activation != "softmax":
            message = f"{head.loss} needs an output for each class, {head.output} has 1"
            remedy = f"for two classes use `{head.loss_key}: binary_crossentropy` and `activation: sigmoid`"
            if head.size_key:
                remedy += f", or `{head.size_key}: 2` and `activation: softmax`"
        elif head.loss in _EACH and head.width == 2 and head.activation == "softmax":
            message = f"{head.loss} takes one probability for two classes, {head.output} has 2 outputs"
            remedy = f"use `{head.loss_key}: sparse_categorical_crossentropy`, or 1 output with `sigmoid`"
        else:
            continue
        yield Finding(message, remedy, head.layer, key=head.size_key, notes=(head.note,))


def accuracy_of_values(net: Net) -> Iterator[Finding]:
    """The metric accuracy of a net that predicts values.

    It counts the predictions that equal a class, and values equal none: it stays near 0 however good the net is.
    """
    train = net.spec.train
    for head in _heads(net):
        assert train is not None
        asked = train.metrics.get(head.output, []) if isinstance(train.metrics, dict) else train.metrics
        metric = next((name for name in asked if name in ("accuracy", "acc")), None)
        if metric is None or head.loss not in _VALUES or head.activation != "linear":
            continue
        path = ("train", "metrics", head.output) if isinstance(train.metrics, dict) else ("train", "metrics")
        yield Finding(
            f"'{metric}' counts right classes, but {head.output} gives values and its loss is {head.loss}",
            f"write `{path[-1]}: [mae]`",
            (net.spec.entry_span(*path), ".".join(path)),
            notes=(head.note,),
        )
