"""What `--run` says where a tool fails, where no board is large enough, and where a CMSIS-NN is another one."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from netspec.build import Options, build
from netspec.diagnostics import ToolError
from netspec.emit import host_functions
from netspec.graph import Graph
from netspec.importers.result import graph_of
from netspec.spec.source import parse
from netspec.toolchain.arm import CORES, GCC, ImageTooLarge, core_named, device_kernels, find_arm_gcc
from netspec.toolchain.cores import Board
from netspec.toolchain.qemu import QEMU
from netspec.train.weights import write_npz
from netspec.verify.board import run_on_board
from netspec.verify.board_needs import board_for, require_board, require_tools
from tests.builds import bakenn_kernels, random_weights
from tests.emitted_nets import NETS
from tests.models import firmware, int8_inputs, make_model
from tests.specs import make_graph

Stand = Callable[[str, str], None]


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stand:
    """Put a shell script in place of a program."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)

    def act(name: str, body: str) -> None:
        (folder / name).write_text(f"#!/bin/sh\n{body}\n")
        (folder / name).chmod(0o755)

    return act


def booted() -> ToolError:
    model = make_model(NETS["digits"](), core="cortex-m4")
    with pytest.raises(ToolError) as caught:
        run_on_board(model, firmware(model), device_kernels(host_functions(model)), int8_inputs(model))
    return caught.value


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("kill -SEGV $$", "qemu-system-arm itself failed on mps2-an386: it was ended by SIGSEGV"),
        (
            "echo 'qemu-system-arm: no memory'; exit 1",
            "qemu-system-arm itself failed on mps2-an386: it ended with status 1,",
        ),
        ("echo broken; exit 127", "qemu-system-arm itself failed on mps2-an386: it ended with status 127,"),
        ("exit 0", "qemu-system-arm ended as if all were well and ran no firmware"),
    ],
)
def test_where_qemu_fails_another_one_is_to_be_taken(body: str, said: str, stand_in: Stand) -> None:
    stand_in(QEMU, body)
    error = booted()
    assert error.message.startswith(f"cannot run digits: {said}")
    assert re.match("take QEMU 7.2 or later: .*qemu", error.help or "")
    spoken = re.search("echo '?([^';]*)", body)
    assert spoken is None or spoken[1] in error.message


def test_samples_that_were_not_run_are_missed(stand_in: Stand) -> None:
    stand_in(QEMU, "echo 'netspec: samples 00000001'")
    assert booted().message == "the firmware ran 1 samples, 12 were expected"


def test_a_compiler_that_does_not_know_the_core_is_told_at_once(stand_in: Stand) -> None:
    known = shutil.which(GCC)
    stand_in(GCC, f'case " $* " in *cortex-m[58]5*) exit 1;; esac\nexec {known} "$@"')
    require_tools("cortex-m4")
    for core in ("cortex-m55", "cortex-m85"):
        with pytest.raises(ToolError, match=f"this compiler knows no {core}: .*gcc") as caught:
            require_tools(core)
        assert re.match("take gcc 10 or later: .*gcc", caught.value.help or "")


# ------------------------------------------------------------------------------------------------ memory of boards


def test_boards_have_the_memory_that_their_linker_scripts_give() -> None:
    cc = find_arm_gcc()
    for name in CORES:
        core = core_named(name, cc)
        for board in filter(None, (core.board, core.larger)):
            small = board.machine == "microbit"
            assert board.memory.flash_bytes == (2**18 if small else 2**23 if "mps3" in board.machine else 2**22)
            assert board.memory.ram_bytes == (2**14 - 2560 if small else 2**22 - 17 * 1024)


WIDE, TALL = make_graph([{"dense": {"units": 5000}}], (1000,)), make_graph(["relu"], (2048, 2049))


@pytest.mark.parametrize(
    ("graph", "core", "said"),
    [
        (WIDE, "cortex-m0", r"the network has 5,0\d\d,\d\d\d bytes of constants, and the MPS2 AN385"),
        (WIDE, "cortex-m4", "on which a cortex-m4 is emulated, 4,194,304 of flash"),
        (TALL, "cortex-m55", r"4,19\d,\d\d\d bytes of memory, and the MPS3 AN547, .*, 4,176,896 of RAM"),
    ],
)
def test_a_net_too_large_for_every_board_is_told_before_anything_is_made(graph: Graph, core: str, said: str) -> None:
    with pytest.raises(ImageTooLarge, match=said) as caught:
        require_board(graph, core, None)
    assert "leave out `--run`" in (caught.value.help or "")


def test_the_smallest_board_that_holds_a_net_is_taken() -> None:
    cc = find_arm_gcc()

    def board(target: str) -> Board:
        graph = make_graph([{"max_pooling2d": {"pool_size": 4}}], (60, 60, 3), target={"io": target})
        return board_for(make_model(graph, core="cortex-m0").plan, core_named("cortex-m0", cc))

    assert board("arena").machine == "microbit"
    assert board("external").machine == "microbit"
    with_constants = make_model(make_graph([{"dense": {"units": 600}}], (500,)), core="cortex-m0").plan
    assert board_for(with_constants, core_named("cortex-m0", cc)).machine == "mps2-an385"


# ------------------------------------------------------------------------------------------------ kernels, the command

SPEC = """netspec: 1
name: sums
inputs: {x: {shape: [8]}}
layers: [{dense: {name: first, units: 4}}, {softmax: {name: last}}]
target: {core: cortex-m4, kernels: cmsis-nn}
"""


@pytest.mark.parametrize(("arguments", "release"), [(4, "5.x"), (6, "6.x")])
def test_kernels_that_want_other_sums_are_refused_before_the_build(
    arguments: int, release: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = bakenn_kernels()
    other = replace(copy, declared={**copy.declared, "arm_vector_sum_s8": arguments}, generation=release)
    monkeypatch.setattr("netspec.toolchain.find_cmsis_nn", lambda explicit: other)
    out = tmp_path / "out"
    with pytest.raises(ToolError) as caught:
        build(parse(SPEC, "sums.yaml"), Options(out=out, run="cortex-m55"), lambda line: None)
    assert caught.value.message.startswith(
        f"CMSIS-NN {release} cannot run first on the cortex-m55: with `kernels: cmsis"
    )
    assert "write `kernels: netspec`" in (caught.value.help or "")
    assert not out.exists()
    # Without Helium, or with the kernels that netspec chooses, all releases do.
    require_board(graph_of(SPEC), "cortex-m4", other)
    require_board(graph_of(SPEC.replace("cmsis-nn", "netspec")), "cortex-m55", other)
    require_board(graph_of(SPEC), "cortex-m55", copy)


def netspec(*words: str | Path, folder: Path, expect: int, **environment: str) -> str:
    command = [sys.executable, "-m", "netspec", *map(str, words)]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, env=os.environ | environment
    )
    assert done.returncode == expect, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stderr


@pytest.mark.parametrize("command", ["build small.yaml", "verify build/small"])
def test_two_cores_to_run_on_are_one_too_many(command: str, tmp_path: Path) -> None:
    said = netspec(*command.split(), "--run", "cortex-m4", "--run=cortex-m0", folder=tmp_path, expect=2)
    assert "--run takes one value, and is given 2 times" in said


def test_a_genuine_cmsis_nn_runs_on_helium(tmp_path: Path) -> None:
    """With 4.0.0 gcc 12 dies of an error of its own at a file of Arm's that this network has no need of."""
    named = os.environ.get("CMSIS_NN_PATH") or pytest.skip("CMSIS_NN_PATH is not set")
    text = SPEC.replace("target: {core: cortex-m4, kernels: cmsis-nn}", "target: {core: cortex-m55}")
    text = text.replace("layers: [", "layers: [{reshape: {target_shape: [2, 4, 1]}}, max_pooling2d, flatten, ")
    (tmp_path / "sums.yaml").write_text(text)
    write_npz(random_weights(graph_of(text), np.random.default_rng(1)), tmp_path / "weights.npz")
    words = ("build", "sums.yaml", "--weights", "weights.npz", "--run", "cortex-m55", "--cmsis-nn", named)
    netspec(*words, folder=tmp_path, expect=0)
