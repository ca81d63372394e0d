"""The one list of rules: whatever `netspec` finds has its entry here, and docs/checks.md is made of them.

To add a rule, add it to the file of its subject with an example, run `make docs`, and read the page.
"""

from __future__ import annotations

from netspec.rules import data, device, graph, language, lint, models, reading, spec
from netspec.rules.entry import Example, Rule

__all__ = ["REGISTRY", "SECTIONS", "Example", "Rule"]

SECTIONS: dict[str, tuple[Rule, ...]] = {
    "Reading the file": reading.RULES,
    "Keys and values": spec.RULES,
    "Variables, blocks and repeats": language.RULES,
    "Wiring and shapes": graph.RULES,
    "The device": device.RULES,
    "Probable mistakes": lint.RULES,
    "Training data": data.RULES,
    "Building and importing": models.RULES,
}
REGISTRY: dict[str, Rule] = {rule.name: rule for rules in SECTIONS.values() for rule in rules}
"""Every rule by its name."""
