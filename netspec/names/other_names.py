"""What Keras' aliases, PyTorch, TensorFlow Lite and habit call what has one name in a spec, or can be written in it."""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import Any

_LAYERS: dict[str, str] = {
    **{f"{short}{rank}d": f"{long}{rank}d"
       for rank in (1, 2, 3)
       for short, long in {
           "maxpool": "max_pooling", "avgpool": "average_pooling", "globalmaxpool": "global_max_pooling",
           "globalavgpool": "global_average_pooling", "convolution": "conv", "averagepool": "average_pooling",
           # By letters `max` is nearer to `avg` than `average` is.
           "avgpooling": "average_pooling", "globalavgpooling": "global_average_pooling",
           "globalaveragepool": "global_average_pooling", "zeropad": "zero_padding", "zeropadding": "zero_padding",
       }.items()},
    **{f"batchnorm{rank}": "batch_normalization" for rank in ("", "1d", "2d", "3d")},
    "layernorm": "layer_normalization",
    "convolution1dtranspose": "conv1d_transpose",
    "convolution2dtranspose": "conv2d_transpose",
    "convtranspose1d": "conv1d_transpose",
    "convtranspose2d": "conv2d_transpose",
    "separableconvolution1d": "separable_conv1d",
    "separableconvolution2d": "separable_conv2d",
    "concat": "concatenate",
    "concatenation": "concatenate",
    "mul": "multiply",
    "sub": "subtract",
    "swish": "silu",
    "hardsilu": "hard_swish",
}  # fmt: skip

ALIASES: dict[str, dict[str, str]] = {
    "layer": _LAYERS,
    "activation": {"swish": "silu", "hardsilu": "hard_swish", "none": "linear"},
    "metric": {"rmse": "root_mean_squared_error", "logcosh": "log_cosh_error"},
    "initializer": {
        "xavieruniform": "glorot_uniform",
        "xaviernormal": "glorot_normal",
        "kaiminguniform": "he_uniform",
        "kaimingnormal": "he_normal",
        "one": "ones",
        "zero": "zeros",
    },
    "optimizer argument": {"lr": "learning_rate", "eps": "epsilon"},
}
"""Names of exactly the same thing, by the kind of thing and by the letters of the other name, in lower case."""

_CLASSES_IN_ORDER = "of which it is the logarithm: the classes keep their order"
_OTHER_NORMALIZATION = "a spec has `batch_normalization` and `layer_normalization`, which compute something else"
_AS_OPTIMIZER = "write `optimizer: {adam: {learning_rate: 0.001}}`"
_NO_CLASS_WEIGHT = (
    "for unequal classes write `loss: binary_focal_crossentropy`, or `categorical_focal_crossentropy` for one-hot"
    " labels, or have a loader `data: {python: 'package.module:function'}` repeat the samples of the rare ones"
)
_NO_SAMPLE_WEIGHT = "have a loader `data: {python: 'package.module:function'}` repeat the samples that count more"
_OTHER_CORES = ("arch", "architecture", "board", "chip", "cpu", "device", "mcu", "processor", "soc")
_EARLY_STOPPING = "write `early_stopping: {monitor: val_loss, patience: 5}`"
_LEARNED_RATE = "Keras' schedules are none of a spec's; " + _AS_OPTIMIZER

ADVICE: dict[str, dict[str, str]] = {
    "layer": {
        "relu6": "write `relu: {max_value: 6}`",
        "relu0to1": "write `relu: {max_value: 1}`",
        "logsoftmax": f"use `softmax`, {_CLASSES_IN_ORDER}",
        "logsigmoid": "use `sigmoid`, of which it is the logarithm",
        "softmin": "write `rescaling: {scale: -1}` and after it `softmax`",
        **{
            f"{name}{rank}d": f"write `rescaling: {{scale: -1}}`, `max_pooling{rank}d` and `rescaling: {{scale: -1}}`"
            for name in ("minpool", "minpooling")
            for rank in (1, 2, 3)
        },
        "dropout1d": "it drops whole channels, as `spatial_dropout1d` does",
        "dropout2d": "it drops whole channels, as `spatial_dropout2d` does",
        **{
            f"{name}{rank}": _OTHER_NORMALIZATION
            for name in (
                "instancenorm",
                "instancenormalization",
                "groupnorm",
                "groupnormalization",
                "rmsnorm",
                "rmsnormalization",
                "unitnormalization",
                "unitnorm",
                "localresponsenormalization",
                "localresponsenorm",
                "spectralnormalization",
                "weightnormalization",
                "weightnorm",
            )
            for rank in ("", "1d", "2d", "3d")
        },
        **{
            f"{name}{rank}d": f"write `global_{ours}{rank}d` where its output has one {what}"
            for rank, what in ((1, "step"), (2, "pixel"), (3, "voxel"))
            for name, ours in {
                "adaptiveavgpool": "average_pooling",
                "adaptiveaveragepooling": "average_pooling",
                "adaptiveavgpooling": "average_pooling",
                "adaptivemaxpool": "max_pooling",
                "adaptivemaxpooling": "max_pooling",
            }.items()
        },
        "activation": "write the activation as a layer, as in `- relu`",
        "linear": "write `dense: {units: 10}` for PyTorch's Linear; Keras' linear activation computes nothing",
        "fullyconnected": "write `dense: {units: 10}`",
        "identity": "leave it out, it computes nothing",
        "inputlayer": "write `inputs: {x: {shape: [8]}}` at the top",
        "transpose": "write `permute: {dims: [2, 1]}`, axes counted from 1",
        "unflatten": "write `reshape: {target_shape: [4, 4, 8]}`",
        "mean": "write `reduce: {op: mean, axis: [1, 2]}`",
        "reducemean": "write `reduce: {op: mean, axis: [1, 2]}`",
        "sum": "write `reduce: {op: sum, axis: [1, 2]}`",
        "reducesum": "write `reduce: {op: sum, axis: [1, 2]}`",
        "reducemax": "write `reduce: {op: max, axis: [1, 2]}`",
        "reducemin": "write `reduce: {op: min, axis: [1, 2]}`",
        "upsamplingnearest2d": "write `up_sampling2d: {size: 2}`",
        "upsamplingbilinear2d": "write `up_sampling2d: {size: 2, interpolation: bilinear}`",
        "transposeconv": "write `conv2d_transpose: {filters: 8, kernel_size: 3}`",
        "thresholdedrelu": "write `relu: {threshold: 1}`",
        "logistic": "write `sigmoid`",
    },
    "activation": {
        "logsoftmax": f"write `softmax`, {_CLASSES_IN_ORDER}",
        "logsigmoid": "write `sigmoid`, of which it is the logarithm",
        "relu0to1": "leave it out and write `- relu: {max_value: 1}` as the next layer",
        "softmin": "leave it out and write `- rescaling: {scale: -1}` and `- softmax` as the next layers",
        "logits": "leave it out: logits are what a layer without activation gives",
    },
    "loss": {
        "rmse": "use `mse`, whose root it is: the same weights make both smallest",
        "rootmeansquarederror": "use `mean_squared_error`, whose root it is: the same weights make both smallest",
        "bcewithlogits": "write `activation: sigmoid` in the last layer and `loss: binary_crossentropy`",
        "bcewithlogitsloss": "write `activation: sigmoid` in the last layer and `loss: binary_crossentropy`",
        "crossentropyloss": "write `activation: softmax` in the last layer and `loss: sparse_categorical_crossentropy`",
        "l1": "write `loss: mae`",
        "l1loss": "write `loss: mae`",
        "l2": "write `loss: mse`",
        "l2loss": "write `loss: mse`",
        "cce": "write `loss: categorical_crossentropy`",
        "scce": "write `loss: sparse_categorical_crossentropy`",
        "smoothl1": "write `loss: huber`, which with its delta of 1 is the same",
        "smoothl1loss": "write `loss: huber`, which with its delta of 1 is the same",
        "focal": "write `loss: binary_focal_crossentropy` or `loss: categorical_focal_crossentropy`",
        "focalloss": "write `loss: binary_focal_crossentropy` or `loss: categorical_focal_crossentropy`",
    },
    "layer key": {
        "keepprob": "write `rate: 0.2` for a keep_prob of 0.8: `rate` is the share that is dropped",
        "inputshape": "shapes stand under `inputs`, as in `inputs: {x: {shape: [8]}}`",
        "batchinputshape": "shapes stand under `inputs`, without the batch axis, as in `inputs: {x: {shape: [8]}}`",
        "inputdim": "shapes stand under `inputs`, as in `inputs: {x: {shape: [8]}}`",
        "inchannels": "leave it out: it follows from what the layer reads",
        "infeatures": "leave it out: it follows from what the layer reads",
        "numfeatures": "leave it out: it follows from what the layer reads",
        "dataformat": "leave it out: a spec is channels last",
        "paddingmode": "leave it out: a layer pads with zeros",
    },
    "target key": dict.fromkeys(_OTHER_CORES, "write `core: cortex-m4`"),
    "optimizer argument": {
        "nesterov": "sgd takes it; of adam there is `optimizer: nadam`",
        "decay": "write `weight_decay` if that is meant; Keras' schedules of the learning rate are none of a spec's",
    },
    "train key": {
        "classweight": _NO_CLASS_WEIGHT,
        "classweights": _NO_CLASS_WEIGHT,
        "sampleweight": _NO_SAMPLE_WEIGHT,
        "sampleweights": _NO_SAMPLE_WEIGHT,
        "weightedmetrics": _NO_SAMPLE_WEIGHT,
        "lr": _AS_OPTIMIZER,
        "learningrate": _AS_OPTIMIZER,
        "momentum": "write `optimizer: {sgd: {momentum: 0.9}}`",
        "weightdecay": "write `optimizer: {adamw: {weight_decay: 0.004}}`",
        "clipnorm": "write `optimizer: {adam: {clipnorm: 1.0}}`",
        "clipvalue": "write `optimizer: {adam: {clipvalue: 1.0}}`",
        "lrschedule": _LEARNED_RATE,
        "lrscheduler": _LEARNED_RATE,
        "learningrateschedule": _LEARNED_RATE,
        "scheduler": _LEARNED_RATE,
        "monitor": _EARLY_STOPPING,
        "patience": _EARLY_STOPPING,
        "callbacks": _EARLY_STOPPING,
        "restorebestweights": "leave it out: the weights of the best epoch are kept",
        "validationdata": "give the data `x_val` and `y_val`, or write `validation_split: 0.2`",
        "valdata": "give the data `x_val` and `y_val`, or write `validation_split: 0.2`",
        "validationset": "give the data `x_val` and `y_val`, or write `validation_split: 0.2`",
        "valsplit": "write `validation_split: 0.2`",
        "testdata": "give the data `x_test` and `y_test`",
        "shuffle": "leave it out: training samples are shuffled each epoch",
        "verbose": "leave it out",
    },
}
"""What to write for a name of another thing, by the kind of thing and by the letters of the name."""


def _is_name(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, list) and all(isinstance(each, str) for each in value))


def _is_size(value: Any) -> bool:
    sizes = value if isinstance(value, list) else [value]
    return all(isinstance(each, int) and not isinstance(each, bool) for each in sizes)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_boolean(value: Any) -> bool:
    return isinstance(value, bool)


_KEYS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "kernel": ("kernel_size", _is_size),
    "pool": ("pool_size", _is_size),
    "stride": ("strides", _is_size),
    "dilation": ("dilation_rate", _is_size),
    "channels": ("filters", _is_size),
    "out_channels": ("filters", _is_size),
    "out_features": ("units", _is_size),
    "bias": ("use_bias", _is_boolean),
    "eps": ("epsilon", _is_number),
    "p": ("rate", _is_number),
    "in": ("from", _is_name),
    "input": ("from", _is_name),
    "inputs": ("from", _is_name),
}
"""The key that is meant, and whether a value is one that it takes."""


def meant_key(key: str, value: Any, known: Container[str]) -> str | None:
    """Return the key that another library's `key` is called here, if it is one of `known` and the value suits it."""
    meant, suits = _KEYS.get(key.lower(), ("", _is_name))
    return meant if meant in known and suits(value) else None
