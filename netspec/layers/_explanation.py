"""What a layer says about itself: equations of its shape, parameters and cost, in words and in numbers, and why.

A layer writes an equation once, as a template; the same template gives the formula and the formula with numbers.
Sentences begin in lower case and have no period.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

from netspec.ops import Shape

Values = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Equation:
    """`subject` = `template` = `result`; a `{name}` of the template stands for `values[name]`.

    Templates are arithmetic: + - * / ( ), and the functions floor, ceil and max.
    """

    subject: str
    template: str
    values: Values
    result: int

    @property
    def formula(self) -> str:
        """Return the template with its names."""
        return self.template.format_map({name: name for name in self.values})

    @property
    def numbers(self) -> str:
        """Return the template with its values."""
        return self.template.format_map(self.values)


@dataclass(frozen=True, slots=True)
class PyTorch:
    """The modules of PyTorch that compute the same, its own formula for them, and where it differs."""

    modules: tuple[str, ...]
    shape: tuple[Equation, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """`shape` holds an equation for each axis of the output, `parameters` one for each weight array, in their orders.

    `padding` are the sums that `shape` leaves out: how much `same` pads along an axis. `total` is a shorter
    form of the parameters' sum. `macs` is None where nothing is multiplied and added up.
    """

    shape: tuple[Equation, ...]
    why_shape: tuple[str, ...]
    padding: tuple[Equation, ...] = ()
    parameters: tuple[Equation, ...] = ()
    total: Equation | None = None
    why_parameters: tuple[str, ...] = ("nothing in it is learned",)
    macs: Equation | None = None
    pytorch: PyTorch | None = None


_AXES = {
    1: ("features",),
    2: ("steps", "channels"),
    3: ("height", "width", "channels"),
    4: ("depth", "height", "width", "channels"),
}


def axis_names(shape: Shape) -> tuple[str, ...]:
    """Return what the axes of a shape are called; beyond four, by their number as Keras counts."""
    return _AXES.get(len(shape), tuple(f"axis {number}" for number in range(1, len(shape) + 1)))


def sized(subject: str, name: str, size: int) -> Equation:
    """Return `subject = name = size`: something that is named elsewhere."""
    return Equation(subject, f"{{{name}}}", {name: size}, size)


def single(subject: str) -> Equation:
    """Return `subject = 1`."""
    return Equation(subject, "1", {}, 1)


def kept(shape: Shape, names: Sequence[str] | None = None) -> tuple[Equation, ...]:
    """Return an equation an axis: the output has what the input has. `names` are the axes' in the output."""
    named = axis_names(shape) if names is None else names
    return tuple(sized(name, f"input {name}", size) for name, size in zip(named, shape, strict=True))


def product(subject: str, factors: Values) -> Equation:
    """Return `subject` as the product of `factors`."""
    template = " * ".join(f"{{{name}}}" for name in factors) or "1"
    return Equation(subject, template, factors, prod(factors.values()))


def worked(equation: Equation) -> str:
    """Return `3 * 3 = 9`, or `9` where nothing is computed."""
    numbers, result = equation.numbers, f"{equation.result:,}"
    return result if numbers == str(equation.result) else f"{numbers} = {result}"


def with_bias(weights: Equation, outputs: Values) -> Equation:
    """Return the parameters of so many outputs, each with `weights` and one bias."""
    count = product("outputs", outputs)
    values, total = {**outputs, **weights.values}, count.result * (weights.result + 1)
    return Equation("parameters", f"{count.template} * ({weights.template} + 1)", values, total)


def prefixed(prefix: str, shape: Shape) -> dict[str, int]:
    """Return sizes by axis: `{"output height": 49, "output width": 94}`, in words that a product can take."""
    return {f"{prefix} {name}": size for name, size in zip(axis_names(shape), shape, strict=True)}


def unchanged(shape: Shape, *why: str) -> Explanation:
    """Return the explanation of a layer that gives the shape that it gets and learns nothing."""
    return Explanation(kept(shape), why)


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """Return `1 row`, `2 rows`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def listed(words: Sequence[str]) -> str:
    """Return `a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)
