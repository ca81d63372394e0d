"""The one list of layer types: a type exists when it stands here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module

from netspec.layers.base import Layer

# type: where its class is. A class is imported when a spec first uses its type, so that the time to check a spec
# does not grow with the number of types that it does not use.
LAYER_TYPES: dict[str, str] = {
    "dense": "dense.Dense",
    "conv1d": "conv.Conv1D",
    "conv2d": "conv.Conv2D",
    "depthwise_conv2d": "depthwise_conv.DepthwiseConv2D",
    "separable_conv1d": "separable_conv.SeparableConv1D",
    "separable_conv2d": "separable_conv.SeparableConv2D",
    "max_pooling1d": "pooling.MaxPooling1D",
    "max_pooling2d": "pooling.MaxPooling2D",
    "average_pooling1d": "pooling.AveragePooling1D",
    "average_pooling2d": "pooling.AveragePooling2D",
    "global_average_pooling1d": "global_pooling.GlobalAveragePooling1D",
    "global_average_pooling2d": "global_pooling.GlobalAveragePooling2D",
    "global_max_pooling1d": "global_pooling.GlobalMaxPooling1D",
    "global_max_pooling2d": "global_pooling.GlobalMaxPooling2D",
    "batch_normalization": "batch_normalization.BatchNormalization",
    "relu": "activations.ReLU",
    "sigmoid": "activations.Sigmoid",
    "tanh": "activations.Tanh",
    "softmax": "activations.Softmax",
    "flatten": "reshaping.Flatten",
    "reshape": "reshaping.Reshape",
    "dropout": "dropout.Dropout",
    "add": "merging.Add",
    "concatenate": "merging.Concatenate",
    "zero_padding1d": "zero_padding.ZeroPadding1D",
    "zero_padding2d": "zero_padding.ZeroPadding2D",
    "rescaling": "rescaling.Rescaling",
}


class _Layers(Mapping[str, type[Layer]]):
    """Every layer class by its type."""

    def __getitem__(self, layer_type: str) -> type[Layer]:
        module, name = LAYER_TYPES[layer_type].split(".")
        found: type[Layer] = getattr(import_module(f"{__name__}.{module}"), name)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(LAYER_TYPES)

    def __len__(self) -> int:
        return len(LAYER_TYPES)


LAYERS: Mapping[str, type[Layer]] = _Layers()
