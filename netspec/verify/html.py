"""report.html: what verification found, and what was built, on one page that needs nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from netspec.device.graph import Node
from netspec.device.kernels import kernel_of
from netspec.device.plan import DevicePlan
from netspec.emit.literals import shape_text
from netspec.graph import Graph
from netspec.verify.arena_picture import ROW_HEIGHT, pictures
from netspec.verify.board_bars import by_core, count
from netspec.verify.report import Accuracy, Comparison, Report, score_text

if TYPE_CHECKING:
    from jinja2 import Environment

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_SCORE_COLUMNS = ("score", "samples", "float", "int8", "change")


@dataclass(frozen=True, slots=True)
class Subject:
    """The build that a report speaks of; its manifest records the versions, and the names of outputs' classes."""

    graph: Graph
    plan: DevicePlan
    versions: Mapping[str, str] = field(default_factory=dict)
    classes: Mapping[str, Sequence[str]] = field(default_factory=dict)


def report_html(report: Report, subject: Subject | None = None) -> str:
    """Return the page of a report: one file without scripts that asks for nothing, the same bytes on every machine.

    Without a `subject`, where a build has drifted so far that its spec is not known, the page is the verdict alone.
    """
    has_classes = any(score.commonest_share is not None for score in report.accuracy)
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            name=report.name,
            verdict=_verdict(report),
            sentence=report.verdict().removeprefix("drifted: ").removeprefix("MISMATCH "),
            drift=report.drift,
            summary=_summary(report, subject) if subject else (),
            description=subject.graph.spec.description if subject else "",
            stages=[_stage(comparison) for comparison in report.comparisons],
            differing=_differing(report),
            layers=_layers(subject.plan) if subject else (),
            layer_totals=_layer_totals(subject.plan) if subject else (),
            absent=_absent(subject) if subject else (),
            classes=[(output, list(enumerate(names))) for output, names in subject.classes.items()] if subject else (),
            accuracy=[row for score in report.accuracy for row in _accuracy(score)],
            has_classes=has_classes,
            score_columns=[*_SCORE_COLUMNS, *(["commonest class"] if has_classes else [])],
            uneven=any(score.is_uneven for score in report.accuracy),
            warnings=report.warnings,
            arenas=pictures(subject.plan) if subject else (),
            outside=sorted(subject.plan.memory.outside) if subject else (),
            row_height=ROW_HEIGHT,
            boards=by_core(report.boards),
            information=report.information,
            origin=_origin(subject) if subject else (),
        )
    )


@cache
def _environment() -> Environment:
    """Return the environment of pages: as that of the firmware's templates, but every value is escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    from netspec.system.resources import templates_dir

    return Environment(
        loader=FileSystemLoader(templates_dir()),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=True,
        finalize=_visible,
    )


def _visible(value: Any) -> Any:
    """Return a value such that UTF-8 can hold it and all of it is seen: names of files may be any bytes.

    Direction marks would let a name rewrite the line that it stands in.
    """
    from markupsafe import Markup

    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return "".join(char if char.isprintable() else _REPLACEMENT for char in value)


@dataclass(frozen=True, slots=True)
class _Verdict:
    """`kind` is the style; sign and word say the same without colour."""

    kind: str
    sign: str
    word: str


def _verdict(report: Report) -> _Verdict:
    if report.drift:
        return _Verdict("bad", "\N{BALLOT X}", "Drifted")
    if not report.agrees:
        return _Verdict("bad", "\N{BALLOT X}", "Mismatch")
    return _Verdict("good", "\N{CHECK MARK}", "Bit-exact")


def _summary(report: Report, subject: Subject) -> list[tuple[str, str, str]]:
    """Return the figures that people ask for first: (what, value, unit or remark)."""
    graph, plan = subject.graph, subject.plan
    tables = f"bytes, {plan.table_bytes:,} of them tables" if plan.table_bytes else "bytes"
    found = [
        ("core", plan.core, "int8"),
        ("parameters", f"{graph.parameters:,}", ""),
        ("MACs", f"{graph.macs:,}", "an inference"),
        ("constants in flash", f"{plan.constant_bytes:,}", tables),
        ("RAM", f"{plan.ram_bytes:,}", "bytes"),
    ]
    found += [
        (f"int8 {score.metric}", score_text(score.int8_value, score.metric), _remark(score))
        for score in report.accuracy
    ]
    return found


def _remark(score: Accuracy) -> str:
    samples = f"on {score.samples:,} samples"
    return f"{samples}, {_commonest(score)} by always answering the commonest class" if score.is_uneven else samples


def _commonest(score: Accuracy) -> str:
    return "" if score.commonest_share is None else score_text(score.commonest_share, score.metric)


@dataclass(frozen=True, slots=True)
class _Stage:
    name: str
    skipped: str | None
    cases: str
    elements: str
    mismatches: str
    largest: str
    first: str
    agrees: bool


def _stage(comparison: Comparison) -> _Stage:
    first = comparison.first
    return _Stage(
        comparison.stage,
        comparison.skipped,
        f"{comparison.cases:,}",
        f"{comparison.elements:,}",
        f"{comparison.mismatches:,}",
        f"{comparison.largest:,}",
        first.layer if first else "",
        first is None,
    )


def _differing(report: Report) -> list[tuple[str, ...]]:
    """Return each tensor that differs: stage, layer, tensor, elements that differ, of how many, largest difference."""
    return [
        (
            comparison.stage,
            result.layer,
            result.tensor,
            f"{result.mismatches:,}",
            f"{result.elements:,}",
            f"{result.largest:,}",
        )
        for comparison in report.comparisons
        for result in comparison.tensors
        if result.mismatches
    ]


@dataclass(frozen=True, slots=True)
class _Layer:
    name: str
    folded: tuple[str, ...]
    line: int
    kernel: str
    reason: str
    shape: str
    macs: str
    weight_bytes: str
    live_bytes: str
    peak: bool


def _layers(plan: DevicePlan) -> list[_Layer]:
    return [
        _layer(plan, node, live, node is plan.peak)
        for node, live in zip(plan.graph.nodes, plan.live_bytes(), strict=True)
    ]


def _layer(plan: DevicePlan, node: Node, live: int, peak: bool) -> _Layer:
    choice = kernel_of(node).kernel_choice(node.op, plan.extension)
    return _Layer(
        name=node.name,
        folded=tuple(name for name in node.layers if name != node.name),
        line=node.line,
        kernel=choice.function,
        reason=choice.reason,
        shape=", ".join(shape_text(each.shape) for each in node.outputs),
        macs=count(node.op.macs()),
        weight_bytes=count(plan.node_weight_bytes(node)),
        live_bytes=f"{live:,}",
        peak=peak,
    )


def _layer_totals(plan: DevicePlan) -> tuple[str, str, str]:
    return (
        f"{sum(node.op.macs() for node in plan.graph.nodes):,}",
        f"{plan.weight_bytes:,}",
        f"{max(plan.live_bytes(), default=0):,}",
    )


def _absent(subject: Subject) -> list[str]:
    """Return the layers that leave no code: a view of the same bytes, or nothing at inference."""
    present = {name for node in subject.plan.graph.nodes for name in node.layers}
    return [layer.name for layer in subject.graph.layers if layer.name not in present]


def _accuracy(score: Accuracy) -> Iterator[tuple[str, ...]]:
    """Yield what is scored, split, samples, float, int8, what int8 changes and what the commonest class alone gives.

    Then the same of single values, for which the commonest class is not known.
    """
    rows = [(score.metric, score.metric, score.float_value, score.int8_value, _commonest(score))]
    for each in score.listed:
        rows.append((f"{each.label}: {each.metric}", each.metric, each.float_value, each.int8_value, ""))
    for what, metric, before, after, share in rows:
        change = after - before
        yield (
            what,
            score.split,
            f"{score.samples:,}",
            score_text(before, metric),
            score_text(after, metric),
            f"{100 * change:+.2f} points" if metric == "accuracy" else f"{change:+.6g}",
            share,
        )


def _origin(subject: Subject) -> list[tuple[str, str]]:
    document = subject.graph.spec.document
    return [
        ("spec", PurePath(document.path).name),
        ("SHA-256 of the spec", document.sha256),
        *((name, str(version)) for name, version in sorted(subject.versions.items())),
    ]
