"""Sounds: what a WAV file says of its samples, and whether clips and features fit the input that they are for.

Python's own `wave` knows neither floats nor the extensible format.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from netspec.data.faults import Faults, reason
from netspec.data.headers import HeaderError
from netspec.graph import Graph
from netspec.layers.base import describe
from netspec.ops import Shape
from netspec.spec.data_forms import Audio
from netspec.system.files import open_regular

SUFFIXES = (".wav",)
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_KNOWN = {(_PCM, 8), (_PCM, 16), (_PCM, 24), (_PCM, 32), (_FLOAT, 32), (_FLOAT, 64)}
_MOST_CHUNKS = 1000


@dataclass(frozen=True, slots=True)
class Sound:
    """Samples along time: `rate` in hertz, `bits` a sample, where the bytes begin and how many samples there are."""

    channels: int
    rate: int
    bits: int
    floating: bool
    offset: int
    samples: int


def feature_shape(shape: Shape) -> Shape | None:
    """Return (frames, values a frame) that an input of `shape` asks for; None where it is for no features."""
    return shape[:2] if len(shape) == 2 or (len(shape) == 3 and shape[2] == 1) else None


def values_a_frame(given: Audio, width: int) -> int:
    """Return how many values a frame has; the number of MFCCs follows from the input's `width` if it is not given."""
    if given.features == "log_mel":
        return given.mel_bins
    return given.coefficients or min(width, given.mel_bins)


def clip_length(given: Audio, frames: int) -> int:
    """Return how many samples of sound so many frames read."""
    return given.frame_length + (frames - 1) * given.frame_step


def check_features(graph: Graph, given: Audio, faults: Faults) -> bool:
    """Return whether the features have the input's shape; note why not."""
    ((name, shape),) = graph.inputs.items()
    wanted = feature_shape(shape)
    if wanted is None:
        message = f"{given.features} gives samples of (frames, values), the input '{name}' is {describe(shape)}"
        faults.add("data-shape", message, help="give the input the shape [frames, values] or [frames, values, 1]")
        return False
    values = values_a_frame(given, wanted[1])
    if values == wanted[1]:
        return True
    key = "mel_bins" if given.features == "log_mel" or given.coefficients is None else "coefficients"
    faults.add(
        "data-shape",
        f"{given.features} gives {values} values a frame, the input '{name}' {describe(shape)} has {wanted[1]}",
        help=f"write `{key}: {wanted[1]}`, or change the input",
        key=key,
    )
    return False


def check_clip(path: Path, graph: Graph, given: Audio, faults: Faults, *, lengths: bool = True) -> Sound | None:
    """Return what a clip's header says if it fits; note why not and, with `lengths`, that it is longer than is read."""
    (shape,) = graph.inputs.values()
    name = f"{path.parent.name}/{path.name}"
    try:
        sound = read_sound(path)
    except (OSError, HeaderError) as error:
        faults.add("data-unreadable", f"{name} cannot be read as a WAV: {reason(error)}", key="path")
        return None
    if sound.rate != given.sample_rate:
        message = f"{name} has {sound.rate} samples a second, sample_rate is {given.sample_rate}"
        faults.add("data-sample-rate", message, help=f"resample the files, or write `sample_rate: {sound.rate}`")
        return None
    if sound.channels != 1:
        message = f"{name} has {sound.channels} channels"
        faults.add("data-shape", message, help="mix the files down to one channel: a device has one microphone")
        return None
    read = clip_length(given, shape[0])
    if lengths and sound.samples >= read + given.frame_step:
        seconds = [f"{samples / given.sample_rate:.3g} s" for samples in (sound.samples, read)]
        faults.add(
            "data-clip-length",
            f"{name} lasts {seconds[0]}, the input reads {seconds[1]} of it",
            help=f"{1 + (sound.samples - given.frame_length) // given.frame_step} frames would read all",
            severity="warning",
        )
    return sound


def read_sound(path: Path) -> Sound:
    """Return what the header says. Raises `OSError`, and `HeaderError` for what is no WAV that netspec reads."""
    with open_regular(path) as file:
        length = file.seek(0, 2)
        file.seek(0)
        start = file.read(12)
        if len(start) < 12 or start[:4] != b"RIFF" or start[8:] != b"WAVE":
            raise HeaderError("it does not begin as a WAV does" if start else "it is empty")
        form: tuple[int, int, int, int] | None = None
        for _ in range(_MOST_CHUNKS):
            chunk = file.read(8)
            if len(chunk) < 8:
                break
            name, size = chunk[:4], int.from_bytes(chunk[4:], "little")
            if name == b"fmt ":
                form = _format(file, size)
            elif name == b"data":
                if form is None:
                    raise HeaderError("its samples come before their format")
                return _sound(form, file.tell(), size, length)
            else:
                file.seek(size + size % 2, 1)
    raise HeaderError("it has no samples")


def _format(file: IO[bytes], size: int) -> tuple[int, int, int, int]:
    """Return kind, channels, rate and bits."""
    data = file.read(min(size, 40))
    if size < 16 or len(data) < min(size, 40):
        raise HeaderError("its format is cut short")
    file.seek(size + size % 2 - len(data), 1)
    kind, channels, rate, _, block, bits = struct.unpack("<HHIIHH", data[:16])
    if kind == _EXTENSIBLE and len(data) >= 26:
        kind = int.from_bytes(data[24:26], "little")
    if (kind, bits) not in _KNOWN:
        raise HeaderError(f"it holds {bits}-bit samples of kind {kind}; 8-, 16-, 24-, 32-bit PCM and floats are read")
    if not channels or not rate or block != channels * bits // 8:
        raise HeaderError(f"its format claims {channels} channels at {rate} Hz in blocks of {block} bytes")
    return kind, channels, rate, bits


def _sound(form: tuple[int, int, int, int], offset: int, size: int, length: int) -> Sound:
    kind, channels, rate, bits = form
    if offset + size > length:
        raise HeaderError(f"its header promises {size:,} bytes of samples, {length - offset:,} are there")
    return Sound(channels, rate, bits, kind == _FLOAT, offset, size // (channels * bits // 8))
