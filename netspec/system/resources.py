"""Where the files that are not Python lie: templates and hand-written firmware."""

from __future__ import annotations

from pathlib import Path

from netspec.diagnostics import ToolError

_PACKAGE = Path(__file__).resolve().parent.parent


def templates_dir() -> Path:
    """Return the folder of the jinja2 templates.

    Raises ToolError when the installation carries none.
    """
    return _folder("templates", _PACKAGE)


def firmware_dir() -> Path:
    """Return the folder of the C sources that emitted code links with.

    Raises ToolError when the installation carries none.
    """
    return _folder("firmware", _PACKAGE)


def _folder(name: str, package: Path) -> Path:
    # What lies beside an installed package is site-packages, where a folder `templates` may be anybody's; a
    # checkout is told from that by its pyproject.toml.
    in_wheel = package / "_data" / name
    if in_wheel.is_dir():
        return in_wheel
    checkout = package.parent
    if (checkout / "pyproject.toml").is_file() and (checkout / name).is_dir():
        return checkout / name
    raise ToolError(
        f"this installation of netspec has no folder '{name}', looked in {in_wheel} and {checkout / name}",
        help="install it again: pip install --force-reinstall netspec-mcu",
    )
