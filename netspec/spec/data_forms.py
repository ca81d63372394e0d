"""The keys of `train.data` and `quantize.calibration.data`: a form a loader."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from netspec.diagnostics import InvalidValue, WrongName, write
from netspec.keys.keys import Before, Field, Keys, Parsed
from netspec.layers._types import Size

FORMS = {
    "npz": "{npz: FILE}",
    "npy": "{npy: {x: FILE, y: FILE}}",
    "csv": "{csv: {path: FILE, target: COLUMN}}",
    "images": "{images: {path: FOLDER}}",
    "audio": "{audio: {path: FOLDER, features: mfcc}}",
    "python": "{python: 'package.module:function'}",
}
UNLABELLED_FORMS = FORMS | {"npy": "{npy: FILE}", "csv": "{csv: {path: FILE}}"}
_NAMED = ("npz", "python")


def _files(value: Any) -> str | dict[str, str]:
    """Parse `x.npy` and, for several inputs or outputs, `{image: image.npy, angle: angle.npy}`."""
    if isinstance(value, str) and value:
        return value
    if isinstance(value, dict) and value and all(isinstance(file, str) and file for file in value.values()):
        return value
    raise InvalidValue("must be a file, or a mapping of names to files", write("FILE"))


def _files_schema() -> dict[str, Any]:
    file = {"type": "string", "minLength": 1}
    return {"anyOf": [file, {"type": "object", "additionalProperties": file, "minProperties": 1}]}


Files = Annotated[str | dict[str, str], Parsed(_files, _files_schema)]


class Npy(Keys):
    """A file an array, or with several inputs or outputs a mapping of their names to files."""

    x: Annotated[Files, Field(examples=["x.npy"])] = Field(description="Training samples, along the first axis.")
    y: Annotated[Files, Field(examples=["y.npy"])] = Field(description="What they should give.")
    x_val: Files | None = Field(None, description="Samples that validate each epoch.")
    y_val: Files | None = Field(None, description="What they should give.")
    x_test: Files | None = Field(None, description="Samples that the finished network is measured on.")
    y_test: Files | None = Field(None, description="What they should give.")


class Csv(Keys):
    """A table with a header: `target` is the label, every other column a value of the input, in order."""

    path: Annotated[str, Field(min_length=1, examples=["table.csv"])] = Field(description="The file.")
    target: Annotated[str, Field(examples=["label"])] = Field(description="Name of the column with the label.")


class Images(Keys):
    """A folder of pictures, a folder a class; `resize` is the method, to the input's size."""

    path: Annotated[str, Field(min_length=1, examples=["pictures"])] = Field(description="The folder.")
    resize: Literal["nearest", "box", "bilinear", "bicubic", "lanczos"] | None = Field(
        None, description="How pictures are brought to the input's size; default: they must have it."
    )


class Audio(Keys):
    """A folder of wav files, a folder a class; docs/audio-features.md says what is computed of them.

    Lengths are in samples. `fft_length` is a power of two, by default the least that holds a frame; the upper edge is
    by default half the sample rate. The number of frames is the input's first axis.
    """

    path: Annotated[str, Field(min_length=1, examples=["clips"])] = Field(description="The folder.")
    features: Annotated[Literal["mfcc", "log_mel"], Field(examples=["mfcc"])] = Field(
        description="What a frame becomes: cepstral coefficients, or the logarithms of mel bands."
    )
    sample_rate: Annotated[int, Field(ge=1, le=768_000)] = Field(16_000, description="Of the files, in hertz.")
    frame_length: Annotated[int, Field(ge=2, le=65_536)] = Field(480, description="Of a frame, in samples.")
    frame_step: Annotated[int, Field(ge=1, le=65_536)] = Field(320, description="From frame to frame, in samples.")
    fft_length: Annotated[int, Field(ge=2, le=65_536)] | None = Field(
        None, description="Points of the Fourier transform; default: the least power of two that holds a frame."
    )
    spectrum: Literal["magnitude", "power"] = Field("magnitude", description="What the mel filters sum.")
    mel_bins: Size = Field(40, description="Number of mel filters.")
    coefficients: Size | None = Field(
        None, description="Cepstral coefficients of a frame; default: the input's second axis."
    )
    lower_edge_hertz: Annotated[float, Field(ge=0)] = Field(20.0, description="Where the first mel filter begins.")
    upper_edge_hertz: Annotated[float, Field(gt=0)] | None = Field(
        None, description="Where the last mel filter ends; default: half of `sample_rate`."
    )
    log_floor: Annotated[float, Field(ge=1e-30)] = Field(
        1e-6, description="Smallest value that the logarithm is taken of."
    )

    @property
    def fft(self) -> int:
        """Points of the Fourier transform."""
        return self.fft_length or 1 << (self.frame_length - 1).bit_length()

    @property
    def upper(self) -> float:
        """Where the last mel filter ends, in hertz."""
        return self.upper_edge_hertz or self.sample_rate / 2

    def check_together(self) -> None:
        if self.fft & (self.fft - 1) or self.fft < self.frame_length:
            least = 1 << (self.frame_length - 1).bit_length()
            raise InvalidValue(
                f"has fft_length {self.fft}, which is no power of two that holds frame_length {self.frame_length}",
                f"write `fft_length: {least}` or leave it out",
            )
        if not self.lower_edge_hertz < self.upper <= self.sample_rate / 2:
            raise InvalidValue(
                f"has mel filters from {self.lower_edge_hertz:g} to {self.upper:g} Hz, which must rise and end at half "
                f"of sample_rate {self.sample_rate} at most",
                f"write `upper_edge_hertz: {self.sample_rate / 2:g}`",
            )
        if self.features == "mfcc" and (self.coefficients or 1) > self.mel_bins:
            count = self.coefficients
            raise InvalidValue(f"has {count} coefficients of {self.mel_bins} mel_bins", f"write `mel_bins: {count}`")
        if self.features == "log_mel" and self.coefficients is not None:
            help_ = "remove them, or write `features: mfcc`"
            raise InvalidValue("has coefficients, which log_mel has none of", help_)


def _function(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*", value):
        raise InvalidValue("must name a function of a module", "write `python: 'package.module:function'`")
    return value


def _function_schema() -> dict[str, Any]:
    return {"type": "string", "pattern": r"^[^\s:.]+(\.[^\s:.]+)*:[^\s:.]+$"}


def _classes(value: Any) -> list[str] | dict[str, list[str]]:
    """Parse `[idle, run, walk]` and, for several outputs, `{gesture: [idle, run], hand: [left, right]}`."""
    if isinstance(value, dict) and value:
        return {output: _class_names(names, output) for output, names in value.items()}
    return _class_names(value)


def _class_names(value: Any, *place: str) -> list[str]:
    if not isinstance(value, list) or len(value) < 2:
        predicate = "must list the names of two classes or more, in the order of their numbers"
        raise InvalidValue(predicate, "write `classes: [idle, run]`", place=place)
    for index, name in enumerate(value):
        if not isinstance(name, str) or not name.strip():
            shown = json.dumps("one" if isinstance(name, str) else str(name))
            raise InvalidValue("must be the name of a class, a string", f"write `{shown}`", place=(*place, index))
        if name in value[:index]:
            predicate = f"'{name}' is the name of class {value.index(name)} too"
            raise InvalidValue(predicate, "give each class its own", place=(*place, index))
    return list(value)


def _classes_schema() -> dict[str, Any]:
    names = {"type": "array", "items": {"type": "string", "pattern": r"\S"}, "minItems": 2, "uniqueItems": True}
    return {"anyOf": [names, {"type": "object", "additionalProperties": names, "minProperties": 1}]}


def _one_loader(value: Any) -> Any:
    loaders = {key: given for key, given in value.items() if key != "classes"} if isinstance(value, dict) else {}
    _check_loader(loaders, FORMS, ("classes",))
    return value


def _check_loader(loaders: Mapping[str, Any], forms: Mapping[str, str], others: tuple[str, ...] = ()) -> None:
    """Raise where `loaders` is not one of the forms; `others` are keys that may be beside it."""
    unknown = next((key for key in loaders if key not in forms), None)
    if len(loaders) > 1 and unknown is not None:
        raise WrongName(f"has no key '{unknown}'", str(unknown), (*forms, *others), "key")
    if len(loaders) > 1:
        raise InvalidValue(f"has the loaders {' and '.join(loaders)}, one is read", "keep one of them")
    if not loaders:
        raise InvalidValue("must be a mapping with one key, the loader", "write `data: {npz: FILE}`")
    kind, source = next(iter(loaders.items()))
    if kind not in forms:
        raise WrongName(f"has no loader '{kind}'", str(kind), forms, "loader")
    if forms[kind] == "{npy: FILE}":  # a file or a mapping of inputs to files, which the key itself checks
        return
    if not isinstance(source, str if kind in _NAMED else dict):
        what = "one name" if kind in _NAMED else "a mapping of keys"
        raise InvalidValue(f"must be {what}", f"write `data: {forms[kind]}`", place=(kind,))


class Data(Keys):
    """Where the samples come from: one of these loaders. Paths are relative to the spec.

    `classes` names the classes, so that the firmware and the reports can.
    """

    npz: Annotated[str, Field(min_length=1)] | None = Field(
        None, description="File with x_train and y_train, and optionally x_val, y_val, x_test, y_test."
    )
    npy: Npy | None = Field(None, description="A file an array.")
    csv: Csv | None = Field(None, description="A table.")
    images: Images | None = Field(None, description="A folder of pictures, a folder a class.")
    audio: Audio | None = Field(None, description="A folder of wav files, a folder a class.")
    python: Annotated[str, Parsed(_function, _function_schema)] | None = Field(
        None, description="A function that returns the arrays, as 'package.module:function'."
    )
    classes: Annotated[list[str] | dict[str, list[str]], Parsed(_classes, _classes_schema)] | None = Field(
        None,
        description="Names of the classes, in the order of their numbers; with several outputs, a mapping of outputs "
        "to names. Default: the folders or words of the data.",
    )

    @property
    def kind(self) -> str:
        """The loader's name."""
        return next(kind for kind in FORMS if getattr(self, kind) is not None)


DataForm = Annotated[Data, Before(_one_loader)]


class UnlabelledCsv(Keys):
    """A table without labels: every column is a value of the input, in order."""

    path: Annotated[str, Field(min_length=1, examples=["table.csv"])] = Field(description="The file.")
    target: Annotated[str, Field(min_length=1, examples=["label"])] | None = Field(
        None, description="Name of a column that is left out: the label, in a table to train on. Default: no column."
    )
    header: bool | None = Field(
        None, description="Whether the first row names the columns; default: where no cell of it is a number."
    )

    def check_together(self) -> None:
        if self.target is not None and self.header is False:
            predicate = f"has the target {self.target}, which is a name in a header, and no header"
            raise InvalidValue(predicate, "remove `target` or `header: false`")


def _one_unlabelled(value: Any) -> Any:
    if isinstance(value, dict) and "classes" in value:
        raise InvalidValue(
            "has no effect: samples for calibration have no labels", "remove `classes`", place=("classes",)
        )
    _check_loader(value if isinstance(value, dict) else {}, UNLABELLED_FORMS)
    return value


class CalibrationData(Keys):
    """Samples without labels that show the range of each tensor: one of these. Paths are relative to the spec."""

    npz: Annotated[str, Field(min_length=1)] | None = Field(
        None, description="File with an array for each input, by the input's name; of one input also `x` or `x_train`."
    )
    npy: Files | None = Field(None, description="A file, or with several inputs a mapping of their names to files.")
    csv: UnlabelledCsv | None = Field(None, description="A table, with a header or without.")
    images: Images | None = Field(
        None, description="A folder of pictures, or of folders of them; what class they belong to is ignored."
    )
    audio: Audio | None = Field(
        None, description="A folder of wav files, or of folders of them; what class they belong to is ignored."
    )
    python: Annotated[str, Parsed(_function, _function_schema)] | None = Field(
        None, description="A function that returns arrays by the names of an npz, as 'package.module:function'."
    )

    @property
    def kind(self) -> str:
        """The loader's name."""
        return next(kind for kind in UNLABELLED_FORMS if getattr(self, kind) is not None)


CalibrationForm = Annotated[CalibrationData, Before(_one_unlabelled)]
