"""Read a TensorFlow Lite model file: tensors, operators and constants as plain values; no TensorFlow, no numpy.

Slot numbers are those of schema version 3, `tensorflow/compiler/mlir/lite/schema/schema.fbs`. What the writer also
needs to know of operators stands in `quantize.tflite_schema`.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from netspec.importers.draft import MOST_LAYERS
from netspec.importers.faults import MalformedModel, ModelFault
from netspec.importers.flatbuffer import Flatbuffer, Table
from netspec.importers.tflite.names import BUILTIN_OPERATORS
from netspec.system.files import open_regular
from netspec.tflite.schema import ENUMS, OPERATORS, SCHEMA_VERSION, Field

LARGEST_FILE = 512 * 1024**2
"""Bytes: many times the flash of any microcontroller, and as much memory as importing a model may take."""
IDENTIFIER = b"TFL3"
"""Bytes; what is larger fits no microcontroller, and reading it would take the machine's memory."""

_TENSOR_TYPES = (
    *("float32", "float16", "int32", "uint8", "int64", "string", "bool", "int16", "complex64", "int8", "float64"),
    *("complex128", "uint64", "resource", "variant", "uint32", "uint16", "int4", "bfloat16", "int2", "uint4"),
)
_ITEM_BYTES = {
    "float32": 4,
    "float16": 2,
    "int32": 4,
    "uint8": 1,
    "int64": 8,
    "bool": 1,
    "int16": 2,
    "int8": 1,
    "float64": 8,
    "uint64": 8,
    "uint32": 4,
    "uint16": 2,
    "bfloat16": 2,
}
_ACTIVATION = {"activation": Field(0, "activation", "NONE")}
_READ_ONLY: dict[str, dict[str, Field]] = {
    "GELU": {"approximate": Field(0, "bool", False)},
    "LEAKY_RELU": {"alpha": Field(0, "float32", 0.0)},
    "MUL": _ACTIVATION,
    "REDUCE_MAX": {"keep_dims": Field(0, "bool", False)},
    "REDUCE_MIN": {"keep_dims": Field(0, "bool", False)},
    "RESIZE_BILINEAR": {"align_corners": Field(2, "bool", False), "half_pixel_centers": Field(3, "bool", False)},
    "RESIZE_NEAREST_NEIGHBOR": {
        "align_corners": Field(0, "bool", False),
        "half_pixel_centers": Field(1, "bool", False),
    },
    "SUB": _ACTIVATION,
    "SUM": {"keep_dims": Field(0, "bool", False)},
}
"""Options of operators that netspec reads and never writes, by the same schema."""
_MAX_RANK = 8
_LARGEST_TENSOR = 2**31 - 1


@dataclass(frozen=True, slots=True)
class FileTensor:
    """A tensor as the file has it. `signature` is its shape with -1 where it was open, `data` makes it a constant.

    A quantized tensor has one scale and zero point, or one a slice of `quantized_dimension`.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    signature: tuple[int, ...]
    dtype: str
    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    quantized_dimension: int
    data: memoryview | None
    is_variable: bool = False
    """It keeps a state from one inference to the next."""

    @property
    def shown(self) -> str:
        return f"tensor {self.index} '{self.name if len(self.name) <= 60 else self.name[:59] + '…'}'"


@dataclass(frozen=True, slots=True)
class FileOperator:
    """An operator: `kind` as the schema spells it, tensors by index (-1: absent), options with their defaults."""

    index: int
    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, Any]

    @property
    def shown(self) -> str:
        return f"operator {self.index}, {self.kind},"


@dataclass(frozen=True, slots=True)
class FileModel:
    """The first subgraph of a file. `input_names` and `output_names` are its signature's, where it has one."""

    tensors: tuple[FileTensor, ...]
    operators: tuple[FileOperator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    input_names: Mapping[int, str]
    output_names: Mapping[int, str]
    subgraphs: int = 1


def read_file(path: Path) -> FileModel:
    """Return a model file's content. Raises `ModelFault`, or OSError where the file cannot be read."""
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > LARGEST_FILE:
            raise ModelFault(f"the file has {size:,} bytes, netspec reads models of up to {LARGEST_FILE:,}")
        Flatbuffer(file.read(8), IDENTIFIER)  # a file that is no model is not worth the memory
        file.seek(0)
        return read_model(file.read(LARGEST_FILE))


def read_model(data: bytes) -> FileModel:
    """Return the content of a model. Raises `ModelFault` for what is malformed or was never meant for a device."""
    root = Flatbuffer(data, IDENTIFIER).root()
    version = root.integer(0, "uint32")
    if version != SCHEMA_VERSION:
        raise ModelFault(f"the model has schema version {version}, netspec reads version {SCHEMA_VERSION}")
    codes = root.tables(1, _operator_kind)
    buffers = root.tables(4, _buffer)
    graphs = root.tables(2, lambda table: table)
    if not graphs:
        raise ModelFault("the model has 0 subgraphs, netspec imports models of one")
    graph = graphs[0]
    counter = iter(range(2**31))
    tensors = tuple(graph.tables(0, lambda table: _tensor(table, next(counter), buffers)))
    counter = iter(range(2**31))
    operators = tuple(graph.tables(3, lambda table: _operator(table, next(counter), codes)))
    inputs, outputs = graph.integers(1, "int32") or (), graph.integers(2, "int32") or ()
    if len(operators) > MOST_LAYERS:
        raise ModelFault(f"the model has {len(operators):,} operators, netspec imports up to {MOST_LAYERS:,}")
    _check_indices(tensors, operators, inputs, outputs)
    names = [signature for signature in root.tables(7, _signature) if signature[0] == 0]
    input_names, output_names = (names[0][1], names[0][2]) if len(names) == 1 else ({}, {})
    return FileModel(tensors, operators, inputs, outputs, input_names, output_names, len(graphs))


def _operator_kind(table: Table) -> str:
    # Codes of up to 127 stand in the first field as well, which older writers know alone.
    code = max(table.integer(0, "int8"), table.integer(3, "int32"))
    if code < 0 or code >= len(BUILTIN_OPERATORS):
        return f"builtin {code}"
    kind = BUILTIN_OPERATORS[code]
    return f"CUSTOM '{table.text(1)}'" if kind == "CUSTOM" else kind


def _buffer(table: Table) -> memoryview | None:
    if table.integer(1, "uint64") > 1:
        raise ModelFault("the model keeps its constants outside of the flatbuffer, which netspec does not read")
    content = table.content(0)
    return content if content else None


def _tensor(table: Table, index: int, buffers: list[memoryview | None]) -> FileTensor:
    name = table.text(3)
    shape = table.integers(0, "int32") or ()
    code = table.integer(1, "int8")
    if not 0 <= code < len(_TENSOR_TYPES):
        raise MalformedModel(f"tensor {index} has the unknown type {code}")
    buffer = table.integer(2, "uint32")
    if buffer >= max(len(buffers), 1):
        raise MalformedModel(f"tensor {index} is in buffer {buffer} of {len(buffers)}")
    if table.table(6) is not None:
        raise ModelFault(f"tensor {index} '{name}' is sparse, which netspec does not read")
    scales, zero_points, dimension = _quantization(table.table(4), index)
    if sum(size > 1 for size in shape) == 1 and len(scales) == max(shape):
        # Converters of 2019 wrote 3, the axis of the weights, for their biases too; no interpreter reads it.
        dimension = shape.index(len(scales))
    found = FileTensor(
        index, name, shape, table.integers(7, "int32") or shape, _TENSOR_TYPES[code], scales, zero_points, dimension,
        buffers[buffer] if buffers else None, bool(table.scalar(5, "bool")),
    )  # fmt: skip
    _check_tensor(found)
    return found


def _quantization(table: Table | None, index: int) -> tuple[tuple[float, ...], tuple[int, ...], int]:
    if table is None:
        return (), (), 0
    scales = table.scalars(2, "float32") or ()
    zero_points = table.integers(3, "int64") or (0,) * len(scales)
    if len(zero_points) == 1 and len(scales) > 1:
        zero_points *= len(scales)
    if len(zero_points) != len(scales):
        raise MalformedModel(f"tensor {index} has {len(scales)} scales and {len(zero_points)} zero points")
    if not all(math.isfinite(scale) and scale > 0 for scale in scales):
        raise MalformedModel(f"tensor {index} has a scale that is not positive and finite")
    return scales, zero_points, table.integer(6, "int32")


def _check_tensor(tensor: FileTensor) -> None:
    if len(tensor.shape) > _MAX_RANK or len(tensor.signature) != len(tensor.shape):
        raise MalformedModel(f"{tensor.shown} has the shape {list(tensor.shape)[:9]}")
    # An unknown size is -1, in old files in the shape itself.
    if any(size < -1 for size in tensor.shape) or prod(max(size, 1) for size in tensor.shape) > _LARGEST_TENSOR:
        raise MalformedModel(f"{tensor.shown} has the shape {list(tensor.shape)}")
    if len(tensor.scales) > 1:
        dimension = tensor.quantized_dimension
        if not 0 <= dimension < len(tensor.shape) or tensor.shape[dimension] != len(tensor.scales):
            raise MalformedModel(
                f"{tensor.shown} has {len(tensor.scales)} scales along axis {dimension} of {list(tensor.shape)}"
            )
    if tensor.data is not None and tensor.dtype in _ITEM_BYTES:
        expected = prod(tensor.shape) * _ITEM_BYTES[tensor.dtype]
        if len(tensor.data) != expected or -1 in tensor.shape:
            raise MalformedModel(f"{tensor.shown} has {len(tensor.data)} bytes of data, its shape needs {expected}")


def _operator(table: Table, index: int, codes: list[str]) -> FileOperator:
    code = table.integer(0, "uint32")
    if code >= len(codes):
        raise MalformedModel(f"operator {index} has code {code} of {len(codes)}")
    kind = codes[code]
    inputs, outputs = table.integers(1, "int32") or (), table.integers(2, "int32") or ()
    return FileOperator(index, kind, inputs, outputs, _options(table.table(4), kind, index))


def _options(table: Table | None, kind: str, index: int) -> dict[str, Any]:
    """Return an operator's options. A table that is left out has the defaults: writers do that with RESHAPE's."""
    fields = OPERATORS[kind].options if kind in OPERATORS else _READ_ONLY.get(kind, {})
    found: dict[str, Any] = {}
    for name, field in fields.items():
        if table is None:
            found[name] = field.default
        elif field.type in ENUMS:
            value = table.integer(field.slot, "int8", ENUMS[field.type][field.default])
            spelt = {number: text for text, number in ENUMS[field.type].items()}
            found[name] = spelt.get(value, f"{field.type} {value}")
        elif field.type == "int32s":
            found[name] = table.integers(field.slot, "int32") or field.default
        else:
            found[name] = table.scalar(field.slot, field.type, field.default)
    if kind == "FULLY_CONNECTED" and table is not None and table.integer(1, "int8"):
        raise ModelFault(f"operator {index}, {kind}, has shuffled weights, which netspec does not read")
    return found


def _signature(table: Table) -> tuple[int, dict[int, str], dict[int, str]]:
    """Return (subgraph, names of inputs by tensor, names of outputs by tensor)."""

    def entry(map_table: Table) -> tuple[int, str]:
        return map_table.integer(1, "uint32"), map_table.text(0)

    return table.integer(4, "uint32"), dict(table.tables(0, entry)), dict(table.tables(1, entry))


def _check_indices(
    tensors: tuple[FileTensor, ...],
    operators: tuple[FileOperator, ...],
    inputs: tuple[int, ...],
    outputs: tuple[int, ...],
) -> None:
    """Raise where an index leads nowhere, a tensor is read before it is written, or written twice."""
    count = len(tensors)
    if not inputs or not outputs or not operators:
        raise MalformedModel("the model has no inputs, no outputs or no operators")
    for index in (*inputs, *outputs):
        if not 0 <= index < count:
            raise MalformedModel(f"the model's tensor {index} does not exist, it has {count}")
    written = {*inputs, *(tensor.index for tensor in tensors if tensor.data is not None or tensor.is_variable)}
    for operator in operators:
        for index in operator.inputs:
            if not -1 <= index < count:
                raise MalformedModel(f"{operator.shown} reads tensor {index}, the model has {count}")
            if index >= 0 and index not in written:
                raise MalformedModel(f"{operator.shown} reads {tensors[index].shown}, which nothing has written yet")
        for index in operator.outputs:
            if not 0 <= index < count:
                raise MalformedModel(f"{operator.shown} writes tensor {index}, the model has {count}")
            if index in written:
                raise MalformedModel(f"{operator.shown} writes {tensors[index].shown}, which is written already")
            written.add(index)
    for index in outputs:
        if index not in written:
            raise MalformedModel(f"nothing writes the model's output, {tensors[index].shown}")
