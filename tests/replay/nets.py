"""The nets of the replay as text, and weights and ranges for them that follow from names and integers alone."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from math import prod
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from netspec.graph import Graph

FOLDER = Path(__file__).resolve().parent
REPOSITORY = FOLDER.parents[1]
SHARED_MODELS = REPOSITORY.parent / "shared" / "models"


def nets() -> dict[str, dict[str, Any]]:
    """Return the specs: those that the repository ships, and random ones, one a line of `nets.jsonl`."""
    import yaml

    found = {
        path.stem: yaml.safe_load(path.read_text(encoding="utf-8"))
        for path in sorted((REPOSITORY / "specs").glob("*.yaml"))
    }
    for line in (FOLDER / "nets.jsonl").read_text(encoding="utf-8").splitlines():
        net = json.loads(line)
        found[net["name"]] = net
    for net in found.values():
        net.pop("train", None)  # what is emitted does not depend on data that are not used
        net.get("target", {}).pop("budget", None)
    return found


def models() -> list[Path]:
    """Return the trained models to import; none where the folder beside the checkout is absent."""
    return sorted(path for path in SHARED_MODELS.glob("*") if path.suffix in (".tflite", ".h5", ".keras"))


def integers(key: str, count: int) -> NDArray[np.int64]:
    """Return `count` integers from -127 to 127, by a linear congruential generator that starts with the key's CRC."""
    values, state = np.empty(count, np.int64), crc32(key.encode())
    for index in range(count):
        state = (state * 1664525 + 1013904223) % 2**32
        values[index] = (state >> 24) % 255 - 127
    return values


def weights(graph: Graph) -> dict[tuple[str, str], NDArray[np.float32]]:
    """Return float weights that are integers over powers of two: every machine reads the same ones."""
    return dict(_weights(graph))


def _weights(graph: Graph) -> Iterator[tuple[tuple[str, str], NDArray[np.float32]]]:
    for layer in graph.layers:
        for weight in layer.weights:
            values = integers(f"{layer.name}/{weight.name}", prod(weight.shape)).astype(np.float32)
            if weight.name in ("moving_variance", "gamma"):
                values = (values + np.float32(160)) / np.float32(128)
            else:
                fan_in = max(1, prod(weight.shape[:-1]))
                values = values / np.float32(128 * 2 ** ((fan_in.bit_length() + 1) // 2))
            yield (layer.name, weight.name), values.reshape(weight.shape)


def ranges(shapes: Mapping[str, object]) -> dict[str, tuple[float, float]]:
    """Return a range for each tensor; it is not measured, since float sums differ by processor."""
    found = {}
    for name in shapes:
        low, high = (int(value) for value in integers(f"range of {name}", 2))
        found[name] = (-(low + 129) / 32, (high + 129) / 32)
    return found
