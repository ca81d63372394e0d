"""Networks that between them hold every op of the device in every form that its C call has."""

from __future__ import annotations

from pathlib import Path

from netspec.graph import Graph, build_graph
from netspec.spec.source import load
from netspec.spec.spec import read
from tests.specs import make_graph

_SPECS = Path(__file__).resolve().parents[1] / "specs"


def _image() -> Graph:
    return make_graph(
        [
            {"conv2d": {"name": "stem", "filters": 6, "kernel_size": [3, 2], "strides": 2, "padding": "same"}},
            {"relu": {"name": "six", "max_value": 6}},
            {"depthwise_conv2d": {"name": "twice", "kernel_size": 3, "padding": "same", "depth_multiplier": 2}},
            {"batch_normalization": {"name": "norm"}},
            {"relu": {"name": "four", "max_value": 4}},
            {"separable_conv2d": {"name": "apart", "filters": 6, "kernel_size": 3, "padding": "same"}},
            {"tanh": {"name": "squashed"}},
            {"max_pooling2d": {"name": "largest", "pool_size": 2, "strides": 1, "padding": "same"}},
            {"average_pooling2d": {"name": "average", "pool_size": 3, "strides": 1, "padding": "same"}},
            {"relu": {"name": "three", "max_value": 3}},
            {"sigmoid": {"name": "gate", "from": "largest"}},
            {"add": {"name": "sum", "from": ["largest", "average", "gate"]}},
            {"concatenate": {"name": "deep", "from": ["sum", "gate", "three"]}},
            {"concatenate": {"name": "wide", "from": ["deep", "deep"], "axis": 2}},
            {"concatenate": {"name": "high", "from": ["wide", "wide", "wide"], "axis": 1}},
            {"zero_padding2d": {"name": "padded", "padding": [[1, 0], [0, 2]]}},
            {"max_pooling2d": {"name": "pooled", "pool_size": 3}},
            {
                "conv2d": {
                    "name": "explicit",
                    "filters": 5,
                    "kernel_size": [3, 2],
                    "padding": [[1, 2], [0, 1]],
                    "dilation_rate": 2,
                    "use_bias": False,
                }
            },
            {"conv2d": {"name": "corner", "filters": 3, "kernel_size": 1, "padding": [[0, 1], [0, 1]]}},
            {"global_average_pooling2d": {"name": "mean", "keepdims": True}},
            {"global_max_pooling2d": {"name": "top", "from": "explicit"}},
            {"batch_normalization": {"name": "alone"}},
            {"reshape": {"name": "shaped", "target_shape": [1, 5]}},
            {"flatten": {"name": "flat"}},
            {"flatten": {"name": "flat_mean", "from": "mean"}},
            {"concatenate": {"name": "both", "from": ["flat", "flat_mean"]}},
            {"dense": {"name": "logits", "units": 4}},
            {"softmax": {"name": "probabilities"}},
        ],
        (9, 7, 3),
        outputs=["probabilities", "gate", "top"],
    )


def _sequence() -> Graph:
    return make_graph(
        [
            {"rescaling": {"name": "scaled", "from": "x", "scale": 0.25, "offset": -0.5}},
            {"conv1d": {"name": "causal", "filters": 8, "kernel_size": 3, "padding": "causal"}},
            {"sigmoid": {"name": "gate"}},
            {"conv1d": {"name": "strided", "filters": 8, "kernel_size": 4, "strides": 3}},
            {"relu": {"name": "clipped", "max_value": 1.5}},
            {"rescaling": {"name": "middle", "scale": 0.5, "offset": 0.25, "from": "gate"}},
            {"conv1d": {"name": "same", "filters": 4, "kernel_size": 5, "padding": "same", "activation": "relu"}},
            {"conv1d": {"name": "dilated", "filters": 4, "kernel_size": 2, "dilation_rate": 3, "padding": [[1, 0]]}},
            {"max_pooling1d": {"name": "pooled", "pool_size": 2, "padding": "same"}},
            {"separable_conv1d": {"name": "apart", "filters": 6, "kernel_size": 3, "depth_multiplier": 2}},
            {"dense": {"name": "rows", "units": 7, "activation": "tanh"}},
            {"softmax": {"name": "soft"}},
            {"global_average_pooling1d": {"name": "mean", "from": "clipped"}},
            {"global_max_pooling1d": {"name": "top", "from": "rows"}},
            {"dense": {"name": "extra", "from": "y", "units": 3, "use_bias": False, "activation": "relu6"}},
            {"concatenate": {"name": "all", "from": ["mean", "top", "extra", "y"]}},
            {"dense": {"name": "last", "units": 1}},
        ],
        {"x": (20, 4), "y": (5,)},
        outputs=["last", "soft"],
    )


def _one_step() -> Graph:
    # A single column with more zeros on one side: on Helium neither the row kernel nor the turned one does.
    conv = {"name": "one", "filters": 4, "kernel_size": 1, "padding": [[1, 0]]}
    return make_graph([{"conv1d": conv}, {"average_pooling1d": {"name": "pool", "pool_size": 2}}], (1, 4))


def _names() -> Graph:
    # C keywords, names of the API, and pairs that meet once they are prefixed, suffixed or in upper case.
    names = ["int", "a", "A", "a_kernel", "a_kernel_kernel", "run", "ok", "bad_arena", "input_x", "output_x", "arena"]
    names += ["failed_a", "trace", "debug", "h", "x_at", "a_scratch", "X", "test_input_x", "while", "memory", "status"]
    layers = [{"dense": {"name": name, "units": 3, "activation": "relu"}} for name in names]
    return make_graph(layers, (3,), outputs=["a", "A", "run", "status"])


def _views() -> Graph:
    layers = [{"dropout": {"name": "drop", "rate": 0.5}}, {"reshape": {"name": "shaped", "target_shape": [6]}}]
    return make_graph(layers, (2, 3), outputs=["shaped"])


def shipped(name: str) -> Graph:
    """Return the graph of a spec of the repository."""
    return build_graph(read(load(_SPECS / name)))


NETS = {
    "image": _image,
    "sequence": _sequence,
    "one_step": _one_step,
    "names": _names,
    "views": _views,
    **{path.stem: (lambda name=path.name: shipped(name)) for path in sorted(_SPECS.glob("*.yaml"))},
}
