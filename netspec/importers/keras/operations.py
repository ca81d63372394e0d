"""Operations of Keras and TensorFlow in a functional model, such as the `+` of two tensors -> the layer that each is.

Keras 3 files them by their class (`keras.src.ops.numpy`, `Add`), Keras 2 as `TFOpLambda` with the function's name
(`__operators__.add`). Both are plain data: what is not in the tables here is refused, and nothing is looked up or run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from netspec.importers.faults import Faults, ModelFault
from netspec.importers.keras.layers import short_float
from netspec.importers.keras.names import snake_case
from netspec.ops import Shape


class _Read:
    """What is in the place of a tensor in the arguments of an operation; no file can hold it."""

    def __repr__(self) -> str:
        return "a tensor"


READ: Final = _Read()

LAMBDA = "TFOpLambda"
KERAS_OPS = "keras.src.ops"
_PREFIXES = ("__operators__.", "math.", "nn.", "linalg.", "compat.v1.", "compat.v2.", "keras.activations.")
_NAMES = {
    "concat": "concatenate", "truediv": "divide", "true_divide": "divide", "sub": "subtract", "mul": "multiply",
    "radd": "add", "rmul": "multiply", "reduce_mean": "mean", "reduce_sum": "sum", "reduce_max": "max",
    "reduce_min": "min", "swish": "silu", "hard_silu": "hard_swish", "add_n": "add", "stop_gradient": "identity",
}  # fmt: skip
_MERGES = ("add", "subtract", "multiply", "maximum", "minimum")
_FUNCTIONS = ("sigmoid", "tanh", "selu", "silu", "softplus", "hard_swish", "hard_sigmoid")
_REDUCTIONS = ("mean", "sum", "max", "min")

_LARGEST = 3.4e38

Found = tuple[str, dict[str, Any]]
"""A layer's type and keys."""


def is_operation(class_name: str, module: str | None) -> bool:
    """Say whether a layer of a file is an operation."""
    return class_name == LAMBDA or (module or "").startswith(KERAS_OPS)


def is_own_name(name: str, class_name: str) -> bool:
    """Say whether an operation's name is its own with a number, and was given by no person."""
    return name.startswith("tf.") or name.rstrip("0123456789").rstrip("_") == snake_case(class_name)


class Operation:
    """An operation, with its arguments by place and by name; `READ` is in the place of tensors."""

    def __init__(self, name: str, arguments: tuple[Any, ...], keywords: Mapping[str, Any], shown: str) -> None:
        for prefix in _PREFIXES:
            name = name.removeprefix(prefix)
        self.name = _NAMES.get(name, name)
        self.arguments = list(arguments)
        self.keywords = {key: value for key, value in keywords.items() if key != "name"}
        self.shown = shown

    @property
    def needs_ranks(self) -> bool:
        """Whether the layer that it is depends on how many axes it reads."""
        return self.name in ("expand_dims", "squeeze")

    def layer(self, shapes: tuple[Shape, ...]) -> Found | None:
        """Return the layer that it is; `identity` where it does nothing, and None where it is none."""
        if self.name in (*_MERGES, "divide"):
            return self._arithmetic(shapes)
        if self.name == "concatenate":
            values = self._take(None, "values", "xs", "arrays", "tensors")
            if values != [READ] * len(shapes):
                raise ModelFault(f"{self.shown} joins {str(values)[:60]}, of which not all are tensors")
            return self._only(("concatenate", {"axis": self._take(-1, "axis")}))
        if self._take(None, "x", "features", "input", "logits", "tensor", "input_tensor", "a", "inputs") != READ:
            return None
        if len(shapes) != 1:
            return None
        return self._of_one(shapes[0])

    def _of_one(self, shape: Shape) -> Found | None:
        if self.name in _FUNCTIONS:
            found: Found = self.name, {}
        elif self.name in ("relu", "relu6"):
            found = "relu", {"max_value": 6.0} if self.name == "relu6" else {}
        elif self.name == "softmax":
            found = "softmax", {"axis": -1 if (axis := self._take(-1, "axis")) is None else axis}
        elif self.name == "leaky_relu":
            found = "leaky_relu", {"negative_slope": short_float(self._take(0.2, "alpha", "negative_slope"))}
        elif self.name == "elu":
            found = "elu", {"alpha": self._take(1.0, "alpha")}
        elif self.name == "gelu":
            found = "gelu", {"approximate": bool(self._take(False, "approximate"))}
        elif self.name in _REDUCTIONS:
            axis = self._take(None, "axis")
            keys = {"op": self.name, "axis": list(axis) if isinstance(axis, list | tuple) else axis}
            found = "reduce", keys | {"keepdims": bool(self._take(False, "keepdims"))}
        elif self.name == "identity":
            found = "identity", {}
        elif (view := self._view(shape)) is not None:
            found = view
        else:
            return None
        return self._only(found)

    def _view(self, shape: Shape) -> Found | None:
        if self.name == "reshape":
            target = self._take(None, "shape", "newshape")
            if isinstance(target, list | tuple) and len(target) > 1 and target[0] in (-1, None):
                return "reshape", {"target_shape": list(target[1:])}
            raise ModelFault(f"{self.shown} changes the shape to {str(target)[:60]}, and the batch with it")
        if self.name == "transpose":
            order = self._take(None, "perm", "axes")
            if isinstance(order, list | tuple) and len(order) > 1 and order[0] == 0:
                return "permute", {"dims": list(order[1:])}
            raise ModelFault(f"{self.shown} takes the axes in the order {str(order)[:60]}, and moves the batch")
        if self.name in ("expand_dims", "squeeze"):
            axis = self._take(None, "axis")
            rank = len(shape) + (2 if self.name == "expand_dims" else 1)
            if isinstance(axis, list) and len(axis) == 1:
                axis = axis[0]
            if not isinstance(axis, int) or not -rank <= axis < rank or axis % rank == 0:
                raise ModelFault(f"{self.shown} has the axis {str(axis)[:60]}, which is the batch or none")
            at = axis % rank - 1
            target = [*shape[:at], 1, *shape[at:]] if self.name == "expand_dims" else [*shape[:at], *shape[at + 1 :]]
            return "reshape", {"target_shape": target}
        return None

    def _arithmetic(self, shapes: tuple[Shape, ...]) -> Found | None:
        """Return a merge of tensors of one rank, or the rescaling that arithmetic with a number is."""
        if len(self.arguments) == 1 and isinstance(self.arguments[0], list):
            self.arguments = self.arguments[0]
        one = self._take(None, "x", "x1", "a")
        two = self._take(None, "y", "x2", "b")
        if one == READ and two == READ:
            if self.name == "divide":
                return None
            ranks = {len(shape) for shape in shapes}
            if len(ranks) > 1:
                raise ModelFault(f"{self.shown} joins tensors of {min(ranks)} and {max(ranks)} axes")
            self.arguments = [each for each in self.arguments if each != READ]  # add_n has more
            return self._only((self.name, {}))
        if one is None or two is None:
            raise ModelFault(f"{self.shown} has one operand, {self.name} takes two")
        number = two if one == READ else one
        if isinstance(number, bool) or not isinstance(number, int | float) or abs(number) > _LARGEST:
            raise ModelFault(
                f"{self.shown} computes with the constant {str(number)[:40]!r}, which is no number",
                help="use a layer with weights, such as batch_normalization or a 1x1 convolution",
            )
        return self._only(self._with_number(float(number), first=one == READ))

    def _with_number(self, number: float, *, first: bool) -> Found:
        """Return `x OP number`, or with `first` false `number OP x`."""
        if self.name == "add":
            return "rescaling", {"scale": 1.0, "offset": short_float(number)}
        if self.name == "subtract":
            scale, offset = (1.0, -number) if first else (-1.0, number)
            return "rescaling", {"scale": scale, "offset": short_float(offset)}
        if self.name == "multiply":
            return "rescaling", {"scale": short_float(number)}
        if self.name == "divide" and first and number:
            return "rescaling", {"scale": 1.0 / number}
        if self.name == "maximum" and number == 0:
            return "relu", {}
        raise ModelFault(f"{self.shown} is {self.name} with the number {number:g}, which is no layer")

    def _take(self, default: Any, *names: str) -> Any:
        """Return an argument by one of its names, or else the next one by place."""
        for name in names:
            if name in self.keywords:
                return self.keywords.pop(name)
        return self.arguments.pop(0) if self.arguments else default

    def _only(self, found: Found) -> Found:
        """Return a layer if every argument was understood."""
        left = [str(value) for value in self.arguments if value not in (None, False)]
        left += [f"{key}={value}" for key, value in self.keywords.items() if value not in (None, False)]
        Faults(
            ModelFault(f"{self.shown} has the argument {each[:60]!r}, for which a spec has no key") for each in left
        ).raise_found()
        return found
