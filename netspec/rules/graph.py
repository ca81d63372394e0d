"""Rules of the graph: who reads whom, and whether shapes fit."""

from __future__ import annotations

from netspec.rules.entry import Example, Rule, net

_IMAGE = "{image: {shape: [8, 8, 3]}}"
_TRAIN = "train:\n  data: {npz: data.npz}\n  loss: mse\n"

RULES = (
    Rule(
        "bad-from",
        "A `from` that names no layer or input, or more or fewer than the layer reads.",
        "The layer's input is not known.",
        "Name a layer or an input; merges such as `add` take a list of names, other layers one.",
        Example(net("- dense: {name: hidden, units: 8}\n- dense: {units: 4, from: hiden}")),
    ),
    Rule(
        "cycle",
        "Layers that read each other in a circle.",
        "None of them could be computed first.",
        "Let one of them read an input or a layer outside the circle; for sequences use `lstm` or `gru`.",
        Example(net("- dense: {name: a, units: 16, from: b}\n- dense: {name: b, units: 16}")),
    ),
    Rule(
        "bad-output",
        "An output that is no layer, or a loss or metric for an output that is none.",
        "The model could not be built, or its loss would be of nothing.",
        "Name a layer; in `loss` and `metrics`, an output.",
        Example(net("- dense: {name: logits, units: 4}", "outputs: [logit]")),
    ),
    Rule(
        "bad-monitor",
        "An `early_stopping` that watches a value which training does not log.",
        "Keras would warn in every epoch and never stop.",
        "Watch one of the values that the help lists, or add the metric.",
        Example(net("- dense: {units: 4}", _TRAIN + "  early_stopping: {monitor: val_accuracy}\n")),
    ),
    Rule(
        "rank-mismatch",
        "A layer whose input has too many or too few axes.",
        "Each window layer slides along its own number of axes, with channels last; the batch is not counted.",
        "Use the layer of the right rank, or `reshape` the input.",
        Example(net("- conv1d: {filters: 8, kernel_size: 3}", inputs=_IMAGE)),
    ),
    Rule(
        "shape-mismatch",
        "Shapes that do not fit: of a merge's inputs, or of a reshape.",
        "The sum of (8, 8, 16) and (8, 8, 8) is not defined.",
        "Make the sizes equal; the notes say where each shape comes from.",
        Example(
            net(
                "- conv2d: {name: short, filters: 8, kernel_size: 1}\n"
                "- conv2d: {name: long, filters: 16, kernel_size: 1, from: image}\n"
                "- add: {from: [short, long]}",
                inputs=_IMAGE,
            )
        ),
    ),
    Rule(
        "bad-classes",
        "Names in `train.data.classes` that are more or fewer than an output has classes, or for no output.",
        "The firmware would name the wrong class, or none.",
        "Name each class once, in the order of their numbers.",
        Example(
            net(
                "- dense: {units: 3}\n- softmax",
                "train:\n  data: {npz: data.npz, classes: [idle, run]}\n  loss: sparse_categorical_crossentropy\n",
            )
        ),
    ),
    Rule(
        "dtype-mismatch",
        "Integers where a layer takes floats.",
        "An int32 input holds token ids, which are no amounts: 7 is not seven times 1.",
        "Put an `embedding` between, or give the input `dtype: float32`.",
        Example(net("- conv1d: {filters: 4, kernel_size: 3}", inputs="{ids: {shape: [16, 1], dtype: int32}}")),
    ),
    Rule(
        "window-too-large",
        "A kernel or pool, dilation included, that is larger than its input.",
        "It fits nowhere, so the output would be empty.",
        "Use `padding: same`, a smaller window, or pool less before it.",
        Example(net("- conv2d: {filters: 8, kernel_size: 9}", inputs=_IMAGE)),
    ),
    Rule(
        "tensor-too-large",
        "A tensor of more elements than 64 bits count, or of more than 254 axes.",
        "Neither TensorFlow nor NumPy can hold it.",
        "Choose smaller sizes; often one of them was meant as a count or a number of bytes.",
        Example(net("- flatten", inputs="{image: {shape: [5000000000, 5000000000, 3]}}")),
    ),
    Rule(
        "keras-restriction",
        "A combination of keys that Keras refuses, such as strides together with dilation.",
        "The spec is a Keras model: what Keras cannot build cannot be trained.",
        "Change the key that the message names.",
        Example(net("- conv2d: {filters: 4, kernel_size: 3, groups: 2}", inputs=_IMAGE)),
    ),
    Rule(
        "unused-input",
        "An input that no output depends on.",
        "Whoever feeds the model would feed it for nothing; most often a `from` is wrong.",
        "Read it with `from`, or remove it.",
        Example(net("- dense: {units: 4, from: x}", inputs="{x: {shape: [16]}, y: {shape: [16]}}")),
    ),
    Rule(
        "unused-layer",
        "A layer that no output depends on.",
        "Keras leaves it out of the model; most often a `from` passes it by, or `outputs` lacks it.",
        "Read it, add it to `outputs`, or remove it.",
        Example(net("- dense: {name: spare, units: 8}\n- dense: {units: 4, from: x}")),
        severity="warning",
    ),
)
