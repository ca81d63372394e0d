"""Layers: one class a type. `layers/registry.py` is the one list of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module

from netspec.layers.base import Layer
from netspec.layers.registry import LAYER_TYPES


class _Layers(Mapping[str, type[Layer]]):
    """Every layer class by its type."""

    def __getitem__(self, layer_type: str) -> type[Layer]:
        module, name = LAYER_TYPES[layer_type].split(".")
        found: type[Layer] = getattr(import_module(f"{__name__}.{module}"), name)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(LAYER_TYPES)

    def __len__(self) -> int:
        return len(LAYER_TYPES)


LAYERS: Mapping[str, type[Layer]] = _Layers()
