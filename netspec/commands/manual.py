"""What the help pages say beyond the declarations in netspec/cli.py: more words, exit codes, examples. Only texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

_USAGE = {2: "wrong command line"}
_FAILURE = {3: "netspec or a tool that it runs failed; standard error says what"}


@dataclass(frozen=True, slots=True)
class Example:
    """A command line, and what somebody wants who types it."""

    what: str
    command: str


@dataclass(frozen=True, slots=True)
class Page:
    """What follows a command's docstring, and what its exit codes mean."""

    details: tuple[str, ...] = ()
    exits: Mapping[int, str] = field(default_factory=dict)
    examples: tuple[Example, ...] = ()


def _exits(ok: str, findings: str = "") -> dict[int, str]:
    return {0: ok} | ({1: findings} if findings else {}) | _USAGE | _FAILURE


_A_FAULTY_SPEC = "a spec has errors, told on standard error"
_DRIFT = "something differs: the build is not to be trusted"

GROUPS: Mapping[str, tuple[str, ...]] = {
    "Write a spec": ("init", "check", "explain-rule", "show", "explain", "diff", "layers", "schema"),
    "Make firmware of it": ("build", "verify", "export"),
    "Begin with a model": ("import",),
    "The installation": ("doctor",),
}
"""The commands as `netspec --help` lists them."""

MANUAL: Mapping[str, Page] = {
    "": Page(
        details=(
            "A command prints its result to standard output and its progress to standard error. `netspec COMMAND "
            "--help` explains a command; `netspec --install-completion` teaches the shell to complete them.",
        ),
        exits=_exits("clean", "findings: the spec is wrong, two specs differ, or a build does not agree"),
        examples=(
            Example("a new project, with a net that builds", "netspec init gate"),
            Example("what is wrong with these specs, if anything", "netspec check specs"),
            Example("firmware", "netspec build specs/digits.yaml"),
        ),
    ),
    "init": Page(
        details=(
            "The project is a small net that tells three wave forms apart, a script that makes its data, and the "
            "settings of pre-commit, GitHub Actions and git. It passes check, build and a commit as it is; put your "
            "own net and data in their places. Nothing is ever overwritten.",
        ),
        exits={0: "made", 2: "wrong command line, or a file is there already"} | _FAILURE,
        examples=(
            Example("in a new folder `gate`", "netspec init gate"),
            Example("in this folder", "netspec init gate --here"),
        ),
    ),
    "check": Page(
        details=(
            "All that is wrong is told in one run, each with its place, a rule name and a remedy. `netspec "
            "explain-rule` says more of a rule. A warning does not fail a run, except with --strict; a comment "
            "`# netspec: ignore[RULE]` on its line silences it.",
        ),
        exits=_exits("no errors", "errors, or with --strict any finding"),
        examples=(
            Example("every spec in a folder", "netspec check specs"),
            Example("mend what is certain, then check", "netspec check --fix specs/kws.yaml"),
            Example("annotations in a pull request", "netspec check --format github specs"),
            Example("what is in git, not in the folder", "git show HEAD:specs/kws.yaml | netspec check -"),
        ),
    ),
    "explain-rule": Page(
        exits={0: "printed"} | _USAGE,
        examples=(Example("what a finding means that ends in [budget-ram]", "netspec explain-rule budget-ram"),),
    ),
    "show": Page(
        details=(
            "Weight bytes and arena are those of the emitted firmware: batch norms and activations fold into the layer "
            "before them. The totals count parameters as Keras' summary does.",
            "A net that breaks a budget, or that its core cannot run, is printed all the same; what is wrong with it "
            "goes to standard error.",
        ),
        exits=_exits("printed", _A_FAULTY_SPEC),
        examples=(
            Example("the table", "netspec show specs/digits.yaml"),
            Example("would it fit another core?", "netspec show --core cortex-m0 specs/digits.yaml"),
            Example("for a program", "netspec show --format json specs/digits.yaml"),
        ),
    ),
    "explain": Page(
        exits=_exits("printed", _A_FAULTY_SPEC),
        examples=(
            Example("every layer", "netspec explain specs/digits.yaml"),
            Example("one layer, by its name in `netspec show`", "netspec explain specs/digits.yaml strokes"),
        ),
    ),
    "diff": Page(
        exits=_exits("the nets are the same", f"they differ, or {_A_FAULTY_SPEC}"),
        examples=(
            Example("what I changed since the last commit", "netspec diff HEAD specs/kws.yaml"),
            Example(
                "what a branch costs, for its pull request", "netspec diff --format markdown main HEAD specs/kws.yaml"
            ),
            Example("two files", "netspec diff specs/kws.yaml specs/kws_small.yaml"),
            Example(
                "what a commit hook prints of the files that it is given", "netspec diff --since HEAD specs/kws.yaml"
            ),
        ),
    ),
    "layers": Page(
        exits={0: "printed"} | _USAGE,
        examples=(Example("every type", "netspec layers"), Example("one type and its keys", "netspec layers conv2d")),
    ),
    "schema": Page(
        exits=_exits("printed, or written"),
        examples=(Example("completion and hover text in an editor", "netspec schema --out netspec.schema.json"),),
    ),
    "build": Page(
        details=(
            "Training can be stopped with Ctrl-C and goes on where it was. What a finished build already holds is "
            "not trained again. The same spec, data and versions give the same bytes.",
        ),
        exits=_exits("built, and every implementation agrees to the bit", f"the spec has errors, or {_DRIFT}")
        | {130: "stopped; the same command goes on"},
        examples=(
            Example("into build/digits", "netspec build specs/digits.yaml"),
            Example("with weights that exist", "netspec build --weights digits.keras specs/digits.yaml"),
            Example(
                "what did not change need not be learned again",
                "netspec build --warm-start build/old specs/digits.yaml",
            ),
            Example("verified with Arm's kernels too", "netspec build --cmsis-nn ~/CMSIS-NN specs/digits.yaml"),
            Example("booted on an emulated Cortex-M4 too", "netspec build --run cortex-m4 specs/digits.yaml"),
        ),
    ),
    "verify": Page(
        details=(
            "A reference, TensorFlow Lite Micro and the compiled C run on the same inputs, and every tensor of every "
            "layer is compared; one differing bit fails. Then all files are made again and compared by their bytes.",
        ),
        exits=_exits("the build belongs to its spec and is bit-exact", _DRIFT),
        examples=(
            Example("a build folder", "netspec verify build/digits"),
            Example("every tensor", "netspec verify --per-layer build/digits"),
            Example("on an emulated board, and what it costs there", "netspec verify --run cortex-m4 build/digits"),
        ),
    ),
    "export": Page(
        exits=_exits("written"),
        examples=(Example("for any tool that reads TFLite", "netspec export build/digits --tflite digits.tflite"),),
    ),
    "import": Page(
        details=("The spec names the file of weights, so that `netspec build` of it does not train.",),
        exits=_exits("written", "the model holds what a spec cannot say; each is told"),
        examples=(
            Example("kws.yaml and its weights, here", "netspec import kws.keras"),
            Example("somewhere else", "netspec import kws_int8.tflite --out specs/kws.yaml"),
            Example("with every name of its layers", "netspec import kws.keras --names keep"),
        ),
    ),
    "doctor": Page(
        exits={0: "told, whatever is missing"} | _USAGE,
        examples=(Example("before asking for help", "netspec doctor"),),
    ),
}
"""A page for each command, by name; the one without a name is of netspec itself."""
