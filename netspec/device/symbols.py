"""What the C of a network defines for others to see: functions, constants, macros of its headers, names of files.

`netspec.emit` gives names in this order; a test compares both. Here they are known at check time.
"""

from __future__ import annotations

from netspec.device.blocks import blocks
from netspec.device.names import Names
from netspec.device.plan import DevicePlan

FIXED_SYMBOLS = ("run", "status_name", "nearest", "quotient", "test", "test_status", "host_trace")
FIXED_MACROS = (
    "H",
    "WEIGHTS_H",
    "TEST_VECTORS_H",
    "OK",
    "BAD_ARENA",
    "BAD_POINTER",
    "ARENA",
    "ARENA_BYTES",
    "ARENA_ALIGNMENT",
    "SPEC_SHA256",
    "DEBUG",
    "ASSERT",
    "STATIC_ASSERT",
    "INSIDE",
    "APART",
    "WITHIN",
    "TRACE",
    "WEIGHTS_SECTION",
    "WEIGHTS_ALIGNED",
    "TEST_COUNT",
    "OUTPUT_CLASS_COUNT",
    "OUTPUT_CLASS_NAMES",
)
PORT_MACROS = ("_SIZE", "_RANK", "_SHAPE", "_SCALE", "_ZERO_POINT", "_CLASS_COUNT", "_CLASS_NAMES")
QUANTIZERS = ("", "_u8", "_s16", "_one")
"""Endings of an input's functions: of floats, of the integers that sensors give, and of one value."""
FILES = (".h", ".c", "_weights.h", "_weights.c", "_test_vectors.h", "_test_vectors.c", "_test.c")
"""Endings of the C files in the firmware folder, behind the network's name."""


def reserve_fixed(names: Names) -> None:
    """Take the names that every network has."""
    for stem in FIXED_SYMBOLS:
        names.symbol(stem)
    for stem in FIXED_MACROS:
        names.macro(stem)


def reserve_regions(names: Names, plan: DevicePlan) -> None:
    """Take the macros of the regions of memory."""
    for region in plan.regions:
        for stem in (f"arena_{region.name}", f"arena_{region.name}_bytes", f"arena_{region.name}_section"):
            names.macro(stem)
        names.macro(f"weights_{region.name}_section")


def reserve_states(names: Names) -> str:
    """Take the names of a network with states; return the parameter that points to them."""
    names.symbol("reset")
    for stem in ("STATE", "STATE_BYTES"):
        names.macro(stem)
    return names.parameter("state", ("", "_bytes"))


def visible_names(plan: DevicePlan) -> frozenset[str]:
    """Return what meets the same name of another network in one firmware."""
    graph, names = plan.graph, Names(plan.graph.name)
    found = {f"{graph.name}{ending}" for ending in FILES}
    reserve_fixed(names)
    arenas = [f"arena_{each.name}" for each in plan.arena_regions] if plan.regions else ["arena"]
    parameters = set()
    for stem in arenas:
        parameter = names.parameter(stem, ("", "_bytes"))
        parameters |= {parameter, f"{parameter}_bytes"}
    if graph.states:
        parameter = reserve_states(names)
        parameters |= {parameter, f"{parameter}_bytes"}
    reserve_regions(names, plan)
    places = set()
    for block in blocks(plan):
        stem = block.tensor if block.tensor is not None else f"{block.node}_scratch"
        place = names.macros(stem, ("_AT", "_BYTES"))
        places |= {f"{place}_AT", f"{place}_BYTES"}
    ports: list[tuple[str, str, str, tuple[str, ...]]]
    ports = [("input", "quantize", given.name, QUANTIZERS) for given in graph.inputs]
    ports += [("output", "dequantize", output.name, ("",)) for output in graph.outputs]
    vectors = {output.name for output in graph.outputs if len(output.shape) == 1}
    for kind, convert, name, endings in ports:
        if plan.io == "external":
            parameters.add(names.parameter(f"{kind}_{name}"))
        names.macros(f"{kind}_{name}", PORT_MACROS)
        names.symbol(f"{kind}_{name}")
        names.symbol(f"{convert}_{kind}_{name}", endings)
        names.symbol(f"test_{kind}_{name}")
        if kind == "output" and name in vectors:
            names.symbol(f"test_class_{name}")
    for node in graph.nodes:
        for constant in plan.kept_constants(node):
            names.symbol(f"{node.name}_{constant.role}")
        names.macro(f"failed_{node.name}")
    return frozenset(found | (names.taken - parameters - places))
