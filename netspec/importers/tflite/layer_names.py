"""What a layer was called before a converter made operators of it.

Converters name tensors by the paths of the graph they came from, several joined by `;` where ops were fused, such as
`model/batch_normalization/FusedBatchNormV3;model/stem/Conv2D`. The layer is the last but one part of the path whose
last part says the operator.
"""

from __future__ import annotations

import re

from netspec.importers.names import identifier, is_automatic
from netspec.importers.tflite.reader import FileModel, FileOperator

_LAST_PARTS = {
    "ADD": ("add",),
    "AVERAGE_POOL_2D": ("avgpool", "avg_pool"),
    "CONCATENATION": ("concat",),
    "CONV_2D": ("conv2d", "convolution", "conv1d"),
    "DEPTHWISE_CONV_2D": ("depthwise",),
    "FULLY_CONNECTED": ("matmul", "tensordot", "dot"),
    "LOGISTIC": ("sigmoid",),
    "MAX_POOL_2D": ("maxpool", "max_pool"),
    "MEAN": ("mean",),
    "PAD": ("pad",),
    "REDUCE_MAX": ("max",),
    "RELU": ("relu",),
    "RELU6": ("relu6",),
    "SOFTMAX": ("softmax",),
    "TANH": ("tanh",),
}


def common_suffix(model: FileModel) -> str:
    """Return what stands behind every layer's name: Keras 3 exports `stem_1` for `stem`, the model's own name alike."""
    scopes = {
        part
        for tensor in model.tensors
        for path in tensor.name.split(";")
        for part in path.split("/")[:-1][:2]
        if "/" in path
    }
    suffixes = {found[0] if (found := re.search(r"_\d+$", scope)) else "" for scope in scopes}
    return suffixes.pop() if len(suffixes) == 1 and len(scopes) > 2 else ""


def given_name(operator: FileOperator, model: FileModel, suffix: str) -> str | None:
    """Return the name that somebody gave to the layer that an operator was, without `suffix`; None if it has none."""
    words = _LAST_PARTS.get(operator.kind, ())
    output = model.tensors[operator.outputs[0]].name
    texts = [model.tensors[index].name for index in operator.inputs[1:2] if index >= 0 and len(operator.inputs) > 2]
    for text in (*texts, output):
        for path in text.split(";"):
            parts = path.split("/")
            if len(parts) > 1 and parts[-1].lower().startswith(words):
                name = identifier(parts[-2].removesuffix(suffix))
                return None if is_automatic(name) else name
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", output) and not is_automatic(output):
        return output
    return None
