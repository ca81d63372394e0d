"""A TensorFlow Lite model -> a spec and its weights, operator by operator.

An int8 model keeps its integers and scales: the spec's device graph must have the very ops of the file, which is
asserted, and a build of it computes what TensorFlow Lite Micro computes with the file. A model of another kind (float,
16 bit activations, float with int8 weights) becomes a float spec, which a build quantizes anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING, Any

from netspec.importers.draft import Draft, Source, identifier, spec_name
from netspec.importers.faults import MalformedModel, ModelFault
from netspec.importers.tflite_layer_names import common_suffix, given_name
from netspec.importers.tflite_reader import FileModel, FileOperator, FileTensor
from netspec.ops import Shape

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FIXED_OUTPUTS = {"SOFTMAX": (1 / 256, -128), "LOGISTIC": (1 / 256, -128), "TANH": (1 / 128, 0)}
_ACTIVATIONS = {"RELU": "relu", "RELU6": "relu6"}
_BY_CHANNEL = (
    "Changed: a dense layer whose weights have a scale for each output is a 1x1 convolution here. The device's dense "
    "layer has one scale in all; the convolution has one for each and computes the same integers."
)
_SHAPE_ARITHMETIC = ("SHAPE", "STRIDED_SLICE", "PACK", "CAST")


@dataclass(frozen=True, slots=True)
class LayerWeights:
    """The arrays of one layer in Keras' layout; integers have `scales`, floats none."""

    kernel: NDArray[Any]
    bias: NDArray[Any] | None
    scales: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """An op of the file that the device must run as one: its kind, what it reads and writes as file tensors."""

    kind: str
    inputs: tuple[int, ...]
    output: int
    what: str


@dataclass(slots=True)
class Translated:
    """A draft and what belongs to it. `source_of` gives the layer or input that holds a file's tensor."""

    draft: Draft
    integer: bool
    weights: dict[int, LayerWeights] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    source_of: dict[int, Source] = field(default_factory=dict)


def translate(model: FileModel, file_name: str) -> Translated:
    """Return the draft of a model's spec. `ModelFault` names the operator or tensor that netspec cannot take."""
    return _Translator(model, file_name).run()


class _Translator:
    def __init__(self, model: FileModel, file_name: str) -> None:
        self.model = model
        self.constants: dict[int, NDArray[Any]] = {}
        self.suffix = common_suffix(model)
        integer = _is_integer(model)
        self.draft = Draft(spec_name(file_name.rpartition(".")[0] or file_name))
        self.result = Translated(self.draft, integer)
        if integer:
            self.draft.notes.append(
                f"Imported from {file_name}, an int8 model. The integers of its weights and the scales of its tensors "
                "are kept as they are: a build computes bit for bit what TensorFlow Lite Micro computes with that file."
            )
        else:
            self.draft.notes.append(
                f"Imported from {file_name}. Its weights are here as floats: a build chooses int8 scales of its own."
            )

    def run(self) -> Translated:
        for index in self.model.inputs:
            self._input(self.model.tensors[index])
        for operator in self.model.operators:
            if operator.kind in _SHAPE_ARITHMETIC and self._only_shapes(operator):
                continue
            translator = _OPERATORS.get(operator.kind)
            if translator is None:
                raise ModelFault(
                    f"{operator.shown} has no counterpart on the device",
                    help=f"netspec imports {', '.join(sorted(_OPERATORS))}",
                )
            if not operator.outputs or not operator.inputs or operator.inputs[0] < 0:
                raise MalformedModel(f"{operator.shown} lacks its inputs or outputs")
            if len(operator.outputs) != 1:
                raise ModelFault(f"{operator.shown} has {len(operator.outputs)} outputs")
            translator(self, operator)
        self._outputs()
        return self.result

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

    def _tensor(self, operator: FileOperator, position: int) -> FileTensor:
        index = operator.inputs[position] if position < len(operator.inputs) else -1
        if index < 0:
            raise MalformedModel(f"{operator.shown} lacks its input {position}")
        return self.model.tensors[index]

    def source(self, operator: FileOperator, position: int = 0) -> Source:
        """Return what holds an operator's input; a constant cannot be one."""
        tensor = self._tensor(operator, position)
        source = self.result.source_of.get(tensor.index)
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
        """Raise unless an operator that copies integers has one scale for its inputs and its output."""
        if not self.result.integer:
            return
        output = self.output(operator)
        for position in positions:
            given = self._tensor(operator, position)
            if (given.scales, given.zero_points) != (output.scales, output.zero_points):
                raise ModelFault(f"{operator.shown} has another scale for its output than for {given.shown}")

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
        if self.draft.shape(source) != self._shape(output):
            raise MalformedModel(
                f"{operator.shown} writes {output.shown} of shape {list(output.shape)}, "
                f"its inputs give {[1, *self.draft.shape(source)]}"
            )
        if self.result.integer:
            _require_int8(operator, output)
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
            raise ModelFault(f"{operator.shown} has the fused activation {kind}, which no layer has")
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
        bias = self.constant(operator, 2).reshape(-1) if has_bias else None
        if any(tensor.zero_points):
            raise ModelFault(f"{operator.shown} has weights with a zero point, {tensor.shown}")
        if self.result.integer:
            if kernel.dtype != np.int8 or not tensor.scales or (bias is not None and bias.dtype != np.int32):
                raise ModelFault(f"{operator.shown} has other weights than int8 with biases of int32")
            _require_int8(operator, self._tensor(operator, 0))
            return LayerWeights(layout(kernel), bias, tensor.scales)
        floats = _as_floats(kernel, tensor)
        bias_floats = None if bias is None else _as_floats(bias, self._tensor(operator, 2))
        return LayerWeights(layout(floats), bias_floats)

    def geometry(self, operator: FileOperator) -> dict[str, Any]:
        options = operator.options
        strides = [options["stride_h"], options["stride_w"]]
        if options["padding"] not in ("SAME", "VALID") or min(strides) < 1:
            raise MalformedModel(f"{operator.shown} has padding {options['padding']} and strides {strides}")
        return {"strides": strides, "padding": options["padding"].lower()}


def _convolution(self: _Translator, operator: FileOperator) -> None:
    source, shape = self.source(operator), self._tensor(operator, 1).shape
    channels = self.draft.shape(source)[-1]
    if len(shape) != 4 or len(self.draft.shape(source)) != 3:
        raise MalformedModel(f"{operator.shown} has a kernel of shape {list(shape)}")
    if channels != shape[3] and self.result.integer:
        raise ModelFault(f"{operator.shown} is grouped, and grouped convolutions have no kernel on the device")
    weights = self.weights(operator, lambda kernel: kernel.transpose(1, 2, 3, 0))
    keys = {"filters": shape[0], "kernel_size": list(shape[1:3]), **self.geometry(operator)}
    keys |= {"dilation_rate": [operator.options["dilation_h"], operator.options["dilation_w"]]}
    if channels != shape[3]:
        keys["groups"] = channels // shape[3] if shape[3] and channels % shape[3] == 0 else 0
    _weighted(self, operator, "conv2d", keys, weights, "Conv2D")


def _depthwise(self: _Translator, operator: FileOperator) -> None:
    source, shape = self.source(operator), self._tensor(operator, 1).shape
    channels = self.draft.shape(source)[-1]
    if len(shape) != 4 or shape[0] != 1 or len(self.draft.shape(source)) != 3 or shape[3] % channels:
        raise MalformedModel(f"{operator.shown} has a kernel of shape {list(shape)} for {channels} channels")
    taps = (*shape[1:3], channels, shape[3] // channels)
    weights = self.weights(operator, lambda kernel: kernel.reshape(taps))
    keys = {"kernel_size": list(shape[1:3]), **self.geometry(operator), "depth_multiplier": taps[3]}
    height, width, _ = self.draft.shape(source)
    down, across = keys["strides"]
    if down != across and 1 in (height, width):  # along an axis of 1 a window takes no step, and Keras wants one stride
        keys["strides"] = [across] * 2 if height == 1 else [down] * 2
    keys |= {"dilation_rate": [operator.options["dilation_h"], operator.options["dilation_w"]]}
    _weighted(self, operator, "depthwise_conv2d", keys, weights, "DepthwiseConv2D")


def _dense(self: _Translator, operator: FileOperator) -> None:
    source, shape = self.source(operator), self._tensor(operator, 1).shape
    if len(shape) != 2:
        raise MalformedModel(f"{operator.shown} has a kernel of shape {list(shape)}")
    units, inputs = shape
    given = self.draft.shape(source)
    if not given or prod(given) % inputs:
        raise MalformedModel(
            f"{operator.shown} has a kernel of shape {list(shape)} for an input of {prod(given)} values"
        )
    output = self._shape(self.output(operator))
    # All leading axes are rows to the operator; a layer keeps them.
    wanted = (*output[:-1], inputs) if prod(output[:-1]) * inputs == prod(given) else (prod(given) // inputs, inputs)
    weights = self.weights(operator, lambda kernel: kernel.T)
    if len(weights.scales) > 1:
        _dense_by_channel(self, operator, source, wanted, weights)
        return
    reads = (self.reshaped(source, wanted),)
    keys = {"units": units, **self.activation_key(operator), "use_bias": weights.bias is not None}
    layer = self.add(operator, "dense", keys, reads)
    self.result.weights[layer] = weights
    self.bind(operator, self.reshaped(layer, output), "Dense")


def _dense_by_channel(
    self: _Translator, operator: FileOperator, source: Source, wanted: Shape, weights: LayerWeights
) -> None:
    inputs, units = weights.kernel.shape
    image = self.reshaped(source, (1, prod(wanted[:-1]), inputs))
    keys = {"filters": units, "kernel_size": 1, **self.activation_key(operator), "use_bias": weights.bias is not None}
    if _BY_CHANNEL not in self.draft.notes:
        self.draft.notes.append(_BY_CHANNEL)
    comment = "FULLY_CONNECTED in the file, with a weight scale for each output."
    layer = self.add(operator, "conv2d", keys, (image,), comment)
    kernel = weights.kernel.reshape((1, 1, inputs, units))
    self.result.weights[layer] = LayerWeights(kernel, weights.bias, weights.scales)
    self.bind(operator, self.reshaped(layer, self._shape(self.output(operator))), "Conv2D")


def _weighted(
    self: _Translator,
    operator: FileOperator,
    layer_type: str,
    keys: dict[str, Any],
    weights: LayerWeights,
    step: str,
) -> None:
    keys |= self.activation_key(operator) | {"use_bias": weights.bias is not None}
    layer = self.add(operator, layer_type, keys)
    outputs = self.draft.layers[layer].output_shape[-1]
    if weights.bias is not None and weights.bias.shape != (outputs,):
        raise MalformedModel(f"{operator.shown} has {weights.bias.size} biases for {outputs} outputs")
    if len(weights.scales) not in (0, 1, outputs):
        raise MalformedModel(f"{operator.shown} has {len(weights.scales)} weight scales for {outputs} outputs")
    self.result.weights[layer] = weights
    self.bind(operator, layer, step)


def _pool(self: _Translator, operator: FileOperator) -> None:
    kind = "max" if operator.kind == "MAX_POOL_2D" else "average"
    window = [operator.options["filter_h"], operator.options["filter_w"]]
    keys = {"pool_size": window, **self.geometry(operator)}
    self.same_scale(operator, 0)
    layer = self.add(operator, f"{kind}_pooling2d", keys)
    self.bind(operator, self.activated(operator, layer), f"Pool2D {kind}")


def _reduced(self: _Translator, operator: FileOperator) -> None:
    source = self.source(operator)
    rank = len(self._tensor(operator, 0).shape)
    axes = {axis % rank for axis in self.integers(operator, 1)}
    keep = bool(operator.options.get("keep_dims", len(self.output(operator).shape) == rank))
    if axes != set(range(1, rank - 1)) or rank not in (3, 4) or len(self.draft.shape(source)) != rank - 1:
        raise ModelFault(
            f"{operator.shown} reduces the axes {sorted(axes)} of {rank}; the device reduces height and width alone"
        )
    kind, step = ("average", "Mean") if operator.kind == "MEAN" else ("max", "Pool2D max")
    if kind == "max":
        self.same_scale(operator, 0)
    layer = self.add(operator, f"global_{kind}_pooling{rank - 2}d", {"keepdims": keep})
    self.bind(operator, layer, step)


def _softmax(self: _Translator, operator: FileOperator) -> None:
    if operator.options["beta"] != 1.0:
        raise ModelFault(f"{operator.shown} has beta {operator.options['beta']:g}, the layer has 1")
    _fixed(self, operator, "softmax", "Softmax")


def _fixed(self: _Translator, operator: FileOperator, layer_type: str, step: str) -> None:
    output = self.output(operator)
    scale, zero_point = _FIXED_OUTPUTS[operator.kind]
    if self.result.integer and (output.scales, output.zero_points) != ((scale,), (zero_point,)):
        raise ModelFault(f"{operator.shown} has an output with other than the scale 1/{1 / scale:g}")
    self.bind(operator, self.add(operator, layer_type, {}), step)


def _relu(self: _Translator, operator: FileOperator) -> None:
    if operator.kind == "RELU6":
        self.same_scale(operator, 0)
        layer = self.add(operator, "relu", {"max_value": 6.0})
    else:
        layer = self.add(operator, "relu", {})
    self.bind(operator, layer, "Unary relu")


def _sum(self: _Translator, operator: FileOperator) -> None:
    reads = (self.source(operator, 0), self.source(operator, 1))
    if self.draft.shape(reads[0]) != self.draft.shape(reads[1]) and self.result.integer:
        raise ModelFault(f"{operator.shown} adds tensors of different shapes, and the device does not broadcast")
    layer = self.add(operator, "add", {}, reads)
    self.bind(operator, self.activated(operator, layer), "Add", reads=2)


def _concatenation(self: _Translator, operator: FileOperator) -> None:
    count = len(operator.inputs)
    rank = len(self.output(operator).shape)
    axis = operator.options["axis"]
    self.same_scale(operator, *range(count))
    if operator.options["activation"] != "NONE":
        raise ModelFault(f"{operator.shown} has the fused activation {operator.options['activation']}")
    if not -rank <= axis < rank or count < 2:
        raise ModelFault(f"{operator.shown} joins {count} tensors along axis {axis} of {rank}")
    keys = {"axis": -1 if axis % rank == rank - 1 else axis % rank}
    layer = self.add(operator, "concatenate", keys, tuple(self.source(operator, index) for index in range(count)))
    self.bind(operator, layer, "Concatenate", reads=count)


def _pad(self: _Translator, operator: FileOperator) -> None:
    amounts = self.integers(operator, 1)
    rank = len(self._tensor(operator, 0).shape)
    pairs = [list(amounts[index : index + 2]) for index in range(0, len(amounts), 2)]
    if len(pairs) != rank or rank not in (3, 4) or any(pairs[0]) or any(pairs[-1]) or min(amounts) < 0:
        raise ModelFault(f"{operator.shown} pads {pairs}; the device pads height and width alone")
    self.same_scale(operator, 0)
    padding: Any = pairs[1:-1] if rank == 4 else pairs[1]
    self.bind(operator, self.add(operator, f"zero_padding{rank - 2}d", {"padding": padding}), "Pad")


def _view(self: _Translator, operator: FileOperator) -> None:
    source, shape = self.source(operator), self._shape(self.output(operator))
    if prod(shape) != prod(self.draft.shape(source)):
        raise MalformedModel(f"{operator.shown} makes {prod(shape)} values of {prod(self.draft.shape(source))}")
    self.same_scale(operator, 0)
    self.bind(operator, self.reshaped(source, shape))


def _quantize(self: _Translator, operator: FileOperator) -> None:
    given, output = self._tensor(operator, 0), self.output(operator)
    source = self.source(operator)
    at_start = given.index in self.model.inputs
    name = source if isinstance(source, str) else ""
    if not self.result.integer:
        self.bind(operator, source)
    elif at_start and output.dtype == "int8" and (given.dtype == "float32" or _shifted(given, output)):
        self.draft.notes.append(
            f"Dropped: the QUANTIZE of {name}, which is {given.dtype} in the file; here it is int8."
        )
        self.bind(operator, source)
    elif given.dtype == "int8" and _shifted(output, given) and output.index in self.model.outputs:
        self.draft.notes.append(f"Dropped: the last QUANTIZE, to {output.dtype}; here the output is int8.")
        self.result.source_of[output.index] = source
    elif given.dtype == output.dtype == "int8":
        comment = "QUANTIZE in the file: the same values under another scale."
        self.bind(operator, self.add(operator, "rescaling", {"scale": 1.0}, comment=comment), "Unary requantize")
    else:
        raise ModelFault(f"{operator.shown} takes {given.dtype} to {output.dtype} inside the net")


def _dequantize(self: _Translator, operator: FileOperator) -> None:
    given, output = self._tensor(operator, 0), self.output(operator)
    if given.data is not None:
        self.constants[output.index] = _as_floats(self.constant(operator, 0), given)
    elif not self.result.integer:
        self.bind(operator, self.source(operator))
    elif given.dtype == "int8" and output.index in self.model.outputs:
        self.draft.notes.append(f"Dropped: the last DEQUANTIZE, to {output.dtype}; here the output is int8.")
        self.result.source_of[output.index] = self.source(operator)
    else:
        raise ModelFault(f"{operator.shown} leaves int8 inside the net")


def _shifted(one: FileTensor, int8: FileTensor) -> bool:
    """Say whether a uint8 tensor holds the int8 one's values, 128 higher."""
    return (
        one.dtype == "uint8"
        and one.scales == int8.scales
        and one.zero_points == tuple(zero_point + 128 for zero_point in int8.zero_points)
    )


def _require_int8(operator: FileOperator, tensor: FileTensor) -> None:
    if tensor.dtype != "int8" or len(tensor.scales) != 1 or not -128 <= tensor.zero_points[0] <= 127:
        raise ModelFault(f"{operator.shown} has {tensor.shown} of type {tensor.dtype}, int8 with one scale is expected")


def _is_integer(model: FileModel) -> bool:
    """Say whether a model computes in int8: what operators hand to each other is int8, but for its two ends."""
    inner = {index for operator in model.operators for index in operator.outputs}
    ends = {index for op in model.operators if op.kind in ("QUANTIZE", "DEQUANTIZE") for index in op.outputs}
    between = [model.tensors[index] for index in inner - (ends & set(model.outputs))]
    kinds = {tensor.dtype for tensor in between if tensor.dtype not in ("int32", "int64")}
    constants = {index for op in model.operators if op.kind == "DEQUANTIZE" for index in op.outputs}
    return "int8" in kinds and kinds <= {"int8"} and not (constants - set(model.outputs))


def _as_floats(values: NDArray[Any], tensor: FileTensor) -> NDArray[Any]:
    """Return a constant as the floats that it stands for."""
    import numpy as np

    if values.dtype.kind == "f":
        found = values.astype(np.float32)
        if not np.isfinite(found).all():
            raise ModelFault(f"{tensor.shown} holds values that are not finite")
        return found
    if not tensor.scales:
        raise ModelFault(f"{tensor.shown} is {tensor.dtype} without a scale")
    shape = [1] * values.ndim
    if len(tensor.scales) > 1:
        shape[tensor.quantized_dimension] = len(tensor.scales)
    zero_points = np.array(tensor.zero_points, np.float64).reshape(shape if len(tensor.scales) > 1 else ())
    scales = np.array(tensor.scales, np.float64).reshape(shape if len(tensor.scales) > 1 else ())
    return ((values.astype(np.float64) - zero_points) * scales).astype(np.float32)


def _plain(name: str) -> str:
    """Return a tensor's name without what converters put around an input's."""
    name = name.partition(":")[0]
    return name.removeprefix("serving_default_").rpartition("/")[2]


_OPERATORS: dict[str, Callable[[_Translator, FileOperator], None]] = {
    "ADD": _sum,
    "AVERAGE_POOL_2D": _pool,
    "CONCATENATION": _concatenation,
    "CONV_2D": _convolution,
    "DEPTHWISE_CONV_2D": _depthwise,
    "DEQUANTIZE": _dequantize,
    "EXPAND_DIMS": _view,
    "FULLY_CONNECTED": _dense,
    "LOGISTIC": lambda self, operator: _fixed(self, operator, "sigmoid", "Unary sigmoid"),
    "MAX_POOL_2D": _pool,
    "MEAN": _reduced,
    "PAD": _pad,
    "QUANTIZE": _quantize,
    "REDUCE_MAX": _reduced,
    "RELU": _relu,
    "RELU6": _relu,
    "RESHAPE": _view,
    "SOFTMAX": _softmax,
    "SQUEEZE": _view,
    "TANH": lambda self, operator: _fixed(self, operator, "tanh", "Unary tanh"),
}
