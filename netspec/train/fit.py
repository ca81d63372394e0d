"""Training that can be stopped at any time and goes on as if it had not been."""

from __future__ import annotations

import math
import shlex
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from netspec.diagnostics import Diagnostic, SpecError
from netspec.graph import Graph
from netspec.system.writing import write_atomically
from netspec.train import checkpoint
from netspec.train.backend import load_keras, seed_everything
from netspec.train.checkpoint import Checkpoint
from netspec.train.compiled import check_monitor, compile_model, rehearse
from netspec.train.data import Dataset
from netspec.train.feed import Feed
from netspec.train.model import build_model
from netspec.train.monitor import Monitor, choose_monitor
from netspec.train.progress import Progress, Step
from netspec.train.weights import Weights, get_weights, set_some_weights, weights_digest

if TYPE_CHECKING:
    import keras

HISTORY = "history.csv"


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """The result: the weights that were kept, from `epoch` (counted from 1), and every epoch's logged values."""

    weights: Weights
    history: list[dict[str, float]]
    model: keras.Model
    epoch: int


class Interrupted(Exception):
    """Training was stopped by a signal after `epoch` whole epochs, which `folder` holds; `command` goes on."""

    def __init__(self, folder: Path, epoch: int, epochs: int, command: str) -> None:
        self.folder = folder
        self.epoch = epoch
        self.epochs = epochs
        self.command = command
        super().__init__(folder, epoch, epochs, command)

    def __str__(self) -> str:
        if not self.epoch:
            return f"training stopped in epoch 1 of {self.epochs}; `{self.command}` starts it again"
        return f"training stopped after epoch {self.epoch} of {self.epochs}; `{self.command}` goes on from there"


def train(
    graph: Graph,
    dataset: Dataset,
    folder: Path,
    *,
    resume: bool = True,
    changed: bool = False,
    keep: bool = False,
    progress: Progress | None = None,
    command: str | None = None,
    initial: Weights | None = None,
) -> Trained:
    """Return the trained model of a graph; `folder` gets history.csv, and a checkpoint while training lasts.

    The weights kept are those of the best epoch by `early_stopping.monitor`, or by `val_loss` where only validation
    data is given, and else of the last epoch. With `resume` it goes on from the checkpoint in `folder`, if there is
    one, else it removes that; with `changed` that may be one of another training whose weights fit. At the end the
    checkpoint is removed unless the caller wants to `keep` it. A training that was stopped and resumed ends with the
    weights, to the bit, of one that was not, on the same machine and versions.

    `initial` holds weights to start with, of whole layers; the other layers get fresh ones.

    `progress` is called during the training. `command` is what an interrupted user is told to type; default: the
    build of this spec.

    Raises `Interrupted` on SIGINT and SIGTERM, with the checkpoint of the last whole epoch in `folder`; `SpecError`
    for what Keras refuses and for a loss that is not finite; `ToolError` for a checkpoint of another training, with
    `changed` where its weights do not fit.
    """
    spec = graph.spec
    assert spec.train is not None
    owner = checkpoint.identity(graph, dataset.digest, weights_digest(initial) if initial else "")
    if not resume:
        checkpoint.remove(folder)
    state = checkpoint.load(folder, owner, changed=changed)
    command = command or f"netspec build {shlex.quote(spec.document.path)}"
    done = state.epoch if state else 0
    try:
        with _deferred_signals() as stop:
            run = _Run(graph, dataset, folder, owner, state, progress, stop, initial or {}, changed)
            while run.epoch < spec.train.epochs and not run.stopped_early:
                run.one_epoch()
                done = run.epoch
            stop.check()
            trained = run.finish()
    except BaseException as error:
        if progress is not None:
            progress(Step(done + 1, spec.train.epochs, 0, 0, broken=True))
        if isinstance(error, KeyboardInterrupt):
            raise Interrupted(folder, done, spec.train.epochs, command) from None
        raise
    if not keep:
        checkpoint.remove(folder)
    return trained


class _Stop:
    """Whether a signal has asked for the end."""

    def __init__(self) -> None:
        self.asked = False

    def check(self) -> None:
        if self.asked:
            raise KeyboardInterrupt


@contextmanager
def _deferred_signals() -> Iterator[_Stop]:
    """Turn the first SIGINT or SIGTERM into a flag, a second into a KeyboardInterrupt there and then.

    An exception out of nowhere may hit TensorFlow in a callback that swallows it. Signals reach the main thread
    only; in another thread this does nothing.
    """
    stop = _Stop()

    def handle(signum: int, frame: FrameType | None) -> None:
        if stop.asked:
            raise KeyboardInterrupt
        stop.asked = True

    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Run:
    """A training under way: the model and what has been seen of it so far."""

    def __init__(
        self,
        graph: Graph,
        dataset: Dataset,
        folder: Path,
        owner: dict[str, str],
        state: Checkpoint | None,
        progress: Progress | None,
        stop: _Stop,
        initial: Weights,
        changed: bool,
    ) -> None:
        assert graph.spec.train is not None
        self._graph, self._dataset, self._folder, self._owner = graph, dataset, folder, owner
        self._progress, self._stop = progress, stop
        self._train = graph.spec.train
        self._keras = load_keras()
        self._seconds: list[float] = []
        seed_everything(self._keras, self._train.seed)
        self._model = build_model(graph)
        set_some_weights(self._model, initial)
        compile_model(graph, self._model)
        validated = dataset.validation is not None
        check_monitor(graph, rehearse(graph, self._model, dataset), validated)
        self.epoch = 0
        self._history: list[dict[str, float]] = []
        self._monitor: Monitor | None = choose_monitor(self._train, validated)
        self._best: list[npt.NDArray[Any]] = []
        folder.mkdir(parents=True, exist_ok=True)
        if state is not None:
            self._restore(state, changed)
        self._write_history()

    @property
    def stopped_early(self) -> bool:
        return self._monitor is not None and self._monitor.stop

    def one_epoch(self) -> None:
        """Train on every sample once, validate, and write the checkpoint."""
        self._stop.check()
        started = time.monotonic()
        held, size = self._dataset.validation, self._train.batch_size
        feeds = [Feed(self._dataset.train, size, self._order()), *([Feed(held, size)] if held else [])]
        try:
            logs = self._model.fit(
                feeds[0].dataset(),
                epochs=1,
                shuffle=False,
                verbose=0,
                validation_data=feeds[1].dataset() if held else None,
                callbacks=[self._callback(started)],
            ).history
        except Exception:
            for feed in feeds:
                if feed.failure is not None:
                    raise feed.failure from None
            raise
        values = {name: float(series[0]) for name, series in sorted(logs.items())}
        self._refuse_divergence(values)
        self.epoch += 1
        self._history.append(values)
        if self._monitor is not None:
            self._monitor = self._monitor.observe(values[self._monitor.name])
            if self._monitor.improved:
                self._best = _values(self._model.variables)
        self._seconds.append(time.monotonic() - started)
        checkpoint.save(self._folder, self._state(), self._owner, checkpoint.content(self._graph))
        self._write_history()
        self._report(self.epoch, self._batches, values, started, done=True)

    def finish(self) -> Trained:
        """Return the result, with the best weights in the model."""
        kept = self.epoch
        if self._monitor is not None and self._best:
            _assign(self._model.variables, self._best)
            kept = self._monitor.best_epoch
        return Trained(get_weights(self._model, self._graph), self._history, self._model, kept)

    @property
    def _batches(self) -> int:
        return math.ceil(len(self._dataset.train) / self._train.batch_size)

    def _order(self) -> npt.NDArray[np.int64]:
        """Return this epoch's order of the training samples, which depends on seed and epoch and nothing else."""
        return np.random.default_rng([self._train.seed, self.epoch]).permutation(len(self._dataset.train))

    def _state(self) -> Checkpoint:
        improved = self._monitor is None or self._monitor.improved
        return Checkpoint(
            epoch=self.epoch,
            history=self._history,
            monitor=self._monitor,
            model=_values(self._model.variables),
            optimizer=_values(self._model.optimizer.variables),
            best=[] if improved else self._best,
        )

    def _restore(self, state: Checkpoint, changed: bool) -> None:
        """Go on from a checkpoint. One that may have `changed` gives the optimizer's state and the best epoch only
        where they still mean the same.
        """
        try:
            _assign(self._model.variables, state.model)
            if not changed or _fits(self._model.optimizer.variables, state.optimizer):
                _assign(self._model.optimizer.variables, state.optimizer)
        except ValueError as error:
            raise checkpoint.DoesNotFit(
                f"the checkpoint in {self._folder} does not fit "
                + ("the changed network" if changed else f"this version of Keras: {error}"),
                help=f"train from the beginning: remove {self._folder / checkpoint.FOLDER}",
            ) from error
        self.epoch = state.epoch
        self._history = [dict(row) for row in state.history]
        self._best = state.best or state.model
        if not changed:
            self._monitor = state.monitor
        elif self._monitor is not None:
            self._monitor, same = self._monitor.after(state.monitor, state.epoch)
            self._best = self._best if same else []

    def _refuse_divergence(self, values: dict[str, float]) -> None:
        if math.isfinite(values["loss"]):
            return
        raise SpecError(
            Diagnostic(
                "training-diverged",
                f"the loss became {values['loss']} in epoch {self.epoch + 1}",
                self._graph.spec.span("train", "optimizer"),
                help="lower the learning_rate, or scale the inputs with `rescaling`",
                path="train.optimizer",
            )
        )

    def _write_history(self) -> None:
        """Write one row an epoch; whole, so that what a crash left behind is put right."""
        columns = sorted({name for row in self._history for name in row})
        rows = [["epoch", *columns]] if self._history else []
        for number, row in enumerate(self._history, start=1):
            rows.append([str(number), *(repr(row[name]) if name in row else "" for name in columns)])
        text = "".join(",".join(row) + "\n" for row in rows)
        write_atomically(self._folder / HISTORY, text.encode())

    def _report(self, epoch: int, batch: int, values: dict[str, float], started: float, done: bool = False) -> None:
        if self._progress is None:
            return
        seconds = time.monotonic() - started
        finished = self._seconds[1:] or self._seconds  # the first epoch also traces the model
        each = sum(finished) / len(finished) if finished else seconds * self._batches / batch
        ahead = each * (self._train.epochs - epoch) + (0 if done else max(each - seconds, 0))
        remaining = ahead if epoch < self._train.epochs or not done else None
        step = Step(epoch, self._train.epochs, batch, self._batches, values, seconds, remaining, done)
        self._progress(step)

    def _callback(self, started: float) -> Any:
        run = self

        class Watch(self._keras.callbacks.Callback):  # type: ignore[misc, name-defined]
            def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
                run._stop.check()
                if run._progress is not None:
                    values = {name: float(value) for name, value in (logs or {}).items()}
                    run._report(run.epoch + 1, batch + 1, values, started)

            def on_test_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
                run._stop.check()

        return Watch()


def _values(variables: Any) -> list[npt.NDArray[Any]]:
    return [np.array(variable.numpy()) for variable in variables]


def _fits(variables: Any, arrays: list[npt.NDArray[Any]]) -> bool:
    return [tuple(variable.shape) for variable in variables] == [array.shape for array in arrays]


def _assign(variables: Any, arrays: list[npt.NDArray[Any]]) -> None:
    """Set variables. Raises `ValueError` where number or shapes differ."""
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)
