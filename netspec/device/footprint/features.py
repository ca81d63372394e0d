"""What the size of emitted code depends on: how often it calls which function, with what, counted on a plan.

A call is a few instructions that load its arguments, and constants that they point to. How many bytes that is, the
compiler decides; the table of calls says what it came to, feature by feature.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from math import prod

from netspec.device.graph import Node
from netspec.device.ops import kernel_of
from netspec.device.ops.base import Quantized
from netspec.device.ops.concatenate import ConcatenateKernel
from netspec.device.plan import DevicePlan
from netspec.ops import Concatenate, Conv2D, Dense, DepthwiseConv2D, Mean, Pad, Pool2D, hwc

Dims = tuple[int, int, int, int]

COPY = "memcpy"
"""The only function of the C library that emitted code itself calls."""

_SCRATCHED = ("arm_avgpool", "arm_convolve", "arm_depthwise_conv", "arm_fully_connected", "arm_max_pool")
"""How functions begin that are told where their scratch is, also where they have none."""


def features(plan: DevicePlan) -> dict[str, int]:
    """Return the features of a network's own code by name, those that it has."""
    ports = len(plan.graph.inputs) + len(plan.graph.outputs)
    counts: Counter[str] = Counter(network=1, shapes=len(shapes(plan)))
    counts["pointers" if plan.io == "external" else "accessors"] = ports
    counts["more arenas"] = max(0, len(plan.arena_regions) - 1)
    counts |= calls(plan)
    for node in plan.graph.nodes:
        if node.name in plan.memory.scratch_bytes:
            counts["scratch"] += 1
        elif function_of(plan, node).startswith(_SCRATCHED):
            counts["no scratch"] = 1  # one constant serves all
    called = calls(plan)
    if called.total() == 1 and "_conv" in next(iter(called)):
        counts["only a convolution"] = 1  # of several the compiler shares what points to their constants
    return {name: count for name, count in sorted(counts.items()) if count}


def calls(plan: DevicePlan) -> Counter[str]:
    """Return how often the emitted code calls which function."""
    counts: Counter[str] = Counter()
    shares = plan.memory.shares_by_node()
    for node in plan.graph.nodes:
        there = {share.position for share in shares.get(node.name, ())}
        counts[function_of(plan, node)] += _calls(plan, node, there)
    # What several ports of the caller's are given is copied to all but the first.
    ports = [given.name for given in plan.graph.inputs] + [each.tensor for each in plan.graph.outputs]
    outside = [name for name in ports if name in plan.memory.outside]
    counts[COPY] = len(outside) - len(set(outside))
    return +counts


def function_of(plan: DevicePlan, node: Node) -> str:
    """Return the function that emitted code calls for a node."""
    return kernel_of(node.op).kernel_choice(node.op, plan.extension).function


def shapes(plan: DevicePlan) -> frozenset[Dims]:
    """Return the shapes that the calls point to, each of which is one constant: (batch, height, width, channels)."""
    return frozenset(each for node in plan.graph.nodes for each in _shapes(plan, node))


def _shapes(plan: DevicePlan, node: Node) -> Iterator[Dims]:
    op, function = node.op, function_of(plan, node)
    if isinstance(op, Conv2D | DepthwiseConv2D) and function.startswith("netspec_"):
        return  # its shapes lie in the call's own constant
    if isinstance(op, Conv2D | DepthwiseConv2D | Pool2D):
        yield (1, *hwc(op.input_shape))
        yield (1, *hwc(op.output_shape))
    if isinstance(op, Pool2D):
        yield (1, *op.pool_size, 1)
    elif isinstance(op, Conv2D):
        yield (op.output_shape[-1], *op.kernel_size, op.kernel.shape[-2])
    elif isinstance(op, DepthwiseConv2D):
        outputs = op.output_shape[-1]
        yield (outputs, *op.kernel_size, 1) if function == "arm_convolve_s8" else (1, *op.kernel_size, outputs)
    elif isinstance(op, Dense) and function.startswith("arm_"):
        rows, (inputs, units) = prod(op.input_shape[:-1]), op.kernel.shape
        yield (rows, 1, 1, inputs)
        yield (inputs, 1, 1, units)
        yield (rows, 1, 1, units)
    elif isinstance(op, Mean):
        yield (1, *hwc(op.input_shape))
    elif isinstance(op, Pad):
        top, bottom, left, right = op.padding
        yield (1, *hwc(op.input_shape))
        yield (0, top, left, 0)
        yield (0, bottom, right, 0)


def _calls(plan: DevicePlan, node: Node, there: set[int]) -> int:
    """Return the calls of a node: one, but for joins a copy of each input that is not `there` already."""
    if not isinstance(node.op, Concatenate):
        return 1
    copies = ConcatenateKernel().call(node.op, Quantized(), plan.extension)["copies"]
    return sum(copy["input"] not in there for copy in copies)
