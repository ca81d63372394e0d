"""reduce: axes summed up to one value, or to their mean, maximum or minimum."""

from __future__ import annotations

from typing import ClassVar, Literal

from netspec.keys.keys import Field
from netspec.layers._axes import Axes, axes_of
from netspec.layers._explanation import Explanation, axis_names, listed, product, single, sized, worked
from netspec.layers.base import DeviceUnsupported, Integers, KerasCall, Layer
from netspec.ops import NO_PADDING, Mean, Op, Pool2D, Shape, hwc

KERAS_OPS = "keras.src.ops.numpy"  # where Keras' own files say that its operations are


class Reduce(Layer):
    """One value in place of `axis`; by default in place of all axes but the batch.

    In Keras it is the operation `keras.ops.<op>`, under the name of an identity after it: a layer can be found by its
    name in the model, an operation cannot.
    """

    family: ClassVar[str] = "reduction"
    type: ClassVar[str] = "reduce"
    op: Literal["sum", "mean", "max", "min"] = Field(
        description="What becomes of the values along the axes.", examples=["mean"]
    )
    axis: Axes | None = Field(
        None, description="The axes that go; default: all. The batch is axis 0.", examples=[[1, 2]]
    )
    keepdims: bool = Field(False, description="Leave an axis of size 1 in place of each.")

    def reads_integers(self) -> Integers:
        return "converted" if self.op == "mean" else "kept"

    def _axes(self, shape: Shape) -> tuple[int, ...]:
        """Return the axes, counted without the batch, in order."""
        if self.axis is None:
            return tuple(range(len(shape)))
        return tuple(sorted(axes_of(self.axis, shape)))

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        gone = self._axes(inputs[0])
        if self.keepdims:
            return tuple(1 if axis in gone else size for axis, size in enumerate(inputs[0]))
        return tuple(size for axis, size in enumerate(inputs[0]) if axis not in gone)

    def explain(self, inputs: tuple[Shape, ...]) -> Explanation:
        shape, gone, names = inputs[0], self._axes(inputs[0]), axis_names(inputs[0])
        left = [(name, size) for axis, (name, size) in enumerate(zip(names, shape, strict=True)) if axis not in gone]
        if self.keepdims:
            equations = tuple(
                single(name) if axis in gone else sized(name, f"input {name}", shape[axis])
                for axis, name in enumerate(names)
            )
        else:
            called = axis_names(tuple(size for _, size in left))
            equations = tuple(
                sized(name, f"input {source}", size) for name, (source, size) in zip(called, left, strict=True)
            )
        values = product("values", {names[axis]: shape[axis] for axis in gone})
        word = {"sum": "sum", "mean": "mean", "max": "largest", "min": "least"}[self.op]
        kept_ones = "; `keepdims` leaves axes of size 1" if self.keepdims else ""
        return Explanation(
            equations,
            (
                f"the {word} of {worked(values)} values over "
                f"{listed([names[axis] for axis in gone])} stands in their place{kept_ones}",
            ),
            why_parameters=("a fixed rule: nothing is learned",),
        )

    def keras(self, inputs: tuple[Shape, ...]) -> tuple[KerasCall, ...]:
        axes = [axis + 1 for axis in self._axes(inputs[0])]
        operation = KerasCall(self.op.capitalize(), {"axis": axes, "keepdims": self.keepdims}, KERAS_OPS)
        return (operation, KerasCall("Activation", {"activation": "linear"}))

    def ops(self, inputs: tuple[Shape, ...], name: str) -> tuple[Op, ...]:
        shape, output = inputs[0], self.output_shape(inputs)
        spatial = len(shape) in (2, 3) and self._axes(shape) == tuple(range(len(shape) - 1))
        if self.op == "mean" and spatial:
            return (Mean(hwc(shape), output),)
        if self.op == "max" and spatial:
            window = hwc(shape)[:2]
            return (Pool2D("max", hwc(shape), output, window, window, NO_PADDING),)
        if self.op in ("mean", "max"):
            raise DeviceUnsupported(
                f"netspec has no int8 kernel for {self.op} over axis {self.axis} of {{layer}} yet",
                field="axis",
                help="use all axes but the channels: `axis: 1` of (steps, channels), `axis: [1, 2]` of images",
            )
        raise DeviceUnsupported(
            f"netspec has no int8 kernel for {self.op} of {{layer}} yet", field="op", help=self._remedy(shape)
        )

    def _remedy(self, shape: Shape) -> str:
        if self.op == "min":
            return "use `op: max`, after and before `- rescaling: {scale: -1.0}`"
        if self._axes(shape) == (len(shape) - 1,):
            return "use `- dense: {units: 1, use_bias: false, kernel_initializer: ones, trainable: false}`"
        return "use `op: mean`, then rescaling for the sum"
