"""Reports of a small net as verification would give them, without TensorFlow."""

from __future__ import annotations

from netspec.toolchain.map_file import Sizes
from netspec.verify.board_figures import BoardFigures, LayerFigures
from netspec.verify.html import Subject, report_html
from netspec.verify.report import Accuracy, Comparison, Report, TensorResult
from tests.builds import plan_of

__all__ = ["SPEC", "board", "report_html", "report_of", "results", "subject_of"]

SPEC = """\
netspec: 1
name: net
description: "a <small> & simple net"
inputs: {x: {shape: [8, 8, 2]}}
layers:
  - conv2d: {name: stem, filters: 4, kernel_size: 3, padding: same}
  - batch_normalization
  - relu
  - depthwise_conv2d: {name: depth, kernel_size: 3}
  - dropout: {rate: 0.5}
  - global_average_pooling2d: {name: mean}
  - dense: {name: logits, units: 3}
  - softmax
"""


def subject_of(text: str = SPEC) -> Subject:
    return Subject(*plan_of(text), {"netspec": "1.2.3", "numpy": "2.0"})


def results(subject: Subject, **mismatches: tuple[int, int]) -> tuple[TensorResult, ...]:
    """Return a result for each tensor; those of the named layers differ: (elements, largest difference)."""
    return tuple(
        TensorResult(node.output, node.layer, 4096, *mismatches.get(node.layer, (0, 0)))
        for node in subject.plan.graph.nodes
    )


def report_of(subject: Subject, **mismatches: tuple[int, int]) -> Report:
    return Report(
        "net",
        comparisons=(
            Comparison("TensorFlow Lite Micro", skipped="tflite-micro is not installed"),
            Comparison("C, portable kernels", 17, results(subject)),
            Comparison("C, CMSIS-NN 7.x", 17, results(subject, **mismatches)),
        ),
        accuracy=(Accuracy("accuracy", "test", 1234, 0.9876, 0.9851), Accuracy("mean_squared_error", "test", 9, 2, 3)),
        information={"desktop LiteRT, default kernels": "3 of 320 outputs differ, by at most 1"},
    )


def board(provider: str, factor: int) -> BoardFigures:
    layers = (
        LayerFigures("stem", "relu", "conv2d", 1000 * factor, 100),
        LayerFigures("softmax", "softmax", "softmax", 250 * factor, 0),
    )
    sizes = {"constants": Sizes(0, 5001, 0, 0), "kernels": Sizes(6002, 7, 0, 0), "board": Sizes(1, 2, 3, 4)}
    return BoardFigures(
        "cortex-m4", "mps2-an386", "cortex-m4 (MPS2 AN386)", provider, ("a note",), 1300 * factor, 40.0, 316, layers,
        sizes,
    )  # fmt: skip
