"""Write a TensorFlow Lite model file: tensors and operators in, deterministic bytes out.

Only Google's `flatbuffers` package is needed (a small pure-Python wheel that TensorFlow and TensorFlow Lite
Micro bring along); the few tables of the schema that int8 models use are written by slot number, so no
generated schema code is installed or kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from netspec.tflite.schema import (
    ENUMS,
    ITEM_BYTES,
    OPERATORS,
    SCHEMA_VERSION,
    TENSOR_TYPES,
    Kind,
    Operator,
    Tensor,
    version_of,
)

if TYPE_CHECKING:
    from flatbuffers import Builder

__all__ = ["Operator", "Tensor", "write"]

BUFFER_ALIGNMENT = 16
SIGNATURE_KEY = "serving_default"


def write(
    tensors: Sequence[Tensor],
    operators: Sequence[Operator],
    inputs: tuple[int, ...],
    outputs: tuple[int, ...],
    *,
    description: str,
) -> bytes:
    """Return the bytes of a .tflite file: one subgraph, one signature named after the inputs and outputs.

    Constant data is stored once for equal bytes, aligned to 16 bytes from the start of the file. The same
    arguments give the same bytes. Raises ValueError where a tensor or operator contradicts itself: data of
    the wrong length, scales without zero points, an index out of range, an unknown, missing or misspelt
    option.
    """
    import flatbuffers

    _check(tensors, operators, inputs, outputs)
    contents = [b"", *dict.fromkeys(tensor.data for tensor in tensors if tensor.data)]
    codes = list(dict.fromkeys((operator.kind, version_of(operator, tensors)) for operator in operators))

    builder = flatbuffers.Builder(sum(map(len, contents)) + 4096)
    buffers = _table_vector(builder, [_buffer(builder, content) for content in contents])
    operator_codes = _table_vector(builder, [_operator_code(builder, *code) for code in codes])
    subgraph = _subgraph(builder, tensors, operators, inputs, outputs, contents, codes)
    subgraphs = _table_vector(builder, [subgraph])
    signatures = _table_vector(builder, [_signature(builder, tensors, inputs, outputs)])
    text = builder.CreateString(description)

    builder.StartObject(8)
    builder.PrependUint32Slot(0, SCHEMA_VERSION, 0)
    builder.PrependUOffsetTRelativeSlot(1, operator_codes, 0)
    builder.PrependUOffsetTRelativeSlot(2, subgraphs, 0)
    builder.PrependUOffsetTRelativeSlot(3, text, 0)
    builder.PrependUOffsetTRelativeSlot(4, buffers, 0)
    builder.PrependUOffsetTRelativeSlot(7, signatures, 0)
    builder.Finish(builder.EndObject(), file_identifier=b"TFL3")
    return bytes(builder.Output())


def _check(
    tensors: Sequence[Tensor],
    operators: Sequence[Operator],
    inputs: tuple[int, ...],
    outputs: tuple[int, ...],
) -> None:
    for tensor in tensors:
        _check_tensor(tensor)
    for operator in operators:
        _check_operator(operator, len(tensors))
    for index in (*inputs, *outputs):
        if not 0 <= index < len(tensors):
            raise ValueError(f"the model's tensor {index} does not exist")
    for indices in (inputs, outputs):
        names = [tensors[index].name for index in indices]
        if len(set(names)) != len(names):
            raise ValueError(f"the signature's names repeat: {names}")


def _check_tensor(tensor: Tensor) -> None:
    if len(tensor.scales) != len(tensor.zero_points):
        raise ValueError(f"{tensor.name}: {len(tensor.scales)} scales, {len(tensor.zero_points)} zero points")
    if len(tensor.scales) > 1 and tensor.shape[tensor.quantized_dimension] != len(tensor.scales):
        raise ValueError(f"{tensor.name}: {len(tensor.scales)} scales for the shape {list(tensor.shape)}")
    expected = prod(tensor.shape) * ITEM_BYTES[tensor.dtype]
    if tensor.data is not None and len(tensor.data) != expected:
        raise ValueError(f"{tensor.name}: {len(tensor.data)} bytes of data, its shape needs {expected}")


def _check_operator(operator: Operator, tensor_count: int) -> None:
    if operator.kind not in OPERATORS:
        raise ValueError(f"no builtin operator {operator.kind!r} among {sorted(OPERATORS)}")
    fields = OPERATORS[operator.kind].options
    unknown = sorted(set(operator.options) - set(fields))
    required = {name for name, field in fields.items() if field.required}
    missing = sorted(required - set(operator.options))
    if unknown or missing:
        raise ValueError(f"options of {operator.kind}: unknown {unknown}, missing {missing}")
    for name, value in operator.options.items():
        known = ENUMS.get(fields[name].type)
        if known is not None and value not in known:
            raise ValueError(f"{name} of {operator.kind}: {value!r} is none of {sorted(known)}")
    for index in (*operator.inputs, *operator.outputs):
        if not -1 <= index < tensor_count:
            raise ValueError(f"tensor {index} of {operator.kind} does not exist")


def _buffer(builder: Builder, content: bytes) -> int:
    data = _bytes_vector(builder, content) if content else None
    builder.StartObject(1)
    if data is not None:
        builder.PrependUOffsetTRelativeSlot(0, data, 0)
    return int(builder.EndObject())


def _operator_code(builder: Builder, kind: str, version: int) -> int:
    code = OPERATORS[kind].code
    builder.StartObject(4)
    builder.PrependInt8Slot(0, code, 0)  # the deprecated field: older readers take the larger of the two
    builder.PrependInt32Slot(2, version, 1)
    builder.PrependInt32Slot(3, code, 0)
    return int(builder.EndObject())


def _subgraph(
    builder: Builder,
    tensors: Sequence[Tensor],
    operators: Sequence[Operator],
    inputs: tuple[int, ...],
    outputs: tuple[int, ...],
    contents: Sequence[bytes],
    codes: Sequence[tuple[str, int]],
) -> int:
    buffer_of = {content: index for index, content in enumerate(contents)}
    code_of = {code: index for index, code in enumerate(codes)}
    tensor_vector = _table_vector(builder, [_tensor(builder, t, buffer_of[t.data or b""]) for t in tensors])
    operator_vector = _table_vector(
        builder, [_operator(builder, op, code_of[op.kind, version_of(op, tensors)]) for op in operators]
    )
    input_vector = _int32_vector(builder, inputs)
    output_vector = _int32_vector(builder, outputs)
    name = builder.CreateString("main")
    builder.StartObject(5)
    for slot, offset in enumerate((tensor_vector, input_vector, output_vector, operator_vector, name)):
        builder.PrependUOffsetTRelativeSlot(slot, offset, 0)
    return int(builder.EndObject())


def _tensor(builder: Builder, tensor: Tensor, buffer: int) -> int:
    quantization = _quantization(builder, tensor)
    name = builder.CreateString(tensor.name)
    shape = _int32_vector(builder, tensor.shape)
    builder.StartObject(9)
    builder.PrependUOffsetTRelativeSlot(0, shape, 0)
    builder.PrependInt8Slot(1, TENSOR_TYPES[tensor.dtype], 0)
    builder.PrependUint32Slot(2, buffer, 0)
    builder.PrependUOffsetTRelativeSlot(3, name, 0)
    builder.PrependUOffsetTRelativeSlot(4, quantization, 0)
    builder.PrependBoolSlot(8, True, False)  # has_rank: tells a scalar's empty shape from an unknown one
    return int(builder.EndObject())


def _quantization(builder: Builder, tensor: Tensor) -> int:
    """Return a QuantizationParameters table, empty for a tensor without scales: readers expect a table."""
    scales = _vector(builder, 4, tensor.scales, builder.PrependFloat32) if tensor.scales else None
    zero_points = _vector(builder, 8, tensor.zero_points, builder.PrependInt64) if tensor.scales else None
    builder.StartObject(7)
    if scales is not None and zero_points is not None:
        builder.PrependUOffsetTRelativeSlot(2, scales, 0)
        builder.PrependUOffsetTRelativeSlot(3, zero_points, 0)
        builder.PrependInt32Slot(6, tensor.quantized_dimension, 0)
    return int(builder.EndObject())


def _operator(builder: Builder, operator: Operator, code_index: int) -> int:
    kind = OPERATORS[operator.kind]
    options = _options(builder, kind, operator.options) if kind.options_type else None
    inputs = _int32_vector(builder, operator.inputs)
    outputs = _int32_vector(builder, operator.outputs)
    builder.StartObject(5)
    builder.PrependUint32Slot(0, code_index, 0)
    builder.PrependUOffsetTRelativeSlot(1, inputs, 0)
    builder.PrependUOffsetTRelativeSlot(2, outputs, 0)
    if options is not None:
        builder.PrependUint8Slot(3, kind.options_type, 0)
        builder.PrependUOffsetTRelativeSlot(4, options, 0)
    return int(builder.EndObject())


def _options(builder: Builder, kind: Kind, values: Mapping[str, Any]) -> int:
    # Vectors must be complete before the table that refers to them is begun.
    vectors = {
        name: _int32_vector(builder, values[name]) for name, field in kind.options.items() if field.type == "int32s"
    }
    builder.StartObject(max((field.slot for field in kind.options.values()), default=-1) + 1)
    for name, field in kind.options.items():
        value = values.get(name, field.default)
        if field.type in ENUMS:
            enum = ENUMS[field.type]
            builder.PrependInt8Slot(field.slot, enum[value], enum[field.default])
        elif field.type == "int32":
            builder.PrependInt32Slot(field.slot, value, field.default)
        elif field.type == "float32":
            builder.PrependFloat32Slot(field.slot, value, field.default)
        elif field.type == "bool":
            builder.PrependBoolSlot(field.slot, value, field.default)
        else:
            builder.PrependUOffsetTRelativeSlot(field.slot, vectors[name], 0)
    return int(builder.EndObject())


def _signature(builder: Builder, tensors: Sequence[Tensor], inputs: tuple[int, ...], outputs: tuple[int, ...]) -> int:
    maps = [
        _table_vector(builder, [_tensor_map(builder, tensors, index) for index in indices])
        for indices in (inputs, outputs)
    ]
    key = builder.CreateString(SIGNATURE_KEY)
    builder.StartObject(5)
    for slot, offset in enumerate((*maps, key)):
        builder.PrependUOffsetTRelativeSlot(slot, offset, 0)
    return int(builder.EndObject())


def _tensor_map(builder: Builder, tensors: Sequence[Tensor], index: int) -> int:
    name = builder.CreateString(tensors[index].name)
    builder.StartObject(2)
    builder.PrependUOffsetTRelativeSlot(0, name, 0)
    builder.PrependUint32Slot(1, index, 0)
    return int(builder.EndObject())


def _table_vector(builder: Builder, offsets: Sequence[int]) -> int:
    return _vector(builder, 4, offsets, builder.PrependUOffsetTRelative)


def _int32_vector(builder: Builder, values: Sequence[int]) -> int:
    return _vector(builder, 4, values, builder.PrependInt32)


def _vector(builder: Builder, item_bytes: int, values: Sequence[Any], prepend: Callable[[Any], None]) -> int:
    # A flatbuffer is built from its end, hence backwards.
    builder.StartVector(item_bytes, len(values), item_bytes)
    for value in reversed(values):
        prepend(value)
    return int(builder.EndVector())


def _bytes_vector(builder: Builder, content: bytes) -> int:
    builder.StartVector(1, len(content), BUFFER_ALIGNMENT)
    # In one copy: prepending byte by byte takes a second a megabyte.
    builder.head -= len(content)
    builder.Bytes[builder.head : builder.head + len(content)] = content
    return int(builder.EndVector())
