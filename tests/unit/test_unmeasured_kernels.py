"""A kernel, core or provider without measured sizes: a sentence and the command, where a size is asked for at all."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from netspec.check import check
from netspec.device.cmsis_nn import ARM_FUNCTIONS
from netspec.device.plan import DevicePlan
from netspec.device.size import CMSIS_NN, PORTABLE, footprint, tables
from netspec.diagnostics import ToolError
from netspec.spec.source import parse

ROOT = Path(__file__).parents[2]
NET = "netspec: 1\nname: net\ninputs: {x: {shape: [16]}}\nlayers: [{dense: {units: 4}}]\n"
BUDGET = NET + "target: {budget: {flash: 64k}}\n"
FEATURES = import_module("netspec.device.size.features")  # the package has a function of this name
COMMAND = "make kernel-sizes`"


def netspec(*arguments: str, calls: str) -> subprocess.CompletedProcess[str]:
    """Run the command line with a network that calls a function of this name."""
    program = (
        "import importlib, sys\n"
        "features = importlib.import_module('netspec.device.size.features')\n"
        f"features.function_of = lambda *_: {calls!r}\n"
        "from netspec.__main__ import main\n"
        f"sys.argv = ['netspec', *{arguments!r}]\n"
        "main()\n"
    )
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, encoding="utf-8", cwd=ROOT, check=False
    )


@pytest.mark.parametrize("function", ["netspec_new_s8", "arm_new_s8"])
@pytest.mark.parametrize("command", [("show",), ("show", "--format", "json"), ("check",), ("check", "--strict")])
def test_commands_that_need_its_size_say_what_to_type(tmp_path: Path, command: tuple[str, ...], function: str) -> None:
    spec = tmp_path / "net.yaml"
    spec.write_text(BUDGET)
    done = netspec(*command, str(spec), calls=function)
    assert (done.returncode, done.stdout) == (3, "")
    first, help = done.stderr.splitlines()
    assert first.startswith(f"error: '{function}' of ")
    assert first.endswith(" has not been measured on cortex-m4")
    assert help.startswith("  = help: ")
    assert COMMAND in help


def test_check_without_a_budget_of_flash_needs_no_sizes(tmp_path: Path) -> None:
    spec = tmp_path / "net.yaml"
    spec.write_text(NET + "target: {budget: {ram: 64k}}\n")
    done = netspec("check", str(spec), calls="netspec_new_s8")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def plan() -> DevicePlan:
    found = check(parse(NET, "net.yaml")).plan
    assert found is not None
    return found


def found_by(monkeypatch: pytest.MonkeyPatch, provider: str, function: str) -> ToolError:
    monkeypatch.setattr(FEATURES, "function_of", lambda *_: function)
    with pytest.raises(ToolError) as caught:
        footprint(plan(), provider)
    return caught.value


@pytest.mark.parametrize(
    ("provider", "function", "whose"),
    [
        (PORTABLE, "netspec_new_s8", "the portable kernels"),
        (PORTABLE, "arm_new_s8", "the portable kernels"),
        (CMSIS_NN, "netspec_new_s8", "the portable kernels"),  # whose table holds netspec's own
        (CMSIS_NN, "arm_new_s8", CMSIS_NN),
    ],
)
def test_the_table_that_lacks_it_is_named(
    monkeypatch: pytest.MonkeyPatch, provider: str, function: str, whose: str
) -> None:
    listed = {**ARM_FUNCTIONS, "arm_new_s8": None}
    monkeypatch.setattr("netspec.device.size.tables.ARM_FUNCTIONS", listed)
    fault = found_by(monkeypatch, provider, function)
    assert fault.message == f"'{function}' of {whose} has not been measured on cortex-m4"
    assert ("CMSIS_NN_PATH" in (fault.help or "")) == (whose == CMSIS_NN)


def test_a_call_that_no_network_was_measured_with(monkeypatch: pytest.MonkeyPatch) -> None:
    # The kernel's own size is known, but not what a call of it takes.
    known = tables.function(PORTABLE, "cortex-m4", "netspec_dense_s8")
    monkeypatch.setattr("netspec.device.size.function", lambda *_: known)
    fault = found_by(monkeypatch, PORTABLE, "netspec_new_s8")
    assert fault.message == "a call of 'netspec_new_s8' has not been measured on cortex-m4"
    assert COMMAND in (fault.help or "")


def test_a_core_that_has_not_been_measured() -> None:
    with pytest.raises(ToolError, match=r"^the portable kernels have not been measured on cortex-m23$"):
        tables.function(PORTABLE, "cortex-m23", "netspec_dense_s8")
    with pytest.raises(ToolError, match=r"^calls have not been measured on cortex-m23$"):
        tables.call_sizes("cortex-m23")


def test_a_provider_that_has_not_been_measured() -> None:
    with pytest.raises(ToolError, match=r"^CMSIS-NN 99\.x has not been measured$"):
        tables.function("CMSIS-NN 99.x", "cortex-m4", "netspec_dense_s8")
