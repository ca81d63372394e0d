"""What the operators of a .tflite file are translated with: its tensors, its constants, the draft of the spec."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING, Any

from netspec.importers.draft import Draft, Source
from netspec.importers.faults import Faults, MalformedModel, ModelFault
from netspec.importers.names import identifier, spec_name
from netspec.importers.tflite.layer_names import common_suffix, given_name
from netspec.importers.tflite.reader import FileModel, FileOperator, FileTensor
from netspec.importers.tflite.unknown import known_help, leads_to_subgraphs, unknown_operator
from netspec.ops import Shape

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ACTIVATIONS = {"RELU": "relu", "RELU6": "relu6"}
_SHAPE_ARITHMETIC = (
    "SHAPE",
    "STRIDED_SLICE",
    "PACK",
    "CAST",
    "CONCATENATION",
    "MUL",
    "ADD",
    "SUB",
    "GATHER",
    "REDUCE_PROD",
)
RANKINGS = ("SOFTMAX", "LOG_SOFTMAX")
"""Functions after which the largest output is the same one."""


@dataclass(frozen=True, slots=True)
class LayerWeights:
    """The arrays of one layer in Keras' layout; integers have `scales`, floats none."""

    kernel: NDArray[Any]
    bias: NDArray[Any] | None
    scales: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """An op of the file that the device must run as one: its `Op.variant`, what it reads and writes as file tensors."""

    variant: str
    inputs: tuple[int, ...]
    output: int
    what: str


@dataclass(frozen=True, slots=True)
class InputRescaling:
    """What the last of the operators that rescale an input computes; for those before it `is_last` is false."""

    factor: float
    offset: float
    is_last: bool
    before: frozenset[int]
    """Tensors that hold the input before that."""


@dataclass(slots=True)
class Translated:
    """A draft and what belongs to it. `source_of` gives the layer or input that holds a file's tensor.

    `unscaled` are tensors of dropped operators, whose scales are not those of what holds them.
    """

    draft: Draft
    integer: bool
    weights: dict[int, LayerWeights] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    source_of: dict[int, Source] = field(default_factory=dict)
    unscaled: set[int] = field(default_factory=set)
    folded: set[int] = field(default_factory=set)
    """Layers that are part of an input's quantization."""


class Translator:
    """Holds what is known of a model while its operators are translated, one after another."""

    def __init__(
        self,
        model: FileModel,
        file_name: str,
        floats_only: tuple[str, ...] = (),
        rescalings: Mapping[int, InputRescaling] | None = None,
    ) -> None:
        """Take a model; `floats_only` are kinds of its operators for which netspec has no int8 kernel yet.

        `rescalings` are the operators that rescale an input, by their place.
        """
        self.model = model
        self.rescalings = rescalings or {}
        self.constants: dict[int, NDArray[Any]] = {}
        self.suffix = common_suffix(model)
        self.readers = Counter(index for operator in model.operators for index in operator.inputs)
        self.float_tail = _float_tail(model)
        self.repeats: dict[int, Source] = {}
        """What holds the output of a TILE, under the shape that a RESHAPE after it gives."""
        self.faults = Faults()
        self.has_listed_kinds = False
        """The kinds that netspec imports are listed in the help of the first unknown operator alone."""
        self.unknown: set[int] = set()
        """Tensors of which a fault leaves nothing to go on with; operators that read them are left out."""
        self.not_int8: set[int] = set()
        """Tensors that are reported as other than int8 with one scale, or that nothing is translated for."""
        int8 = _is_integer(model, self.float_tail)
        integer = int8 and not floats_only
        self.draft = Draft(spec_name(file_name.rpartition(".")[0] or file_name))
        self.result = Translated(self.draft, integer)
        self.draft.notes.append(f"Imported from {file_name}, {_origin(model, integer, floats_only if int8 else ())}")

    def run(self, operators: Mapping[str, OperatorTranslator]) -> Translated:
        """Return the whole model translated, each operator by its own function.

        Raises `ModelFault` with the faults of all operators: after one, translation goes on with the output that the
        file says it has.
        """
        for index in self.model.inputs:
            with self.faults.collected():
                self._input(self.model.tensors[index])
            if index not in self.result.source_of:
                self._stand_in(index)
        needed = _needed(self.model)
        self._refuse_states(operators)
        for operator in self.model.operators:
            if needed.isdisjoint(operator.outputs):
                continue
            if operator.kind in _SHAPE_ARITHMETIC and self._only_shapes(operator):
                continue
            self._translate(operator, operators)
        with self.faults.collected():
            self._outputs()
        self.faults.raise_found()
        return self.result

    def _translate(self, operator: FileOperator, operators: Mapping[str, OperatorTranslator]) -> None:
        translator = operators.get(operator.kind)
        kept = list(self.draft.layers)
        try:
            if translator is None:
                raise unknown_operator(operator, self.model, self._kinds_to_list(operator, operators))
            if not self.unknown.isdisjoint(operator.inputs):
                self._leave(operator)  # what is wrong with it may follow from another fault
                return
            if not operator.outputs or not operator.inputs or operator.inputs[0] < 0:
                raise MalformedModel(f"{operator.shown} lacks its inputs or outputs")
            if len(operator.outputs) != 1:
                raise ModelFault(f"{operator.shown} has {len(operator.outputs)} outputs")
            translator(self, operator)
        except ModelFault as fault:
            self.refuse(operator, fault)
            self.draft.layers[:] = kept
            self._leave(operator)

    # ----------------------------------------------------------------------------------------------------- faults

    def refuse(self, operator: FileOperator, fault: ModelFault) -> None:
        """Keep a fault of an operator, with the tensor that it writes where the fault names no tensor."""
        for each in (fault, *fault.others):
            if (
                each.message.startswith(operator.shown.rstrip(","))
                and "tensor " not in each.message
                and operator.outputs
            ):
                each.message += f"; it writes {self.output(operator).shown}"
        self.faults.add(fault)

    def _kinds_to_list(self, operator: FileOperator, operators: Mapping[str, OperatorTranslator]) -> tuple[str, ...]:
        """Return the kinds that netspec imports for the first operator of which nothing else can be said."""
        if self.has_listed_kinds or known_help(operator) is not None:
            return ()
        self.has_listed_kinds = True
        return tuple(operators)

    def _refuse_states(self, operators: Mapping[str, OperatorTranslator]) -> None:
        """Refuse variables, and subgraphs, unless an operator that is refused explains them."""
        unknown = [operator for operator in self.model.operators if operator.kind not in operators]
        explained = {index for operator in unknown for index in operator.inputs}
        for tensor in self.model.tensors:
            if tensor.is_variable:
                self.unknown.add(tensor.index)
                if tensor.index not in explained:
                    message = f"{tensor.shown} is a variable: state between runs cannot be imported"
                    self.faults.add(ModelFault(message))
        if self.model.subgraphs != 1 and not any(leads_to_subgraphs(operator) for operator in unknown):
            self.faults.add(
                ModelFault(f"the model has {self.model.subgraphs} subgraphs, netspec imports models of one")
            )

    def _leave(self, operator: FileOperator) -> None:
        """Put a placeholder in place of a refused operator's output, so that the operators after it are checked too."""
        constant = bool(operator.inputs) and self._is_known_constant(operator.inputs[0])
        for index in operator.outputs:
            if constant or index in self.unknown:
                self.unknown.add(index)
            elif index not in self.result.source_of:
                self._stand_in(index)

    def _is_known_constant(self, index: int) -> bool:
        return index >= 0 and (self.model.tensors[index].data is not None or index in self.constants)

    def _stand_in(self, index: int) -> None:
        """Let a made-up input hold a tensor; where the file does not say its shape, nothing is known of it."""
        tensor = self.model.tensors[index]
        sizes = tensor.shape[1:]
        if not sizes or min(sizes) < 1 or tensor.shape[0] not in (1, -1) or -1 in tensor.signature[1:]:
            self.unknown.add(index)
            return
        name = f"a {tensor.shown}"  # no identifier, so no input of the model has it
        self.draft.inputs[name] = tuple(sizes)
        self.result.source_of[index] = name
        self.not_int8.add(index)

    # ------------------------------------------------------------------------------------------ inputs and outputs

    def _input(self, tensor: FileTensor) -> None:
        name = identifier(_plain(self.model.input_names.get(tensor.index, tensor.name)) or "x")
        while name in self.draft.inputs:
            name += "_2"
        if len(tensor.shape) < 2 or tensor.shape[0] not in (-1, 1):
            raise ModelFault(
                f"input '{name}' has the shape {list(tensor.shape)}; netspec imports models of one sample a run",
                help="convert the model with a batch of 1, or of unknown size",
            )
        self._note_frozen(name, tensor)
        if tensor.dtype not in ("int8", "uint8", "float32", "int16"):
            raise ModelFault(f"input '{name}' is {tensor.dtype}, netspec imports int8, uint8, int16 and float32")
        self.draft.inputs[name] = self._shape(tensor)
        self.result.source_of[tensor.index] = name

    def _note_frozen(self, name: str, tensor: FileTensor) -> None:
        if tensor.signature[0] == -1:
            self.draft.notes.append(
                f"Frozen: the batch of {name} is open in the file (-1); here it is 1, one sample a run."
            )
        for axis, size in enumerate(tensor.signature[1:], start=1):
            if size == -1:
                frozen = tensor.shape[axis]
                self.draft.notes.append(f"Frozen: axis {axis} of {name} is open in the file (-1); here it is {frozen}.")

    def _outputs(self) -> None:
        found: list[int] = []
        for index in self.model.outputs:
            source = self.result.source_of.get(index)
            if index in self.unknown:
                continue
            if source is None:
                raise ModelFault(f"the output {self.model.tensors[index].shown} is a constant")
            if isinstance(source, str) or source in found:
                # An output is a layer, and each another one: where the file has a view or nothing, here is a view.
                target = {"target_shape": list(self.draft.shape(source))}
                source = self.draft.add("reshape", (source,), target, what="an output")
                self.result.source_of[index] = source
            found.append(source)
        self.draft.outputs = tuple(found)

    def _only_shapes(self, operator: FileOperator) -> bool:
        """Say whether an operator computes a shape at run time, which the file's own shapes say already."""
        return all(self.model.tensors[index].dtype in ("int32", "int64") for index in operator.outputs)

    # ---------------------------------------------------------------------------------------------------- tensors

    def _shape(self, tensor: FileTensor) -> Shape:
        """Return a tensor's shape without the batch of 1."""
        sizes = [1 if axis == 0 and size == -1 else size for axis, size in enumerate(tensor.shape)]
        if any(size < 1 for size in sizes):
            raise ModelFault(
                f"{tensor.shown} has the shape {list(tensor.shape)}, which a device cannot hold",
                help="convert the model with a fixed input shape",
            )
        return tuple(sizes[1:] if sizes and sizes[0] == 1 else sizes)

    def fits(self, tensor: FileTensor, shape: Shape) -> bool:
        """Say whether a tensor may have a shape: sizes that are open in the file may be any."""
        if all(size != -1 for size in tensor.signature[1:]):
            return shape == self._shape(tensor)
        known = tensor.signature[1:]
        return len(known) == len(shape) and all(one in (-1, two) for one, two in zip(known, shape, strict=True))

    def view_shape(self, tensor: FileTensor, given: Shape) -> Shape:
        """Return the shape of a view of `given`; of several open sizes only those of `given` itself are known."""
        known = tensor.signature[1:]
        open_axes = [axis for axis, size in enumerate(known) if size == -1]
        if not open_axes:
            return self._shape(tensor)
        if self.fits(tensor, given):
            return given
        rest = prod(size for size in known if size != -1)
        if len(open_axes) > 1 or rest < 1 or prod(given) % rest:
            raise ModelFault(
                f"{tensor.shown} has the shape {list(tensor.signature)}, of which too much is open",
                help="convert the model with a fixed input shape",
            )
        return tuple(prod(given) // rest if size == -1 else size for size in known)

    def _tensor(self, operator: FileOperator, position: int) -> FileTensor:
        index = operator.inputs[position] if position < len(operator.inputs) else -1
        if index < 0:
            raise MalformedModel(f"{operator.shown} lacks its input {position}")
        return self.model.tensors[index]

    def source(self, operator: FileOperator, position: int = 0) -> Source:
        """Return what holds an operator's input; a constant cannot be one."""
        tensor = self._tensor(operator, position)
        source = self.result.source_of.get(tensor.index)
        if tensor.index in self.repeats:
            return self.reshaped(self.repeats[tensor.index], self._shape(tensor))
        if source is None:
            raise ModelFault(f"{operator.shown} computes with the constant {tensor.shown}")
        return source

    def constant(self, operator: FileOperator, position: int) -> NDArray[Any]:
        import numpy as np

        tensor = self._tensor(operator, position)
        if tensor.index in self.constants:
            return self.constants[tensor.index]
        if tensor.data is None:
            raise ModelFault(f"{operator.shown} reads {tensor.shown}, which must be a constant")
        if tensor.dtype not in ("int8", "int16", "int32", "int64", "float16", "float32", "uint8"):
            raise ModelFault(f"{operator.shown} reads {tensor.shown} of type {tensor.dtype}")
        return np.frombuffer(tensor.data, np.dtype(tensor.dtype).newbyteorder("<")).reshape(tensor.shape)

    def integers(self, operator: FileOperator, position: int) -> tuple[int, ...]:
        """Return a small constant of integers, such as axes or a padding."""
        values = self.constant(operator, position)
        if values.dtype.kind != "i" or values.size > 64:
            raise ModelFault(
                f"{operator.shown} reads {self._tensor(operator, position).shown}, which is no list of axes"
            )
        return tuple(map(int, values.reshape(-1)))

    def output(self, operator: FileOperator) -> FileTensor:
        return self.model.tensors[operator.outputs[0]]

    def same_scale(self, operator: FileOperator, *positions: int) -> None:
        """Refuse an operator that copies integers unless it has one scale for its inputs and its output."""
        if not self.result.integer:
            return
        output = self.output(operator)
        for position in positions:
            given = self._tensor(operator, position)
            if given.index in self.not_int8:
                continue
            if (given.scales, given.zero_points) != (output.scales, output.zero_points):
                message = f"{operator.shown} has another scale for its output than for {given.shown}"
                self.refuse(operator, ModelFault(message))
                return

    # ----------------------------------------------------------------------------------------------------- layers

    def add(
        self,
        operator: FileOperator,
        layer_type: str,
        keys: Mapping[str, Any],
        sources: tuple[Source, ...] | None = None,
        comment: str | None = None,
    ) -> int:
        """Append the layer of an operator."""
        name = given_name(operator, self.model, self.suffix)
        reads = sources if sources is not None else (self.source(operator),)
        return self.draft.add(layer_type, reads, keys, what=operator.shown.rstrip(","), name=name, comment=comment)

    def bind(self, operator: FileOperator, source: Source, step: str | None = None, reads: int = 1) -> None:
        """Let the layer hold the operator's output, and expect the device to run `step` for it."""
        output = self.output(operator)
        if not self.fits(output, self.draft.shape(source)):
            raise MalformedModel(
                f"{operator.shown} writes {output.shown} of shape {list(output.shape)}, "
                f"its inputs give {[1, *self.draft.shape(source)]}"
            )
        self.require_int8(operator, output)
        self.result.source_of[output.index] = source
        if step is not None:
            inputs = tuple(operator.inputs[:reads])
            self.result.steps.append(Step(step, inputs, output.index, operator.shown.rstrip(",")))

    def reshaped(self, source: Source, shape: Shape) -> Source:
        """Return the source under another shape."""
        if self.draft.shape(source) == shape:
            return source
        if len(shape) == 1:
            return self.draft.add("flatten", (source,), {}, what="a flatten")
        return self.draft.add("reshape", (source,), {"target_shape": list(shape)}, what="a reshape")

    def activation_key(self, operator: FileOperator) -> dict[str, str]:
        kind = operator.options["activation"]
        if kind == "NONE":
            return {}
        if kind not in _ACTIVATIONS:
            self.refuse(operator, ModelFault(f"{operator.shown} has the fused activation {kind}, which no layer has"))
            return {}
        return {"activation": _ACTIVATIONS[kind]}

    def activated(self, operator: FileOperator, source: int) -> int:
        """Return a layer, or the activation layer after it that the operator has fused."""
        kind = self.activation_key(operator).get("activation")
        if kind is None:
            return source
        bound = {"max_value": 6.0} if kind == "relu6" else {}
        return self.draft.add("relu", (source,), bound, what=operator.shown.rstrip(","))

    def weights(self, operator: FileOperator, layout: Callable[[NDArray[Any]], NDArray[Any]]) -> LayerWeights:
        """Return the kernel and bias of a convolution or dense layer, the kernel turned by `layout`."""
        import numpy as np

        tensor = self._tensor(operator, 1)
        kernel = self.constant(operator, 1)
        has_bias = len(operator.inputs) > 2 and operator.inputs[2] >= 0
        bias = self.constant(operator, 2) if has_bias else None
        if any(tensor.zero_points):
            self.refuse(operator, ModelFault(f"{operator.shown} has weights with a zero point, {tensor.shown}"))
        if self.result.integer:
            if kernel.dtype != np.int8 or not tensor.scales or (bias is not None and bias.dtype != np.int32):
                self.refuse(operator, ModelFault(f"{operator.shown} has other weights than int8 with biases of int32"))
            self.require_int8(operator, self._tensor(operator, 0))
            return LayerWeights(layout(kernel), None if bias is None else bias.reshape(-1), tensor.scales)
        floats = as_floats(kernel, tensor)
        bias_floats = None if bias is None else as_floats(bias, self._tensor(operator, 2)).reshape(-1)
        return LayerWeights(layout(floats), bias_floats)

    def require_int8(self, operator: FileOperator, tensor: FileTensor) -> None:
        """Refuse an operator of an int8 model with a tensor of another kind; each tensor once."""
        if not self.result.integer or tensor.index in self.not_int8:
            return
        if tensor.dtype != "int8" or len(tensor.scales) != 1 or not -128 <= tensor.zero_points[0] <= 127:
            message = f"{operator.shown} has {tensor.shown} of type {tensor.dtype}, int8 with one scale is expected"
            self.refuse(operator, ModelFault(message))
            self.not_int8.add(tensor.index)

    def geometry(self, operator: FileOperator) -> dict[str, Any]:
        options = operator.options
        strides = [options["stride_h"], options["stride_w"]]
        if options["padding"] not in ("SAME", "VALID") or min(strides) < 1:
            raise MalformedModel(f"{operator.shown} has padding {options['padding']} and strides {strides}")
        return {"strides": strides, "padding": options["padding"].lower()}


OperatorTranslator = Callable[[Translator, FileOperator], None]
"""Appends an operator's layers to the draft, and binds its output to the last."""


def _float_tail(model: FileModel) -> frozenset[int]:
    """Return the float tensors between the last DEQUANTIZE and a softmax, or its logarithm, that ends the net."""
    writers = {index: operator for operator in model.operators for index in operator.outputs}
    found = set()
    for index in model.outputs:
        operator = writers.get(index)
        while operator is not None and operator.kind in RANKINGS and model.tensors[index].dtype == "float32":
            found.add(index)
            index = operator.inputs[0] if operator.inputs else -1
            operator = writers.get(index)
        if operator is not None and operator.kind == "DEQUANTIZE" and model.tensors[operator.inputs[0]].data is None:
            found.add(index)
    return frozenset(found)


def _needed(model: FileModel) -> frozenset[int]:
    """Return the tensors that more depends on than a shape at run time; those that nobody reads are among them."""
    read = {index for operator in model.operators for index in operator.inputs}
    found = set(model.outputs)
    for operator in reversed(model.operators):
        if not found.isdisjoint(operator.outputs) or read.isdisjoint(operator.outputs):
            found.update(operator.outputs)
            if operator.kind != "SHAPE":
                found.update(operator.inputs)
    return frozenset(found)


def _is_integer(model: FileModel, tail: frozenset[int]) -> bool:
    """Say whether a model computes in int8: what operators hand to each other is int8, but for its two ends."""
    inner = {index for operator in model.operators for index in operator.outputs}
    ends = {index for op in model.operators if op.kind in ("QUANTIZE", "DEQUANTIZE") for index in op.outputs}
    between = [model.tensors[index] for index in inner - (ends & set(model.outputs)) - tail]
    kinds = {tensor.dtype for tensor in between if tensor.dtype not in ("int32", "int64")}
    constants = {index for op in model.operators if op.kind == "DEQUANTIZE" for index in op.outputs}
    return "int8" in kinds and kinds <= {"int8"} and not (constants - set(model.outputs) - tail)


def _origin(model: FileModel, integer: bool, floats_only: tuple[str, ...]) -> str:
    """Say what kind of model a file holds, and what becomes of its numbers."""
    if integer:
        return (
            "an int8 model. The integers of its weights and the scales of its tensors are kept as they are: a build "
            "computes bit for bit what TensorFlow Lite Micro computes with that file."
        )
    floats = "Its weights are here as floats: a build chooses int8 scales of its own."
    if floats_only:
        return f"an int8 model with {', '.join(floats_only)}, for which netspec has no int8 kernel yet. {floats}"
    written = {index for operator in model.operators for index in operator.outputs}
    if any(model.tensors[index].dtype == "int16" for index in written):
        return (
            "a model of 16 bit activations and 8 bit weights. The device computes with 8 bits, where the file's scales "
            f"say nothing. {floats}"
        )
    constants = {tensor.dtype for tensor in model.tensors if tensor.data is not None}
    if "int8" in constants:
        return f"a float model whose weights have 8 bits. {floats}"
    return f"a {'float16' if 'float16' in constants else 'float'} model. {floats}"


def as_floats(values: NDArray[Any], tensor: FileTensor) -> NDArray[Any]:
    """Return a constant as the floats that it stands for."""
    import numpy as np

    if values.dtype.kind == "f":
        return _finite(values, tensor)
    if not tensor.scales:
        raise ModelFault(f"{tensor.shown} is {tensor.dtype} without a scale")
    shape = [1] * values.ndim
    if len(tensor.scales) > 1:
        shape[tensor.quantized_dimension] = len(tensor.scales)
    zero_points = np.array(tensor.zero_points, np.float64).reshape(shape if len(tensor.scales) > 1 else ())
    scales = np.array(tensor.scales, np.float64).reshape(shape if len(tensor.scales) > 1 else ())
    return _finite((values.astype(np.float64) - zero_points) * scales, tensor)


def _finite(values: NDArray[Any], tensor: FileTensor) -> NDArray[Any]:
    import numpy as np

    with np.errstate(over="ignore"):
        found = values.astype(np.float32)
    if not np.isfinite(found).all():
        raise ModelFault(f"{tensor.shown} holds values that are not finite")
    return found


def _plain(name: str) -> str:
    """Return a tensor's name without what converters put around an input's."""
    name = name.partition(":")[0]
    return name.removeprefix("serving_default_").rpartition("/")[2]
