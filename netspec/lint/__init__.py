"""Warnings for what people really get wrong: specs that Keras accepts, and that nobody means.

`RULES` is the one list. A rule is a function of the network; its docstring says what is found and why that is wrong.
To add one, write the function in the file of its subject, name it here, and give it a case, the file
`tests/cases/ok/warn_<rule>.yaml`. A rule warns only of what is wrong in nearly every net that has it:
whoever meant it writes `# netspec: ignore[rule]` (`lint.comments`), and nobody should often have to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from netspec.diagnostics import MAX_FAULTS, Diagnostic
from netspec.graph import Graph
from netspec.lint.comments import Warned, silence, unsilenced
from netspec.lint.costs import dense_holds_most, norm_after_activation, separable_costs_more
from netspec.lint.finding import Finding, grouped
from netspec.lint.heads import accuracy_of_values, loss_activation, loss_width, softmax_of_one
from netspec.lint.images import channels_first, image_as_sequence
from netspec.lint.net import Net
from netspec.lint.renamed import renamed_value
from netspec.lint.windows import even_kernel_same, window_drops_input
from netspec.lint.wiring import bias_before_norm, double_activation, double_normalization, dropout_at_end, dropout_rate

__all__ = ["NAMES", "RULES", "lint", "unsilenced"]

Rule = Callable[[Net], Iterable[Finding]]

RULES: dict[str, Rule] = {
    "image-as-sequence": image_as_sequence,
    "channels-first": channels_first,
    "window-drops-input": window_drops_input,
    "even-kernel-same": even_kernel_same,
    "double-activation": double_activation,
    "double-normalization": double_normalization,
    "bias-before-norm": bias_before_norm,
    "dropout-at-end": dropout_at_end,
    "dropout-rate": dropout_rate,
    "softmax-of-one": softmax_of_one,
    "loss-activation": loss_activation,
    "loss-width": loss_width,
    "accuracy-of-values": accuracy_of_values,
    "separable-costs-more": separable_costs_more,
    "norm-after-activation": norm_after_activation,
    "dense-holds-most": dense_holds_most,
    "renamed-value": renamed_value,
}

_GRAPH_RULES = ("unused-layer",)
NAMES: tuple[str, ...] = (*_GRAPH_RULES, *RULES)
"""Every warning that a comment may silence."""


def lint(graph: Graph) -> tuple[Diagnostic, ...]:
    """Return every warning of a network, the graph's own among them, that no comment of its spec silences.

    A comment that silences nothing, or names no warning, is a warning itself. Of more than `MAX_FAULTS` those first in
    the file are told. Takes time linear in the layers.
    """
    net = Net(graph)
    found = [Warned(each, frozenset({each.span.line})) for each in graph.warnings]
    for name, rule in RULES.items():
        found += [finding.warned(name) for finding in rule(net)]
    kept, about = silence(graph.spec.document, found, NAMES)
    told = sorted((*grouped(kept), *about), key=lambda each: each.span)
    return tuple(told[:MAX_FAULTS])
