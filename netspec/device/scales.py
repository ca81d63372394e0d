"""Which tensors must share one scale and zero point, and which have a fixed one: decided before any range is known.

Pools and padding copy integers, so input and output share; so do a concatenation's inputs and output. Softmax and
sigmoid always give 1/256 and -128, tanh 1/128 and 0 (TFLite int8 specification).
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace

from netspec.device.graph import DeviceGraph, Node, free_name
from netspec.ops import Fixed, Unary


def fixed_scale(node: Node, output: int = 0) -> Fixed | None:
    """Return the scale that an output of a node always has, if it has one."""
    rule = node.scale_rule(output)
    return rule if isinstance(rule, Fixed) else None


class Groups:
    """Tensors that share a scale: union-find with the fixed scale or the bound that a group carries."""

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}
        self._constraint: dict[str, Fixed | float] = {}

    def find(self, name: str) -> str:
        """Return the tensor that stands for the group of `name`."""
        root = name
        while self._parent.get(root, root) != root:
            root = self._parent[root]
        while self._parent.get(name, name) != root:
            self._parent[name], name = root, self._parent[name]
        return root

    def unite(self, one: str, two: str) -> None:
        root, other = self.find(one), self.find(two)
        if root != other:
            self._parent[other] = root
            if other in self._constraint:
                self._constraint.setdefault(root, self._constraint.pop(other))

    def constrain(self, name: str, constraint: Fixed | float) -> None:
        self._constraint[self.find(name)] = constraint

    def constraint(self, name: str) -> Fixed | float | None:
        """Return what the group of `name` carries; None if it is free."""
        return self._constraint.get(self.find(name))


def scale_groups(graph: DeviceGraph) -> Groups:
    """Return the groups of a graph whose concatenations can share."""
    groups = Groups()
    for node in graph.nodes:
        for output, tensor in enumerate(node.outputs):
            if node.scale_rule(output) == "same":
                for source in node.inputs:
                    groups.unite(source, tensor.name)
    alike = [node for node in graph.nodes if node.like is not None]
    nodes = {node.name: node for node in graph.nodes} if alike else {}
    for node in alike:
        lender = nodes[node.like or ""]
        for one, two in zip((*lender.inputs, lender.output), (*node.inputs, node.output), strict=True):
            groups.unite(one, two)
    return groups


def equal_tables(graph: DeviceGraph) -> dict[str, str]:
    """Return, for each node whose look-up table another one has too, whatever training brings, the first such node.

    A table follows from the function and from the scales of input and output alone. Those of two tensors are the same
    where they share one, or where both are fixed to the same value.
    """
    groups = scale_groups(graph)
    for node in graph.nodes:
        for output, tensor in enumerate(node.outputs):
            fixed = fixed_scale(node, output)
            if fixed:
                groups.constrain(tensor.name, fixed)

    def scale(name: str) -> Fixed | str:
        constraint = groups.constraint(name)
        return constraint if isinstance(constraint, Fixed) else groups.find(name)

    first: dict[tuple[Hashable, Fixed | str, Fixed | str], str] = {}
    found: dict[str, str] = {}
    for node in graph.nodes:
        function = node.op.table_key()
        if function is not None:
            key = (function, scale(node.inputs[0]), scale(node.output))
            owner = first.setdefault(key, node.name)
            if owner != node.name:
                found[node.name] = owner
    return found


def requantize_concatenations(graph: DeviceGraph) -> DeviceGraph:
    """Insert a requantization before a concatenation for each input whose scale is not free to be shared.

    An input is not free when its group holds a fixed scale or a bounded range; inputs that all have one and the
    same fixed scale share it as they are.
    """
    if not any(len(node.inputs) > 1 and node.scale_rule() == "same" for node in graph.nodes):
        return graph
    groups = Groups()
    for node in graph.nodes:
        for output, tensor in enumerate(node.outputs):
            if node.scale_rule(output) == "same" and len(node.inputs) == 1:
                groups.unite(node.inputs[0], tensor.name)
            constraint = fixed_scale(node, output) or node.op.range_end()
            if constraint is not None:
                groups.constrain(tensor.name, constraint)
    tensors, taken = graph.tensors, graph.names()
    nodes: list[Node] = []
    for node in graph.nodes:
        if node.scale_rule() == "same" and len(node.inputs) > 1:
            constraints = [groups.constraint(name) for name in node.inputs]
            same_fixed = isinstance(constraints[0], Fixed) and len(set(constraints)) == 1
            inputs = list(node.inputs)
            for position, constraint in enumerate(constraints):
                if constraint is not None and not same_fixed:
                    source = node.inputs[position]
                    name = free_name(f"{node.name}_input{position + 1}", taken)
                    op = Unary("requantize", tensors[source].shape)
                    nodes.append(Node(name, op, (source,), op.outputs(name), node.layer, node.layers, node.line))
                    inputs[position] = name
            node = replace(node, inputs=tuple(inputs))
            for name in inputs:
                groups.unite(name, node.output)
        nodes.append(node)
    return graph.with_nodes(nodes)
