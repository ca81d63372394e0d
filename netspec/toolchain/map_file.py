"""What the linker's map says of an image: which bytes of which object lie where, after unused ones are gone.

With a section for each function and datum (-ffunction-sections, -fdata-sections) a piece of the map is one function
or one array, so sizes are exact to the symbol. The pieces and the padding between them are checked to add up to what
the linker says of each of its sections.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from netspec.diagnostics import ToolError

LIBRARIES = "libraries"
"""The group of what the compiler brings: the C library, libgcc."""

_BEGINNING = "Linker script and memory map"
_OUTPUT = re.compile(r"^(\S+)\s+0x([0-9a-f]+)\s+0x([0-9a-f]+)(?: load address 0x[0-9a-f]+)?$")
_PIECE = re.compile(r"^ (\S+)\s+0x([0-9a-f]+)\s+0x([0-9a-f]+)(?: (.*))?$")
_SYMBOL = re.compile(r"^ {16}0x([0-9a-f]+)\s+([A-Za-z_$][\w.$]*)$")
_NAME_ALONE = re.compile(r"^ ?[^\s*(]\S*$")
_MEMBER = re.compile(r"^(.*)\((.+)\)$")
_CACHED = re.compile(r"^(.+)-[0-9a-f]{32}\.o$")
_PADDING = "*fill*"

# What each of the linker script's sections holds, and so where it counts: code and constants in flash, variables in
# RAM, those with a first value in both. `stack` is the board's.
_KINDS: Mapping[str, str] = {
    ".vectors": "text",
    ".text": "text",
    ".rodata": "rodata",
    ".ARM.exidx": "rodata",
    ".data": "data",
    ".bss": "bss",
    ".stack": "stack",
}


@dataclass(frozen=True)
class Piece:
    """Bytes of one section of one object. `kind` is text, rodata, data, bss or stack."""

    kind: str
    section: str
    """The name that the compiler gave, such as ``.text.kws_run``."""
    object: str
    """The object's file name, without the folder and the digest of a cache: ``arm_convolve_s8.o``."""
    group: str
    address: int
    size: int

    @property
    def symbol(self) -> str:
        """Return the function or datum that the section is for: what follows ``.text.`` or the like."""
        for prefix in (".text.startup.", ".text.unlikely.", ".text.", ".rodata.", ".data.", ".bss."):
            if self.section.startswith(prefix) and len(self.section) > len(prefix):
                return self.section[len(prefix) :]
        return self.section


@dataclass(frozen=True)
class Sizes:
    """Bytes by kind."""

    text: int = 0
    rodata: int = 0
    data: int = 0
    bss: int = 0

    @property
    def flash(self) -> int:
        """Return code, constants, and the first values of variables."""
        return self.text + self.rodata + self.data

    @property
    def ram(self) -> int:
        return self.data + self.bss


@dataclass(frozen=True)
class MapFile:
    """The pieces of an image in the order of their addresses, and the padding in each kind of section."""

    pieces: tuple[Piece, ...]
    padding: Mapping[str, int] = field(default_factory=dict)
    symbols: Mapping[str, int] = field(default_factory=dict)
    """Addresses of global symbols."""

    def sizes(self, group: str | None = None, object: str | None = None) -> Sizes:
        """Return the bytes of a group, of an object, or of all; padding, which is nobody's, is left out."""
        found: dict[str, int] = defaultdict(int)
        for piece in self.pieces:
            if group in (None, piece.group) and object in (None, piece.object) and piece.kind != "stack":
                found[piece.kind] += piece.size
        return Sizes(**found)

    def groups(self) -> dict[str, Sizes]:
        """Return the bytes of each group, in the order in which they first occur."""
        return {group: self.sizes(group) for group in dict.fromkeys(piece.group for piece in self.pieces)}

    def objects(self, group: str | None = None) -> dict[str, Sizes]:
        """Return the bytes of each object that anything of was linked."""
        names = dict.fromkeys(piece.object for piece in self.pieces if group in (None, piece.group))
        return {name: self.sizes(group, name) for name in names}

    def symbol_sizes(self, group: str | None = None, kind: str | None = None) -> dict[str, int]:
        """Return the bytes of each function and datum; those of one name, as locals of functions may be, together."""
        found: dict[str, int] = defaultdict(int)
        for piece in self.pieces:
            if group in (None, piece.group) and kind in (None, piece.kind):
                found[piece.symbol] += piece.size
        return dict(found)

    @property
    def total(self) -> Sizes:
        """Return the bytes of all groups and the padding: what the image takes, without stacks."""
        of_pieces = self.sizes()
        return Sizes(
            **{kind: getattr(of_pieces, kind) + self.padding.get(kind, 0) for kind in ("text", "rodata", "data", "bss")}
        )

    def at(self, address: int) -> Piece | None:
        """Return what lies at an address; a function's may have the Thumb bit."""
        for piece in self.pieces:
            if piece.kind != "stack" and piece.address <= address < piece.address + piece.size:
                return piece
        return None


def read_map(path: Path, groups: Mapping[str, Iterable[Path]]) -> MapFile:
    """Return the map that the linker wrote. `groups` name objects and archives by their path; all else is LIBRARIES.

    Raises ToolError for a map that does not add up.
    """
    owner = {str(each): group for group, paths in groups.items() for each in paths}
    return parse_map(path.read_text(encoding="utf-8", errors="replace"), owner)


def parse_map(text: str, groups: Mapping[str, str]) -> MapFile:
    """Return the map of this text; see `read_map`."""
    pieces: list[Piece] = []
    symbols: dict[str, int] = {}
    padding: dict[str, int] = defaultdict(int)
    left: dict[str, int] = {}
    section, kind = "", ""
    for line in _lines(text):
        if output := _OUTPUT.match(line):
            section, size = output[1], int(output[3], 16)
            kind = _KINDS.get(section, "")
            if size and not kind and int(output[2], 16):
                raise ToolError(f"the linker's map has a section that netspec does not place: {section}")
            if kind:
                left[section] = size
            continue
        if not kind:
            continue
        if symbol := _SYMBOL.match(line):
            symbols[symbol[2]] = int(symbol[1], 16)
        elif found := _PIECE.match(line):
            name, address, size = found[1], int(found[2], 16), int(found[3], 16)
            left[section] -= size
            if name == _PADDING:
                padding[kind] += size
            elif size:
                file = found[4] or ""
                pieces.append(Piece(kind, name, _object(file), _group(file, groups), address, size))
    wrong = {name: size for name, size in left.items() if size and _KINDS[name] != "stack"}
    if wrong:
        told = ", ".join(f"{name} by {size}" for name, size in wrong.items())
        raise ToolError(f"the linker's map does not add up: {told} bytes")
    padding.pop("stack", None)
    return MapFile(tuple(pieces), dict(padding), symbols)


def _lines(text: str) -> Iterable[str]:
    """Yield the lines of the map proper; a name too long for its column is joined with what follows it."""
    _, _, body = text.partition(_BEGINNING)
    held = ""
    for line in body.splitlines():
        if held:
            line, held = f"{held} {line.lstrip()}", ""
        elif _NAME_ALONE.match(line):
            held = line
            continue
        yield line


def _object(file: str) -> str:
    member = _MEMBER.match(file)
    name = Path(member[2] if member else file).name
    cached = _CACHED.match(name)
    return f"{cached[1]}.o" if cached else name


def _group(file: str, groups: Mapping[str, str]) -> str:
    member = _MEMBER.match(file)
    return groups.get(member[1] if member else file, LIBRARIES)
