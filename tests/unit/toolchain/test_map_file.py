from __future__ import annotations

import pytest

from netspec.diagnostics import ToolError
from netspec.toolchain.map_file import LIBRARIES, Sizes, parse_map
from netspec.toolchain.stack import Frame, StackUsage, parse_callgraph

# As GNU ld writes it: names too long for their column, padding, merged strings, a discarded section, linker stubs.
MAP = """
Discarded input sections

 .text.unused   0x00000000       0x40 /build/plain.net.o

Linker script and memory map

LOAD /build/plain.net.o
.vectors        0x00000000       0x40
 *(.board_vectors)
 .board_vectors
                0x00000000       0x40 /cache/startup-0123456789abcdef0123456789abcdef.o

.text           0x00000040       0x3a
 *(.text .text.*)
 .text.net_run  0x00000040       0x20 /build/plain.net.o
                0x00000040                net_run
 *fill*         0x00000060        0x2~
 .text.arm_softmax_s8
                0x00000062       0x10 /cache/libs/lib.a(arm_softmax_s8-0123456789abcdef0123456789abcdef.o)
                0x00000062                arm_softmax_s8
 .text          0x00000072        0x8 /usr/lib/libc_nano.a(libc_a-memcpy-stub.o)
 .glue_7        0x0000007a        0x0 linker stubs

.rodata         0x0000007c       0x18
 .rodata.net_weights
                0x0000007c        0xc /build/plain.net_weights.o
                0x0000007c                net_weights
 .rodata.str1.4
                0x00000088        0x9 /build/plain.net.o
                                  0xd (size before relaxing)
                0x00000094                        . = ALIGN (0x4)
 *fill*         0x00000091        0x3~

.stack          0x20000000      0x800
                0x20000000                        board_stack_bottom = .
 *fill*         0x20000000      0x800~

.data           0x20000800        0x4 load address 0x00000094
 .data.state    0x20000800        0x4 /build/plain.net.o

.bss            0x20000804       0x20
 .bss.arena     0x20000804       0x1c /build/plain.netspec_board_main.o
 COMMON         0x20000820        0x4 /build/plain.net.o

.debug_info     0x00000000      0x123
 .debug_info    0x00000000      0x123 /build/plain.net.o
""".replace("~", " ")  # which the linker writes behind padding
GROUPS = {
    "/cache/startup-0123456789abcdef0123456789abcdef.o": "board",
    "/build/plain.net.o": "network",
    "/build/plain.net_weights.o": "constants",
    "/build/plain.netspec_board_main.o": "board",
    "/cache/libs/lib.a": "kernels",
}


def test_every_byte_of_a_map_has_an_owner() -> None:
    found = parse_map(MAP, GROUPS)
    assert found.groups() == {
        "board": Sizes(text=0x40, bss=0x1C),
        "network": Sizes(text=0x20, rodata=9, data=4, bss=4),
        "kernels": Sizes(text=0x10),
        LIBRARIES: Sizes(text=8),
        "constants": Sizes(rodata=12),
    }
    assert found.padding == {"text": 2, "rodata": 3}
    assert found.total == Sizes(text=0x40 + 0x3A, rodata=0x18, data=4, bss=0x20)
    assert (found.total.flash, found.total.ram) == (0x40 + 0x3A + 0x18 + 4, 0x24)
    assert found.objects("kernels") == {"arm_softmax_s8.o": Sizes(text=0x10)}
    assert found.symbol_sizes("network", "text") == {"net_run": 0x20}
    assert found.symbols["arm_softmax_s8"] == 0x62


def test_an_address_is_that_of_a_function() -> None:
    found = parse_map(MAP, GROUPS)
    for address, symbol in ((0x40, "net_run"), (0x5F, "net_run"), (0x62, "arm_softmax_s8"), (0x20000804, "arena")):
        piece = found.at(address)
        assert piece is not None
        assert piece.symbol == symbol
    assert found.at(0x60) is None
    assert found.at(0x20000000) is None


def test_a_map_that_does_not_add_up_is_refused() -> None:
    with pytest.raises(ToolError, match=r"does not add up: .text by 2 bytes"):
        parse_map(MAP.replace(" *fill*         0x00000060        0x2 \n", ""), GROUPS)
    with pytest.raises(ToolError, match=r"a section that netspec does not place: .weights"):
        parse_map(MAP + "\n.weights        0x00001000      0x10\n", GROUPS)


# As gcc -fcallgraph-info=su writes it.
CALLGRAPH = """graph: { title: "net.c"
node: { title: "/src/net.c:helper" label: "helper\\nnet.c:2:38\\n40 bytes (static)" }
node: { title: "net_run" label: "net_run\\nnet.c:3:5\\n24 bytes (static)" }
node: { title: "odd" label: "odd\\nnet.c:9:5\\n16 bytes (dynamic)" }
node: { title: "memcpy" label: "__builtin_memcpy\\n<built-in>" shape : ellipse }
edge: { sourcename: "net_run" targetname: "memcpy" }
edge: { sourcename: "net_run" targetname: "/src/net.c:helper" label: "net.c:3:113" }
edge: { sourcename: "odd" targetname: "__indirect_call" label: "net.c:3:105" }
}
"""


def test_frames_and_calls_are_read_and_bounded() -> None:
    usage = StackUsage({frame.function: frame for frame in parse_callgraph(CALLGRAPH)})
    assert usage.frames == {
        "helper": Frame("helper", 40, True),
        "net_run": Frame("net_run", 24, True, ("helper", "memcpy")),
        "odd": Frame("odd", 16, False, (), True),
    }
    assert usage.bound("net_run", {"memcpy": 8}) == 24 + 40
    assert usage.bound("net_run", {"memcpy": 100}) == 24 + 100
    with pytest.raises(ToolError, match=r"nothing is known of memcpy \(net_run -> memcpy\)"):
        usage.bound("net_run", {})
    with pytest.raises(ToolError, match="odd calls by pointer"):
        usage.bound("odd", {})
    again = StackUsage({"a": Frame("a", 8, True, ("b",)), "b": Frame("b", 8, True, ("a",))})
    with pytest.raises(ToolError, match="a -> b -> a is recursive"):
        again.bound("a", {})
