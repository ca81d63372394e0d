"""The train section's optimizer, losses and metrics, given to Keras; what Keras refuses is told where it is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from netspec.diagnostics import Diagnostic, SpecError, nearest
from netspec.graph import Graph
from netspec.train.backend import load_keras
from netspec.train.data import Dataset, output_losses
from netspec.train.feed import arguments
from netspec.train.model import first_line

if TYPE_CHECKING:
    import keras

_REFUSED = (TypeError, ValueError, KeyError, ArithmeticError)


def compile_model(graph: Graph, model: keras.Model) -> None:
    """Compile a model as the spec's train section says, its optimizer's variables made.

    Raises `SpecError` at the optimizer, loss or metric that Keras refuses.
    """
    losses, metrics = output_losses(graph), _metrics(graph)
    single = len(graph.outputs) == 1
    optimizer = _optimizer(graph)
    model.compile(
        optimizer=optimizer,
        loss=losses[graph.outputs[0]] if single else losses,
        metrics=metrics[graph.outputs[0]] if single else metrics,
        jit_compile=False,  # compiling a small net takes longer than training it
    )
    try:
        optimizer.build(model.trainable_variables)
    except _REFUSED as error:
        raise SpecError(_refusal(graph, "optimizer", error)) from error


def rehearse(graph: Graph, model: keras.Model, dataset: Dataset) -> list[str]:
    """Return the names of the values that an epoch logs, after computing them on the first batch.

    Raises `SpecError` where Keras cannot compute the loss or a metric from this data.
    """
    import tensorflow

    assert graph.spec.train is not None
    size = graph.spec.train.batch_size
    first = arguments(dataset.train, slice(0, size))
    try:
        logs = model.evaluate(*first, batch_size=size, verbose=0, return_dict=True)
    except (*_REFUSED, tensorflow.errors.OpError) as error:
        raise SpecError(_refusal(graph, "metrics" if graph.spec.train.metrics else "loss", error)) from error
    return [*logs, *(f"val_{name}" for name in logs if dataset.validation is not None)]


def check_monitor(graph: Graph, logged: list[str], validated: bool) -> None:
    """Raise `SpecError` where early stopping watches a value that no epoch logs."""
    assert graph.spec.train is not None
    stopping = graph.spec.train.early_stopping
    if stopping is None or stopping.monitor in logged:
        return
    if stopping.monitor.startswith("val_") and not validated:
        message = f"early_stopping watches '{stopping.monitor}', but there is no validation data"
        hint = "add `validation_split: 0.1` or x_val and y_val, or watch a value without `val_`"
    else:
        message = f"early_stopping watches '{stopping.monitor}', which training does not log"
        near = nearest(stopping.monitor, logged)
        hint = f"did you mean `{near}`?" if near else f"the values are {', '.join(sorted(logged))}"
    place = ("train", "early_stopping", "monitor")
    raise SpecError(Diagnostic("invalid-value", message, graph.spec.span(*place), help=hint, path=".".join(place)))


def _optimizer(graph: Graph) -> Any:
    assert graph.spec.train is not None
    name, given = graph.spec.train.optimizer
    for key, value in given.items():
        # Keras makes objects of nested mappings, of any class that they name; a spec is plain data.
        if isinstance(value, dict | list):
            message = f"{key} of optimizer {name} must be a plain value"
            raise SpecError(_at_optimizer(graph, message, "write a number, true, false or text"))
    if given.get("use_ema"):
        # Keras swaps the averages in after the last epoch, unvalidated; the best epoch's weights would undo that.
        message = f"use_ema of optimizer {name} is not supported: the weights kept are those of the best epoch"
        raise SpecError(_at_optimizer(graph, message, "remove it; a lower learning_rate also calms the last epochs"))
    keras = load_keras()
    try:
        return type(keras.optimizers.get(name))(**given)
    except _REFUSED as error:
        raise SpecError(_refusal(graph, "optimizer", error)) from error


def _metrics(graph: Graph) -> dict[str, list[str]]:
    train = graph.spec.train
    assert train is not None
    if not isinstance(train.metrics, dict):
        return {name: list(train.metrics) for name in graph.outputs}
    for name in train.metrics:
        if name not in graph.outputs:
            near = nearest(name, graph.outputs)
            hint = f"did you mean `{near}`?" if near else f"the outputs are {', '.join(graph.outputs)}"
            place = ("train", "metrics", name)
            message = f"metrics are given for '{name}', which is no output"
            raise SpecError(Diagnostic("bad-output", message, graph.spec.span(*place), help=hint, path=".".join(place)))
    return {name: list(train.metrics.get(name, ())) for name in graph.outputs}


def _at_optimizer(graph: Graph, message: str, help: str) -> Diagnostic:
    return Diagnostic(
        "invalid-value", message, graph.spec.span("train", "optimizer"), help=help, path="train.optimizer"
    )


def _refusal(graph: Graph, key: str, error: Exception) -> Diagnostic:
    train = graph.spec.train
    assert train is not None
    if key == "optimizer":
        message = f"Keras refuses optimizer {train.optimizer[0]}: {first_line(error)}"
        return _at_optimizer(graph, message, "its arguments are those of the class in keras.optimizers")
    return Diagnostic(
        "keras-restriction",
        f"Keras cannot compute the loss or the metrics of this data: {first_line(error)}",
        graph.spec.span("train", key),
        help="choose a loss and metrics for the shapes of the outputs and their labels",
        path=f"train.{key}",
    )
