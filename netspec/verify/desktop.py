"""Desktop LiteRT, for information: how far its outputs are from ours. It decides nothing, so it must not end a build.

The interpreter checks some things by aborting and has crashed on files that it should refuse. So it runs in a process
of its own, beside the other comparisons, and whatever becomes of that is a line of the report.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netspec.system.processes import ending, limit

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from netspec.quantize.model import QuantizedModel

REFERENCE, DEFAULT = "desktop LiteRT, reference kernels", "desktop LiteRT, default kernels"
_RESOLVERS = {REFERENCE: "BUILTIN_REF", DEFAULT: "AUTO"}
_SAMPLES = 32
_SECONDS = 300.0
_LONGEST_WORDS = 300
_MODEL, _CASES, _FOUND = "model.tflite", "cases.npz", "found.jsonl"


@contextmanager
def desktop_at_work(
    tflite: bytes, model: QuantizedModel, inputs: Mapping[str, NDArray[np.int8]]
) -> Iterator[Callable[[], dict[str, str]]]:
    """Start desktop LiteRT on a model; give the function that waits for {resolver: sentence}."""
    try:
        desktop = Desktop(tflite, model, inputs)
    except OSError as error:
        said = f"did not start: {error.strerror or error}"
        yield lambda: dict.fromkeys(_RESOLVERS, said)
        return
    with desktop:
        yield desktop.result


class Desktop:
    """Desktop LiteRT at work on a model, in a process of its own. To be closed."""

    def __init__(self, tflite: bytes, model: QuantizedModel, inputs: Mapping[str, NDArray[np.int8]]) -> None:
        import numpy as np

        self._folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        folder = Path(self._folder.name)
        graph = model.plan.graph
        first = {name: values[:_SAMPLES] for name, values in inputs.items()}
        ours: list[list[NDArray[np.int8]]] = [[] for _ in graph.outputs]
        for sample in range(len(next(iter(first.values())))):  # one at a time: all tensors of all samples may be much
            found = model.run({name: values[sample : sample + 1] for name, values in first.items()})
            for index, output in enumerate(graph.outputs):
                ours[index].append(found[output.tensor])
        cases = {f"input{index}": first[given.name] for index, given in enumerate(graph.inputs)}
        cases |= {f"output{index}": np.concatenate(each) for index, each in enumerate(ours)}
        (folder / _MODEL).write_bytes(tflite)
        np.savez(folder / _CASES, allow_pickle=False, **cases)
        self._seconds = limit(_SECONDS)
        self._process = self._start(list(_RESOLVERS))

    def __enter__(self) -> Desktop:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.kill()
        self._process.wait()
        self._folder.cleanup()

    def result(self) -> dict[str, str]:
        """Return {resolver: sentence}, having waited for it; a process that ended early is started for the rest."""
        found: dict[str, str] = {}
        until = time.monotonic() + self._seconds
        while left := [label for label in _RESOLVERS if label not in found]:
            try:
                self._process.wait(max(until - time.monotonic(), 1.0))
                said = None
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
                said = f"gave no answer within {self._seconds:g} s"
            found |= self._answers()
            if (broken := next((label for label in left if label not in found), None)) is not None:
                found[broken] = said or self._crash()
                if rest := [label for label in left if label not in found]:
                    self._process = self._start(rest)
                    until = time.monotonic() + self._seconds
        return {label: found[label] for label in _RESOLVERS}

    def _start(self, labels: list[str]) -> subprocess.Popen[bytes]:
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(each for each in sys.path if each),
            "TF_CPP_MIN_LOG_LEVEL": "3",
        }
        with (Path(self._folder.name) / "stderr").open("wb") as errors:
            return subprocess.Popen(
                [sys.executable, "-P", "-m", __name__, self._folder.name, *labels],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                env=environment,
                start_new_session=True,
            )

    def _answers(self) -> dict[str, str]:
        with suppress(OSError):
            lines = (Path(self._folder.name) / _FOUND).read_text(encoding="utf-8").splitlines()
            return dict(json.loads(line) for line in lines)
        return {}

    def _crash(self) -> str:
        said = (Path(self._folder.name) / "stderr").read_text(encoding="utf-8", errors="replace")
        lines = [line for line in said.splitlines() if line.strip()]
        return _words(f"the interpreter {ending(self._process.returncode)}", lines[-1] if lines else "")


def _words(text: str, said: str) -> str:
    shown = " ".join(said.split())
    return f"{text}: {shown[:_LONGEST_WORDS]}" if shown else text


def _main(folder: str, *labels: str) -> None:
    import warnings

    warnings.simplefilter("ignore")
    import numpy as np
    import tensorflow as tf

    place = Path(folder)
    cases = dict(np.load(place / _CASES, allow_pickle=False))
    for label in labels:
        resolver = getattr(tf.lite.experimental.OpResolverType, _RESOLVERS[label])
        try:
            said = _compared(tf, (place / _MODEL).read_bytes(), resolver, cases)
        except Exception as error:
            said = _words("refused the file", f"{error}" or type(error).__name__)
        with (place / _FOUND).open("a", encoding="utf-8") as file:
            file.write(json.dumps([label, said]) + "\n")


def _compared(tf: Any, content: bytes, resolver: Any, cases: Mapping[str, NDArray[Any]]) -> str:
    """Run the model on the cases. Its dense reference kernel rounds once where ours, as TFLite Micro's, round twice."""
    import numpy as np

    interpreter = tf.lite.Interpreter(model_content=content, experimental_op_resolver_type=resolver)
    interpreter.allocate_tensors()
    reads, gives = interpreter.get_input_details(), interpreter.get_output_details()
    differing, elements, largest = 0, 0, 0
    for sample in range(len(cases["input0"])):
        for index, detail in enumerate(reads):
            interpreter.set_tensor(detail["index"], cases[f"input{index}"][sample : sample + 1])
        interpreter.invoke()
        for index, detail in enumerate(gives):
            ours = cases[f"output{index}"][sample].reshape(-1).astype(np.int16)
            theirs = interpreter.get_tensor(detail["index"]).reshape(-1).astype(np.int16)
            gap = np.abs(ours - theirs)
            differing, elements = differing + int((gap > 0).sum()), elements + gap.size
            largest = max(largest, int(gap.max(initial=0)))
    return f"{differing} of {elements} outputs differ, by at most {largest}"


if __name__ == "__main__":
    _main(*sys.argv[1:])
