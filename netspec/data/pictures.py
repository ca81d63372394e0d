"""Pictures: their size, from the first bytes of the file, and whether they fit the input that they are for."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import IO

from netspec.data.faults import Faults, reason
from netspec.data.headers import HeaderError
from netspec.graph import Graph
from netspec.layers.base import describe
from netspec.spec.data_forms import Images
from netspec.system.files import open_regular

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".ppm", ".pgm")
MODES = {1: "L", 3: "RGB", 4: "RGBA"}
"""What channels mean, by Pillow's names: grey, colours, colours and opacity."""

MOST_PIXELS = 1 << 26
"""Of a picture that is resized: 64 million."""

_MOST_SEGMENTS = 1000  # of a JPEG before its frame
_NOT_FRAMES = (0xC4, 0xC8, 0xCC)  # within the range of frame markers, but tables


PictureSize = tuple[int, int, int]
"""Height, width and channels."""


def input_size(graph: Graph, faults: Faults) -> PictureSize | None:
    """Return the size that the input asks of pictures, None after noting that it is for no picture."""
    ((name, shape),) = graph.inputs.items()
    height, width, channels = (*shape, 1) if len(shape) == 2 else shape if len(shape) == 3 else (0, 0, 0)
    if channels in MODES:
        return height, width, channels
    faults.add(
        "data-shape",
        f"images give samples of (height, width, channels), the input '{name}' is {describe(shape)}",
        help="give the input the shape [height, width, 1] for grey, 3 for colours, 4 with opacity",
    )
    return None


def check_picture(path: Path, wanted: PictureSize, given: Images, faults: Faults) -> bool:
    """Return whether a picture's header fits; note why not."""
    name = f"{path.parent.name}/{path.name}"
    try:
        height, width = picture_size(path)
    except (OSError, HeaderError) as error:
        message = f"{name} cannot be read as a picture: {reason(error)}"
        faults.add("data-unreadable", message, help="save it as PNG", key="path")
        return False
    if given.resize is None and (height, width) != wanted[:2]:
        message = f"{name} has {height} x {width} pixels, the input is {wanted[0]} x {wanted[1]}"
        faults.add(
            "data-shape", message, help="resize the files, or write `resize: bilinear`, or change the input", key="path"
        )
        return False
    if height * width > MOST_PIXELS:
        message = f"{name} claims {height} x {width} pixels, more than {MOST_PIXELS:,}"
        faults.add("data-unreadable", message, help="make it smaller", key="path")
        return False
    return True


def picture_size(path: Path) -> tuple[int, int]:
    """Return height and width in pixels. Raises `OSError`, and `HeaderError` for what is no picture."""
    with open_regular(path) as file:
        start = file.read(26)
        if start.startswith(b"\x89PNG\r\n\x1a\n") and start[12:16] == b"IHDR" and len(start) == 26:
            width, height = struct.unpack(">II", start[16:24])
        elif start.startswith(b"\xff\xd8"):
            file.seek(2)
            height, width = _jpeg(file)
        elif start.startswith(b"BM") and len(start) == 26:
            width, height = struct.unpack("<ii", start[18:26])
            if start[14:18] == b"\x0c\0\0\0":  # the header of OS/2 has short sizes
                width, height = struct.unpack("<HH", start[18:22])
            height = abs(height)  # rows from the top are told by a negative height
        elif start[:2] in (b"P2", b"P3", b"P5", b"P6"):
            file.seek(2)
            width, height = _number(file), _number(file)
        else:
            raise HeaderError("it is no PNG, JPEG, BMP, PPM or PGM" if start else "it is empty")
    if height < 1 or width < 1:
        raise HeaderError(f"its header claims {height} x {width} pixels")
    return height, width


def _jpeg(file: IO[bytes]) -> tuple[int, int]:
    """Walk over segments to the frame, which every coding (0xC0 to 0xCF) begins with its size."""
    for _ in range(_MOST_SEGMENTS):
        marker = file.read(2)
        while marker == b"\xff\xff":  # fill bytes
            marker = b"\xff" + file.read(1)
        if len(marker) < 2 or marker[0] != 0xFF:
            break
        length = int.from_bytes(file.read(2), "big")
        if 0xC0 <= marker[1] <= 0xCF and marker[1] not in _NOT_FRAMES:
            frame = file.read(5)
            if len(frame) < 5:
                break
            return int.from_bytes(frame[1:3], "big"), int.from_bytes(frame[3:5], "big")
        if length < 2 or marker[1] == 0xDA:
            break
        file.seek(length - 2, 1)
    raise HeaderError("it is a JPEG without a frame")


def _number(file: IO[bytes]) -> int:
    """Read a decimal number of a PPM's header, after blanks and comments."""
    digits = b""
    for _ in range(_MOST_SEGMENTS):
        byte = file.read(1)
        if byte == b"#":
            file.readline(_MOST_SEGMENTS)
        elif byte.isdigit() and len(digits) < 9:
            digits += byte
        elif digits and byte.isspace():
            return int(digits)
        elif not byte.isspace():
            break
    raise HeaderError("its header is no PPM's")
