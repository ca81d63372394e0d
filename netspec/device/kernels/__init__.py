"""Kernel sets: who computes the ops. An op says what is computed; a set gives it the kernel that does.

A set is a module here, named in `_MODULES`; what asks for a node's kernel (`kernel_of`) knows none of them. The passes
choose the kernels last, so a graph says by itself what runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from netspec.device.cmsis_nn import Extension
from netspec.ops import Op

if TYPE_CHECKING:
    from netspec.device.graph import Node
    from netspec.device.kernels.base import Kernel

_MODULES = {"netspec": "netspec.device.kernels.netspec", "cmsis-nn": "netspec.device.kernels.cmsis_nn"}
"""By the name that a spec's target says. Imported when asked for: a check needs one of them."""


def _always(op: Op) -> bool:
    return True


def _none(ops: Sequence[Op], extension: Extension) -> Mapping[str, Kernel[Any]]:
    return {}


@dataclass(frozen=True, slots=True)
class KernelSet:
    """The kernel of each op, by `Op.variant` where it has one for that function alone, else by `Op.stem`."""

    name: str
    kernels: Mapping[str, Kernel[Any]]
    pads_itself: Callable[[Op], bool] = _always
    """Whether the op's kernel puts the zeros around its input that the op says; otherwise a pass pads before it."""
    in_network: Callable[[Sequence[Op], Extension], Mapping[str, Kernel[Any]]] = _none
    """Kernels, by stem, that a network of these ops has instead on a core: those whose code is worth its bytes."""

    def of_network(self, ops: Sequence[Op], extension: Extension) -> KernelSet:
        """Return the set as a network of these ops has it on a core."""
        return replace(self, kernels={**self.kernels, **self.in_network(ops, extension)})

    def kernel(self, op: Op) -> Kernel[Any]:
        """Return the kernel of an op. Raises `AssertionError` for an op that the passes should have removed."""
        found = self.kernels.get(op.variant()) or self.kernels.get(op.stem)
        assert found is not None, f"{op.stem} is left after the passes"
        return found


@cache
def kernel_set(name: str) -> KernelSet:
    """Return a set by its name."""
    found: KernelSet = import_module(_MODULES[name]).SET
    return found


def kernel_of(node: Node) -> Kernel[Any]:
    """Return the kernel that the passes chose for a node."""
    assert node.kernel is not None, f"no kernel is chosen for {node.name}"
    return node.kernel
