"""What Keras' aliases, PyTorch and habit call layers and keys that have one name in a spec."""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import Any

LAYER_TYPES: dict[str, str] = {
    **{f"{short}{rank}d": f"{long}{rank}d"
       for rank in (1, 2, 3)
       for short, long in {
           "maxpool": "max_pooling", "avgpool": "average_pooling", "globalmaxpool": "global_max_pooling",
           "globalavgpool": "global_average_pooling", "convolution": "conv",
           # By letters `max` is nearer to `avg` than `average` is.
           "avgpooling": "average_pooling", "globalavgpooling": "global_average_pooling",
       }.items()},
    **{f"batchnorm{rank}d": "batch_normalization" for rank in (1, 2, 3)},
    "convolution1dtranspose": "conv1d_transpose",
    "convolution2dtranspose": "conv2d_transpose",
    "convtranspose1d": "conv1d_transpose",
    "convtranspose2d": "conv2d_transpose",
    "separableconvolution1d": "separable_conv1d",
    "separableconvolution2d": "separable_conv2d",
    "swish": "silu",
    "hardsilu": "hard_swish",
}  # fmt: skip
"""By the letters of the other name, in lower case."""

VALUES = {"swish": "silu", "hard_silu": "hard_swish"}
"""Activations that Keras knows by two names."""


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
    "dilation": ("dilation_rate", _is_size),
    "channels": ("filters", _is_size),
    "out_channels": ("filters", _is_size),
    "out_features": ("units", _is_size),
    "bias": ("use_bias", _is_boolean),
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


def meant_type(name: str, known: Container[str]) -> str | None:
    """Return the layer type that another library's `name` is called here, if it is one of `known`."""
    meant = LAYER_TYPES.get(name.lower().replace("_", ""), "")
    return meant if meant in known else None
