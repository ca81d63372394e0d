"""What is wrong with the data, at the places in the spec that name it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from netspec.diagnostics import Diagnostic, SpecError, nearest
from netspec.spec.data_forms import Data
from netspec.spec.spec import Spec
from netspec.system.missing import MEND_LINK, broken_link


class Faults:
    """Collects findings about `train.data`, or data at another `place`; warnings only where they are asked for."""

    def __init__(self, spec: Spec, *, warnings: bool = False, place: tuple[str, ...] | None = None) -> None:
        self.spec, self._warnings, self._place = spec, warnings, place
        self.found: list[Diagnostic] = []

    @property
    def data(self) -> Data:
        """The data that the net is trained on."""
        assert self.spec.train is not None
        return self.spec.train.data

    def add(
        self,
        rule: str,
        message: str,
        *,
        help: str | None = None,
        key: str | None = None,
        severity: Literal["error", "warning"] = "error",
    ) -> None:
        """Note a finding at the loader's value, or at one of its keys."""
        if severity == "warning" and not self._warnings:
            return
        place = (*(self._place or ("train", "data", self.data.kind)), *((key,) if key else ()))
        span = self.spec.span(*place)
        self.found.append(Diagnostic(rule, message, span, severity, help=help, path=".".join(place)))

    def add_found(self, found: Diagnostic | None) -> None:
        """Note a finding with a place of its own, if there is one."""
        if found is not None and (found.severity == "error" or self._warnings):
            self.found.append(found)

    @property
    def validation_split(self) -> float:
        """The part of the training samples that is held back."""
        assert self.spec.train is not None
        return self.spec.train.validation_split

    def failed(self) -> bool:
        """Return whether there are errors."""
        return any(found.severity == "error" for found in self.found)

    def raise_any(self) -> None:
        """Raise `SpecError` if there are errors."""
        if self.failed():
            raise SpecError(self.found)

    def missing(self, path: Path, name: str, kind: str = "file", key: str | None = None) -> None:
        """Note that `name` is not where the spec says, and what beside it was probably meant."""
        link = broken_link(str(path), name)
        if link is not None:
            self.add("data-missing-file", link, help=MEND_LINK, key=key)
            return
        try:
            beside = [item.name for item in path.parent.iterdir() if item.name != path.name]
        except OSError:
            beside = []
        near = nearest(path.name, beside)
        hint = f"did you mean `{(Path(name).parent / near).as_posix()}`?" if near else "paths are relative to the spec"
        self.add("data-missing-file", f"there is no {kind} {name}", help=hint, key=key)


def located(spec: Spec, name: str) -> Path:
    """Return the place of a file that the spec names."""
    return Path(spec.document.path).parent / name


def reason(error: Exception) -> str:
    """Return what an exception says, in one line that may stand after a colon."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    lines = str(error).splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
