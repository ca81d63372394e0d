"""Operators of a .tflite file that netspec has nothing for: what they are, and what to do instead."""

from __future__ import annotations

from collections.abc import Collection

from netspec.importers.faults import ModelFault
from netspec.importers.tflite.reader import FileModel, FileOperator

_STREAMS = (
    "it keeps a state from one inference to the next; a spec's net starts each anew, so unroll it into convolutions"
)
_RECURRENT = "use conv1d over the steps; a recurrent net can be imported from its .keras file, for training alone"
_KNOWN_KINDS = {
    "ethos": "the file was compiled for an Ethos-U; import the .tflite that Vela was given",
    "lstm": _RECURRENT,
    "rnn": _RECURRENT,
    "svdf": _STREAMS,
    "var_handle": _STREAMS,
    "read_variable": _STREAMS,
    "assign_variable": _STREAMS,
    "call_once": _STREAMS,
    ", while,": f"converters make such loops of recurrent layers; {_RECURRENT}",
}
"""What to do about an operator, by a part of its name."""
_CALLS = ("CALL", "CALL_ONCE", "IF", "WHILE")


def unknown_operator(operator: FileOperator, model: FileModel, known: Collection[str]) -> ModelFault:
    """Return the fault of an operator without a counterpart, with the tensors that it writes; help lists `known`."""
    written = ", ".join(model.tensors[index].shown for index in operator.outputs)
    message = f"{operator.shown} has no counterpart on the device; it writes {written or 'nothing'}"
    listed = f"netspec imports {', '.join(sorted(known))}" if known else None
    return ModelFault(message, known_help(operator) or listed)


def known_help(operator: FileOperator) -> str | None:
    """Return what to do about an operator of a kind that people often have."""
    return next((help for name, help in _KNOWN_KINDS.items() if name in operator.shown.lower()), None)


def leads_to_subgraphs(operator: FileOperator) -> bool:
    """Say whether an operator runs another subgraph of the file."""
    return operator.kind in _CALLS
