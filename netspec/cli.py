"""The command line: parse, call one stage, print, exit code. Stages are imported inside the command that runs them.

Exit codes: 0 clean, 1 findings, 2 usage, 3 internal or tool failure. Standard output is the result, standard error
is progress.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterable
from enum import StrEnum
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn, TextIO

import typer

if TYPE_CHECKING:
    from netspec.diagnostics import Diagnostic, ToolError
    from netspec.source import Document

OK, FINDINGS, USAGE, FAILURE = 0, 1, 2, 3
INTERRUPTED = 130  # 128 + SIGINT, as shells have it

app = typer.Typer(
    name="netspec",
    help="One YAML spec of a neural network: shapes at commit time, a Keras model, and matching CMSIS-NN firmware.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


class Format(StrEnum):
    """How results are printed."""

    text = "text"
    json = "json"


FormatOption = Annotated[Format, typer.Option("--format", help="How to print the result.")]
SpecArgument = Annotated[str, typer.Argument(metavar="SPEC", help="A spec, or - for standard input.")]
CoreOption = Annotated[
    str | None, typer.Option("--core", metavar="CORE", help="Plan for this core instead of the spec's.")
]
CmsisOption = Annotated[
    Path | None,
    typer.Option("--cmsis-nn", metavar="PATH", help="Arm's CMSIS-NN to verify with; default: CMSIS_NN_PATH or a pack."),
]


@app.command()
def check(
    specs: Annotated[
        list[str], typer.Argument(metavar="SPEC...", help="Specs, - for standard input, or folders of specs.")
    ],
    format: FormatOption = Format.text,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings are findings too.")] = False,
) -> None:
    """Validate specs: language, wiring, shapes, parameters, device support, budgets. Silent when clean."""
    from netspec.check import check as check_document
    from netspec.diagnostics import SpecError, render_json

    found: list[Diagnostic] = []
    sources: dict[str, str] = {}
    for path in _spec_paths(specs):
        try:
            document = _load(path)
            sources[document.path] = document.text
            found += check_document(document).warnings
        except SpecError as error:
            sources |= error.sources
            found += error.diagnostics
    if format is Format.json:
        typer.echo(render_json(found), nl=False)
    elif found:
        _print_findings(found, sources, sys.stdout)
    if any(strict or diagnostic.severity == "error" for diagnostic in found):
        raise typer.Exit(FINDINGS)


@app.command()
def show(spec: SpecArgument, format: FormatOption = Format.text, core: CoreOption = None) -> None:
    """Print the table of layers: shapes, parameters, MACs, weight bytes, arena; and the totals."""
    from netspec.check import check as check_document
    from netspec.diagnostics import SpecError
    from netspec.show import show_json, show_text

    _require_core(core)
    sources: dict[str, str] = {}
    try:
        document = _load(spec)
        sources[document.path] = document.text
        checked = check_document(document, core)
    except SpecError as error:  # not to standard output, which somebody may parse as the table
        _print_findings(error.diagnostics, sources | error.sources, sys.stderr)
        raise typer.Exit(FINDINGS) from None
    typer.echo(show_json(checked) if format is Format.json else show_text(checked))


@app.command()
def build(
    spec: Annotated[Path, typer.Argument(metavar="SPEC", help="The spec to build.")],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="The build folder; default: build/<name>.")
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option("--weights", metavar="FILE", help="Take these weights (.npz, .keras, .weights.h5); do not train."),
    ] = None,
    cmsis_nn: CmsisOption = None,
    core: CoreOption = None,
    force: Annotated[
        bool, typer.Option("--force", help="Train again even where a finished build or checkpoint fits.")
    ] = False,
) -> None:
    """Check, train, quantize, emit, compile for the host, verify; into build/<name>/."""
    from netspec.build import Options
    from netspec.build import build as run_build
    from netspec.train.fit import Interrupted

    _require_core(core)
    try:
        result = run_build(_load(str(spec)), Options(out, weights, cmsis_nn, core, force), _progress)
    except Interrupted as stopped:
        _progress(f"\n{stopped}")
        raise typer.Exit(INTERRUPTED) from None
    typer.echo(result.verdict())
    if not result.agrees:
        raise typer.Exit(FINDINGS)


@app.command()
def verify(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A build folder.")],
    format: FormatOption = Format.text,
    per_layer: Annotated[bool, typer.Option("--per-layer", help="Print every tensor, not only the totals.")] = False,
    spec: Annotated[
        Path | None, typer.Option("--spec", metavar="SPEC", help="The spec, if it has moved since the build.")
    ] = None,
    cmsis_nn: CmsisOption = None,
) -> None:
    """Prove that a build still belongs to its spec and that the emitted C is bit-exact."""
    from netspec.verify.folder import verify_folder

    report = verify_folder(folder, spec, cmsis_nn, _progress)
    typer.echo(report.to_json() if format is Format.json else report.to_text(per_layer=per_layer))
    if not report.agrees:
        raise typer.Exit(FINDINGS)


@app.command("import")
def import_(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A .keras, .h5 or .tflite file.")],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="SPEC", help="The spec to write; default: NAME.yaml here.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the spec and its weights.")] = False,
) -> None:
    """Make a spec of a model, and beside it a file of the weights. Nothing in the model is executed."""
    from netspec.importers.command import WouldOverwrite, run_import

    try:
        spec, imported = run_import(model, out, force=force)
    except WouldOverwrite as error:
        raise typer.BadParameter(str(error), param_hint="--out") from None
    for note in imported.notes:
        _progress(note)
    typer.echo(f"{spec.as_posix()}, weights in {spec.with_name(imported.weights_name).as_posix()}")


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A build folder.")],
    tflite: Annotated[
        Path | None, typer.Option("--tflite", metavar="FILE", help="Write the int8 model, for any tool of TFLite.")
    ] = None,
    keras: Annotated[Path | None, typer.Option("--keras", metavar="FILE", help="Write the float model.")] = None,
) -> None:
    """Take the models out of a build, for other tools."""
    from netspec.export import export_keras, export_tflite

    if tflite is None and keras is None:
        raise typer.BadParameter("name a file with --tflite or --keras")
    if tflite is not None:
        typer.echo(export_tflite(folder, tflite))
    if keras is not None:
        typer.echo(export_keras(folder, keras))


@app.command()
def doctor(format: FormatOption = Format.text) -> None:
    """Say what is installed, what is missing, and the command that installs it."""
    from netspec.doctor import doctor_json, doctor_text

    typer.echo(doctor_json() if format is Format.json else doctor_text())


@app.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        from netspec import __version__

        typer.echo(f"netspec {__version__}")
        raise typer.Exit(OK)


def _spec_paths(arguments: Iterable[str]) -> Iterable[str]:
    """Yield files; a folder stands for all its *.yaml that hold a `netspec:` key."""
    for argument in arguments:
        if argument == "-" or not os.path.isdir(argument):
            yield argument
            continue
        found = [str(path) for path in sorted(Path(argument).rglob("*.yaml")) if _holds_spec(path)]
        if not found:
            raise typer.BadParameter(f"the folder {argument} holds no *.yaml with a `netspec:` key", param_hint="SPEC")
        yield from found


def _holds_spec(path: Path) -> bool:
    try:
        return any(line.startswith(b"netspec:") for line in path.read_bytes().splitlines())
    except OSError:
        return False


def _load(path: str) -> Document:
    """Read a spec, from standard input where its path is `-`."""
    from netspec.source import load, parse

    return parse(sys.stdin.buffer.read(), "<stdin>") if path == "-" else load(path)


def _require_core(core: str | None) -> None:
    from netspec.device.cmsis_nn import CORE_EXTENSIONS
    from netspec.diagnostics import nearest

    if core is not None and core not in CORE_EXTENSIONS:
        near = nearest(core, CORE_EXTENSIONS)
        hint = f"did you mean {near}?" if near else f"the cores are {', '.join(CORE_EXTENSIONS)}"
        raise typer.BadParameter(f"'{core}' is no core that netspec knows; {hint}", param_hint="--core")


def _color(stream: TextIO) -> bool:
    return stream.isatty() and not os.environ.get("NO_COLOR")


def _print_findings(found: Iterable[Diagnostic], sources: dict[str, str], stream: TextIO) -> None:
    from netspec.diagnostics import render_text

    typer.echo(render_text(found, sources, color=_color(stream)), stream, nl=False, color=True)


def _progress(line: str) -> None:
    typer.echo(line, err=True)


def _fail(error: ToolError) -> NoReturn:
    typer.echo(f"error: {error.message}", err=True)
    if error.help:
        typer.echo(f"  = help: {error.help}", err=True)
    sys.exit(FAILURE)


def main() -> None:
    """Run the command line; what goes wrong becomes a message and an exit code, never a traceback."""
    # What imports and specs make stays until the end. Looking for garbage in it took a tenth of a short check's time
    # and most of a long one's.
    gc.set_threshold(100_000, 50, 100)
    # Pydantic would look through every installed distribution for plugins that change how it validates.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that cannot show a character still gets a line
    try:
        _guarded(app)
    finally:
        gc.freeze()  # the interpreter would look through all of it once more before it ends


def _guarded(run: Callable[[], object]) -> None:
    from netspec.diagnostics import SpecError, ToolError

    try:
        run()
    except SpecError as error:
        sources = {path: text for path in {d.span.path for d in error.diagnostics} if (text := _text_of(path))}
        _print_findings(error.diagnostics, sources | error.sources, sys.stdout)
        sys.exit(FINDINGS)
    except ToolError as error:
        _fail(error)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FAILURE)
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(INTERRUPTED)
    except Exception as error:
        if os.environ.get("NETSPEC_TRACEBACK"):
            raise
        typer.echo(f"internal error: {type(error).__name__}: {error}", err=True)
        typer.echo("  = help: please report it with the spec; NETSPEC_TRACEBACK=1 prints where it happened", err=True)
        sys.exit(FAILURE)


def _text_of(path: str) -> str | None:
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return None
