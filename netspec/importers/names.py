"""Names in a spec: what may be one, and which of a model's names somebody chose."""

from __future__ import annotations

import re

from netspec.layers import LAYERS
from netspec.spec.sections import C_KEYWORDS

_LONGEST_NAME = 60
_NUMBERED = re.compile(r"(.+?)(?:_\d+)?")
# Names that Keras, TensorFlow or netspec gave; such a name says no more than the layer's type does.
_OF_NOBODY = {
    *("activation", "re_lu", "p_re_lu", "input", "functional", "model", "sequential", "identity", "padded", "view"),
    *("statefulpartitionedcall", "partitionedcall", "kernel", "input_layer", "tfl_quantize", "tf_lite"),
}


# Words for what a layer does, as converters and people spell them, beside the types of a spec.
_OP_WORDS = frozenset(
    {
        *("conv", "convolution", "depthwise", "pointwise", "separable", "dw", "pw", "dwconv", "pwconv", "transposed"),
        *("fc", "gemm", "matmul", "linear", "fully", "connected", "inner", "product", "biasadd", "bias"),
        *("bn", "norm", "batchnorm", "batch", "normalization", "layernorm", "instancenorm", "fused"),
        *("relu", "leaky", "act", "activation", "tanh", "sigmoid", "logistic", "softmax", "clip", "swish", "hardswish"),
        *(
            "pool",
            "pooling",
            "maxpool",
            "avgpool",
            "averagepool",
            "globalaveragepool",
            "gap",
            "global",
            "average",
            "avg",
        ),
        *("add", "sum", "mul", "multiply", "sub", "eltwise", "concat", "concatenate", "cat", "max", "mean", "reduce"),
        *("pad", "padding", "zero", "flatten", "reshape", "squeeze", "unsqueeze", "transpose", "resize", "upsample"),
        *("dropout", "identity", "quantize", "dequantize", "tf", "nn", "math", "onnx", "tfl", "d"),
    }
)
_SAYS_NOTHING = frozenset({"layer", "op", "node", "tensor", "x", "l"})
_LEAST_STEM = 3
_LONGEST_MARK = 2
_MANY_NUMBERS = 3


def is_counter(name: str) -> bool:
    """Say whether a name is words for what the layer does and numbers, such as `mtconv9_0_0_2` or `conv_dw_3_bn`.

    Without a number it is no counter.
    """
    words, numbers = re.findall("[a-z]+", name.lower()), re.findall("[0-9]+", name)
    if not words or not numbers:
        return False
    return words[0] in _SAYS_NOTHING if len(words) == 1 and words[0] in _SAYS_NOTHING else all(map(_is_op, words))


def is_path(name: str, numbers: int = _MANY_NUMBERS) -> bool:
    """Say whether a counter has several numbers: the place of a layer in some program's lists, written by no person."""
    return is_counter(name) and len(re.findall("[0-9]+", name)) >= numbers


def _is_op(word: str) -> bool:
    """Say whether a word is one for what a layer does, or two, or one with a mark of a letter or two before it."""
    if _is_known(word) or any(_is_known(word[:at]) and _is_known(word[at:]) for at in range(2, len(word) - 1)):
        return True
    stems = [word[mark:] for mark in range(1, _LONGEST_MARK + 1)]
    return any(len(stem) >= _LEAST_STEM and _is_known(stem) for stem in stems)


def _is_known(word: str) -> bool:
    return word in _OP_WORDS or word in LAYERS


def is_automatic(name: str) -> bool:
    """Say whether a layer's name is its type with a number, and was therefore given by no person."""
    found = _NUMBERED.fullmatch(name.lower().removesuffix("_int8"))
    stem = found[1] if found else name
    return stem in LAYERS or stem in _OF_NOBODY or stem.removesuffix("_view") in LAYERS


def identifier(text: str) -> str:
    """Return `text` as a name that a layer or an input may bear."""
    name = re.sub(r"[^A-Za-z0-9_]+", "_", text).strip("_")[:_LONGEST_NAME].strip("_")
    if not name:
        return "x"
    return name if re.match("[A-Za-z_]", name) else f"n{name}"


def spec_name(text: str) -> str:
    """Return `text` as the name of a spec: a C identifier in lower case that is no keyword."""
    name = identifier(text).lower().lstrip("_") or "net"
    return f"{name}_net" if name in C_KEYWORDS else name
