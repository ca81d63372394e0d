"""What other build systems need to take an emitted folder as it is: a manifest each, and no second copy of a source.

| files | for |
|---|---|
| `CMakeLists.txt` | CMake: `add_subdirectory`, `find_package` |
| `zephyr/` | Zephyr: the folder is a module |
| `NAME.clayer.yml`, `kernels/*.clayer.yml` | CMSIS-Toolbox: layers of a csolution project |
| `netspec.NAME.pdsc` | CMSIS-Pack: the folder, zipped, is a pack |
| `library.json` | PlatformIO |
| `library.properties`, `src/`, `examples/` | Arduino, which compiles all below src/ and finds headers only there |
| `mlperf_tiny/` | the functions that MLPerf Tiny's harness calls |
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from posixpath import basename
from typing import Any

from netspec.device.cmsis_nn import ARM_FUNCTIONS
from netspec.emit.host import host_functions
from netspec.emit.render import render
from netspec.emit.view import View
from netspec.quantize.model import QuantizedModel

# Of the interface, not of the training: every emitted folder has functions and macros of the same form.
VERSION = "1.0.0"


@dataclass(frozen=True, slots=True)
class _Kernels:
    """The C files of the kernels, by their place in kernels/, sorted."""

    own: tuple[str, ...]
    portable: tuple[str, ...]

    @property
    def all(self) -> tuple[str, ...]:
        return self.own + self.portable


def integration_files(model: QuantizedModel, kernels: Iterable[str], common: Mapping[str, Any]) -> dict[str, str]:
    """Return the files of the table above as path -> text.

    `kernels` are the paths of the emitted kernel files, `common` what every template is given: view, spec, target
    and spec_sha256.
    """
    view: View = common["view"]
    name, sources = view.name, _sources(kernels)
    given = {
        **common,
        "version": VERSION,
        "tagged_version": f"{VERSION}+spec.{common['spec_sha256'][:12]}",
        "kernels": sources,
        "functions": sorted(host_functions(model)),
        "options": zephyr_options(host_functions(model)),
        "one_to_one": len(view.inputs) == len(view.outputs) == 1 and view.inputs[0].size == view.outputs[0].size,
    }
    templates = {
        "CMakeLists.txt": "CMakeLists.txt.j2",
        "zephyr/module.yml": "integrations/zephyr/module.yml.j2",
        "zephyr/Kconfig": "integrations/zephyr/Kconfig.j2",
        "zephyr/CMakeLists.txt": "integrations/zephyr/CMakeLists.txt.j2",
        f"{name}.clayer.yml": "integrations/network.clayer.yml.j2",
        "kernels/portable.clayer.yml": "integrations/portable.clayer.yml.j2",
        "kernels/cmsis_nn.clayer.yml": "integrations/cmsis_nn.clayer.yml.j2",
        f"netspec.{name}.pdsc": "integrations/network.pdsc.j2",
        "library.json": "integrations/library.json.j2",
        "library.properties": "integrations/library.properties.j2",
        "examples/self_test/self_test.ino": "integrations/self_test.ino.j2",
        "mlperf_tiny/submitter_implemented.cpp": "integrations/mlperf_tiny/submitter_implemented.cpp.j2",
        "mlperf_tiny/board.cpp": "integrations/mlperf_tiny/board.cpp.j2",
    }
    return {path: render(template, **given) for path, template in templates.items()} | _arduino(name, sources)


def zephyr_options(functions: Iterable[str]) -> tuple[str, ...]:
    """Return the Kconfig options of Zephyr's CMSIS-NN module behind kernel functions, without `CMSIS_NN_`, sorted."""
    options = {ARM_FUNCTIONS[function] for function in functions if function in ARM_FUNCTIONS} - {None}
    # What the others call. They only imply it, so that it can be lacking.
    return tuple(sorted({*filter(None, options), "NNSUPPORT"})) if options else ()


def _sources(kernels: Iterable[str]) -> _Kernels:
    sources = sorted(path.removeprefix("kernels/") for path in kernels if path.endswith(".c"))
    own = tuple(path for path in sources if path.startswith("src/"))
    portable = tuple(path for path in sources if path.startswith("portable/"))
    assert len(own) + len(portable) == len(sources), f"a kernel is neither ours nor portable: {sources}"
    return _Kernels(own, portable)


def _arduino(name: str, kernels: _Kernels) -> dict[str, str]:
    """Return the folder src/: for every source and every header in reach a file that includes it."""
    headers = {
        f"{name}.h": f"{name}.h",
        f"{name}_test_vectors.h": f"{name}_test_vectors.h",
        "netspec_kernels.h": "kernels/include/netspec_kernels.h",
        "arm_nnfunctions.h": "kernels/portable/include/arm_nnfunctions.h",
    }
    sources = [f"{name}.c", f"{name}_weights.c", f"{name}_test_vectors.c"]
    files = {f"src/{header}": f'#include "../{path}"\n' for header, path in headers.items()}
    files |= {f"src/{source}": f'#include "../{source}"\n' for source in sources}
    for path in kernels.all:
        files[f"src/kernels/{basename(path)}"] = f'#include "../../kernels/{path}"\n'
    return files
