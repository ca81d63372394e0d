"""Which epoch was the best, and when to stop: Keras' early stopping as a value that a checkpoint can hold."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from netspec.names.keras import RISING_METRICS
from netspec.spec.spec import Train


@dataclass(frozen=True, slots=True)
class Monitor:
    """The state of watching one value; `observe` returns the next.

    `patience` None never stops. An epoch improves when it beats the best by more than `min_delta`, as in
    `keras.callbacks.EarlyStopping`; a value that is not a number never does.
    """

    name: str
    rising: bool
    min_delta: float = 0.0
    patience: int | None = None
    best: float | None = None
    best_epoch: int = 0
    epoch: int = 0

    @property
    def improved(self) -> bool:
        """Tell whether the epoch observed last is the best one."""
        return self.best is not None and self.best_epoch == self.epoch

    @property
    def stop(self) -> bool:
        """Tell whether patience is over. Keras never stops after the first epoch, nor do we."""
        if self.patience is None or self.epoch < 2:
            return False
        waited = self.epoch - self.best_epoch
        return waited > 0 and waited >= self.patience

    def observe(self, value: float) -> Monitor:
        """Return the state after one more epoch that ended with `value`."""
        epoch = self.epoch + 1
        if math.isnan(value) or not self._better(value):
            return replace(self, epoch=epoch)
        return replace(self, epoch=epoch, best=value, best_epoch=epoch)

    def after(self, other: Monitor | None, epoch: int) -> tuple[Monitor, bool]:
        """Return this monitor after epochs that `other` watched, and whether the best one of them still counts."""
        if other is not None and (other.name, other.rising) == (self.name, self.rising):
            return replace(self, best=other.best, best_epoch=other.best_epoch, epoch=other.epoch), True
        return replace(self, best_epoch=epoch, epoch=epoch), False

    def _better(self, value: float) -> bool:
        if self.best is None:
            return True
        return value - self.min_delta > self.best if self.rising else value + self.min_delta < self.best


def choose_monitor(train: Train, validated: bool) -> Monitor | None:
    """Return what decides on the best weights; None where the last weights are the result.

    `early_stopping.monitor` where that is given, else `val_loss` where there is validation data. Otherwise the last:
    the lowest loss on the data trained on only tells how far the net has fitted them, and with dropout or batch
    norm not even that.
    """
    if train.early_stopping is not None:
        stopping = train.early_stopping
        rising = stopping.mode == "max" or (stopping.mode == "auto" and is_rising(stopping.monitor))
        return Monitor(stopping.monitor, rising, stopping.min_delta, stopping.patience)
    return Monitor("val_loss", rising=False) if validated else None


def is_rising(name: str) -> bool:
    """Tell whether more of a logged value is better; `name` may bear `val_` and an output's name before it."""
    name = name.removeprefix("val_")
    return any(name == metric or name.endswith(f"_{metric}") for metric in RISING_METRICS) and not name.endswith("loss")
