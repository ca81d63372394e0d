"""Integers that somebody else has made: their file, and a network of them, without calibration and without floats.

The file is an npz of

- `LAYER/WEIGHT`: int8 kernels and int32 biases in Keras' layout, under the spec's names;
- `LAYER/WEIGHT.scales`: float32, one an output channel or one in all, for each int8 array;
- `TENSOR/output.scale` and `TENSOR/output.zero_point`: the quantization of every tensor of the device graph.

It is written with the same bytes for the same content, holds no pickles, and of a file that is read no array is
unpacked before its type and size are known to be the expected ones.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite, prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netspec.data.headers import HeaderError, read_header
from netspec.device.graph import DeviceGraph, Node
from netspec.device.plan import DevicePlan
from netspec.diagnostics import Diagnostic, SpecError, ToolError
from netspec.graph import Graph
from netspec.layers.base import describe
from netspec.ops import Conv2D, Dense, DepthwiseConv2D, Param
from netspec.ops.numbers import Quant, Quantized
from netspec.quantize.model import QuantizedModel
from netspec.quantize.quantize import checked, numbers_of
from netspec.system.files import open_regular
from netspec.system.missing import MEND_LINK, broken_link

if TYPE_CHECKING:
    from numpy.typing import NDArray

Arrays = Mapping[tuple[str, str], "NDArray[Any]"]

_SCALES = ".scales"
_SCALE, _ZERO_POINT = "output.scale", "output.zero_point"


@dataclass(frozen=True, slots=True)
class Stored:
    """A network's integers: `arrays` and `weight_scales` by (layer, weight), `tensors` by the device graph's names."""

    arrays: Arrays
    weight_scales: Mapping[tuple[str, str], tuple[float, ...]]
    tensors: Mapping[str, Quant]

    def __call__(self, param: Param) -> NDArray[Any]:
        array = self.arrays[param.layer, param.weight]
        assert array.shape == param.shape, f"{param.weight} of {param.layer} has {array.shape}, not {param.shape}"
        return array

    def scales(self, param: Param) -> tuple[float, ...]:
        return self.weight_scales[param.layer, param.weight]


def quantize_stored(plan: DevicePlan, stored: Stored) -> QuantizedModel:
    """Return the network of given integers. `ToolError` names the layer whose numbers leave a kernel's range."""
    numbers = {node.name: stored_numbers(plan, node, stored) for node in plan.graph.nodes}
    return QuantizedModel(plan, dict(stored.tensors), numbers, imported=True)


def stored_numbers(plan: DevicePlan, node: Node, stored: Stored) -> Quantized:
    """Return the numbers of one node. `ToolError` names the layer where they leave the kernel's range."""
    reads = [stored.tensors[name] for name in node.inputs]
    try:
        integers = node.op.stored_integers(stored, reads)
        found = numbers_of(node, integers, reads, [stored.tensors[each.name] for each in node.outputs])
    except (ValueError, OverflowError) as error:
        raise ToolError(
            f"layer {node.layer} (line {node.line}) cannot run with the integers that were imported: {error}",
            help="remove `weights` from the spec and train, or quantize the original model anew",
        ) from error
    return checked(plan, node, found)


def floats_of(graph: Graph, device: DeviceGraph, stored: Stored) -> dict[tuple[str, str], NDArray[Any]]:
    """Return the float weights that the integers stand for: kernel * scale, bias * input scale * kernel scale."""
    import numpy as np

    found: dict[tuple[str, str], NDArray[Any]] = {}
    for node in device.nodes:
        kernel, bias = getattr(node.op, "kernel", None), getattr(node.op, "bias", None)
        if kernel is None:
            continue
        scales = np.array(stored.scales(kernel), np.float64)
        values = stored(kernel)
        outputs = scales.reshape(values.shape[-2:]) if _is_depthwise(node.op) and len(scales) > 1 else scales
        found[kernel.layer, kernel.weight] = (values * outputs).astype(np.float32)
        if bias is not None:
            steps = stored.tensors[node.inputs[0]].scale * scales
            found[bias.layer, bias.weight] = (stored(bias) * steps).astype(np.float32)
    missing = [(layer.name, weight.name) for layer in graph.layers for weight in layer.weights]
    assert set(found) == set(missing), sorted(set(found) ^ set(missing))
    return found


def _is_depthwise(op: object) -> bool:
    return hasattr(op, "depth_multiplier")


def write_stored(stored: Stored) -> bytes:
    """Return the bytes of the file."""
    import numpy as np

    members: dict[str, NDArray[Any]] = {}
    for (layer, weight), array in stored.arrays.items():
        members[f"{layer}/{weight}"] = array
    for (layer, weight), scales in stored.weight_scales.items():
        members[f"{layer}/{weight}{_SCALES}"] = np.array(scales, np.float32)
    for name, quant in stored.tensors.items():
        members[f"{name}/{_SCALE}"] = np.array(quant.scale, np.float32)
        members[f"{name}/{_ZERO_POINT}"] = np.array(quant.zero_point, np.int32)
    return npz_bytes(members)


def npz_bytes(members: Mapping[str, NDArray[Any]]) -> bytes:
    """Return an npz file of arrays by key; the same arrays give the same bytes."""
    import numpy as np

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for key, array in sorted(members.items()):
            info = zipfile.ZipInfo(f"{key}.npy", (1980, 1, 1, 0, 0, 0))
            info.create_system, info.external_attr = 3, 0o644 << 16
            content = io.BytesIO()
            little = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<")).reshape(array.shape)
            np.lib.format.write_array(content, little, version=(1, 0), allow_pickle=False)
            archive.writestr(info, content.getvalue())
    return buffer.getvalue()


def stored_digest(stored: Stored) -> str:
    """Return the SHA-256 of all that the file says, in hexadecimal."""
    return hashlib.sha256(write_stored(stored)).hexdigest()


def is_stored(path: Path) -> bool:
    """Say whether a weights file holds integers. A file that cannot be read does not: its reader will say why."""
    try:
        with open_regular(path) as file, zipfile.ZipFile(file) as archive:
            return any(name.endswith(f"/{_SCALE}.npy") for name in archive.namelist())
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError):
        return False


def read_stored(path: Path, graph: Graph, plan: DevicePlan) -> Stored:
    """Return the integers of a spec from its file.

    Raises `SpecError` where the file is malformed, or lacks, or adds to, what the spec needs, and `ToolError` where it
    cannot be opened.
    """
    try:
        with open_regular(path) as file, zipfile.ZipFile(file) as archive:
            return _Reader(archive, path, graph).read(plan)
    except FileNotFoundError:
        link = broken_link(str(path))
        raise ToolError(link or f"there is no weights file {path}", MEND_LINK if link else "check the path") from None
    except (PermissionError, IsADirectoryError) as error:
        raise ToolError(f"the weights file {path} cannot be opened: {error.strerror}") from error
    except (
        OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, NotImplementedError, RuntimeError, HeaderError,
    ) as error:  # fmt: skip
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise _fault(graph, f"{path.name} cannot be read: {reason}", "import the model again") from error


class _Reader:
    """Takes what the spec needs out of the file, one array at a time."""

    def __init__(self, archive: zipfile.ZipFile, path: Path, graph: Graph) -> None:
        self._archive, self._path, self._graph = archive, path, graph
        self._left = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
        if len(self._left) < len(archive.infolist()):
            raise ValueError("an array is in it twice")

    def read(self, plan: DevicePlan) -> Stored:
        self._require_device_weights(plan)
        arrays: dict[tuple[str, str], NDArray[Any]] = {}
        scales: dict[tuple[str, str], tuple[float, ...]] = {}
        for layer in self._graph.layers:
            for weight in layer.weights:
                key = f"{layer.name}/{weight.name}"
                if weight.name == "bias":
                    arrays[layer.name, weight.name] = self._array(key, "int32", weight.shape)
                    continue
                arrays[layer.name, weight.name] = self._array(key, "int8", weight.shape)
                found = self._array(key + _SCALES, "float32", None, prod(weight.shape) or 1)
                scales[layer.name, weight.name] = tuple(map(float, found.reshape(-1)))
                self._positive(key, scales[layer.name, weight.name])
        self._require_counts(plan, scales)
        tensors = {name: self._quant(name) for name in plan.graph.tensors}
        if self._left:
            shown = ", ".join(sorted(self._left)[:6]) + (" and more" if len(self._left) > 6 else "")
            raise self._misfit(f"{self._path.name} has arrays that the spec does not: {shown}")
        return Stored(arrays, scales, tensors)

    def _require_device_weights(self, plan: DevicePlan) -> None:
        """Raise where the spec has a weight that no kernel reads as it is, such as a batch norm's."""
        read = {
            (param.layer, param.weight)
            for node in plan.graph.nodes
            for param in (getattr(node.op, "kernel", None), getattr(node.op, "bias", None))
            if param is not None
        }
        for layer in self._graph.layers:
            for weight in layer.weights:
                if (layer.name, weight.name) not in read:
                    raise self._misfit(f"{layer.name} has a {weight.name}, which imported integers do not have")

    def _require_counts(self, plan: DevicePlan, scales: Mapping[tuple[str, str], tuple[float, ...]]) -> None:
        """Raise unless each kernel has one weight scale in all, or one for each output where it can take that."""
        for node in plan.graph.nodes:
            if not isinstance(node.op, Conv2D | DepthwiseConv2D | Dense) or node.op.kernel is None:
                continue
            kernel, outputs = node.op.kernel, node.op.output_shape[-1]
            count = len(scales[kernel.layer, kernel.weight])
            if count != 1 and (count != outputs or isinstance(node.op, Dense)):
                key = f"{kernel.layer}/{kernel.weight}{_SCALES}"
                raise self._misfit(f"'{key}' has {count} scales in {self._path.name} for {outputs} outputs")

    def _quant(self, name: str) -> Quant:
        scale = float(self._array(f"{name}/{_SCALE}", "float32", ()))
        zero_point = int(self._array(f"{name}/{_ZERO_POINT}", "int32", ()))
        self._positive(name, (scale,))
        if not -128 <= zero_point <= 127:
            raise self._misfit(f"{name} has the zero point {zero_point} in {self._path.name}, which is no int8")
        return Quant(scale, zero_point)

    def _positive(self, name: str, scales: tuple[float, ...]) -> None:
        if not all(isfinite(scale) and scale > 0 for scale in scales):
            raise self._misfit(f"{name} has a scale in {self._path.name} that is not positive and finite")

    def _array(self, key: str, dtype: str, shape: tuple[int, ...] | None, most: int = 1) -> NDArray[Any]:
        """Return an array of a type and shape; without a shape, of one axis of up to `most` items."""
        import numpy as np

        info = self._left.pop(key, None)
        if info is None:
            raise self._misfit(f"{self._path.name} has no array '{key}'")
        with self._archive.open(info) as member:
            header, _ = read_header(member, scalars=True)
            kind = np.dtype(dtype).newbyteorder("<")
            same = (header.kind, header.itemsize, header.order) == (kind.kind, kind.itemsize, "<")
            if not same or header.fortran:
                raise self._misfit(f"'{key}' is {header.dtype} in {self._path.name}, not {dtype}")
            found = header.shape
            fits = found == shape if shape is not None else len(found) == 1 and 1 <= found[0] <= most
            if not fits:
                wanted = describe(shape) if shape is not None else "one axis"
                raise self._misfit(f"'{key}' is {wanted} in the spec and {describe(found)} in {self._path.name}")
            size = prod(found) * kind.itemsize
            content = member.read(size + 1)
        if len(content) != size:
            raise ValueError(f"'{key}' holds {len(content)} bytes, its shape needs {size}")
        return np.frombuffer(content, kind).astype(dtype).reshape(found)

    def _misfit(self, message: str) -> SpecError:
        return _fault(
            self._graph,
            message,
            "integers fit the very net that they were made for: undo the change, or remove `weights` and train",
        )


def _fault(graph: Graph, message: str, help: str) -> SpecError:
    return SpecError(Diagnostic("weights-mismatch", message, graph.spec.span("weights"), help=help, path="weights"))
