"""The command line: parse, call one stage, print, exit code. Stages are imported inside the command that runs them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from netspec.commands import completion
from netspec.commands.help import CommandLine, Commands
from netspec.running import (
    FINDINGS,
    OK,
    check_files,
    load,
    print_findings,
    print_progress,
    run,
    specs_among,
    wants_color,
)
from netspec.system.interruption import INTERRUPTED

app = CommandLine(
    name="netspec",
    cls=Commands,
    help="One YAML spec of a neural network: shapes at commit time, a Keras model, and matching CMSIS-NN firmware.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


class Format(StrEnum):
    """How results are printed."""

    text = "text"
    json = "json"


class LayerNames(StrEnum):
    """Which names of a model's layers an import keeps."""

    auto = "auto"
    keep = "keep"
    drop = "drop"


class CheckFormat(StrEnum):
    """How findings are printed."""

    text = "text"
    json = "json"
    github = "github"
    sarif = "sarif"
    junit = "junit"


FormatOption = Annotated[Format, typer.Option("--format", help="How to print the result.")]
SpecArgument = Annotated[str, typer.Argument(metavar="SPEC", help="A spec, or - for standard input.")]
CoreOption = Annotated[
    str | None,
    typer.Option(
        "--core", metavar="CORE", autocompletion=completion.cores, help="Plan for this core instead of the spec's."
    ),
]
CmsisOption = Annotated[
    Path | None,
    typer.Option("--cmsis-nn", metavar="PATH", help="Arm's CMSIS-NN to verify with; default: CMSIS_NN_PATH or a pack."),
]
RunOption = Annotated[
    str | None,
    typer.Option(
        "--run",
        metavar="CORE",
        autocompletion=completion.cores,
        help="Boot the firmware on the emulated board of this core too, compare, and count instructions.",
    ),
]


@app.command()
def check(
    specs: Annotated[
        list[str], typer.Argument(metavar="SPEC...", help="Specs, - for standard input, or folders of specs.")
    ],
    format: Annotated[
        CheckFormat,
        typer.Option(
            "--format",
            help="How to print findings: for people, programs, GitHub's annotations, code scanning, or CI's test view.",
        ),
    ] = CheckFormat.text,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings are findings too.")] = False,
    data: Annotated[
        bool,
        typer.Option(
            "--data",
            help="Hold the headers of the files in train.data and quantize.calibration.data against the spec too.",
        ),
    ] = False,
    only_specs: Annotated[
        bool,
        typer.Option(
            "--only-specs", help="Skip files without a `netspec:` key, as a commit hook that gets every YAML."
        ),
    ] = False,
    fix: Annotated[
        bool,
        typer.Option(
            "--fix",
            help="First put right what is certain, such as a misspelt key; of standard input, to standard output.",
        ),
    ] = False,
) -> None:
    """Validate specs: language, wiring, shapes, parameters, device support, budgets. Silent when clean."""
    paths = _spec_paths(specs)
    code = check_files(specs_among(paths) if only_specs else paths, format=format, strict=strict, data=data, fix=fix)
    if code:
        raise typer.Exit(code)


@app.command("explain-rule")
def explain_rule(
    rule: Annotated[
        str, typer.Argument(metavar="NAME", autocompletion=completion.rules, help="A rule, as findings name it.")
    ],
) -> None:
    """Print what a rule finds, why that is wrong, an example, and the remedy; docs/checks.md has them all."""
    from netspec.diagnostics import suggestion
    from netspec.rules import REGISTRY
    from netspec.rules.page import explained

    if rule not in REGISTRY:
        hint = suggestion(rule, REGISTRY, "the rules are").replace("`", "")
        raise typer.BadParameter(f"'{rule}' is no rule; {hint}", param_hint="NAME")
    typer.echo(explained(REGISTRY[rule]), nl=False)


@app.command()
def show(spec: SpecArgument, format: FormatOption = Format.text, core: CoreOption = None) -> None:
    """Print the table of layers: shapes, parameters, MACs, weight bytes, arena; and the totals."""
    from netspec.check import examine
    from netspec.commands.show import show_json, show_text
    from netspec.diagnostics import SpecError

    _require_core(core)
    sources: dict[str, str] = {}
    try:
        document = load(spec)
        sources[document.path] = document.text
        checked = examine(document, core)
    except SpecError as error:  # not to standard output, which somebody may parse as the table
        print_findings(error.diagnostics, sources | error.sources, sys.stderr)
        raise typer.Exit(FINDINGS) from None
    typer.echo(show_json(checked) if format is Format.json else show_text(checked))
    if checked.errors:
        print_findings([*checked.errors, *checked.warnings], sources, sys.stderr)
        raise typer.Exit(FINDINGS)


@app.command()
def explain(
    spec: SpecArgument,
    layer: Annotated[
        str | None,
        typer.Argument(
            metavar="LAYER",
            autocompletion=completion.layers_of_spec,
            help="A layer's full name; default: a paragraph for each.",
        ),
    ] = None,
    format: FormatOption = Format.text,
    core: CoreOption = None,
) -> None:
    """Print formulas and numbers of shape, parameters and MACs, the weight layouts, and the kernel that will run."""
    from netspec.commands.explain import UnknownLayerError, explain_json
    from netspec.commands.explain import explain as explain_document
    from netspec.commands.explain_text import explain_text
    from netspec.diagnostics import SpecError, suggestion

    _require_core(core)
    sources: dict[str, str] = {}
    try:
        document = load(spec)
        sources[document.path] = document.text
        explained = explain_document(document, layer, core)
    except SpecError as error:
        print_findings(error.diagnostics, sources | error.sources, sys.stderr)
        raise typer.Exit(FINDINGS) from None
    except UnknownLayerError as error:
        what = "an input, no layer" if error.is_input else "no layer of this spec"
        hint = suggestion(error.name, error.names[-40:], "the last are" if len(error.names) > 40 else "the layers are")
        raise typer.BadParameter(f"'{error.name}' is {what}; {hint}", param_hint="LAYER") from None
    typer.echo(explain_json(explained) if format is Format.json else explain_text(explained))


class DiffFormat(StrEnum):
    """How a comparison is printed."""

    text = "text"
    json = "json"
    markdown = "markdown"


@app.command()
def diff(
    specs: Annotated[
        list[str],
        typer.Argument(metavar="A [B [SPEC]]", help="Two specs, a revision and a spec, or two revisions and a spec."),
    ],
    format: Annotated[
        DiffFormat,
        typer.Option("--format", help="How to print: for people, programs, or a pull request's comment."),
    ] = DiffFormat.text,
    since: Annotated[
        str | None,
        typer.Option(
            "--since", metavar="REV", help="As a hook: each of any files that is a spec against REV; no exit code 1."
        ),
    ] = None,
) -> None:
    """Say what changed between two specs or revisions: layers, shapes, costs, which weights stay good.

    A and B are files, files of git revisions (HEAD~1:specs/net.yaml), or one of them is a revision: `netspec diff
    HEAD~1 specs/net.yaml` compares with the working tree, `netspec diff main HEAD specs/net.yaml` two revisions, and
    `netspec diff specs/net.yaml` the last commit with the working tree. `netspec diff HEAD~1` compares every spec of
    the working tree.
    """
    from netspec.diagnostics import SpecError
    from netspec.diff.command import run_diff
    from netspec.diff.git import NoSuchRevision
    from netspec.diff.since import changes_since

    try:
        if since is None:
            text, different = run_diff(specs, format, color=wants_color(sys.stdout))
        else:
            text, different = changes_since(since, specs, format, color=wants_color(sys.stdout)), False
    except SpecError as error:
        print_findings(error.diagnostics, error.sources, sys.stderr)
        raise typer.Exit(FINDINGS) from None
    except NoSuchRevision as error:
        raise typer.BadParameter(f"{error.message}{f'; {error.help}' if error.help else ''}".replace("`", "")) from None
    typer.echo(text, nl=False)
    if different:
        raise typer.Exit(FINDINGS)


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
    warm_start: Annotated[
        Path | None,
        typer.Option(
            "--warm-start",
            metavar="DIR",
            help="Start training with the weights of this build, for all layers that netspec diff says keep theirs.",
        ),
    ] = None,
    cmsis_nn: CmsisOption = None,
    core: CoreOption = None,
    run: RunOption = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Train again even where a finished build or checkpoint fits, and replace another spec's build.",
        ),
    ] = False,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on with a stopped training even where spec or data have changed since."),
    ] = False,
) -> None:
    """Check, train, quantize, emit, compile for the host, verify; into build/<name>/."""
    _require_one_beginning(weights, warm_start, force, resume)
    from netspec.artifacts.previous import WouldReplace
    from netspec.build import Options
    from netspec.build import build as run_build
    from netspec.train.checkpoint import DoesNotFit
    from netspec.train.fit import Interrupted

    _require_core(core)
    _require_core(run, "--run")
    options = Options(out, weights, cmsis_nn, core, force, warm_start, resume, run)
    try:
        result = run_build(load(str(spec)), options, print_progress)
    except Interrupted as stopped:
        print_progress(f"\n{stopped}")
        raise typer.Exit(INTERRUPTED) from None
    except WouldReplace as error:
        raise typer.BadParameter(str(error), param_hint="SPEC") from None
    except DoesNotFit as error:
        if not resume:
            raise
        raise typer.BadParameter(f"{error.message}: leave it out, which trains from the beginning",
                                 param_hint="--resume") from None  # fmt: skip
    typer.echo(result.verdict())
    if not result.agrees:
        raise typer.Exit(FINDINGS)


def _require_one_beginning(weights: Path | None, warm_start: Path | None, force: bool, resume: bool) -> None:
    """Raise for options of `build` that start training, or none, in two ways."""
    if weights is not None and warm_start is not None:
        raise typer.BadParameter("--weights are taken as they are and not trained: leave out one of the two",
                                 param_hint="--warm-start")  # fmt: skip
    if resume and (force or weights is not None):
        other = "--force starts anew" if force else "--weights are not trained"
        raise typer.BadParameter(f"{other}: leave out one of the two", param_hint="--resume")


@app.command()
def verify(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A build folder.")],
    format: FormatOption = Format.text,
    per_layer: Annotated[bool, typer.Option("--per-layer", help="Print every tensor, not only the totals.")] = False,
    spec: Annotated[
        Path | None, typer.Option("--spec", metavar="SPEC", help="The spec, if it has moved since the build.")
    ] = None,
    cmsis_nn: CmsisOption = None,
    run: RunOption = None,
) -> None:
    """Prove that a build still belongs to its spec and that the emitted C is bit-exact."""
    from netspec.verify.folder import verify_folder

    _require_core(run, "--run")
    report = verify_folder(folder, spec, cmsis_nn, print_progress, run)
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
    names: Annotated[
        LayerNames,
        typer.Option("--names", help="Names of layers: auto (without counters that hide blocks), keep, drop."),
    ] = LayerNames.auto,
) -> None:
    """Make a spec of a model, and beside it a file of the weights. Nothing in the model is executed."""
    from netspec.importers.command import WouldOverwrite, ranges_note, run_import

    try:
        spec, imported = run_import(model, out, force=force, names=names.value)
    except WouldOverwrite as error:
        raise typer.BadParameter(str(error), param_hint="--out") from None
    for note in imported.notes:
        print_progress(note)
    weights = spec.with_name(imported.weights_name)
    typer.echo(f"{spec.as_posix()}, weights in {weights.as_posix()}")
    missing = ranges_note(imported, weights)
    if missing is not None:
        typer.echo(f"warning: {missing}", err=True)


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A build folder.")],
    tflite: Annotated[
        Path | None, typer.Option("--tflite", metavar="FILE", help="Write the int8 model, for any tool of TFLite.")
    ] = None,
    keras: Annotated[Path | None, typer.Option("--keras", metavar="FILE", help="Write the float model.")] = None,
) -> None:
    """Take the models out of a build, for other tools."""
    from netspec.commands.export import export_keras, export_tflite

    if tflite is None and keras is None:
        raise typer.BadParameter("name a file with --tflite or --keras")
    if tflite is not None:
        sentence, notes = export_tflite(folder, tflite)
        typer.echo(sentence)
        for note in notes:
            typer.echo(f"warning: {note}", err=True)
    if keras is not None:
        typer.echo(export_keras(folder, keras))


@app.command()
def schema(
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write it there instead of to standard output.")
    ] = None,
) -> None:
    """Print the JSON Schema of the language: with it, editors complete, explain and check specs."""
    from netspec.docs.schema import schema_text, write_schema

    if out is None:
        typer.echo(schema_text(), nl=False)
    else:
        write_schema(out)


@app.command()
def layers(
    layer_type: Annotated[
        str | None,
        typer.Argument(
            metavar="TYPE", autocompletion=completion.layer_types, help="A type of layer; default: a line for each."
        ),
    ] = None,
    format: FormatOption = Format.text,
) -> None:
    """Print the reference of the layers: every type, its keys, defaults and limits, and what the device can run."""
    from netspec.docs.layers import UnknownType, layers_json, layers_text

    try:
        typer.echo(layers_json(layer_type) if format is Format.json else layers_text(layer_type))
    except UnknownType as error:
        raise typer.BadParameter(str(error), param_hint="TYPE") from None


@app.command()
def init(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the net is called, in YAML and in C.")],
    here: Annotated[
        bool, typer.Option("--here", help="Into the folder that one is in, instead of a new one of that name.")
    ] = False,
) -> None:
    """Make a new project: spec, data stub, pre-commit config, CI example."""
    from netspec.commands.init import CannotMakeProject, make_project

    folder = Path() if here else Path(name)
    try:
        files = make_project(name, folder)
    except CannotMakeProject as error:
        raise typer.BadParameter(str(error), param_hint="NAME") from None
    for file in files:
        typer.echo((folder / file).as_posix())
    print_progress(f"now: {'' if here else f'cd {name} && '}netspec check --data . && netspec build {name}.yaml")


@app.command()
def doctor(format: FormatOption = Format.text) -> None:
    """Say what is installed, what is missing, and the command that installs it."""
    from netspec.commands.doctor import doctor_json, doctor_text

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
        found = specs_among(str(path) for path in sorted(Path(argument).rglob("*.yaml")) if path.is_file())
        if not found:
            raise typer.BadParameter(f"the folder {argument} holds no *.yaml with a `netspec:` key", param_hint="SPEC")
        yield from found


def _require_core(core: str | None, option: str = "--core") -> None:
    from netspec.device.cmsis_nn import CORE_EXTENSIONS
    from netspec.diagnostics import suggestion
    from netspec.names.mcu_families import core_help

    if core is not None and core not in CORE_EXTENSIONS:
        chip = core_help(core)
        hint = (chip or suggestion(core, CORE_EXTENSIONS, "the cores are")).replace("`core: ", "").replace("`", "")
        raise typer.BadParameter(f"'{core}' is no core that netspec knows; {hint}", param_hint=option)


def main() -> None:
    """Parse the command line and run it; what goes wrong becomes a message and an exit code, never a traceback."""

    def parsed() -> None:
        try:
            app(prog_name="netspec")  # also where it is run as `python -m netspec`
        except typer.Abort:
            sys.exit(INTERRUPTED)

    run(parsed)
