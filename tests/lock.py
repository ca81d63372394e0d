"""Take addresses out of npm's lock: `python -m tests.lock package-lock.json`, run by `make lock`."""

from __future__ import annotations

import json
import sys
from pathlib import Path


def without_addresses(text: str) -> str:
    """Return a lock without what only leads to websites (where to send money, where to report bugs)."""
    lock = json.loads(text)
    for package in lock["packages"].values():
        package.pop("funding", None)
    return json.dumps(lock, indent=2) + "\n"


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(without_addresses(path.read_text(encoding="utf-8")), encoding="utf-8")
