"""lstm, gru, simple_rnn: one cell that runs over the steps of a sequence."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, NoReturn

from netspec.diagnostics import InvalidValue
from netspec.keys.keys import Field, Parsed
from netspec.layers._explanation import Equation, Explanation, PyTorch, counted, product, sized
from netspec.layers._types import ActivationName, Constraint, Initializer, Regularizer, Size
from netspec.layers._weighted import Kernelled
from netspec.layers.base import DeviceUnsupported, KerasCall, Weight, check_rank
from netspec.ops import Op, Shape


def _refused(reason: str, remedy: str) -> Parsed:
    """Return the parser of a key that Keras has and a spec can only leave at false."""

    def parse(value: Any) -> bool:
        if value is not False:
            raise InvalidValue(reason, remedy) if value is True else InvalidValue("must be false", "remove the key")
        return False

    return Parsed(parse, Literal[False])


Rate = Annotated[float, Field(ge=0, lt=1)]
ORTHOGONAL: Initializer = ("orthogonal", ())


class Recurrent(Kernelled):
    """A cell that runs over (steps, features); its kernels hold `gates` matrices side by side."""

    family: ClassVar[str] = "recurrent"
    input_ranks: ClassVar[tuple[int, ...] | None] = (2,)
    gates: ClassVar[int]
    gate_names: ClassVar[str]
    keras_class: ClassVar[str]
    own_keys: ClassVar[tuple[str, ...]] = ()
    units: Size = Field(description="Size of the state and of each output.", examples=[16])
    activation: ActivationName | None = Field("tanh", description="Applied to the new state.")
    recurrent_initializer: Initializer = ORTHOGONAL
    recurrent_regularizer: Regularizer = None
    recurrent_constraint: Constraint = None
    dropout: Rate = Field(0.0, description="Part of the inputs to drop in training.")
    recurrent_dropout: Rate = Field(0.0, description="Part of the state to drop in training.")
    seed: int | None = Field(None, description="Of the dropout's random numbers; default: drawn anew.")
    return_sequences: bool = Field(False, description="Give the output of every step, not of the last alone.")
    go_backwards: bool = Field(False, description="Run from the last step to the first.")
    unroll: bool = Field(False, description="Write every step out in the training graph.")
    stateful: Annotated[
        bool,
        _refused("keeps a state from one inference to the next, and a spec's net starts each anew", "remove it"),
    ] = Field(False, description="Keras' key for a state that outlives an inference; a spec leaves it at false.")
    return_state: Annotated[
        bool,
        _refused("adds outputs, and a layer of a spec has one", "remove it; the state is the last step's output"),
    ] = Field(False, description="Keras' key for the state as further outputs; a spec leaves it at false.")

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        check_rank(self, inputs[0])
        return (inputs[0][0], self.units) if self.return_sequences else (self.units,)

    def bias_shape(self) -> Shape:
        return (self.gates * self.units,)

    def weights(self, inputs: tuple[Shape, ...]) -> tuple[Weight, ...]:
        wide = self.gates * self.units
        bias = (Weight("bias", self.bias_shape()),) if self.use_bias else ()
        return (Weight("kernel", (inputs[0][-1], wide)), Weight("recurrent_kernel", (self.units, wide)), *bias)

    def macs(self, inputs: tuple[Shape, ...]) -> int:
        """Return steps x gates x (inputs + units) x units; what joins the gates, element by element, counts none."""
        steps, features = inputs[0]
        return steps * self.gates * (features + self.units) * self.units

    def explain(self, inputs: tuple[Shape, ...]) -> Explanation:
        (steps, features), units = inputs[0], self.units
        gates = {"gates": self.gates, "units": units}
        kernel = product("kernel", {"input channels": features, **gates})
        recurrent = Equation("recurrent_kernel", "{units} * {gates} * {units}", gates, self.gates * units**2)
        biases = len(self.bias_shape())  # 2 rows where the recurrent kernel has its own
        bias = product("bias", {**({"rows": biases} if biases > 1 else {}), **gates})
        sums = "{gates} * {units} * ({input channels} + {units}"
        total = Equation(
            "parameters",
            f"{sums}{f' + {biases}' if self.use_bias else ''})",
            kernel.values,
            kernel.result + recurrent.result + (bias.result if self.use_bias else 0),
        )
        values = {"steps": steps, **kernel.values}
        channels = sized("channels" if self.return_sequences else "features", "units", units)
        return Explanation(
            shape=(sized("steps", "input steps", steps), channels) if self.return_sequences else (channels,),
            why_shape=(
                "`return_sequences` gives the state after every step"
                if self.return_sequences
                else f"the state after the last of {steps:,} steps; `return_sequences: true` would give all",
            ),
            parameters=(kernel, recurrent, *((bias,) if self.use_bias else ())),
            total=total,
            why_parameters=(
                f"each unit of {self.gate_names} weighs {counted(features, 'input channel')} and "
                f"{counted(units, 'unit')} of the state before{self._why_bias(biases)}",
                f"every step runs the same cell: {steps:,} steps or one, the number is the same",
            ),
            macs=Equation("multiply-accumulates", f"{{steps}} * {sums})", values, self.macs(inputs)),
            pytorch=self._pytorch(features),
        )

    def _why_bias(self, rows: int) -> str:
        if not self.use_bias:
            return ""
        return (
            ", and adds one bias" if rows == 1 else ", and adds two biases, one of them within the reset gate's reach"
        )

    def _pytorch(self, features: int) -> PyTorch | None:
        """Return PyTorch's module of the same cell: it has Keras' default activations, and runs forward."""
        same = self.activation == "tanh" and getattr(self, "recurrent_activation", "sigmoid") == "sigmoid"
        if not same or self.go_backwards or not getattr(self, "reset_after", True):
            return None
        bias = "" if self.use_bias else ", bias=False"
        module = f"{self.keras_class.removeprefix('Simple')}({features}, {self.units}{bias}, batch_first=True)"
        notes = ["its gates stand in the order reset, update, candidate"] if self.keras_class == "GRU" else []
        if self.use_bias and len(self.bias_shape()) == 1:
            more = self.gates * self.units
            notes.append(f"it adds two biases to every sum: {self.gates} * {self.units} = {more:,} parameters more")
        return PyTorch((module,), notes=tuple(notes))

    def keras(self, inputs: tuple[Shape, ...]) -> tuple[KerasCall, ...]:
        keys = ("units", "dropout", "recurrent_dropout", "seed", "return_sequences", "go_backwards", "unroll")
        config = {key: getattr(self, key) for key in (*keys, *self.own_keys)}
        return (KerasCall(self.keras_class, config | self.keras_common("kernel", "recurrent")),)

    def ops(self, inputs: tuple[Shape, ...], name: str) -> tuple[Op, ...]:
        refuse_recurrent(self.type)


def refuse_recurrent(layer_type: str) -> NoReturn:
    """Raise `DeviceUnsupported` for what runs over steps."""
    raise DeviceUnsupported(
        f"netspec has no int8 kernel for {layer_type} yet",
        help="use conv1d over the steps, `padding: causal` where it must not look ahead",
    )


class LSTM(Recurrent):
    """Long short-term memory; the kernels hold the gates in the order input, forget, cell, output."""

    type: ClassVar[str] = "lstm"
    gates: ClassVar[int] = 4
    gate_names: ClassVar[str] = "the 4 gates (input, forget, cell, output)"
    keras_class: ClassVar[str] = "LSTM"
    own_keys: ClassVar[tuple[str, ...]] = ("recurrent_activation", "unit_forget_bias")
    recurrent_activation: ActivationName | None = Field("sigmoid", description="Applied to the gates.")
    unit_forget_bias: bool = Field(True, description="Start with 1 as the forget gate's bias.")


class GRU(Recurrent):
    """Gated recurrent unit; the kernels hold the gates in the order update, reset, candidate.

    `reset_after` applies the reset gate after the recurrent kernel, which then has a bias of its own: the bias is
    (2, 3 units), first the inputs' row.
    """

    type: ClassVar[str] = "gru"
    gates: ClassVar[int] = 3
    gate_names: ClassVar[str] = "the 3 gates (update, reset, candidate)"
    keras_class: ClassVar[str] = "GRU"
    own_keys: ClassVar[tuple[str, ...]] = ("recurrent_activation", "reset_after")
    recurrent_activation: ActivationName | None = Field("sigmoid", description="Applied to the gates.")
    reset_after: bool = Field(True, description="Apply the reset gate after the recurrent kernel, not before.")

    def bias_shape(self) -> Shape:
        return (2, 3 * self.units) if self.reset_after else (3 * self.units,)


class SimpleRNN(Recurrent):
    """The output of a step is a dense layer over its input and the output before."""

    type: ClassVar[str] = "simple_rnn"
    gates: ClassVar[int] = 1
    gate_names: ClassVar[str] = "the cell"
    keras_class: ClassVar[str] = "SimpleRNN"
    # Not a key: Keras' class takes it and forgets it.
    activity_regularizer: ClassVar[None] = None  # type: ignore[misc]
