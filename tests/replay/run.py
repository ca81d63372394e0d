"""Write all that netspec emits into a folder: `python -m tests.replay.run FOLDER`.

For each net, kernel set and core: the network's own files, the host program, `show` and `explain` as JSON,
model.tflite, and for shipped specs what is proven. For each model: the spec and the floats of its import. The kernels,
which every emitted folder carries, lie apart, so that a new kernel is one difference and not one a network.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tests.replay.nets import models, nets, ranges, weights

KERNELS = ("netspec", "cmsis-nn")
CORES = ("cortex-m0", "cortex-m4", "cortex-m33", "cortex-m55")
PROVEN = ("digits", "motions", "sign_language")
"""Nets whose C is compiled and run, as part of what is compared."""

Files = dict[str, bytes]


def shared_file(name: str) -> bool:
    """Say whether an emitted file is a kernel or names all kernels, which changes with every new one."""
    return name.startswith(("kernels/", "src/kernels/")) or name.endswith(".pdsc")


def net_files(spec: dict[str, Any], kernels: str, core: str, prove: bool) -> tuple[Files, Files]:
    """Return a network's own files, and the kernels'."""
    import yaml

    from netspec.check import examine
    from netspec.commands.explain import explain, explain_json
    from netspec.commands.show import show_json
    from netspec.emit.firmware import emit_firmware
    from netspec.emit.host import host_main
    from netspec.quantize.quantize import quantize, weight_lookup
    from netspec.quantize.scales import choose_scales
    from netspec.spec.source import parse
    from netspec.tflite.model import TFLiteModel

    text = yaml.safe_dump(spec | {"target": {"core": core, "kernels": kernels}}, sort_keys=False)
    document = parse(text, f"{spec['name']}.yaml")
    checked = examine(document)
    plan = checked.plan
    assert plan is not None, spec["name"]
    floats = weights(checked.graph)
    scales = choose_scales(plan.graph, ranges(plan.graph.tensors))
    model = quantize(plan, weight_lookup(floats), scales)
    emitted = emit_firmware(model, document)
    own = {
        "host_main.c": host_main(model).encode(),
        "show.json": show_json(checked).encode(),
        "explain.json": explain_json(explain(document)).encode(),
        "model.tflite": TFLiteModel(model).to_bytes(),
    }
    if prove:
        own["verify.json"] = _verdict(checked.graph, model, floats, emitted)
    firmware = {f"firmware/{name}": content.encode() for name, content in emitted.items()}
    own |= {name: content for name, content in firmware.items() if not shared_file(name.removeprefix("firmware/"))}
    return own, {name: content for name, content in firmware.items() if name.startswith("firmware/kernels/")}


def _verdict(graph: Any, model: Any, floats: Any, emitted: dict[str, str]) -> bytes:
    from netspec.verify.proof import prove

    report = prove(graph, model, floats, None, emitted, None, lambda line: None, (), {})
    return report.to_json().encode()


def import_files(path: Path) -> Files:
    """Return the spec that an import gives, its notes, and the bytes of each of its arrays."""
    import io

    from netspec.importers.imported import import_model

    found = import_model(path, None)
    files = {"spec.yaml": found.text.encode(), "notes.json": json.dumps(found.notes).encode()}
    with np.load(io.BytesIO(found.weights)) as arrays:
        return files | {f"{name}.bin": arrays[name].tobytes() for name in sorted(arrays.files)}


def everything(prove: bool) -> Iterator[tuple[str, Files]]:
    """Yield (folder, files): of each net, set and core, of the kernels, and of each imported model."""
    shared: dict[str, Files] = {}
    for name, spec in nets().items():
        for kernels in KERNELS:
            for core in CORES:
                proven = prove and name in PROVEN and core == "cortex-m4"
                own, shared[kernels] = net_files(spec, kernels, core, proven)
                yield f"{name}/{kernels}/{core}", own
    for kernels, files in shared.items():
        yield f"kernels/{kernels}", files
    for path in models():
        yield f"imported/{path.name}", import_files(path)


def digest(files: Files) -> str:
    """Return one SHA-256 of names and contents."""
    total = hashlib.sha256()
    for name in sorted(files):
        total.update(f"{name}\0{len(files[name])}\0".encode() + files[name])
    return total.hexdigest()


def main(folder: Path) -> None:
    for place, files in everything(prove=True):
        for name, content in files.items():
            path = folder / place / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
