"""How keys are declared: `Field` as pydantic has it, and functions of ours that parse a value."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import Self

    from pydantic_core import CoreSchema

REQUIRED: Any = object()
"""The default of a key that has none."""


class Unsure(Exception):
    """A value that only pydantic can judge."""


Check = Callable[[Any], Any]
"""Returns what pydantic would make of a value in strict mode, or raises `Unsure`."""


class Declared:
    """What `Field` was given: `options` are those of pydantic's function of that name."""

    __slots__ = ("alias", "default", "default_factory", "options")

    def __init__(
        self, default: Any, default_factory: Callable[[], Any] | None, alias: str | None, options: dict[str, Any]
    ) -> None:
        self.default = default
        self.default_factory = default_factory
        self.alias = alias
        self.options = options


def Field(  # noqa: N802 - it stands where pydantic's stands
    default: Any = REQUIRED,
    *,
    default_factory: Callable[[], Any] | None = None,
    alias: str | None = None,
    description: str | None = None,
    examples: list[Any] | None = None,
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
    lt: float | None = None,
    min_length: int | None = None,
    pattern: str | None = None,
    json_schema_extra: dict[str, Any] | None = None,
) -> Any:
    """Declare a key, or in `Annotated` narrow a type, as pydantic's function of that name does."""
    given = {
        "description": description,
        "examples": examples,
        "ge": ge,
        "gt": gt,
        "le": le,
        "lt": lt,
        "min_length": min_length,
        "pattern": pattern,
        "json_schema_extra": json_schema_extra,
    }
    options = {option: value for option, value in given.items() if value is not None}
    return Declared(default, default_factory, alias, options)


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
        from netspec.keys.models import json_schema_of

        return json_schema_of(self.json_type)


class Before(_Function):
    """Annotates a key of which a function of ours makes what the rest of the annotation then takes."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> CoreSchema:
        from pydantic_core import core_schema

        return core_schema.no_info_before_validator_function(self.parse, handler(source))


class Reader:
    """A class that is read from a mapping of plain data."""

    @classmethod
    def read(cls, data: Any) -> Self:
        """Return the value of the data. Raises `Unsure` where pydantic may find a fault in it."""
        raise NotImplementedError
