"""What the calls of all layers share: the shapes they point to, and the cores they must not be compiled for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from netspec.device.cmsis_nn import CORE_EXTENSIONS, Extension
from netspec.device.kernels import kernel_of
from netspec.device.plan import DevicePlan
from netspec.emit.view import View

# How CMSIS-NN says what it is compiled for, and a core that has it.
_COMPILED_FOR: dict[Extension, tuple[str, str, str]] = {
    "dsp": ("defined(ARM_MATH_DSP) && !defined(ARM_MATH_MVEI)", "DSP instructions", "cortex-m4"),
    "mve": ("defined(ARM_MATH_MVEI)", "Helium", "cortex-m55"),
}


@dataclass(frozen=True, slots=True)
class Guard:
    """What the emitted code refuses: why, a condition of the preprocessor, and what to say."""

    reason: str
    condition: str
    message: str


def shapes(view: View) -> list[Mapping[str, int]]:
    """Return every `cmsis_nn_dims` of the calls, once, in the order in which they are met."""
    found: dict[tuple[int, ...], Mapping[str, int]] = {}
    for layer in view.layers:
        for name, value in layer.call.items():
            if name.endswith("_dims"):
                found.setdefault(tuple(value.values()), value)
    return list(found.values())


def needs_no_scratch(view: View) -> bool:
    """Return whether some call passes on that it has no scratch."""
    return any(
        layer.takes_context and not layer.scratch and not layer.call.get("kernel_sum_bytes")  # passed instead
        for layer in view.layers
    )


def guards(plan: DevicePlan) -> list[Guard]:
    """Return where the kernels would want other sums than there are, or, by core, more scratch than the plan has."""
    found = []
    if any(kernel_of(node).reads_kernel_sums(node.op, plan.extension) for node in plan.graph.nodes):
        reason = (
            "On Helium dense layers read sums of their weights: from 7.0 on with input offset and bias, as they are "
            "here; CMSIS-NN 5.0 and 6.0 want them without. 4.x reads none."
        )
        message = (
            "dense layers do not run with CMSIS-NN 5.0 and 6.0 on Helium: take 4.x, 7.0 or later, "
            "or build the spec with kernels: netspec"
        )
        condition = f"defined(NETSPEC_CMSIS_NN_UNBIASED_KERNEL_SUMS) && {_COMPILED_FOR['mve'][0]}"
        found.append(Guard(reason, condition, message))
    for extension, (condition, name, core) in _COMPILED_FOR.items():
        if extension == CORE_EXTENSIONS[plan.core]:
            continue
        for node in plan.graph.nodes:
            wanted = kernel_of(node).kernel_scratch_bytes(node.op, plan.extension, extension)
            given = plan.memory.scratch_bytes.get(node.name, 0)
            if wanted > given:
                reason = f"{node.name} has {given:,} bytes of scratch and wants {wanted:,} with {name}."
                message = f"planned for {plan.core}, not for {name}: run netspec build --core {core}"
                found.append(Guard(reason, f"!defined(NETSPEC_PORTABLE_KERNELS) && {condition}", message))
                break
    return found
