"""The trained models that some tests import: a folder beside the checkout; where it is not there, they skip."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "models"


def shared_model(name: str) -> Path:
    """Return a model's file; skips, saying so, where the folder of models is absent."""
    path = FOLDER / name
    if not path.is_file():
        pytest.skip(f"the folder ../shared/models beside the checkout has no {name}")
    return path


def known_input(shape: tuple[int, ...]) -> NDArray[np.int8]:
    """Return the input whose outputs the models' README gives: the high bytes of a linear congruential generator."""
    values = np.empty(int(np.prod(shape)), np.uint32)
    state = 1
    for index in range(values.size):
        state = (state * 1664525 + 1013904223) % 2**32
        values[index] = state >> 24
    return values.astype(np.uint8).view(np.int8).reshape((1, *shape))
