"""The pydantic model of a class of keys: it finds what is wrong with a mapping, and the JSON Schema is made of it.

Nothing on the way of a spec without faults comes here: see `netspec.keys.keys`.
"""

from __future__ import annotations

from types import new_class
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter
from pydantic_core import CoreSchema, core_schema

from netspec.keys.declared import REQUIRED, Reader
from netspec.keys.pydantic_types import pydantic_field, pydantic_type

Value = TypeVar("Value", bound=Reader)


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", defer_build=True, protected_namespaces=())


_MODELS: dict[type[Reader], type[BaseModel]] = {}
_ADAPTERS: dict[type[Reader], TypeAdapter[Any]] = {}


def model_of(keys: type[Reader]) -> type[BaseModel]:
    """Return a class's model: the same name, docstring and keys, in the same order."""
    if keys not in _MODELS:
        _MODELS[keys] = _made(keys)
    return _MODELS[keys]


def _made(keys: type[Reader]) -> type[BaseModel]:
    namespace: dict[str, Any] = {
        "__module__": keys.__module__,
        "__qualname__": keys.__qualname__,
        "__doc__": keys.__doc__,
        "__annotations__": {name: pydantic_type(key.annotation) for name, key in keys.keys.items()},
    }
    for name, key in keys.keys.items():
        declared = key.declared
        if declared.options or declared.alias or declared.default_factory:
            namespace[name] = pydantic_field(declared)
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


def core_schema_of(keys: type[Reader], handler: Any) -> CoreSchema:
    """Return the schema of a class where it is the type of a key: its model's, and of that an instance of the class."""

    def convert(model: BaseModel) -> Reader:
        made = keys.model_construct(**{name: getattr(model, name) for name in keys.keys})
        made.check_together()
        return made

    return core_schema.no_info_after_validator_function(convert, handler.generate_schema(model_of(keys)))
