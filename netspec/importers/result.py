"""What an import gives: a spec and its weights."""

from __future__ import annotations

from dataclasses import dataclass

from netspec.diagnostics import SpecError
from netspec.graph import Graph, build_graph
from netspec.importers.faults import refused
from netspec.spec.source import parse
from netspec.spec.spec import read


@dataclass(frozen=True, slots=True)
class Imported:
    """A spec, and the content of the weights file that it names by `weights_name`; `notes` are its head's comments."""

    name: str
    text: str
    weights_name: str
    weights: bytes
    notes: tuple[str, ...]


def weights_name(name: str) -> str:
    """Return what the weights beside a spec are called."""
    return f"{name}.weights.npz"


def graph_of(text: str) -> Graph:
    """Return the graph of a spec that an importer wrote. Raises `ModelFault` where netspec refuses the net."""
    try:
        return build_graph(read(parse(text, "imported.yaml")))
    except SpecError as error:
        raise refused(error, "the net is refused") from error
