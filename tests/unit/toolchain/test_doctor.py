from __future__ import annotations

from pathlib import Path

import pytest

from netspec import toolchain


def test_doctor_lists_every_tool_with_a_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tools = {tool.name: tool for tool in toolchain.describe()}
    assert list(tools) == [
        "cc",
        "make",
        "cmake",
        "arm-none-eabi-gcc",
        "newlib",
        "qemu-system-arm",
        "CMSIS-NN",
        "tensorflow",
        "tflite-micro",
        "flatbuffers",
    ]
    assert all(tool.install and tool.purpose for tool in tools.values())
    assert tools["cc"].version == toolchain.find_cc().version

    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("CMSIS_NN_PATH", str(tmp_path / "absent"))
    tools = {tool.name: tool for tool in toolchain.describe()}
    assert not tools["cc"].found
    assert not tools["cmake"].found
    assert "is not a folder" in (tools["CMSIS-NN"].problem or "")


def test_doctor_reads_a_version_and_survives_a_broken_tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for name, script in (("cmake", "echo cmake version 3.99.1"), ("make", "exit 3")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    tools = {tool.name: tool for tool in toolchain.describe()}
    assert (tools["cmake"].version, tools["cmake"].path) == ("3.99.1", tmp_path / "cmake")
    assert not tools["make"].found
    assert "ended with status 3" in (tools["make"].problem or "")
