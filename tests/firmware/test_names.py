"""Names that a spec may have and that files, functions or variables of ours could have too."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from netspec.diagnostics import SpecError
from netspec.emit import host_defines, host_functions, host_main
from netspec.quantize.model import QuantizedModel
from netspec.system.resources import firmware_dir
from netspec.toolchain import find_cc, portable_kernels
from netspec.toolchain.arm import GCC, device_kernels
from netspec.toolchain.compiler import STRICT
from netspec.verify.board import GLUE, board_main, run_on_board
from netspec.verify.oracles import compile_network, run_program
from netspec.verify.proof import compare
from tests.emitted_folders import write
from tests.models import firmware, int8_inputs, make_model
from tests.specs import make_graph

BOARDS = firmware_dir() / "boards"
FOLDERS = ("include", "portable/include", "boards", "boards/app")
OURS = (*BOARDS.glob("*.[ch]"), *BOARDS.glob("app/*.[ch]"), *(firmware_dir() / "portable").glob("*.h"))

# Stems of files of ours, and the words with which functions, variables and macros of ours begin.
NAMES = sorted(
    {path.stem for path in OURS if not path.stem.startswith(("netspec_", "arm_"))}
    | {"network", "board", "registers", "board_main", "host_main", "startup", "simd", "cortex", "machine", "kernels"}
    | {"arena", "input", "output", "run", "test", "netspec", "arm", "cmsis", "host", "plain", "layers", "compare"}
    | {"load", "save", "name", "net", "status", "no", "scratch", "shape", "stack", "size", "int8", "weights"}
)

LAYERS = [
    {"dense": {"name": "kernel", "units": 6}},
    {"dense": {"name": "run", "units": 6}},
    {"tanh": {"name": "run_run"}},
]
# Spec, its input, and the regions of its memory: what C calls these without a prefix, the spec's name is one for.
WITHOUT_PREFIX: list[tuple[str, str, tuple[str, ...]]] = [
    *(("input", name, ()) for name in ("status_name", "nearest", "kernel_kernel", "quantize_input_x")),
    ("output", "x", ()),  # beside output_run is the run of the network
    *(("arena", "x", (name,)) for name in ("run", "kernel_kernel", "status_name")),
]


def network(name: str, given: str = "x", regions: tuple[str, ...] = ()) -> QuantizedModel:
    target: dict[str, Any] = {"io": "arena" if regions else "external"}
    if regions:
        target["memory"] = [{"name": each, "size": 512} for each in regions]
    graph = make_graph(LAYERS, {given: (6,)}, outputs=["run", "run_run"], name=name, target=target)
    return make_model(graph, core="cortex-m3")


def assert_compiles(model: QuantizedModel, folder: Path) -> None:
    """Compile what is emitted, the programs around it and the board's, each with the folder first, as they are."""
    write({**firmware(model), "netspec_host_main.c": host_main(model), f"{GLUE}.c": board_main(model)}, folder)
    own = [folder / f"{model.name}{ending}.c" for ending in ("", "_weights", "_test", "_test_vectors")]
    board = (*BOARDS.glob("*.c"), *BOARDS.glob("app/*.c"))
    includes = [f"-I{folder}", *(f"-I{firmware_dir() / each}" for each in FOLDERS)]
    for trace in ([], [f"-D{each}" for each in host_defines(model)]):
        for command, files in (
            ([GCC, "-mcpu=cortex-m3", "-mthumb"], [*own, folder / f"{GLUE}.c", *board]),
            (find_cc().command, [*own, *([folder / "netspec_host_main.c"] if trace else [])]),
        ):
            for file in files:
                words = [*command, *STRICT, *trace, *includes, "-fsyntax-only", file]
                done = subprocess.run(words, capture_output=True, text=True, check=False)
                assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_a_network_may_be_named_as_files_of_ours(name: str, tmp_path: Path) -> None:
    assert_compiles(network(name), tmp_path)


@pytest.mark.parametrize(("name", "given", "regions"), WITHOUT_PREFIX)
def test_variables_of_programs_make_way_for_functions(
    name: str, given: str, regions: tuple[str, ...], tmp_path: Path
) -> None:
    model = network(name, given, regions)
    assert_compiles(model, tmp_path)
    inputs = int8_inputs(model)
    program = compile_network(model, firmware(model), portable_kernels(host_functions(model)), tmp_path / "program")
    compared = compare(model, "host", model.run(inputs), run_program(model, program, inputs))
    assert compared.elements > 0
    assert compared.mismatches == 0


@pytest.mark.parametrize("name", ["network", "board", "board_main", "host_main", "output"])
def test_such_a_network_runs_on_this_machine_and_on_a_board(name: str, tmp_path: Path) -> None:
    model = network(name)
    inputs = int8_inputs(model)
    reference, kernels = model.run(inputs), portable_kernels(host_functions(model))
    program = compile_network(model, firmware(model), kernels, tmp_path / "program")
    run = run_on_board(model, firmware(model), device_kernels(host_functions(model)), inputs)
    for outputs in (run_program(model, program, inputs), run.outputs):
        compared = compare(model, name, reference, outputs)
        assert compared.elements > 0
        assert compared.mismatches == 0


def test_names_that_begin_as_ours_do_are_refused() -> None:
    for name in ("netspec_board", "netspec_network", GLUE, "netspec_host_main", "netspec_kernels", "arm_nnfunctions"):
        with pytest.raises(SpecError, match="begins as the names of the kernels do"):
            network(name)


def test_files_of_the_boards_that_others_include_begin_with_netspec() -> None:
    headers = [path.name for path in (*BOARDS.glob("*.h"), *BOARDS.glob("app/*.h"))]
    assert headers
    assert all(name.startswith("netspec_") for name in headers)
