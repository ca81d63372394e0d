"""The cases of a folder beside the checkout that tests import; where it is not there, they skip."""

from __future__ import annotations

from pathlib import Path

import pytest

_FOLDER = Path(__file__).resolve().parents[3] / "shared" / "cases"


def shared_case(name: str) -> Path:
    """Return a file of a case, as FOLDER/FILE; skips, saying so, where the folder of cases is absent."""
    path = _FOLDER / name
    if not path.is_file():
        pytest.skip(f"the folder ../shared/cases beside the checkout has no {name}")
    return path
