"""The one list of layer types: a type exists when its class stands here."""

from __future__ import annotations

from netspec.layers.activations import ReLU, Sigmoid, Softmax, Tanh
from netspec.layers.base import Layer
from netspec.layers.batch_normalization import BatchNormalization
from netspec.layers.conv import Conv1D, Conv2D
from netspec.layers.dense import Dense
from netspec.layers.depthwise_conv import DepthwiseConv2D
from netspec.layers.dropout import Dropout
from netspec.layers.global_pooling import (
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
)
from netspec.layers.merging import Add, Concatenate
from netspec.layers.pooling import AveragePooling1D, AveragePooling2D, MaxPooling1D, MaxPooling2D
from netspec.layers.rescaling import Rescaling
from netspec.layers.reshaping import Flatten, Reshape
from netspec.layers.separable_conv import SeparableConv1D, SeparableConv2D
from netspec.layers.zero_padding import ZeroPadding1D, ZeroPadding2D

LAYER_TYPES: tuple[type[Layer], ...] = (
    Dense,
    Conv1D,
    Conv2D,
    DepthwiseConv2D,
    SeparableConv1D,
    SeparableConv2D,
    MaxPooling1D,
    MaxPooling2D,
    AveragePooling1D,
    AveragePooling2D,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    BatchNormalization,
    ReLU,
    Sigmoid,
    Tanh,
    Softmax,
    Flatten,
    Reshape,
    Dropout,
    Add,
    Concatenate,
    ZeroPadding1D,
    ZeroPadding2D,
    Rescaling,
)

LAYERS: dict[str, type[Layer]] = {layer.type: layer for layer in LAYER_TYPES}
