"""Emission: a QuantizedModel -> the files of its firmware folder. Text in, text out; nothing is written here.

The same model gives the same bytes on every machine: no dates, no paths, no host names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from netspec.emit.calls import guards, needs_no_scratch, shapes
from netspec.emit.host import host_defines, host_functions, host_main, host_tensors
from netspec.emit.integrations import integration_files
from netspec.emit.literals import harmless, rows, wrapped
from netspec.emit.render import render
from netspec.emit.tables import arena_table, layer_table
from netspec.emit.vectors import TestVectors, make_vectors, plain_inputs
from netspec.emit.view import Layer, View, make_view
from netspec.quantize.model import QuantizedModel
from netspec.system.resources import firmware_dir

__all__ = [
    "TestVectors",
    "emit",
    "host_defines",
    "host_functions",
    "host_main",
    "host_tensors",
    "make_vectors",
    "plain_inputs",
]

_KERNEL_FILES = (
    *("cmake/*.cmake", "cmake/*.in", "platformio/*.py"),
    *("include/*.h", "portable/*.[ch]", "portable/include/*.h", "src/*.[ch]"),
)
# Names that CMake's generators, or the kernels, have a target of, or that a linker has a library of.
_CMAKE_TARGETS = (
    *("all", "clean", "edit_cache", "help", "install", "package", "package_source", "preinstall", "rebuild_cache"),
    *("test", "netspec_kernels"),
    *("c", "dl", "g", "gcc", "m", "nosys", "pthread", "rt"),  # libraries that firmware links by these names
)
_INDENT = " " * 8


def emit(
    model: QuantizedModel,
    *,
    spec_sha256: str,
    spec_path_name: str,
    vectors: TestVectors,
    classes: Mapping[str, Sequence[str]] | None = None,
) -> dict[str, str]:
    """Return the firmware folder as file name -> text.

    `spec_sha256` is the digest of the spec's bytes and `spec_path_name` its file name, without a folder. `classes`
    are the names of the outputs' classes. Files of the
    kernels lie below `kernels/`: all of the portable ones, so that several networks in one firmware share a copy.
    """
    assert re.fullmatch(r"[0-9a-f]{64}", spec_sha256), "the digest is 64 hexadecimal digits"
    view, kernels = make_view(model, classes), kernel_files()
    name = view.name
    common = {
        "view": view,
        "spec": harmless(spec_path_name),
        "spec_sha256": spec_sha256,
        "target": f"{name}_model" if name in _CMAKE_TARGETS else name,
    }
    files = {
        f"{name}.h": render("model.h.j2", **common),
        f"{name}.c": render(
            "model.c.j2",
            **common,
            kernels_version=_kernels_version(kernels["kernels/include/netspec_kernels.h"]),
            arena_table=arena_table(view),
            code={layer.name: _code(view, layer) for layer in view.layers},
            shapes=shapes(view),
            needs_no_scratch=needs_no_scratch(view),
            guards=guards(model.plan),
        ),
        f"{name}_weights.h": render("weights.h.j2", **common),
        f"{name}_weights.c": render("weights.c.j2", **common),
        f"{name}_test_vectors.h": render("test_vectors.h.j2", **common, count=vectors.count),
        f"{name}_test_vectors.c": render("test_vectors.c.j2", **common, **_vector_lines(view, vectors)),
        f"{name}_test.c": render("test.c.j2", **common),
        "README.md": render("README.md.j2", **common, count=vectors.count, layer_table=layer_table(view)),
    }
    files |= integration_files(model, kernels, common)
    code = {path: wrapped(text) for path, text in files.items() if path.endswith((".c", ".cpp", ".h", ".ino"))}
    return files | code | kernels


def kernel_files() -> dict[str, str]:
    """Return netspec's hand-written C and CMake, by their place in the emitted folder."""
    root = firmware_dir()
    found = sorted(path for pattern in _KERNEL_FILES for path in root.glob(pattern))
    return {f"kernels/{path.relative_to(root).as_posix()}": _text(path) for path in found}


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")  # universal newlines: a checkout with CRLF emits the same


def _kernels_version(header: str) -> int:
    found = re.search(r"^#define NETSPEC_KERNELS_VERSION (\d+)$", header, re.MULTILINE)
    assert found, "netspec_kernels.h defines no NETSPEC_KERNELS_VERSION"
    return int(found[1])


def _code(view: View, layer: Layer) -> str:
    """Return the inside of a layer's block, indented."""
    text = render(f"ops/{layer.template}.c.j2", view=view, layer=layer, call=layer.call)
    return "\n".join(_INDENT + line if line and not line.startswith("#") else line for line in text.splitlines())


def _vector_classes(view: View, vectors: TestVectors) -> dict[str, list[int]]:
    """Return the predicted class of each sample, by output: the index of the largest value, the first of equal ones."""
    import numpy as np

    found = {}
    for port in view.outputs:
        if port.classes is None or port.classes.vectors is None:
            continue
        values = np.asarray(vectors.outputs[port.name], np.int64).reshape(vectors.count, -1)
        indices = port.scale * (values[:, 0] - port.zero_point) > 0.5 if port.classes.binary else values.argmax(axis=1)
        found[port.name] = [int(index) for index in indices]
    return found


def _vector_lines(view: View, vectors: TestVectors) -> dict[str, Any]:
    """Return the rows of each input and output, sample by sample, and the samples' classes."""

    def lines(values: object) -> list[list[str]]:
        import numpy as np

        samples = np.asarray(values, np.int8).reshape(vectors.count, -1)
        return [rows(sample.tolist(), 1) for sample in samples]

    return {
        "inputs": {port.name: lines(vectors.inputs[port.name]) for port in view.inputs},
        "outputs": {port.name: lines(vectors.outputs[port.name]) for port in view.outputs},
        "classes": _vector_classes(view, vectors),
    }
