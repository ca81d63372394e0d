"""Training data: files -> arrays that fit the spec, every mismatch told at `train.data`."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from math import floor

import numpy as np
import numpy.typing as npt

from netspec.diagnostics import Diagnostic, SpecError
from netspec.graph import Graph, build_graph
from netspec.layers.base import describe
from netspec.ops import Shape
from netspec.spec import Spec
from netspec.train.loaders import Faults, load_arrays

Arrays = dict[str, npt.NDArray[np.generic]]
SPLITS = ("train", "val", "test")
SPARSE = ("sparse_categorical_crossentropy",)
"""Losses whose labels are class numbers."""


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Samples along axis 0: `x` by input name in the input's dtype, `y` by output name.

    Labels of a sparse loss are int32 without a class axis, all others float32 in the output's shape.
    """

    x: Arrays
    y: Arrays

    def __len__(self) -> int:
        return len(next(iter(self.x.values())))


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """What is trained on, watched in training, and tested on; `digest` covers all of it, as hexadecimal SHA-256."""

    train: Split
    validation: Split | None
    test: Split | None
    digest: str


def load_data(spec: Spec) -> Dataset:
    """Return the arrays that `train.data` names, checked against the spec and in its dtypes.

    `validation_split` takes the last part of the training samples, as Keras does. A last axis of size 1 that the
    file leaves out is added. The digest depends on names, dtypes, shapes and values, not on how the file packs
    them, nor on `validation_split`. Raises `SpecError` with every mismatch, and `ToolError` for a loader that
    this version does not have.
    """
    graph = build_graph(spec)
    if spec.train is None:
        raise SpecError(
            Diagnostic(
                "missing-key",
                "the spec has no train section, so there is no data",
                spec.span(),
                help="add `train: {data: {npz: FILE}, loss: ...}`",
                path="train",
            )
        )
    faults = Faults(spec)
    losses = output_losses(graph)
    arrays = load_arrays(spec, graph.outputs, faults)
    faults.raise_any()
    splits: dict[str, Split] = {}
    for split in SPLITS:
        found = arrays.get(split)
        if found is None:
            continue
        x = {
            name: _input(faults, name, split, found[f"x/{name}"], shape, spec.inputs[name].dtype)
            for name, shape in graph.inputs.items()
        }
        y = {
            name: _label(faults, name, split, found[f"y/{name}"], graph.shape(name), losses[name])
            for name in graph.outputs
        }
        _check_counts(faults, split, {**{f"x/{k}": v for k, v in x.items()}, **{f"y/{k}": v for k, v in y.items()}})
        splits[split] = Split(x, y)
    faults.raise_any()
    digest = _digest(splits)
    train, validation = splits["train"], splits.get("val")
    if spec.train.validation_split:
        if validation is not None:
            raise SpecError(
                Diagnostic(
                    "conflicting-keys",
                    f"validation_split {spec.train.validation_split} has no effect: the data has x_val",
                    spec.span("train", "validation_split"),
                    help="remove validation_split, or x_val and y_val from the data",
                    path="train.validation_split",
                )
            )
        train, validation = _hold_back(spec, train, spec.train.validation_split)
    return Dataset(train, validation, splits.get("test"), digest)


def output_losses(graph: Graph) -> dict[str, str]:
    """Return the loss of each output. Raises `SpecError` where `train.loss` names no output, or misses one."""
    train = graph.spec.train
    assert train is not None
    if isinstance(train.loss, str):
        return dict.fromkeys(graph.outputs, train.loss)
    if set(train.loss) != set(graph.outputs):
        message = f"loss is given for {', '.join(train.loss) or 'nothing'}, the outputs are {', '.join(graph.outputs)}"
        raise SpecError(
            Diagnostic(
                "bad-output",
                message,
                graph.spec.span("train", "loss"),
                help="name every output once, or write one loss for all",
                path="train.loss",
            )
        )
    return train.loss


def _input(
    faults: Faults, name: str, split: str, array: npt.NDArray[np.generic], shape: Shape, dtype: str
) -> npt.NDArray[np.generic]:
    what = f"x of the {split} samples for input '{name}'"
    values = _fitted(array, shape)
    if values is None:
        faults.add(
            "data-shape",
            f"{what} has samples of shape {describe(array.shape[1:])}, the input is {describe(shape)}",
            help="reshape the array, or change the input's shape",
        )
        return array
    if dtype == "int32":
        return _integers(faults, what, values)
    return _floats(faults, what, values)


def _label(
    faults: Faults, name: str, split: str, array: npt.NDArray[np.generic], shape: Shape, loss: str
) -> npt.NDArray[np.generic]:
    what = f"y of the {split} samples for output '{name}'"
    wanted = shape[:-1] if loss in SPARSE else shape
    # Class numbers come as (n,) or (n, 1); a single number a sample likewise.
    values = array[..., 0] if loss in SPARSE and array.shape[1:] == (*wanted, 1) else _fitted(array, wanted)
    if values is None:
        numbers = loss not in SPARSE and array.shape[1:] in (shape[:-1], (*shape[:-1], 1))
        faults.add(
            "data-shape",
            f"{what} has samples of shape {describe(array.shape[1:])}, loss {loss} needs {describe(wanted)}",
            help="use `loss: sparse_categorical_crossentropy` for class numbers"
            if numbers and loss == "categorical_crossentropy"
            else "reshape the array, or choose the loss that takes it",
        )
        return array
    if loss not in SPARSE:
        return _floats(faults, what, values)
    labels = _integers(faults, what, values)
    if labels.size and labels.dtype == np.int32 and (labels.min() < 0 or labels.max() >= shape[-1]):
        faults.add(
            "data-labels",
            f"{what} holds labels {labels.min()} to {labels.max()}, the output has {shape[-1]} classes",
            help=f"labels must lie in 0 to {shape[-1] - 1}; change the labels or the width of '{name}'",
        )
    return labels


def _fitted(array: npt.NDArray[np.generic], shape: Shape) -> npt.NDArray[np.generic] | None:
    """Return the array with samples of `shape`: as it is, or with a last axis of 1 that it lacks."""
    if array.shape[1:] == shape:
        return array
    if shape[-1:] == (1,) and array.shape[1:] == shape[:-1]:
        return array[..., np.newaxis]
    return None


def _floats(faults: Faults, what: str, array: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    if array.dtype.kind not in "fiub":
        faults.add("data-values", f"{what} is {array.dtype}, not numbers", help="store numbers")
        return array
    with np.errstate(over="ignore"):
        values = np.ascontiguousarray(array, dtype="<f4")
    bad = int(values.size - np.count_nonzero(np.isfinite(values)))
    if bad:
        faults.add(
            "data-values",
            f"{what} holds {bad} values that are not finite in float32, of {values.size}",
            help="remove or replace nan and inf",
        )
    return values


def _integers(faults: Faults, what: str, array: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    if array.dtype.kind not in "fiub" or not np.array_equal(array, np.trunc(array.astype(np.float64))):
        faults.add("data-values", f"{what} is not whole numbers", help="store integers")
        return array
    if array.size and (float(array.min()) < -(2**31) or float(array.max()) >= 2**31):
        faults.add("data-values", f"{what} holds numbers beyond 32 bits", help="store smaller integers")
        return array
    return np.ascontiguousarray(array, dtype="<i4")


def _check_counts(faults: Faults, split: str, arrays: Arrays) -> None:
    counts = {name: len(array) for name, array in arrays.items()}
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{count} in {name.replace('/', ' of ')}" for name, count in counts.items())
        faults.add("data-samples", f"the {split} arrays differ in samples: {listed}", help="give one y an x")
    elif not all(counts.values()):
        faults.add("data-samples", f"there are 0 {split} samples", help="give at least one")


def _hold_back(spec: Spec, train: Split, share: float) -> tuple[Split, Split]:
    """Split as Keras does: the first floor(n * (1 - share)) samples train, the rest validate."""
    kept = floor(len(train) * (1.0 - share))
    if not kept:
        raise SpecError(
            Diagnostic(
                "data-samples",
                f"validation_split {share} of {len(train)} samples leaves none to train on",
                spec.span("train", "validation_split"),
                help="choose a smaller share",
                path="train.validation_split",
            )
        )
    return (
        Split({k: v[:kept] for k, v in train.x.items()}, {k: v[:kept] for k, v in train.y.items()}),
        Split({k: v[kept:] for k, v in train.x.items()}, {k: v[kept:] for k, v in train.y.items()}),
    )


def _digest(splits: dict[str, Split]) -> str:
    digest = hashlib.sha256()
    for split, held in splits.items():
        for axis, arrays in (("x", held.x), ("y", held.y)):
            for name, array in sorted(arrays.items()):
                digest.update(f"{split}/{axis}/{name} {array.dtype.str} {list(array.shape)}\n".encode())
                digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
