"""What every int8 op answers: its constants and scratch at check time, its numbers after training, its three forms.

The three forms are the numpy reference, the TensorFlow Lite operator and the C call; verification compares them.
numpy is imported inside methods: the static half of this package runs in `netspec check`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, Protocol, TypeVar

from netspec.device.cmsis_nn import HOST_EXTENSION, Extension, KernelChoice
from netspec.ops import ActivationKind, Param, Shape

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

OpT = TypeVar("OpT")
Dims = tuple[int, int, int, int]
"""A `cmsis_nn_dims`: n, h, w, c."""
C_TYPE_BYTES = {"int8_t": 1, "int32_t": 4}


@dataclass(frozen=True, slots=True)
class Constant:
    """An array in flash: `role` is its suffix in C; a `table` is made by the op, the rest by training."""

    role: str
    c_type: Literal["int8_t", "int32_t"]
    count: int
    table: bool = False

    @property
    def bytes(self) -> int:
        return self.count * C_TYPE_BYTES[self.c_type]


@dataclass(frozen=True, slots=True)
class Layout:
    """How a weight of Keras becomes the constant `role`: its shape there and here, and which index is which.

    `index` is written `device[...] = keras[...]`, over the letters of Keras' axes. `weight` is None where Keras has
    no such array, and `keras_shape` is then empty. `scales` says how many scales the constant has.
    """

    role: str
    weight: str | None
    keras_shape: Shape
    device_shape: Shape
    index: str
    scales: str


@dataclass(frozen=True, slots=True)
class Quant:
    """Quantization of a tensor: real = scale * (q - zero_point), `scale` a float32 value.

    `raw` marks a tensor in the units of an input whose rescaling is part of the weights of what reads it.
    """

    scale: float
    zero_point: int
    raw: bool = False


@dataclass(frozen=True, slots=True)
class Quantized:
    """The numbers of one op: `arrays` by the roles that `Kernel.constants` declares, `numbers` for what is scalar."""

    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    numbers: Mapping[str, int] = field(default_factory=dict)
    scales: tuple[float, ...] = ()
    """Scales of the weights, one a channel or one in all, as float32 values."""
    bias_scales: tuple[float, ...] = ()
    """Scales of the bias, input * weight."""


@dataclass(frozen=True, slots=True)
class Integers:
    """The weights of one op as integers: int8 `rows`, (outputs, weights of one output), and int32 biases.

    Zero points are 0. `scales` and `bias_scales` hold one scale a row, or one in all.
    """

    rows: NDArray[np.int8]
    bias: NDArray[np.int32] | None
    scales: tuple[float, ...]
    bias_scales: tuple[float, ...]


class Weights(Protocol):
    """Looks up a trained float array."""

    def __call__(self, param: Param) -> NDArray[np.float32]: ...


class StoredWeights(Protocol):
    """Looks up an array that is an integer already, and its scales: one an output, or one in all."""

    def __call__(self, param: Param) -> NDArray[Any]: ...

    def scales(self, param: Param) -> tuple[float, ...]: ...


class Sink(Protocol):
    """Collects TensorFlow Lite operators. Shapes carry the batch of 1."""

    def read(self, position: int, shape: Shape) -> int:
        """Return the index of the node's input at `position`, seen as `shape`; reshapes where needed."""

    def write(self, shape: Shape) -> int:
        """Return the index of the node's output, given as `shape`; reshapes afterwards where needed."""

    def intermediate(self, role: str, shape: Shape, like: int) -> int:
        """Return a new tensor with the quantization of tensor `like`."""

    def constant(
        self, role: str, values: NDArray[Any], scales: Sequence[float] = (), quantized_dimension: int = 0
    ) -> int:
        """Return a new constant tensor, with zero points of 0 where it has scales."""

    def operator(self, kind: str, inputs: Sequence[int], outputs: Sequence[int], **options: Any) -> None:
        """Append an operator."""


class Kernel(ABC, Generic[OpT]):
    """An int8 op. Stateless: every method takes the op that it speaks of."""

    name: ClassVar[str]
    """The op's name in tables."""

    @property
    def template(self) -> str:
        """Return the stem of the op's C template."""
        return self.name

    def constants(self, op: OpT, extension: Extension) -> tuple[Constant, ...]:
        """Return the arrays in flash."""
        return ()

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

    def in_place_inputs(self, op: OpT) -> tuple[int, ...]:
        """Return the positions of the inputs that the output may be written over, byte for byte.

        Allowed is what every kernel that may be linked does: it reads an element of these inputs for the last time
        before it writes the element of the output with that index. Tests run the C kernels so.
        """
        return ()

    def integers(self, op: OpT, weights: Weights, inputs: Sequence[Quant], output: Quant) -> Integers | None:
        """Return the op's weights as integers, made of floats; None for an op without weights."""
        return None

    def stored_integers(self, op: OpT, stored: StoredWeights, inputs: Sequence[Quant]) -> Integers | None:
        """Return the op's weights as integers, as somebody else has made them; None for an op without weights."""
        return None

    @abstractmethod
    def numbers(self, op: OpT, integers: Integers | None, inputs: Sequence[Quant], output: Quant) -> Quantized:
        """Return the op's numbers from its integers. Raises ValueError where they leave the kernel's range."""

    def quantize(self, op: OpT, weights: Weights, inputs: Sequence[Quant], output: Quant) -> Quantized:
        """Return the op's numbers from floats. Raises ValueError where they leave the kernel's range."""
        return self.numbers(op, self.integers(op, weights, inputs, output), inputs, output)

    @abstractmethod
    def evaluate(self, op: OpT, weights: Weights, inputs: Sequence[NDArray[Any]]) -> NDArray[Any]:
        """Return the float result on arrays with a batch axis, folding included."""

    @abstractmethod
    def reference(self, op: OpT, q: Quantized, inputs: Sequence[NDArray[np.int8]]) -> NDArray[np.int8]:
        """Return the int8 result on arrays with a batch axis, equal to TensorFlow Lite Micro's."""

    @abstractmethod
    def tflite(self, op: OpT, q: Quantized, sink: Sink) -> None:
        """Append the op's operators to a .tflite file."""

    @abstractmethod
    def call(self, op: OpT, q: Quantized, extension: Extension, there: Container[int] = ()) -> Mapping[str, Any]:
        """Return the finished values of the C call, for the template `ops/<template>.c.j2`, which does no arithmetic.

        `there` are the positions of inputs that lie in the output already.

        Shapes and pairs are mappings with CMSIS-NN's field names, offsets have CMSIS-NN's signs. Arena, constants and
        the handling of the status are the emitter's.
        """


def batched(array: NDArray[Any], shape: Shape) -> NDArray[Any]:
    """Return `array` with its batch axis and the rest as `shape`."""
    return array.reshape((array.shape[0], *shape))


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


def clamp_numbers(activation: ActivationKind, output: Quant) -> dict[str, int]:
    """Return the least and greatest output of a kernel with a fused activation."""
    from netspec.arithmetic import activation_clamp

    least, greatest = activation_clamp(activation, output.scale, output.zero_point)
    return {"activation_min": least, "activation_max": greatest}


def float_bounds(activation: ActivationKind, max_value: float | None = None) -> tuple[float, float]:
    """Return the bounds of a fused activation over floats."""
    if activation == "none":
        return (float("-inf"), float("inf"))
    upper = 6.0 if activation == "relu6" else (float("inf") if max_value is None else max_value)
    return (0.0, upper)


def tflite_activation(activation: ActivationKind) -> str:
    return activation.upper()
