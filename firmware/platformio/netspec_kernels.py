"""The sources of an emitted network, for PlatformIO, which runs this as the library's extra script.

`custom_netspec_kernels` in platformio.ini says whose kernels: `portable`, the default, or `cmsis-nn`, 7.0.0 or later,
from the folder that `custom_cmsis_nn_path` names.
"""

from __future__ import annotations

import re
from pathlib import Path

Import("env", "pio_lib_builder")  # noqa: F821 - SCons puts both, and the function, into this file's namespace

library = Path(pio_lib_builder.path)  # noqa: F821
name = pio_lib_builder.name  # noqa: F821
kernels = env.GetProjectOption("custom_netspec_kernels", "portable")  # noqa: F821

sources = [f"+<{name}.c>", f"+<{name}_weights.c>", "+<kernels/src/>"]
include_dirs = [library / "kernels/include"]
if kernels == "portable":
    sources.append("+<kernels/portable/>")
    include_dirs.append(library / "kernels/portable/include")
elif kernels == "cmsis-nn":
    root = Path(env.subst("$PROJECT_DIR"), env.GetProjectOption("custom_cmsis_nn_path", ""))  # noqa: F821
    header = root / "Include/arm_nnfunctions.h"
    if not header.is_file():
        raise SystemExit(f"{name}: there is no {header}: set custom_cmsis_nn_path to the folder of Include and Source")
    text = header.read_text(encoding="utf-8")
    lacking = [
        path.stem for path in library.glob("kernels/portable/arm_*.c") if not re.search(rf"\b{path.stem}\(", text)
    ]
    if lacking:
        raise SystemExit(f"{name}: the CMSIS-NN in {root} has no {', '.join(sorted(lacking))}: take 7.0.0 or later")
    include_dirs.append(root / "Include")
    vendor = env.Clone()  # noqa: F821
    vendor.Append(CPPPATH=[str(root / "Include")], CCFLAGS=["-w"])
    # Float and 4-bit sources: int8 code never calls them, and some need a half-precision type.
    chosen = "+<*> -<**/*_f16*.c> -<**/*_f32*.c> -<**/*_s4*.c> -<Bindings/>"
    archive = vendor.BuildLibrary(f"$BUILD_DIR/{name}_cmsis_nn", str(root / "Source"), chosen)
    env.Append(LIBS=[archive])  # noqa: F821
else:
    raise SystemExit(f"{name}: custom_netspec_kernels is '{kernels}': use portable or cmsis-nn")

env.Append(CPPPATH=[str(folder) for folder in include_dirs])  # noqa: F821
env.Replace(SRC_FILTER=sources)  # noqa: F821
