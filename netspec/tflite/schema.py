"""The part of the TensorFlow Lite schema that int8 models use: tensors, operators, their codes and options.

Numbers are those of schema version 3, `tensorflow/compiler/mlir/lite/schema/schema.fbs`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

SCHEMA_VERSION = 3

DType = Literal["int8", "int32", "float32"]

TENSOR_TYPES: dict[DType, int] = {"float32": 0, "int32": 2, "int8": 9}
ITEM_BYTES: dict[DType, int] = {"float32": 4, "int32": 4, "int8": 1}
ENUMS: dict[str, dict[str, int]] = {
    "padding": {"SAME": 0, "VALID": 1},
    "activation": {"NONE": 0, "RELU": 1, "RELU_N1_TO_1": 2, "RELU6": 3},
}


@dataclass(frozen=True)
class Tensor:
    """A tensor of the model.

    `shape` includes the batch. A quantized tensor has one scale and zero point, or one a slice of
    `quantized_dimension`. `data` (little-endian, C order) makes it a constant.
    """

    name: str
    shape: tuple[int, ...]
    dtype: DType
    scales: tuple[float, ...] = ()
    zero_points: tuple[int, ...] = ()
    quantized_dimension: int = 0
    data: bytes | None = None


@dataclass(frozen=True)
class Operator:
    """A builtin operator: `kind` as the schema spells it, indices of tensors, options.

    An absent input is -1. Options and their defaults are listed in `OPERATORS`.
    """

    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, Any]


class Field(NamedTuple):
    """One field of an options table: its slot in the schema, its type there, and the schema's default."""

    slot: int
    type: Literal["padding", "activation", "int32", "float32", "bool", "int32s"]
    default: Any
    required: bool = False


class Kind(NamedTuple):
    """A builtin operator: its code, the version for an operator's use of it, its options table."""

    code: int
    version: Callable[[Operator, Sequence[Tensor]], int]
    options_type: int
    options: Mapping[str, Field]


def _version(number: int) -> Callable[[Operator, Sequence[Tensor]], int]:
    return lambda operator, tensors: number


def _conv_version(operator: Operator, tensors: Sequence[Tensor]) -> int:
    grouped = tensors[operator.inputs[0]].shape[3] != tensors[operator.inputs[1]].shape[3]
    return 6 if grouped else 3


def _dense_version(operator: Operator, tensors: Sequence[Tensor]) -> int:
    if len(operator.inputs) == 2:
        return 6
    return 5 if operator.options.get("keep_num_dims") else 4


_ACTIVATION = Field(0, "activation", "NONE")
_POOL = {
    "padding": Field(0, "padding", "SAME", required=True),
    "stride_w": Field(1, "int32", 0, required=True),
    "stride_h": Field(2, "int32", 0, required=True),
    "filter_w": Field(3, "int32", 0, required=True),
    "filter_h": Field(4, "int32", 0, required=True),
    "activation": _ACTIVATION._replace(slot=5),
}

# Versions are the lowest that carry an int8 operator's features:
# GetBuiltinOperatorVersion, tensorflow/lite/tools/versioning/op_version.cc.
OPERATORS: dict[str, Kind] = {
    "ADD": Kind(0, _version(2), 11, {"activation": _ACTIVATION}),
    "AVERAGE_POOL_2D": Kind(1, _version(2), 5, _POOL),
    "CONCATENATION": Kind(
        2,
        _version(2),
        10,
        {"axis": Field(0, "int32", 0, required=True), "activation": _ACTIVATION._replace(slot=1)},
    ),
    "CONV_2D": Kind(
        3,
        _conv_version,
        1,
        {
            "padding": Field(0, "padding", "SAME", required=True),
            "stride_w": Field(1, "int32", 0, required=True),
            "stride_h": Field(2, "int32", 0, required=True),
            "activation": _ACTIVATION._replace(slot=3),
            "dilation_w": Field(4, "int32", 1),
            "dilation_h": Field(5, "int32", 1),
        },
    ),
    "DEPTHWISE_CONV_2D": Kind(
        4,
        _version(3),
        2,
        {
            "padding": Field(0, "padding", "SAME", required=True),
            "stride_w": Field(1, "int32", 0, required=True),
            "stride_h": Field(2, "int32", 0, required=True),
            "depth_multiplier": Field(3, "int32", 0, required=True),
            "activation": _ACTIVATION._replace(slot=4),
            "dilation_w": Field(5, "int32", 1),
            "dilation_h": Field(6, "int32", 1),
        },
    ),
    "DEQUANTIZE": Kind(6, _version(2), 38, {}),
    "FULLY_CONNECTED": Kind(
        9, _dense_version, 8, {"activation": _ACTIVATION, "keep_num_dims": Field(2, "bool", False)}
    ),
    "LOGISTIC": Kind(14, _version(2), 0, {}),
    "MAX_POOL_2D": Kind(17, _version(2), 5, _POOL),
    "RELU": Kind(19, _version(2), 0, {}),
    "RELU6": Kind(21, _version(2), 0, {}),
    "RESHAPE": Kind(22, _version(1), 17, {"new_shape": Field(0, "int32s", (), required=True)}),
    "SOFTMAX": Kind(25, _version(2), 9, {"beta": Field(0, "float32", 0.0, required=True)}),
    "TANH": Kind(28, _version(2), 0, {}),
    "PAD": Kind(34, _version(2), 22, {}),
    "MUL": Kind(18, _version(2), 21, {"activation": _ACTIVATION}),
    "MEAN": Kind(40, _version(2), 27, {"keep_dims": Field(0, "bool", False)}),
    "QUANTIZE": Kind(114, _version(1), 89, {}),
}


def version_of(operator: Operator, tensors: Sequence[Tensor]) -> int:
    """Return the version of a builtin operator that a reader must support to run `operator`."""
    return OPERATORS[operator.kind].version(operator, tensors)
