"""One Keras layer -> one layer of a spec: its config's keys are a spec's, but for the few that say nothing here."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

from netspec.importers.faults import Faults, MalformedModel, ModelFault
from netspec.importers.keras.names import NAMED, activation, layer_type
from netspec.layers import LAYERS
from netspec.layers._types import INITIALIZERS, REGULARIZERS
from netspec.layers.base import Layer
from netspec.ops import Shape

_CODE = ("Lambda", "TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer", "TFSMLayer", "TorchModuleWrapper", "JaxLayer")
# Keys of a config that a spec does not have and that change nothing: names, types, wishes about speed.
_SAY_NOTHING = {
    "name", "dtype", "trainable", "batch_input_shape", "batch_shape", "sparse", "ragged", "optional", "autocast",
    "implementation", "fused", "build_config", "input_axes", "output_axes", "zero_output_for_mask", "use_cudnn",
    "supports_masking", "renorm_clipping", "renorm_momentum", "virtual_batch_size",
}  # fmt: skip
OPERATIONS = {"Sum": "sum", "Mean": "mean", "Max": "max", "Min": "min"}
"""Keras' operations that `reduce` is."""
_ROLES = ("initializer", "regularizer", "constraint")


def refuse_code(class_name: str, shown: str, *, custom: bool) -> None:
    """Raise for a layer whose meaning is code: netspec neither has that code nor would run it."""
    if class_name in _CODE:
        raise ModelFault(
            f"{shown} holds code, which netspec does not execute",
            help="write what it computes with layers, and train or copy the weights",
        )
    if custom or layer_type(class_name) is None:
        what = "a custom layer" if custom else "a layer that netspec does not have"
        raise ModelFault(f"{shown} is {what}", help=f"the layers are {', '.join(LAYERS)}")


def layer_keys(
    class_name: str, config: Mapping[str, Any], shown: str, notes: list[str], shapes: tuple[Shape, ...]
) -> tuple[str, dict[str, Any]]:
    """Return a layer's type and keys; what is dropped is added to `notes`.

    Raises `ModelFault` for a key with a value that a spec cannot say.
    """
    kind = layer_type(class_name)
    assert kind is not None
    fields = _fields(LAYERS[kind])
    switches = {field.alias or name for name, field in LAYERS[kind].model_fields.items() if field.annotation is bool}
    keys: dict[str, Any] = {}
    faults = Faults()
    for key, value in config.items():
        with faults.collected():
            if key == "layer" and "layer" in fields:
                keys[key] = _held(value, shown, notes)
            elif key in fields and key != "name":
                keys |= _key(key, _truth(value) if key in switches else value, fields[key], shown, notes)
            else:
                _require_no_key(kind, key, value, shown)
    faults.raise_found()
    _note_type(config.get("dtype"), shown, notes)
    if kind in ("batch_normalization", "softmax", "layer_normalization") and "axis" in keys and shapes:
        keys["axis"] = _axis(keys["axis"], len(shapes[0]) + 1)
    return kind, {key: short_float(value) for key, value in keys.items()}


def _require_no_key(kind: str, key: str, value: Any, shown: str) -> None:
    """Raise for an item of a config that changes what is computed, and that a spec has no key for."""
    if key == "backward_layer" and "layer" in _fields(LAYERS[kind]):
        return  # Keras makes it of the forward layer, and files it all the same
    if key == "data_format":
        if value not in (None, "channels_last"):
            raise ModelFault(f"{shown} has data_format {value!r}; netspec computes channels last")
        return
    if key == "groups" and kind == "depthwise_conv2d":
        return  # Keras 2 wrote it for every convolution
    if key not in _SAY_NOTHING and value not in (None, False, 0, "") and value not in ([], {}):
        raise ModelFault(f"{shown} has {key} {str(value)[:60]!r}, for which a spec has no key")


def activation_layer(config: Mapping[str, Any], shown: str) -> tuple[str, dict[str, Any]] | None:
    """Return the type and keys of an `Activation` layer; None where it does nothing."""
    name = _activation(config.get("activation"), shown)
    if name == "linear":
        return None
    if name == "relu6":
        return "relu", {"max_value": 6.0}
    if name not in LAYERS:
        raise ModelFault(f"{shown} has the activation '{name}', which netspec does not have")
    return name, {}


def operation_keys(class_name: str, config: Mapping[str, Any], shown: str) -> dict[str, Any]:
    """Return the keys of `reduce` for one of `OPERATIONS`."""
    odd = sorted(key for key in set(config) - {"axis", "keepdims", "name"} if config[key] not in (None, False))
    Faults(ModelFault(f"{shown} has {key}, for which a spec has no key") for key in odd).raise_found()
    axis = config.get("axis")
    keys = {"op": OPERATIONS[class_name], "axis": list(axis) if isinstance(axis, tuple | list) else axis}
    return keys | {"keepdims": bool(config.get("keepdims"))}


def _fields(layer: type[Layer]) -> dict[str, Any]:
    """Return the keys of a layer and their defaults."""
    return {field.alias or name: field.default for name, field in layer.model_fields.items()}


def _key(key: str, value: Any, default: Any, shown: str, notes: list[str]) -> dict[str, Any]:
    role = key.rpartition("_")[2]
    if role in _ROLES:
        named = _named(value, f"{key} of {shown}", notes)
        return {} if value is not None and named is None else {key: named}
    if key == "activation" or key.endswith("_activation"):
        name = None if value is None else _activation(value, shown)
        return {key: None if name == "linear" and default is None else name}
    return {key: value}


def _truth(value: Any) -> Any:
    """Return a truth value that was given as a number: Keras keeps `use_bias=1` as it is, and files it so."""
    return bool(value) if isinstance(value, int | float) and value in (0, 1) else value


def _activation(value: Any, shown: str) -> str:
    if isinstance(value, str):
        return activation(value)
    what = value.get("config") if isinstance(value, dict) else value
    raise ModelFault(
        f"{shown} has the activation {str(what)[:60]!r}, which is code or a custom function",
        help="use an activation that Keras has by name",
    )


def _named(value: Any, what: str, notes: list[str]) -> Any:
    """Return an initializer, regularizer or constraint as a spec writes it; None, and a note, for a custom one."""
    if value is None:
        return None
    if isinstance(value, str):
        value = {"class_name": value, "config": {}}
    if not isinstance(value, dict) or not isinstance(value.get("class_name"), str):
        raise MalformedModel(f"{what} is {str(value)[:60]!r}")
    class_name, config = value["class_name"], value.get("config")
    short = NAMED.get(class_name, class_name if class_name in NAMED.values() else None)
    if short is None or not isinstance(config, dict | None) or (value.get("registered_name") is not None):
        notes.append(f"Dropped: {what}, '{class_name}', which no spec knows. It matters only if you train again.")
        return None
    known = _ARGUMENTS.get(short, ())
    usual = _USUAL.get(short, {})
    given = {
        key: short_float(item)
        for key, item in (config or {}).items()
        if item is not None and (key in known or not known) and item != usual.get(key)
    }
    if len(given) == 1 and short in given:  # {l2: 0.0001}
        return {short: given[short]}
    return {short: given} if given else short


# Arguments that Keras writes out although nobody gave them.
_USUAL: dict[str, dict[str, Any]] = {
    "identity": {"gain": 1.0},
    "orthogonal": {"gain": 1.0},
    "random_normal": {"mean": 0.0, "stddev": 0.05},
    "random_uniform": {"minval": -0.05, "maxval": 0.05},
    "truncated_normal": {"mean": 0.0, "stddev": 0.05},
    "variance_scaling": {"scale": 1.0, "mode": "fan_in", "distribution": "truncated_normal"},
    "max_norm": {"axis": 0},
    "unit_norm": {"axis": 0},
}
_ARGUMENTS = {name: parts[1:] for name, parts in (INITIALIZERS | REGULARIZERS).items()}


def _held(value: Any, shown: str, notes: list[str]) -> dict[str, Any]:
    """Return the layer that a wrapper holds, as a spec writes it."""
    if not isinstance(value, dict) or not isinstance(value.get("class_name"), str):
        raise MalformedModel(f"{shown} holds no layer")
    class_name, config = value["class_name"], value.get("config")
    refuse_code(class_name, f"{class_name} in {shown}", custom=value.get("registered_name") is not None)
    if not isinstance(config, dict):
        raise MalformedModel(f"{shown} holds a layer without a config")
    kind, keys = layer_keys(class_name, config, f"{class_name} in {shown}", notes, ())
    defaults = _fields(LAYERS[kind])
    return {kind: {key: item for key, item in keys.items() if item != defaults.get(key)}}


def _axis(axis: Any, rank: int) -> Any:
    """Return the axis as people write it: Keras 2 files it as a list, and counts the last from the front."""
    if isinstance(axis, list) and len(axis) == 1:
        axis = axis[0]
    return -1 if axis == rank - 1 else axis


def _note_type(dtype: Any, shown: str, notes: list[str]) -> None:
    config = dtype.get("config") if isinstance(dtype, dict) else None
    name = config.get("name") if isinstance(config, dict) else dtype
    if name not in (None, "float32"):
        notes.append(f"Dropped: {shown} computes in {str(name)[:40]} in the file, here in float32.")


def short_float(value: Any) -> Any:
    """Return a float32 that somebody widened, such as 9.999999747378752e-05, with the digits it was written with."""
    if not isinstance(value, float):
        return value
    try:
        narrow = struct.pack("<f", value)
    except OverflowError:
        return value
    if struct.unpack("<f", narrow)[0] != value:
        return value
    for digits in range(1, 10):
        shorter = float(f"{value:.{digits}g}")
        if struct.pack("<f", shorter) == narrow:
            return shorter
    return value
