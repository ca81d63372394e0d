"""What the layers of a functional model are called with: tensors, and for operations their other arguments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from netspec.importers.faults import MalformedModel
from netspec.importers.keras.operations import READ

Tensor = tuple[str, int]
"""A layer's key and the number of its output."""

_DEEPEST = 16
_CONSTANT = "_CONSTANT_VALUE"
"""What Keras 2 writes in the place of a layer's name where a number comes first, as in `1 - x`."""


@dataclass(frozen=True, slots=True)
class Call:
    """The tensors that a layer reads, in order; of an operation also its arguments, with `READ` in their places."""

    reads: tuple[Tensor, ...]
    arguments: tuple[Any, ...] = ()
    keywords: Mapping[str, Any] = field(default_factory=dict)


def history(node: Any, depth: int) -> Iterator[Tensor]:
    """Yield the tensors that a call of Keras 3 was given, in order."""
    if depth > _DEEPEST:
        raise MalformedModel("the arguments of a layer are nested too deep")
    if isinstance(node, dict):
        if node.get("class_name") == "__keras_tensor__":
            yield _tensor(node)
            return
        for value in node.values():
            yield from history(value, depth + 1)
    elif isinstance(node, list):
        for value in node:
            yield from history(value, depth + 1)


def operation_call(node: Any, shown: str) -> Call:
    """Return the arguments of an operation; a tensor may be in the place of any."""
    reads: list[Tensor] = []
    if isinstance(node, dict):
        arguments = _without_tensors(node.get("args") or [], reads, 0)
        keywords = _without_tensors(node.get("kwargs") or {}, reads, 0)
    else:
        arguments, keywords = _of_keras_2(node, reads, shown)
    if not isinstance(arguments, list) or not isinstance(keywords, dict):
        raise MalformedModel(f"{shown} is called in a way that Keras does not write")
    return Call(tuple(reads), tuple(arguments), keywords)


def _without_tensors(value: Any, reads: list[Tensor], depth: int) -> Any:
    """Return arguments of Keras 3 with `READ` in the place of tensors, which are appended to `reads`."""
    if depth > _DEEPEST:
        raise MalformedModel("the arguments of a layer are nested too deep")
    if isinstance(value, dict):
        if value.get("class_name") == "__keras_tensor__":
            reads.append(_tensor(value))
            return READ
        return {key: _without_tensors(item, reads, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_tensors(item, reads, depth + 1) for item in value]
    return value


def _of_keras_2(node: Any, reads: list[Tensor], shown: str) -> tuple[list[Any], dict[str, Any]]:
    """Return the first argument, a tensor or a list of them, and the others by name."""
    entries = [node] if isinstance(node, list) and node and isinstance(node[0], str) else node
    if not isinstance(entries, list) or not all(isinstance(each, list) and len(each) >= 3 for each in entries):
        raise MalformedModel(f"{shown} is called in a way that Keras does not write")
    first: list[Any] = []
    keywords: dict[str, Any] = {}
    for entry in entries:
        if entry[0] == _CONSTANT:
            first.append(entry[2])
        elif isinstance(entry[0], str) and isinstance(entry[2], int):
            reads.append((entry[0], entry[2]))
            first.append(READ)
        else:
            raise MalformedModel(f"{shown} is wired in a way that Keras does not write")
        given = entry[3] if len(entry) > 3 else {}
        if not isinstance(given, dict):
            raise MalformedModel(f"{shown} is called in a way that Keras does not write")
        keywords |= given
    for key, value in keywords.items():
        if _is_reference(value):
            reads.append((value[0], value[2]))
            keywords[key] = READ
    return (first if len(first) == 1 else [first]), keywords


def _is_reference(value: Any) -> bool:
    """Say whether an argument is [layer, node, tensor]."""
    return (
        isinstance(value, list)
        and len(value) in (3, 4)
        and isinstance(value[0], str)
        and all(isinstance(each, int) and not isinstance(each, bool) for each in value[1:3])
    )


def _tensor(node: Mapping[str, Any]) -> Tensor:
    config = node.get("config")
    parts = config.get("keras_history") if isinstance(config, dict) else None
    if not isinstance(parts, list) or len(parts) != 3 or not isinstance(parts[0], str) or not isinstance(parts[2], int):
        raise MalformedModel("a tensor's history is no layer, node and number")
    return parts[0], parts[2]
