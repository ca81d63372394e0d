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
        "A net whose constants need more flash than `target.budget.flash`.",
        "It would not link beside the rest of the firmware.",
        "Make the layer smaller that the note names: it holds most; or raise the budget.",
        _budget("flash: 4KiB"),
    ),
    Rule(
        "budget-ram",
        "A net whose arena needs more RAM than `target.budget.ram`.",
        "The arena holds the tensors that live at the same time; it is largest at the layer that the note names.",
        "Pool or stride earlier, or use fewer filters there; or raise the budget.",
        _budget("ram: 1KiB"),
    ),
    Rule(
        "budget-macs",
        "A net of more multiply-accumulates than `target.budget.macs`.",
        "They are what an inference's time is made of.",
        "Use larger strides or fewer filters in the layer that the note names; or raise the budget.",
        _budget("macs: 50k"),
    ),
)
