"""Checks of values that accept nothing of which it is not certain that pydantic accepts it, and as the same value.

They cover the types that keys have, as pydantic's strict mode takes them. A test compares the two for every key.
"""

from __future__ import annotations

import re
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from netspec.keys.declared import Check, Declared, Reader, Unsure
from netspec.keys.parsed import Before, Parsed


def check_of(annotation: Any) -> Check:
    """Return the check of a type; of one that is not known here, the check that is never sure."""
    plain = _PLAIN.get(annotation) if isinstance(annotation, type) else None
    if plain is not None:
        return plain
    if annotation is Any:
        return _anything
    if isinstance(annotation, type) and issubclass(annotation, Reader):
        return annotation.read
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _annotated(arguments[0], arguments[1:])
    if origin is UnionType or origin is Union:
        return _union([_none if each is NoneType else check_of(each) for each in arguments])
    if origin is Literal and all(type(each) is str for each in arguments):
        return _literal(frozenset(arguments))
    if origin is list:
        return _list(check_of(arguments[0]))
    if origin is dict and arguments[0] is str:
        return _dict(check_of(arguments[1]))
    return _never


def _annotated(inner: Any, metadata: tuple[Any, ...]) -> Check:
    """Return the check of a type with what narrows it: each takes what the ones before it give."""
    last = max((index for index, each in enumerate(metadata) if isinstance(each, Parsed)), default=None)
    if last is None:
        check, rest = check_of(inner), metadata
    else:  # it takes the value itself, whatever stands before it
        check, rest = metadata[last].check, metadata[last + 1 :]
    for each in rest:
        if isinstance(each, Declared):
            check = narrowed(check, each)
        elif isinstance(each, Before):
            check = _after(each.check, check)
        else:
            return _never
    return check


def _after(first: Check, second: Check) -> Check:
    return lambda value: second(first(value))


def narrowed(check: Check, declared: Declared) -> Check:
    """Return a check that also keeps to bounds, a least length and a pattern."""
    options = declared.options
    ge, gt, le, lt = (options.get(bound) for bound in ("ge", "gt", "le", "lt"))
    least, pattern = options.get("min_length"), options.get("pattern")
    if {"ge", "gt", "le", "lt"} & options.keys():
        check = _bounded(check, ge, gt, le, lt)
    if least is not None:
        check = _long_enough(check, least)
    if pattern is not None:
        check = _matching(check, pattern)
    return check


def _bounded(check: Check, ge: float | None, gt: float | None, le: float | None, lt: float | None) -> Check:
    def bounded(value: Any) -> Any:
        number = check(value)
        if (
            type(number) in (int, float)
            and (ge is None or number >= ge)
            and (gt is None or number > gt)
            and (le is None or number <= le)
            and (lt is None or number < lt)
        ):
            return number
        raise Unsure

    return bounded


def _long_enough(check: Check, least: int) -> Check:
    def long_enough(value: Any) -> Any:
        found = check(value)
        if type(found) in (str, list) and len(found) >= least:
            return found
        raise Unsure

    return long_enough


def _matching(check: Check, pattern: str) -> Check:
    search = re.compile(pattern).search

    def matching(value: Any) -> Any:
        text = check(value)
        # Of texts like these alone Python's expressions and those of pydantic, which are Rust's, say the same.
        if type(text) is str and text.isascii() and text.isprintable() and search(text):
            return text
        raise Unsure

    return matching


def _never(value: Any) -> Any:
    raise Unsure


def _anything(value: Any) -> Any:
    return value


def _integer(value: Any) -> int:
    if type(value) is int:
        return value
    raise Unsure


def _number(value: Any) -> float:
    if type(value) is float:
        return value
    if type(value) is int and -(2**63) <= value < 2**64:  # as no file has larger ones, so no float overflows
        return float(value)
    raise Unsure


def _truth(value: Any) -> bool:
    if type(value) is bool:
        return value
    raise Unsure


def _text(value: Any) -> str:
    if type(value) is str:
        return value
    raise Unsure


def _none(value: Any) -> None:
    if value is not None:
        raise Unsure


_PLAIN: dict[type, Check] = {int: _integer, float: _number, bool: _truth, str: _text}


def _literal(choices: frozenset[str]) -> Check:
    def literal(value: Any) -> Any:
        if type(value) is str and value in choices:
            return value
        raise Unsure

    return literal


def _list(item: Check) -> Check:
    def items(value: Any) -> list[Any]:
        if type(value) is list:
            return [item(each) for each in value]
        raise Unsure

    return items


def _dict(item: Check) -> Check:
    def entries(value: Any) -> dict[str, Any]:
        if type(value) is dict:
            return {_text(key): item(each) for key, each in value.items()}
        raise Unsure

    return entries


def _union(branches: list[Check]) -> Check:
    def union(value: Any) -> Any:
        accepted = []
        for branch in branches:
            try:
                accepted.append(branch(value))
            except Unsure:
                continue
        if len(accepted) != 1:  # of several pydantic takes the nearest
            raise Unsure
        return accepted[0]

    return union
