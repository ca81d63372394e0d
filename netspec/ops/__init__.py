"""The vocabulary between layers and devices: frozen descriptions of what is computed.

A layer lowers itself to these; `netspec.device` decides which C function runs each. An op holds geometry and the
*names* of the float weights that training will fill in, never numbers that depend on training; what it computes of
such numbers, in floats and in int8, it says itself.

An op answers what passes, planner and importers ask (`base.Op`), so that none of them has a list of types.
"""

from __future__ import annotations

from netspec.ops.affine import BatchNorm, Rescale, RescaleEach
from netspec.ops.base import Affine, Op, output_shape
from netspec.ops.binary import Binary
from netspec.ops.concatenate import Concatenate
from netspec.ops.conv2d import Conv2D
from netspec.ops.dense import Dense
from netspec.ops.depthwise_conv2d import DepthwiseConv2D
from netspec.ops.mean import Mean
from netspec.ops.pad import Pad
from netspec.ops.pool2d import Pool2D
from netspec.ops.relu import Relu
from netspec.ops.softmax import Softmax
from netspec.ops.tensor import DTYPES, INT4, INT8, INT16, INT32, INT64, UINT8, DType, Tensor
from netspec.ops.unary import Unary
from netspec.ops.view import View
from netspec.ops.words import NO_PADDING, ActivationKind, Fixed, Padding, Param, ScaleRule, Shape, hwc, same_padding

__all__ = [
    "DTYPES",
    "INT4",
    "INT8",
    "INT16",
    "INT32",
    "INT64",
    "NO_PADDING",
    "UINT8",
    "ActivationKind",
    "Affine",
    "BatchNorm",
    "Binary",
    "Concatenate",
    "Conv2D",
    "DType",
    "Dense",
    "DepthwiseConv2D",
    "Fixed",
    "Mean",
    "Op",
    "Pad",
    "Padding",
    "Param",
    "Pool2D",
    "Relu",
    "Rescale",
    "RescaleEach",
    "ScaleRule",
    "Shape",
    "Softmax",
    "Tensor",
    "Unary",
    "View",
    "hwc",
    "output_shape",
    "same_padding",
]
