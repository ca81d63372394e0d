"""What every layer answers: keys, shape, weights, multiply-accumulates, its Keras form and its int8 ops."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from math import prod
from typing import Any, ClassVar, Literal

from netspec.keys.keys import Field, Keys
from netspec.layers._explanation import Explanation
from netspec.layers._types import INITIALIZER_RANKS, Identifier
from netspec.layers.registry import LAYER_TYPES
from netspec.ops import Op, Shape
from netspec.ops.builder import Builder, Value


class LayerError(Exception):
    """A layer that cannot do what it is asked; `field` is the key at fault, which the graph turns into a place.

    `layer.units` is the key of the layer that a wrapper holds.

    A layer does not know its name: where message or help say `{layer}`, the graph writes it.
    """

    def __init__(
        self, message: str, *, field: str | None = None, help: str | None = None, rule: str = "shape-mismatch"
    ) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.help = help
        self.rule = rule


class DeviceUnsupported(LayerError):
    """A layer that Keras can run and the device cannot."""

    def __init__(self, message: str, *, field: str | None = None, help: str | None = None) -> None:
        super().__init__(message, field=field, help=help, rule="unsupported-on-device")


LARGEST_TENSOR = 2**63 - 1
"""Elements. TensorFlow and NumPy count them in 64 bits, and Python refuses to print numbers of thousands of digits."""
MOST_AXES = 254
"""Axes of a tensor in TensorFlow."""


def require_tensor_size(elements: int, axes: int, what: str, field: str | None = None) -> None:
    """Raise `LayerError` (rule `tensor-too-large`) where no tensor has so many elements or axes."""
    if elements > LARGEST_TENSOR:
        raise LayerError(
            f"{what} has more elements than the {LARGEST_TENSOR:,} that 64 bits count",
            field=field,
            help="choose smaller sizes",
            rule="tensor-too-large",
        )
    if axes > MOST_AXES:
        raise LayerError(
            f"{what} has {axes} axes, TensorFlow's tensors have {MOST_AXES} at most",
            field=field,
            help=f"use at most {MOST_AXES} axes",
            rule="tensor-too-large",
        )


@dataclass(frozen=True, slots=True)
class Weight:
    """One array of a layer: `name` and `shape` as Keras has them, `trainable` before the layer's own switch."""

    name: str
    shape: Shape
    trainable: bool = True


Integers = Literal["refused", "kept", "converted"]
"""What a layer does with int32: nothing, give integers again, or give floats."""

KERAS_LAYERS = "keras.layers"


@dataclass(frozen=True, slots=True)
class KerasCall:
    """A Keras layer to construct: `keras.layers.<class_name>(**config)`.

    A value of `config` may be another call: the layer that a wrapper holds. With another `module` it is an operation,
    which Keras constructs as it does from a saved model; as a value it must bring its `name`.
    """

    class_name: str
    config: Mapping[str, Any] = field(default_factory=dict)
    module: str = KERAS_LAYERS


class Layer(Keys):
    """Keys common to all layers, and the questions a layer answers.

    Shapes have no batch axis. `inputs` is the tuple of input shapes: one shape unless `merges`.
    Methods raise `LayerError` with the key at fault; they know no YAML and no neighbour.
    """

    type: ClassVar[str]
    family: ClassVar[str]  # the heading that the reference lists it under
    merges: ClassVar[bool] = False
    wraps: ClassVar[bool] = False  # holds another layer under the key `layer`
    input_ranks: ClassVar[tuple[int, ...] | None] = None  # ranks with the batch axis left out; None: any
    integers: ClassVar[Integers] = "refused"

    name: Identifier | None = Field(None, description="Unique name; default: the type, numbered as Keras does.")
    from_: Identifier | list[Identifier] | None = Field(
        None,
        alias="from",
        description="What it reads: a layer or input, or a list of them for merges; default: the item before.",
    )

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """Return the output's shape."""
        raise NotImplementedError

    def check_trainable(self) -> None:
        """Raise `LayerError` for what Keras constructs and TensorFlow cannot compute.

        Imported integers never meet TensorFlow, so a spec of these may have such a layer.
        """

    def check_initializers(self, inputs: tuple[Shape, ...]) -> None:
        """Raise `LayerError` for an initializer that Keras refuses for the rank of its weights."""
        for weight in self.weights(inputs):
            key = _initializer_key(type(self), weight.name)  # type: ignore[arg-type]  # classes do have a hash
            if key is None:
                continue
            initializer, _ = getattr(self, key)
            if initializer not in INITIALIZER_RANKS:
                continue
            least, most = INITIALIZER_RANKS[initializer]
            rank = len(weight.shape)
            if rank < least or (most is not None and rank > most):
                wanted = f"{least} axes" if most == least else f"at least {least} axes"
                name = weight.name.replace("_", " ")
                raise LayerError(
                    f"'{initializer}' makes weights of {wanted}, the {name} {describe(weight.shape)} of {{layer}} has "
                    f"{rank}",
                    field=key,
                    help=f"write `{key}: {self.keys[key].declared.default[0]}`",
                    rule="keras-restriction",
                )

    def reads_integers(self) -> Integers:
        """Return what becomes of int32 inputs, which Keras does not convert for a layer."""
        return self.integers

    def weights(self, inputs: tuple[Shape, ...]) -> tuple[Weight, ...]:
        """Return the arrays of the layer in Keras' order."""
        return ()

    def macs(self, inputs: tuple[Shape, ...]) -> int:
        """Return multiply-accumulates of one inference; additions, comparisons and tables count none."""
        return 0

    def explain(self, inputs: tuple[Shape, ...]) -> Explanation:
        """Return where the output's shape, the parameters and the cost come from; `inputs` fit the layer."""
        raise NotImplementedError

    def keras(self, inputs: tuple[Shape, ...]) -> tuple[KerasCall, ...]:
        """Return the Keras layers that compute this one, in order; the last carries the layer's name and weights."""
        raise NotImplementedError

    def ops(self, inputs: tuple[Shape, ...], name: str) -> tuple[Op, ...]:
        """Return the chain of ops that computes this layer; empty where inference does nothing.

        The first op reads the layer's inputs, each further one the op before it. `name` is the layer's, by which its
        weights are found. A layer that is no chain has `lower` instead.
        """
        raise NotImplementedError

    def lower(self, to: Builder, inputs: tuple[Value, ...]) -> Value:
        """Return the layer's output, computed by the ops that it records in the builder."""
        return to.chain(inputs, self.ops(tuple(each.shape for each in inputs), to.layer))


@cache
def _initializer_key(layer_class: type[Layer], weight: str) -> str | None:
    """Return the key that says how a weight is initialized, if the class has one."""
    names = (weight, weight.removesuffix("_kernel"), "depthwise")
    return next((each for name in names if (each := f"{name}_initializer") in layer_class.keys), None)


def check_rank(layer: Layer, shape: Shape) -> None:
    """Raise `LayerError` unless the layer takes inputs of this shape's rank."""
    ranks = layer.input_ranks
    if ranks is None or len(shape) in ranks:
        return
    forms = {
        1: "(features)",
        2: "(steps, channels)",
        3: "(height, width, channels)",
        4: "(depth, height, width, channels)",
    }
    wanted = " or ".join(forms[rank] for rank in ranks)
    raise LayerError(
        f"{layer.type} takes {wanted}, not the input {describe(shape)} of {{layer}}",
        help=_rank_help(layer.type, shape, ranks),
        rule="rank-mismatch",
    )


def _rank_help(layer_type: str, shape: Shape, ranks: tuple[int, ...]) -> str:
    sibling = re.sub(r"\dd", f"{len(shape) - 1}d", layer_type)  # also of a type like conv2d_transpose
    remedies = [f"use `{sibling}`"] if sibling in LAYER_TYPES and sibling != layer_type else []
    missing = ranks[0] - len(shape)
    if missing > 0:
        target = [*shape, *[1] * missing]
        remedies.append(f"add {'a channel axis' if missing == 1 else 'axes'}: `- reshape: {{target_shape: {target}}}`")
    elif ranks[0] == 2:
        target = [prod(shape[:-1]), shape[-1]]
        remedies.append(f"merge axes: `- reshape: {{target_shape: {target}}}`")
    elif ranks[0] == 1:
        remedies.append("`flatten` the input")
    else:
        remedies.append("`reshape` the input")
    return ", or ".join(remedies)


def describe(shape: Shape) -> str:
    """Return a shape as messages print it: `(45, 45, 1)`."""
    return "(" + ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "") + ")"
