"""Warnings of a build: where int8 falls far below float, and which tensors have too few of the 256 steps.

A tensor has one scale, whose range includes 0. Values far from 0, and channels of unlike ranges, get few steps of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

from netspec.graph import Graph
from netspec.verify.report import Accuracy, BuildWarning, ValueScore, score_text
from netspec.verify.scores import Scored, Spread

if TYPE_CHECKING:
    from netspec.quantize.model import QuantizedModel

_FEW = 16
"""Steps that are too few for a whole input, whatever the score says."""
_FEW_BELOW_FLOAT = 64
"""Steps that are too few for a whole input where int8 falls far below float."""
_FEW_IN_CHANNEL = 16
_LARGEST_DROP = 0.05
"""Of an accuracy; normal quantization loses less than 0.02."""
_LEAST_SAMPLES = 3
"""That must be wrong in int8 only: on few samples a single one moves the accuracy by more than the largest drop."""
_LISTED = 8
"""Columns up to which the numbers of a remedy are written out."""


def build_warnings(graph: Graph, model: QuantizedModel, scored: Scored | None) -> tuple[BuildWarning, ...]:
    """Return what a user should know of the int8 form of a network; nothing where there are no labels."""
    if scored is None:
        return ()
    fallen = [score for score in scored.accuracy.values if _has_fallen(score, scored.accuracy.samples)]
    causes = [*_inputs(graph, scored, bool(fallen)), *_outputs(graph, model, scored, fallen)]
    if fallen and not causes:
        causes = list(_inner(model, scored))
    return (*_far_below(fallen, scored.accuracy, causes), *causes)


def _has_fallen(score: ValueScore, samples: int) -> bool:
    if score.deviation is None:
        drop = score.float_value - score.int8_value
        return drop > _LARGEST_DROP and drop * samples >= _LEAST_SAMPLES
    more = score.int8_value - score.float_value
    return score.deviation > 0 and more > 0.1 * score.deviation**2 and more > 0.5 * score.float_value


def _far_below(fallen: list[ValueScore], accuracy: Accuracy, causes: list[BuildWarning]) -> Iterator[BuildWarning]:
    if not fallen:
        return
    several = len(accuracy.values) > 1
    told = []
    for score in fallen[:3]:
        of = f" of {score.label}" if several else ""
        before, after = (score_text(value, score.metric) for value in (score.float_value, score.int8_value))
        told.append(f"{score.metric}{of} {before} becomes {after}")
    more = f", and {len(fallen) - 3} more values" if len(fallen) > 3 else ""
    remedy = None
    if not causes:
        remedy = (
            "calibrate on more samples, or `quantize: {calibration: {method: {percentile: 99.9}}}` where outliers "
            "stretch ranges; verify.json has the score of each value"
        )
    yield BuildWarning("int8-far-below-float", f"int8 falls far below float: {'; '.join(told)}{more}", remedy)


def _inputs(graph: Graph, scored: Scored, fallen: bool) -> Iterator[BuildWarning]:
    """Yield inputs that are far from 0, and inputs one scale of which serves columns of unlike ranges."""
    for name in graph.inputs:
        spread = scored.spreads[name]
        steps = spread.steps
        low, high = float(spread.low.min()), float(spread.high.max())
        whole = int(spread.int8_high.max()) - int(spread.int8_low.min()) + 1
        if high > low and whole <= (_FEW_BELOW_FLOAT if fallen else _FEW):
            yield BuildWarning(
                "few-steps",
                f"input '{name}' uses {whole} of the 256 steps of int8: its values go from {low:.6g} to {high:.6g}, "
                "and a scale's range includes 0",
                f"let a rescaling alone read it: `- rescaling: {_rescaling(low, high)}`",
            )
        elif fallen and len(steps) > 1 and (starved := _starved(spread)):
            column = min(starved, key=lambda each: int(steps[each]))
            yield BuildWarning(
                "unlike-ranges",
                f"column {column} of input '{name}' uses {steps[column]} of the 256 steps of int8: its "
                f"values go from {spread.low[column]:.6g} to {spread.high[column]:.6g}, and one scale serves all "
                f"{len(steps)} columns, which go from {low:.6g} to {high:.6g}",
                "let a normalization alone read it, which the `quantize` function computes in float, column by column: "
                f"`- normalization: {_normalization(spread)}",
            )


def _outputs(graph: Graph, model: QuantizedModel, scored: Scored, fallen: list[ValueScore]) -> Iterator[BuildWarning]:
    """Yield outputs a value of which has fallen, and has few steps in the scale that it shares with the others."""
    tensors = {output.name: output for output in model.plan.graph.outputs}
    for name in dict.fromkeys(score.output for score in fallen):
        spread = scored.spreads[tensors[name].tensor]
        places = [score.index for score in fallen if score.output == name and score.index is not None]
        channels = tensors[name].shape[-1]
        starved = [place for place in places if len(spread.steps) == channels and place in _starved(spread)]
        if not starved:
            continue
        place = min(starved, key=lambda each: int(spread.steps[each]))
        low, high = float(spread.low.min()), float(spread.high.max())
        yield BuildWarning(
            "unlike-ranges",
            f"value {place} of output '{name}' uses {spread.steps[place]} of the 256 steps of int8: it goes "
            f"from {spread.low[place]:.6g} to {spread.high[place]:.6g}, and one scale serves all {channels} values, "
            f"which go from {low:.6g} to {high:.6g}",
            f"use a dense layer and an output each: {_heads(graph, name, channels)}; or train on labels of one range",
        )


def _inner(model: QuantizedModel, scored: Scored) -> Iterator[BuildWarning]:
    """Yield the tensor inside the network most of whose channels have few steps."""
    worst: tuple[float, str, str, int, int] | None = None
    for tensor, layer in ((each.name, node.layer) for node in model.plan.graph.nodes for each in node.outputs):
        spread = scored.spreads[tensor]
        used = int((spread.high > spread.low).sum())
        starved = len(_starved(spread))
        if starved and (worst is None or starved / used > worst[0]):
            worst = (starved / used, tensor, layer, starved, used)
    if worst is not None:
        _, tensor, layer, starved, used = worst
        yield BuildWarning(
            "unlike-ranges",
            f"{starved} of {used} channels of tensor '{tensor}' (layer {layer}) use at most {_FEW_IN_CHANNEL} of the "
            "256 steps of int8, since one scale serves all of them",
            "a batch_normalization before its activation gives channels one range; or "
            "`quantize: {calibration: {method: {percentile: 99.9}}}` where outliers stretch it",
        )


def _starved(spread: Spread) -> list[int]:
    """Return the channels that have few steps though their values vary, where another has at least four times more."""
    steps = spread.steps
    varies = spread.variance > 0
    most = int(steps.max())
    return [
        index for index, count in enumerate(steps) if varies[index] and count <= _FEW_IN_CHANNEL and most >= 4 * count
    ]


def _rescaling(low: float, high: float) -> str:
    """Return keys of a rescaling to about -1 to 1."""
    scale = float(f"{2 / (high - low):.3g}")
    return f"{{scale: {_plain(scale)}, offset: {_plain(round(-scale * (low + high) / 2, 2))}}}"


def _normalization(spread: Spread) -> str:
    """Return keys of a normalization; a column that does not vary is only shifted."""
    if len(spread.steps) > _LISTED:
        return "{mean: [...], variance: [...]}` with the mean and the variance of each column"
    variances = [float(f"{each:.3g}") or 1.0 for each in spread.variance]
    # A mean is good to a hundredth of the deviation.
    means = [
        round(float(mean), 2 - math.floor(math.log10(math.sqrt(variance))))
        for mean, variance in zip(spread.mean, variances, strict=True)
    ]
    return f"{{mean: [{', '.join(map(_plain, means))}], variance: [{', '.join(map(_plain, variances))}]}}`"


def _plain(value: float) -> str:
    """Return a number without an exponent, which YAML would read as text in some forms."""
    text = format(Decimal(repr(value)), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _heads(graph: Graph, name: str, channels: int) -> str:
    layer = next((layer for layer in graph.layers if layer.name == name), None)
    source = f", from: {layer.inputs[0]}" if layer is not None and layer.inputs else ""
    if channels > _LISTED:
        return f"`- dense: {{name: {name}_0, units: 1{source}}}` and so on"
    names = [f"{name}_{index}" for index in range(channels)]
    heads = " ".join(f"`- dense: {{name: {each}, units: 1{source}}}`" for each in names[:2])
    return f"{heads}{' ...' if channels > 2 else ''} with `outputs: [{', '.join(names)}]`"
