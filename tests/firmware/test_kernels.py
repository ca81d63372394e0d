"""The portable kernels against the int8 specification and against Arm's own code: no bit may differ."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

import pytest

from netspec.toolchain.cmsis_nn import CmsisNN, probe
from netspec.toolchain.compiler import ADDRESS, Compiler, compile_library, compile_program
from netspec.toolchain.kernels import KernelSet, cmsis_kernels, portable_kernels
from tests.firmware import kernel_cases
from tests.firmware.kernel_cases import ARGUMENT_ERROR, SUCCESS, Case

HERE = Path(__file__).parent
FIRMWARE = HERE.parents[1] / "firmware"
SEED = 2026

# What the cases call -> how they are drawn, and how many of them.
CASES: dict[str, tuple[Callable[[Random], Case], int]] = {
    "netspec_convolve_s8": (kernel_cases.convolution, 700),
    "netspec_convolve_packed_s8": (kernel_cases.packed_convolution, 500),
    "netspec_depthwise_conv_3x3_s8": (kernel_cases.depthwise_3x3, 500),
    "netspec_depthwise_conv_s8": (kernel_cases.own_depthwise_convolution, 700),
    "arm_depthwise_conv_s8": (kernel_cases.depthwise_convolution, 600),
    "netspec_max_pool_s8": (lambda random: kernel_cases.pool(random, average=False), 200),
    "netspec_concatenate_s8": (kernel_cases.concatenation, 60),
    "netspec_pad_s8": (kernel_cases.padding_of_image, 60),
    "arm_pad_s8": (kernel_cases.padding, 60),
    "netspec_dense_s8": (kernel_cases.dense, 300),
    "netspec_dense_eights_s8": (kernel_cases.dense_eights, 200),
    "netspec_dense_packed_s8": (kernel_cases.dense_packed, 200),
    "netspec_average_pool_s8": (lambda random: kernel_cases.pool(random, average=True), 200),
    "netspec_softmax_s8": (kernel_cases.softmax, 100),
    "netspec_add_s8": (kernel_cases.addition, 200),
    "netspec_table_s8": (kernel_cases.table, 20),
    "netspec_mean_s8": (kernel_cases.mean, 200),
}
# The other kernels that the cases of convolutions and of Arm's depthwise ones come to.
VARIANTS = (*kernel_cases.CONVOLUTIONS, *kernel_cases.DEPTHWISE_CONVOLUTIONS)

# Kernels of ours and the function of CMSIS-NN that does the same, which the portable kernels have too.
COUNTERPARTS = {
    "netspec_convolve_s8": "arm_convolve_s8",
    "netspec_convolve_packed_s8": "arm_convolve_s8",
    "netspec_depthwise_conv_s8": "arm_depthwise_conv_s8",
    "netspec_depthwise_conv_3x3_s8": "arm_depthwise_conv_s8",
    "netspec_dense_s8": "arm_fully_connected_s8",
    "netspec_dense_eights_s8": "arm_fully_connected_s8",
    "netspec_dense_packed_s8": "arm_fully_connected_s8",
    "netspec_max_pool_s8": "arm_max_pool_s8",
    "netspec_concatenate_s8": "arm_concatenation_s8_x",
    "netspec_pad_s8": "arm_pad_s8",
    "netspec_average_pool_s8": "arm_avgpool_s8",
    "netspec_softmax_s8": "arm_softmax_s8",
    "netspec_add_s8": "arm_elementwise_add_s8",
}

FUNCTIONS = frozenset({*CASES, *VARIANTS, *COUNTERPARTS.values()})

# Where CMSIS-NN up to its main branch of 2026 reads outside its tensors or leaves the output unwritten.
ALWAYS_WRONG = frozenset({"1x1 beyond the edge", "empty window", "long rows", "special batches"})
WRONG_BEFORE_6 = frozenset({"batches"})


class Program:
    """run_cases.c on one set of kernels, under sanitizers."""

    def __init__(
        self,
        kernels: KernelSet,
        folder: Path,
        flags: Sequence[str],
        defines: Sequence[str] = (),
        *,
        cc: Compiler | None = None,
        sanitize: str = ADDRESS,
    ) -> None:
        library = compile_library(kernels, cc, flags, folder / "cache", sanitize=sanitize)
        self.folder = folder
        self.path = compile_program(
            [HERE / "c" / "run_cases.c"],
            kernels.include_dirs,
            [*kernels.defines, *defines],
            [library],
            folder / "run_cases",
            system_include_dirs=kernels.system_include_dirs,
            cc=cc,
            sanitize=sanitize,
        )

    def run(self, cases: Sequence[Case]) -> list[tuple[int, bytes]]:
        """Return status and output of each case."""
        source, target = self.folder / "cases.bin", self.folder / "results.bin"
        source.write_bytes(kernel_cases.write_cases(cases))
        done = subprocess.run([self.path, source, target], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[:4000]
        return kernel_cases.read_results(cases, target.read_bytes())


@pytest.fixture(scope="module")
def portable(tmp_path_factory: pytest.TempPathFactory) -> Program:
    return Program(portable_kernels(FUNCTIONS), tmp_path_factory.mktemp("portable"), ["-O1"])


@pytest.fixture(scope="module")
def portable_arm(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """Return the portable kernels, with those of CMSIS-NN's names in the place of ours."""
    defines = [name.upper() for name in COUNTERPARTS.values()]
    return Program(portable_kernels(FUNCTIONS), tmp_path_factory.mktemp("portable_arm"), ["-O1"], defines)


@pytest.fixture(scope="module", params=["bakenn", "CMSIS_NN_PATH"])
def genuine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[CmsisNN, Program]:
    """Return Arm's kernels: the 4.0 sources that the bakenn package carries, and those that the user names."""
    if request.param == "bakenn":
        spec = importlib.util.find_spec("bakenn")
        if spec is None or spec.origin is None:
            pytest.skip("bakenn, which carries CMSIS-NN 4.0, is not installed")
        cmsis = probe(Path(spec.origin).parent)
    else:
        named = os.environ.get("CMSIS_NN_PATH")
        if not named:
            pytest.skip("CMSIS_NN_PATH is not set")
        cmsis = probe(Path(named))
    # Their sums overflow in signed types on purpose; that must wrap, as on the target.
    theirs = [name.upper() for name in COUNTERPARTS.values() if name in cmsis.functions]
    folder = tmp_path_factory.mktemp("genuine")
    return cmsis, Program(cmsis_kernels(cmsis, FUNCTIONS), folder, ["-O1", "-fwrapv"], theirs)


@pytest.mark.parametrize("function", CASES)
def test_portable_kernel_computes_the_specification(portable: Program, function: str) -> None:
    assert_cases(portable, function)


@pytest.mark.parametrize("function", COUNTERPARTS)
def test_portable_kernel_of_arms_name_computes_the_specification(portable_arm: Program, function: str) -> None:
    assert_cases(portable_arm, function)


@pytest.mark.parametrize("function", [name for name in CASES if name.startswith("arm_") or name in COUNTERPARTS])
def test_kernel_equals_cmsis_nn(portable: Program, genuine: tuple[CmsisNN, Program], function: str) -> None:
    cmsis, program = genuine
    theirs = COUNTERPARTS.get(function, function)
    if theirs not in cmsis.functions:
        pytest.skip(f"this CMSIS-NN {cmsis.generation} has no {theirs}; the specification is checked above")
    wrong = ALWAYS_WRONG | (WRONG_BEFORE_6 if cmsis.generation in ("4.x", "5.x") else frozenset())
    cases = [case for case in _cases(function) if not case.not_genuine & wrong]
    assert len(cases) * 2 > CASES[function][1]
    for case, ours, theirs in zip(cases, portable.run(cases), program.run(cases), strict=True):
        assert ours[0] == theirs[0], case.parameters
        assert ours[0] != SUCCESS or ours[1] == theirs[1], case.parameters


def test_softmax_computes_what_arm_computes(portable: Program) -> None:
    """Literal outputs of arm_softmax_s8 in CMSIS-NN 7.0.0, since the package that the tests install lacks it."""
    cases = [
        Case(
            kernel_cases.SOFTMAX,
            (1, len(row), *parameters),
            (_bytes(row),),
            len(row),
            lambda: (SUCCESS, b""),  # compared below
        )
        for parameters, row, _ in SOFTMAX_OF_ARM
    ]
    for (_, _, expected), result in zip(SOFTMAX_OF_ARM, portable.run(cases), strict=True):
        assert result == (SUCCESS, _bytes(expected))


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        # Outputs that are not channels times multiplier.
        (kernel_cases.DEPTHWISE, (1, 1, 1, 2, 1, 1, 1, 3, 1, 1, 1, 3, 1, 1, 0, 0, 1, 1, 0, 0, -128, 127, 0, 1, 0)),
        # What the kernels for special windows refuse: padding; a stride; other sizes and channels.
        (kernel_cases.CONVOLVE, (1, 1, 1, 4, 1, 1, 1, 4, 1, 1, 2, 1, 1, 1, 0, 1, 1, 1, 0, 0, -128, 127, 0, 0, 1, 4)),
        (kernel_cases.CONVOLVE, (1, 1, 3, 1, 1, 1, 1, 1, 1, 1, 2, 1, 1, 2, 0, 0, 1, 1, 0, 0, -128, 127, 0, 0, 1, 4)),
        (kernel_cases.DEPTHWISE, (1, 1, 1, 1, 1, 2, 2, 1, 1, 1, 1, 1, 1, 1, 0, 0, 1, 1, 0, 0, -128, 127, 0, 1, 1)),
        (kernel_cases.DEPTHWISE, (1, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1, 2, 1, 1, 0, 0, 1, 1, 0, 0, -128, 127, 0, 2, 2)),
        # No batch; no average over padding; no mean over nothing; a negative size.
        (kernel_cases.AVERAGE_POOL, (0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, -128, 127)),
        (kernel_cases.AVERAGE_POOL, (1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -128, 127)),
        (kernel_cases.MAX_POOL, (0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, -128, 127)),
        (kernel_cases.MEAN, (1, 0, 1, 1, 0, 1 << 30, 1, 0)),
        (kernel_cases.TABLE, (-1,)),
    ],
)
def test_contradictions_are_argument_errors(portable: Program, operation: int, parameters: tuple[int, ...]) -> None:
    blobs = (bytes(64),) * 6
    case = Case(operation, parameters, blobs, 16, lambda: (ARGUMENT_ERROR, b""))
    (result,) = portable.run([case])
    assert result[0] == ARGUMENT_ERROR


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_every_file_compiles_without_a_warning(compiler: str) -> None:
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    files = sorted([*FIRMWARE.glob("portable/*.c"), *FIRMWARE.glob("src/*.c")])
    strict = "-std=c99 -O2 -Wall -Wextra -Wconversion -Wpedantic -Wmissing-prototypes -Werror -fsyntax-only"
    includes = [f"-I{FIRMWARE / 'include'}", f"-I{FIRMWARE / 'portable' / 'include'}"]
    subprocess.run([compiler, *strict.split(), *includes, *files], check=True)


def test_every_file_is_named_after_its_function() -> None:
    portable_files = {file.stem for file in FIRMWARE.glob("portable/*.c")}
    own_files = {file.stem for file in FIRMWARE.glob("src/*.c")}
    assert portable_files | own_files == FUNCTIONS | {"netspec_portable_depthwise_conv_s8"}


def test_cases_come_to_every_kernel() -> None:
    for function, names in (
        ("netspec_convolve_s8", kernel_cases.CONVOLUTIONS),
        ("arm_depthwise_conv_s8", kernel_cases.DEPTHWISE_CONVOLUTIONS),
    ):
        met = [case.parameters[24] for case in _cases(function)]
        assert all(met.count(number) > 20 for number in range(len(names)))


def assert_cases(program: Program, function: str) -> None:
    """Run the cases of a function; after an error the output is undefined."""
    cases = _cases(function)
    for case, result in zip(cases, program.run(cases), strict=True):
        status, output = case.expected()
        assert result[0] == status, case.parameters
        assert status != SUCCESS or result[1] == output, case.parameters


def _cases(function: str) -> list[Case]:
    draw, count = CASES[function]
    random = Random(f"{SEED} {function}")
    return [draw(random) for _ in range(count)]


def _bytes(values: Sequence[int]) -> bytes:
    return bytes(value & 0xFF for value in values)


# (multiplier, shift, diff_min), a row, its softmax.
SOFTMAX_OF_ARM: list[tuple[tuple[int, int, int], list[int], list[int]]] = [
    (
        (1717986918, 22, -255),
        [2, 55, -114, 110, -1, -102, -48, -71, 62, 112],
        [-127, -121, -128, -15, -128, -128, -128, -128, -118, -3],
    ),
    ((1073741824, 23, -248), [25, -15, -6, 4, -24, 6, -15, -30], [3, -117, -109, -93, -122, -88, -117, -124]),
    (
        (2147483647, 24, -124),
        [-4, 3, -2, -5, 2, -5, -8, -6, 9, 9, 4, -6],
        [-125, -108, -122, -125, -113, -125, -127, -126, -40, -40, -103, -126],
    ),
    ((1332542001, 20, -255), [-61, -128, -126, -21, -18, -44], [-87, -107, -106, -67, -66, -80]),
    ((1500000000, 25, -62), [-3, 1, 2, -2, -2], [-109, -52, -20, -101, -101]),
    ((1073741824, 18, -255), [-35, -28, 68, 24], [-69, -68, -56, -62]),
]
