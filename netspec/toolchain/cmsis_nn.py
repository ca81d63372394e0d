"""Arm's CMSIS-NN on this machine: where it lies, and what this copy of it offers.

CMSIS-NN has no version macro and changed its functions between releases, and packages ship excerpts of it.
So the headers and sources themselves are asked: what they declare and define is what is known.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from netspec.diagnostics import ToolError
from netspec.toolchain._declarations import declared, defined

HEADER = "arm_nnfunctions.h"
BEFORE_UPSCALING = 11
"""Arguments of `arm_convolve_s8` up to 6.0; 7.0 added `upscale_dims`."""
INSTALL = "git clone https://github.com/ARM-software/CMSIS-NN, then set CMSIS_NN_PATH to that folder"

# Where CMSIS-NN lies below a folder that somebody may name: its own checkout, CMSIS 5's tree, a package's
# vendor folder.
_LAYOUTS = (
    ".",
    "CMSIS-NN",
    "cmsis-nn",
    "cmsis_nn",
    "CMSIS/NN",
    "vendor/cmsis_nn",
    "backend/cmsis_nn/vendor/cmsis_nn",
)
# Where CMSIS-Core's headers lie beside it, in the same kinds of tree.
_CORE_LAYOUTS = (
    "../cmsis_core/Include",
    "../Core/Include",
    "../CMSIS_6/CMSIS/Core/Include",
    "../CMSIS_5/CMSIS/Core/Include",
    "CMSIS/Core/Include",
)
# The kernels that every release from 4.0 on has: a tree without them is older or something else.
REQUIRED = (
    "arm_convolve_1x1_s8_fast",
    "arm_depthwise_conv_s8",
    "arm_depthwise_conv_3x3_s8",
    "arm_depthwise_conv_s8_opt",
    "arm_max_pool_s8",
)
# Float, 4-bit and Python-binding sources: never called by int8 code, and some need a half-precision type.
_IRRELEVANT = re.compile(r"_(?:f16|f32|s4)(?:_|$)")


# __GNUC_PYTHON__ is the switch by which Arm's own Python bindings do without CMSIS-Core; it leaves two macros
# undefined. __CLZ differs from the builtin for 0 only, and 4.0 asks it of softmax sums, which are positive.
_WITHOUT_CORE = ("__GNUC_PYTHON__", "__RESTRICT=__restrict", "__CLZ=__builtin_clz")


@dataclass(frozen=True, eq=False)
class CmsisNN:
    """One copy of CMSIS-NN and what its headers and sources say.

    ``declared`` maps each function of the public header to its number of arguments; ``functions`` are those
    of them that the sources define too; ``definitions`` gives the source of every function, those that no
    public header declares among them. ``generation`` is derived ("4.x", "5.x", "6.x", "7.x", "7.x+"),
    ``digest`` is the SHA-256 of the headers, ``origin`` says who named this copy. ``needs_core`` is true
    where the headers include CMSIS-Core (4.0); ``core_include`` is the folder of those headers if they lie
    beside.
    """

    root: Path
    origin: str
    include_dirs: tuple[Path, ...]
    sources: tuple[Path, ...]
    declared: Mapping[str, int]
    functions: frozenset[str]
    definitions: Mapping[str, Path]
    generation: str
    digest: str
    needs_core: bool
    core_include: Path | None

    @property
    def convolve_arguments(self) -> int | None:
        """Return the arguments of ``arm_convolve_s8``: 11, or 12 with ``upscale_dims`` (7.0 on)."""
        return self.declared.get("arm_convolve_s8")

    @property
    def vector_sum_arguments(self) -> int | None:
        """Return the arguments of ``arm_vector_sum_s8``: None (4.x), 4 (5.0), 6 (6.0) or 7 (7.0 on)."""
        return self.declared.get("arm_vector_sum_s8")

    @property
    def unbiased_sums(self) -> bool:
        """Tell whether dense layers on Helium read sums of weights without input offset and bias: 5.0 and 6.0 alone."""
        return self.vector_sum_arguments in (4, 6)

    @property
    def host_defines(self) -> tuple[str, ...]:
        """Return the macros that let a desktop compiler read the headers.

        Only 4.0 needs any: it takes its compiler macros from CMSIS-Core, which knows Arm compilers only.
        """
        return _WITHOUT_CORE if self.needs_core else ()


def find_cmsis_nn(explicit: Path | None = None) -> CmsisNN | None:
    """Return the CMSIS-NN to use, or None when there is none.

    Looks at `explicit`, then at the environment variable CMSIS_NN_PATH, then at installed CMSIS-Packs
    (``<pack root>/ARM/CMSIS-NN/<version>``, newest first). Raises ToolError when a folder that the user
    named holds no CMSIS-NN, or one that netspec does not support; an unusable pack is passed over.
    """
    if explicit is not None:
        return probe(explicit, origin="--cmsis-nn")
    named = os.environ.get("CMSIS_NN_PATH")
    if named:
        return probe(Path(named), origin="CMSIS_NN_PATH")
    for pack in _packs():
        try:
            return probe(pack, origin=f"CMSIS-Pack {pack.name}")
        except ToolError:
            continue
    return None


def probe(path: Path, *, origin: str = "path") -> CmsisNN:
    """Return what the CMSIS-NN at `path` offers.

    `path` is its root, its ``Include`` folder, or a folder that carries it (CMSIS 5, a package's vendor
    folder). Raises ToolError, naming what was looked for, when there is no CMSIS-NN, and naming what is
    missing when it is older than 4.0.
    """
    root = _root(path, origin)
    include = root / "Include"
    headers = sorted(include.rglob("*.h"))
    texts = {header.relative_to(include).as_posix(): _read(header) for header in headers}
    functions = declared(texts[HEADER])
    types = texts.get("arm_nn_types.h", "")
    missing = [name for name in REQUIRED if name not in functions]
    if "arm_cmsis_nn_status" not in texts[HEADER]:  # 3.x has the kernels, with another status type
        missing.append("arm_cmsis_nn_status")
    if missing:
        raise ToolError(
            f"{origin}: the CMSIS-NN in {root} is not supported: it has no {', '.join(missing)}",
            "netspec needs CMSIS-NN 4.0 or later; " + INSTALL,
        )

    sources = tuple(
        source
        for source in sorted((root / "Source").rglob("*.c"))
        if "Bindings" not in source.relative_to(root).parts and not _IRRELEVANT.search(source.stem)
    )
    definitions = {name: source for source in sources for name in defined(_read(source))}
    needs_core = any(re.search(r'#\s*include\s*[<"]cmsis_compiler\.h', text) for text in texts.values())
    return CmsisNN(
        root=root,
        origin=origin,
        include_dirs=(include,),
        sources=sources,
        declared=MappingProxyType(functions),
        functions=frozenset(functions) & definitions.keys(),
        definitions=MappingProxyType(definitions),
        generation=_generation(functions, types),
        digest=_digest(texts),
        needs_core=needs_core,
        core_include=next((found for found in _core_candidates(root) if needs_core), None),
    )


def _root(path: Path, origin: str) -> Path:
    given = path.expanduser()
    candidates = [given / layout for layout in _LAYOUTS]
    if given.name.lower() == "include":
        candidates.insert(0, given.parent)
    for candidate in candidates:
        if (candidate / "Include" / HEADER).is_file() and (candidate / "Source").is_dir():
            return candidate.resolve()
    reason = "is not a folder" if not given.is_dir() else f"holds no Include/{HEADER} beside a Source folder"
    places = ", ".join(dict.fromkeys(layout for layout in _LAYOUTS))
    raise ToolError(f"{origin}: {given} {reason} (looked in {places})", INSTALL)


def _generation(functions: Mapping[str, int], types: str) -> str:
    if "arm_vector_sum_s8" not in functions:
        return "4.x"
    if "arm_lstm_unidirectional_s16_s8" in functions:
        return "5.x"
    if functions.get("arm_convolve_s8", 0) < 12:
        return "6.x"
    return "7.x+" if re.search(r"\bhidden_state\s*;", types) else "7.x"


def _digest(texts: Mapping[str, str]) -> str:
    digest = hashlib.sha256()
    for name, text in texts.items():
        body = text.encode()
        digest.update(f"{name}\0{len(body)}\0".encode())
        digest.update(body)
    return digest.hexdigest()


def _core_candidates(root: Path) -> Iterator[Path]:
    folders = [root / layout for layout in _CORE_LAYOUTS]
    if root.parent.name == "CMSIS-NN":  # an installed pack: CMSIS-Core is the pack beside it
        folders += [pack / "CMSIS" / "Core" / "Include" for pack in _versions(root.parent.parent / "CMSIS")]
    return (folder.resolve() for folder in folders if (folder / "cmsis_compiler.h").is_file())


def _packs() -> list[Path]:
    return [pack for root in _pack_roots() for pack in _versions(root / "ARM" / "CMSIS-NN")]


def _pack_roots() -> list[Path]:
    # CMSIS-Toolbox's defaults; the variable replaces them.
    named = os.environ.get("CMSIS_PACK_ROOT")
    if named:
        return [Path(named).expanduser()]
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return [Path(local) / "Arm" / "Packs"] if local else []
    cache = os.environ.get("XDG_CACHE_HOME")
    return [Path(cache) / "arm" / "packs"] if cache else [Path.home() / ".cache" / "arm" / "packs"]


def _versions(folder: Path) -> list[Path]:
    """Return the version folders of a pack, newest first; a pre-release comes after its release."""
    if not folder.is_dir():
        return []
    found = []
    for child in folder.iterdir():
        match = re.fullmatch(r"(\d+)\.(\d+)\.(\d+)([-+].*)?", child.name)
        if match and child.is_dir():
            suffix = match[4] or ""
            numbers = (int(match[1]), int(match[2]), int(match[3]))
            found.append((numbers, not suffix.startswith("-"), suffix, child))
    return [child for *_, child in sorted(found, reverse=True)]


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise ToolError(f"cannot read {path}: {error.strerror}", "check the folder's permissions") from error
