"""conv1d_transpose, conv2d_transpose: each input position adds a window of values to a larger output."""

from __future__ import annotations

from math import prod
from typing import Annotated, Any, ClassVar, Literal

from netspec.diagnostics import InvalidValue
from netspec.keys.keys import Field, Parsed
from netspec.layers._conv import KERNEL_SIZE, Convolution
from netspec.layers._explanation import (
    Equation,
    Explanation,
    axis_names,
    counted,
    listed,
    product,
    sized,
    with_bias,
    worked,
)
from netspec.layers._pytorch import TorchAxis, transposed
from netspec.layers._types import Amounts1, Amounts2, Size, Sizes1, Sizes2
from netspec.layers._weighted import Kernelled
from netspec.layers._window import effective_size, written
from netspec.layers.base import DeviceUnsupported, KerasCall, LayerError, Weight, describe
from netspec.ops import Op, Shape

_STRIDES = "Distance of the windows in the output, which grows by it: one number for all axes, or one for each."


def _parse_padding(value: Any) -> str:
    if value in ("valid", "same"):
        return str(value)
    raise InvalidValue(
        "must be valid or same for a transposed convolution",
        lambda key: f"for the amounts of PyTorch use `{key}: valid` and a cropping layer after it",
    )


TransposePadding = Annotated[str, Parsed(_parse_padding, Literal["valid", "same"])]


def transposed_size(
    length: int, kernel: int, stride: int, dilation: int, padding: str, output_padding: int | None
) -> int:
    """Return the output's length along one axis, as Keras' `compute_conv_transpose_output_shape` gives it.

    Without `output_padding`: length * stride for `same`, and for `valid` what the windows cover, but at least that.
    """
    span = effective_size(kernel, dilation)
    if padding == "valid":
        return (length - 1) * stride + (max(span, stride) if output_padding is None else span + output_padding)
    if output_padding is None:
        return length * stride
    return (length - 1) * stride + span % 2 + output_padding


class _ConvTranspose(Convolution, Kernelled):
    filters: Size = Field(description="Number of output channels.", examples=[8])
    padding: TransposePadding = Field(
        "valid", description="`valid`: all that the windows cover. `same`: the input's size times the strides."
    )
    output_padding: Shape | None

    def check(self, shape: Shape) -> None:
        """Raise `LayerError` for what Keras refuses, and for lengths that TensorFlow does."""
        super().check(shape)
        if self.output_padding is None:
            return
        if any(amount >= stride for amount, stride in zip(self.output_padding, self.strides, strict=True)):
            raise LayerError(
                f"output_padding {written(self.output_padding)} of {{layer}} must be less than "
                f"strides {written(self.strides)}",
                field="output_padding",
                help="leave it out, or use larger strides",
                rule="keras-restriction",
            )
        for axis, length in enumerate(self._sizes(shape)):
            # TensorFlow asks that a `same` convolution with these strides lead back from the output to the input.
            stride = self.strides[axis]
            least, most = (shape[axis] - 1) * stride + 1, shape[axis] * stride
            if self.padding == "same" and not least <= length <= most:
                needed = str(most) if least == most else f"{least} to {most}"
                raise LayerError(
                    f"output_padding {written(self.output_padding)} of {{layer}} makes axis {axis + 1} {length} long, "
                    f"but TensorFlow needs {needed} there for the input {describe(shape)}",
                    field="output_padding",
                    help=f"leave it out for {most}, or use an odd kernel_size",
                    rule="keras-restriction",
                )

    def _sizes(self, shape: Shape) -> Shape:
        amounts: tuple[int | None, ...] = self.output_padding or (None,) * self.rank
        axes = zip(shape[:-1], self.kernel_size, self.strides, self.dilation_rate, amounts, strict=True)
        return tuple(
            transposed_size(length, kernel, stride, dilation, self.padding, amount)
            for length, kernel, stride, dilation, amount in axes
        )

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        self.check(inputs[0])
        return (*self._sizes(inputs[0]), self.filters)

    def _kernel_shape(self, shape: Shape) -> Shape:
        """Return Keras' layout, in which the filters come before the input's channels."""
        return (*self.kernel_size, self.filters, shape[-1])

    def weights(self, inputs: tuple[Shape, ...]) -> tuple[Weight, ...]:
        return (Weight("kernel", self._kernel_shape(inputs[0])), *self.bias_weights(self.filters))

    def macs(self, inputs: tuple[Shape, ...]) -> int:
        """Return input positions x kernel volume; products that `same` cuts off at the border count."""
        return prod(inputs[0][:-1]) * prod(self._kernel_shape(inputs[0]))

    def explain(self, inputs: tuple[Shape, ...]) -> Explanation:
        shape, output = inputs[0], self.output_shape(inputs)
        names = axis_names(shape)[:-1]
        channels, filters = shape[-1], self.filters
        sizes = {f"kernel {name}": size for name, size in zip(names, self.kernel_size, strict=True)}
        weights = product("weights", sizes | {"input channels": channels})
        kernel = product("kernel", sizes | {"filters": filters, "input channels": channels})
        read = {f"input {name}": size for name, size in zip(names, shape[:-1], strict=True)}
        axes = [
            TorchAxis(length, size, stride, dilation, 0, 0, length_out)
            for length, size, stride, dilation, length_out in zip(
                shape[:-1], self.kernel_size, self.strides, self.dilation_rate, output[:-1], strict=True
            )
        ]
        return Explanation(
            shape=(*self._size_equations(names, shape, output), sized("channels", "filters", filters)),
            why_shape=(
                f"each position of {listed(names)} adds a window of {'x'.join(map(str, self.kernel_size))} to the "
                "output, where windows stand as far apart as the strides say",
                "`same` cuts the ends off, so that the output is the input times the strides"
                if self.padding == "same" and self.output_padding is None
                else "`same` cuts half a window off each end, and output_padding adds to the last"
                if self.padding == "same"
                else "`valid` keeps all that the windows cover",
            ),
            parameters=(kernel, *self.bias_equations("filters", filters)),
            total=with_bias(weights, {"filters": filters}) if self.use_bias else None,
            why_parameters=(
                f"a filter is as deep as its input, {counted(channels, 'channel')}: "
                f"{worked(weights)} weights in each of {filters}",
                "in Keras' array the filters come before the channels",
            ),
            macs=product("multiply-accumulates", read | {"weights of the kernel": kernel.result}),
            pytorch=transposed(axes, channels, filters, bias=self.use_bias),
        )

    def _size_equations(self, names: tuple[str, ...], shape: Shape, output: Shape) -> tuple[Equation, ...]:
        """Return what `transposed_size` computes, axis by axis."""
        found = []
        for axis, name in enumerate(names):
            source, size = f"input {name}", f"kernel {name}"
            values = {
                source: shape[axis],
                "stride": self.strides[axis],
                size: self.kernel_size[axis],
                "dilation": self.dilation_rate[axis],
            }
            span = f"{{{size}}}" if values["dilation"] == 1 else f"({{dilation}} * ({{{size}}} - 1) + 1)"
            extra = ""
            if self.output_padding is not None:
                extra = " + {output padding}"
                values["output padding"] = self.output_padding[axis]
            if self.padding == "same" and not extra:
                template = f"{{{source}}} * {{stride}}"
            elif self.padding == "same":
                template = f"({{{source}}} - 1) * {{stride}} + {span} - 2 * floor({span} / 2){extra}"
            elif extra:
                template = f"({{{source}}} - 1) * {{stride}} + {span}{extra}"
            else:
                template = f"({{{source}}} - 1) * {{stride}} + max({span}, {{stride}})"
            found.append(Equation(name, template, values, output[axis]))
        return tuple(found)

    def keras(self, inputs: tuple[Shape, ...]) -> tuple[KerasCall, ...]:
        amounts = None if self.output_padding is None else list(self.output_padding)
        config = {"filters": self.filters, "output_padding": amounts} | self.keras_common("kernel")
        return self.keras_window(f"Conv{self.rank}DTranspose", config)

    def ops(self, inputs: tuple[Shape, ...], name: str) -> tuple[Op, ...]:
        output = self.output_shape(inputs)
        raise DeviceUnsupported(
            f"{{layer}} cannot run on the device: netspec has no int8 kernel for {self.type} yet",
            help=f"use `- dense: {{units: {prod(output)}}}` and `- reshape: {{target_shape: {list(output)}}}` "
            "after `flatten`, where that is small enough",
        )


class Conv1DTranspose(_ConvTranspose):
    """1-D transposed convolution over (steps, channels)."""

    type: ClassVar[str] = "conv1d_transpose"
    input_ranks: ClassVar[tuple[int, ...] | None] = (2,)
    rank: ClassVar[int] = 1
    kernel_size: Sizes1 = Field(description=KERNEL_SIZE)
    strides: Sizes1 = Field((1,), description=_STRIDES)
    output_padding: Amounts1 | None = Field(None, description="Steps added after; less than the strides.")
    dilation_rate: Sizes1 = Field((1,), description="TensorFlow runs more than 1 on a GPU only.")


class Conv2DTranspose(_ConvTranspose):
    """2-D transposed convolution over (height, width, channels)."""

    type: ClassVar[str] = "conv2d_transpose"
    input_ranks: ClassVar[tuple[int, ...] | None] = (3,)
    rank: ClassVar[int] = 2
    kernel_size: Sizes2 = Field(description=KERNEL_SIZE)
    strides: Sizes2 = Field((1, 1), description=_STRIDES)
    output_padding: Amounts2 | None = Field(None, description="Rows and columns added after; less than the strides.")
    dilation_rate: Sizes2 = Field((1, 1), description="TensorFlow runs more than 1 on a GPU only.")
