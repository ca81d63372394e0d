"""bidirectional, time_distributed: layers that hold another layer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal

from netspec.diagnostics import InvalidValue, WrongName, write
from netspec.keys.keys import Field, Parsed
from netspec.layers import LAYERS
from netspec.layers._explanation import Equation, Explanation, PyTorch, sized
from netspec.layers._schema import one_layer
from netspec.layers.base import (
    KERAS_LAYERS,
    DeviceUnsupported,
    Integers,
    KerasCall,
    Layer,
    LayerError,
    Weight,
    describe,
)
from netspec.layers.recurrent import Recurrent, refuse_recurrent
from netspec.ops import Op, Shape

_Reason = tuple[str, str]
"""What is wrong with a type, and what to write instead."""


def _held(refuse: Callable[[type[Layer]], _Reason | None]) -> Parsed:
    """Return the parser of the layer that a wrapper holds; `refuse` says what is wrong with a type.

    The reader of specs validates the held layer's keys before, so that each fault stands at its place.
    """

    def parse(value: Any) -> Layer:
        layer_type, keys = next(iter(value.items())) if isinstance(value, dict) and len(value) == 1 else (value, {})
        if not isinstance(layer_type, str) or not isinstance(keys, dict | None):
            raise InvalidValue("must be one layer", write("{dense: {units: 5}}"))
        if layer_type not in LAYERS:
            raise WrongName(f"'{layer_type}' is no layer type", layer_type, LAYERS, "layer", known="the types are")
        reason = refuse(LAYERS[layer_type])
        if reason is not None:
            predicate, remedy = reason
            raise InvalidValue(f"'{layer_type}' {predicate}", remedy)
        try:
            return LAYERS[layer_type].model_validate(keys or {})
        except ValueError as error:
            from pydantic import ValidationError

            if not isinstance(error, ValidationError):
                raise
            # Pydantic would take its faults for those of the wrapper's keys.
            raise InvalidValue(f"'{layer_type}' has {error.error_count()} faults in its keys") from error

    return Parsed(parse, lambda: one_layer((name, each) for name, each in LAYERS.items() if refuse(each) is None))


def _not_recurrent(held: type[Layer]) -> _Reason | None:
    if issubclass(held, Recurrent):
        return None
    return "does not run over steps, which bidirectional does twice", "hold lstm, gru or simple_rnn"


def _not_for_steps(held: type[Layer]) -> _Reason | None:
    if held.merges:
        return "reads several layers, and time_distributed gives its layer one step", "use it alone"
    if held.type == "reduce":
        return "cannot be held by time_distributed", "use it alone, every axis one higher"
    return None


class _Wrapper(Layer):
    family: ClassVar[str] = "recurrent"
    wraps: ClassVar[bool] = True
    layer: Layer
    trainable: bool = Field(True, description="`false` freezes the weights of the layer inside.")

    def model_dump(self, **options: Any) -> dict[str, Any]:
        """Return the values as plain data; the held layer as a spec has it, under its type."""
        found = super().model_dump(**options)
        if "layer" in found:
            found["layer"] = {self.layer.type: self.layer.model_dump(mode="json")}
        return found

    @contextmanager
    def _inside(self, rank_help: str | None = None) -> Iterator[None]:
        """Tell a complaint of the held layer as one of this layer, at the held layer's key.

        `rank_help` is what to do about the rank of its input, where that is not the wrapper's.
        """
        try:
            yield
        except LayerError as error:
            held = f"the {self.layer.type} of {{layer}}"
            error.message = error.message.replace("{layer}", held)
            error.help = error.help.replace("{layer}", held) if error.help else None
            error.field = f"layer.{error.field}" if error.field else "layer"
            if error.rule == "rank-mismatch" and rank_help:
                error.help = rank_help
            raise

    def _check_held(self) -> None:
        if self.layer.from_ is not None:
            raise LayerError(
                f"the {self.layer.type} of {{layer}} reads what {{layer}} reads, it has no `from` of its own",
                field="layer.from",
                help=f"move `from` to {self.type}",
                rule="bad-from",
            )

    def check_initializers(self, inputs: tuple[Shape, ...]) -> None:
        with self._inside():
            self.layer.check_initializers(self._held_inputs(inputs))

    def _held_inputs(self, inputs: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """Return what the held layer reads."""
        return inputs

    def check_trainable(self) -> None:
        with self._inside():
            self.layer.check_trainable()

    def _held_weights(self, inputs: tuple[Shape, ...]) -> tuple[Weight, ...]:
        trainable = getattr(self.layer, "trainable", True)
        return tuple(replace(weight, trainable=weight.trainable and trainable) for weight in self.layer.weights(inputs))

    def _held_calls(self, inputs: tuple[Shape, ...]) -> list[KerasCall]:
        """Return the Keras layers of the held layer, named: Keras would number them through the process."""
        calls = self.layer.keras(inputs)
        name = self.layer.name or self.layer.type
        names = [f"{name}_pad"] * (len(calls) - 1) + [name]
        named = [replace(call, config={**call.config, "name": each}) for call, each in zip(calls, names, strict=True)]
        return named if self.trainable else [_frozen(call) for call in named]


def _frozen(call: KerasCall) -> KerasCall:
    """Return the call with every layer in it frozen: Keras would train what a frozen wrapper holds."""
    held = {key: _frozen(value) for key, value in call.config.items() if isinstance(value, KerasCall)}
    own = {"trainable": False} if call.module == KERAS_LAYERS else {}
    return replace(call, config={**call.config, **held, **own})


def _times(factor: int, equation: Equation, name: str | None = None) -> Equation:
    """Return an equation of `factor` times as much; `name` is what the factor is called."""
    while name in equation.values:
        name = f"outer {name}"
    values = {name: factor} if name else {}
    first = f"{{{name}}}" if name else str(factor)
    template = f"{first} * {equation.template}"
    return Equation(equation.subject, template, {**values, **equation.values}, factor * equation.result)


def _both_ways(torch: PyTorch) -> PyTorch:
    modules = (f"{module.removesuffix(')')}, bidirectional=True)" for module in torch.modules)
    return replace(torch, modules=tuple(modules), notes=tuple(f"in each direction, {note}" for note in torch.notes))


class Bidirectional(_Wrapper):
    """A recurrent layer run from both ends, each run with weights of its own."""

    type: ClassVar[str] = "bidirectional"
    layer: Annotated[Layer, _held(_not_recurrent)] = Field(
        description="lstm, gru or simple_rnn.", examples=["{gru: {units: 7}}"]
    )
    merge_mode: Literal["sum", "mul", "concat", "ave"] = Field(
        "concat", description="How the outputs of both runs become one."
    )

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        self._check_held()
        with self._inside():
            shape = self.layer.output_shape(inputs)
        if getattr(self.layer, "go_backwards", False):
            raise LayerError(
                f"the {self.layer.type} of {{layer}} goes backwards, which is the other run's part in Keras",
                field="layer.go_backwards",
                help="remove `go_backwards`; both directions run in any case",
                rule="keras-restriction",
            )
        return (*shape[:-1], shape[-1] * (2 if self.merge_mode == "concat" else 1))

    def weights(self, inputs: tuple[Shape, ...]) -> tuple[Weight, ...]:
        held = self._held_weights(inputs)
        return tuple(replace(w, name=f"{side}_{w.name}") for side in ("forward", "backward") for w in held)

    def macs(self, inputs: tuple[Shape, ...]) -> int:
        """Return twice what the layer inside costs."""
        return 2 * self.layer.macs(inputs)

    def explain(self, inputs: tuple[Shape, ...]) -> Explanation:
        held = self.layer.explain(inputs)
        *before, last = held.shape
        units = last.result
        if self.merge_mode == "concat":
            last = Equation(last.subject, "2 * {units}", {"units": units}, 2 * units)
            how = "stand side by side"
        else:
            how = f"become one by `merge_mode: {self.merge_mode}`"
        both = [
            replace(each, subject=f"{side}_{each.subject}")
            for side in ("forward", "backward")
            for each in held.parameters
        ]
        return Explanation(
            shape=(*before, last),
            why_shape=(f"a second {self.layer.type} runs from the end to the start; the outputs of both {how}",),
            parameters=tuple(both),
            total=held.total and _times(2, held.total),
            why_parameters=("each direction has weights of its own: twice as many as one", *held.why_parameters),
            macs=held.macs and _times(2, held.macs),
            pytorch=held.pytorch and _both_ways(held.pytorch) if self.merge_mode == "concat" else None,
        )

    def keras(self, inputs: tuple[Shape, ...]) -> tuple[KerasCall, ...]:
        (held,) = self._held_calls(inputs)
        config = {"layer": held, "merge_mode": self.merge_mode, "trainable": self.trainable}
        return (KerasCall("Bidirectional", config),)

    def ops(self, inputs: tuple[Shape, ...], name: str) -> tuple[Op, ...]:
        refuse_recurrent(self.type)


class TimeDistributed(_Wrapper):
    """A layer applied to every step of (steps, ...) alike."""

    type: ClassVar[str] = "time_distributed"
    layer: Annotated[Layer, _held(_not_for_steps)] = Field(
        description="Any layer of one input.", examples=["{dense: {units: 5}}"]
    )

    def reads_integers(self) -> Integers:
        return self.layer.reads_integers()

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        self._check_held()
        if len(inputs[0]) < 2:
            raise LayerError(
                f"time_distributed takes (steps, ...), not the input {describe(inputs[0])} of {{layer}}",
                help=f"use `{self.layer.type}` alone",
                rule="rank-mismatch",
            )
        if getattr(self.layer, "activity_regularizer", None) is not None:
            raise LayerError(
                f"the {self.layer.type} of {{layer}} has an activity_regularizer, which Keras' TimeDistributed ignores",
                field="layer.activity_regularizer",
                help="remove it, or regularize the activity of the layer after",
                rule="keras-restriction",
            )
        with self._inside(rank_help="`reshape` the input: its first axis is the steps, the rest is what each step has"):
            return (inputs[0][0], *self.layer.output_shape(self._step(inputs)))

    def _held_inputs(self, inputs: tuple[Shape, ...]) -> tuple[Shape, ...]:
        return self._step(inputs)

    def _step(self, inputs: tuple[Shape, ...]) -> tuple[Shape, ...]:
        return (inputs[0][1:],)

    def weights(self, inputs: tuple[Shape, ...]) -> tuple[Weight, ...]:
        return self._held_weights(self._step(inputs))

    def macs(self, inputs: tuple[Shape, ...]) -> int:
        """Return steps x what the layer inside costs."""
        return inputs[0][0] * self.layer.macs(self._step(inputs))

    def explain(self, inputs: tuple[Shape, ...]) -> Explanation:
        steps, held = inputs[0][0], self.layer.explain(self._step(inputs))
        name = "outer steps" if any(each.subject == "steps" for each in held.shape) else "steps"
        macs = held.macs and _times(steps, held.macs, "steps")
        return replace(
            held,
            shape=(sized(name, f"input {name}", steps), *held.shape),
            why_shape=(f"{self.layer.type} at each of {steps:,} steps, on {describe(inputs[0][1:])}", *held.why_shape),
            why_parameters=(f"all steps share one {self.layer.type}", *held.why_parameters),
            macs=macs,
            pytorch=None,
        )

    def keras(self, inputs: tuple[Shape, ...]) -> tuple[KerasCall, ...]:
        return tuple(
            KerasCall("TimeDistributed", {"layer": held, "trainable": self.trainable})
            for held in self._held_calls(self._step(inputs))
        )

    def ops(self, inputs: tuple[Shape, ...], name: str) -> tuple[Op, ...]:
        remedy = "use `dense` alone: it keeps leading axes" if self.layer.type == "dense" else "repeat the layer"
        raise DeviceUnsupported("netspec has no int8 kernel for time_distributed yet", help=remedy)
