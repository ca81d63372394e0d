"""The geometry of a convolution as kernels are told it, and what follows from it."""

from __future__ import annotations

from dataclasses import dataclass

Pair = tuple[int, int]
"""(height, width)."""

Shape = tuple[int, int, int]
"""(height, width, channels)."""


@dataclass(frozen=True, slots=True)
class Window:
    """A window over one image. `padding` is (top, left); what lies below and right follows from the output's size."""

    input_hwc: Shape
    kernel_hw: Pair
    output_hwc: Shape
    strides: Pair = (1, 1)
    dilation: Pair = (1, 1)
    padding: Pair = (0, 0)

    @property
    def taps(self) -> int:
        return self.kernel_hw[0] * self.kernel_hw[1]

    @property
    def size(self) -> str:
        return f"{self.kernel_hw[0]}x{self.kernel_hw[1]}"

    @property
    def undilated(self) -> bool:
        return self.dilation == (1, 1)

    def last_start(self, axis: int) -> int:
        """Return where the last window begins along an axis; 0 is the input's first value."""
        return (self.output_hwc[axis] - 1) * self.strides[axis] - self.padding[axis]

    def last_end(self, axis: int) -> int:
        """Return where the last window ends along an axis, dilation included."""
        return self.last_start(axis) + (self.kernel_hw[axis] - 1) * self.dilation[axis] + 1

    @property
    def in_one_piece(self) -> bool:
        """Return whether the bytes under every window are one run of the input's: a row of taps, and no padding."""
        row = self.kernel_hw[0] == 1 and (self.dilation[1] == 1 or self.kernel_hw[1] == 1)
        return row and self.padding == (0, 0) and all(self.last_end(axis) <= self.input_hwc[axis] for axis in (0, 1))
