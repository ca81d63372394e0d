"""Measures what `netspec show` predicts code with, and writes it to netspec/device/size: `make kernel-sizes`.

    python -m tests.kernel_sizes

Kernels are linked one by one, with every provider that is here: the portable ones, the CMSIS-NN that a test dependency
carries, and the one that CMSIS_NN_PATH names. Calls are fitted to the networks of `networks_to_fit`.
"""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from netspec.device.cmsis_nn import ARM_FUNCTIONS, CORE_EXTENSIONS
from netspec.device.size.features import features
from netspec.device.size.tables import PORTABLE, calls_path, table_path
from netspec.emit import kernel_files
from netspec.quantize.model import QuantizedModel
from netspec.toolchain import CmsisNN
from netspec.toolchain.arm import CORES, OPTIMIZED, core_named, find_arm_gcc
from netspec.toolchain.compiler import JOBS, Compiler, run_compiler
from netspec.toolchain.kernel_sizes import LIBRARY_FUNCTIONS, Kernels, callable_functions, measure
from netspec.toolchain.stack import read_stack_usage
from tests.footprints import emitted, networks_to_fit, providers, quantized

Table = dict[str, Any]

# Of the network's file what no program needs that only runs it: names of layers, conversions of floats.
_OPTIONAL = re.compile(r"status_name|\.rodata\.str|CSWTCH|_nearest$|quantize_")
# Registers that a larger network may have to keep on the stack, beyond what any of the networks did.
_SPARE_REGISTERS = 4
# Of the largest shortfall of any network: others may be off by more.
_SPARE_MARGIN = 1.35


def kernel_table(provider: str, measured: Mapping[str, Kernels], portable: Table | None = None) -> Table:
    """Return a provider's table: all that was measured, or with `portable` what differs from that."""
    cores: dict[str, Any] = {}
    for core, kernels in measured.items():
        row = _row(kernels)
        if portable is not None:
            row = _differing(row, _resolved(portable["cores"], core))
        cores[core] = next((other for other, known in cores.items() if known == row), row)
    return {
        "provider": provider,
        "compiler": find_arm_gcc().version,
        "flags": _flags(),
        "functions": sorted(next(iter(measured.values())).needs),
        "cores": cores,
    }


def _flags() -> str:
    return " ".join([*OPTIMIZED, "-ffunction-sections", "-Wl,--gc-sections", "--specs=nano.specs"])


def _row(kernels: Kernels) -> Table:
    functions = {
        name: {"stack": kernels.stack[name], "pieces": list(pieces)} for name, pieces in sorted(kernels.needs.items())
    }
    return {"pieces": dict(sorted(kernels.pieces.items())), "functions": functions}


def _differing(row: Table, other: Table) -> Table:
    """Return Arm's functions that are not the same code in both rows, and their pieces.

    netspec's own kernels are the same but for a few bytes: the compiler does not schedule them alike with all headers.
    """

    def whole(of: Table, name: str) -> object:
        function = of["functions"].get(name)
        return function and (function["stack"], {piece: of["pieces"][piece] for piece in function["pieces"]})

    functions = {
        name: each
        for name, each in row["functions"].items()
        if name in ARM_FUNCTIONS and whole(row, name) != whole(other, name)
    }
    needed = {piece for each in functions.values() for piece in each["pieces"]}
    return {"pieces": {name: row["pieces"][name] for name in sorted(needed)}, "functions": functions}


def _resolved(cores: Mapping[str, Any], core: str) -> Table:
    row = cores[core]
    found: Table = cores[row] if isinstance(row, str) else row
    return found


def measured_calls(folder: Path) -> dict[str, list[tuple[dict[str, int], int, int]]]:
    """Return for each core the features of the networks, the bytes of their own code, and its stack."""
    cc = find_arm_gcc()
    kernels = folder / "kernels"
    _write(kernel_files(), folder)
    jobs: list[tuple[str, dict[str, int], Path]] = []
    for number, graph in enumerate(networks_to_fit()):
        on_core = quantized(graph)
        for core, extension in CORE_EXTENSIONS.items():
            model = on_core(core)
            source = folder / extension / str(number)
            if not source.is_dir():  # cores of one extension are given the same code
                _write(_network_files(model), source)
            jobs.append((core, features(model.plan), source / f"{model.name}.c"))
    found: dict[str, list[tuple[dict[str, int], int, int]]] = {core: [] for core in CORES}
    with ThreadPoolExecutor(max_workers=JOBS) as pool:
        sizes = pool.map(lambda job: _compiled(cc, job[0], job[2], kernels), jobs)
        for (core, counted, _), (size, frame) in zip(jobs, sizes, strict=True):
            found[core].append((counted, size, frame))
    return found


def _network_files(model: QuantizedModel) -> dict[str, str]:
    return {name: text for name, text in emitted(model).items() if "/" not in name and name.endswith((".h", ".c"))}


def _write(files: Mapping[str, str], folder: Path) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def _compiled(cc: Compiler, core: str, source: Path, kernels: Path) -> tuple[int, int]:
    """Return the bytes in flash of a network's file, and the stack of its run."""
    target = source.with_name(f"{source.stem}.{core}.o")
    options = ["-mthumb", *core_named(core, cc).flags, *OPTIMIZED, "-ffunction-sections", "-fdata-sections"]
    options += ["-fcallgraph-info=su", f"-I{kernels / 'include'}", f"-I{kernels / 'portable/include'}"]
    run_compiler([*cc.command, *options, "-c", str(source), "-o", str(target)], f"compile {source.name}")
    listed = subprocess.run(
        [f"{cc.machine}-size", "-A", "-d", str(target)], capture_output=True, text=True, check=True
    ).stdout
    sizes = re.findall(r"^(\.(?:text|rodata)\S*)\s+(\d+)", listed, re.MULTILINE)
    frames = read_stack_usage([target]).frames
    return sum(int(size) for name, size in sizes if not _OPTIONAL.search(name)), frames[f"{source.stem}_run"].bytes


def fitted(rows: Sequence[tuple[dict[str, int], int, int]]) -> Table:
    """Return bytes by feature, the margin that no network exceeds, and the largest frame.

    Bytes are a least-squares fit. What a network of n bytes is off grows with sqrt(n), as a sum of independent calls
    does, so squares are divided by n, and the margin is a multiple of sqrt(n). Margin and frame have some room.
    """
    names = sorted({name for counted, _, _ in rows for name in counted})
    counts = np.array([[counted.get(name, 0) for name in names] for counted, _, _ in rows], float)
    sizes = np.array([size for _, size, _ in rows], float)
    weights = sizes**-0.5
    solution = np.linalg.lstsq(counts * weights[:, None], sizes * weights, rcond=None)[0]
    estimates = np.maximum(counts @ solution, 1.0)
    margin = _SPARE_MARGIN * float(((sizes - estimates) / np.sqrt(estimates)).max())
    worst = np.abs(estimates - sizes).max()
    frame = max(frame for _, _, frame in rows) + 4 * _SPARE_REGISTERS
    bytes_of = {name: round(float(value), 1) for name, value in zip(names, solution, strict=True)}
    return {
        "bytes": bytes_of,
        "margin": round(margin, 2),
        "frame": frame,
        "networks": len(rows),
        "worst": round(float(worst), 1),
    }


def calls_table(found: Mapping[str, Sequence[tuple[dict[str, int], int, int]]]) -> Table:
    """Return the table of calls."""
    cores: dict[str, Any] = {}
    for core, rows in found.items():
        row = fitted(rows)
        cores[core] = next((other for other, known in cores.items() if known == row), row)
    seen = {name for rows in found.values() for counted, _, _ in rows for name in counted}
    unseen = (callable_functions() | LIBRARY_FUNCTIONS) - seen
    assert not unseen, f"no network of tests/footprints.py calls {', '.join(sorted(unseen))}"
    return {"compiler": find_arm_gcc().version, "flags": _flags(), "cores": cores}


def measure_all(cmsis: CmsisNN | None = None) -> dict[str, Kernels]:
    """Return the kernels of a provider for every core."""
    cc = find_arm_gcc()
    return {name: measure(core_named(name, cc), cc, cmsis) for name in CORES}


def text_of(table: Table) -> str:
    """Return a table as its file holds it: a line for each list and each innermost mapping, so that changes show."""

    def lines(value: Any, indent: str) -> str:
        if isinstance(value, dict) and any(isinstance(each, dict) for each in value.values()):
            inner = ",\n".join(
                f"{indent} {json.dumps(key)}: {lines(each, indent + ' ')}" for key, each in value.items()
            )
            return f"{{\n{inner}\n{indent}}}"
        return json.dumps(value)

    return lines(table, "") + "\n"


def main() -> int:
    portable = kernel_table(PORTABLE, measure_all())
    tables = {table_path(PORTABLE): portable}
    for name, copy in providers().items():
        if copy is None:
            continue
        tables[table_path(name)] = kernel_table(name, measure_all(copy), portable)
    with tempfile.TemporaryDirectory(prefix="netspec-calls-") as folder:
        tables[calls_path()] = calls_table(measured_calls(Path(folder)))
    for path, table in tables.items():
        path.write_text(text_of(table), encoding="utf-8")
        print(f"{path.name}: {path.stat().st_size:,} bytes")
    for core, row in tables[calls_path()]["cores"].items():
        print(
            f"calls on {core}:",
            row
            if isinstance(row, str)
            else f"{row['networks']} networks, off by at most {row['worst']:.0f} bytes, margin {row['margin']}",
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
