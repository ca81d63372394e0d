"""`python -m netspec`, and the command `netspec`."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command line."""
    command, *paths = sys.argv[1:] or [""]
    if command == "check" and paths and all(map(_is_file, paths)):
        # What a commit hook runs at every commit has no options: it need not wait for what parses them, which takes
        # as long as the check of a small net.
        from netspec.running import check_files, run

        def check() -> None:
            code = check_files(paths)
            sys.stdout.flush()
            os._exit(code)  # to take all modules apart in good order would take longer than the check itself

        run(check)
    else:
        from netspec.cli import main as run_command_line

        run_command_line()


def _is_file(argument: str) -> bool:
    return argument == "-" or not (argument.startswith("-") or os.path.isdir(argument))


if __name__ == "__main__":
    main()
