"""Layers that undo, repeat or lose one another's work."""

from __future__ import annotations

from collections.abc import Iterator

from netspec.graph import GraphLayer
from netspec.lint.finding import Finding
from netspec.lint.net import ACTIVATIONS, DROPOUTS, SAME_VALUES, Net, activation_of, key_of, plural


def double_activation(net: Net) -> Iterator[Finding]:
    """Two activations in a row, one as `activation:` key, perhaps, and one as a layer.

    The second sees only what the first let through: relu after relu does nothing, softmax after relu can no longer
    tell unlikely classes apart. Flatten, reshape and dropout between them change nothing. Where something else reads
    the first one too, both may be meant.
    """
    for layer in net.layers:
        if layer.type not in ACTIVATIONS:
            continue
        first = net.source(layer)
        while first is not None and first.type in SAME_VALUES and net.is_read_once(first.name):
            first = net.source(first)
        kind = activation_of(first) if first is not None else None
        if first is None or kind in (None, "linear") or not net.is_read_once(first.name):
            continue
        if first.type in ACTIVATIONS:
            remedy, note = f"remove {first.name} or {layer.name}", f"{first.name} is the first"
        else:
            remedy, note = f"remove `activation: {kind}` of {first.name}, or {layer.name}", f"{first.name} has {kind}"
        message = f"{layer.name} follows the {kind} of {first.name}: two activations in a row"
        yield Finding(message, remedy, layer, notes=(net.place_note(note, first.name),))


def double_normalization(net: Net) -> Iterator[Finding]:
    """Batch norm of batch norm.

    The second finds mean 0 and variance 1 already, up to a scale that it could have learned alone.
    """
    for layer in net.layers:
        first = net.source(layer)
        if layer.type != "batch_normalization" or first is None or first.type != layer.type:
            continue
        if key_of(first, "axis") == key_of(layer, "axis") and net.is_read_once(first.name):
            message = f"{layer.name} normalizes again what {first.name} has normalized"
            yield Finding(
                message, f"remove {layer.name}", layer, notes=(net.place_note(f"{first.name} is here", first.name),)
            )


def bias_before_norm(net: Net) -> Iterator[Finding]:
    """A bias directly before batch norm.

    Batch norm subtracts each channel's mean, and with it whatever the bias added: the parameters train to nothing. A
    frozen batch norm subtracts a constant, so there the bias stays.
    """
    for layer in net.layers:
        if not key_of(layer, "use_bias") or activation_of(layer) != "linear":
            continue
        if not net.is_read_once(layer.name) or not key_of(layer, "trainable", True):
            continue
        norm = net.readers(layer.name)[0]
        if norm.type != "batch_normalization" or not key_of(norm, "trainable", True):
            continue
        if key_of(norm, "axis") not in (-1, len(layer.output_shape)):
            continue
        size = plural(layer.output_shape[-1], "parameter")
        yield Finding(
            f"{norm.name} subtracts the bias of {layer.name} again: {size} for nothing",
            f"write `use_bias: false` in {layer.name}",
            layer,
            key="use_bias",
            notes=(net.place_note(f"{norm.name} is here", norm.name),),
        )


def dropout_at_end(net: Net) -> Iterator[Finding]:
    """Dropout that no layer with weights follows.

    Dropout teaches the weights after it not to rely on single inputs. With none there it only makes the output noisy
    while the net is trained.
    """
    followed: set[str] = set()
    for layer in reversed(net.layers):
        if layer.weights or layer.name in followed:
            followed.update(layer.inputs)
    for layer in net.layers:
        if layer.type not in DROPOUTS or layer.name in followed or key_of(layer, "rate", 1) == 0:
            continue
        last = _last_with_weights(net, layer)
        remedy = f"put it before {last.name}, or remove it" if last else "remove it"
        yield Finding(f"no layer with weights follows {layer.name}, so it only adds noise to the output", remedy, layer)


def _last_with_weights(net: Net, layer: GraphLayer) -> GraphLayer | None:
    before = net.source(layer)
    while before is not None and not before.weights:
        before = net.source(before)
    return before


_HIGHEST_RATE = 0.9


def dropout_rate(net: Net) -> Iterator[Finding]:
    """A dropout that drops nothing, or nine tenths and more.

    `rate` is the share that is dropped. Older TensorFlow took the share that is kept, so 0.9 is often meant as 0.1.
    """
    for layer in net.layers:
        rate = key_of(layer, "rate")
        if layer.type not in DROPOUTS or rate is None or 0 < rate < _HIGHEST_RATE:
            continue
        if rate == 0:
            yield Finding(f"{layer.name} drops nothing: its rate is 0", f"remove {layer.name}", layer, key="rate")
            continue
        kept = round(1 - rate, 6)
        yield Finding(
            f"{layer.name} drops {rate:.4g} of its input, not {kept:.4g}",
            f"to keep {rate:.4g} write `rate: {kept:.4g}`",
            layer,
            key="rate",
        )
