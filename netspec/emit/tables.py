"""The tables of emitted comments and READMEs."""

from __future__ import annotations

from collections.abc import Sequence

from netspec.emit.view import View


def arena_table(view: View) -> list[str]:
    """Return the lines of the arena's table: buffer, offset, bytes, from which layer to which it is needed.

    Where there are several memories, each line names its own.
    """
    head = ("buffer", "offset", "bytes", "live")
    rows = [head, *((p.title, str(p.offset), str(p.size), p.live) for p in view.places)]
    if all(place.arena.region is None for place in view.places):
        return columns(rows, "<>><")
    regions = ["memory", *(place.arena.region or "" for place in view.places)]
    return columns([(*row[:1], region, *row[1:]) for row, region in zip(rows, regions, strict=True)], "<<>><")


def layer_table(view: View) -> list[str]:
    """Return the lines of the layers' table in Markdown."""
    head = ("", "layer", "kernel, shapes", "flash", "spec line")
    body = [(str(x.index + 1), x.title, x.summary, str(x.flash_bytes), str(x.line)) for x in view.layers]
    rule = ("--:", "---", "---", "--:", "--:")
    return [f"| {' | '.join(row)} |" for row in (head, rule, *body)]


def columns(rows: Sequence[Sequence[str]], alignment: str) -> list[str]:
    """Return rows with their cells padded; `alignment` holds `<` or `>` for each column."""
    widths = [max(len(row[index]) for row in rows) for index in range(len(alignment))]
    return [
        "  ".join(f"{cell:{side}{width}}" for cell, side, width in zip(row, alignment, widths, strict=True)).rstrip()
        for row in rows
    ]
