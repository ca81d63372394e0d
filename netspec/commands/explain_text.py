"""What `netspec explain` prints for people: every detail of a layer, or a paragraph for each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from math import prod
from textwrap import wrap

from netspec.commands.explain import Explained
from netspec.device.explain import Device, OnDevice, Step
from netspec.device.kernels.base import Constant, Layout
from netspec.graph import GraphLayer
from netspec.layers._explanation import Equation, Explanation, PyTorch, kept
from netspec.layers.base import describe

WIDTH = 110
_NOTHING = "additions, comparisons and tables are not counted"

# What the constants that training makes hold, beside those that have a layout.
_ROLES = {
    "bias": "at scale input * kernel",
    "multiplier": "input * kernel / output scale of each filter, as a fraction of 2^31",
    "shift": "the power of 2 that belongs to each multiplier",
    "kernel_sum": "the bias, and what the input's zero point adds to each unit; at scale input * kernel",
    "packed": "filters four at a time, A to D: for each tap 256 B + A and 256 C + D + 128, of 16 bits; taps in the "
    "order 1, 3, 2, 4. From the first four on whose sums may leave 24 bits, weights lie as they are",
    "scale": "of four packed filters what their sums begin with, and a multiplier and a shift each; of other filters "
    "kernel sum, multiplier and shift",
    "table": "the output for each of 256 inputs; made at build time",
}


def explain_text(explained: Explained) -> str:
    """Return every detail of one layer, or a paragraph a layer."""
    if explained.one:
        return "\n".join(_layer_lines(explained.layers[0], explained.device))
    return "\n\n".join("\n".join(_short_lines(layer, explained.device)) for layer in explained.layers)


def _head(layer: GraphLayer) -> str:
    reads = [f"{name} {describe(shape)}" for name, shape in zip(layer.inputs, layer.input_shapes, strict=True)]
    return f"{layer.name}, {layer.type}, line {layer.line}: {' and '.join(reads)} -> {describe(layer.output_shape)}"


def _short_lines(layer: GraphLayer, device: Device) -> Iterator[str]:
    said = layer.layer.explain(layer.input_shapes)
    yield _head(layer)
    if said.shape == kept(layer.input_shapes[0]):
        shape = "that of its input"
    else:
        shape = "; ".join(map(_short_size, said.shape)) or "one number"
    yield from _filled("  shape       ", shape)
    counts = said.total or (said.parameters[0] if len(said.parameters) == 1 else None)
    if counts is not None:
        yield from _filled("  parameters  ", _worked(counts))
    elif said.parameters:
        yield from _filled("  parameters  ", f"{_sum(said.parameters)} = {layer.parameters:,}")
    else:
        yield from _filled("  parameters  ", f"none: {said.why_parameters[0]}")
    yield from _filled("  device      ", _short_device(device.layer(layer)))


def _short_device(found: OnDevice) -> str:
    if found.unsupported is not None:
        return f"not supported: {found.unsupported}"
    if found.no_code is not None:
        return f"no code: {found.no_code}"
    return "; then ".join(f"{step.choice.function}: {step.choice.reason}" for step in found.steps)


def _short_size(equation: Equation) -> str:
    """Return `height = floor((33 - 3) / 1) + 1 = 31`, or `channels = filters = 16` where nothing is computed."""
    how = equation.formula if equation.numbers == str(equation.result) else equation.numbers
    return f"{equation.subject} = {'' if how == str(equation.result) else f'{how} = '}{equation.result:,}"


def _worked(equation: Equation) -> str:
    """Return `formula = numbers = result`, the numbers where they are more than the result."""
    result = f"{equation.result:,}"
    parts = [equation.formula, equation.numbers, result]
    if equation.numbers == str(equation.result):
        parts.remove(equation.numbers)
    return " = ".join(dict.fromkeys(parts))


def _sum(equations: Sequence[Equation]) -> str:
    return " + ".join(str(each.result) for each in equations)


def _layer_lines(layer: GraphLayer, device: Device) -> Iterator[str]:
    said = layer.layer.explain(layer.input_shapes)
    yield _head(layer)
    yield from _shape_lines(said)
    yield from _parameter_lines(layer, said)
    yield ""
    yield "multiply-accumulates"
    yield from _equation_lines(said.macs, "") if said.macs else (f"  0: {_NOTHING}",)
    if said.pytorch:
        yield from _torch_lines(said.pytorch)
    yield from _device_lines(device.layer(layer), device)


def _shape_lines(said: Explanation) -> Iterator[str]:
    yield ""
    yield "shape"
    equations = (*said.shape, *said.padding)
    width = max((len(each.subject) for each in equations), default=0)
    for each in equations:
        yield from _equation_lines(each, each.subject.ljust(width))
    for sentence in said.why_shape:
        yield from _filled("  - ", sentence)


def _parameter_lines(layer: GraphLayer, said: Explanation) -> Iterator[str]:
    yield ""
    yield f"parameters: {layer.parameters:,}"
    names = [f"{weight.name} {describe(weight.shape)}" for weight in layer.weights]
    width = max(map(len, names), default=0)
    for weight, name, each in zip(layer.weights, names, said.parameters, strict=True):
        frozen = "" if weight.trainable else ", not trainable"
        yield from _equation_lines(each, name.ljust(width), frozen)
    if said.total:
        yield from _equation_lines(said.total, "together".ljust(width))
    elif len(said.parameters) > 1:
        yield f"  {'together'.ljust(width)}  {_sum(said.parameters)} = {layer.parameters:,}"
    for sentence in said.why_parameters:
        yield from _filled("  - ", sentence)
    frozen_count = layer.parameters - layer.trainable_parameters
    if frozen_count:
        yield f"  - {layer.trainable_parameters:,} are trainable, {frozen_count:,} are not"


def _torch_lines(torch: PyTorch) -> Iterator[str]:
    yield ""
    yield f"the same in PyTorch{', channels first' if torch.shape else ''}"
    for module in torch.modules:
        yield f"  {module}"
    for each in torch.shape:
        yield from _equation_lines(each, each.subject)
    for note in torch.notes:
        yield from _filled("  - ", note)


def _equation_lines(equation: Equation, subject: str, suffix: str = "") -> Iterator[str]:
    """Yield the formula, and below it the numbers; one line where nothing is to be computed."""
    head = f"  {subject}  "
    result = f"{equation.result:,}{suffix}"
    if equation.numbers == str(equation.result):
        yield f"{head}{result}" if equation.formula == equation.numbers else f"{head}{equation.formula} = {result}"
        return
    if equation.formula == equation.numbers:
        yield f"{head}{equation.numbers} = {result}"
        return
    yield f"{head}{equation.formula}"
    yield f"{' ' * (len(head) - 2)}= {equation.numbers} = {result}"


def _device_lines(found: OnDevice, device: Device) -> Iterator[str]:
    yield ""
    yield f"on {device.core}, int8"
    if found.unsupported is not None:
        yield from _filled("  ", f"not supported: {found.unsupported}")
        if found.help:
            yield from _filled("  = help: ", found.help)
        return
    if found.no_code is not None:
        yield from _filled("  ", f"no code: {found.no_code}")
        return
    for step in found.steps:
        yield from _step_lines(step)
    if device.plan is None:
        reasons = [fault.message for fault in device.faults]
        others = f", and {len(reasons) - 1} more" if len(reasons) > 1 else ""
        yield from _filled(
            "  ", f"the arena is not known, for the net as a whole is not supported: {reasons[0]}{others}"
        )


def _step_lines(step: Step) -> Iterator[str]:
    yield from _filled("  ", f"{step.choice.function}: {step.choice.reason}")
    layouts = {layout.role: layout for layout in step.layouts}
    for constant in step.constants:
        yield from _constant_lines(constant, layouts.get(constant.role))
    for folded in step.folded:
        yield from _filled("    folded      ", folded)
    if step.clamp:
        yield from _filled("    activation  ", step.clamp)
    for share in step.shares:
        said = (
            "is overwritten, byte for byte" if share.replaces else f"lies in the output from byte {share.offset:,} on"
        )
        yield from _filled("    in place    ", f"{share.input} {said}")
    if step.equal_table:
        yield from _filled("    equal       ", f"the table is that of {step.equal_table}, and kept there")
    yield f"    scratch     {step.scratch_bytes:,} bytes"
    if step.arena:
        live = ", ".join(f"{name} {size:,}" for name, size in step.arena.live.items())
        yield from _filled(
            "    arena       ", f"{sum(step.arena.live.values()):,} bytes live of {step.arena.total:,}: {live}"
        )


def _constant_lines(constant: Constant, layout: Layout | None) -> Iterator[str]:
    head = f"    {constant.role.ljust(12)}"
    size = f"{constant.count:,} {constant.dtype.name}, {constant.bytes:,} bytes"
    if layout is None:
        yield from _filled(head, f"{size}: {_ROLES[constant.role]}")
        return
    assert prod(layout.device_shape) == constant.count, f"{constant.role}: a layout of another size"
    source = f" from Keras' {layout.weight} {describe(layout.keras_shape)}" if layout.weight else ""
    where = f", {layout.where}" if layout.where else ""
    flipped = f", with the sign bit flipped where {layout.flipped}" if layout.flipped else ""
    yield from _filled(head, f"{describe(layout.device_shape)}{source}: {layout.index}{where}{flipped}")
    yield from _filled(" " * 16, f"{size}, {layout.scales}: largest magnitude / 127")


def _filled(head: str, text: str) -> Iterator[str]:
    """Yield a text in lines of at most `WIDTH`, the first after `head`, the others below its end."""
    for number, line in enumerate(_wrapped(text, WIDTH - len(head))):
        yield f"{' ' * len(head) if number else head}{line}"


@lru_cache(maxsize=1024)
def _wrapped(text: str, width: int) -> list[str]:
    """Return the lines of a text; kept, for the layers of a large net are alike."""
    return wrap(text, width, break_long_words=False, break_on_hyphens=False)
