"""How the command line explains itself: pages of help, and what was probably meant by a wrong word.

Typer parses. The pages are written here, from the same declarations and `netspec/commands/manual.py`, so that they
read the same whatever version of Typer there is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import Enum
from inspect import cleandoc
from textwrap import fill
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from netspec.commands.manual import GROUPS, MANUAL, Page

# Typer once depended on click and now brings a copy of it: this class is in both, in another module.
_UsageError: Any = typer.BadParameter.__mro__[1]

_NAME_WIDTH = 26  # columns; a longer name gets a line of its own


class CommandLine(typer.Typer):
    """A Typer whose commands explain themselves as this module has it."""

    def command(self, *names: Any, **settings: Any) -> Callable[..., Any]:
        return super().command(*names, cls=Command, **settings)


class Command(TyperCommand):
    """A command with its page of help, and a hint where an option is misspelt."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        return [*(_name(each) if each.required else f"[{_name(each)}]" for each in _arguments(self)), "[OPTION]..."]

    def format_help(self, ctx: Any, formatter: Any) -> None:
        arguments = [(_name(each), each.help) for each in _arguments(self)]
        _write_page(self, ctx, formatter, MANUAL.get(self.name or "", Page()), {"Arguments": arguments})

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        with _hints(self, ctx):
            _refuse_repeated(self, ctx, args)
            return super().parse_args(ctx, args)


class Commands(TyperGroup):
    """All commands, listed by what one wants to do, and a hint where a command is misspelt."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        return ["COMMAND [ARGUMENT]... [OPTION]..."]

    def format_help(self, ctx: Any, formatter: Any) -> None:
        known: Any = self.commands
        groups = {
            title: [(name, _summary(known[name].help)) for name in names if name in known]
            for title, names in GROUPS.items()
        }
        _write_page(self, ctx, formatter, MANUAL[""], groups)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        with _hints(self, ctx):
            return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and not args[0].startswith("-") and args[0] not in self.commands and not ctx.resilient_parsing:
            ctx.fail(f"there is no command '{args[0]}'; {_suggestion(args[0], self.commands, 'the commands are')}")
        return super().resolve_command(ctx, args)


def _refuse_repeated(command: Any, ctx: Any, args: Sequence[str]) -> None:
    """Refuse an option that takes one value and is given several: all but the last would be dropped in silence."""
    if ctx.resilient_parsing:  # completion, of what is not finished
        return
    _, _, given = command.make_parser(ctx).parse_args(args=list(args))
    for each in _options(command, ctx):
        if given.count(each) > 1 and not each.multiple and not each.is_flag:
            ctx.fail(f"{each.opts[0]} takes one value, and is given {given.count(each)} times")


@contextmanager
def _hints(command: Any, ctx: Any) -> Iterator[None]:
    """Say of a wrong option or value what was probably meant, in our own words."""
    try:
        yield
    except _UsageError as error:
        wrong = getattr(error, "option_name", None)
        if type(error).__name__ == "NoSuchOption" and wrong:
            long = [name for each in _options(command, ctx) for name in each.opts if name.startswith("--")]
            ctx.fail(f"there is no option '{wrong}'; {_suggestion(wrong, long, 'the options are')}")
        choices = _choices(getattr(error, "param", None))
        prefix, quote, rest = error.message.partition("'")
        value, end, _ = rest.partition("' is not one of ")
        if choices and quote and end and prefix in ("", "Value error, "):
            error.message = f"'{value}' is none of them; {_suggestion(value, choices, 'they are')}"
        raise


def _suggestion(word: str, candidates: Iterable[str], known: str) -> str:
    from netspec.diagnostics import suggestion

    return suggestion(word, candidates, known).replace("`", "")


# ------------------------------------------------------------------------------------------------------- pages


def _write_page(
    command: Any, ctx: Any, formatter: Any, page: Page, sections: Mapping[str, Sequence[tuple[str, str]]]
) -> None:
    width: int = formatter.width  # the terminal's, 80 columns at most
    command.format_usage(ctx, formatter)
    for text in (*(" ".join(each.split()) for each in cleandoc(command.help).split("\n\n")), *page.details):
        formatter.write(
            "\n" + fill(text, width, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False) + "\n"
        )
    options = [_option_row(each) for each in _options(command, ctx)]
    exits = [(str(code), meaning) for code, meaning in sorted(page.exits.items())]
    for title, rows in {**sections, "Options": options, "Exit codes": exits}.items():
        if rows:
            formatter.write(f"\n{title}:\n" + "".join(_definitions(rows, width)))
    if page.examples:
        formatter.write("\nExamples:\n")
    for example in page.examples:
        formatter.write(f"  # {example.what}\n  {example.command}\n")


def _definitions(rows: Sequence[tuple[str, str]], width: int) -> Iterator[str]:
    """Yield lines with the names in one column and what they mean in another."""
    column = 4 + max((len(name) for name, _ in rows if len(name) <= _NAME_WIDTH), default=0)
    for name, text in rows:
        lead = f"  {name}".ljust(column)
        if len(lead) > column:
            yield f"{lead}\n"
            lead = " " * column
        yield fill(text, width, initial_indent=lead, subsequent_indent=" " * column, break_on_hyphens=False) + "\n"


def _summary(text: str) -> str:
    """Return the first sentence of a docstring, without its period."""
    return " ".join(text.split()).partition(". ")[0].rstrip(".")


def _name(argument: Any) -> str:
    return str(argument.metavar or argument.name.upper())


def _arguments(command: Any) -> list[Any]:
    return [each for each in command.params if each.param_type_name == "argument"]


def _options(command: Any, ctx: Any) -> list[Any]:
    return [each for each in command.get_params(ctx) if each.param_type_name == "option" and not each.hidden]


def _option_row(option: Any) -> tuple[str, str]:
    choices = _choices(option)
    value = "|".join(choices) if choices else option.metavar or ""
    text = "Print this page." if "--help" in option.opts else option.help
    if choices:
        text += f" Default: {option.default.value}."
    return (f"{', '.join(option.opts)} {value}".rstrip(), text)


def _choices(param: Any) -> list[str]:
    """Return the values that an option can have, where its default is of an enumeration."""
    default = getattr(param, "default", None)
    return [str(each.value) for each in type(default)] if isinstance(default, Enum) else []
