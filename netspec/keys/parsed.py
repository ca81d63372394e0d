"""Annotations that let a function of ours read a value, or what a value is made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from netspec.keys.declared import Unsure

if TYPE_CHECKING:
    from pydantic_core import CoreSchema


class _Function:
    """An annotation that lets a function of ours read a value; it raises `ValueError` for what it refuses."""

    def __init__(self, parse: Callable[[Any], Any]) -> None:
        self.parse = parse

    def check(self, value: Any) -> Any:
        try:
            return self.parse(value)
        except ValueError:
            raise Unsure from None


class Parsed(_Function):
    """Annotates a key that a function of ours parses; `json_type` is the type that the JSON Schema shows.

    Where no type says it, `json_type` is a function that returns the schema. The function raises `ValueError` for what
    it refuses.
    """

    def __init__(self, parse: Callable[[Any], Any], json_type: Any) -> None:
        super().__init__(parse)
        self.json_type = json_type

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> CoreSchema:
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(self.parse)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: Any) -> dict[str, Any]:
        from netspec.keys.pydantic_types import json_schema_of

        return json_schema_of(self.json_type)


class Before(_Function):
    """Annotates a key of which a function of ours makes what the rest of the annotation then takes."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> CoreSchema:
        from pydantic_core import core_schema

        return core_schema.no_info_before_validator_function(self.parse, handler(source))
