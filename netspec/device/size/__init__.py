"""What a network's code takes in flash and puts on the stack: known from the plan, before anything is compiled.

The numbers are those of one compiler, which the tables name, at -O2 with unused sections left out: `make kernel-sizes`.
Kernels and the C library's functions are exact, as a link counts them. A network's own calls are fitted, with a margin
for what the compiler makes of them, so the linked code is not larger than predicted. The stack is a bound. Nothing
here imports more than the tables of the providers asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, sqrt

from netspec.device.plan import DevicePlan
from netspec.device.size.features import calls, features
from netspec.device.size.tables import PORTABLE, call_sizes, fitted_bytes, function

__all__ = ["CMSIS_NN", "PORTABLE", "PROVIDERS", "Footprint", "counted_provider", "flash_bytes", "footprint"]

CMSIS_NN = "CMSIS-NN 7.x"
"""What the emitted CMake fetches, asked for Arm's kernels."""

PROVIDERS = (PORTABLE, "CMSIS-NN 4.x", CMSIS_NN)

_STEP = 4  # code ends at a multiple of this
_LARGEST_MARGIN = 0.025  # of the code; calls of small kernels vary less than others


@dataclass(frozen=True, slots=True)
class Footprint:
    """Bytes of a network's code with the kernels of one provider; its constants and its arena are the plan's.

    `kernel_bytes` are the functions that it calls and all that they call, their constants too; `call_bytes` its own
    code with the constants that it passes on. `stack_bytes` bounds what a run puts on the stack, without exceptions.
    """

    provider: str
    kernel_bytes: int
    call_bytes: int
    stack_bytes: int

    @property
    def code_bytes(self) -> int:
        return self.kernel_bytes + self.call_bytes


def counted_provider(plan: DevicePlan) -> str:
    """Return whose kernels figures are of, unless they say otherwise.

    Arm's where the core has instructions that they use, or the target asks for them. Elsewhere they are plain C as the
    portable ones are, which the emitted CMake takes by default.
    """
    return PORTABLE if plan.extension == "none" and plan.graph.kernels == "netspec" else CMSIS_NN


def footprint(plan: DevicePlan, provider: str | None = None) -> Footprint:
    """Return what a network takes with a provider of `PROVIDERS`, by default the counted one."""
    provider = provider or counted_provider(plan)
    own = call_sizes(plan.core)
    called = [function(provider, plan.core, name) for name in sorted(calls(plan))]
    kernel_bytes = sum({name: size for each in called for name, size in each.pieces.items()}.values())
    fitted = max(0.0, fitted_bytes(own, plan.core, features(plan)))
    margin = min(own.margin * sqrt(fitted), _LARGEST_MARGIN * (kernel_bytes + fitted))
    return Footprint(
        provider,
        kernel_bytes=kernel_bytes,
        call_bytes=_STEP * ceil((fitted + margin) / _STEP),
        stack_bytes=own.frame + max((each.stack for each in called), default=0),
    )


def flash_bytes(plan: DevicePlan, provider: str | None = None) -> int:
    """Return the bytes of constants and code with a provider of `PROVIDERS`, by default the counted one."""
    return plan.constant_bytes + footprint(plan, provider).code_bytes
