"""What several ops have in common: a clamp of the output, and weights that take in what follows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

from netspec.ops.base import Affine, Op, clamp
from netspec.ops.words import ActivationKind, Param

OpT = TypeVar("OpT", bound=Op)


def changed(op: OpT, **fields: Any) -> OpT:
    """Return an op with other fields."""
    return replace(op, **fields)  # type: ignore[type-var]  # every op is a dataclass; the traits are none


class Clamped(Op):
    """An op whose kernel clamps its output.

    `max_value` bounds a `relu` whose bound the clamp cannot say: the output's range ends there, so that int8 saturation
    is the bound.
    """

    __slots__ = ()

    activation: ActivationKind
    max_value: float | None

    def range_end(self) -> float | None:
        return self.max_value

    def clamped(self, max_value: float | None) -> Op | None:
        found = clamp(self.activation, max_value)
        return None if found is None else changed(self, activation=found[0], max_value=found[1])


class Weighted(Clamped):
    """An op with weights and a bias. `affine` are folded batch norms and rescalings, in order, before the clamp."""

    __slots__ = ()

    bias: Param | None
    affine: tuple[Affine, ...]

    def with_affine(self, affine: Affine) -> Op:
        return changed(self, affine=(*self.affine, affine))
