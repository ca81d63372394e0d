"""The pydantic model of a class of keys: it finds what is wrong with a mapping, and the JSON Schema is made of it.

Nothing on the way of a spec without faults comes here: see `netspec.keys.keys`.
"""

from __future__ import annotations

from types import UnionType, new_class
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

import pydantic
from pydantic import BaseModel, ConfigDict, TypeAdapter
from pydantic_core import CoreSchema, core_schema

from netspec.keys.declared import REQUIRED, Declared
from netspec.keys.keys import Keys

Value = TypeVar("Value", bound=Keys)


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", defer_build=True, protected_namespaces=())


_MODELS: dict[type[Keys], type[BaseModel]] = {}
_ADAPTERS: dict[type[Keys], TypeAdapter[Any]] = {}


def model_of(keys: type[Keys]) -> type[BaseModel]:
    """Return a class's model: the same name, docstring and keys, in the same order."""
    if keys not in _MODELS:
        _MODELS[keys] = _made(keys)
    return _MODELS[keys]


def _made(keys: type[Keys]) -> type[BaseModel]:
    namespace: dict[str, Any] = {
        "__module__": keys.__module__,
        "__qualname__": keys.__qualname__,
        "__doc__": keys.__doc__,
        "__annotations__": {name: _pydantic_type(key.annotation) for name, key in keys.keys.items()},
    }
    for name, key in keys.keys.items():
        declared = key.declared
        if declared.options or declared.alias or declared.default_factory:
            namespace[name] = _pydantic_field(declared)
        elif declared.default is not REQUIRED:
            namespace[name] = declared.default
    made: type[BaseModel] = new_class(keys.__name__, (_Model,), exec_body=lambda body: body.update(namespace))
    return made


def judge(keys: type[Value], data: Any) -> Value:
    """Return what pydantic makes of a mapping. Raises its `ValidationError`."""
    if keys not in _ADAPTERS:
        _ADAPTERS[keys] = TypeAdapter(keys)
    made: Value = _ADAPTERS[keys].validate_python(data)
    return made


def core_schema_of(keys: type[Keys], handler: Any) -> CoreSchema:
    """Return the schema of a class where it is the type of a key: its model's, and of that an instance of the class."""

    def convert(model: BaseModel) -> Keys:
        made = keys.model_construct(**{name: getattr(model, name) for name in keys.keys})
        made.check_together()
        return made

    return core_schema.no_info_after_validator_function(convert, handler.generate_schema(model_of(keys)))


def json_schema_of(annotation: Any) -> dict[str, Any]:
    """Return the JSON Schema of a `Parsed` key: that of a type, or what a function returns."""
    if isinstance(annotation, type) or get_origin(annotation) is not None:
        return TypeAdapter(_pydantic_type(annotation)).json_schema()
    written: dict[str, Any] = annotation()
    return written


def _pydantic_field(declared: Declared) -> Any:
    options = dict(declared.options)
    if declared.alias is not None:
        options["alias"] = declared.alias
    if declared.default_factory is not None:
        options["default_factory"] = declared.default_factory
    return pydantic.Field(**options) if declared.default is REQUIRED else pydantic.Field(declared.default, **options)


def _pydantic_type(annotation: Any) -> Any:
    """Return a type with pydantic's fields in place of ours, at any depth."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        inner, *metadata = arguments
        narrowed = [_pydantic_field(each) if isinstance(each, Declared) else each for each in metadata]
        return Annotated[(_pydantic_type(inner), *narrowed)]
    if origin is UnionType or origin is Union:
        return Union[tuple(map(_pydantic_type, arguments))]  # noqa: UP007 - of members that are only known here
    if origin in (list, dict, tuple):
        return origin[tuple(each if each is Ellipsis else _pydantic_type(each) for each in arguments)]
    return annotation
