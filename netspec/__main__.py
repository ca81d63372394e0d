"""`python -m netspec`, and the command `netspec`."""

from __future__ import annotations

import os
import sys
from types import ModuleType


def main() -> None:
    """Run the command line."""
    try:
        from netspec.system.interruption import end_at_interrupt

        end_at_interrupt()
    except KeyboardInterrupt:
        os.write(2, b"interrupted\n")
        os._exit(130)
    _run()


def _run() -> None:
    command, *paths = sys.argv[1:] or [""]
    only_specs = paths[:1] == ["--only-specs"]
    paths = paths[only_specs:]
    if command == "check" and paths and all(map(_is_file, paths)):
        # What a commit hook runs at every commit has no options but one: it need not wait for what parses them, which
        # takes as long as the check of a small net.
        _skip_plugin_search()
        from netspec.running import check_files, run, specs_among

        def check() -> None:
            code = check_files(specs_among(paths) if only_specs else paths)
            sys.stdout.flush()
            os._exit(code)  # to take all modules apart in good order would take longer than the check itself

        run(check)
    else:
        from netspec.cli import main as run_command_line

        run_command_line()


def _skip_plugin_search() -> None:
    """Keep pydantic from searching the installed distributions for plugins, which alone takes a tenth of the time.

    It looks when the first model is built, through importlib.metadata and the email package. This process checks
    specs and ends; it has no use for plugins. An embedding program is not touched: it does not come through here.
    """
    loader = ModuleType("pydantic.plugin._loader")
    loader.get_plugins = tuple  # type: ignore[attr-defined]
    sys.modules[loader.__name__] = loader


def _is_file(argument: str) -> bool:
    return argument == "-" or not (argument.startswith("-") or os.path.isdir(argument))


if __name__ == "__main__":
    main()
