"""Which tensors share bytes, which never do, and that the checker accepts no sharing that loses a value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from netspec.device.memory.checker import check_plan
from netspec.device.memory.plan import MemoryPlan
from netspec.device.memory.sharing import Share, linked
from netspec.device.plan import DevicePlan, plan_device
from tests.specs import make_graph


def plan_of(layers: Sequence[Any], inputs: Any = (16,), **sections: Any) -> DevicePlan:
    return plan_device(make_graph(layers, inputs, **sections))


def shared(plan: DevicePlan) -> list[tuple[str, str, int]]:
    """Return (input, output, offset) of what shares bytes."""
    return [(share.input, share.output, share.offset) for share in plan.memory.shares]


def dense(name: str, units: int = 16, **keys: Any) -> dict[str, Any]:
    return {"dense": {"name": name, "units": units, **keys}}


def test_an_activation_table_is_looked_up_in_place() -> None:
    plan = plan_of([dense("a"), {"sigmoid": {"name": "b"}}, {"tanh": {"name": "c"}}, dense("d")])
    assert shared(plan) == [("a", "b", 0), ("b", "c", 0)]
    offsets = plan.memory.tensor_offsets
    assert offsets["a"] == offsets["b"] == offsets["c"]
    assert plan.arena_bytes == 32


def test_a_sum_takes_the_place_of_the_input_that_is_read_no_more() -> None:
    ways = [dense("a"), dense("b", **{"from": "a"}), {"add": {"name": "sum", "from": ["a", "b"]}}]
    assert shared(plan_of(ways)) == [("a", "sum", 0)]
    assert shared(plan_of(ways, outputs=["a", "sum"])) == [("b", "sum", 0)]
    assert shared(plan_of(ways, outputs=["a", "b", "sum"])) == []


def test_a_tensor_added_to_itself_is_doubled_in_place() -> None:
    plan = plan_of([dense("a"), {"add": {"name": "sum", "from": ["a", "a"]}}])
    assert shared(plan) == [("a", "sum", 0)]


def test_softmax_works_in_place() -> None:
    assert shared(plan_of([dense("a"), {"softmax": {"name": "b"}}])) == [("a", "b", 0)]


def test_an_input_in_the_arena_may_be_overwritten_and_one_of_the_caller_never() -> None:
    layers = [{"sigmoid": {"name": "b", "from": "x"}}, dense("c")]
    assert shared(plan_of(layers)) == [("x", "b", 0)]
    assert shared(plan_of(layers, target={"io": "external"})) == []


def test_pieces_of_a_join_are_written_where_they_belong() -> None:
    layers = [
        dense("a", 5, **{"from": "x"}),
        dense("b", 7, **{"from": "x"}),
        dense("c", 20, **{"from": "x"}),
        {"concatenate": {"name": "all", "from": ["a", "b", "c"]}},
        dense("last", 2),
    ]
    plan = plan_of(layers)
    assert shared(plan) == [("a", "all", 0), ("b", "all", 5), ("c", "all", 12)]
    offsets = plan.memory.tensor_offsets
    assert [offsets[name] - offsets["all"] for name in "abc"] == [0, 5, 12]
    assert plan.arena_bytes == 16 + 32
    # What the caller holds cannot hold a piece: the join is the network's output there.
    assert shared(plan_of(layers[:-1], target={"io": "external"})) == []


def test_rows_that_lie_in_turns_are_copied() -> None:
    ways = [{"tanh": {"name": "a", "from": "x"}}, {"sigmoid": {"name": "b", "from": "x"}}]
    deep = [*ways, {"concatenate": {"name": "all", "from": ["a", "b"], "axis": -1}}]
    high = [*ways, {"concatenate": {"name": "all", "from": ["a", "b"], "axis": 1}}]
    names = {share.output for share in plan_of(deep, (4, 3)).memory.shares}
    assert "all" not in names
    # One behind the other; with requantizations between, since tanh and sigmoid have scales of their own.
    joined = [share for share in plan_of(high, (4, 3)).memory.shares if share.output == "all"]
    assert [share.offset for share in joined] == [0, 12]


def test_a_piece_that_stands_twice_in_a_join_is_copied_once() -> None:
    plan = plan_of([dense("a", 8), {"concatenate": {"name": "all", "from": ["a", "a"]}}, dense("last", 2)])
    assert shared(plan) == [("a", "all", 0)]


def test_a_piece_that_is_read_later_is_copied() -> None:
    layers = [
        dense("a", 8),
        dense("b", 8),
        {"concatenate": {"name": "all", "from": ["a", "b"]}},
        dense("c", 8),
        {"add": {"name": "sum", "from": ["a", "c"]}},
    ]
    assert [share for share in shared(plan_of(layers)) if share[1] == "all"] == [("b", "all", 8)]


def test_joins_of_joins_and_what_works_in_place_in_them() -> None:
    layers = [
        dense("a", 8, **{"from": "x"}),
        {"relu": {"name": "a1", "max_value": 1.5}},
        dense("b", 8, **{"from": "x"}),
        {"concatenate": {"name": "inner", "from": ["a1", "b"]}},
        dense("c", 8, **{"from": "x"}),
        {"concatenate": {"name": "outer", "from": ["c", "inner"]}},
        dense("last", 2),
    ]
    plan = plan_of(layers)
    offsets = plan.memory.tensor_offsets
    assert offsets["inner"] == offsets["outer"] + 8
    assert offsets["b"] == offsets["inner"] + 8 == offsets["outer"] + 16
    pairs = linked(plan.memory.shares)
    assert frozenset(("b", "outer")) in pairs
    assert frozenset(("b", "c")) not in pairs


def test_external_inputs_and_outputs_take_no_ram() -> None:
    layers = [dense("a", 32), dense("b", 48), dense("c", 64)]
    inside, outside = plan_of(layers), plan_of(layers, target={"io": "external"})
    assert inside.ram_bytes == 48 + 64
    assert outside.ram_bytes == 32 + 48
    assert outside.memory.outside == {"x", "c"}
    assert set(outside.memory.tensor_offsets) == {"a", "b"}
    assert outside.live_bytes() == [32, 80, 48]
    assert plan_of(layers[:1], target={"io": "external"}).ram_bytes == 0


# ----------------------------------------------------------------------------------------------------- the checker


def diamond() -> DevicePlan:
    layers = [
        dense("a", **{"from": "x"}),
        {"sigmoid": {"name": "b"}},
        dense("c", **{"from": "a"}),
        {"add": {"name": "sum", "from": ["b", "c"]}},
        {"concatenate": {"name": "all", "from": ["sum", "a"]}},
        dense("last", 2),
    ]
    return plan_of(layers)


def changed(plan: DevicePlan, shares: Sequence[Share] | None = None, **offsets: int) -> MemoryPlan:
    return replace(
        plan.memory,
        arena_bytes=10**6,
        tensor_offsets={**plan.memory.tensor_offsets, **offsets},
        shares=plan.memory.shares if shares is None else tuple(shares),
    )


def test_what_the_planner_shares_the_checker_accepts() -> None:
    plan = diamond()
    assert plan.memory.shares
    check_plan(plan.graph, plan.memory)


def test_an_input_that_is_read_later_may_not_be_written_over() -> None:
    plan = diamond()
    node = next(node for node in plan.graph.nodes if node.output == "b")
    forged = [Share(node.name, 0, "a", "b", 0, replaces=True)]
    with pytest.raises(AssertionError, match="b overwrites a at"):
        check_plan(plan.graph, changed(plan, forged, b=plan.memory.tensor_offsets["a"]))


def test_a_kernel_that_cannot_work_in_place_is_found() -> None:
    plan = plan_of([dense("a"), dense("b")])
    node = plan.graph.nodes[1]
    forged = [Share(node.name, 0, "a", "b", 0, replaces=True)]
    with pytest.raises(AssertionError, match="the kernel of b cannot write b over input 0"):
        check_plan(plan.graph, changed(plan, forged, b=plan.memory.tensor_offsets["a"]))
    with pytest.raises(AssertionError, match="b at 0 overwrites a at 0, which b reads"):
        check_plan(plan.graph, changed(plan, [], x=4096, a=0, b=0))


@pytest.mark.parametrize("shift", [-16, 1, 16])
def test_an_output_that_stands_beside_what_it_replaces_is_found(shift: int) -> None:
    plan = plan_of([dense("a", 64), {"tanh": {"name": "b"}}, dense("c")])
    moved = changed(plan, x=4096, a=1024, b=1024 + shift)
    with pytest.raises(AssertionError, match="b is not where a is"):
        check_plan(plan.graph, moved)
    with pytest.raises(AssertionError, match=r"b at .* overwrites a at 1024|not a multiple of 16"):
        check_plan(plan.graph, replace(moved, shares=()))


def test_a_piece_beside_its_place_in_the_join_is_found() -> None:
    plan = plan_of(
        [
            dense("a", 8, **{"from": "x"}),
            dense("b", 8, **{"from": "x"}),
            {"concatenate": {"name": "all", "from": ["a", "b"]}},
            dense("last", 2),
        ]
    )
    with pytest.raises(AssertionError, match="b is not where all holds it"):
        check_plan(plan.graph, changed(plan, b=4096))
    with pytest.raises(AssertionError, match=r"all at .* overwrites b"):  # a copy onto what is still to be copied
        check_plan(plan.graph, changed(plan, [], all=1024, a=2048, b=1024))


def test_a_piece_that_was_overwritten_in_the_join_is_found() -> None:
    layers = [
        dense("a", 8, **{"from": "x"}),
        dense("z", 4, **{"from": "x"}),
        dense("b", 8, **{"from": "z"}),
        {"concatenate": {"name": "all", "from": ["a", "b"]}},
        dense("last", 2),
    ]
    plan = plan_of(layers)
    assert shared(plan) == [("a", "all", 0), ("b", "all", 8)]
    with pytest.raises(AssertionError, match=r"z overwrites a at .*, which is needed when all runs"):
        check_plan(plan.graph, changed(plan, z=plan.memory.tensor_offsets["a"]))


def test_memory_of_the_caller_is_for_inputs_and_outputs_alone() -> None:
    plan = plan_of([dense("a"), dense("b")], target={"io": "external"})
    check_plan(plan.graph, plan.memory)
    with pytest.raises(AssertionError, match="only inputs and outputs"):
        check_plan(plan.graph, replace(plan.memory, outside=frozenset(["x", "a", "b"])))
    with pytest.raises(AssertionError, match="both in the arena and outside"):
        check_plan(plan.graph, changed(plan, x=0))
