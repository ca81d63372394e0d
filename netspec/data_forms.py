"""The keys of `train.data`: a form a loader."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from netspec.diagnostics import wrong_name
from netspec.layers._types import Parsed, Size

FORMS = {
    "npz": "{npz: FILE}",
    "npy": "{npy: {x: FILE, y: FILE}}",
    "csv": "{csv: {path: FILE, target: COLUMN}}",
    "images": "{images: {path: FOLDER}}",
    "audio": "{audio: {path: FOLDER, features: mfcc}}",
    "python": "{python: 'package.module:function'}",
}
_NAMED = ("npz", "python")


class Form(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", defer_build=True)


def _files(value: Any) -> str | dict[str, str]:
    """Parse `x.npy` and, for several inputs or outputs, `{image: image.npy, angle: angle.npy}`."""
    if isinstance(value, str) and value:
        return value
    if isinstance(value, dict) and value and all(isinstance(file, str) and file for file in value.values()):
        return value
    raise ValueError("must be a file, or a mapping of names to files; write `KEY: FILE`")


Files = Annotated[str | dict[str, str], Parsed(_files, str | dict[str, str])]


class Npy(Form):
    """A file an array, or with several inputs or outputs a mapping of their names to files."""

    x: Annotated[Files, Field(examples=["x.npy"])]
    y: Annotated[Files, Field(examples=["y.npy"])]
    x_val: Files | None = None
    y_val: Files | None = None
    x_test: Files | None = None
    y_test: Files | None = None


class Csv(Form):
    """A table with a header: `target` is the label, every other column a value of the input, in order."""

    path: Annotated[str, Field(min_length=1, examples=["table.csv"])]
    target: Annotated[str, Field(examples=["label"])]


class Images(Form):
    """A folder of pictures, a folder a class; `resize` is the method, to the input's size."""

    path: Annotated[str, Field(min_length=1, examples=["pictures"])]
    resize: Literal["nearest", "box", "bilinear", "bicubic", "lanczos"] | None = None


class Audio(Form):
    """A folder of wav files, a folder a class; docs/audio-features.md says what is computed of them.

    Lengths are in samples. `fft_length` is a power of two, by default the least that holds a frame; the upper edge is
    by default half the sample rate. The number of frames is the input's first axis.
    """

    path: Annotated[str, Field(min_length=1, examples=["clips"])]
    features: Annotated[Literal["mfcc", "log_mel"], Field(examples=["mfcc"])]
    sample_rate: Annotated[int, Field(ge=1, le=768_000)] = 16_000
    frame_length: Annotated[int, Field(ge=2, le=65_536)] = 480
    frame_step: Annotated[int, Field(ge=1, le=65_536)] = 320
    fft_length: Annotated[int, Field(ge=2, le=65_536)] | None = None
    spectrum: Literal["magnitude", "power"] = "magnitude"
    mel_bins: Size = 40
    coefficients: Size | None = None
    lower_edge_hertz: Annotated[float, Field(ge=0)] = 20.0
    upper_edge_hertz: Annotated[float, Field(gt=0)] | None = None
    log_floor: Annotated[float, Field(ge=1e-30)] = 1e-6

    @property
    def fft(self) -> int:
        """Points of the Fourier transform."""
        return self.fft_length or 1 << (self.frame_length - 1).bit_length()

    @property
    def upper(self) -> float:
        """Where the last mel filter ends, in hertz."""
        return self.upper_edge_hertz or self.sample_rate / 2

    @model_validator(mode="after")
    def _consistent(self) -> Audio:
        if self.fft & (self.fft - 1) or self.fft < self.frame_length:
            least = 1 << (self.frame_length - 1).bit_length()
            raise ValueError(
                f"has fft_length {self.fft}, which is no power of two that holds frame_length {self.frame_length}; "
                f"write `fft_length: {least}` or leave it out"
            )
        if not self.lower_edge_hertz < self.upper <= self.sample_rate / 2:
            raise ValueError(
                f"has mel filters from {self.lower_edge_hertz:g} to {self.upper:g} Hz, which must rise and end at half "
                f"of sample_rate {self.sample_rate} at most; write `upper_edge_hertz: {self.sample_rate / 2:g}`"
            )
        if self.features == "mfcc" and (self.coefficients or 1) > self.mel_bins:
            count = self.coefficients
            raise ValueError(f"has {count} coefficients of {self.mel_bins} mel_bins; write `mel_bins: {count}`")
        if self.features == "log_mel" and self.coefficients is not None:
            raise ValueError("has coefficients, which log_mel has none of; remove them, or write `features: mfcc`")
        return self


def _function(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*", value):
        raise ValueError("must name a function of a module; write `python: 'package.module:function'`")
    return value


def _one_loader(value: Any) -> Any:
    if isinstance(value, Data):
        return value
    if not isinstance(value, dict) or len(value) != 1:
        raise ValueError("must be a mapping with one key, the loader; write `data: {npz: FILE}`")
    kind, source = next(iter(value.items()))
    if kind not in FORMS:
        raise wrong_name(f"has no loader '{kind}'", kind, FORMS, "the loaders are")
    if not isinstance(source, str if kind in _NAMED else dict):
        what = "one name" if kind in _NAMED else "a mapping of keys"
        raise ValueError(f"must give {kind} {what}; write `data: {FORMS[kind]}`")
    return value


class Data(Form):
    """Where the samples come from: one of these loaders. Paths are relative to the spec."""

    npz: Annotated[str, Field(min_length=1)] | None = None
    npy: Npy | None = None
    csv: Csv | None = None
    images: Images | None = None
    audio: Audio | None = None
    python: Annotated[str, Parsed(_function, str)] | None = None

    @property
    def kind(self) -> str:
        """The loader's name."""
        return next(kind for kind in FORMS if getattr(self, kind) is not None)


DataForm = Annotated[Data, BeforeValidator(_one_loader)]
