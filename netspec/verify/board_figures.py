"""What a network took on an emulated board, and how it is told: tables for people, plain data for tools."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from netspec.toolchain.map_file import Sizes

SIZE_TITLES: Mapping[str, str] = {
    "constants": "the network's constants",
    "network": "the network's code",
    "kernels": "kernels",
    "libraries": "C library",
    "arena": "the network's memory",
    "ports": "the caller's inputs and outputs",
    "board": "board and test program",
}
"""The parts of an image in the order they are told; only what is there. A product has its own in place of the last."""

_OTHERS = ("ports", "board")
"""What the network does not take: with `io: external` its inputs and outputs lie where the program has them."""


@dataclass(frozen=True, slots=True)
class LayerFigures:
    """A layer's instructions, and its multiplications by weights."""

    layer: str
    tensor: str
    kernel: str
    instructions: int
    macs: int


@dataclass(frozen=True, slots=True)
class BoardFigures:
    """One provider of kernels on one board. Instructions are those of the first sample."""

    core: str
    machine: str
    title: str
    provider: str
    notes: tuple[str, ...]
    instructions: int
    instructions_per_tick: float
    stack_bytes: int
    layers: tuple[LayerFigures, ...]
    sizes: Mapping[str, Sizes]
    """By the keys of SIZE_TITLES."""
    folder_core: str = ""
    """The core that the build folder is for; that of another board was planned anew."""

    @property
    def macs(self) -> int:
        return sum(layer.macs for layer in self.layers)

    @property
    def flash_bytes(self) -> int:
        """Return the flash that the network takes in a product: all but the board's part."""
        return sum(part.flash for name, part in self.sizes.items() if name not in _OTHERS)

    @property
    def ram_bytes(self) -> int:
        """Return the RAM that the network takes in a product, its stack left out, as `show` does."""
        return sum(part.ram for name, part in self.sizes.items() if name not in _OTHERS)

    def to_data(self) -> dict[str, Any]:
        return {
            "core": self.core,
            "folder_core": self.folder_core or self.core,
            "machine": self.machine,
            "kernels": self.provider,
            "notes": list(self.notes),
            "instructions": self.instructions,
            "instructions_per_tick": self.instructions_per_tick,
            "macs": self.macs,
            "instructions_per_mac": round(self.instructions / self.macs, 3) if self.macs else None,
            "stack_bytes": self.stack_bytes,
            "flash_bytes": self.flash_bytes,
            "ram_bytes": self.ram_bytes,
            "layers": [asdict(layer) for layer in self.layers],
            "sizes": {name: asdict(part) for name, part in self.sizes.items()},
        }


def figures_text(boards: Sequence[BoardFigures]) -> list[str]:
    """Return the lines that tell what all providers took on one board; nothing for none."""
    if not boards:
        return []
    one = boards[0]
    lines = [f"on {one.title}, emulated by QEMU as {one.machine}:"]
    lines += [f"  note: {note}" for note in one.notes]
    for board in boards:
        left_out = "the board's own" if "ports" not in board.sizes else "inputs, outputs and the board's own"
        per_mac = f", {board.instructions / board.macs:.2f} a MAC" if board.macs else ""
        lines.append(
            f"  {board.provider} kernels: {board.instructions:,} instructions{per_mac}; "
            f"stack {board.stack_bytes:,} bytes; flash {board.flash_bytes:,} and RAM {board.ram_bytes:,} bytes, "
            f"{left_out} left out"
        )
    lines.append(
        f"  counted on the first sample by a clock of {_plain(one.instructions_per_tick)} instructions a tick; "
        "of small networks it is the mean of some runs"
    )
    head = ["layer", "kernel", "MACs"]
    for board in boards:
        head += [board.provider, "a MAC"]
    names = layer_names((layer.layer, layer.tensor) for layer in one.layers)
    rows = [
        [names[index], layer.kernel, f"{layer.macs:,}" if layer.macs else ""]
        + [cell for board in boards for cell in _layer_cells(board.layers[index])]
        for index, layer in enumerate(one.layers)
    ]
    totals = ["in all", "", f"{one.macs:,}"]
    for board in boards:
        totals += [f"{board.instructions:,}", _per_mac(board.instructions, board.macs)]
    lines += _table([head, *rows, totals], left=2)
    for board in boards:
        parts = [[f"bytes, {board.provider}", "text", "rodata", "data", "bss"]]
        parts += [
            [title, *(f"{value:,}" for value in asdict(board.sizes[name]).values())]
            for name, title in SIZE_TITLES.items()
            if name in board.sizes
        ]
        lines += _table(parts, left=1)
    return lines


def layer_names(rows: Iterable[tuple[str, str]]) -> list[str]:
    """Return how rows of (layer, tensor) are told: by the layer, as `show` does; with the tensor if it has several."""
    pairs = list(rows)
    layers = [layer for layer, _ in pairs]
    return [f"{layer} ({tensor})" if layers.count(layer) > 1 else layer for layer, tensor in pairs]


def _layer_cells(layer: LayerFigures) -> list[str]:
    return [f"{layer.instructions:,}", _per_mac(layer.instructions, layer.macs)]


def _per_mac(instructions: int, macs: int) -> str:
    return f"{instructions / macs:.2f}" if macs else ""


def _plain(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _table(rows: Sequence[Sequence[str]], *, left: int) -> Iterable[str]:
    """Yield rows as lines of aligned columns, the first `left` of them to the left."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = [
            cell.ljust(width) if column < left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield ("  " + "  ".join(cells)).rstrip()
