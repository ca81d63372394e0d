"""Batches for Keras, gathered as they are asked for: neither a shuffled copy nor a tensor of all samples is made."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from netspec.train.samples import Samples

if TYPE_CHECKING:
    from netspec.train.data import Split

_AHEAD = 2  # batches that are read while one is trained on


def arguments(split: Split, index: slice | npt.NDArray[np.integer] | None = None) -> tuple[Any, Any]:
    """Return x and y of some samples in the form that the model takes: bare for one input or output, else a dict."""
    chosen = slice(None) if index is None else index
    return _bare(split.x, lambda values: values[chosen]), _bare(split.y, lambda values: values[chosen])


class Feed:
    """A data set of TensorFlow's: the samples of a split in an order, `size` a batch, the last one what remains.

    TensorFlow turns what goes wrong in its threads into an error of its own; `failure` keeps ours.
    """

    def __init__(self, split: Split, size: int, order: npt.NDArray[np.integer] | None = None) -> None:
        self._split, self._size, self._order = split, size, order
        self._parts = (*split.x.values(), *split.y.values())
        self.failure: BaseException | None = None

    def dataset(self) -> Any:
        """Return it as a `tf.data.Dataset`.

        Not by `Dataset.from_generator`, through which Keras feeds a `PyDataset` and generators, too: TensorFlow then
        fixes malloc's threshold at 128 KiB for the rest of the process (`ApplyPython311MemoryPatch`), so every larger
        tensor is mapped anew in each step, and its pages fault in again. That doubles the time of a step.
        """
        import tensorflow

        order = np.arange(len(self._split)) if self._order is None else np.asarray(self._order)
        indices = tensorflow.data.Dataset.from_tensor_slices(order).batch(self._size)
        return indices.map(self._batch).prefetch(_AHEAD)

    def _batch(self, indices: Any) -> tuple[Any, Any]:
        """Return x and y of one batch as tensors of TensorFlow's graph."""
        import tensorflow

        # Batches all alike have a static size, as in the data sets that Keras makes of arrays: TensorFlow then chooses
        # other kernels, and weights depend on their rounding.
        size = None if len(self._split) % self._size else self._size
        types = [values.dtype for values in self._parts]
        tensors = tensorflow.numpy_function(self._read, [indices], types, stateful=True)
        for tensor, values in zip(tensors, self._parts, strict=True):
            tensor.set_shape((size, *values.shape[1:]))
        rest = iter(tensors)
        return _bare(self._split.x, lambda _: next(rest)), _bare(self._split.y, lambda _: next(rest))

    def _read(self, indices: npt.NDArray[np.integer]) -> list[npt.NDArray[Any]]:
        try:
            # Samples in the order of their file are read as one stretch.
            chosen = slice(int(indices[0]), int(indices[-1]) + 1) if self._order is None else indices
            return [values[chosen] for values in self._parts]
        except Exception as error:
            self.failure = error
            raise


def _bare(values: dict[str, Samples], made: Callable[[Samples], Any]) -> Any:
    """Return what is made of each value, bare where there is one."""
    if len(values) == 1:
        return made(next(iter(values.values())))
    return {name: made(each) for name, each in values.items()}
