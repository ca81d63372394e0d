"""PyTorch's words for windows: one padding for both ends of an axis, dilation, and its formulas for lengths.

Source: the pages of `torch.nn.Conv1d`, `MaxPool1d`, `AvgPool1d`, `ConvTranspose1d` and their 2- and 3-D forms. A
module is written as `torch.nn` has it; its tensors are channels first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from netspec.layers._explanation import Equation, PyTorch, listed
from netspec.layers._types import ExplicitPadding

_LETTERS = {1: ("L",), 2: ("H", "W"), 3: ("D", "H", "W")}


@dataclass(frozen=True, slots=True)
class TorchAxis:
    """A window on one axis, `before` and `after` being the zeros that Keras puts at its ends."""

    length: int
    size: int
    stride: int
    dilation: int
    before: int
    after: int
    output: int


def written(values: Sequence[int]) -> str:
    """Return a size as PyTorch takes it: one number where all axes have the same."""
    return str(values[0]) if len(set(values)) == 1 else f"({', '.join(map(str, values))})"


def arguments(positional: Sequence[object], **named: tuple[Sequence[int], int]) -> str:
    """Return the arguments of a module; a named one is its values and the default at which it is left out."""
    given = [f"{name}={written(values)}" for name, (values, default) in named.items() if set(values) != {default}]
    return ", ".join([*map(str, positional), *given])


def padded_apart(axes: Sequence[TorchAxis]) -> str:
    """Return the module that pads unequal ends: PyTorch counts the amounts from the last axis to the first."""
    amounts = [amount for axis in reversed(axes) for amount in (axis.before, axis.after)]
    return f"ZeroPad{len(axes)}d(({', '.join(map(str, amounts))}))"


def is_symmetric(axes: Sequence[TorchAxis]) -> bool:
    return all(axis.before == axis.after for axis in axes)


def lengths(axes: Sequence[TorchAxis], *, dilated: bool = True) -> tuple[Equation, ...]:
    """Return PyTorch's formula for each axis; where ends differ, over an input that is padded before, padding 0."""
    symmetric = is_symmetric(axes)
    found = []
    for letter, axis in zip(_LETTERS[len(axes)], axes, strict=True):
        source = f"{letter}_in"
        window = "{dilation} * ({kernel_size} - 1) - 1" if dilated else "{kernel_size}"
        values = {
            source: axis.length if symmetric else axis.length + axis.before + axis.after,
            "padding": axis.before if symmetric else 0,
            **({"dilation": axis.dilation} if dilated else {}),
            "kernel_size": axis.size,
            "stride": axis.stride,
        }
        template = f"floor(({{{source}}} + 2 * {{padding}} - {window}) / {{stride}} + 1)"
        found.append(Equation(f"{letter}_out", template, values, axis.output))
    return tuple(found)


def convolution(
    axes: Sequence[TorchAxis],
    channels: int,
    filters: int,
    padding: str | ExplicitPadding,
    *,
    groups: int = 1,
    bias: bool = True,
    after: Sequence[str] = (),
) -> PyTorch:
    """Return the convolution that computes the same; `after` are modules that follow it, which then have the bias."""
    symmetric = is_symmetric(axes)
    given = arguments(
        (channels, filters),
        kernel_size=([axis.size for axis in axes], 0),
        stride=([axis.stride for axis in axes], 1),
        padding=([axis.before if symmetric else 0 for axis in axes], 0),
        dilation=([axis.dilation for axis in axes], 1),
        groups=([groups], 1),
    )
    module = f"Conv{len(axes)}d({given}{'' if bias and not after else ', bias=False'})"
    notes = []
    if not symmetric:
        notes.append("its integer padding is one for both ends of an axis, so unequal ends are padded before")
        if padding == "same" and all(axis.stride == 1 for axis in axes):
            notes.append("with a stride of 1, as here, its padding='same' adds the same zeros")
    elif padding == "same" and any(axis.before for axis in axes):
        notes.append("`same` is this integer padding for this input; for another length it may be unequal")
    before = () if symmetric else (padded_apart(axes),)
    return PyTorch((*before, module, *after), lengths(axes), tuple(notes))


def pool(kind: str, axes: Sequence[TorchAxis]) -> PyTorch:
    """Return the pool that computes the same, where there is one."""
    symmetric = is_symmetric(axes)
    sizes = [axis.size for axis in axes]
    strides = [axis.stride for axis in axes]
    given = arguments(
        (written(sizes),),
        stride=(strides if strides != sizes else [0], 0),
        padding=([axis.before if symmetric else 0 for axis in axes], 0),
    )
    average = kind == "average"
    uncounted = average and symmetric and any(axis.before for axis in axes)
    module = f"{'Avg' if average else 'Max'}Pool{len(axes)}d({given}{', count_include_pad=False' if uncounted else ''})"
    if symmetric:
        return PyTorch((module,), lengths(axes, dilated=not average))
    if average:
        note = "it has none: padding is one for both ends of an axis, and zeros padded before would count as values"
        return PyTorch((), (), (note,))
    pad = padded_apart(axes).replace("ZeroPad", "ConstantPad").removesuffix(")") + ", -inf)"
    note = "its integer padding is one for both ends of an axis, so the least value is padded before"
    return PyTorch((pad, module), lengths(axes), (note,))


def transposed(axes: Sequence[TorchAxis], channels: int, filters: int, *, bias: bool) -> PyTorch:
    """Return the transposed convolution that computes the same; `output` of the axes says how long Keras' is.

    The windows cover (length - 1) * stride + span; Keras cuts the excess off half and half, the odd one at the end,
    and adds what is missing at the end. PyTorch's `padding` cuts as much off either end.
    """
    equations, cuts, extras = [], [], []
    odd_ones: dict[int, list[str]] = {}
    for letter, axis in zip(_LETTERS[len(axes)], axes, strict=True):
        excess = (axis.length - 1) * axis.stride + axis.dilation * (axis.size - 1) + 1 - axis.output
        odd = excess % 2 if excess > 0 else 0
        cut, extra = (0, max(-excess, 0)) if odd else (max(excess, 0) // 2, max(-excess, 0))
        source = f"{letter}_in"
        values = {
            source: axis.length,
            "stride": axis.stride,
            "padding": cut,
            "dilation": axis.dilation,
            "kernel_size": axis.size,
            "output_padding": extra,
        }
        template = (
            f"({{{source}}} - 1) * {{stride}} - 2 * {{padding}} + {{dilation}} * ({{kernel_size}} - 1) "
            "+ {output_padding} + 1"
        )
        if odd:
            template, values = f"{template} - {{cut off}}", values | {"cut off": excess}
            odd_ones.setdefault(excess, []).append(letter)
        equations.append(Equation(f"{letter}_out", template, values, axis.output))
        cuts.append(cut)
        extras.append(extra)
    given = arguments(
        (channels, filters),
        kernel_size=([axis.size for axis in axes], 0),
        stride=([axis.stride for axis in axes], 1),
        padding=(cuts, 0),
        output_padding=(extras, 0),
        dilation=([axis.dilation for axis in axes], 1),
    )
    module = f"ConvTranspose{len(axes)}d({given}{'' if bias else ', bias=False'})"
    notes = (
        f"its integer padding cannot cut an odd number: cut {excess // 2} from the start and {excess - excess // 2} "
        f"from the end of {listed(letters)} of its output"
        for excess, letters in odd_ones.items()
    )
    return PyTorch((module,), tuple(equations), tuple(notes))
