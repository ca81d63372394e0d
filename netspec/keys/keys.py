"""Frozen values whose keys are declared as pydantic's fields are, and read without it where they are plainly right.

To import pydantic and to build its models takes longer than all the rest of a check. So a mapping is first read
here, by checks (`netspec.keys.certain`) that accept only what pydantic certainly accepts too, and as the same value.
What they leave is pydantic's to judge: every fault is found by the class's model (`netspec.keys.models`), which is
made of the same declarations, and which the JSON Schema comes from too. Tests hold the two together.

Names that begin with `model_` mean what they mean in pydantic.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, dataclass_transform, get_origin

from netspec.keys.certain import check_of, narrowed
from netspec.keys.declared import REQUIRED, Check, Declared, Field, Reader, Unsure
from netspec.keys.parsed import Before, Parsed

if TYPE_CHECKING:
    from typing import Self

    from pydantic.fields import FieldInfo
    from pydantic_core import CoreSchema

__all__ = ["Before", "Field", "Key", "Keys", "Parsed", "Unsure"]


class Key:
    """One key of a class. `written` is its name in a spec, `name` that of the attribute."""

    __slots__ = ("_annotation", "_module", "check", "declared", "name", "written")

    def __init__(self, name: str, annotation: Any, module: str, declared: Declared) -> None:
        self.name = name
        self.written = declared.alias or name
        self.declared = declared
        self.check: Check = self._first
        self._annotation = annotation
        self._module = module

    @property
    def annotation(self) -> Any:
        """The type; as text, which it is in most modules, it is evaluated when it is first asked for."""
        if isinstance(self._annotation, str):
            self._annotation = eval(self._annotation, vars(sys.modules[self._module]))
        return self._annotation

    def _first(self, value: Any) -> Any:
        """Make the check when a spec first has the key: most keys are left out of most specs."""
        self.check = narrowed(check_of(self.annotation), self.declared)
        return self.check(value)


class _ModelFields:
    """The fields of a class's model: pydantic's own, for those who ask for types, examples and descriptions."""

    def __get__(self, instance: Keys | None, owner: type[Keys]) -> dict[str, FieldInfo]:
        from netspec.keys.models import model_of

        return model_of(owner).model_fields


def _own_keys(owner: type) -> dict[str, Key | None]:
    """Return the keys that a class declares itself; None for one of its bases' that it takes back with a `ClassVar`."""
    found: dict[str, Key | None] = {}
    for name, annotation in owner.__dict__.get("__annotations__", {}).items():  # noqa: RUF063 - `inspect` takes long
        if get_origin(annotation) is ClassVar or (isinstance(annotation, str) and annotation.startswith("ClassVar")):
            found[name] = None
            continue
        given = owner.__dict__.get(name, REQUIRED)
        if given is not REQUIRED:
            delattr(owner, name)  # a class answers for its types, an instance for its values
        declared = given if isinstance(given, Declared) else Declared(given, None, None, {})
        found[name] = Key(name, annotation, owner.__module__, declared)
    return found


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(Field,))
class Keys(Reader):
    """A frozen value that is equal to another of its class with the same values."""

    keys: ClassVar[Mapping[str, Key]] = {}  # by the attribute's name, in order
    model_fields: ClassVar[_ModelFields] = _ModelFields()
    _own: ClassVar[Mapping[str, Key | None]] = {}
    _by_written: ClassVar[Mapping[str, Key]] = {}
    _defaults: ClassVar[Mapping[str, Any]] = {}
    _factories: ClassVar[Mapping[str, Callable[[], Any]]] = {}

    def __init_subclass__(cls) -> None:
        cls._own = _own_keys(cls)
        found: dict[str, Key | None] = {}
        for each in reversed(cls.__mro__):  # pydantic's order
            found.update(each.__dict__.get("_own", {}))
        keys = {name: key for name, key in found.items() if key is not None}
        cls.keys = keys
        cls._by_written = {key.written: key for key in keys.values()}
        cls._defaults = {n: k.declared.default for n, k in keys.items() if k.declared.default is not REQUIRED}
        cls._factories = {n: f for n, k in keys.items() if (f := k.declared.default_factory) is not None}

    if not TYPE_CHECKING:  # type checkers make the signature of the keys

        def __init__(self, **keys: Any) -> None:
            self.__dict__.update(self.model_validate(keys).__dict__)

    @classmethod
    def model_construct(cls, **values: Any) -> Self:
        made = object.__new__(cls)
        made.__dict__.update(cls._defaults)
        made.__dict__.update({name: factory() for name, factory in cls._factories.items()})
        made.__dict__.update(values)
        return made

    @classmethod
    def read(cls, data: Any) -> Self:
        """Return the value of a mapping of plain data. Raises `Unsure` where pydantic may find a fault in it."""
        if type(data) is not dict:
            raise Unsure
        known, values = cls._by_written, dict(cls._defaults)
        for written, value in data.items():
            key = known.get(written)
            if key is None:
                raise Unsure
            values[key.name] = key.check(value)
        for name, factory in cls._factories.items():
            if name not in values:
                values[name] = factory()
        if len(values) < len(known):
            raise Unsure
        made = object.__new__(cls)
        made.__dict__.update(values)
        try:
            made.check_together()
        except ValueError:
            raise Unsure from None
        return made

    @classmethod
    def model_validate(cls, data: Any) -> Self:
        """Return the value of a mapping of plain data. Raises pydantic's `ValidationError` with every fault."""
        try:
            return cls.read(data)
        except Unsure:
            from netspec.keys.models import judge

            return judge(cls, data)

    def model_copy(self, *, update: Mapping[str, Any]) -> Self:
        """Return the value with some attributes changed, without any check."""
        return self.model_construct(**(self.__dict__ | dict(update)))

    def model_dump(
        self,
        *,
        mode: Literal["python", "json"] = "python",
        by_alias: bool = False,
        exclude: Collection[str] = (),
        exclude_none: bool = False,
    ) -> dict[str, Any]:
        """Return the values as plain data, by the attributes' names or, `by_alias`, as a spec has them.

        In mode json tuples become lists. `exclude` are attributes that are left out.
        """

        def plain(value: Any) -> Any:
            if isinstance(value, Keys):
                return value.model_dump(mode=mode, by_alias=by_alias, exclude_none=exclude_none)
            if isinstance(value, dict):
                return {each: plain(item) for each, item in value.items()}
            if isinstance(value, list | tuple):
                return (list if mode == "json" else type(value))(plain(item) for item in value)
            return value

        return {
            key.written if by_alias else name: plain(value)
            for name, key in self.keys.items()
            if name not in exclude and not ((value := getattr(self, name)) is None and exclude_none)
        }

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> CoreSchema:
        from netspec.keys.models import core_schema_of

        return core_schema_of(cls, handler)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen: {name} cannot be set")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen: {name} cannot be deleted")

    def __eq__(self, other: object) -> bool:
        return self.__dict__ == other.__dict__ if type(self) is type(other) else NotImplemented

    def __hash__(self) -> int:
        return hash((type(self), *(getattr(self, name) for name in self.keys)))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={getattr(self, name)!r}' for name in self.keys)})"
