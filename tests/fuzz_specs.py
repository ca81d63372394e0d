"""Fuzzing of the reader, the language and the checks: mutations of real specs, of bytes, and random text.

    python tests/fuzz_specs.py [--inputs N] [--seed N] [--keep FOLDER]

Each input is checked in this process in one of the formats, and some are explained or put right. A finding is an
exception, or a command that takes more than `SECONDS` of processor time, or more memory than `MIB` beside what the
program itself takes; its input is kept in the folder. Ends with 1 where there is one. What is found becomes a case in
tests/cases.
"""

from __future__ import annotations

import argparse
import io
import os
import random
import re
import resource
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout, suppress
from functools import partial
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY))

from netspec.check import examine  # noqa: E402
from netspec.commands.explain import explain, explain_json  # noqa: E402
from netspec.commands.explain_text import explain_text  # noqa: E402
from netspec.commands.show import show_json, show_text  # noqa: E402
from netspec.diagnostics import SpecError, ToolError  # noqa: E402
from netspec.diff.compare import compare  # noqa: E402
from netspec.diff.net import net_of  # noqa: E402
from netspec.diff.render import render  # noqa: E402
from netspec.running import check_files  # noqa: E402
from netspec.spec.source import load  # noqa: E402

SECONDS = 2.0
MIB = 200

_TOKEN = re.compile(r"\$\{[^}\n]*\}|[A-Za-z_$][\w$]*|-?\d+(?:\.\d+)?|[^\w\s]|\n *| +")
_ODD = (
    "", "0", "-1", "1e400", "99999999999999999999", "9223372036854775807", "0.0", "-0.5", "[]", "{}", "~", "null",
    "true", "''", '"\\x00"', "$x", "$input", "${1//0}", "${((1", "$$", "&a b", "*a", "<<: *a", "!t 3", "|", ">", "? ",
    ": ", "- ", "\t", "\r", "\ufeff", "\x00", "é", "長", "\U0001f600", "\u202e", "%YAML 1.1", "---", "...",
    "# netspec: ignore[]", "[[[[[[[[", "x" * 300, "1" * 300, "repeat: {times: 3, layers: [relu]}", "from: [x, x]",
    "name: x", "1KiB", "4096GiB",
)  # fmt: skip

_ALPHABETS = ("[]{},:- \n'\"#&*!|>%@`?", "abc:- \n\t", "\0\x01\x7f\ufeff\u2028aé長", "0123456789.eE+-_:\n")

Mutate = Callable[[random.Random, str, list[str]], str]


def corpus() -> list[str]:
    """Return the text of every spec of the repository, cases included."""
    paths = [*(REPOSITORY / "specs").rglob("*.yaml"), *(REPOSITORY / "tests" / "cases").rglob("*.yaml")]
    found = (path.read_bytes().decode("utf-8", "replace") for path in sorted(paths))
    return [text for text in found if len(text) < 20_000]


def change_tokens(chance: random.Random, text: str, texts: list[str]) -> str:
    """Drop, double, swap or replace a few tokens, by odd ones or by those of another spec."""
    tokens = _TOKEN.findall(text) or [""]
    others = _TOKEN.findall(chance.choice(texts)) or [""]
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        at = chance.randrange(len(tokens))
        match chance.randrange(6):
            case 0:
                tokens[at] = ""
            case 1:
                tokens[at] *= 2
            case 2:
                other = chance.randrange(len(tokens))
                tokens[at], tokens[other] = tokens[other], tokens[at]
            case 3:
                tokens[at] = chance.choice(_ODD)
            case _:
                tokens[at] = chance.choice(others)
    return "".join(tokens)


def change_lines(chance: random.Random, text: str, texts: list[str]) -> str:
    """Drop, double, move, indent lines, or take some of another spec."""
    lines = text.split("\n")
    for _ in range(chance.choice((1, 1, 2, 5))):
        at = chance.randrange(len(lines))
        match chance.randrange(5):
            case 0:
                del lines[at : at + chance.randrange(1, 4)]
                lines = lines or [""]
            case 1:
                lines[at:at] = lines[at : at + chance.randrange(1, 6)] * chance.choice((1, 1, 2, 100))
            case 2:
                lines.insert(chance.randrange(len(lines)), lines.pop(at))
            case 3:
                lines[at] = " " * chance.randrange(8) + lines[at].lstrip()
            case _:
                others = chance.choice(texts).split("\n")
                begin = chance.randrange(len(others))
                lines[at:at] = others[begin : begin + chance.randrange(1, 8)]
    return "\n".join(lines)


def change_numbers(chance: random.Random, text: str, texts: list[str]) -> str:
    """Give numbers other values, small, large and odd ones."""
    values = (
        "0",
        "1",
        "2",
        "-1",
        "7",
        "255",
        "256",
        "65536",
        "1000000",
        "2147483648",
        "9223372036854775807",
        "0.5",
        "1e9",
    )
    return re.sub(r"\b\d+\b", lambda each: chance.choice(values) if chance.random() < 0.15 else each[0], text)


def change_names(chance: random.Random, text: str, texts: list[str]) -> str:
    """Misspell words, or put one in the place of another."""
    words = re.findall(r"[A-Za-z_]\w+", text) or ["a"]

    def other(match: re.Match[str]) -> str:
        if chance.random() > 0.05:
            return match[0]
        at = chance.randrange(len(match[0]))
        return chance.choice(
            (match[0][:at] + match[0][at + 1 :], match[0] + "s", match[0].upper(), chance.choice(words))
        )

    return re.sub(r"[A-Za-z_]\w+", other, text)


def change_bytes(chance: random.Random, text: str, texts: list[str]) -> str:
    data = bytearray(text.encode("utf-8", "replace") or b"a")
    for _ in range(chance.choice((1, 1, 2, 4, 20))):
        at = chance.randrange(len(data))
        data[at : at + chance.randrange(2)] = bytes(chance.randrange(256) for _ in range(chance.randrange(1, 3)))
    return data.decode("utf-8", "surrogateescape")


def random_text(chance: random.Random, text: str, texts: list[str]) -> str:
    alphabet = chance.choice(
        ("[]{},:- \n'\"#&*!|>%@`?", "abc:- \n\t", "\0\x01\x7f\ufeff\u2028aé長", "0123456789.eE+-_:\n")
    )
    made = "".join(chance.choice(alphabet) for _ in range(chance.randrange(1, 400)))
    return f"{text[: chance.randrange(len(text) + 1)]}{made}" if chance.random() < 0.5 else made


MUTATIONS: tuple[Mutate, ...] = (
    change_tokens, change_tokens, change_tokens, change_lines, change_lines, change_numbers, change_names,
    change_bytes, random_text,
)  # fmt: skip


def mutated(chance: random.Random, texts: list[str]) -> bytes:
    text = chance.choice(texts)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        text = chance.choice(MUTATIONS)(chance, text, texts)
    return text.encode("utf-8", "surrogateescape" if chance.random() < 0.9 else "replace")


def commands(chance: random.Random, path: str) -> Iterator[Callable[[], object]]:
    """Yield the commands to run on a file: check in some format, and at times the others that read it."""
    format = chance.choice(("text", "text", "json", "sarif", "github", "junit"))
    yield lambda: check_files([path], format=format)
    if chance.random() < 0.2:
        yield lambda: check_files([path], fix=True)
    if chance.random() < 0.2:
        shown = chance.choice(("text", "json", "markdown"))
        others: tuple[Callable[[], object], ...] = (
            lambda: show_text(examine(load(path))),
            lambda: show_json(examine(load(path))),
            lambda: explain_text(explain(load(path), None, None)),
            lambda: explain_json(explain(load(path), None, None)),
            lambda: render(compare(net := net_of(load(path)), net), shown, color=False),
        )
        yield from (partial(_refused_or, command) for command in others)


def _refused_or(command: Callable[[], object]) -> None:
    """Run a command that raises the faults of a spec; check has reported them."""
    with suppress(SpecError):
        command()


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def fault_of(chance: random.Random, path: Path) -> str | None:
    """Return what is wrong with how a file was handled. The limits are those of one command."""
    try:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            for command in commands(chance, str(path)):
                before, began = peak_mib(), time.process_time()
                command()
                if (taken := time.process_time() - began) > SECONDS:
                    return f"{taken:.1f} s of processor time"
                if (more := peak_mib() - before) > MIB:
                    return f"{more:.0f} MiB more memory"
    except ToolError as error:
        return f"ToolError: {error}"
    except Exception:
        return traceback.format_exc()
    return None


def main() -> int:
    parser = argparse.ArgumentParser(description="Fuzz the reader, the language and the checks.")
    parser.add_argument("--inputs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, default=Path("build/fuzz"), help="where inputs go that are findings")
    given = parser.parse_args()
    texts = corpus()
    faults: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)  # what specs name is not there
        path = Path(folder) / "net.yaml"
        for number in range(given.inputs):
            chance = random.Random(f"{given.seed} {number}")
            path.write_bytes(data := mutated(chance, texts))
            if (fault := fault_of(chance, path)) is not None:
                last = fault.strip().splitlines()[-1]
                faults[last] = faults.get(last, 0) + 1
                keep = (REPOSITORY / given.keep).resolve()
                keep.mkdir(parents=True, exist_ok=True)
                (keep / f"{given.seed}_{number}.yaml").write_bytes(data)
                print(f"input {number}: {fault}", flush=True)
            if number % 1000 == 999:
                print(f"{number + 1:,} inputs, {sum(faults.values())} findings, {peak_mib():.0f} MiB", flush=True)
    for last, count in faults.items():
        print(f"{count} times: {last}")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
