"""Kernels and emitted code under clang's sanitizers: addresses, undefined behaviour, unwritten memory, threads."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from netspec import toolchain
from netspec.emit import host_defines, host_functions, host_main, host_tensors
from netspec.emit.view import View, make_view
from netspec.quantize.model import QuantizedModel
from netspec.spec.sections import Target
from netspec.toolchain.compiler import ADDRESS, MEMORY, THREAD, Compiler
from tests.builds import bakenn_kernels, quantized
from tests.emitted_nets import NETS
from tests.firmware.test_kernels import CASES, COUNTERPARTS, FUNCTIONS, Program, assert_cases
from tests.models import firmware, int8_inputs, make_model
from tests.nets import device_nets
from tests.sanitizers import clang

# In place of a pattern in the arena: what no layer wrote counts as unwritten in every run.
_POISON = ("memset({name}, 0x55, sizeof {name})", "__msan_poison({name}, sizeof {name})")
_MSAN = "#include <sanitizer/msan_interface.h>\n"


@pytest.fixture(scope="module", params=[ADDRESS, MEMORY])
def sanitizer(request: pytest.FixtureRequest) -> tuple[Compiler, str]:
    return clang(request.param), request.param


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module", params=["ours", "Arm's names"])
def program(
    request: pytest.FixtureRequest, sanitizer: tuple[Compiler, str], tmp_path_factory: pytest.TempPathFactory
) -> Program:
    """Return the portable kernels, and those with CMSIS-NN's names in place of ours."""
    cc, sanitize = sanitizer
    defines = [name.upper() for name in COUNTERPARTS.values()] if request.param != "ours" else []
    folder = tmp_path_factory.mktemp("kernels")
    return Program(toolchain.portable_kernels(FUNCTIONS), folder, ["-O1"], defines, cc=cc, sanitize=sanitize)


@pytest.mark.parametrize("function", CASES)
def test_kernel_computes_the_specification(program: Program, function: str) -> None:
    assert_cases(program, function)


def linked(
    model: QuantizedModel,
    main: str,
    sanitizer: tuple[Compiler, str],
    folder: Path,
    cache: Path,
    *,
    defines: tuple[str, ...] = (),
    kernels: toolchain.KernelSet | None = None,
) -> Path:
    """Compile a network with its kernels, by default the portable ones, and a program."""
    cc, sanitize = sanitizer
    for name, text in firmware(model).items():
        if "/" not in name and name.endswith((".h", ".c")):
            (folder / name).write_text(text, encoding="utf-8")
    (folder / "main.c").write_text(main, encoding="utf-8")
    kernels = kernels or toolchain.portable_kernels(host_functions(model))
    return toolchain.compile_program(
        [folder / "main.c", folder / f"{model.name}.c", folder / f"{model.name}_weights.c"],
        [folder, *kernels.include_dirs],
        [*kernels.defines, *defines],
        [toolchain.compile_library(kernels, cc, cache_dir=cache, sanitize=sanitize)],
        folder / "program",
        system_include_dirs=kernels.system_include_dirs,
        cc=cc,
        flags=("-O1", "-pthread"),
        sanitize=sanitize,
    )


def assert_runs_clean(
    model: QuantizedModel,
    sanitizer: tuple[Compiler, str],
    folder: Path,
    cache: Path,
    kernels: toolchain.KernelSet | None = None,
) -> None:
    """Run a network on samples: no sanitizer reports anything, and every tensor is the reference's."""
    main = host_main(model)
    if sanitizer[1] == MEMORY:
        for name in make_view(model).stored:
            old, new = (each.format(name=name) for each in _POISON)
            assert old in main
            main = _MSAN + main.replace(old, new)
    program = linked(model, main, sanitizer, folder, cache, defines=host_defines(model), kernels=kernels)
    inputs = int8_inputs(model)
    stream = np.concatenate([each.reshape(len(each), -1) for each in inputs.values()], axis=1).tobytes()
    done = subprocess.run([program], input=stream, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()[:4000]
    reference = model.run(inputs)
    samples = len(next(iter(inputs.values())))
    tensors = [reference[tensor].reshape(samples, -1) for tensor, _ in host_tensors(model)]
    expected = np.concatenate(tensors, axis=1) if tensors else np.empty(0, np.int8)
    assert done.stdout == expected.astype(np.int8).tobytes()


@pytest.mark.parametrize("core", ["cortex-m4", "cortex-m55"])
@pytest.mark.parametrize("net", NETS)
def test_emitted_code_is_clean(
    net: str, core: str, sanitizer: tuple[Compiler, str], cache: Path, tmp_path: Path
) -> None:
    assert_runs_clean(make_model(NETS[net](), core=core), sanitizer, tmp_path, cache)


@pytest.mark.slow
@pytest.mark.parametrize("core", ["cortex-m4", "cortex-m55"])
@pytest.mark.parametrize("net", NETS)
def test_emitted_code_is_clean_with_kernels_of_arm(
    net: str, core: str, sanitizer: tuple[Compiler, str], cache: Path, tmp_path: Path
) -> None:
    model = make_model(NETS[net](), core=core)
    kernels = toolchain.cmsis_kernels(bakenn_kernels(), host_functions(model))
    assert_runs_clean(model, sanitizer, tmp_path, cache, kernels)


@pytest.mark.slow
@given(text=device_nets())
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_random_nets_are_clean(
    text: str, sanitizer: tuple[Compiler, str], cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    _, _, model = quantized(text)
    assert_runs_clean(model, sanitizer, tmp_path_factory.mktemp("net"), cache)


_THREADS = """
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include "{name}.h"

enum {{ RUNS = 20 }};

{functions}
int main(void)
{{
    pthread_t one, two;
    int statuses[2] = {{1, 1}};
    if (pthread_create(&one, NULL, run_one, &statuses[0]) != 0) {{
        return 2;
    }}
    if (pthread_create(&two, NULL, run_two, &statuses[1]) != 0) {{
        return 2;
    }}
    pthread_join(one, NULL);
    pthread_join(two, NULL);
    return statuses[0] != 0 || statuses[1] != 0;
}}
"""
_THREAD = """
static void *run_{number}(void *status)
{{
    {storage}
    *(int *)status = 0;
    for (int i = 0; i < RUNS; i++) {{
        {fill}
        *(int *)status |= {run};
    }}
    return NULL;
}}
"""


def _threads(view: View) -> str:
    """Return a program that runs a network in two threads, each with storage of its own."""
    fill = "\n        ".join(f"memset({port.held}, {{value}} + i, {port.macro}_SIZE);" for port in view.inputs)
    functions = "".join(
        _THREAD.format(number=number, storage="\n    ".join(view.storage), fill=fill.format(value=value), run=view.run)
        for number, value in (("one", 1), ("two", 70))
    )
    return _THREADS.format(name=view.name, functions=functions)


_MEMORY = [{"name": "fast", "size": 300}, {"name": "slow", "size": 2**20, "holds": ["arena", "weights"]}]


@pytest.mark.parametrize("target", [{}, {"io": "external"}, {"kernels": "cmsis-nn"}, {"memory": _MEMORY}], ids=str)
@pytest.mark.parametrize("net", ["image", "sequence", "digits"])
def test_two_threads_run_one_network(net: str, target: dict[str, Any], cache: Path, tmp_path: Path) -> None:
    """The network keeps no state of its own: with an arena each, threads share nothing that is written."""
    sanitizer = clang(THREAD), THREAD
    graph = NETS[net]()
    graph = replace(graph, spec=replace(graph.spec, target=Target.model_validate(target)))
    model = make_model(graph)
    program = linked(model, _threads(make_view(model)), sanitizer, tmp_path, cache)
    done = subprocess.run([program], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()[:4000]


def test_the_thread_sanitizer_sees_a_shared_arena(cache: Path, tmp_path: Path) -> None:
    sanitizer = clang(THREAD), THREAD
    model = make_model(NETS["digits"]())
    main = _threads(make_view(model))
    (storage,) = make_view(model).storage
    main = main.replace(storage, "").replace("enum { RUNS", f"{storage}\nenum {{ RUNS")
    done = subprocess.run([linked(model, main, sanitizer, tmp_path, cache)], capture_output=True, check=False)
    assert b"data race" in done.stderr


def test_the_memory_sanitizer_sees_a_layer_that_reads_what_nothing_wrote(cache: Path, tmp_path: Path) -> None:
    sanitizer = clang(MEMORY), MEMORY
    model = make_model(NETS["digits"]())
    (name,) = make_view(model).stored
    old, new = (each.format(name=name) for each in _POISON)
    main = _MSAN + host_main(model).replace(old, "").replace("const int status", f"{new};\n        const int status")
    program = linked(model, main, sanitizer, tmp_path, cache, defines=host_defines(model))
    given = next(iter(int8_inputs(model).values()))
    done = subprocess.run([program], input=given.tobytes(), capture_output=True, check=False)
    assert b"use-of-uninitialized-value" in done.stderr
