"""A sliding window explained: output sizes, zeros at the edges, what is left unread; for convolutions and pools."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

from netspec.layers._explanation import Equation, axis_names, counted, listed
from netspec.layers._pytorch import TorchAxis
from netspec.layers._types import ExplicitPadding
from netspec.layers._window import effective_size, window_padding
from netspec.ops import Shape

_UNITS = {"steps": "step", "height": "row", "width": "column", "depth": "plane"}
_SIDES = {"height": ("above", "below"), "width": ("on the left", "on the right")}


@dataclass(frozen=True, slots=True)
class Axis:
    """A window on one axis: `window` is its size as its key says it, `before` and `after` the zeros at the ends."""

    name: str
    length: int
    window: int
    stride: int
    dilation: int
    before: int
    after: int
    output: int

    @property
    def span(self) -> int:
        return effective_size(self.window, self.dilation)

    @property
    def unread(self) -> int:
        """Return how many inputs stand behind the end of the last window."""
        end = (self.output - 1) * self.stride + self.span - self.before
        return max(self.length - end, 0)

    @property
    def sides(self) -> tuple[str, str]:
        return _SIDES.get(self.name, ("before", "after"))

    def counted(self, number: int) -> str:
        return counted(number, _UNITS[self.name])


@dataclass(frozen=True, slots=True)
class Window:
    """A window over the spatial axes of an input; `word` is what one size of it is called: kernel, pool."""

    word: str
    padding: str | ExplicitPadding
    axes: tuple[Axis, ...]

    def shape(self) -> tuple[Equation, ...]:
        """Return the output's size along each axis."""
        return tuple(self._size(axis) for axis in self.axes)

    def _size_name(self, axis: Axis) -> str:
        return f"{self.word} {axis.name if len(self.axes) > 1 else 'size'}"

    def _span(self, axis: Axis) -> tuple[str, dict[str, int]]:
        """Return how many inputs the window spans, as part of a template, and its values."""
        size = self._size_name(axis)
        if axis.dilation == 1:
            return f"{{{size}}}", {size: axis.window}
        return f"({{dilation}} * ({{{size}}} - 1) + 1)", {"dilation": axis.dilation, size: axis.window}

    def _size(self, axis: Axis) -> Equation:
        source = f"input {axis.name}"
        values = {source: axis.length, "stride": axis.stride}
        if self.padding in ("same", "causal"):
            return Equation(axis.name, f"ceil({{{source}}} / {{stride}})", values, axis.output)
        span, sizes = self._span(axis)
        zeros = "" if self.padding == "valid" else " + {before} + {after}"
        values |= sizes if not zeros else {"before": axis.before, "after": axis.after, **sizes}
        return Equation(axis.name, f"floor(({{{source}}}{zeros} - {span}) / {{stride}}) + 1", values, axis.output)

    def added(self) -> tuple[Equation, ...]:
        """Return how much `same` pads along each axis."""
        if self.padding != "same":
            return ()
        found = []
        for axis in self.axes:
            span, sizes = self._span(axis)
            output, source = f"output {axis.name}", f"input {axis.name}"
            template = f"max(({{{output}}} - 1) * {{stride}} + {span} - {{{source}}}, 0)"
            values = {output: axis.output, "stride": axis.stride, **sizes, source: axis.length}
            found.append(Equation(f"padding along {axis.name}", template, values, axis.before + axis.after))
        return tuple(found)

    def edges(self) -> Iterator[str]:
        """Yield what becomes of the input's edges: what is padded, values that no window reads."""
        if self.padding == "valid":
            yield "`valid` pads nothing: a window stands only where all of it fits"
        elif self.padding == "causal":
            before = self.axes[0].counted(self.axes[0].before)
            yield f"`causal` puts {before} of zeros before and none after: no output sees a later step"
        elif self.padding == "same":
            outside = "takes no part" if self.word == "pool" else "is zero"
            yield (
                "`same` lets windows reach beyond the edges, half at each end, until there are ceil(input / stride); "
                f"what lies outside {outside}"
            )
        for axis in self.axes:
            if self.padding == "same" and axis.before != axis.after:
                first, last = axis.sides
                yield f"the odd one goes last, as in TensorFlow: {axis.before} {first}, {axis.after} {last}"
            if axis.stride > axis.span and axis.output > 1:
                yield (
                    f"the stride of {axis.stride} leaves {axis.counted(axis.stride - axis.span)} unread "
                    f"between two windows of {axis.span}"
                )
            if axis.unread:
                ends = axis.length - axis.unread
                verb = "is" if axis.unread == 1 else "are"
                yield (
                    f"the last {axis.counted(axis.unread)} of {axis.length} {verb} never read: "
                    f"window {axis.output} ends at {_UNITS[axis.name]} {ends}, and another does not fit"
                )

    def torch_axes(self) -> tuple[TorchAxis, ...]:
        return tuple(
            TorchAxis(axis.length, axis.window, axis.stride, axis.dilation, axis.before, axis.after, axis.output)
            for axis in self.axes
        )

    def factors(self) -> dict[str, int]:
        """Return the window's sizes by name, as factors of a product."""
        return {self._size_name(axis): axis.window for axis in self.axes}

    def positions(self) -> dict[str, int]:
        """Return the output's spatial sizes by name, as factors of a product."""
        return {f"output {axis.name}": axis.output for axis in self.axes}

    @property
    def size(self) -> int:
        return prod(axis.window for axis in self.axes)

    @property
    def where(self) -> str:
        """Return the axes along which it moves, as a sentence has them."""
        return listed([axis.name for axis in self.axes])


def explained_window(
    word: str,
    shape: Shape,
    sizes: Shape,
    strides: Shape,
    dilation: Shape,
    padding: str | ExplicitPadding,
    output: Shape,
) -> Window:
    """Return the window of a layer that makes `output` of an input of `shape`, both with their channels."""
    amounts = window_padding(shape[:-1], sizes, strides, dilation, padding)
    return Window(
        word,
        padding,
        tuple(
            Axis(name, length, size, stride, spread, before, after, length_out)
            for name, length, size, stride, spread, (before, after), length_out in zip(
                axis_names(shape)[:-1], shape[:-1], sizes, strides, dilation, amounts, output[:-1], strict=True
            )
        ),
    )
