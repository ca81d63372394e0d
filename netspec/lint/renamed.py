"""What a spec may still write by the name that it had in the release before."""

from __future__ import annotations

from collections.abc import Iterator

from netspec.diagnostics import Fix
from netspec.lint.finding import Finding
from netspec.lint.net import Net


def renamed_value(net: Net) -> Iterator[Finding]:
    """A value that has another name by now.

    The old name is read for one release, then it is an error.
    """
    target = net.spec.target
    if target is None or target.kernels == net.spec.kernels:
        return
    old, new = target.kernels, net.spec.kernels
    span = net.spec.span("target", "kernels")
    yield Finding(
        f"the kernel set '{old}' is called '{new}' now; '{old}' will be an error in the next release",
        f"write `kernels: {new}`",
        (span, "target.kernels"),
        fix=Fix(span, old, new),
    )
