"""Runs of a network that keeps states: one sample after the other, each from what the one before has left."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from netspec.device.graph import DeviceGraph

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = Mapping[str, NDArray[Any]]


def in_turn(
    graph: DeviceGraph,
    inputs: Values,
    run: Callable[[Values], dict[str, NDArray[Any]]],
    zeros: Mapping[str, int] | None = None,
) -> dict[str, NDArray[Any]]:
    """Return every tensor of a run over samples, given with a batch axis.

    Without states all samples run at once. `zeros` are the integers that stand for 0, by tensor; without them the run
    is one of floats.
    """
    import numpy as np

    if not graph.states:
        return run(inputs)
    states: dict[str, NDArray[Any]] = {
        state.name: np.full((1, *state.shape), zeros[state.name] if zeros else 0.0, state.dtype.name if zeros else None)
        for state in graph.states
    }
    rows: list[dict[str, NDArray[Any]]] = []
    for sample in range(len(next(iter(inputs.values())))):
        rows.append(run({name: values[sample : sample + 1] for name, values in inputs.items()} | states))
        states = {name: rows[-1][name] for name in states}
    return (
        {name: np.concatenate([row[name] for row in rows]) for name in rows[0]} if rows else run(dict(inputs) | states)
    )
