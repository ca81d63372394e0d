"""The one list of layer types: a type exists when it stands here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module

from netspec.layers.base import Layer

# type: where its class is. A class is imported when a spec first uses its type, so that the time to check a spec
# does not grow with the number of types that it does not use.
LAYER_TYPES: dict[str, str] = {
    "dense": "dense.Dense",
    "embedding": "embedding.Embedding",
    "conv1d": "conv.Conv1D",
    "conv2d": "conv.Conv2D",
    "conv3d": "conv.Conv3D",
    "conv1d_transpose": "conv_transpose.Conv1DTranspose",
    "conv2d_transpose": "conv_transpose.Conv2DTranspose",
    "depthwise_conv1d": "depthwise_conv.DepthwiseConv1D",
    "depthwise_conv2d": "depthwise_conv.DepthwiseConv2D",
    "separable_conv1d": "separable_conv.SeparableConv1D",
    "separable_conv2d": "separable_conv.SeparableConv2D",
    "max_pooling1d": "pooling.MaxPooling1D",
    "max_pooling2d": "pooling.MaxPooling2D",
    "max_pooling3d": "pooling.MaxPooling3D",
    "average_pooling1d": "pooling.AveragePooling1D",
    "average_pooling2d": "pooling.AveragePooling2D",
    "average_pooling3d": "pooling.AveragePooling3D",
    "global_average_pooling1d": "global_pooling.GlobalAveragePooling1D",
    "global_average_pooling2d": "global_pooling.GlobalAveragePooling2D",
    "global_average_pooling3d": "global_pooling.GlobalAveragePooling3D",
    "global_max_pooling1d": "global_pooling.GlobalMaxPooling1D",
    "global_max_pooling2d": "global_pooling.GlobalMaxPooling2D",
    "lstm": "recurrent.LSTM",
    "gru": "recurrent.GRU",
    "simple_rnn": "recurrent.SimpleRNN",
    "bidirectional": "wrappers.Bidirectional",
    "time_distributed": "wrappers.TimeDistributed",
    "global_max_pooling3d": "global_pooling.GlobalMaxPooling3D",
    "batch_normalization": "batch_normalization.BatchNormalization",
    "layer_normalization": "layer_normalization.LayerNormalization",
    "relu": "activations.ReLU",
    "leaky_relu": "activations.LeakyReLU",
    "prelu": "prelu.PReLU",
    "elu": "activations.ELU",
    "selu": "activations.SELU",
    "gelu": "activations.GELU",
    "silu": "activations.SiLU",
    "sigmoid": "activations.Sigmoid",
    "hard_sigmoid": "activations.HardSigmoid",
    "hard_swish": "activations.HardSwish",
    "tanh": "activations.Tanh",
    "softplus": "activations.Softplus",
    "softmax": "activations.Softmax",
    "flatten": "reshaping.Flatten",
    "reshape": "reshaping.Reshape",
    "permute": "reshaping.Permute",
    "repeat_vector": "reshaping.RepeatVector",
    "dropout": "dropout.Dropout",
    "spatial_dropout1d": "dropout.SpatialDropout1D",
    "spatial_dropout2d": "dropout.SpatialDropout2D",
    "gaussian_noise": "dropout.GaussianNoise",
    "add": "merging.Add",
    "subtract": "merging.Subtract",
    "multiply": "merging.Multiply",
    "average": "merging.Average",
    "maximum": "merging.Maximum",
    "minimum": "merging.Minimum",
    "concatenate": "merging.Concatenate",
    "dot": "dot.Dot",
    "reduce": "reduce.Reduce",
    "zero_padding1d": "zero_padding.ZeroPadding1D",
    "zero_padding2d": "zero_padding.ZeroPadding2D",
    "zero_padding3d": "zero_padding.ZeroPadding3D",
    "cropping1d": "cropping.Cropping1D",
    "cropping2d": "cropping.Cropping2D",
    "cropping3d": "cropping.Cropping3D",
    "up_sampling1d": "up_sampling.UpSampling1D",
    "up_sampling2d": "up_sampling.UpSampling2D",
    "up_sampling3d": "up_sampling.UpSampling3D",
    "rescaling": "rescaling.Rescaling",
    "normalization": "normalization.Normalization",
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
