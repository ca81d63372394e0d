"""What two nets cost as a whole, side by side."""

from __future__ import annotations

from dataclasses import dataclass

from netspec.device.plan import DevicePlan
from netspec.device.size import flash_bytes
from netspec.diff.compare import Diff
from netspec.diff.net import Net
from netspec.spec.sections import Budget


@dataclass(frozen=True, slots=True)
class Total:
    """A figure of both nets; None where the core cannot run the net. `budget` is that of after, in the same unit."""

    key: str
    label: str
    before: int | None
    after: int | None
    budget: int | None = None

    @property
    def delta(self) -> int | None:
        return None if self.before is None or self.after is None else self.after - self.before

    @property
    def over_budget(self) -> bool:
        return self.budget is not None and self.after is not None and self.after > self.budget


@dataclass(frozen=True, slots=True)
class Peak:
    """The layer that runs when the most bytes are live; None without a plan or an op. `same`: it is the same layer."""

    before: str | None
    after: str | None
    same: bool


def totals(diff: Diff) -> tuple[Total, ...]:
    """Return parameters, multiply-accumulates and the device's bytes."""
    old, new = diff.before, diff.after
    budget = new.graph.spec.target.budget if new.graph.spec.target else Budget()
    was, now, plans = old.graph, new.graph, (old.plan, new.plan)
    ram = [("ram_bytes", "RAM", budget.ram)]
    if all(plan is None or plan.ram_bytes == plan.arena_bytes for plan in plans):
        ram = [("arena_bytes", "arena", budget.ram)]
    else:
        ram.insert(0, ("arena_bytes", "arena", None))  # constants that are copied to RAM count as well
    device = [
        Total(key, label, _bytes(plans[0], key), _bytes(plans[1], key), limit)
        for key, label, limit in (("weight_bytes", "weight bytes", None), ("flash_bytes", "flash", budget.flash), *ram)
    ]
    return (
        Total("parameters", "parameters", was.parameters, now.parameters),
        Total("trainable_parameters", "trainable", was.trainable_parameters, now.trainable_parameters),
        Total("macs", "MACs", was.macs, now.macs, budget.macs),
        *device,
    )


def _bytes(plan: DevicePlan | None, key: str) -> int | None:
    if plan is None:
        return None
    return flash_bytes(plan) if key == "flash_bytes" else int(getattr(plan, key))


def peak(diff: Diff) -> Peak:
    """Return at which layer the arena is fullest, before and after."""
    before, after = _peak(diff.before), _peak(diff.after)
    return Peak(before, after, before == after if before is None else diff.matching.layers.get(before) == after)


def _peak(net: Net) -> str | None:
    return net.plan.peak.layer if net.plan and net.plan.peak else None


def unsupported(net: Net) -> tuple[str, ...]:
    """Return why a net does not run on its core, a sentence a layer."""
    return tuple(each.message for each in net.unsupported)
