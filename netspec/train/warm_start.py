"""Training that begins with the weights of an earlier build: layers are matched as `netspec diff` matches them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from netspec.artifacts.manifest import KERAS_FILE, SPEC_COPY, STORED_FILE, read_manifest
from netspec.diagnostics import ToolError
from netspec.diff.compare import Fate, fates
from netspec.diff.match import match
from netspec.diff.net import Net
from netspec.diff.words import MOST_ROWS, weights_summary
from netspec.graph import Graph, build_graph
from netspec.system.files import file_sha256

if TYPE_CHECKING:
    from netspec.spec.source import Document
    from netspec.train.weights import Weights


@dataclass(frozen=True, slots=True, eq=False)
class WarmStart:
    """The weights that layers keep from a build, by their new names; `digest` is of these, `fates` of all layers."""

    folder: Path
    weights: Weights
    digest: str
    fates: tuple[Fate, ...]

    def told(self) -> Iterator[str]:
        """Yield lines that say which layers keep their weights, and why others do not."""
        yield f"starting with the weights of {self.folder.as_posix()}: {weights_summary(self.fates)}"
        renamed = [f"{each.before} -> {each.layer}" for each in self.fates if each.kept and each.before != each.layer]
        if renamed:
            yield f"  under new names: {', '.join(renamed[:MOST_ROWS])}"
        for each in [each for each in self.fates if not each.kept][:MOST_ROWS]:
            yield f"  {each.layer} starts fresh: {each.reason}"


def find_warm_start(folder: Path, document: Document, graph: Graph) -> WarmStart:
    """Return what a finished build has for the layers of a graph.

    Raises `ToolError` for a folder that is no finished build, or none with a float model, and for one whose spec or
    model is not the one that it was built of; `SpecError` for weights that are not what its spec says.
    """
    from netspec.train.weights import read_weights, weights_digest

    before = _built_net(folder)
    found = fates(match(before, Net(document, graph, None, ())))
    arrays = read_weights(folder / KERAS_FILE, before.graph)
    weights = {
        (fate.layer, weight.name): arrays[fate.before, weight.name]
        for fate in found
        if fate.before is not None
        for weight in before.layers[fate.before].weights
    }
    return WarmStart(folder, weights, weights_digest(weights), found)


def _built_net(folder: Path) -> Net:
    """Return the net that a build folder holds the weights of."""
    from netspec.spec.source import load
    from netspec.spec.spec import read

    manifest = read_manifest(folder)
    again = "build it again with `netspec build`"
    if STORED_FILE in manifest.files:
        raise ToolError(f"{folder} was built of imported integers, which cannot be trained", "start with another build")
    for name in (SPEC_COPY, KERAS_FILE):
        path = folder / name
        if name not in manifest.files or not path.is_file():
            raise ToolError(f"{folder} has no {name}, without which its weights belong to no layers", again)
        if file_sha256(path) != manifest.files[name]:
            raise ToolError(f"{path} is not what was built there", again)
    document = load(folder / SPEC_COPY)
    return Net(document, build_graph(read(document)), None, ())
