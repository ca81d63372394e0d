"""Figures of emulated boards as a page shows them: finished texts, and the lengths of bars on one scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from netspec.verify.arena_picture import percent
from netspec.verify.board_figures import SIZE_TITLES, BoardFigures, LayerFigures


@dataclass(frozen=True, slots=True)
class Bars:
    """A layer's instructions, a bar for each provider: percentage of the longest, instructions, those a MAC."""

    layer: str
    tensor: str
    kernel: str
    macs: str
    bars: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class Core:
    """What one core did with each provider of kernels."""

    title: str
    machine: str
    notes: tuple[str, ...]
    providers: tuple[str, ...]
    totals: tuple[tuple[str, ...], ...]
    """Provider, instructions, those a MAC, stack, flash and RAM."""
    layers: tuple[Bars, ...]
    sizes: tuple[tuple[str, tuple[tuple[str, ...], ...]], ...]
    """Provider; and a part, text, rodata, data and bss."""


def by_core(boards: Sequence[BoardFigures]) -> list[Core]:
    """Return what each core did, in the order they were run."""
    groups: dict[str, list[BoardFigures]] = {}
    for board in boards:
        groups.setdefault(board.title, []).append(board)
    return [_core(group) for group in groups.values()]


def _core(boards: Sequence[BoardFigures]) -> Core:
    one = boards[0]
    longest = max((layer.instructions for board in boards for layer in board.layers), default=0)
    return Core(
        title=one.title,
        machine=one.machine,
        notes=one.notes,
        providers=tuple(board.provider for board in boards),
        totals=tuple(
            (
                board.provider,
                f"{board.instructions:,}",
                _ratio(board.instructions, board.macs),
                f"{board.stack_bytes:,}",
                f"{board.flash_bytes:,}",
                f"{board.ram_bytes:,}",
            )
            for board in boards
        ),
        layers=tuple(_bars(layers, longest) for layers in zip(*(board.layers for board in boards), strict=True)),
        sizes=tuple(
            (
                board.provider,
                tuple(
                    (title, f"{part.text:,}", f"{part.rodata:,}", f"{part.data:,}", f"{part.bss:,}")
                    for key, title in SIZE_TITLES.items()
                    if (part := board.sizes.get(key)) is not None
                ),
            )
            for board in boards
        ),
    )


def _bars(layers: Sequence[LayerFigures], longest: int) -> Bars:
    one = layers[0]
    return Bars(
        layer=one.layer,
        tensor=one.tensor if one.tensor != one.layer else "",
        kernel=one.kernel,
        macs=count(one.macs),
        bars=tuple(
            (
                percent(layer.instructions / longest if longest else 0.0),
                f"{layer.instructions:,}",
                _ratio(layer.instructions, layer.macs),
            )
            for layer in layers
        ),
    )


def _ratio(instructions: int, macs: int) -> str:
    return f"{instructions / macs:.2f}" if macs else ""


def count(value: int) -> str:
    """Return a count for a table, in which nothing is a gap: what is there stands out."""
    return f"{value:,}" if value else ""
