"""The rules that samples keep: shapes, types, counts and labels, the same for `check --data` and for a build.

They compare headers with the graph, so they know neither files nor NumPy.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import permutations
from math import prod

from netspec.data.faults import Faults
from netspec.data.headers import Header
from netspec.diagnostics import Diagnostic, SpecError
from netspec.graph import Graph
from netspec.layers.base import describe
from netspec.ops import Shape

SPARSE = ("sparse_categorical_crossentropy",)
"""Losses whose labels are class numbers."""

CATEGORICAL = ("categorical_crossentropy", "categorical_focal_crossentropy", "categorical_hinge")
"""Losses whose labels are one-hot."""

LARGEST_INT32 = 2**31 - 1


def output_losses(graph: Graph) -> dict[str, str]:
    """Return the loss of each output. Raises `SpecError` where `train.loss` names no output, or misses one."""
    train = graph.spec.train
    assert train is not None
    if isinstance(train.loss, str):
        return dict.fromkeys(graph.outputs, train.loss)
    if set(train.loss) != set(graph.outputs):
        message = f"loss is given for {', '.join(train.loss) or 'nothing'}, the outputs are {', '.join(graph.outputs)}"
        raise SpecError(
            Diagnostic(
                "bad-output",
                message,
                graph.spec.span("train", "loss"),
                help="name every output once, or write one loss for all",
                path="train.loss",
            )
        )
    return train.loss


def sample_shape(graph: Graph, item: str, losses: Mapping[str, str]) -> Shape:
    """Return the shape that a sample of `x/<input>` or `y/<output>` has; class numbers go without the last axis."""
    axis, name = item.split("/", 1)
    if axis == "x":
        return graph.inputs[name]
    return graph.shape(name)[:-1] if is_sparse(item, losses) else graph.shape(name)


def is_sparse(item: str, losses: Mapping[str, str]) -> bool:
    """Return whether an array holds class numbers."""
    axis, name = item.split("/", 1)
    return axis == "y" and losses[name] in SPARSE


def fits(given: Shape, wanted: Shape, sparse: bool) -> bool:
    """Return whether samples of shape `given` may stand for `wanted`: as they are, or with a last axis of 1 too few.

    Class numbers may also have one too many.
    """
    return given == wanted or (wanted[-1:] == (1,) and given == wanted[:-1]) or (sparse and given == (*wanted, 1))


def check_headers(
    faults: Faults, split: str, headers: Mapping[str, Header], graph: Graph, losses: Mapping[str, str]
) -> None:
    """Note where the arrays of a split do not fit the graph or one another; one cause is told once."""
    wanted = {item: sample_shape(graph, item, losses) for item in headers}
    grouped = _check_counts(faults, split, headers, wanted)
    for item, header in headers.items():
        what = called(item, split)
        if not header.numeric:
            faults.add("data-dtype", f"{what} is {header.dtype}, not numbers", help="store numbers")
        elif item not in grouped and not fits(header.shape[1:], wanted[item], is_sparse(item, losses)):
            _refuse_shape(faults, item, what, header, wanted[item], graph, losses)


def check_label_range(faults: Faults, what: str, low: float, high: float, classes: int, output: str) -> None:
    """Note class numbers outside of 0 to `classes` - 1."""
    if low < 0 or high >= classes:
        hint = f"labels must lie in 0 to {classes - 1}; change the labels or the width of '{output}'"
        if low >= 1 and high == classes:
            hint = f"labels count from 0: subtract 1, or give '{output}' {classes + 1} units"
        faults.add(
            "data-label-range",
            f"{what} holds labels {low:g} to {high:g}, the output has {classes} classes",
            help=hint,
        )


def check_integers(faults: Faults, what: str, low: float, high: float, whole: bool) -> bool:
    """Return whether numbers from `low` to `high` are integers that netspec takes; note why not."""
    if not whole:
        faults.add("data-values", f"{what} is not whole numbers", help="store integers")
    elif low < -LARGEST_INT32 - 1 or high > LARGEST_INT32:
        faults.add("data-values", f"{what} holds numbers beyond 32 bits", help="store smaller integers")
    else:
        return True
    return False


def check_class_count(faults: Faults, names: list[str], graph: Graph, losses: Mapping[str, str]) -> None:
    """Note where folders of classes are more or fewer than the output has classes."""
    listed = ", ".join(names[:_MOST_LISTED]) + (", ..." if len(names) > _MOST_LISTED else "")
    what = f"there are {len(names)} folders of classes ({listed})"
    _check_count(faults, what, names, graph, losses, "path", "or move what is no class out of the folder")


def check_words(
    faults: Faults, column: str, counts: Mapping[str, int], graph: Graph, losses: Mapping[str, str]
) -> None:
    """Note where the words of a column of labels are more or fewer than the output has classes."""
    shown = [f"{word or repr(word)} {count:,}" for word, count in list(counts.items())[:_MOST_LISTED]]
    listed = ", ".join(shown) + (", ..." if len(counts) > _MOST_LISTED else "")
    what = f"{column} holds {len(counts)} words ({listed})"
    if len(counts) >= class_count(graph, losses, graph.outputs[0]):  # a small table may lack some words
        _check_count(faults, what, list(counts), graph, losses, "target", "or correct the words")


_MOST_LISTED = 8


def class_count(graph: Graph, losses: Mapping[str, str], output: str) -> int:
    """Return how many classes an output has: an output of one value has two, unless its labels are class numbers."""
    width = graph.shape(output)[-1]
    return 2 if width == 1 and losses[output] not in SPARSE else width


def _check_count(
    faults: Faults, what: str, names: list[str], graph: Graph, losses: Mapping[str, str], key: str, otherwise: str
) -> None:
    output = graph.outputs[0]
    classes = class_count(graph, losses, output)
    alike = _alike(names)
    spelling = f"'{alike[0]}' and '{alike[1]}' differ in case only: spell them alike" if alike else ""
    if len(names) == classes:
        if alike:
            message = f"{what}, of which '{alike[0]}' and '{alike[1]}' differ in case only"
            faults.add("data-class-count", message, help="spell them alike", key=key, severity="warning")
        return
    remedy = f"give '{output}' {len(names)} units, {otherwise}"
    faults.add(
        "data-class-count",
        f"{what}, the output '{output}' has {classes} classes",
        help=f"{spelling}, or {remedy}" if spelling else remedy,
        key=key,
        severity="warning" if len(names) < classes else "error",
    )


def _alike(names: list[str]) -> tuple[str, str] | None:
    """Return two names that differ in case only."""
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(name.casefold(), name)
        if other != name:
            return other, name
    return None


def class_label_shape(graph: Graph, losses: Mapping[str, str]) -> Shape:
    """Return the shape of a label that a folder of classes gives: a number, or one-hot where the loss wants that."""
    (output,) = graph.outputs
    width = graph.shape(output)[-1]
    return () if losses[output] in SPARSE or width == 1 else (width,)


def called(item: str, split: str) -> str:
    """Return what messages call an array: x of the train samples for input 'image'."""
    axis, name = item.split("/", 1)
    return f"{axis} of the {split} samples for {'input' if axis == 'x' else 'output'} '{name}'"


def _check_counts(
    faults: Faults, split: str, headers: Mapping[str, Header], wanted: Mapping[str, Shape]
) -> frozenset[str]:
    """Note counts that differ; return the arrays whose shape that finding has explained too."""
    counts = {item: header.samples for item, header in headers.items()}
    if not all(counts.values()):
        faults.add("data-sample-count", f"there are 0 {split} samples", help="give at least one")
        return frozenset()
    if len(set(counts.values())) <= 1:
        return frozenset()
    axes = {axis: {count for item, count in counts.items() if item.startswith(axis)} for axis in ("x/", "y/")}
    if all(len(values) == 1 for values in axes.values()):
        (of_x,), (of_y,) = axes.values()
        if of_x % of_y == 0:
            return _tell_stack(faults, split, headers, wanted, of_x, of_y)
        if of_y % of_x == 0:
            times = of_y // of_x
            faults.add(
                "data-sample-count",
                f"y of the {split} samples has {times} times as many samples as x: {of_y:,} against {of_x:,}",
                help=f"keep one label of each {times}, such as `y[::{times}]`, or give every label its own x",
            )
            return frozenset()
    listed = ", ".join(f"{count:,} in {item.replace('/', ' of ')}" for item, count in counts.items())
    faults.add("data-sample-count", f"the {split} arrays differ in samples: {listed}", help="give every x a y")
    return frozenset()


def _tell_stack(
    faults: Faults, split: str, headers: Mapping[str, Header], wanted: Mapping[str, Shape], of_x: int, of_y: int
) -> frozenset[str]:
    """Note that `times` samples of x belong to one label, and how to make one sample of them."""
    times = of_x // of_y
    message = f"x of the {split} samples has {times} times as many samples as y: {of_x:,} against {of_y:,}"
    for item, header in headers.items():
        shape = wanted[item]
        if item.startswith("y/") or times not in shape:
            continue
        given = header.shape[1:]
        # The axis of the input along which `times` single samples lie; the last such, as channels and time do.
        axis = max(index for index, size in enumerate(shape) if size == times)
        single = shape[:axis] + shape[axis + 1 :]
        kind = "images" if len([size for size in single if size > 1]) >= 2 else "samples"
        message += f"; one input of shape {describe(shape)} is {times} {kind}"
        call = stacking(of_y, times, single, axis)
        # The samples of a group follow one another along the first axis; reshaped alone, they would be read as if the
        # group's axis were the fastest but for those behind it.
        plain = f"x.reshape({', '.join(map(str, (of_y, *shape)))})"
        warning = f"; `{plain}` alone would mix the values of {times} {kind}" if axis else ""
        if _without_ones(given) == _without_ones(single):
            hint = f"write `x = {call}`{warning}"
        else:
            hint = (
                f"a sample is {describe(given)} already: give all {of_x:,} a label, or make x of the single {kind} by "
                f"`x = {call}`{warning}"
            )
        faults.add("data-sample-count", message, help=hint)
        return frozenset(each for each in headers if each.startswith("x/"))
    faults.add(
        "data-sample-count",
        message,
        help=f"give every x its label, such as `np.repeat(y, {times}, axis=0)`, or keep one x of each {times}",
    )
    return frozenset()


def stacking(count: int, times: int, single: Shape, axis: int) -> str:
    """Return the NumPy call that makes `count` samples of `times` consecutive ones, stacked along `axis`."""
    reshaped = f"x.reshape({', '.join(map(str, (count, times, *single)))})"
    if axis == 0:
        return reshaped
    # After the reshape axis 1 counts within the group; it moves behind `axis` axes of the single sample.
    order = [0, *range(2, 2 + axis), 1, *range(2 + axis, 2 + len(single))]
    return f"{reshaped}.transpose({', '.join(map(str, order))})"


def _without_ones(shape: Shape) -> Shape:
    return tuple(size for size in shape if size != 1)


def _refuse_shape(
    faults: Faults, item: str, what: str, header: Header, wanted: Shape, graph: Graph, losses: Mapping[str, str]
) -> None:
    given = header.shape[1:]
    axis, name = item.split("/", 1)
    if axis == "x":
        message = f"{what} has samples of shape {describe(given)}, the input is {describe(wanted)}"
        faults.add("data-shape", message, help=_shape_help(given, wanted, "x", "change the input's shape"))
        return
    loss = losses[name]
    whole = graph.shape(name)
    if loss == "categorical_crossentropy" and given in (whole[:-1], (*whole[:-1], 1)):
        hint = "use `loss: sparse_categorical_crossentropy` for class numbers"
    elif loss in SPARSE and given == whole:
        hint = "use `loss: categorical_crossentropy` for one-hot labels"
    else:
        hint = _shape_help(given, wanted, "y", "choose the loss that takes it")
    message = f"{what} has samples of shape {describe(given)}, loss {loss} needs {describe(wanted)}"
    faults.add("data-shape", message, help=hint)


def _shape_help(given: Shape, wanted: Shape, array: str, otherwise: str) -> str:
    """Return the call that makes `wanted` of `given`: axes in another order first, then another grouping."""
    if len(given) == len(wanted) <= 4 and sorted(given) == sorted(wanted):
        orders = [
            order for order in permutations(range(len(given))) if tuple(given[index] for index in order) == wanted
        ]
        call = f"{array}.transpose({', '.join(map(str, (0, *(index + 1 for index in orders[0]))))})"
        first = " the channels come first, as in PyTorch:" if orders[0] == (*range(1, len(given)), 0) else ""
        return f"its axes stand in another order;{first} write `{array} = {call}`, or {otherwise}"
    if prod(given) == prod(wanted):
        return f"write `{array} = {array}.reshape({', '.join(map(str, (-1, *wanted)))})`, or {otherwise}"
    return f"reshape the array, or {otherwise}"
