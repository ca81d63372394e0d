"""What networks take on Cortex-M, linked and counted on emulated boards: `make bench-firmware`.

    python -m tests.bench_firmware [--network NAME ...] [--core NAME ...] [--per-layer] [--write FILE]

Prints the page docs/footprint.md, or writes it. Every spec of specs/ that a board can run is measured with random
weights, on which sizes do not depend and instructions hardly, and every model of MLPerf Tiny whose file is here with
its own. Ends with 1 where a figure that is aimed at is missed with all kernels.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from netspec.device.size import PROVIDERS, footprint
from netspec.device.size.features import function_of
from netspec.diagnostics import ToolError
from netspec.emit import host_functions
from netspec.quantize.model import QuantizedModel
from netspec.toolchain import CmsisNN
from netspec.toolchain.arm import BOARD, CONSTANTS, CORES, KERNELS, NETWORK, ImageTooLarge, device_kernels, find_arm_gcc
from netspec.toolchain.compiler import JOBS
from netspec.toolchain.map_file import LIBRARIES, MapFile
from netspec.toolchain.qemu import find_qemu
from netspec.verify.board import run_on_board
from tests.footprints import IMPORTED, ON_ARM, ON_BOARDS, emitted, imported, link_alone, providers, shipped
from tests.importers.shared_models import FOLDER
from tests.models import int8_inputs

SAME_CODE = {"cortex-m0+": "cortex-m0", "cortex-m85": "cortex-m55"}
MEASURED_CORES = tuple(core for core in CORES if core not in SAME_CODE)
PROFILED_CORES = ("cortex-m4", "cortex-m55")


@dataclass(frozen=True, slots=True)
class Aim:
    """A figure to reach on a core: the most that it may be, and what that is compared with."""

    network: str
    core: str
    figure: str
    limit: int
    why: str


def _aims() -> tuple[Aim, ...]:
    """Return the figures to reach, measured with the same compiler and boards."""
    tflm = "TensorFlow Lite Micro with CMSIS-NN"
    rows = {  # flash, arena, instructions of TensorFlow Lite Micro on the M4 and on the M55
        "kws": (42_000, 16_256, 7_697_839, 1_813_625),
        "ic": (90_000, 49_728, 29_864_084, 4_912_245),
        "ad": (272_000, 768, 582_951, 149_972),
    }
    aims = []
    for network, (flash, arena, m4, m55) in rows.items():
        aims.append(Aim(network, "cortex-m4", "flash", flash, "the smallest that others reach"))
        aims.append(Aim(network, "cortex-m4", "arena", arena, "the largest set of tensors that live together"))
        aims.append(Aim(network, "cortex-m4", "instructions", m4, f"1.00 x {tflm}"))
        aims.append(Aim(network, "cortex-m55", "instructions", m55 * 95 // 100, f"0.95 x {tflm}"))
    aims.append(Aim("kws", "cortex-m4", "code", 11 * 1024, "11 KB"))
    aims.append(Aim("ad", "cortex-m4", "code", 2 * 1024, "2 KB"))
    return tuple(aims)


@dataclass(frozen=True, slots=True)
class Share:
    """What the layers of one function take of a run."""

    layer: str
    function: str
    instructions: int
    macs: int


@dataclass(frozen=True, slots=True)
class Measured:
    """A network on a core with one provider's kernels. `predicted` are its bytes of code and stack, at check time."""

    network: str
    core: str
    provider: str
    constants: int
    calls: int
    kernels: int
    arena: int
    stack: int
    instructions: int
    macs: int
    predicted: tuple[int, int] | None
    shares: tuple[Share, ...]

    @property
    def code(self) -> int:
        return self.calls + self.kernels

    @property
    def flash(self) -> int:
        return self.constants + self.code


def measure(network: str, cores: Sequence[str]) -> list[Measured]:
    """Return a network's figures on some cores, with every provider that is here."""
    on_core = imported(network) if _is_imported(network) else shipped(network)
    found = []
    for core in cores:
        model = on_core(core)
        try:
            found += [_measured(network, model, name, copy) for name, copy in providers().items()]
        except ImageTooLarge as error:
            print(f"{network} on {core} is left out: {error.message.splitlines()[0]}", file=sys.stderr)
    return found


def _is_imported(network: str) -> bool:
    return network.removesuffix(ON_ARM) in IMPORTED


def _measured(network: str, model: QuantizedModel, provider: str, cmsis: CmsisNN | None) -> Measured:
    plan = model.plan
    inputs = {name: values[:1] for name, values in int8_inputs(model).items()}
    with tempfile.TemporaryDirectory(prefix="netspec-bench-") as folder:
        alone = link_alone(model, cmsis, Path(folder))
    run = run_on_board(model, emitted(model), device_kernels(host_functions(model), cmsis), inputs)
    reference = model.run(inputs)
    for tensor, values in run.outputs.items():
        if (reference[tensor].reshape(values.shape) != values).any():
            raise ToolError(f"{network} on {plan.core} with {provider}: {tensor} differs from the reference")
    predicted = footprint(plan, provider) if provider in PROVIDERS else None
    functions = [function_of(plan, node) for node in plan.graph.nodes]
    return Measured(
        network,
        plan.core,
        provider,
        constants=_flash(alone.map, CONSTANTS),
        calls=_flash(alone.map, NETWORK),
        kernels=_flash(alone.map, KERNELS, LIBRARIES),
        arena=alone.map.symbol_sizes(BOARD, "bss").get("arena", 0),
        stack=run.stack_bytes,
        instructions=run.instructions,
        macs=run.figures.macs,
        predicted=(predicted.code_bytes, predicted.stack_bytes) if predicted else None,
        shares=tuple(
            Share(layer.layer, function, layer.instructions, layer.macs)
            for layer, function in zip(run.layers, functions, strict=True)
        ),
    )


def _flash(image: MapFile, *groups: str) -> int:
    return sum(image.sizes(group).flash for group in groups)


def page(found: Sequence[Measured], *, per_layer: bool) -> Iterator[str]:
    """Yield the lines of the page."""
    qemu = subprocess.run([find_qemu(), "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]
    yield from _INTRODUCTION.format(compiler=find_arm_gcc().version, qemu=qemu.split(" (")[0]).splitlines()
    if any(_is_imported(each.network) for each in found):
        yield from ("", "## Against others", "", *_against_others(found))
        yield from ("", "## Where the instructions go", "", *_profiles(found))
    for core in dict.fromkeys(each.core for each in found):
        also = [name for name, same in SAME_CODE.items() if same == core]
        title = (
            f"{_title(core)}, and {' and '.join(map(_title, also))}, which executes the same code"
            if also
            else _title(core)
        )
        yield from ("", f"## {title}", "", *_core(found, core))
    if per_layer:
        yield from ("", "## Layer by layer", "", *_layers(found))


_INTRODUCTION = """\
# What networks take

<!-- Made by `make bench-firmware`, which links and runs all of this: do not edit. -->

- compiler: {compiler}, -O2, unused sections left out
- boards: those of {qemu}

Flash is constants (weights and tables) and code: the network's own calls, the kernels, and what those need of the C
library. A program that runs the network and looks at its input and output is linked, and the linker's map is read.
RAM is the arena, with input, output and scratch inside, and the stack: the most that a run had on it, beside the
bound that `netspec show` gives. Instructions are counted by the emulator, one each, also those of Helium that work on
16 bytes; they are not cycles. Specs have random weights here: instructions hardly depend on them, sizes not at all.

kws, ic and ad are the int8 models of MLPerf Tiny (keyword spotting, image classification, anomaly detection), imported.
With `target: {{kernels: cmsis-nn}}` all that Arm has a kernel for is called there, also where netspec's own take less.
Every tensor of every run is compared with the reference."""


def _against_others(found: Sequence[Measured]) -> Iterable[str]:
    by_case: dict[tuple[str, str], list[Measured]] = defaultdict(list)
    for each in found:
        by_case[each.network, each.core].append(each)
    names = list(dict.fromkeys(each.provider for each in found))
    rows = [["network", "core", "figure", "at most", "which is", *names]]
    for ending in ("", ON_ARM):
        for aim in _aims():
            network = aim.network + ending
            cases = {each.provider: each for each in by_case[network, aim.core]}
            if cases:
                cells = [_verdict(getattr(cases[name], aim.figure), aim.limit) for name in names]
                rows.append([network, _title(aim.core), aim.figure, f"{aim.limit:,}", aim.why, *cells])
    return _markdown(rows, left=3, also_left=(4,))


def _verdict(value: int, limit: int) -> str:
    return f"{value:,} {'met' if value <= limit else '**missed**'}"


def missed(found: Sequence[Measured]) -> list[Aim]:
    """Return the aims that no provider reaches, of those that were measured."""
    short = []
    for aim in _aims():
        values = [getattr(each, aim.figure) for each in found if (each.network, each.core) == (aim.network, aim.core)]
        if values and min(values) > aim.limit:
            short.append(aim)
    return short


def _profiles(found: Sequence[Measured]) -> Iterator[str]:
    first = True
    for core in PROFILED_CORES:
        for network in (name + ending for ending in ("", ON_ARM) for name in IMPORTED):
            runs = [each for each in found if (each.network, each.core) == (network, core)]
            if runs:
                yield from (() if first else ("",))
                yield from (f"{network} on the {_title(core)}:", "", *_profile(runs))
                first = False


def _profile(runs: Sequence[Measured]) -> Iterable[str]:
    head = ["kernel", "layers", "MACs"]
    for run in runs:
        head += [run.provider, "a MAC", "share"]
    rows = [head]
    functions = sorted({share.function for share in runs[0].shares}, key=lambda name: -_of(runs[0], name)[0])
    for function in functions:
        layers = sum(share.function == function for share in runs[0].shares)
        row = [f"`{function}`", str(layers), _count(_of(runs[0], function)[1])]
        for run in runs:
            instructions, macs = _of(run, function)
            row += [f"{instructions:,}", _ratio(instructions, macs), f"{instructions / max(1, run.instructions):.0%}"]
        rows.append(row)
    totals = ["in all", str(len(runs[0].shares)), _count(runs[0].macs)]
    for run in runs:
        totals += [f"{run.instructions:,}", _ratio(run.instructions, run.macs), ""]
    return _markdown([*rows, totals], left=1)


def _of(run: Measured, function: str) -> tuple[int, int]:
    """Return instructions and multiplications of a function's layers."""
    shares = [share for share in run.shares if share.function == function]
    return sum(share.instructions for share in shares), sum(share.macs for share in shares)


def _core(found: Sequence[Measured], core: str) -> Iterable[str]:
    head = ["network", "kernels", "flash", "constants", "calls", "kernels and libc", "code as predicted", "arena"]
    rows = [[*head, "stack", "bound", "instructions", "a MAC"]]
    previous = ""
    for each in found:
        if each.core != core:
            continue
        code, bound = (f"{each.predicted[0]:,}", f"{each.predicted[1]:,}") if each.predicted else ("", "")
        sizes = [each.flash, each.constants, each.calls, each.kernels]
        rows.append(
            [
                "" if each.network == previous else each.network,
                each.provider,
                *(f"{size:,}" for size in sizes),
                code,
                f"{each.arena:,}",
                f"{each.stack:,}",
                bound,
                f"{each.instructions:,}",
                _ratio(each.instructions, each.macs),
            ]
        )
        previous = each.network
    return _markdown(rows, left=2)


def _layers(found: Sequence[Measured]) -> Iterator[str]:
    cases: Mapping[tuple[str, str], list[Measured]] = defaultdict(list)
    for each in found:
        cases[each.network, each.core].append(each)
    for number, ((network, core), runs) in enumerate(cases.items()):
        rows = [["layer", "kernel", "MACs", *(cell for run in runs for cell in (run.provider, "a MAC"))]]
        for index, share in enumerate(runs[0].shares):
            cells = [
                cell
                for run in runs
                for cell in (
                    f"{run.shares[index].instructions:,}",
                    _ratio(run.shares[index].instructions, run.shares[index].macs),
                )
            ]
            rows.append([share.layer, f"`{share.function}`", _count(share.macs), *cells])
        yield from (*(("",) if number else ()), f"{network} on the {_title(core)}:", "", *_markdown(rows, left=2))


def _title(core: str) -> str:
    return core.replace("cortex-m", "Cortex-M")


def _count(number: int) -> str:
    return f"{number:,}" if number else ""


def _ratio(instructions: int, macs: int) -> str:
    return f"{instructions / macs:.2f}" if macs else ""


def _markdown(rows: Sequence[Sequence[str]], *, left: int, also_left: tuple[int, ...] = ()) -> Iterable[str]:
    def ruled(column: int) -> str:
        return "---" if column < left or column in also_left else "---:"

    yield f"| {' | '.join(rows[0])} |"
    yield f"|{'|'.join(ruled(column) for column in range(len(rows[0])))}|"
    for row in rows[1:]:
        yield f"| {' | '.join(row)} |"


def _networks() -> list[str]:
    here = [name for name, file in IMPORTED.items() if (FOLDER / file).is_file()]
    return [*here, *(name + ON_ARM for name in here), *ON_BOARDS]


def main() -> int:
    parser = argparse.ArgumentParser(description="What networks take on Cortex-M.")
    parser.add_argument("--network", nargs="+", choices=_networks(), default=_networks(), metavar="NAME")
    parser.add_argument("--core", nargs="+", choices=MEASURED_CORES, default=MEASURED_CORES, metavar="NAME")
    parser.add_argument("--per-layer", action="store_true", help="what each layer takes, too")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the page there, instead of printing it")
    given = parser.parse_args()
    found: list[Measured] = []
    with ProcessPoolExecutor(max_workers=JOBS) as pool:
        futures = {name: pool.submit(measure, name, given.core) for name in given.network}
        for name, future in futures.items():
            found += future.result()
            print(f"measured {name}", file=sys.stderr, flush=True)
    text = "\n".join(page(found, per_layer=given.per_layer)) + "\n"
    if given.write:
        given.write.write_text(text, encoding="utf-8")
    else:
        print(text, end="")
    short = missed(found)
    for aim in short:
        print(f"missed: {aim.figure} of {aim.network} on {aim.core}, at most {aim.limit:,}", file=sys.stderr)
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
