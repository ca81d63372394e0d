"""Mutations of small models, by hand: import each, and print what ends in anything but a spec or a finding.

    python tests/importers/mutate.py COUNT [SEED] [FOLDER...]

Seeds are the corpus beside this file, the model of `test_malformed.py`, and the model files of the folders. Bytes are
flipped, words set to odd numbers, files cut short, and configs of Keras changed node by node. A file may be refused
(`ModelFault`, `SpecError`, `ToolError`); any other exception, more than 2 s of processor time and more than 200 MB are
findings, which are kept in `mutants/`.
"""

from __future__ import annotations

import copy
import io
import json
import multiprocessing
import random
import resource
import struct
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from netspec.diagnostics import SpecError, ToolError
from netspec.importers.faults import ModelFault
from netspec.importers.imported import spec_of_tflite
from netspec.importers.tflite.reader import read_model
from tests.importers.test_malformed import mutated, small_config, small_model
from tests.importers.weights_files import floats, integers, read_both

_SECONDS, _MEGABYTES, _HANGS = 2.0, 200, 30.0
_SMALL = (0, 1, 2, 3, 4, 5, 7, 8, 16, 31, 64, 127, 128, 255, 256, 640, 65535, 2**31 - 1, 2**32 - 1, 2**32 - 2)
_VALUES: tuple[Any, ...] = (
    *(
        None,
        True,
        0,
        1,
        -1,
        2,
        3,
        1e308,
        -0.5,
        2**31,
        2**70,
        "",
        "x",
        "relu",
        "same",
        "Conv2D",
        "Dense",
        "Add",
        "Lambda",
    ),
    *([], [1], [0, 0], [2, 2], [None, 4], [1, 2, 3], [[1, 1], [2, 2]], {}, {"class_name": "Dense", "config": {}}),
)
Seed = tuple[str, bytes]


def tflite_mutant(data: bytes, generator: random.Random) -> bytes:
    """Return a copy with a few bytes or words changed; nearly always outside of the constants, which are most of it."""
    if generator.random() < 0.15:
        return mutated(data, generator)
    ranges = _constants(data)
    changed = bytearray(data)
    for _ in range(generator.choice((1, 1, 1, 2, 3))):
        at = generator.randrange(len(changed))
        for _ in range(40):
            if not any(start <= at < end for start, end in ranges):
                break
            at = generator.randrange(len(changed))
        if generator.random() < 0.5:
            changed[at] = generator.choice(
                (0, 1, 2, 3, 4, 8, 0x7F, 0x80, 0xFF, changed[at] ^ 1, generator.randrange(256))
            )
        elif len(changed) >= 8:
            struct.pack_into("<I", changed, min(at // 4 * 4, len(changed) - 4), generator.choice(_SMALL))
    return bytes(changed)


_CONSTANTS: dict[int, list[tuple[int, int]]] = {}


def _constants(data: bytes) -> list[tuple[int, int]]:
    """Return where a model's large constants are in its file."""
    key = hash(data)
    if key not in _CONSTANTS:
        try:
            contents = [bytes(t.data) for t in read_model(data).tensors if t.data is not None and len(t.data) > 256]
        except ModelFault:
            contents = []
        places = [(data.find(content), len(content)) for content in contents]
        _CONSTANTS[key] = [(at, at + size) for at, size in places if at >= 0]
    return _CONSTANTS[key]


def json_mutant(text: bytes, generator: random.Random) -> bytes:
    """Return a config of which a few values are others, gone, or there twice."""
    config = json.loads(text)
    for _ in range(generator.choice((1, 1, 1, 2, 3))):
        nodes: list[tuple[Any, Any]] = []
        stack = [config]
        while stack:
            node = stack.pop()
            for key in list(node) if isinstance(node, dict) else range(len(node)):
                nodes.append((node, key))
                if isinstance(node[key], dict | list):
                    stack.append(node[key])
        if not nodes:
            break
        node, key = generator.choice(nodes)
        kind = generator.randrange(8)
        if kind == 0:
            del node[key]
        elif kind == 1 and isinstance(node, list):
            node.insert(key, copy.deepcopy(node[key]))
        elif kind == 2:
            other, other_key = generator.choice(nodes)
            node[key] = copy.deepcopy(other[other_key])
        elif kind == 3 and isinstance(node[key], int):
            node[key] += generator.choice((-1, 1))
        else:
            node[key] = copy.deepcopy(generator.choice(_VALUES))
    return json.dumps(config).encode()


def keras_mutant(data: bytes, generator: random.Random) -> bytes:
    """Return a .keras or .h5 file with another config, or with other bytes."""
    if generator.random() < 0.3:
        return mutated(data, generator)
    if data[:2] == b"PK":
        target = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(target, "w") as changed:
            for name in archive.namelist():
                content = archive.read(name)
                if name == "config.json":
                    content = json_mutant(content, generator)
                elif generator.random() < 0.2:
                    content = mutated(content, generator)
                changed.writestr(name, content)
        return target.getvalue()
    import h5py

    target = io.BytesIO(data)
    with h5py.File(target, "r+") as file:
        text = file.attrs["model_config"]
        file.attrs["model_config"] = json_mutant(text if isinstance(text, bytes) else text.encode(), generator).decode()
    return target.getvalue()


def _seeds(folders: list[Path]) -> list[Seed]:
    found: list[Seed] = [(".tflite", small_model()), (".json", small_config())]
    with zipfile.ZipFile(Path(__file__).with_name("corpus.zip")) as archive:
        kinds = {"tflite": ".tflite", "keras": ".json", "npz": ".npz"}
        for name in archive.namelist():
            if (kind := kinds.get(name.partition("/")[0])) is not None:
                found.append((kind, archive.read(name)))
    for write in (floats, integers):
        with tempfile.NamedTemporaryFile(suffix=".npz") as file:
            write(Path(file.name))
            found += [(".npz", Path(file.name).read_bytes())] * 20
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.suffix in (".tflite", ".keras", ".h5") and path.stat().st_size < 500_000:
                found += [(path.suffix, path.read_bytes())] * 30
    return found


def _mutant(seed: Seed, generator: random.Random) -> bytes:
    kind, data = seed
    if not data:
        return data
    if kind == ".tflite":
        return tflite_mutant(data, generator)
    if kind == ".json":
        try:
            return json_mutant(data, generator) if generator.random() < 0.8 else mutated(data, generator)
        except (ValueError, RecursionError, AttributeError, TypeError):
            return mutated(data, generator)
    return mutated(data, generator) if kind == ".npz" else keras_mutant(data, generator)


def _read(kind: str, data: bytes, folder: Path) -> object:
    from netspec.importers.keras.importer import import_keras, spec_of_config

    path = folder / f"model{kind}"
    if kind == ".tflite":
        return spec_of_tflite(data, "model.tflite")
    if kind == ".json":
        return spec_of_config(data, "model.keras")
    path.write_bytes(data)
    return read_both(path) if kind == ".npz" else import_keras(path)


def _worker(pipe: Connection) -> None:
    with tempfile.TemporaryDirectory() as folder:
        while True:
            kind, data = pipe.recv()
            before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
            outcome = "ok"
            try:
                _read(kind, data, Path(folder))
            except (ModelFault, SpecError, ToolError) as fault:
                outcome = f"refused: {fault}"
            except BaseException as error:
                import traceback

                outcome = f"CRASH {type(error).__name__}: {error} {traceback.format_exc()[-700:]}"
            seconds = time.process_time() - started
            megabytes = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
            pipe.send((outcome, seconds, megabytes))


def main(count: int, seed: int, folders: list[Path]) -> None:
    """Import `count` mutants in a process of their own, a new one where it hangs or dies."""
    seeds, generator = _seeds(folders), random.Random(seed)
    kept = Path("mutants")
    totals = {"ok": 0, "refused": 0, "found": 0}
    start: Callable[[], tuple[Any, Connection]] = _start
    process, pipe = start()
    for number in range(count):
        chosen = generator.choice(seeds)
        try:
            data = _mutant(chosen, generator)
        except Exception:  # the mutation itself may not find its way in a file of the corpus
            data = mutated(chosen[1], generator)
        pipe.send((chosen[0], data))
        answer = "HANGS", _HANGS, 0.0
        try:
            if pipe.poll(_HANGS):
                answer = pipe.recv()
        except EOFError:
            answer = "DIES", 0.0, 0.0
        outcome, seconds, megabytes = answer
        if outcome in ("HANGS", "DIES"):
            process.kill()
            process, pipe = start()
        odd = not outcome.startswith(("ok", "refused")) or seconds > _SECONDS or megabytes > _MEGABYTES
        totals["found" if odd else outcome.partition(":")[0]] += 1
        if odd:
            kept.mkdir(exist_ok=True)
            (kept / f"{seed}-{number}{chosen[0]}").write_bytes(data)
            print(f"{seed}-{number}{chosen[0]}: {seconds:.1f} s, {megabytes:.0f} MB, {outcome[:900]}", flush=True)
        if number % 1000 == 999:
            print(number + 1, totals, flush=True)
    process.kill()
    print(count, totals)


def _start() -> tuple[Any, Connection]:
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=_worker, args=(theirs,), daemon=True)
    process.start()
    theirs.close()
    return process, ours


if __name__ == "__main__":
    words = sys.argv[1:]
    main(int(words[0]), int(words[1]) if len(words) > 1 else 0, [Path(word) for word in words[2:]])
