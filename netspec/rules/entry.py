"""What is said of a rule, and the example that shows it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from netspec.diagnostics import Severity

Command = Literal["check", "check --data", "build", "import"]

SPEC = "net.yaml"
"""What the example's spec is called."""


@dataclass(frozen=True, slots=True)
class Example:
    """A spec that breaks the rule, the command that says so, and the files that it needs beside it.

    `spec` is None where the rule is about there being no spec, or about another file, `given`. `beside` says in words
    what the other files hold.
    """

    spec: str | bytes | None
    command: Command = "check"
    files: Mapping[str, bytes] = field(default_factory=dict)
    beside: str = ""
    given: str = SPEC

    @property
    def shown(self) -> str:
        """The spec as a page can hold it: what is unprintable as an escape, what is endless cut short."""
        if self.spec is None:
            return ""
        text = self.spec if isinstance(self.spec, str) else self.spec.decode("utf-8", "backslashreplace")
        text = "\n".join(line if len(line) <= 120 else f"{line[:100]}..." for line in text.split("\n"))
        return re.sub(r"[^\n -~\u00a0-\uffff]", lambda match: match[0].encode("unicode_escape").decode(), text)


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: what it finds, why that is wrong, what to do, each in whole sentences; and an example."""

    name: str
    what: str
    why: str
    remedy: str
    example: Example
    severity: Severity = "error"


def net(layers: str, rest: str = "", inputs: str = "{x: {shape: [16]}}", first: str = "") -> str:
    """Return a spec with these layers, a line each, and further sections."""
    listed = "".join(f"  {line}\n" for line in layers.strip("\n").split("\n"))
    tail = f"{rest.strip()}\n" if rest else ""
    return f"netspec: 1\nname: net\n{first}inputs: {inputs}\nlayers:\n{listed}{tail}"
