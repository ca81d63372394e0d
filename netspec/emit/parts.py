"""The parts of a view: what templates see of a network's memory, inputs, outputs and layers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from netspec.emit.weights import Array
from netspec.ops import Shape


@dataclass(frozen=True, slots=True)
class Arena:
    """A block of memory that the caller gives: the parameter that points to it, and the stem of its macros.

    `memory` is the pointer to its bytes inside the function; `region` names the memory of the target it is meant for.
    """

    parameter: str
    stem: str
    memory: str
    region: str | None
    bytes: int
    keeps: bool = False
    """Whether it keeps its bytes from one run to the next: it holds the states."""


@dataclass(frozen=True, slots=True)
class Place:
    """A block of the arena: the stem of its enumerators, and what the table says of it."""

    stem: str
    arena: Arena
    offset: int
    size: int
    title: str
    live: str

    @property
    def at(self) -> str:
        return f"{self.stem}_AT"

    @property
    def bytes(self) -> str:
        return f"{self.stem}_BYTES"

    @property
    def pointer(self) -> str:
        """Return the C expression of where it starts."""
        return f"{self.arena.memory} + {self.at}"


@dataclass(frozen=True, slots=True)
class Outside:
    """A tensor in the caller's memory: the parameter that points to it, and the macro of its size."""

    pointer: str
    bytes: str


@dataclass(frozen=True, slots=True)
class Classes:
    """The classes of an output: a name for each index, empty where the data have none.

    `macro` is the stem of the macros that hold them, `vectors` the array with the class of each test vector, None where
    an output holds more than one answer. `binary` is an output of one value, which is class 1 above 0.5.
    """

    names: tuple[str, ...]
    macro: str
    vectors: str | None
    binary: bool


@dataclass(frozen=True, slots=True)
class Port:
    """An input or output of the network. `convert` quantizes an input or dequantizes an output.

    `place` is None where the caller holds it; then `parameter` points to it. Programs of ours reach it as `held`.
    """

    name: str
    macro: str
    accessor: str
    parameter: str
    held: str
    convert: str
    vectors: str
    place: Place | None
    shape: Shape
    size: int
    scale: float
    zero_point: int

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def braced(self) -> str:
        """Return the shape as an initializer."""
        return f"{{{', '.join(map(str, self.shape))}}}"


RAW_TYPES = (("u8", "uint8_t"), ("s16", "int16_t"))
"""Integers that sensors give, which an input is quantized from without floats: suffix of the function, and C type."""


@dataclass(frozen=True, slots=True)
class Output(Port):
    """An output, with the names of its classes where the data give them."""

    classes: Classes | None


@dataclass(frozen=True, slots=True)
class Input(Port):
    """An input: the integer is round(value * factor + term).

    Value i takes number i % len(factors) of both. `rescale` is what the spec folded into that, as text. With `raw` it
    is part of the weights instead, and an integer stands for the value as the caller has it. An input that `divides`
    is computed as TensorFlow Lite's QUANTIZE does: round(value / scale) + zero point, halves away from zero.
    `raw_in_file` says whether the input of model.tflite is in the caller's units.
    """

    factors: tuple[float, ...]
    terms: tuple[float, ...]
    rescale: str | None
    raw: bool
    raw_in_file: bool
    divides: bool

    @property
    def period(self) -> int:
        """Return after how many values the factors begin anew."""
        return len(self.factors)

    @property
    def types(self) -> tuple[tuple[str, str], ...]:
        """Return suffix and C type of each function that quantizes: floats first."""
        return (("", "float"), *((f"_{suffix}", c_type) for suffix, c_type in RAW_TYPES))


@dataclass(frozen=True, slots=True)
class Layer:
    """One call, or one group of calls, and the status that says it failed."""

    index: int
    name: str
    title: str
    line: int
    summary: str
    kernel: str
    template: str
    failed: str
    inputs: tuple[Place | Outside, ...]
    written: tuple[tuple[str, Place | Outside], ...]
    """The tensors that it writes, by name."""
    scratch: Place | None
    shares: tuple[str, ...]
    """What of its memory it writes over or leaves where it is, a sentence each."""
    constants: Mapping[str, str]
    arrays: tuple[Array, ...]
    flash_bytes: int
    call: Mapping[str, Any]
    takes_context: bool
    """Whether the call passes a `cmsis_nn_context`, with scratch or without."""

    @property
    def output(self) -> Place | Outside:
        """Where its only, or first, output is."""
        return self.written[0][1]


@dataclass(frozen=True, slots=True)
class View:
    """A model with every name given and every number finished."""

    name: str
    upper: str
    core: str
    arena_bytes: int
    """Of all arenas."""
    flash_bytes: int
    arenas: tuple[Arena, ...]
    weight_regions: tuple[tuple[str, int], ...]
    """Regions that constants are copied to, with their bytes."""
    external: bool
    """Whether the caller holds inputs and outputs."""
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    places: tuple[Place, ...]
    apart: tuple[tuple[Place, Place], ...]
    """Places that are needed at the same time."""
    within: tuple[tuple[Place, Place, int], ...]
    """Places that are part of another one, and from which byte of it on."""
    copies: tuple[tuple[Port, Place | Outside], ...]
    """External outputs that are another port's tensor, which is copied in the end."""
    layers: tuple[Layer, ...]
    resets: tuple[tuple[Place, int], ...] = ()
    """The states, and the byte that fills each before the first run."""

    @property
    def divides(self) -> bool:
        """Return whether any input is quantized by a division."""
        return any(port.divides for port in self.inputs)

    @property
    def multiplies(self) -> bool:
        """Return whether any input is quantized by a product and a sum."""
        return not all(port.divides for port in self.inputs)

    @property
    def parameters(self) -> str:
        """Return the parameters of the function that runs the network."""
        ports = [f"const int8_t *{port.parameter}" for port in self.inputs if self.external]
        ports += [f"int8_t *{port.parameter}" for port in self.outputs if self.external]
        arenas = [f"void *{arena.parameter}, size_t {arena.parameter}_bytes" for arena in self.arenas]
        return ", ".join([*arenas, *ports]) or "void"

    @property
    def storage(self) -> tuple[str, ...]:
        """Return the declarations of the memory that a program keeps for one network."""
        ports = self.inputs + self.outputs if self.external else ()
        return (
            *(f"static {self.upper}_{arena.stem}({arena.parameter});" for arena in self.arenas),
            *(f"static int8_t {port.parameter}[{port.macro}_SIZE];" for port in ports),
        )

    @property
    def stored(self) -> tuple[str, ...]:
        """Return the names that `storage` declares, but for the states."""
        ports = (port.parameter for port in self.inputs + self.outputs if self.external)
        return (*(arena.parameter for arena in self.arenas if not arena.keeps), *ports)

    @property
    def reset_declaration(self) -> str:
        """Return the function that makes all states zero, with its parameter."""
        return f"{self.name}_reset(void *{self.resets[0][0].arena.parameter})"

    @property
    def reset(self) -> str:
        """Return the call that makes all states zero; empty for a network without."""
        return "".join(f"{self.name}_reset({arena.parameter})" for arena in self.arenas if arena.keeps)

    @property
    def run(self) -> str:
        """Return the call of a program that keeps `storage`."""
        ports = [port.parameter for port in self.inputs + self.outputs if self.external]
        arenas = [f"{arena.parameter}, sizeof {arena.parameter}" for arena in self.arenas]
        return f"{self.name}_run({', '.join([*arenas, *ports])})"
