"""Rules of building and importing: what only training, weights or a model file can show."""

from __future__ import annotations

import struct

from netspec.rules.entry import Example, Rule, net
from netspec.rules.samples import npy, npz

_VALUES = "train:\n  data: {npz: data.npz}\n  loss: mse\n"
_DATA = npz(x_train=npy((8, 4)), y_train=npy((8, 1)), x_val=npy((4, 4)), y_val=npy((4, 1)))
_HUGE = npy((8, 4), "<f4", struct.pack("<f", 1e38) * 32)


RULES = (
    Rule(
        "nothing-to-train",
        "A build of a spec without `train`, and without weights.",
        "There is nothing to take the weights from.",
        "Add `train:` with data and a loss, or pass `--weights FILE`.",
        Example(net("- dense: {units: 4}"), "build"),
    ),
    Rule(
        "conflicting-keys",
        "A `validation_split` beside data that brings validation samples of its own.",
        "Only one of the two can be the validation set, and the key would have no effect.",
        "Remove the key, or the samples.",
        Example(
            net("- dense: {units: 1}", _VALUES + "  validation_split: 0.25\n", inputs="{x: {shape: [4]}}"),
            "build",
            {"data.npz": _DATA},
            "data.npz holds `x_train`, `y_train`, `x_val` and `y_val`.",
        ),
    ),
    Rule(
        "training-diverged",
        "A loss that became infinite or NaN.",
        "Every weight is NaN from then on; no further epoch can mend that.",
        "Lower the learning rate, or scale the inputs with `rescaling` or `normalization`.",
        Example(
            net("- dense: {units: 1}", _VALUES, inputs="{x: {shape: [4]}}"),
            "build",
            {"data.npz": npz(x_train=_HUGE, y_train=npy((8, 1)))},
            "The values of `x_train` are about 1e38.",
        ),
    ),
    Rule(
        "weights-mismatch",
        "Weights that do not belong to the spec: arrays too many, missing, or of other shapes.",
        "They are of another net, or of this one before a change.",
        "Undo the change, choose the right file, or train again.",
        Example(
            net("- dense: {name: hidden, units: 4}", "weights: old.npz\n", inputs="{x: {shape: [4]}}"),
            "build",
            {"old.npz": npz(**{"hidden/kernel": npy((4, 8)), "hidden/bias": npy((8,))})},
            "old.npz holds a `hidden` of 8 units.",
        ),
    ),
    Rule(
        "malformed-model",
        "A model file that is not what its name says, or that contradicts itself.",
        "It is damaged, or was cut short when it was copied.",
        "Save or copy it again.",
        Example(None, "import", {"net.tflite": b"TFL3"}, "net.tflite is four bytes long.", "net.tflite"),
    ),
    Rule(
        "unsupported-model",
        "A model that uses what a spec cannot say.",
        "A spec of it would be another net.",
        "Replace what the message names, and import again.",
        Example(None, "import", {"net.onnx": b"\x08\x07"}, "net.onnx is a model of ONNX.", "net.onnx"),
    ),
)
