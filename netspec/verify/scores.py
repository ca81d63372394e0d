"""The scores of the float network and of its int8 form on held-out samples, and the values of every tensor there."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from netspec.device.graph import DeviceOutput
from netspec.graph import Graph
from netspec.verify.report import Accuracy, ValueScore

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from netspec.quantize.model import QuantizedModel
    from netspec.train.data import Dataset, Split

    Array = NDArray[Any]

_BATCH_BYTES = 2**26
"""Of all tensors of the float network, for the samples that are scored at once."""


@dataclass(slots=True)
class Spread:
    """The float values of a tensor channel by channel (its last axis): least, greatest, mean, variance; and in int8.

    An input's values are those that the caller gives, before any rescaling.
    """

    low: Array
    high: Array
    total: Array
    squares: Array
    count: int
    int8_low: NDArray[np.int8]
    int8_high: NDArray[np.int8]

    @property
    def steps(self) -> NDArray[np.int64]:
        """Return how many of the 256 steps lie between a channel's least and greatest int8 value, both included."""
        import numpy as np

        return self.int8_high.astype(np.int64) - self.int8_low + 1

    @property
    def mean(self) -> Array:
        return self.total / self.count

    @property
    def variance(self) -> Array:
        import numpy as np

        found: Array = np.maximum(self.squares / self.count - self.mean**2, 0)
        return found


@dataclass(frozen=True, slots=True)
class Scored:
    """What both networks gave on a split: their scores, and the spread of every tensor, inputs and outputs by name."""

    accuracy: Accuracy
    spreads: Mapping[str, Spread]


def score_split(
    graph: Graph, model: QuantizedModel, arrays: Mapping[tuple[str, str], Array], dataset: Dataset | None, split: str
) -> Scored | None:
    """Score both networks on a split. Returns None where there are no labels."""
    if dataset is None or graph.spec.train is None:
        return None
    from netspec.train.evaluate import class_counts, commonest, score

    loss = graph.spec.train.loss
    outputs = model.plan.graph.outputs
    scores: list[tuple[int, float, float]] = []
    sums: dict[str, _Sums] = {}
    counts: dict[str, Array] = {}
    spreads: dict[str, Spread] = {}
    metric = ""
    for x, y, floats, integers in _batches(graph, model, arrays, getattr(dataset, split)):
        before = {each.name: _output(floats[each.tensor], each) for each in outputs}
        after = {each.name: _output(model.dequantize(each.tensor, integers[each.tensor]), each) for each in outputs}
        metric, float_value = score(before, y, loss)
        scores.append((len(next(iter(x.values()))), float_value, score(after, y, loss)[1]))
        for name in before:
            one = loss if isinstance(loss, str) else loss[name]
            sums.setdefault(name, _Sums()).add(before[name], after[name], y[name], one)
            found = class_counts(y[name], one, before[name].shape[-1])
            if found is not None:
                counts[name] = counts[name] + found if name in counts else found
        for name, values in (floats | x).items():
            _widen(spreads, name, values, integers[name])
    total = sum(count for count, _, _ in scores)
    before_mean, after_mean = (math.fsum(each[0] * each[column] for each in scores) / total for column in (1, 2))
    if len(scores) == 1:
        _, before_mean, after_mean = scores[0]
    single = tuple(value for name, each in sums.items() for value in each.scores(name))
    about = commonest(counts.values()) if metric == "accuracy" else (None, False)
    return Scored(Accuracy(metric, split, total, before_mean, after_mean, single, *about), spreads)


def _batches(
    graph: Graph, model: QuantizedModel, arrays: Mapping[tuple[str, str], Array], part: Split
) -> Iterator[tuple[dict[str, Array], dict[str, Array], dict[str, Array], Mapping[str, Array]]]:
    """Yield inputs, labels, every float tensor and every int8 tensor of some samples: a split may exceed the memory."""
    from netspec.quantize.quantize import weight_lookup
    from netspec.quantize.ranges import evaluate

    weights = weight_lookup(arrays)
    device = model.plan.graph
    size = max(1, _BATCH_BYTES // max(1, sum(4 * tensor.size for tensor in device.tensors.values())))
    for start in range(0, len(part), size):
        x = {name: values[start : start + size] for name, values in part.x.items()}
        x = {name: x[name].reshape((-1, *shape)) for name, shape in graph.inputs.items()}
        y = {name: values[start : start + size] for name, values in part.y.items()}
        integers = model.run({name: model.quantize_input(name, values) for name, values in x.items()})
        yield x, y, evaluate(device, weights, x), integers


def _output(values: Array, output: DeviceOutput) -> Array:
    return values.reshape((len(values), *output.shape))


def _widen(spreads: dict[str, Spread], name: str, values: Array, integers: NDArray[np.int8]) -> None:
    """Add values to a tensor's spread."""
    import numpy as np

    channels = values.shape[-1]
    flat = np.asarray(values, np.float64).reshape(-1, channels)
    steps = integers.reshape(-1, channels)
    new = Spread(
        flat.min(axis=0), flat.max(axis=0), flat.sum(axis=0), (flat**2).sum(axis=0), len(flat), steps.min(axis=0),
        steps.max(axis=0),
    )  # fmt: skip
    old = spreads.setdefault(name, new)
    if old is new:
        return
    spreads[name] = Spread(
        np.minimum(old.low, new.low), np.maximum(old.high, new.high), old.total + new.total,
        old.squares + new.squares, old.count + new.count, np.minimum(old.int8_low, new.int8_low),
        np.maximum(old.int8_high, new.int8_high),
    )  # fmt: skip


class _Sums:
    """The errors of one output over batches: right answers, or squared errors value by value."""

    def __init__(self) -> None:
        self._shares: list[tuple[int, float, float]] = []
        self._errors: Array | None = None
        """Rows: squared error of float and of int8, the labels, their squares; a column a value of the last axis."""
        self._rows = 0

    def add(self, before: Array, after: Array, truth: Array, loss: str) -> None:
        import numpy as np

        from netspec.train.evaluate import accuracy

        name = {"": truth}
        share, share_after = accuracy({"": before}, name, loss), accuracy({"": after}, name, loss)
        if share is not None and share_after is not None:
            self._shares.append((len(before), share, share_after))
            return
        channels = before.shape[-1]
        labels = np.asarray(truth, np.float64).reshape(-1, channels)
        errors = [np.asarray(values, np.float64).reshape(-1, channels) - labels for values in (before, after)]
        found = np.stack([(each**2).sum(axis=0) for each in (*errors, labels)] + [labels.sum(axis=0)])
        self._errors = found if self._errors is None else self._errors + found
        self._rows += len(labels)

    def scores(self, name: str) -> Iterator[ValueScore]:
        """Yield the score of an output, value by value where it has no accuracy."""
        if self._errors is None:
            total = sum(count for count, _, _ in self._shares)
            before, after = (math.fsum(each[0] * each[column] for each in self._shares) / total for column in (1, 2))
            yield ValueScore(name, None, "accuracy", before, after, None)
            return
        before_all, after_all, squares, labels = self._errors / self._rows
        for index, (mean, square) in enumerate(zip(labels, squares, strict=True)):
            deviation = math.sqrt(max(0.0, float(square - mean**2)))
            place = index if len(labels) > 1 else None
            error = (float(before_all[index]), float(after_all[index]))
            yield ValueScore(name, place, "mean squared error", *error, deviation)
