"""Random graphs: no arena can be smaller, the checker accepts it, and never a spoiled one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netspec.device.graph import DeviceGraph, DeviceInput, DeviceOutput, Node
from netspec.device.memory.checker import check_plan
from netspec.device.memory.plan import plan_memory
from netspec.device.memory.sharing import linked
from netspec.device.passes import choose_kernels
from netspec.ops import NO_PADDING, Binary, Concatenate, Conv2D, Dense, Op, Param, Unary, output_shape
from tests.optimum import fits

GRAPHS = 1_000


def random_graph(seed: int, most: int = 40) -> DeviceGraph:
    """Return a graph of 3 to `most` ops, nearly all in a chain, with skips, sums and joins over up to eight ops."""
    random = Random(seed)
    tensors = {"x": random.randint(1, 3000)}
    nodes: list[Node] = []
    for step in range(random.randint(3, most)):
        recent = list(tensors)[-8:]
        sources = [recent[-1] if random.random() < 0.8 else random.choice(recent)]
        alike = [name for name in recent if tensors[name] == tensors[sources[0]]]
        if random.random() < 0.4:
            sources += random.sample(recent, min(len(recent), random.choice([1, 1, 2])))
        name, size, kind = f"t{step}", random.randint(1, 3000), random.random()
        op: Op
        if len(alike) > 1 and kind < 0.5:
            sources = random.sample(alike, 2)
            size = tensors[sources[0]]
            op = Binary("add", (size,))
        elif len(sources) > 1:
            size = sum(tensors[source] for source in sources)
            op = Concatenate(tuple((tensors[source],) for source in sources), (size,), 0)
        elif kind < 0.2:
            size = tensors[sources[0]]
            op = Unary("tanh", (size,))
        elif kind < 0.6:  # one with scratch
            shape = (1, 1, tensors[sources[0]])
            op = Conv2D(shape, (1, 1, size), Param(name, "kernel", ()), None, (1, 1), (1, 1), (2, 1), NO_PADDING)
        else:
            op = Dense((tensors[sources[0]],), (size,), Param(name, "kernel", ()), None)
        tensors[name] = size
        nodes.append(Node(name, op, tuple(sources), op.outputs(name), name, (name,), 1))
        if size > 20_000:  # joins of joins would dwarf all else
            break
    last = nodes[-1].output
    unread = tensors.keys() - {source for node in nodes for source in node.inputs} - {last}
    outputs = tuple(DeviceOutput(name, (tensors[name],), name) for name in [last, *sorted(unread)][:2])
    return choose_kernels(DeviceGraph("net", (DeviceInput("x", (tensors["x"],)),), tuple(nodes), outputs))


def test_without_joins_in_place_the_arena_is_the_largest_live_set() -> None:
    for seed in range(GRAPHS):
        graph = random_graph(seed)
        plan = plan_memory(graph, "dsp", joins=False)
        check_plan(graph, plan)
        assert plan.arena_bytes == plan.largest_live_bytes, seed


def smallest(seeds: Iterable[int]) -> None:
    """Assert that no plan of these graphs is smaller than ours, and that ours uses what joins in place can save."""
    smaller = tight = graphs = 0
    for seed in seeds:
        graph = random_graph(seed)
        plan = plan_memory(graph, "dsp")
        check_plan(graph, plan)
        assert not fits(graph, "dsp", plan.arena_bytes - 16), (seed, plan.arena_bytes)
        apart = plan_memory(graph, "dsp", joins=False)
        assert plan.largest_live_bytes <= plan.arena_bytes <= apart.arena_bytes
        graphs += 1
        smaller += plan.arena_bytes < apart.arena_bytes
        tight += plan.arena_bytes == plan.largest_live_bytes
    print(f"of {graphs} arenas, joins in place make {smaller} smaller, and {tight} are the largest live set")
    assert smaller > graphs / 2


def test_no_arena_can_be_smaller() -> None:
    smallest(range(0, GRAPHS, 20))


@pytest.mark.slow
def test_of_a_thousand_arenas_none_can_be_smaller() -> None:
    smallest(range(GRAPHS))


def test_the_solver_that_denies_smaller_arenas_grants_ours() -> None:
    for seed in range(0, GRAPHS, 100):
        graph = random_graph(seed)
        assert fits(graph, "dsp", plan_memory(graph, "dsp").arena_bytes)


@settings(max_examples=50)
@given(seed=st.integers(0, 10**6), pick=st.randoms(use_true_random=False))
def test_two_tensors_that_live_together_never_share_a_byte(seed: int, pick: Random) -> None:
    graph = random_graph(seed)
    plan = plan_memory(graph, "dsp")
    lifetimes, tensors = graph.lifetimes, graph.tensors

    def interval(name: str) -> range:
        return range(plan.tensor_offsets[name], plan.tensor_offsets[name] + tensors[name].bytes)

    together = [
        (one, two)
        for one in lifetimes
        for two in lifetimes
        if one < two and lifetimes[one][0] <= lifetimes[two][1] and lifetimes[two][0] <= lifetimes[one][1]
        if frozenset((one, two)) not in linked(plan.shares)
    ]
    for one, two in together:
        assert interval(one).stop <= interval(two).start or interval(two).stop <= interval(one).start
    assert all(output_shape(node.op) == tensors[node.output].shape for node in graph.nodes)
    one, two = pick.choice(together)
    aligned_two = plan.tensor_offsets[two] // 16 * 16
    offsets = {**plan.tensor_offsets, one: aligned_two}
    with pytest.raises(AssertionError, match=r"overwrites|is not where"):
        check_plan(graph, replace(plan, tensor_offsets=offsets, arena_bytes=10**9))
