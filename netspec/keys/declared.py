"""How keys are declared: `Field` as pydantic has it, and what a class of keys answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

if TYPE_CHECKING:
    from typing import Self

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


class DeclaredKey(Protocol):
    """One key of a class, as far as a model needs to know it."""

    @property
    def annotation(self) -> Any: ...

    @property
    def declared(self) -> Declared: ...


class Reader:
    """A class that is read from a mapping of plain data."""

    keys: ClassVar[Mapping[str, DeclaredKey]] = {}  # by the attribute's name, in order

    @classmethod
    def read(cls, data: Any) -> Self:
        """Return the value of the data. Raises `Unsure` where pydantic may find a fault in it."""
        raise NotImplementedError

    @classmethod
    def model_construct(cls, **values: Any) -> Self:
        """Return a value without any check, by the attributes' names; what is left out has its default."""
        raise NotImplementedError

    def check_together(self) -> None:
        """Raise `ValueError` where values that are right by themselves do not go together."""
