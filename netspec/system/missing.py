"""Why a file that is named is not there, and what to do about it."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator


def broken_link(path: str, shown: str | None = None) -> str | None:
    """Return what is wrong where a path leads over a symbolic link to nothing; None where no link is at fault.

    `shown` is the path as messages print it.
    """
    name = path if shown is None else shown
    for part, told in _parts(path, name):
        if not os.path.islink(part) or os.path.exists(part):
            continue
        try:
            os.stat(part)
        except OSError as error:
            if error.errno == errno.ELOOP:
                return f"{told} is a symbolic link that leads back to itself"
        target = os.readlink(part)
        beyond = os.path.join(os.path.dirname(part), target)
        through = f" by way of {target}" if os.path.islink(beyond) else ""
        end = os.path.relpath(os.path.realpath(part), os.path.realpath(os.path.dirname(part)))
        return f"{told} is a symbolic link to {end if through else target}{through}, which is not there"
    return None


def _parts(path: str, shown: str) -> Iterator[tuple[str, str]]:
    """Yield the folders that a path leads through and at last itself, each as it is and as it is shown."""
    above, above_shown = os.path.dirname(path), os.path.dirname(shown)
    if above_shown and above and above != path:
        yield from _parts(above, above_shown)
    yield path, shown


MEND_LINK = "mend the link, or name another file"
