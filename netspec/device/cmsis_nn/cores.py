"""What selects the variant of a kernel: the instructions of a core."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

Extension = Literal["none", "dsp", "mve"]
"""Plain C (M0, M0+, M3, any host), DSP instructions (M4, M7, M33), Helium (M55, M85)."""

CORE_EXTENSIONS: Final[Mapping[str, Extension]] = MappingProxyType(
    {
        "cortex-m0": "none",
        "cortex-m0+": "none",
        "cortex-m3": "none",
        "cortex-m4": "dsp",
        "cortex-m7": "dsp",
        "cortex-m33": "dsp",
        "cortex-m55": "mve",
        "cortex-m85": "mve",
    }
)

HOST_EXTENSION: Final[Extension] = "none"
"""What CMSIS-NN compiles to on a build host."""
