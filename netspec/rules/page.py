"""docs/checks.md and `netspec explain-rule`: the entries, with what each example really prints.

`python -m netspec.rules.page docs/checks.md` writes the page.
"""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys
import tempfile
from pathlib import Path
from textwrap import fill

from netspec.rules import SECTIONS
from netspec.rules.entry import SPEC, Example, Rule
from netspec.running import check_files

_HEAD = """\
# The checks

<!-- Made by `make docs` from netspec/rules: edit the entries there. A test runs every example and compares. -->

What `netspec check` and the other commands find, rule by rule. The name of the rule stands in brackets at the end of a
finding, and `netspec explain-rule NAME` prints its entry. An example is a spec called `{spec}`; below it stands what
`netspec check {spec}` prints, or the command that is named there.

`netspec check --fix` puts right what is certain: a key or layer type with one near neighbour, Keras' class names and
the names of other libraries, an option in capitals, a number or a boolean in quotes. Comments, layout and line endings
stay as they are. A finding that it would put right has a `fix` in `--format json` and `--format sarif`.

Warnings never fail a check without `--strict`. A comment silences one: `# netspec: ignore[rule]` on its line or alone
on the line above, `# netspec: ignore-file[rule]` for the whole file; a reason may follow.
"""


def page() -> str:
    """Return the whole page. Runs every example."""
    parts = [_HEAD.format(spec=SPEC)]
    parts += [_contents()]
    for title, rules in SECTIONS.items():
        parts.append(f"## {title}\n")
        parts += [_entry(rule) for rule in rules]
    return "\n".join(parts)


def explained(rule: Rule) -> str:
    """Return a rule's entry for a terminal; ends in a newline. What a build prints is left to the page."""
    example = rule.example
    lines = [f"{rule.name} ({rule.severity})", "", rule.what, rule.why, "", f"remedy: {rule.remedy}", ""]
    if example.spec is not None:
        lines += ["for example", "", *_indented(example.shown), ""]
    if example.beside:
        lines += [example.beside, ""]
    lines += [f"netspec {example.command} {example.given}", ""]
    if example.command != "build":
        lines += [*_indented(output(example)), ""]
    return "\n".join(lines[:-1]) + "\n"


def output(example: Example) -> str:
    """Return what the example's command prints on standard output, run in a folder of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path, content in example.files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        if example.spec is not None:
            spec = example.spec.encode() if isinstance(example.spec, str) else example.spec
            (folder / SPEC).write_bytes(spec)
        if example.command.startswith("check"):
            printed = io.StringIO()
            with contextlib.chdir(folder), contextlib.redirect_stdout(printed):
                check_files(example.given.split(), data="--data" in example.command)
            return printed.getvalue()
        command = [sys.executable, "-m", "netspec", example.command, example.given]
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False).stdout


def _contents() -> str:
    rows = (
        f"- {title}: {', '.join(f'[{rule.name}](#{rule.name})' for rule in rules)}" for title, rules in SECTIONS.items()
    )
    return "".join(f"{_wrapped(row, '  ')}\n" for row in rows)


def _entry(rule: Rule) -> str:
    example = rule.example
    parts = [f"### {rule.name}\n", _wrapped(f"*{rule.severity.capitalize()}.* {rule.what} {rule.why}\n")]
    if example.spec is not None:
        parts.append(f"```yaml\n{example.shown.rstrip()}\n```\n")
    if example.beside:
        parts.append(f"{example.beside}\n")
    if example.command != "check" or example.given != SPEC:
        parts.append(f"`netspec {example.command} {example.given}` prints\n")
    parts.append(f"```text\n{output(example).rstrip()}\n```\n")
    parts.append(_wrapped(f"**Remedy.** {rule.remedy}\n"))
    return "\n".join(parts)


def _wrapped(text: str, indent: str = "") -> str:
    lines = fill(text, 120, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    return lines + "\n" * text.endswith("\n")


def _indented(text: str) -> list[str]:
    return [f"    {line}".rstrip() for line in text.rstrip().split("\n")]


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8", newline="\n")
