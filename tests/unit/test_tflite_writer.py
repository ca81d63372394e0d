"""Files that the writer makes, read back by others: the schema's own reader, TensorFlow Lite Micro and LiteRT."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from netspec.diagnostics import ToolError
from netspec.tflite import interpreter as tflm
from netspec.tflite.schema import OPERATORS
from netspec.tflite.writer import Operator, Tensor, write

pytest.importorskip("tflite_micro", reason="tflite-micro has wheels for Linux on x86-64 only")

WEIGHTS = np.arange(-12, 12, dtype=np.int8).reshape(4, 6)

TENSORS = (
    Tensor("image", (1, 2, 3), "int8", (0.5,), (3,)),
    Tensor("flat", (1, 6), "int8", (0.5,), (3,)),
    Tensor("flat_shape", (2,), "int32", data=np.array([1, 6], np.int32).tobytes()),
    Tensor("kernel", (4, 6), "int8", (0.25, 0.5, 0.125, 1.0), (0, 0, 0, 0), 0, WEIGHTS.tobytes()),
    Tensor("bias", (4,), "int32", (0.125, 0.25, 0.0625, 0.5), (0, 0, 0, 0), 0, bytes(range(16))),
    Tensor("same_kernel", (4, 6), "int8", (0.25,), (0,), 0, WEIGHTS.tobytes()),
    Tensor("hidden", (1, 4), "int8", (4.0,), (0,)),
    Tensor("scores", (1, 4), "int8", (1 / 256,), (-128,)),
    Tensor("other", (1, 4), "int8", (8.0,), (1,)),
)
OPERATORS_OF_MODEL = (
    Operator("RESHAPE", (0, 2), (1,), {"new_shape": (1, 6)}),
    Operator("FULLY_CONNECTED", (1, 3, 4), (6,), {"activation": "RELU"}),
    Operator("SOFTMAX", (6,), (7,), {"beta": 1.0}),
    Operator("FULLY_CONNECTED", (1, 5, -1), (8,), {}),
)


def model(**changes: Any) -> bytes:
    arguments: dict[str, Any] = {
        "tensors": TENSORS,
        "operators": OPERATORS_OF_MODEL,
        "inputs": (0,),
        "outputs": (7, 8),
        "description": "four operators",
    }
    return write(**(arguments | changes))


def read(data: bytes) -> Any:
    from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

    assert schema.Model.ModelBufferHasIdentifier(data, 0)
    return schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(data, 0))


def text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


def test_the_schema_reads_everything_back() -> None:
    got = read(model())
    assert (got.version, text(got.description)) == (3, "four operators")
    (graph,) = got.subgraphs
    assert (list(graph.inputs), list(graph.outputs)) == ([0], [7, 8])
    for read_tensor, tensor in zip(graph.tensors, TENSORS, strict=True):
        assert text(read_tensor.name) == tensor.name
        assert tuple(read_tensor.shape) == tensor.shape
        assert read_tensor.type == {"int8": 9, "int32": 2}[tensor.dtype]
        data = got.buffers[read_tensor.buffer].data
        assert (None if data is None else bytes(data)) == tensor.data
        quantization = read_tensor.quantization
        assert tuple(quantization.scale if quantization.scale is not None else ()) == pytest.approx(tensor.scales)
        assert tuple(quantization.zeroPoint if quantization.zeroPoint is not None else ()) == tensor.zero_points
        assert quantization.quantizedDimension == tensor.quantized_dimension
    codes = [(code.builtinCode, code.deprecatedBuiltinCode, code.version) for code in got.operatorCodes]
    assert codes == [(22, 22, 1), (9, 9, 4), (25, 25, 2)]
    assert [op.opcodeIndex for op in graph.operators] == [0, 1, 2, 1]
    assert [list(op.inputs) for op in graph.operators] == [[0, 2], [1, 3, 4], [6], [1, 5, -1]]
    assert list(graph.operators[0].builtinOptions.newShape) == [1, 6]
    assert graph.operators[1].builtinOptions.fusedActivationFunction == 1
    assert graph.operators[2].builtinOptions.beta == 1.0
    (signature,) = got.signatureDefs
    assert [(text(t.name), t.tensorIndex) for t in signature.inputs] == [("image", 0)]
    assert [(text(t.name), t.tensorIndex) for t in signature.outputs] == [("scores", 7), ("other", 8)]


CONVOLUTION = {"padding": "VALID", "stride_h": 2, "stride_w": 3, "dilation_h": 4, "dilation_w": 5}
POOL = {"padding": "SAME", "stride_h": 2, "stride_w": 3, "filter_h": 4, "filter_w": 5, "activation": "RELU6"}
READ_WINDOW = {"strideH": 2, "strideW": 3}
READ_POOL = READ_WINDOW | {"filterHeight": 4, "filterWidth": 5, "padding": 0, "fusedActivationFunction": 3}
READ_CONVOLUTION = READ_WINDOW | {"dilationHFactor": 4, "dilationWFactor": 5, "padding": 1}


@pytest.mark.parametrize(
    ("kind", "code", "version", "options", "fields"),
    [
        ("ADD", 0, 2, {"activation": "RELU_N1_TO_1"}, {"fusedActivationFunction": 2}),
        ("AVERAGE_POOL_2D", 1, 2, POOL, READ_POOL),
        ("CONCATENATION", 2, 2, {"axis": -1}, {"axis": -1, "fusedActivationFunction": 0}),
        ("CONV_2D", 3, 3, CONVOLUTION, READ_CONVOLUTION),
        (
            "DEPTHWISE_CONV_2D",
            4,
            3,
            CONVOLUTION | {"depth_multiplier": 6, "activation": "RELU"},
            READ_CONVOLUTION | {"depthMultiplier": 6, "fusedActivationFunction": 1},
        ),
        ("DEQUANTIZE", 6, 2, {}, {}),
        ("FULLY_CONNECTED", 9, 5, {"keep_num_dims": True}, {"keepNumDims": True, "fusedActivationFunction": 0}),
        ("LOGISTIC", 14, 2, {}, None),
        ("MAX_POOL_2D", 17, 2, POOL, READ_POOL),
        ("RELU", 19, 2, {}, None),
        ("RELU6", 21, 2, {}, None),
        ("RESHAPE", 22, 1, {"new_shape": [2, 3]}, {"newShape": [2, 3]}),
        ("SOFTMAX", 25, 2, {"beta": 0.5}, {"beta": 0.5}),
        ("TANH", 28, 2, {}, None),
        ("MUL", 18, 2, {"activation": "RELU"}, {"fusedActivationFunction": 1}),
        ("PAD", 34, 2, {}, {}),
        ("MEAN", 40, 2, {"keep_dims": True}, {"keepDims": True}),
        ("QUANTIZE", 114, 1, {}, {}),
    ],
)
def test_codes_versions_and_options(
    kind: str, code: int, version: int, options: dict[str, Any], fields: dict[str, Any] | None
) -> None:
    tensors = [Tensor(name, (1, 2, 2, 1), "int8", (0.1,), (0,)) for name in "xwby"]
    got = read(model(tensors=tensors, operators=[Operator(kind, (0, 1, 2), (3,), options)], outputs=(3,)))
    (written,) = got.operatorCodes
    assert (written.builtinCode, written.deprecatedBuiltinCode, written.version) == (code, code, version)
    read_options = got.subgraphs[0].operators[0].builtinOptions
    if fields is None:
        assert read_options is None
    else:
        assert (
            type(read_options).__name__
            == {
                "ADD": "AddOptionsT",
                "AVERAGE_POOL_2D": "Pool2DOptionsT",
                "CONCATENATION": "ConcatenationOptionsT",
                "CONV_2D": "Conv2DOptionsT",
                "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptionsT",
                "DEQUANTIZE": "DequantizeOptionsT",
                "FULLY_CONNECTED": "FullyConnectedOptionsT",
                "MAX_POOL_2D": "Pool2DOptionsT",
                "MEAN": "ReducerOptionsT",
                "MUL": "MulOptionsT",
                "PAD": "PadOptionsT",
                "QUANTIZE": "QuantizeOptionsT",
                "RESHAPE": "ReshapeOptionsT",
                "SOFTMAX": "SoftmaxOptionsT",
            }[kind]
        )
        for name, value in fields.items():
            got_value = getattr(read_options, name)
            assert (list(got_value) if isinstance(value, list) else got_value) == value


def test_every_operator_is_tested() -> None:
    (mark,) = [m for m in test_codes_versions_and_options.pytestmark if m.name == "parametrize"]  # type: ignore[attr-defined]
    assert {case[0] for case in mark.args[1]} == set(OPERATORS)


def test_grouped_convolutions_and_dense_without_bias_need_newer_readers() -> None:
    x, w, y = (Tensor(n, (1, 2, 2, c), "int8", (0.1,), (0,)) for n, c in (("x", 4), ("w", 2), ("y", 1)))
    grouped = [Operator("CONV_2D", (0, 1), (2,), CONVOLUTION)]
    assert read(model(tensors=[x, w, y], operators=grouped, outputs=(2,))).operatorCodes[0].version == 6
    dense = [Operator("FULLY_CONNECTED", (0, 1), (2,), {})]
    assert read(model(tensors=[x, w, y], operators=dense, outputs=(2,))).operatorCodes[0].version == 6


def test_the_same_model_gives_the_same_bytes_and_others_do_not() -> None:
    assert model() == model()
    assert model(description="another") != model()
    assert len(model()) % 16 == 0


def test_equal_data_is_stored_once_and_aligned() -> None:
    data = model()
    assert data.count(WEIGHTS.tobytes()) == 1
    for constant in (t.data for t in TENSORS if t.data):
        assert data.index(constant) % 16 == 0
    buffers = read(data).buffers
    assert buffers[0].data is None  # what a tensor without data refers to, by the schema's convention
    assert len(buffers) == 4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tensors": (replace(TENSORS[0], zero_points=()), *TENSORS[1:])}, "image: 1 scales, 0 zero points"),
        ({"tensors": (*TENSORS[:3], replace(TENSORS[3], data=b"1"), *TENSORS[4:])}, "1 bytes of data"),
        ({"tensors": (*TENSORS[:3], replace(TENSORS[3], shape=(6, 4)), *TENSORS[4:])}, "4 scales for the shape"),
        ({"inputs": (9,)}, "tensor 9 does not exist"),
        ({"outputs": (7, 7)}, "names repeat"),
        ({"operators": [Operator("GELU", (0,), (1,), {})]}, "no builtin operator 'GELU'"),
        ({"operators": [Operator("SOFTMAX", (0,), (1,), {})]}, r"missing \['beta'\]"),
        ({"operators": [Operator("TANH", (0,), (1,), {"axis": 1})]}, r"unknown \['axis'\]"),
        ({"operators": [Operator("ADD", (0,), (1,), {"activation": "relu"})]}, "'relu' is none of"),
        ({"operators": [Operator("TANH", (0,), (99,), {})]}, "tensor 99 of TANH does not exist"),
    ],
)
def test_contradictions_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        model(**changes)


IMAGE = np.array([[[-128, 127, 5], [3, -7, 60]]], np.int8)


def test_micro_runs_it_and_keeps_every_tensor() -> None:
    interpreter = tflm.Interpreter(model())
    everything = interpreter.run([IMAGE])
    assert len(everything) == interpreter.tensor_count == len(TENSORS)
    for values, tensor in zip(everything, TENSORS, strict=True):
        assert values.shape == tensor.shape
        assert tensor.data is None or values.tobytes() == tensor.data
    np.testing.assert_array_equal(everything[0], IMAGE)
    np.testing.assert_array_equal(everything[1], IMAGE.reshape(1, 6))
    hidden, flat = interpreter.run([IMAGE // 2], [6, 1])
    np.testing.assert_array_equal(flat, (IMAGE // 2).reshape(1, 6))
    assert hidden.shape == (1, 4)
    assert everything[1].tolist() == IMAGE.reshape(1, 6).tolist()  # a copy, not the interpreter's memory


def test_micro_refuses_wrong_inputs_and_models() -> None:
    with pytest.raises(ValueError, match="expected type INT8"):
        tflm.Interpreter(model()).run([IMAGE.astype(np.float32)])
    bad = (*TENSORS[:7], replace(TENSORS[7], scales=(0.5,)), *TENSORS[8:])
    with pytest.raises(ToolError, match="refuses the model"):
        tflm.Interpreter(model(tensors=bad))


def test_micro_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "tflite_micro", None)
    with pytest.raises(ToolError, match="not installed") as caught:
        tflm.Interpreter(model())
    assert caught.value.help is not None


def test_micro_has_memory_for_a_large_model() -> None:
    """A wide convolution: 2 MB of activations, 4,096 multipliers."""
    tensors = [
        Tensor("x", (1, 16, 16, 1), "int8", (0.1,), (0,)),
        Tensor("w", (4096, 1, 1, 1), "int8", (0.1,) * 4096, (0,) * 4096, 0, bytes([1] * 4096)),
        Tensor("y", (1, 16, 16, 4096), "int8", (0.01,), (0,)),
        Tensor("z", (1, 16, 16, 4096), "int8", (0.01,), (0,)),
    ]
    operators = [
        Operator("CONV_2D", (0, 1), (2,), {"padding": "SAME", "stride_h": 1, "stride_w": 1}),
        Operator("RELU", (2,), (3,), {}),
    ]
    x = np.arange(256, dtype=np.int64).astype(np.int8).reshape(1, 16, 16, 1)
    data = write(tensors, operators, (0,), (3,), description="wide")
    y, z = tflm.Interpreter(data).run([x], [2, 3])
    np.testing.assert_array_equal(y, np.broadcast_to(x, y.shape))
    np.testing.assert_array_equal(z, np.maximum(y, 0))


def test_desktop_opens_it_by_its_signature() -> None:
    tf = pytest.importorskip("tensorflow")
    runner = tf.lite.Interpreter(model_content=model()).get_signature_runner()
    got = runner(image=IMAGE)
    assert sorted(got) == ["other", "scores"]
    scores, other = tflm.Interpreter(model()).run([IMAGE], [7, 8])
    np.testing.assert_allclose(got["scores"].astype(int), scores, atol=1)  # desktop kernels round otherwise
    np.testing.assert_allclose(got["other"].astype(int), other, atol=1)
