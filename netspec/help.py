"""How the command line explains itself: pages of help, and what was probably meant by a wrong word.

Typer parses. The pages are written here, from the same declarations and `netspec/manual.py`, so that they read the
same whatever version of Typer there is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import Enum
from textwrap import fill
from typing import Any

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from netspec.manual import GROUPS, MANUAL

# Typer brings its own copy of click since 0.26, and depends on click before: the class is reached without its module.
_UsageError: Any = typer.BadParameter.__mro__[1]

_NAME_WIDTH = 26  # columns; a longer name gets a line of its own
_HELP_HELP = "Print this page."


class CommandLine(typer.Typer):
    """A Typer whose commands explain themselves as this module has it."""

    def command(self, *names: Any, **settings: Any) -> Callable[..., Any]:
        return super().command(*names, cls=Command, **settings)


class Command(TyperCommand):
    """A command with its page of help, and a hint where an option is misspelt."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        arguments = [_argument_usage(each) for each in self.params if isinstance(each, TyperArgument)]
        return [*arguments, "[OPTION]..."]

    def format_help(self, ctx: Any, formatter: Any) -> None:
        page = MANUAL[self.name or ""]
        writer = _Writer(formatter)
        self.format_usage(ctx, formatter)
        for paragraph in (_unwrapped(self.help or ""), *page.details):
            writer.paragraph(paragraph)
        writer.definitions("Arguments", _argument_rows(self))
        writer.definitions("Options", _option_rows(self, ctx))
        writer.definitions("Exit codes", [(str(code), meaning) for code, meaning in sorted(page.exits.items())])
        writer.lines("Examples", [line for example in page.examples for line in (f"# {example.what}", example.command)])

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        with _hints(self, ctx):
            return super().parse_args(ctx, args)


class Commands(TyperGroup):
    """All commands, listed by what one wants to do, and a hint where a command is misspelt."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        return ["COMMAND [ARGUMENT]... [OPTION]..."]

    def format_help(self, ctx: Any, formatter: Any) -> None:
        page = MANUAL[""]
        writer = _Writer(formatter)
        self.format_usage(ctx, formatter)
        for paragraph in (_unwrapped(self.help or ""), *page.details):
            writer.paragraph(paragraph)
        for title, names in GROUPS.items():
            writer.definitions(title, [(name, _summary(self.commands[name].help or "")) for name in names])
        writer.definitions("Options", _option_rows(self, ctx))
        writer.definitions("Exit codes", [(str(code), meaning) for code, meaning in sorted(page.exits.items())])
        writer.lines("Examples", [line for example in page.examples for line in (f"# {example.what}", example.command)])

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        with _hints(self, ctx):
            return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and not args[0].startswith("-") and args[0] not in self.commands and not ctx.resilient_parsing:
            ctx.fail(f"there is no command '{args[0]}'; {_suggestion(args[0], self.commands, 'the commands are')}")
        return super().resolve_command(ctx, args)


@contextmanager
def _hints(command: Any, ctx: Any) -> Iterator[None]:
    """Say of a wrong option or value what was probably meant, in our own words."""
    try:
        yield
    except _UsageError as error:
        wrong = getattr(error, "option_name", None)
        if type(error).__name__ == "NoSuchOption" and wrong:
            known = [name for each in _options(command, ctx) for name in (*each.opts, *each.secondary_opts)]
            long = [name for name in known if name.startswith("--")]
            ctx.fail(f"there is no option '{wrong}'; {_suggestion(wrong, long, 'the options are')}")
        choices = _choices(getattr(error, "param", None))
        prefix, quote, rest = error.message.partition("'")
        value, end, _ = rest.partition("' is not one of ")
        if choices and quote and end and prefix in ("", "Value error, "):
            error.message = f"'{value}' is none of them; {_suggestion(value, choices, 'they are')}"
        raise


def _suggestion(word: str, candidates: Sequence[str] | Any, known: str) -> str:
    from netspec.diagnostics import suggestion

    return suggestion(word, candidates, known).replace("`", "")


# ------------------------------------------------------------------------------------------------------- pages


class _Writer:
    """Writes sections into a page; width comes from the terminal, 80 columns at most."""

    def __init__(self, formatter: Any) -> None:
        self._formatter = formatter
        self._width: int = formatter.width

    def paragraph(self, text: str) -> None:
        self._formatter.write("\n" + fill(text, self._width, initial_indent="  ", subsequent_indent="  ") + "\n")

    def definitions(self, title: str, rows: Sequence[tuple[str, str]]) -> None:
        if not rows:
            return
        column = min(_NAME_WIDTH, max(len(name) for name, _ in rows if len(name) <= _NAME_WIDTH)) + 4
        self._formatter.write(f"\n{title}:\n")
        for name, text in rows:
            lead = f"  {name}".ljust(column)
            if len(lead) > column:
                self._formatter.write(f"{lead}\n")
                lead = " " * column
            self._formatter.write(fill(text, self._width, initial_indent=lead, subsequent_indent=" " * column) + "\n")

    def lines(self, title: str, lines: Sequence[str]) -> None:
        if lines:
            self._formatter.write(f"\n{title}:\n" + "".join(f"  {line}\n" for line in lines))


def _unwrapped(text: str) -> str:
    return " ".join(text.split())


def _summary(text: str) -> str:
    """Return the first sentence of a docstring, without its period."""
    return _unwrapped(text).partition(". ")[0].rstrip(".")


def _argument_usage(argument: TyperArgument) -> str:
    name = argument.metavar or (argument.name or "").upper()
    return name if argument.required else f"[{name}]"


def _argument_rows(command: Any) -> list[tuple[str, str]]:
    return [
        (each.metavar or (each.name or "").upper(), each.help or "")
        for each in command.params
        if isinstance(each, TyperArgument)
    ]


def _options(command: Any, ctx: Any) -> list[TyperOption]:
    return [each for each in command.get_params(ctx) if isinstance(each, TyperOption) and not each.hidden]


def _option_rows(command: Any, ctx: Any) -> list[tuple[str, str]]:
    return [_option_row(each) for each in _options(command, ctx)]


def _option_row(option: TyperOption) -> tuple[str, str]:
    name = ", ".join(option.opts)
    choices = _choices(option)
    value = "|".join(choices) if choices else option.metavar or ""
    text = _HELP_HELP if option.opts == ["--help"] else option.help or ""
    if choices and isinstance(option.default, Enum):
        text = f"{text} Default: {option.default.value}."
    return (f"{name} {value}".rstrip(), text)


def _choices(param: Any) -> list[str]:
    """Return the values that an option can have, where its type is an enumeration."""
    default = getattr(param, "default", None)
    return [str(each.value) for each in type(default)] if isinstance(default, Enum) else []
