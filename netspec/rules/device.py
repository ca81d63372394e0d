"""Rules of the device: what its int8 kernels can run, and the budgets of `target`."""

from __future__ import annotations

from netspec.rules.entry import Example, Rule, net

_LAYERS = "- conv2d: {name: stem, filters: 32, kernel_size: 3, padding: same}\n- flatten\n- dense: {units: 4}"
_IMAGE = "{image: {shape: [8, 8, 3]}}"


def _budget(limit: str) -> Example:
    return Example(net(_LAYERS, f"target:\n  core: cortex-m4\n  budget: {{{limit}}}\n", inputs=_IMAGE))


RULES = (
    Rule(
        "unsupported-on-device",
        "A layer, or a key of it, that Keras can run and the int8 kernels cannot.",
        "The net would train and then not build. Without a `target` nothing is said: such a net is only trained.",
        "Write what the help suggests in its place, or remove `target`.",
        Example(net("- relu: {negative_slope: 0.1}", "target: {core: cortex-m4}\n")),
    ),
    Rule(
        "budget-flash",
        "A net that needs more flash than `target.budget.flash`: for weights, tables and code.",
        "It would not link beside the rest of the firmware. Code is counted with Arm's CMSIS-NN; on a Cortex-M0, M0+ "
        "or M3, where that has no faster instructions to use, with the portable kernels.",
        "The note names the layer that holds most. The help is the change that saves most of those that were tried: "
        "halved variables, filters and units, doubled strides, smaller inputs, each planned to the byte.",
        _budget("flash: 4KiB"),
    ),
    Rule(
        "budget-ram",
        "A net whose arena needs more RAM than `target.budget.ram`.",
        "The arena holds the tensors that live at the same time; it is largest at the layer that the note names. What "
        "[memory](memory.md) says of `io` and `memory` is counted.",
        "The note says what is live there. The help is the change that saves most of those that were tried, as for "
        "`budget-flash`, and `io: external`; where none is enough, pool or stride earlier.",
        _budget("ram: 1KiB"),
    ),
    Rule(
        "memory-too-small",
        "An arena that does not fit the regions of RAM that `target.memory` names.",
        "The linker would refuse it, or the start-up code overrun the region.",
        "Make the regions larger, or the tensors smaller that the note names. [Memory](memory.md) says how regions are "
        "filled.",
        Example(net(_LAYERS, "target:\n  memory:\n    - {name: sram, size: 1KiB}\n", inputs=_IMAGE)),
    ),
    Rule(
        "budget-macs",
        "A net of more multiply-accumulates than `target.budget.macs`.",
        "They are what an inference's time is made of.",
        "The note names the layer that spends most. The help is the change that saves most of those that were tried, "
        "as for `budget-flash`.",
        _budget("macs: 50k"),
    ),
)
