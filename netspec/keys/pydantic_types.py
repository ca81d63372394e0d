"""Declared fields and types as pydantic has them."""

from __future__ import annotations

from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import pydantic
from pydantic import TypeAdapter

from netspec.keys.declared import REQUIRED, Declared


def json_schema_of(annotation: Any) -> dict[str, Any]:
    """Return the JSON Schema of a `Parsed` key: that of a type, or what a function returns."""
    if isinstance(annotation, type) or get_origin(annotation) is not None:
        return TypeAdapter(pydantic_type(annotation)).json_schema()
    written: dict[str, Any] = annotation()
    return written


def pydantic_field(declared: Declared) -> Any:
    """Return pydantic's field of a declaration."""
    options = dict(declared.options)
    if declared.alias is not None:
        options["alias"] = declared.alias
    if declared.default_factory is not None:
        options["default_factory"] = declared.default_factory
    return pydantic.Field(**options) if declared.default is REQUIRED else pydantic.Field(declared.default, **options)


def pydantic_type(annotation: Any) -> Any:
    """Return a type with pydantic's fields in place of ours, at any depth."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        inner, *metadata = arguments
        narrowed = [pydantic_field(each) if isinstance(each, Declared) else each for each in metadata]
        return Annotated[(pydantic_type(inner), *narrowed)]
    if origin is UnionType or origin is Union:
        return Union[tuple(map(pydantic_type, arguments))]  # noqa: UP007 - of members that are only known here
    if origin in (list, dict, tuple):
        return origin[tuple(each if each is Ellipsis else pydantic_type(each) for each in arguments)]
    return annotation
