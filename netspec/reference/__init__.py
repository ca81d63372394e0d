"""Reference implementations in numpy: int8, equal to TensorFlow Lite Micro in every element, and float."""

from netspec.reference.arrays import INT8_RANGE, multiply_by_quantized_multiplier
from netspec.reference.elementwise import binary, concatenate, pad, softmax, table
from netspec.reference.floating import (
    average_pool2d_float,
    binary_float,
    conv2d_float,
    dense_float,
    depthwise_conv2d_float,
    logistic_float,
    max_pool2d_float,
    mean_hw_float,
    softmax_float,
)
from netspec.reference.pooling import average_pool2d, max_pool2d, mean_hw
from netspec.reference.weighted import conv2d, dense, depthwise_conv2d

__all__ = [
    "INT8_RANGE",
    "average_pool2d",
    "average_pool2d_float",
    "binary",
    "binary_float",
    "concatenate",
    "conv2d",
    "conv2d_float",
    "dense",
    "dense_float",
    "depthwise_conv2d",
    "depthwise_conv2d_float",
    "logistic_float",
    "max_pool2d",
    "max_pool2d_float",
    "mean_hw",
    "mean_hw_float",
    "multiply_by_quantized_multiplier",
    "pad",
    "softmax",
    "softmax_float",
    "table",
]
