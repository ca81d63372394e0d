"""Batches for Keras, gathered as they are asked for: neither a shuffled copy nor a tensor of all samples is made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import ceil
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
        self.failure: BaseException | None = None

    def dataset(self) -> Any:
        """Return it as a `tf.data.Dataset`."""
        import tensorflow

        # Batches all alike have a static size, as in the data sets that Keras makes of arrays: TensorFlow then chooses
        # other kernels, and weights depend on their rounding.
        size = None if len(self._split) % self._size else self._size

        def spec(values: Samples) -> Any:
            return tensorflow.TensorSpec((size, *values.shape[1:]), values.dtype)

        signature = (_bare(self._split.x, spec), _bare(self._split.y, spec))
        made = tensorflow.data.Dataset.from_generator(self._batches, output_signature=signature)
        count = ceil(len(self._split) / self._size)
        return made.apply(tensorflow.data.experimental.assert_cardinality(count)).prefetch(_AHEAD)

    def _batches(self) -> Iterator[tuple[Any, Any]]:
        try:
            for start in range(0, len(self._split), self._size):
                stretch = slice(start, start + self._size)
                yield arguments(self._split, stretch if self._order is None else self._order[stretch])
        except Exception as error:
            self.failure = error
            raise


def _bare(values: dict[str, Samples], made: Callable[[Samples], Any]) -> Any:
    """Return what is made of each value, bare where there is one."""
    if len(values) == 1:
        return made(next(iter(values.values())))
    return {name: made(each) for name, each in values.items()}
