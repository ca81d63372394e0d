"""A built network on an emulated Cortex-M: every tensor it computes, and what it costs there.

Three images are made, which differ in how the emitted file is compiled: with trace and assertions, to compare every
tensor of all samples; with the trace alone, to count each layer's instructions; and as a product would compile it,
for instructions, stack and sizes of the whole.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Literal

from netspec.diagnostics import ToolError
from netspec.system.writing import write_file
from netspec.toolchain.arm import (
    BOARD,
    CONSTANTS,
    Board,
    Core,
    Image,
    ImageTooLarge,
    compile_source,
    core_named,
    find_arm_gcc,
    link_image,
)
from netspec.toolchain.map_file import MapFile, Sizes
from netspec.toolchain.qemu import TIMEOUT_SECONDS, Run, require_success, run_image
from netspec.verify.board_figures import BoardFigures, LayerFigures
from netspec.verify.board_needs import board_for, outside_bytes
from netspec.verify.oracles import Values

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from netspec.device.plan import DevicePlan
    from netspec.quantize.model import QuantizedModel
    from netspec.toolchain import KernelSet

Variant = Literal["plain", "layers", "compare"]
"""How the network is compiled: as in a product, traced, or traced with its assertions."""

GLUE = "netspec_board_main"
"""Stem of the file that joins a network to firmware/boards/app; its variables are the network's memory.

No network has a name that begins so: its files lie beside this one.
"""

_LARGEST_DENOMINATOR = 100
"""The calibration is good to a millionth; fractions of that size are a hundred times further apart."""

_MACS_PER_SECOND = 2_000_000
"""What QEMU does at the very least, on a slow and busy machine: for the time that a run is given."""


@dataclass(frozen=True, slots=True)
class BoardRun:
    """What a network did on a board. Instructions are those of the first sample."""

    core: Core
    board: Board
    provider: str
    notes: tuple[str, ...]
    cases: int
    outputs: Values
    """Every tensor that a node writes, (cases, elements)."""
    instructions: int
    layers: tuple[LayerFigures, ...]
    instructions_per_tick: float
    """What the board measured of its clock. Small figures are means of some runs, and so finer than a tick."""
    stack_bytes: int
    """The most that one inference had on the stack."""
    image: Image
    plan: DevicePlan

    @property
    def figures(self) -> BoardFigures:
        """Return what a report tells of this."""
        return BoardFigures(
            core=self.core.name,
            machine=self.board.machine,
            title=f"{self.core.name} ({self.board.title})",
            provider=self.provider,
            notes=self.notes,
            instructions=self.instructions,
            instructions_per_tick=self.instructions_per_tick,
            stack_bytes=self.stack_bytes,
            layers=self.layers,
            sizes=part_sizes(self.image.map, self.plan),
        )


def part_sizes(image: MapFile, plan: DevicePlan) -> dict[str, Sizes]:
    """Return the bytes of each part of a network's image; padding between sections of the linker is the board's.

    The network's memory is that of the file that joins it to the board's program, less the inputs and outputs that
    are the caller's, and less the byte that C wants of an arena that holds nothing.
    """
    parts = {name: [sizes.text, sizes.rodata, sizes.data, sizes.bss] for name, sizes in image.groups().items()}
    held, outside = image.sizes(BOARD, f"plain.{GLUE}.o").bss, outside_bytes(plan)
    arena = held - outside if plan.arena_bytes else 0
    parts["arena"] = [0, 0, 0, arena]
    if outside:
        parts["ports"] = [0, 0, 0, outside]
    parts[BOARD][3] -= arena + outside
    for column, kind in enumerate(("text", "rodata", "data", "bss")):
        parts[BOARD][column] += image.padding.get(kind, 0)
    return {name: Sizes(*bytes) for name, bytes in parts.items()}


def board_main(model: QuantizedModel) -> str:
    """Return the C text that joins the network to firmware/boards/app."""
    from netspec.emit.render import render
    from netspec.emit.view import make_view

    return render("board_main.c.j2", view=make_view(model))


def link_network(
    model: QuantizedModel,
    firmware: Mapping[str, str],
    kernels: KernelSet,
    folder: Path,
    *,
    board: Board | None = None,
    cache_dir: Path | None = None,
) -> Image:
    """Compile an emitted network and link it for the core that it is planned for; the files go into `folder`.

    `kernels` are `toolchain.arm.device_kernels`. Raises ImageTooLarge where the board, by default the core's own,
    cannot hold it.
    """
    return _Linker(model, firmware, kernels, folder, cache_dir).link("plain", board)


class _Linker:
    """The files of a network in a folder, the constants compiled once, and the images that are linked of them."""

    def __init__(
        self,
        model: QuantizedModel,
        firmware: Mapping[str, str],
        kernels: KernelSet,
        folder: Path,
        cache_dir: Path | None,
    ) -> None:
        from netspec.emit import host_defines

        self.cc = find_arm_gcc()
        self.core = core_named(model.plan.core, self.cc)
        self._model, self._kernels, self._folder, self._cache_dir = model, kernels, folder, cache_dir
        traced = host_defines(model)
        self._defines: dict[Variant, tuple[str, ...]] = {"plain": (), "layers": traced[:1], "compare": traced}
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in firmware.items():
            if "/" not in name and name.endswith((".h", ".c")):
                write_file(folder / name, text)
        write_file(folder / f"{GLUE}.c", board_main(model))
        constants = folder / f"{model.name}_weights.c"
        self._constants = compile_source(
            self.core, constants, kernels, constants.with_suffix(".o"), include_dirs=[folder], cc=self.cc
        )

    def link(self, variant: Variant, board: Board | None) -> Image:
        return link_image(
            self.core,
            [self._folder / f"{self._model.name}.c", self._folder / f"{GLUE}.c", self._constants],
            self._kernels,
            self._folder / f"{variant}.elf",
            include_dirs=[self._folder],
            defines=self._defines[variant],
            groups={GLUE: BOARD, self._constants.stem: CONSTANTS},
            board=board,
            cc=self.cc,
            cache_dir=self._cache_dir,
        )

    def link_all(self) -> tuple[dict[Variant, Image], tuple[str, ...]]:
        """Return the images for one board that can hold all of them, and what has to be said of the choice."""
        variants: tuple[Variant, ...] = ("plain", "layers", "compare")
        core, board = self.core, board_for(self._model.plan, self.core)
        notes = (core.note,) if core.note else ()
        if board == core.board:
            try:
                return {variant: self.link(variant, None) for variant in variants}, notes
            except ImageTooLarge:
                if core.larger is None:
                    raise
                board = core.larger
        told = f"too large for the {core.board.title}: the same code runs on {board.title}"
        return {variant: self.link(variant, board) for variant in variants}, (*notes, told)


def run_on_board(
    model: QuantizedModel,
    firmware: Mapping[str, str],
    kernels: KernelSet,
    inputs: Values,
    *,
    folder: Path | None = None,
    cache_dir: Path | None = None,
) -> BoardRun:
    """Boot an emitted network on the board of its core and return all that it computed and took.

    `inputs` are int8 with a batch axis; `folder` keeps the images, else they go when this returns. A network that its
    core's board cannot hold runs on a larger one that executes the same code, which the notes say. Raises ToolError
    where a tool is missing or fails, where the network does, and with the registers where it takes a fault.
    """
    if folder is not None:
        return _run(model, firmware, kernels, inputs, folder, cache_dir)
    with tempfile.TemporaryDirectory(prefix="netspec-board-") as name:
        return _run(model, firmware, kernels, inputs, Path(name), cache_dir)


def _run(
    model: QuantizedModel,
    firmware: Mapping[str, str],
    kernels: KernelSet,
    inputs: Values,
    folder: Path,
    cache_dir: Path | None,
) -> BoardRun:
    images, notes = _Linker(model, firmware, kernels, folder, cache_dir).link_all()
    plain = images["plain"]
    graph = model.plan.graph
    cases = len(inputs[graph.inputs[0].name])
    _write_samples(model, inputs, folder / "input")
    work = sum(node.op.macs() for node in graph.nodes)

    def boot(variant: Variant, word: str, samples: int, purpose: str) -> Run:
        seconds = TIMEOUT_SECONDS + samples * work / _MACS_PER_SECOND  # small networks run more often, in no time
        run = run_image(images[variant], folder, (word,), count=word != "compare", timeout_seconds=seconds)
        return require_success(run, images[variant], purpose)

    (folder / "output").unlink(missing_ok=True)
    ran = boot("compare", "compare", cases, f"run {model.name}").figure("samples")
    if ran != cases:
        raise ToolError(f"the firmware ran {ran} samples, {cases} were expected")
    outputs = _read_tensors(model, folder / "output", cases)
    whole = boot("plain", "measure", 2, f"measure {model.name}")
    layers = boot("layers", "layers", 1, f"count the instructions of {model.name}'s layers")
    tick = _instructions_per_tick(whole)
    instructions = round(fmean(whole.figures("total")) * tick)
    return BoardRun(
        core=plain.core,
        board=plain.board,
        provider=kernels.provider,
        notes=notes,
        cases=cases,
        outputs=outputs,
        instructions=instructions,
        layers=_layer_costs(model, layers, instructions),
        instructions_per_tick=tick,
        stack_bytes=whole.figure("stack"),
        image=plain,
        plan=model.plan,
    )


def _write_samples(model: QuantizedModel, inputs: Values, path: Path) -> None:
    import numpy as np

    flat = [inputs[given.name].reshape(len(inputs[given.name]), -1) for given in model.plan.graph.inputs]
    write_file(path, np.concatenate(flat, axis=1).astype(np.int8).tobytes())


def _read_tensors(model: QuantizedModel, path: Path, cases: int) -> dict[str, NDArray[np.int8]]:
    import numpy as np

    from netspec.emit import host_tensors

    tensors = host_tensors(model)
    size = sum(count for _, count in tensors)
    data = np.frombuffer(path.read_bytes(), np.int8)
    if data.size != size * cases:
        raise ToolError(f"the firmware wrote {data.size} bytes, {size * cases} were expected")
    samples, found, start = data.reshape(cases, -1) if size else data.reshape(cases, 0), {}, 0
    for name, count in tensors:
        dtype = model.plan.graph.tensors[name].dtype.name
        found[name] = np.ascontiguousarray(samples[:, start : start + count]).view(dtype)
        start += count
    return found


def _instructions_per_tick(run: Run) -> float:
    """Return what the board measured of itself: a fraction of small numbers, since clocks are."""
    measured = Fraction(run.figure("calibration-instructions"), run.figure("calibration-ticks"))
    return float(measured.limit_denominator(_LARGEST_DENOMINATOR))


def _layer_costs(model: QuantizedModel, run: Run, instructions: int) -> tuple[LayerFigures, ...]:
    """Return what each layer takes of `instructions`, without what the trace adds to each alike."""
    from netspec.device.kernels import kernel_of

    nodes, ticks = model.plan.graph.nodes, run.figures("ticks")
    traced = [index for index, node in enumerate(nodes) for _ in node.outputs]  # each output is handed out by itself
    if nodes and (not ticks or len(ticks) % len(traced)):
        raise ToolError(f"the firmware told the ticks of {len(ticks)} layers, a multiple of {len(traced)} was expected")
    tick = _instructions_per_tick(run)
    counts = [0.0] * len(nodes)
    for position, index in enumerate(traced):
        counts[index] += fmean(ticks[position :: len(traced)]) * tick
    of_trace = max(0.0, sum(counts) - instructions) / max(1, len(traced))
    return tuple(
        LayerFigures(
            node.layer,
            node.outputs[0].name,
            kernel_of(node).title(node.op),
            max(0, round(count - of_trace * len(node.outputs))),
            node.op.macs(),
        )
        for node, count in zip(nodes, counts, strict=True)
    )
