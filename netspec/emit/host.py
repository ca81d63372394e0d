"""The program that verification runs on the build host: samples in, every tensor out."""

from __future__ import annotations

from netspec.device.kernels import kernel_of
from netspec.emit.render import render
from netspec.emit.view import make_view
from netspec.quantize.model import QuantizedModel


def host_main(model: QuantizedModel) -> str:
    """Return the C text of the program.

    It is compiled with `<name>.c`, `<name>_weights.c` and the kernels, all with `host_defines`. Standard input holds
    samples, each the int8 inputs of the network in order. For each sample it writes what `host_tensors` lists to
    standard output. It ends with status 1 and a message when a layer fails, 2 when reading or writing does.
    """
    return render("host_main.c.j2", view=make_view(model))


def host_defines(model: QuantizedModel) -> tuple[str, ...]:
    """Return the macros to compile the program with: every layer's output is handed out, every assertion holds."""
    upper = model.name.upper()
    return (f"{upper}_TRACE={model.name}_host_trace", f"{upper}_DEBUG=1")


def host_tensors(model: QuantizedModel) -> tuple[tuple[str, int], ...]:
    """Return (tensor, bytes) in the order in which one sample's results are written: what each layer writes."""
    return tuple((tensor.name, tensor.bytes) for node in model.plan.graph.nodes for tensor in node.outputs)


def host_functions(model: QuantizedModel) -> frozenset[str]:
    """Return the kernel functions that the emitted code calls: what `toolchain.portable_kernels` wants to know."""
    return frozenset(
        name for node in model.plan.graph.nodes for name in kernel_of(node).functions(node.op, model.plan.extension)
    )
