"""The memory plan as a picture: a row for each step of a run, bytes from left to right, a box for what stands there."""

from __future__ import annotations

from dataclasses import dataclass

from netspec.device.blocks import Block, blocks
from netspec.device.plan import DevicePlan

ROW_HEIGHT = 24
"""In CSS pixels."""

_GAP = 1.5  # between boxes of steps that follow each other
_PLOT_WIDTH = 560  # on a page of full width, in CSS pixels: to see which labels fit
_CHARACTER_WIDTH = 6.6
_MOST_TICKS = 5


@dataclass(frozen=True, slots=True)
class Box:
    """What stands in the arena. `x` and `width` are percentages of the plot, `y` and `height` CSS pixels."""

    kind: str
    label: str
    title: str
    name: str
    offset: str
    size: str
    live: str
    x: str
    width: str
    y: str
    height: str
    label_y: str
    """From the box's top, in CSS pixels: below the slices that are drawn upon it."""


@dataclass(frozen=True, slots=True)
class Row:
    """A step: a node that runs, or the time before the first or after the last. `y` is its top, in CSS pixels."""

    label: str
    layer: bool
    y: int
    peak: bool


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark of the axis; `anchor` is SVG's, such that the text stays inside."""

    x: str
    label: str
    anchor: str


@dataclass(frozen=True, slots=True)
class Picture:
    """One arena. `region` is the memory that holds it, None where memory has no names."""

    region: str | None
    size: str
    height: int
    rows: tuple[Row, ...]
    boxes: tuple[Box, ...]
    ticks: tuple[Tick, ...]


def pictures(plan: DevicePlan) -> tuple[Picture, ...]:
    """Return a picture for each arena that holds anything."""
    found = blocks(plan)
    regions: list[str | None] = [region.name for region in plan.arena_regions]
    return tuple(
        _picture(plan, [block for block in found if block.arena == index], region, size)
        for index, (region, size) in enumerate(zip(regions or [None], plan.memory.arena_sizes, strict=True))
        if size
    )


def _picture(plan: DevicePlan, found: list[Block], region: str | None, size: int) -> Picture:
    nodes = plan.graph.nodes
    first = min(0, *(block.first for block in found))
    last = max(len(nodes) - 1, *(block.last for block in found))
    peak = plan.memory.peak if not plan.memory.arenas else None  # of all arenas together, not of one
    shares = plan.memory.shares
    bounds = _Bounds(
        replaced=frozenset(share.input for share in shares if share.replaces),
        replacing=frozenset(share.output for share in shares if share.replaces),
        joined=frozenset(share.output for share in shares if not share.replaces),
    )
    rows = tuple(
        Row(
            label=_step(plan, step),
            layer=0 <= step < len(nodes),
            y=(step - first) * ROW_HEIGHT,
            peak=step == peak,
        )
        for step in range(first, last + 1)
    )
    # Longest first: an input that is a slice of a concatenation is drawn on it.
    ordered = sorted(found, key=lambda block: -block.size)
    return Picture(
        region=region,
        size=f"{size:,}",
        height=len(rows) * ROW_HEIGHT,
        rows=rows,
        boxes=tuple(_box(plan, block, first, size, bounds) for block in ordered),
        ticks=_ticks(size),
    )


@dataclass(frozen=True, slots=True)
class _Bounds:
    """Tensors that end, or begin, in the middle of a step: where an output replaces an input their boxes meet.

    `joined` have slices, whose boxes cover theirs until the step at which they are joined is over.
    """

    replaced: frozenset[str]
    replacing: frozenset[str]
    joined: frozenset[str]


def _box(plan: DevicePlan, block: Block, first: int, size: int, bounds: _Bounds) -> Box:
    name = block.tensor if block.tensor is not None else f"scratch of {block.node}"
    top = (block.first - first + (0.5 if block.tensor in bounds.replacing else 0)) * ROW_HEIGHT
    bottom = (block.last + 1 - first - (0.5 if block.tensor in bounds.replaced else 0)) * ROW_HEIGHT
    height = bottom - top - _GAP
    share = block.size / size
    end = block.offset + block.size
    alone = block.first == block.last
    live = _step(plan, block.first) if alone else f"{_step(plan, block.first)} to {_step(plan, block.last)}"
    return Box(
        kind=_kind(plan, block),
        label=name if len(name) * _CHARACTER_WIDTH + 12 <= share * _PLOT_WIDTH else "",
        title=f"{name}: {block.size:,} bytes at {block.offset:,} to {end - 1:,}, live {live}",
        name=name,
        offset=f"{block.offset:,}",
        size=f"{block.size:,}",
        live=live,
        x=percent(block.offset / size),
        width=percent(share),
        y=_plain(top + _GAP / 2),
        height=_plain(height),
        label_y=_plain(height - ROW_HEIGHT / 2 if block.tensor in bounds.joined else height / 2),
    )


def _kind(plan: DevicePlan, block: Block) -> str:
    if block.tensor is None:
        return "scratch"
    ports = {given.name for given in plan.graph.inputs} | {output.tensor for output in plan.graph.outputs}
    return "port" if block.tensor in ports else "tensor"


def _step(plan: DevicePlan, step: int) -> str:
    nodes = plan.graph.nodes
    return "input" if step < 0 else "output" if step >= len(nodes) else nodes[step].name


def _ticks(size: int) -> tuple[Tick, ...]:
    """Return marks at multiples of a power of two, and the end."""
    step = 1
    while size / step > _MOST_TICKS:
        step *= 2
    inner = [at for at in range(0, size, step) if at == 0 or size - at > step / 2]
    marks = [
        Tick(percent(at / size), _bytes(at), "start" if at == 0 else "middle") for at in inner if at <= size * 0.85
    ]
    return (*marks, Tick("100", _bytes(size), "end"))


def _bytes(count: int) -> str:
    if count >= 1024 and count % 1024 == 0:
        return f"{count // 1024:,} KiB"
    return f"{count:,}"


def percent(share: float) -> str:
    """Return a share of 1 as a percentage for an attribute, the sign left out."""
    return _plain(100 * share)


def _plain(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".")
