"""Pictures and sound from files, as arrays."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt

from netspec.data.faults import reason
from netspec.data.pictures import MODES
from netspec.data.sounds import Sound
from netspec.diagnostics import ToolError

_FORMATS = ("PNG", "JPEG", "BMP", "PPM")
_DEEP = ("I", "F", "I;16", "I;16B", "I;16L", "I;16N")  # Pillow's modes of more than 8 bits


class BadPicture(Exception):
    """A picture that cannot be decoded: a fault of the data. `help` is for the diagnostic."""

    def __init__(self, message: str, help: str) -> None:
        super().__init__(message)
        self.help = help


def read_picture(path: Path, size: tuple[int, int, int], resize: str | None) -> npt.NDArray[np.uint8]:
    """Return a picture of (height, width, channels), its pixels 0 to 255.

    Colours become grey, and grey colours, as the channels ask, by Pillow's weights (ITU-R 601-2). Raises
    `BadPicture` for a picture that Pillow refuses, and `ToolError` where there is no Pillow.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise ToolError(
            "Pillow, which reads pictures, is not installed",
            help="install netspec with its extra: pip install 'netspec-mcu[train]', or [train-cpu]",
        ) from error
    height, width, channels = size
    name = f"{path.parent.name}/{path.name}"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of large pictures: their size was checked
            with Image.open(path, formats=_FORMATS) as picture:
                if picture.mode in _DEEP:
                    raise BadPicture(f"{name} has more than 8 bits a channel", "save it with 8, or use `{npz: FILE}`")
                pixels = picture.convert(MODES[channels])
                if resize is not None and pixels.size != (width, height):
                    pixels = pixels.resize((width, height), Image.Resampling[resize.upper()])
                return np.asarray(pixels, dtype=np.uint8).reshape(height, width, channels)
    except (BadPicture, MemoryError):
        raise
    except Exception as error:  # Pillow's decoders raise whatever a damaged file makes them trip over
        raise BadPicture(f"{name} cannot be read as a picture: {reason(error)}", "save it again as PNG") from error


def read_clip(path: Path, sound: Sound, length: int) -> npt.NDArray[np.float32]:
    """Return `length` samples of a clip of one channel, full scale being -1 to 1, zeros after its end.

    Integers of b bits are divided by 2 ** (b - 1), 8-bit ones after 128 is taken off; the division is exact in
    float32, save that 32-bit integers are rounded to it.
    """
    count = min(length, sound.samples)
    size = sound.bits // 8
    with path.open("rb") as file:
        file.seek(sound.offset)
        data = file.read(count * size)
    if len(data) < count * size:
        raise ToolError(f"{path.parent.name}/{path.name} was cut short while it was read")
    result = np.zeros(length, np.float32)
    if sound.floating:
        result[:count] = np.frombuffer(data, f"<f{size}")
    elif sound.bits == 24:
        widened = np.zeros((count, 4), np.uint8)  # a low byte of zeros, so that the sign is the top bit's
        widened[:, 1:] = np.frombuffer(data, np.uint8).reshape(count, 3)
        result[:count] = widened.view("<i4")[:, 0].astype(np.float64) / 2**31
    elif sound.bits == 8:
        result[:count] = (np.frombuffer(data, np.uint8).astype(np.float64) - 128) / 128
    else:
        result[:count] = np.frombuffer(data, f"<i{size}").astype(np.float64) / 2 ** (sound.bits - 1)
    return result
