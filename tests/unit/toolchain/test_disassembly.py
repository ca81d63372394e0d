"""The stack of assembler functions: what each instruction counts for, and when no bound is given."""

from __future__ import annotations

from pathlib import Path

import pytest

from netspec.diagnostics import ToolError
from netspec.toolchain.disassembly import parse_frames, read_frames
from netspec.toolchain.stack import Frame, StackUsage

_HEAD = """
a.elf:     file format elf32-littlearm

SYMBOL TABLE:
00000100 g     F .text\t00000010 first
00000100 g     F .text\t00000010 alias
00000100  w    F .text\t00000000 .hidden hidden
20000000 g     O .bss\t00000004 variable

Disassembly of section .text:
"""


def frame(*instructions: str) -> Frame:
    """Return the frame of a function at 0x100 that is these instructions, 2 bytes each."""
    lines = [f" {0x100 + 2 * number:x}:\t{text}" for number, text in enumerate(instructions)]
    return next(iter(parse_frames("\n".join(["00000100 <first>:", *lines]))))


@pytest.mark.parametrize(
    ("instruction", "taken"),
    [
        ("push\t{r4, r5, r6, lr}", 16),
        ("push\t{r4-r7, lr}", 20),
        ("stmdb\tsp!, {r4, r5, r6, r7, r8, r9, sl, fp, lr}", 36),
        ("stmdb\tr0!, {r4, r5}", 0),
        ("vpush\t{d8-d15}", 64),
        ("vpush\t{d8}", 8),
        ("vpush\t{s16-s19}", 16),
        ("sub\tsp, #24", 24),
        ("sub.w\tsp, sp, #520\t; 0x208", 520),
        ("subw\tsp, sp, #1044\t; 0x414", 1044),
        ("str.w\tlr, [sp, #-4]!", 4),
        ("strd\tr4, r5, [sp, #-16]!", 16),
        ("str\tr0, [sp, #4]", 0),
        ("add\tsp, #24", 0),
        ("add\tr7, sp, #8", 0),
        ("sub.w\tr0, sp, #8", 0),
        ("pop\t{r4, pc}", 0),
    ],
)
def test_bytes_of_an_instruction(instruction: str, taken: int) -> None:
    assert frame(instruction) == Frame("first", taken, True)


@pytest.mark.parametrize("instruction", ["mov\tsp, r7", "sub\tsp, sp, r3", "add\tsp, r3", "sub.w\tsp, sp, r3, lsl #2"])
def test_an_unknown_amount_has_no_bound(instruction: str) -> None:
    assert not frame("push\t{r7, lr}", instruction).bounded


def test_a_loop_around_a_push_has_no_bound() -> None:
    assert not frame("push\t{r4}", "subs\tr0, #1", "bne.n\t100 <first>").bounded
    assert frame("push\t{r4}", "subs\tr0, #1", "bne.n\t102 <first+0x2>").bounded


def test_calls_and_jumps_to_other_functions_count() -> None:
    lines = ["bl\t200 <second>", "beq.w\t304 <a_constant_of_the_linker+0x4>", "b.n\t102 <a_constant+0x2>", "bx\tlr"]
    text = "00000100 <first>:\n" + "".join(f" {0x100 + 2 * i:x}:\t{line}\n" for i, line in enumerate(lines))
    text += "00000200 <second>:\n 200:\tbx\tlr\n00000300 <third>:\n 300:\tnop\n 304:\tbx\tlr\n"
    assert next(parse_frames(text)) == Frame("first", 0, True, ("second", "third"))
    assert frame("blx\tr3").indirect
    assert not frame("bx\tlr").indirect


def test_a_function_goes_by_all_its_names() -> None:
    text = _HEAD + "\n00000100 <first>:\n 100:\tpush\t{r4, lr}\n 102:\tb.w\t200 <second>\n\n00000200 <second>:\n"
    text += " 200:\tsub\tsp, #8\n"
    frames = {each.function: each for each in parse_frames(text)}
    assert frames.keys() == {"first", "alias", "hidden", "second"}
    assert {StackUsage(frames).bound(name, {}) for name in ("first", "alias", "hidden")} == {16}


@pytest.mark.parametrize(
    ("last", "bound"),
    [
        ("cmp\tr0, #0", 12),
        ("bne.n\t102 <first+0x2>", 12),
        ("b.n\t102 <first+0x2>", 4),
        ("pop\t{pc}", 4),
        ("bx\tlr\n 104:\tmovs\tr0, r0", 4),
    ],
)
def test_a_name_within_a_function_ends_nothing(last: str, bound: int) -> None:
    text = f"00000100 <first>:\n 100:\tpush\t{{lr}}\n 102:\t{last}\n 104:\t.word\t0x1\n\n00000108 <inner>:\n"
    text += " 108:\tsub\tsp, #8\n 10a:\tbx\tlr\n"
    assert StackUsage({each.function: each for each in parse_frames(text)}).bound("first", {}) == bound


def test_an_objdump_that_is_not_there_is_said() -> None:
    with pytest.raises(ToolError, match="no-such-objdump does not run"):
        read_frames(Path("a.elf"), "no-such-objdump")
