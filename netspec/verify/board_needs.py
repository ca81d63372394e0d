"""What has to be there before a network runs on a board: tools, memory, and kernels that read what is emitted.

All of it is known from the spec, so that hours of training do not end with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from netspec.device.plan import DevicePlan, plan_device
from netspec.diagnostics import ToolError
from netspec.graph import Graph
from netspec.toolchain.arm import ImageTooLarge, core_named, find_arm_gcc
from netspec.toolchain.cores import Board, Core
from netspec.toolchain.qemu import find_qemu

if TYPE_CHECKING:
    from netspec.toolchain import CmsisNN


def require_tools(core: str) -> None:
    """Raise ToolError, with what to type, where the cross compiler for a core or the emulator is missing."""
    core_named(core, find_arm_gcc())
    find_qemu()


def require_board(graph: Graph, core: str, cmsis: CmsisNN | None) -> None:
    """Raise ToolError where no board of a core holds a network, or where `cmsis` cannot run it there."""
    plan = plan_device(graph, core)
    board_for(plan, core_named(core, find_arm_gcc()))
    if cmsis is not None:
        require_kernel_sums(plan, cmsis)


def board_for(plan: DevicePlan, core: Core) -> Board:
    """Return the smaller of a core's boards that holds a network's constants and variables; its code comes on top.

    Raises ImageTooLarge where none does.
    """
    constants, variables = plan.constant_bytes, plan.ram_bytes + outside_bytes(plan)
    board = core.board
    for board in filter(None, (core.board, core.larger)):
        memory = board.memory
        if constants <= memory.flash_bytes and variables <= memory.ram_bytes:
            return board
    kind, wanted, there = (
        ("flash", f"{constants:,} bytes of constants", memory.flash_bytes)
        if constants > memory.flash_bytes
        else ("RAM", f"{variables:,} bytes of memory", memory.ram_bytes)
    )
    raise ImageTooLarge(
        f"the network has {wanted}, and the {board.title}, on which a {core.name} is emulated, {there:,} of {kind}",
        "leave out `--run`: the firmware is built for devices of any size, only the emulated board is too small",
    )


def outside_bytes(plan: DevicePlan) -> int:
    """Return the bytes of the inputs and outputs that are the caller's."""
    if plan.io != "external":
        return 0
    ports = [*(each.name for each in plan.graph.inputs), *(each.tensor for each in plan.graph.outputs)]
    return sum(plan.graph.tensors[name].bytes for name in ports)


def require_kernel_sums(plan: DevicePlan, cmsis: CmsisNN) -> None:
    """Raise ToolError where a network's dense layers would run on Helium with Arm's kernels of 5.0 or 6.0."""
    from netspec.device.kernels import kernel_of

    nodes = plan.graph.nodes
    layers = [node.layer for node in nodes if kernel_of(node).reads_kernel_sums(node.op, plan.extension)]
    if not layers or not cmsis.unbiased_sums:
        return
    raise ToolError(
        f"CMSIS-NN {cmsis.generation} cannot run {layers[0]} on the {plan.core}: with `kernels: cmsis-nn` dense layers "
        f"run on Helium with CMSIS-NN 4.x and from 7.0 on, not with 5.0 and 6.0 (found: {cmsis.root})",
        "name a copy of 4.x or 7.0 by --cmsis-nn, or write `kernels: netspec` in the spec's target: that runs with all",
    )
