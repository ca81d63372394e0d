"""What a kernel answers: which C function runs an op on a core, what that reads, needs and may be given, and its call.

What the op computes is the op's to say (`netspec.ops`); here is only what depends on who computes it. numpy is imported
inside methods: `netspec check` runs most of this package.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from netspec.device.cmsis_nn import HOST_EXTENSION, Extension, KernelChoice
from netspec.ops import DType, Op, Shape
from netspec.ops.numbers import Integers, Quantized

if TYPE_CHECKING:
    from numpy.typing import NDArray

OpT = TypeVar("OpT", bound=Op)
Dims = tuple[int, int, int, int]
"""A `cmsis_nn_dims`: n, h, w, c."""


@dataclass(frozen=True, slots=True)
class Constant:
    """An array in flash: `role` is its suffix in C; a `table` is made by the op, the rest by training."""

    role: str
    dtype: DType
    count: int
    table: bool = False

    @property
    def bytes(self) -> int:
        return self.dtype.bytes(self.count)


@dataclass(frozen=True, slots=True)
class Layout:
    """How a weight of Keras becomes the constant `role`: its shape there and here, and which index is which.

    `index` is written `device[...] = keras[...]`, over the letters of Keras' axes. `weight` is None where Keras has
    no such array, and `keras_shape` is then empty. `scales` says how many scales the constant has. `where` is a
    condition on the letters, empty where the constant holds the whole weight; `flipped` one for weights whose sign bit
    is flipped.
    """

    role: str
    weight: str | None
    keras_shape: Shape
    device_shape: Shape
    index: str
    scales: str
    where: str = ""
    flipped: str = ""


class Kernel(ABC, Generic[OpT]):
    """A C function for an op. Stateless: every method takes the op that it speaks of."""

    template: ClassVar[str]
    """The C template below templates/ops, without its ending: the kernel set's folder and the op's stem."""

    passes_pointers: ClassVar[bool] = False
    """Whether the call passes on structs that point to constants. Of several calls the compiler shares these."""

    def title(self, op: OpT) -> str:
        """Return the op's name in tables and comments."""
        return op.stem

    def constants(self, op: OpT, extension: Extension) -> tuple[Constant, ...]:
        """Return the arrays in flash."""
        return ()

    def arrays(self, op: OpT, q: Quantized) -> Mapping[str, NDArray[Any]]:
        """Return the constants that are another form of the op's numbers, by role."""
        return {}

    def refuses(self, op: OpT, integers: Integers) -> str | None:
        """Return why the function cannot run with these weights, though the op could; None where it can."""
        return None

    def layout(self, op: OpT) -> tuple[Layout, ...]:
        """Return where the weights of Keras lie in the constants that training fills."""
        return ()

    @abstractmethod
    def kernel_choice(self, op: OpT, extension: Extension) -> KernelChoice:
        """Return the function that runs the op on a core, and why that one."""

    def functions(self, op: OpT, extension: Extension) -> tuple[str, ...]:
        """Return the C functions that the emitted call needs, those of its assertions too."""
        return (self.kernel_choice(op, extension).function,)

    def kernel_scratch_bytes(self, op: OpT, extension: Extension, compiled_for: Extension) -> int:
        """Return the scratch of the kernel that is chosen for `extension` where it is compiled for another core."""
        return 0

    def scratch_bytes(self, op: OpT, extension: Extension) -> int:
        """Return the bytes that the call needs beside input and output: on the core, and on the host that verifies."""
        return max(self.kernel_scratch_bytes(op, extension, machine) for machine in (extension, HOST_EXTENSION))

    def shapes(self, op: OpT, extension: Extension) -> Mapping[str, Dims]:
        """Return the shapes that the call points to, each a constant in flash, by the names that `call` gives them."""
        return {}

    def calls(self, op: OpT, there: Container[int] = ()) -> int:
        """Return how often the function is called; `there` are the inputs that are where the output wants them."""
        return 1

    def takes_context(self, op: OpT, extension: Extension) -> bool:
        """Return whether the function takes a `cmsis_nn_context`, so that the call needs one also without scratch."""
        return False

    def reads_kernel_sums(self, op: OpT, extension: Extension) -> bool:
        """Return whether Arm's function reads sums of weights from flash, which 5.0 and 6.0 want without offsets."""
        return False

    def in_place(self, op: OpT) -> tuple[tuple[int, int], ...]:
        """Return the pairs (input, output) such that the output may be written over the input.

        Allowed is what every kernel that may be linked does: it reads an element of the input for the last time before
        it writes the element of the output with that index. Tests run the C kernels so. Both have one element type.
        """
        return ()

    @abstractmethod
    def call(self, op: OpT, q: Quantized, extension: Extension, there: Container[int] = ()) -> Mapping[str, Any]:
        """Return the finished values of the C call, for the template `ops/<template>.c.j2`, which does no arithmetic.

        `there` are the positions of inputs that lie in the output already.

        Shapes and pairs are mappings with CMSIS-NN's field names, offsets have CMSIS-NN's signs. Arena, constants and
        the handling of the status are the emitter's.
        """


def dims(n: int, h: int, w: int, c: int) -> dict[str, int]:
    """Return a `cmsis_nn_dims`."""
    return {"n": n, "h": h, "w": w, "c": c}


def named_dims(shapes: Mapping[str, Dims]) -> dict[str, dict[str, int]]:
    """Return shapes as `cmsis_nn_dims`, by name."""
    return {name: dims(*shape) for name, shape in shapes.items()}


def tile(pair: tuple[int, int]) -> dict[str, int]:
    """Return (height, width) as a `cmsis_nn_tile`, whose fields stand in the other order."""
    return {"w": pair[1], "h": pair[0]}


def limits(q: Quantized) -> dict[str, int]:
    """Return the clamp as a `cmsis_nn_activation`."""
    return {"min": q.numbers["activation_min"], "max": q.numbers["activation_max"]}
