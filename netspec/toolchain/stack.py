"""The stack of compiled functions, as gcc reports it: each one's frame, and who calls whom (-fcallgraph-info=su)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from netspec.diagnostics import ToolError

_NODE = re.compile(r'^node: \{ title: "([^"]*)" label: "([^"]*)"', re.MULTILINE)
_EDGE = re.compile(r'^edge: \{ sourcename: "([^"]*)" targetname: "([^"]*)"', re.MULTILINE)
_FRAME = re.compile(r"(\d+) bytes \(([a-z,]+)\)")
_INDIRECT = "__indirect_call"


@dataclass(frozen=True)
class Frame:
    """What a function puts on the stack itself, and whom it calls.

    `bytes` are those between its callers' stack pointer and its own, saved registers included. `bounded` is false
    where they depend on an argument (alloca, arrays of variable length). `indirect` tells that it calls by pointer.
    """

    function: str
    bytes: int
    bounded: bool
    calls: tuple[str, ...] = ()
    indirect: bool = False


@dataclass(frozen=True)
class StackUsage:
    """The frames of a program's functions, by name. Of two static functions of one name the larger frame counts."""

    frames: Mapping[str, Frame] = field(default_factory=dict)

    def bound(self, root: str, assembly: Mapping[str, int]) -> int:
        """Return the bytes that a call of `root` can put on the stack, exceptions left out.

        `assembly` gives the bytes of functions that no C compiler reported, such as the C library's memcpy. Raises
        ToolError for a function of neither, a frame without bound, a call by pointer, and for recursion.
        """
        return self._bound(root, assembly, ())

    def _bound(self, function: str, assembly: Mapping[str, int], path: tuple[str, ...]) -> int:
        chain = " -> ".join((*path, function))
        if function in path:
            raise ToolError(f"no bound of the stack: {chain} is recursive")
        frame = self.frames.get(function)
        if frame is None:
            if function in assembly:
                return assembly[function]
            raise ToolError(f"no bound of the stack: nothing is known of {function} ({chain})")
        if not frame.bounded or frame.indirect:
            reason = "calls by pointer" if frame.indirect else "has a frame of variable size"
            raise ToolError(f"no bound of the stack: {function} {reason} ({chain})")
        return frame.bytes + max(
            (self._bound(callee, assembly, (*path, function)) for callee in frame.calls), default=0
        )


def read_stack_usage(objects: Iterable[Path]) -> StackUsage:
    """Return the frames that the compiler wrote beside these objects (.ci)."""
    frames: dict[str, Frame] = {}
    for path in objects:
        report = path.with_suffix(".ci")
        if report.is_file():
            for frame in parse_callgraph(report.read_text(encoding="utf-8", errors="replace")):
                known = frames.get(frame.function)
                frames[frame.function] = frame if known is None else _larger(known, frame)
    return StackUsage(frames)


def parse_callgraph(text: str) -> Iterator[Frame]:
    """Yield the functions that a .ci file defines. A title is a function's name, behind its file if it is static."""
    calls: dict[str, list[str]] = {}
    for source, target in _EDGE.findall(text):
        calls.setdefault(source, []).append(target)
    for title, label in _NODE.findall(text):
        found = _FRAME.search(label)
        if found is None:  # mentioned, not defined here
            continue
        targets = calls.get(title, [])
        yield Frame(
            _plain(title),
            int(found[1]),
            found[2] != "dynamic",
            tuple(sorted({_plain(target) for target in targets if target != _INDIRECT})),
            _INDIRECT in targets,
        )


def _plain(title: str) -> str:
    return title.rpartition(":")[2]


def _larger(one: Frame, other: Frame) -> Frame:
    return Frame(
        one.function,
        max(one.bytes, other.bytes),
        one.bounded and other.bounded,
        tuple(sorted({*one.calls, *other.calls})),
        one.indirect or other.indirect,
    )
