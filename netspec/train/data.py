"""Training data: files -> samples that fit the spec, every mismatch told at `train.data`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from netspec.data.classes import NUMERIC_LOSSES
from netspec.data.faults import Faults
from netspec.data.rules import (
    CATEGORICAL,
    SPARSE,
    called,
    check_headers,
    check_integers,
    check_label_range,
    is_sparse,
    output_losses,
    sample_shape,
)
from netspec.data.sources import SPLITS
from netspec.data.split import SplitCounts, kept_samples, split_warning
from netspec.diagnostics import Diagnostic, SpecError
from netspec.graph import Graph, build_graph
from netspec.spec.spec import Spec
from netspec.train.loaders import load_samples
from netspec.train.samples import Array, Samples, chunks, fitted, header_of, part

__all__ = ["SPARSE", "Dataset", "Split", "load_data", "output_losses"]


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Samples along axis 0: `x` by input name in the input's dtype, `y` by output name.

    Labels of a sparse loss are int32 without a class axis, all others float32 in the output's shape. What is large
    stays on disk; indexing by a slice or by numbers reads it.
    """

    x: dict[str, Samples]
    y: dict[str, Samples]

    def __len__(self) -> int:
        return len(next(iter(self.x.values())))

    def part(self, start: int, stop: int) -> Split:
        """Return a stretch of the samples, neither read nor copied."""
        x, y = ({name: part(each, start, stop) for name, each in axis.items()} for axis in (self.x, self.y))
        return Split(x, y)


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """What is trained on, watched in training, and tested on; `digest` covers all of it, as hexadecimal SHA-256.

    `classes` are the names of an output's classes, in the order of their numbers, where they have any. No digest covers
    them: the manifest holds them.
    """

    train: Split
    validation: Split | None
    test: Split | None
    digest: str
    classes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    warnings: tuple[Diagnostic, ...] = ()


def load_data(spec: Spec) -> Dataset:
    """Return the samples that `train.data` names, checked against the spec and in its dtypes.

    `validation_split` takes the last part of the training samples, as Keras does. A last axis of size 1 that the
    file leaves out is added. The digest depends on names, dtypes, shapes and values, not on how the file packs
    them, nor on `validation_split`. Raises `SpecError` with every mismatch, and `ToolError` where a loader fails.
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
    read = load_samples(graph, losses, faults)
    faults.raise_any()
    loaded = read.samples
    for split, arrays in loaded.items():
        check_headers(faults, split, {item: header_of(array) for item, array in arrays.items()}, graph, losses)
    faults.raise_any()
    splits: dict[str, Split] = {}
    for split in SPLITS:
        if split in loaded:
            made = {
                item: checked(faults, item, split, array, graph, losses) for item, array in loaded.pop(split).items()
            }
            splits[split] = Split(
                {name: made[f"x/{name}"] for name in graph.inputs}, {name: made[f"y/{name}"] for name in graph.outputs}
            )
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
        found = _uneven(spec, train, losses, read.classes) if spec.train.data.kind not in ("images", "audio") else ()
        train, validation = _hold_back(spec, train, spec.train.validation_split)
        return Dataset(train, validation, splits.get("test"), digest, read.classes, found)
    return Dataset(train, validation, splits.get("test"), digest, read.classes)


def checked(faults: Faults, item: str, split: str, array: Samples, graph: Graph, losses: Mapping[str, str]) -> Samples:
    """Return an array of the right shape in the dtype that it is for; its values looked through."""
    what, shape = called(item, split), sample_shape(graph, item, losses)
    if item.startswith("x/") and graph.spec.inputs[item.removeprefix("x/")].dtype == "int32":
        return fitted(array, shape, "<i4") if check_integers(faults, what, *_ends(array)) else array
    if not is_sparse(item, losses):
        values = fitted(array, shape, "<f4")
        _check_finite(faults, what, values)
        return values
    ends = _ends(array)
    if not check_integers(faults, what, *ends):
        return array
    output = item.removeprefix("y/")
    check_label_range(faults, what, *ends[:2], graph.shape(output)[-1], output)
    return fitted(array, shape, "<i4")


def _check_finite(faults: Faults, what: str, values: Samples) -> None:
    bad, size = 0, 0
    for chunk in chunks(values):
        bad += chunk.size - int(np.count_nonzero(np.isfinite(chunk)))
        size += chunk.size
    if bad:
        faults.add(
            "data-values",
            f"{what} holds {bad} values that are not finite in float32, of {size}",
            help="remove or replace nan and inf",
        )


def _ends(array: Samples) -> tuple[float, float, bool]:
    """Return the least and greatest value, and whether all are whole; reading ends at the first that is not."""
    low, high = float("inf"), float("-inf")
    for chunk in chunks(array):
        if not _whole(chunk):
            return low, high, False
        if chunk.size:
            low, high = min(low, float(chunk.min())), max(high, float(chunk.max()))
    return low, high, True


def _whole(chunk: Array) -> bool:
    if chunk.dtype.kind in "iub":
        return True
    values = chunk.astype(np.float64)
    return bool(np.isfinite(values).all()) and np.array_equal(values, np.trunc(values))


def _hold_back(spec: Spec, train: Split, share: float) -> tuple[Split, Split]:
    """Split as Keras does: the first floor(n * (1 - share)) samples train, the rest validate."""
    kept = kept_samples(len(train), share)
    if not kept:
        raise SpecError(
            Diagnostic(
                "data-sample-count",
                f"validation_split {share} of {len(train)} samples leaves none to train on",
                spec.span("train", "validation_split"),
                help="choose a smaller share",
                path="train.validation_split",
            )
        )
    return train.part(0, kept), train.part(kept, len(train))


def _uneven(
    spec: Spec, train: Split, losses: Mapping[str, str], classes: Mapping[str, Sequence[str]]
) -> tuple[Diagnostic, ...]:
    """Return warnings where the samples that are held back have other classes than those that train."""
    assert spec.train is not None
    found = []
    for output, labels in train.y.items():
        width = int(np.prod(labels.shape[1:]))
        one_hot = losses[output] in CATEGORICAL and len(labels.shape) == 2
        if losses[output] in NUMERIC_LOSSES or (width != 1 and not one_hot):
            continue
        counts = SplitCounts(len(labels), spec.train.validation_split)
        for chunk in chunks(labels):
            counts.add((chunk.argmax(axis=-1) if one_hot and width > 1 else chunk.reshape(-1)).tolist())
        found.append(split_warning(spec, counts, classes.get(output, ())))
    return tuple(each for each in found if each is not None)


def _digest(splits: dict[str, Split]) -> str:
    digest = hashlib.sha256()
    for split, held in splits.items():
        for axis, arrays in (("x", held.x), ("y", held.y)):
            for name, array in sorted(arrays.items()):
                digest.update(f"{split}/{axis}/{name} {array.dtype.str} {list(array.shape)}\n".encode())
                for chunk in chunks(array):
                    digest.update(np.ascontiguousarray(chunk).data)
    return digest.hexdigest()
