"""Several outputs, states and another kernel set, from a layer to the C that runs: see `tests/toys.py`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netspec.device.memory.checker import check_plan
from netspec.device.memory.plan import plan_memory
from netspec.device.passes import verify
from netspec.device.plan import plan_device
from netspec.emit import host_functions
from netspec.emit.firmware import emit_firmware
from netspec.layers.activations import Tanh
from netspec.ops import INT16, INT32, Binary, Tensor
from netspec.quantize.model import QuantizedModel
from netspec.spec.source import parse
from netspec.toolchain import portable_kernels
from netspec.verify.oracles import compile_network, run_program
from netspec.verify.proof import compare
from tests.models import make_model
from tests.specs import make_graph
from tests.toys import count, swap, toys

LAYERS = [{"dense": {"name": "a", "units": 6}}, {"tanh": {"name": "toy"}}, {"dense": {"name": "b", "units": 3}}]


def emitted(model: QuantizedModel) -> dict[str, str]:
    return emit_firmware(model, parse("netspec: 1\n", "net.yaml"))


def differences(model: QuantizedModel, folder: Path, samples: int = 9) -> tuple[int, dict[str, np.ndarray]]:
    """Return how many integers of the compiled C are not the reference's, and all of the reference's."""
    inputs: Any = {"x": np.random.default_rng(3).integers(-128, 128, (samples, 4), np.int8)}
    kernels = portable_kernels(host_functions(model))
    program = compile_network(model, emitted(model), kernels, folder / "net")
    reference, ran = model.run(inputs), run_program(model, program, inputs)
    return compare(model, "C", reference, ran).mismatches, reference


@pytest.mark.parametrize("io", ["arena", "external"])
def test_an_op_with_two_outputs_runs_as_its_reference(tmp_path: Path, io: str) -> None:
    with toys(swap):
        model = make_model(make_graph(LAYERS, (4,), target={"io": io}))
        assert {"toy_halves", "toy_halves_2", "toy_binary_2", "toy"} <= model.plan.graph.tensors.keys()
        wrong, tensors = differences(model, tmp_path)
    assert wrong == 0
    np.testing.assert_array_equal(tensors["toy"][:, :3], tensors["a"][:, 3:])


def test_a_state_counts_the_runs(tmp_path: Path) -> None:
    with toys(count):
        model = make_model(make_graph(LAYERS, (4,)))
        plan = model.plan
        wrong, tensors = differences(model, tmp_path)
        files = emitted(model)
    assert plan.graph.states == (Tensor("toy_calls", (1,), INT32, "state"),)
    assert (plan.memory.state_bytes, plan.memory.state_offsets) == (4, {"toy_calls": 0})
    assert "toy_calls" not in plan.memory.tensor_offsets
    assert plan.ram_bytes == plan.arena_bytes + 4
    assert wrong == 0
    assert tensors["toy"][:, 0].tolist() == list(range(9))
    assert tensors["toy_calls"].ravel().tolist() == list(range(1, 10))
    assert "#define NET_STATE_BYTES 4" in files["net.h"]
    assert "void net_reset(void *state);" in files["net.h"]
    assert "int net_run(void *arena, size_t arena_bytes, void *state, size_t state_bytes);" in files["net.h"]


def test_two_states_with_one_arena_are_two_streams(tmp_path: Path) -> None:
    main = """
#include <stdio.h>
#include "net.h"
static NET_ARENA(arena);
static NET_STATE(one);
static NET_STATE(two);
static int value(void *state)
{
    return net_run(arena, sizeof arena, state, NET_STATE_BYTES) == NET_OK ? (int)*(int32_t *)state : -1;
}
int main(void)
{
    net_reset(one);
    net_reset(two);
    printf("%d", value(one));
    printf(" %d", value(one));
    printf(" %d", value(two));
    net_reset(one);
    printf(" %d", value(one));
    printf(" %d\\n", net_run(arena, sizeof arena, NULL, NET_STATE_BYTES));
    return 0;
}
"""
    from netspec.toolchain import compile_library, compile_program
    from netspec.verify.oracles import output_of

    with toys(count):
        model = make_model(make_graph(LAYERS, (4,)))
        files, kernels = emitted(model), portable_kernels(host_functions(model))
    for name in ("net.h", "net.c", "net_weights.h", "net_weights.c"):
        (tmp_path / name).write_text(files[name])
    (tmp_path / "main.c").write_text(main)
    program = compile_program(
        sorted(tmp_path.glob("*.c")),
        [tmp_path, *kernels.include_dirs],
        list(kernels.defines),
        [compile_library(kernels)],
        tmp_path / "program",
        system_include_dirs=kernels.system_include_dirs,
    )
    assert output_of(program, b"") == b"1 2 1 1 -1\n"


def test_the_checker_finds_a_state_that_is_read_too_late() -> None:
    with toys(count):
        graph = plan_device(make_graph(LAYERS, (4,))).graph
        a, toy, b = graph.nodes
        late = replace(b, inputs=("toy_calls",))
        with pytest.raises(AssertionError, match=r"b reads \['toy_calls'\] before it is written, or a state after it"):
            verify(graph.with_nodes([a, toy, late]), "a pass")
        plan = plan_memory(graph, "none")
        with pytest.raises(AssertionError, match="b reads toy_calls after it was written for the next run"):
            check_plan(graph.with_nodes([a, toy, late]), plan)
        with pytest.raises(AssertionError, match="a state has no place, or a place no state"):
            check_plan(graph, replace(plan, state_offsets={}))
        wide = Tensor("wide", (3,), INT16, "state")
        with pytest.raises(AssertionError, match="ends at"):
            check_plan(
                replace(graph, states=(*graph.states, wide)), replace(plan, state_offsets={"toy_calls": 0, "wide": 4})
            )


def test_a_layer_may_override_where_a_scale_comes_from() -> None:
    from netspec.device.scales import fixed_scale
    from netspec.ops import Dense, Fixed, Param

    def halved(layer: Any, to: Any, inputs: Any) -> Any:
        dense = Dense((6,), (6,), Param("a", "kernel", (4, 6)), None)
        return to.op(dense, *inputs, name="own", scale=Fixed(64, 3))

    with toys(halved):
        graph = plan_device(make_graph(LAYERS, (4,))).graph
    node = next(node for node in graph.nodes if node.layer == "toy")
    assert fixed_scale(node) == Fixed(64, 3)


def test_another_kernel_set_is_one_module(tmp_path: Path) -> None:
    with toys(Tanh.lower):
        model = make_model(make_graph(LAYERS, (4,)))
        code = emitted(model)["net.c"]
        wrong, _ = differences(model, tmp_path)
    assert wrong == 0
    assert "netspec_table_s8" not in code
    assert "netspec_dense_s8" in code


def test_two_ops_of_one_layer_share_their_weights(tmp_path: Path) -> None:
    """Both halves go through one dense layer: its constants are there once, and both calls read them."""
    from netspec.layers.dense import Dense as DenseLayer
    from netspec.ops import Concatenate, Dense, Param
    from tests.toys import Halves

    chain = DenseLayer.lower

    def lower(layer: Any, to: Any, inputs: Any) -> Any:
        if to.layer != "twin":
            return chain(layer, to, inputs)
        ops = [Dense((3,), (4,), Param("twin", "kernel", (3, 4)), Param("twin", "bias", (4,)))] * 2
        first, second = to.ops(Halves(6), to.op(Concatenate(((3,), (3,)), (6,), 0), *inputs, *inputs))
        one = to.op(ops[0], first, name="one")
        two = to.op(ops[1], second, name="two", like=one if shared else None)
        return to.op(Binary("add", (4,)), one, two)

    layers = [{"dense": {"name": "a", "units": 3}}, {"dense": {"name": "twin", "units": 4}}, "tanh"]
    sizes = []
    for shared in (False, True):
        with toys(Tanh.lower), pytest.MonkeyPatch.context() as patch:
            patch.setattr(DenseLayer, "lower", lower)
            model = make_model(make_graph(layers, (4,)))
            folder = tmp_path / str(shared)
            folder.mkdir()
            wrong, _ = differences(model, folder)
            weights = emitted(model)["net_weights.c"]
        assert wrong == 0
        assert ("net_twin_two_kernel" in weights) == (not shared)
        sizes.append(model.plan.constant_bytes)
    assert sizes[0] - sizes[1] == 3 * 4 + 4 * 4
