"""Figures of time and memory, each with its limit: `make bench`. Ends with 1 where one is missed.

    python tests/bench.py [-n RUNS] [PART ...]

Times are compared with that of something else on the same machine, run in turn with it, and given as medians: a limit
then means the same on a slow machine and on a busy one. The parts are `check`, `emit`, `build`, `arena`, `growth` and
`hostile`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netspec.graph import Graph
    from tests.hostile_specs import Command

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY))
DIGITS = REPOSITORY / "specs" / "digits.yaml"
NETSPEC = (sys.executable, "-m", "netspec")

CHECK_LIMIT = 1.25  # times the imports of the packages that the program is made with
EMIT_SECONDS_LIMIT = 2.0
STAGES_LIMIT = 1.0  # times the import of TensorFlow
LAYERS = (1_000, 10_000)
GROWTH_LIMIT = 10.0  # ten times the layers
LAYERS_MIB_LIMIT = 128.0  # for the larger of them
HOSTILE_SECONDS_LIMIT = 2.0  # of the processor
HOSTILE_MIB_LIMIT = 200.0
HOSTILE_GROWTH_LIMIT = 6.0  # times the processor time for four times the bytes
HOSTILE_OUTPUT_LIMIT = 200_000.0

# Users run cached bytecode: so must the runs that are timed, also where the environment forbids writing it.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"} | {
    "TF_CPP_MIN_LOG_LEVEL": "3"
}


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured value and the most that it may be; without a limit it is for information."""

    name: str
    value: float
    limit: float | None = None
    unit: str = ""
    digits: int = 2

    @property
    def missed(self) -> bool:
        return self.limit is not None and self.value > self.limit

    def row(self) -> tuple[str, str, str, str]:
        def text(value: float) -> str:
            return f"{value:,.{self.digits}f} {self.unit}".rstrip()

        if self.limit is None:
            return self.name, text(self.value), "", ""
        return self.name, text(self.value), f"at most {text(self.limit)}", "MISSED" if self.missed else "ok"


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a command: what it printed, wall seconds, the most memory that it held, and processor seconds."""

    output: str
    seconds: float
    peak_mib: float
    processor_seconds: float


def run(command: Sequence[str | Path], codes: Sequence[int] = (0,)) -> Run:
    """Run a command to its end; exits with what it said where it ends with another code."""
    with tempfile.TemporaryFile() as out:
        started = time.perf_counter()
        process = subprocess.Popen(command, cwd=REPOSITORY, env=ENVIRONMENT, stdout=out, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        output = out.read().decode(errors="replace")
    if process.returncode not in codes:
        sys.exit(f"{' '.join(map(str, command))} ended with {process.returncode}:\n{output}")
    peak = usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    return Run(output, seconds, peak, usage.ru_utime + usage.ru_stime)


def in_turn(runs: int, *commands: Sequence[str | Path]) -> list[list[Run]]:
    """Return `runs` runs of each command, taken in turn so that a busy spell hits all of them."""
    for command in commands:
        run(command)  # fills the caches of bytecode and files
    rounds = [[run(command) for command in commands] for _ in range(runs)]
    return [list(column) for column in zip(*rounds, strict=True)]


def seconds(runs: Sequence[Run]) -> float:
    return median(each.seconds for each in runs)


def check(runs: int, scratch: Path) -> list[Figure]:
    """`netspec check` against the imports of its three packages, of which it needs far more than the import."""
    imports = (sys.executable, "-c", "import yaml, pydantic, typer")
    checks, bases = in_turn(4 * runs, (*NETSPEC, "check", DIGITS), imports)
    ratio = median(one.seconds / other.seconds for one, other in zip(checks, bases, strict=True))
    return [
        Figure("netspec check specs/digits.yaml", seconds(checks) * 1000, unit="ms", digits=0),
        Figure("python -c 'import yaml, pydantic, typer'", seconds(bases) * 1000, unit="ms", digits=0),
        Figure("the first, in times of the second", ratio, CHECK_LIMIT),
    ]


def emit(runs: int, scratch: Path) -> list[Figure]:
    """Every file of a build made again from model.keras and the manifest's scales."""
    weights, folder = scratch / "emit.npz", scratch / "emit"
    write_weights(weights)
    run((*NETSPEC, "build", DIGITS, "--weights", weights, "--out", folder))
    (processes,) = in_turn(runs, (sys.executable, __file__, "--emit", folder, scratch / "emitted"))
    inside = median(float(each.output) for each in processes)
    return [
        Figure("emit digits again, imports included", inside, EMIT_SECONDS_LIMIT, "s"),
        Figure("the same as a process", seconds(processes), EMIT_SECONDS_LIMIT, "s"),
    ]


def build(runs: int, scratch: Path) -> list[Figure]:
    """The stages of a build with given weights, TensorFlow's import taken out, against that import."""
    weights = scratch / "build.npz"
    write_weights(weights)
    builds, imports = in_turn(
        runs,
        (sys.executable, __file__, "--build", weights, scratch / "build"),
        (sys.executable, "-c", "import tensorflow"),
    )
    found: list[Mapping[str, float]] = [json.loads(each.output.splitlines()[-1]) for each in builds]
    figures = [Figure(f"build digits: {stage}", median(each[stage] for each in found), unit="s") for stage in found[0]]
    ratios = [sum(each.values()) / other.seconds for each, other in zip(found, imports, strict=True)]
    return [
        *figures,
        Figure("all stages but training", median(sum(each.values()) for each in found), unit="s"),
        Figure("python -c 'import tensorflow'", seconds(imports), unit="s"),
        Figure("the first, in times of the second", median(ratios), STAGES_LIMIT),
    ]


def arena(runs: int, scratch: Path) -> list[Figure]:
    """The arena of every spec against what is live at once, which no arena can be smaller than."""
    from netspec.check import check as check_document
    from netspec.device.memory.packing import ALIGNMENT
    from netspec.spec.source import load

    figures = []
    for path in sorted((REPOSITORY / "specs").rglob("*.yaml")):
        plan = check_document(load(path)).plan
        if plan is None:  # a spec for Keras only
            continue
        largest = max(
            sum(-(-size // ALIGNMENT) * ALIGNMENT for size in plan.live_tensors(node).values())
            for node in plan.graph.nodes
        )
        assert plan.arena_bytes >= largest, f"the arena of {path.name} cannot hold what is live"
        name = path.relative_to(REPOSITORY).as_posix()
        figures.append(Figure(f"arena of {name}", plan.arena_bytes, largest, "bytes", 0))
    return figures


def growth(runs: int, scratch: Path) -> list[Figure]:
    """`netspec check` on generated specs: time must not grow faster than the number of layers."""
    paths = [scratch / f"layers_{count}.yaml" for count in LAYERS]
    for path, count in zip(paths, LAYERS, strict=True):
        path.write_text(generated_spec(count))
    small, large = in_turn(runs, *((*NETSPEC, "check", path) for path in paths))
    ratio = median(one.seconds / other.seconds for one, other in zip(large, small, strict=True))
    return [
        Figure(f"netspec check of {LAYERS[0]:,} layers", seconds(small), unit="s"),
        Figure(f"netspec check of {LAYERS[1]:,} layers", seconds(large), unit="s"),
        Figure("the second, in times of the first", ratio, GROWTH_LIMIT),
        Figure(f"memory at {LAYERS[1]:,} layers", max(each.peak_mib for each in large), LAYERS_MIB_LIMIT, "MiB", 0),
    ]


def hostile(runs: int, scratch: Path) -> list[Figure]:
    """Processor time and memory of specs that are as large as they may be, each in one way, and their growth."""
    from netspec.spec.source import MAX_BYTES
    from tests.hostile_specs import COMMANDS, SPECS

    sizes = (MAX_BYTES // 4 - 5000, MAX_BYTES - 5000)
    slowest = largest = growth = printed = 0.0
    names = {"growth": "none"}
    for name, make in SPECS.items():
        large = checked_at(sizes[1], make, scratch)
        if large.processor_seconds > slowest:
            slowest, names["slowest"] = large.processor_seconds, name
        if large.peak_mib > largest:
            largest, names["largest"] = large.peak_mib, name
        if large.processor_seconds > HOSTILE_SECONDS_LIMIT / 2:  # what is quicker is not measured twice
            ratio = large.processor_seconds / checked_at(sizes[0], make, scratch).processor_seconds
            if ratio > growth:
                growth, names["growth"] = ratio, name
        printed = max(printed, len(large.output))
    return [
        Figure(f"slowest of {len(SPECS)} hostile specs: {names['slowest']}", slowest, HOSTILE_SECONDS_LIMIT, "s"),
        Figure(f"most memory: {names['largest']}", largest, HOSTILE_MIB_LIMIT, "MiB", 0),
        Figure(
            f"four times the bytes, in times the processor time: {names['growth']}",
            growth,
            HOSTILE_GROWTH_LIMIT,
        ),
        Figure("longest output", printed, HOSTILE_OUTPUT_LIMIT, "bytes", 0),
        *(each for name, command in COMMANDS.items() for each in large_command(name, command, sizes[1], scratch)),
    ]


def large_command(name: str, command: Command, size: int, scratch: Path) -> list[Figure]:
    """Processor time and memory of a command that reads large specs; what it prints is as long as they are."""
    found = run((*NETSPEC, *command.written(size, scratch)), codes=(0, 1))
    return [
        Figure(name, found.processor_seconds, HOSTILE_SECONDS_LIMIT, "s"),
        Figure(f"memory of {name}", found.peak_mib, HOSTILE_MIB_LIMIT, "MiB", 0),
    ]


def checked_at(size: int, make: Callable[[int], str], scratch: Path) -> Run:
    """Check a generated spec of so many bytes."""
    path = scratch / "hostile.yaml"
    path.write_bytes(make(size).encode())
    return run((*NETSPEC, "check", path), codes=(0, 1))


PARTS: dict[str, Callable[[int, Path], list[Figure]]] = {
    "check": check,
    "emit": emit,
    "build": build,
    "arena": arena,
    "growth": growth,
    "hostile": hostile,
}


def generated_spec(layers: int) -> str:
    """Return a spec of convolutions, batch norms, relus and dropouts, `layers` in all."""
    block = [
        "- conv2d: {filters: 8, kernel_size: 3, padding: same, use_bias: false}",
        "- batch_normalization",
        "- relu",
        "- dropout: {rate: 0.1}",
    ]
    lines = [f"  {block[index % len(block)]}" for index in range(layers)]
    head = ["netspec: 1", "name: generated", "inputs:", "  image: {shape: [16, 16, 8]}", "layers:"]
    return "\n".join([*head, *lines, "target: {core: cortex-m4}", ""])


def write_weights(path: Path) -> None:
    """Write weights for the digits of which no layer's output dies away or explodes; the time depends on sizes only."""
    import numpy as np

    from netspec.train.weights import write_npz

    generator = np.random.default_rng(0)
    arrays = {}
    for layer in _digits_graph().layers:
        for weight in layer.weights:
            if weight.name in ("gamma", "moving_variance"):
                values = np.ones(weight.shape)
            else:
                values = generator.normal(0.0, max(1, prod(weight.shape[:-1])) ** -0.5, weight.shape)
            arrays[layer.name, weight.name] = values.astype(np.float32)
    write_npz(arrays, path)


def _digits_graph() -> Graph:
    from netspec.graph import build_graph
    from netspec.spec.source import load
    from netspec.spec.spec import read

    return build_graph(read(load(DIGITS)))


def emit_again(folder: Path, out: Path) -> float:
    """Make a build's model.tflite and firmware again, below `out`; return its seconds, imports included."""
    started = time.perf_counter()
    from netspec.artifacts.manifest import KERAS_FILE, TFLITE_FILE, read_manifest
    from netspec.check import check as check_document
    from netspec.device.plan import plan_device
    from netspec.emit.firmware import emit_firmware
    from netspec.quantize.quantize import quantize, weight_lookup
    from netspec.spec.source import load
    from netspec.tflite.model import TFLiteModel
    from netspec.train.weights import read_weights

    document, manifest = load(DIGITS), read_manifest(folder)
    graph = check_document(document, manifest.core).graph
    weights = weight_lookup(read_weights(folder / KERAS_FILE, graph))
    model = quantize(plan_device(graph, manifest.core), weights, manifest.scales())
    made = {f"firmware/{name}": text.encode() for name, text in emit_firmware(model, document).items()}
    made[TFLITE_FILE] = TFLiteModel(model).to_bytes()
    for name, content in made.items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_bytes(content)
    taken = time.perf_counter() - started
    for name, content in made.items():
        assert content == (folder / name).read_bytes(), f"{name} is not what the build made"
    return taken


def build_again(weights: Path, out: Path) -> dict[str, float]:
    """Build the digits with given weights, TensorFlow imported beforehand; return the seconds of each stage."""
    import tensorflow  # noqa: F401

    from netspec.build import Options
    from netspec.build import build as run_build
    from netspec.spec.source import load

    built = run_build(load(DIGITS), Options(out=out, weights=weights), lambda line: None)
    assert built.agrees, built.verdict()
    return dict(built.seconds)


def print_table(rows: Sequence[tuple[str, ...]]) -> None:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        name, value, limit, verdict = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print(f"{name}  {value.strip():>{widths[1]}}  {limit}  {verdict}".rstrip(), flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description="Figures of time and memory, each with its limit.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"what to measure, of {', '.join(PARTS)}; all of it")
    parser.add_argument("-n", "--runs", type=int, default=5, help="runs of each command (default: 5)")
    # The processes that are timed are this file too.
    parser.add_argument("--emit", nargs=2, type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--build", nargs=2, type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.emit:
        print(emit_again(*given.emit))
        return 0
    if given.build:
        print(json.dumps(build_again(*given.build)))
        return 0
    unknown = sorted(set(given.parts) - set(PARTS))
    if unknown or given.runs < 1:
        parser.error(f"no part is called {', '.join(unknown)}" if unknown else "it takes at least one run")
    figures: list[Figure] = []
    for part in given.parts or PARTS:
        with tempfile.TemporaryDirectory() as scratch:
            print(f"measuring {part} ...", file=sys.stderr, flush=True)
            figures += PARTS[part](given.runs, Path(scratch))
    print_table([("figure", "value", "limit", ""), *(figure.row() for figure in figures)])
    return any(figure.missed for figure in figures)


if __name__ == "__main__":
    sys.exit(main())
