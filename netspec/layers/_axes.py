"""Axes as Keras counts them: the batch is axis 0, negative axes count from the end."""

from __future__ import annotations

from netspec.layers.base import LayerError, describe
from netspec.ops import Shape

Axes = int | list[int]


def axis_of(axis: int, shape: Shape, field: str = "axis") -> int:
    """Return `axis` counted without the batch. Raises `LayerError` at `field` where `shape` has no such axis."""
    rank = len(shape) + 1
    positive = axis + rank if axis < 0 else axis
    if not 1 <= positive < rank:
        raise LayerError(
            f"axis {axis} is none of the axes 1 to {rank - 1} of the input {describe(shape)} of {{layer}}",
            field=field,
            help=f"use `{field}: -1`, the channels; axis 0 is the batch",
            rule="invalid-value",
        )
    return positive - 1


def axes_of(axes: Axes, shape: Shape, field: str = "axis") -> tuple[int, ...]:
    """Return one axis or several, counted without the batch and in the given order.

    Raises `LayerError` at `field` for an axis that `shape` does not have, and for one that is named twice.
    """
    given = axes if isinstance(axes, list) else [axes]
    counted = tuple(axis_of(axis, shape, field) for axis in given)
    if len(set(counted)) < len(counted):
        raise LayerError(
            f"{field} {given} of {{layer}} names an axis of the input {describe(shape)} twice",
            field=field,
            help=f"write `{field}: {sorted({axis + 1 for axis in counted})}`",
            rule="invalid-value",
        )
    return counted
