"""Operators without an int8 kernel yet: a model that has one becomes a float spec, as a Keras file does."""

from __future__ import annotations

from typing import Any

from netspec.importers.faults import MalformedModel, ModelFault
from netspec.importers.keras.layers import short_float
from netspec.importers.tflite.reader import FileOperator
from netspec.importers.tflite.translator import OperatorTranslator, Translator
from netspec.ops import Shape


def _leaky_relu(to: Translator, operator: FileOperator) -> None:
    to.bind(operator, to.add(operator, "leaky_relu", {"negative_slope": short_float(operator.options["alpha"])}))


def _same(layer_type: str) -> OperatorTranslator:
    def translate(to: Translator, operator: FileOperator) -> None:
        to.bind(operator, to.add(operator, layer_type, {}))

    return translate


def _gelu(to: Translator, operator: FileOperator) -> None:
    to.bind(operator, to.add(operator, "gelu", {"approximate": bool(operator.options["approximate"])}))


def _merge(layer_type: str) -> OperatorTranslator:
    def translate(to: Translator, operator: FileOperator) -> None:
        reads = (to.source(operator, 0), to.source(operator, 1))
        layer = to.add(operator, layer_type, {}, reads)
        to.bind(operator, to.activated(operator, layer) if "activation" in operator.options else layer)

    return translate


def _reduce(kind: str) -> OperatorTranslator:
    def translate(to: Translator, operator: FileOperator) -> None:
        rank = len(to._tensor(operator, 0).shape)
        axes = sorted({axis % rank for axis in to.integers(operator, 1)}) if rank else []
        if not axes or axes[0] == 0:
            raise ModelFault(f"{operator.shown} reduces the axes {axes} of {rank}, and the batch is one of them")
        keys = {"op": kind, "axis": axes, "keepdims": bool(operator.options["keep_dims"])}
        to.bind(operator, to.add(operator, "reduce", keys))

    return translate


def _resize(interpolation: str) -> OperatorTranslator:
    def translate(to: Translator, operator: FileOperator) -> None:
        given, sizes = to.draft.shape(to.source(operator)), to.integers(operator, 1)
        output = (*sizes, given[-1])
        options = operator.options
        exact = options["half_pixel_centers"] or (interpolation == "nearest" and not options["align_corners"])
        if len(given) != 3 or len(output) != 3 or any(big % small for big, small in zip(output, given, strict=True)):
            raise ModelFault(f"{operator.shown} makes {list(output)} of {list(given)}, which is no multiple of it")
        if not exact or options["align_corners"]:
            raise ModelFault(f"{operator.shown} has its samples in other places than Keras' UpSampling2D")
        size = [big // small for big, small in zip(output[:2], given[:2], strict=True)]
        to.bind(operator, to.add(operator, "up_sampling2d", {"size": size, "interpolation": interpolation}))

    return translate


def permuted(to: Translator, operator: FileOperator) -> None:
    """Append a TRANSPOSE that leaves the batch where it is."""
    order = to.integers(operator, 1)
    if order[0] != 0 or len(to.draft.shape(to.source(operator))) != len(order) - 1:
        raise ModelFault(f"{operator.shown} moves the batch: it takes the axes in the order {list(order)}")
    to.bind(operator, to.add(operator, "permute", {"dims": list(order[1:])}))


def _tile(to: Translator, operator: FileOperator) -> None:
    """Take a TILE along an axis of size 1 as an up-sampling of the axis before it.

    So Keras repeats values: an EXPAND_DIMS puts the axis in, and a RESHAPE joins the two.
    """
    given = to._tensor(operator, 0)
    times = to.integers(operator, 1)
    long = [axis for axis, count in enumerate(times) if count != 1]
    if not long:
        to.bind(operator, to.source(operator))
        return
    axis = long[0] - 1
    expanded = to.draft.shape(to.source(operator))
    before = (*expanded[:axis], *expanded[axis + 1 :])
    if len(long) > 1 or not 1 <= axis < len(expanded) - 1 or expanded[axis] != 1 or len(before) not in (2, 3):
        raise ModelFault(f"{operator.shown} repeats {given.shown} {list(times)} times, which no layer does")
    size = [1] * (len(before) - 1)
    size[axis - 1] = times[axis + 1]
    source = _without_expansion(to, to.source(operator), before)
    layer = _up_sampled(to, operator, source, size)
    tensor = to.output(operator)
    if not to.fits(tensor, (*expanded[:axis], times[axis + 1], *expanded[axis + 1 :])):
        raise MalformedModel(f"{operator.shown} writes {tensor.shown} of shape {list(tensor.shape)}")
    to.repeats[tensor.index] = layer


def _without_expansion(to: Translator, view: int | str, before: Shape) -> int | str:
    """Return what an EXPAND_DIMS read, without the view that it became."""
    last = len(to.draft.layers) - 1
    if view == last and to.draft.layers[last].type == "reshape":
        source = to.draft.layers[last].sources[0]
        if to.draft.shape(source) == before:
            to.draft.layers.pop()
            return source
    return to.reshaped(view, before)


def _up_sampled(to: Translator, operator: FileOperator, source: int | str, size: list[int]) -> int:
    """Append an up-sampling, joined with the one before it, which is along another axis."""
    last = len(to.draft.layers) - 1
    if source == last and to.draft.layers[last].type == "up_sampling2d" and len(size) == 2:
        layer: Any = to.draft.layers[last]
        factors = [one * two for one, two in zip(layer.layer.size, size, strict=True)]
        if layer.keys.get("interpolation", "nearest") == "nearest":
            to.draft.layers.pop()
            return to.add(operator, "up_sampling2d", {"size": factors}, layer.sources)
    return to.add(operator, f"up_sampling{len(size)}d", {"size": size if len(size) > 1 else size[0]}, (source,))


FLOAT_OPERATORS: dict[str, OperatorTranslator] = {
    "ELU": _same("elu"),
    "GELU": _gelu,
    "HARD_SWISH": _same("hard_swish"),
    "LEAKY_RELU": _leaky_relu,
    "MAXIMUM": _merge("maximum"),
    "MINIMUM": _merge("minimum"),
    "MUL": _merge("multiply"),
    "REDUCE_MIN": _reduce("min"),
    "RESIZE_BILINEAR": _resize("bilinear"),
    "RESIZE_NEAREST_NEIGHBOR": _resize("nearest"),
    "SUB": _merge("subtract"),
    "SUM": _reduce("sum"),
    "TILE": _tile,
}
