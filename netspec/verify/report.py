"""What verification found, and how it is told: text for people, JSON for tools."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from netspec.verify.board_figures import BoardFigures, figures_text, layer_names


@dataclass(frozen=True, slots=True)
class TensorResult:
    """One tensor over all cases: elements that differ from the reference, and the largest difference."""

    tensor: str
    layer: str
    elements: int
    mismatches: int
    largest: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """One implementation against the numpy reference. `skipped` says why there is nothing to compare."""

    stage: str
    cases: int = 0
    tensors: tuple[TensorResult, ...] = ()
    skipped: str | None = None

    @property
    def elements(self) -> int:
        return sum(result.elements for result in self.tensors)

    @property
    def mismatches(self) -> int:
        return sum(result.mismatches for result in self.tensors)

    @property
    def largest(self) -> int:
        return max((result.largest for result in self.tensors), default=0)

    @property
    def first(self) -> TensorResult | None:
        """Return the first tensor, in the order they are computed, that differs."""
        return next((result for result in self.tensors if result.mismatches), None)


def joined(parts: Sequence[Comparison]) -> Comparison:
    """Return one comparison of all cases from those of some of them each, of one implementation."""
    tensors = tuple(
        replace(
            same[0],
            elements=sum(result.elements for result in same),
            mismatches=sum(result.mismatches for result in same),
            largest=max(result.largest for result in same),
        )
        for same in zip(*(part.tensors for part in parts), strict=True)
    )
    return Comparison(parts[0].stage, sum(part.cases for part in parts), tensors)


@dataclass(frozen=True, slots=True)
class ValueScore:
    """The score of one output, or of one value of its last axis.

    `deviation` is the standard deviation of the labels, which an error is compared with; None for an accuracy.
    """

    output: str
    index: int | None
    metric: str
    float_value: float
    int8_value: float
    deviation: float | None

    @property
    def label(self) -> str:
        return self.output if self.index is None else f"{self.output}[{self.index}]"


@dataclass(frozen=True, slots=True)
class Accuracy:
    """The same score of the float network and of its int8 form, over `samples` of held-out data.

    `values` are the scores that it is the mean of, where there are several or not.
    """

    metric: str
    split: str
    samples: int
    float_value: float
    int8_value: float
    values: tuple[ValueScore, ...] = ()
    commonest_share: float | None = None
    """The accuracy of always answering the commonest class; None for what is no classification."""
    is_uneven: bool = False
    """Whether classes are so unequal that the accuracy says little by itself."""

    @property
    def listed(self) -> tuple[ValueScore, ...]:
        """Return the values that people are shown: all of a few, of many those that int8 changes most."""
        if len(self.values) <= 1:
            return ()
        if len(self.values) <= _LISTED_VALUES:
            return self.values
        return tuple(sorted(self.values, key=_change, reverse=True)[:_WORST_VALUES])


_LISTED_VALUES = 8
_WORST_VALUES = 3


def _change(score: ValueScore) -> float:
    if score.deviation is None:
        return score.float_value - score.int8_value
    return (score.int8_value - score.float_value) / (score.deviation or 1.0) ** 2


@dataclass(frozen=True, slots=True)
class BuildWarning:
    """What a user should know of a build that agrees, and what to type about it."""

    rule: str
    message: str
    help: str | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What verification found. `information` holds facts that decide nothing, such as desktop LiteRT's difference."""

    name: str
    drift: tuple[str, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    accuracy: tuple[Accuracy, ...] = ()
    information: Mapping[str, Any] = field(default_factory=dict)
    boards: tuple[BoardFigures, ...] = ()
    """What the network took on an emulated board, for each provider of kernels; empty where none was booted."""
    warnings: tuple[BuildWarning, ...] = ()

    @property
    def agrees(self) -> bool:
        return not self.drift and not any(comparison.mismatches for comparison in self.comparisons)

    def to_data(self) -> dict[str, Any]:
        return {
            "schema_version": 1,
            "name": self.name,
            "agrees": self.agrees,
            "drift": list(self.drift),
            "stages": [
                {
                    "stage": comparison.stage,
                    "skipped": comparison.skipped,
                    "cases": comparison.cases,
                    "elements": comparison.elements,
                    "mismatching_elements": comparison.mismatches,
                    "largest_difference": comparison.largest,
                    "tensors": [asdict(result) for result in comparison.tensors],
                }
                for comparison in self.comparisons
            ],
            "accuracy": [asdict(accuracy) for accuracy in self.accuracy],
            "information": dict(self.information),
            "warnings": [asdict(warning) for warning in self.warnings],
            "boards": [board.to_data() for board in self.boards],
        }

    def to_json(self) -> str:
        return json.dumps(self.to_data(), indent=2)

    def to_text(self, *, per_layer: bool = False) -> str:
        """Return the verdict and what it rests on."""
        lines = [f"drift: {fault}" for fault in self.drift]
        width = max((len(comparison.stage) for comparison in self.comparisons), default=0)
        for comparison in self.comparisons:
            lines.append(_comparison_line(comparison, width))
            if per_layer:
                names = layer_names((result.layer, result.tensor) for result in comparison.tensors)
                lines += [
                    f"    {name}: {result.mismatches:,} of {result.elements:,}, largest {result.largest}"
                    for name, result in zip(names, comparison.tensors, strict=True)
                ]
        lines += figures_text(self.boards)
        for score in self.accuracy:
            before, after = (score_text(value, score.metric) for value in (score.float_value, score.int8_value))
            lines.append(f"{score.metric} on {score.samples} {score.split} samples: float {before}, int8 {after}")
            if score.is_uneven and score.commonest_share is not None:
                share = score_text(score.commonest_share, score.metric)
                lines.append(f"    classes are unequal: always answering the commonest one is right for {share}")
            lines += _values_text(score)
        for name, difference in self.information.items():
            lines.append(f"for information, {name}: {difference}")
        for warning in self.warnings:
            lines.append(f"warning: {warning.message} [{warning.rule}]")
            lines += [f"   = help: {warning.help}"] if warning.help else []
        lines.append(f"{self.name}: " + self.verdict())
        return "\n".join(lines)

    def verdict(self) -> str:
        """Return the verdict in words, without the network's name."""
        if self.drift:
            return "drifted: the build no longer belongs to its spec"
        bad = [comparison for comparison in self.comparisons if comparison.mismatches]
        if bad:
            return f"MISMATCH in {', '.join(comparison.stage for comparison in bad)}"
        ran = [comparison for comparison in self.comparisons if not comparison.skipped]
        return (
            f"0 mismatches in {sum(comparison.elements for comparison in ran):,} elements, {len(ran)} implementations"
        )


def _comparison_line(comparison: Comparison, width: int) -> str:
    head = f"{comparison.stage:<{width}}  "
    if comparison.skipped:
        return f"{head}not compared: {comparison.skipped}"
    line = f"{head}{comparison.mismatches:,} mismatches in {comparison.elements:,} elements of {comparison.cases} cases"
    first = comparison.first
    if first is None:
        return line
    return f"{line}; first at layer {first.layer} (tensor {first.tensor}), largest {first.largest}"


def _values_text(score: Accuracy) -> list[str]:
    """Return a line for each output value whose score a reader is shown."""
    shown = score.listed
    width = max((len(value.label) for value in shown), default=0)
    lines = [
        f"    {value.label:<{width}}  float {score_text(value.float_value, value.metric)}, "
        f"int8 {score_text(value.int8_value, value.metric)}"
        for value in shown
    ]
    if 0 < len(shown) < len(score.values):
        lines.append(f"    and {len(score.values) - len(shown)} more that int8 changes less, all in verify.json")
    return lines


def score_text(value: float, metric: str) -> str:
    """Return a score as people read it: an accuracy in percent."""
    return f"{value:.2%}" if metric == "accuracy" else f"{value:.6g}"
