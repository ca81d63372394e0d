"""Emitted C against the numpy reference: every tensor, every op, both providers of kernels, under the sanitizers."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netspec import toolchain
from netspec.emit import (
    TestVectors,
    emit,
    host_defines,
    host_functions,
    host_main,
    host_tensors,
    make_vectors,
)
from netspec.quantize.model import QuantizedModel
from netspec.toolchain.compiler import ADDRESS, STRICT
from tests.emitted_nets import NETS
from tests.models import DIGEST, firmware, int8_inputs, make_model
from tests.specs import make_graph

CORES = ("cortex-m4", "cortex-m55")


def write(files: dict[str, str], folder: Path) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def run(command: Sequence[str | Path], given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([str(word) for word in command], input=given, capture_output=True, check=False)


@pytest.fixture(scope="module")
def arm() -> toolchain.CmsisNN:
    """Return the genuine kernels that a test dependency carries."""
    found = importlib.util.find_spec("bakenn")
    assert found is not None
    assert found.origin is not None
    return toolchain.probe(Path(found.origin).parent)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def kernels_of(provider: str, model: QuantizedModel, arm: toolchain.CmsisNN) -> toolchain.KernelSet:
    called = host_functions(model)
    return toolchain.portable_kernels(called) if provider == "portable" else toolchain.cmsis_kernels(arm, called)


def compiled(
    model: QuantizedModel,
    sources: Sequence[str],
    kernels: toolchain.KernelSet,
    folder: Path,
    cache: Path,
    *,
    flags: Sequence[str] = ("-O1",),
    trace: bool = False,
) -> Path:
    """Compile `sources` of an emitted folder with the network and its kernels."""
    return toolchain.compile_program(
        [folder / name for name in (*sources, f"{model.name}.c", f"{model.name}_weights.c")],
        [folder, *kernels.include_dirs],
        [*kernels.defines, *(host_defines(model) if trace else ())],
        [toolchain.compile_library(kernels, sanitize=ADDRESS, cache_dir=cache)],
        folder / "program",
        system_include_dirs=kernels.system_include_dirs,
        flags=flags,
        sanitize=ADDRESS,
    )


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("provider", ["portable", "arm"])
def test_every_tensor_equals_the_reference(
    provider: str, net: str, core: str, arm: toolchain.CmsisNN, cache: Path, tmp_path: Path
) -> None:
    model = make_model(NETS[net](), core=core)
    write({**firmware(model), "host_main.c": host_main(model)}, tmp_path)
    program = compiled(model, ["host_main.c"], kernels_of(provider, model, arm), tmp_path, cache, trace=True)

    inputs = int8_inputs(model)
    reference = model.run(inputs)
    samples = range(len(next(iter(inputs.values()))))
    stream = b"".join(inputs[given.name][i].tobytes() for i in samples for given in model.plan.graph.inputs)
    done = run([program], stream)
    assert done.returncode == 0, done.stderr.decode()

    at = 0
    for sample in samples:
        for tensor, size in host_tensors(model):
            expected = reference[tensor][sample].ravel()
            got = np.frombuffer(done.stdout, np.int8, count=size, offset=at)
            np.testing.assert_array_equal(got, expected, err_msg=f"{tensor}, sample {sample}")
            at += size
    assert at == len(done.stdout)


@pytest.mark.parametrize("net", ["image", "sequence", "views"])
def test_test_program_tells_right_from_wrong(net: str, arm: toolchain.CmsisNN, cache: Path, tmp_path: Path) -> None:
    model = make_model(NETS[net]())
    right = make_vectors(model, int8_inputs(model))
    name = next(iter(right.outputs))
    wrong = right.outputs[name].copy()
    wrong[-1].reshape(-1)[0] ^= 1
    kernels = kernels_of("portable", model, arm)
    sources = [f"{model.name}_test.c", f"{model.name}_test_vectors.c"]
    for vectors, status, mismatches in [
        (right, 0, 0),
        (TestVectors(right.inputs, {**right.outputs, name: wrong}), 1, 1),
    ]:
        write(emit(model, spec_sha256=DIGEST, spec_path_name="net.yaml", vectors=vectors), tmp_path)
        done = run([compiled(model, sources, kernels, tmp_path, cache)])
        assert (done.returncode, done.stdout.decode()) == (status, f"net: 12 samples, {mismatches} mismatches\n")


_QUANTIZE = """
#include <stdio.h>
#include "net.h"

static float values[NET_INPUT_X_SIZE];
static union {
    uint8_t bytes[NET_INPUT_X_SIZE];
    int16_t words[NET_INPUT_X_SIZE];
    int8_t quantized[NET_INPUT_X_SIZE];
} raw;
static int8_t quantized[NET_INPUT_X_SIZE];

int main(void)
{
    float back[NET_OUTPUT_LAST_SIZE];
    int8_t every[NET_OUTPUT_LAST_SIZE];
    if (fread(values, sizeof values, 1, stdin) != 1) {
        return 1;
    }
    net_quantize_input_x(values, quantized);
    fwrite(quantized, sizeof quantized, 1, stdout);
    for (int32_t i = 0; i < NET_INPUT_X_SIZE; i++) {
        raw.bytes[i] = (uint8_t)(i / 3 % 256);
    }
    net_quantize_input_x_u8(raw.bytes, raw.quantized);
    fwrite(raw.quantized, sizeof quantized, 1, stdout);
    for (int32_t i = 0; i < NET_INPUT_X_SIZE; i++) {
        raw.words[i] = (int16_t)(i / 3 - 32768);
    }
    net_quantize_input_x_s16(raw.words, raw.quantized);
    fwrite(raw.quantized, sizeof quantized, 1, stdout);
    for (int i = 0; i < NET_OUTPUT_LAST_SIZE; i++) {
        every[i] = (int8_t)(i - 128);
    }
    net_dequantize_output_last(every, back);
    fwrite(back, sizeof back, 1, stdout);
    return 0;
}
"""
_EVERY = 3 * 65536  # each value of 16 bits with each of three factors


@pytest.mark.parametrize("imported", [False, True])
@pytest.mark.parametrize(
    "rescaling",
    [
        None,
        {"rescaling": {"scale": 0.1, "offset": -0.3}},
        {"rescaling": {"scale": -3.0, "offset": 0.5}},
        {"rescaling": {"scale": 0.001}},
        {"normalization": {"mean": [0.1, 20000.0, -3.0], "variance": [1.0, 9e4, 0.01]}},
    ],
    ids=str,
)
def test_quantize_and_dequantize_equal_numpy(
    rescaling: dict[str, Any] | None, imported: bool, arm: toolchain.CmsisNN, cache: Path, tmp_path: Path
) -> None:
    """The functions for floats, for all values of 8 and 16 bits, in place too, and the way back."""
    layers: list[Any] = [rescaling] if rescaling else []
    layers += [{"reshape": {"target_shape": [_EVERY // 96, 96]}}, "global_average_pooling1d"]
    model = make_model(make_graph([*layers, {"dense": {"name": "last", "units": 256}}], (_EVERY // 3, 3)))
    model = replace(model, imported=imported)
    factors, terms = model.input_transform("x")
    values = _floats_to_quantize(float(factors[0]), float(terms[0]), model.tensors["x"].scale)
    expected = model.quantize_input("x", values.reshape(-1, 3)).reshape(-1)
    assert model.divides("x") == (imported and rescaling is None)
    write({**firmware(model), "main.c": _QUANTIZE}, tmp_path)
    # Contraction is what a compiler for a core with fused multiply-add does unasked.
    flags = ("-O2", "-march=native", "-ffp-contract=fast")
    program = compiled(model, ["main.c"], kernels_of("portable", model, arm), tmp_path, cache, flags=flags)
    done = run([program], values.tobytes())
    assert done.returncode == 0, done.stderr.decode()
    got = [np.frombuffer(done.stdout, np.int8, _EVERY, at * _EVERY) for at in range(3)]
    np.testing.assert_array_equal(got[0], expected)
    every = np.arange(_EVERY) // 3
    for integers, raw in ((got[1], every % 256), (got[2], every - 32768)):
        np.testing.assert_array_equal(
            integers, model.quantize_input("x", raw.astype(np.float32).reshape(-1, 3)).ravel()
        )
    every = model.dequantize("last", np.arange(-128, 128).astype(np.int8))
    np.testing.assert_array_equal(np.frombuffer(done.stdout, np.float32, offset=3 * _EVERY), every)


def _floats_to_quantize(factor: float, term: float, scale: float) -> Any:
    """Return floats of which many are, or nearly are, equally far from two integers, and the ends of float32."""
    generator = np.random.default_rng(0)
    values = generator.uniform(-200, 200, _EVERY).astype(np.float32)
    steps = np.arange(-260, 261, dtype=np.float32) / 2
    ties = np.concatenate([(steps - np.float32(term)) / np.float32(factor), steps * np.float32(scale)])
    for at, each in enumerate([ties, np.nextafter(ties, np.float32(np.inf)), np.nextafter(ties, np.float32(-np.inf))]):
        values[at * 20_000 : at * 20_000 + 3 * len(each)] = np.repeat(each, 3)
    values[100_000:150_000] = (generator.uniform(-140, 140, 50_000).astype(np.float32) - term) / factor
    values[180_000:180_007] = [np.inf, -np.inf, 1e38, -1e38, 0.0, 1e-45, np.nan]
    return values


_STATUS = """
#include <stdio.h>
#include "net.h"
#include "netspec_kernels.h"

arm_cmsis_nn_status netspec_max_pool_s8(
    const cmsis_nn_pool_params *p, const cmsis_nn_dims *i, const int8_t *x,
    const cmsis_nn_dims *f, const cmsis_nn_dims *o, int8_t *y)
{
    (void)p, (void)i, (void)x, (void)f, (void)y;
    return o->w == 2 ? ARM_CMSIS_NN_ARG_ERROR : ARM_CMSIS_NN_SUCCESS;
}

int main(void)
{
    static NET_ARENA(arena);
    const int status = net_run(arena, sizeof arena);
    printf("%d %d %d %d\\n", net_run(NULL, sizeof arena), net_run(arena + 8, sizeof arena),
           net_run(arena, sizeof arena - 1), status == NET_FAILED_SECOND);
    printf("%s, %s, %s, %s\\n", net_status_name(0), net_status_name(NET_BAD_ARENA), net_status_name(status),
           net_status_name(99));
    return 0;
}
"""


def test_run_says_what_failed(arm: toolchain.CmsisNN, cache: Path, tmp_path: Path) -> None:
    layers = [{"max_pooling1d": {"name": name, "pool_size": 2, "strides": 1}} for name in ("first", "second", "third")]
    model = make_model(make_graph(layers, (4, 1)))
    write({**firmware(model), "main.c": _STATUS}, tmp_path)
    done = run([compiled(model, ["main.c"], kernels_of("portable", model, arm), tmp_path, cache)])
    assert done.stdout.decode() == "-1 -1 -1 1\nok, bad arena, second, unknown status\n"


_COMPILERS = [name for name in ("gcc", "clang", "clang-14", "clang-16", "clang-19") if shutil.which(name)]


@pytest.mark.parametrize("net", ["image", "sequence", "names", "views"])
@pytest.mark.parametrize("compiler", _COMPILERS)
def test_compiles_without_a_warning(compiler: str, net: str, tmp_path: Path) -> None:
    model = make_model(NETS[net](), core="cortex-m55")
    folder = write({**firmware(model), "host_main.c": host_main(model)}, tmp_path)
    includes = ["-I", folder, "-I", folder / "kernels/include", "-I", folder / "kernels/portable/include"]
    sources = sorted(folder.glob("*.c"))
    for defines in ([], [f"-D{define}" for define in host_defines(model)]):
        for source in sources if defines else [path for path in sources if path.name != "host_main.c"]:
            done = run([compiler, *STRICT, "-Wundef", "-Wshadow", *defines, *includes, "-c", source, "-o", "/dev/null"])
            assert done.returncode == 0, done.stderr.decode()


@pytest.mark.skipif(shutil.which("g++") is None, reason="needs a C++ compiler")
def test_header_serves_cxx(tmp_path: Path) -> None:
    folder = write(firmware(make_model(NETS["sequence"]())), tmp_path)
    text = '#include "net.h"\nstatic NET_ARENA(arena);\nint main() { return net_run(arena, sizeof arena); }\n'
    (folder / "main.cpp").write_text(text)
    for standard in ("c++98", "c++17"):
        done = run(["g++", f"-std={standard}", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", folder / "main.cpp"])
        assert done.returncode == 0, done.stderr.decode()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "define NETSPEC_KERNELS_VERSION 2",
            "define NETSPEC_KERNELS_VERSION 3",
            "needs version 2 of netspec's kernels",
        ),
        ('#include "net.h"', '#include "net.h"\n#define __ARM_BIG_ENDIAN 1', "for little-endian machines only"),
        ("NET_SOFT_AT = ", "NET_SOFT_AT = 4096 + ", "size of array"),
    ],
)
def test_what_does_not_fit_is_refused(old: str, new: str, message: str, tmp_path: Path) -> None:
    model = make_model(NETS["sequence"](), core="cortex-m55")
    files = firmware(model)
    changed = {name: text.replace(old, new) for name, text in files.items() if name.endswith(("net.c", "kernels.h"))}
    assert changed != {name: files[name] for name in changed}
    folder = write(files | changed, tmp_path)
    includes = ["-I", folder / "kernels/include", "-I", folder / "kernels/portable/include"]
    done = run([toolchain.find_cc().command[0], "-DNET_DEBUG=1", *includes, "-fsyntax-only", folder / "net.c"])
    assert done.returncode != 0
    assert message in done.stderr.decode()


@pytest.mark.skipif(shutil.which("cmake") is None, reason="needs CMake")
@pytest.mark.parametrize("provider", ["portable", "arm"])
def test_folder_builds_by_itself(provider: str, arm: toolchain.CmsisNN, tmp_path: Path) -> None:
    folder = write(firmware(make_model(NETS["sequence"]())), tmp_path / "net")
    options = ["-DNETSPEC_KERNELS=cmsis-nn", f"-DCMSIS_NN_PATH={arm.root}"] if provider == "arm" else []
    built = _cmake(folder, tmp_path / "build", *options)
    assert f"netspec kernels: {'CMSIS-NN in' if options else 'portable'}" in built
    done = run([tmp_path / "build/net_test"])
    assert (done.returncode, done.stdout.decode()) == (0, "net: 4 samples, 0 mismatches\n")


@pytest.mark.skipif(shutil.which("cmake") is None, reason="needs CMake")
def test_two_networks_share_a_project(tmp_path: Path) -> None:
    models = [make_model(NETS[name]()) for name in ("digits", "motions")]
    for model in models:
        write(firmware(model), tmp_path / model.name)
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.18)\nproject(both C)\nset(NETSPEC_TESTS ON)\n"
        "add_subdirectory(digits)\nadd_subdirectory(motions)\n"
        "add_executable(both main.c)\ntarget_link_libraries(both PRIVATE digits motions)\n"
    )
    (tmp_path / "main.c").write_text(
        '#include "digits.h"\n#include "motions.h"\n'
        "static DIGITS_ARENA(one);\nstatic MOTIONS_ARENA(two);\n"
        "int main(void)\n{\n    return digits_run(one, sizeof one) + motions_run(two, sizeof two);\n}\n"
    )
    _cmake(tmp_path, tmp_path / "build")
    assert run([tmp_path / "build/both"]).returncode == 0
    for name in ("digits", "motions"):
        assert run([tmp_path / f"build/{name}/{name}_test"]).returncode == 0


def _cmake(source: Path, build: Path, *options: str) -> str:
    configured = run(["cmake", "-S", source, "-B", build, *options])
    assert configured.returncode == 0, configured.stderr.decode()
    built = run(["cmake", "--build", build, "-j", "2"])
    assert built.returncode == 0, (built.stdout + built.stderr).decode()
    return configured.stdout.decode()
