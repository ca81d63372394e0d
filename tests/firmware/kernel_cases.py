"""Random calls of the int8 kernels, the file that carries them to C, and what they must return.

The references are written from the int8 specification with numpy, in another shape than the C code: whole
tensors, taps outermost. They serve where the genuine CMSIS-NN at hand lacks a function or is known to be wrong.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from random import Random

import numpy as np
from numpy.typing import NDArray

from netspec.arithmetic.functions import exp_on_negative_values, reciprocal
from netspec.device import cmsis_nn
from netspec.device.cmsis_nn.arm import arm_convolve_choice, arm_depthwise_choice
from netspec.device.kernels.netspec import dsp_depthwise_conv2d, packed_conv2d
from netspec.device.kernels.netspec.dense import packed as packed_weights

Ints = NDArray[np.int64]

(
    CONVOLVE,
    DEPTHWISE,
    DENSE,
    AVERAGE_POOL,
    MAX_POOL,
    SOFTMAX,
    ADD,
    CONCATENATE,
    PAD,
    TABLE,
    MEAN,
    TABLE_IN_PLACE,
    OWN_DEPTHWISE,
    OWN_PAD,
    DENSE_PACKED,
    CONVOLVE_PACKED,
    DEPTHWISE_3X3,
) = range(17)  # as in run_cases.c

# By the number that a case gives: as in run_cases.c.
CONVOLUTIONS = ("netspec_convolve_s8", "arm_convolve_1x1_s8_fast", "arm_convolve_1x1_s8", "arm_convolve_1_x_n_s8")
DEPTHWISE_CONVOLUTIONS = ("arm_depthwise_conv_s8", "arm_depthwise_conv_3x3_s8", "arm_depthwise_conv_s8_opt")
EXTENSIONS: tuple[cmsis_nn.Extension, ...] = ("none", "dsp", "mve")

SUCCESS, ARGUMENT_ERROR = 0, -1
UNTOUCHED = 0x55  # what run_cases.c fills outputs with


@dataclass(frozen=True)
class Case:
    """One call: what run_cases.c reads, and where genuine kernels are known to fail at it (`not_genuine`)."""

    operation: int
    parameters: tuple[int, ...]
    blobs: tuple[bytes, ...]
    output_bytes: int
    expected: Callable[[], tuple[int, bytes]]
    not_genuine: frozenset[str] = field(default=frozenset())


def write_cases(cases: Iterable[Case]) -> bytes:
    """Return the file that run_cases.c reads."""
    out = bytearray()
    for case in cases:
        head = (case.operation, len(case.parameters), len(case.blobs), case.output_bytes, *case.parameters)
        out += struct.pack(f"<{len(head)}i", *head)
        for blob in case.blobs:
            out += struct.pack("<i", len(blob)) + blob
    return bytes(out)


def read_results(cases: Iterable[Case], data: bytes) -> list[tuple[int, bytes]]:
    """Return status and output of each case from the file that run_cases.c wrote."""
    results, at = [], 0
    for case in cases:
        (status,) = struct.unpack_from("<i", data, at)
        results.append((status, data[at + 4 : at + 4 + case.output_bytes]))
        at += 4 + case.output_bytes
    assert at == len(data)
    return results


def convolution(random: Random) -> Case:
    """Return a convolution: any window, stride, dilation, padding, saturating values, few or many columns."""
    inputs, outputs = random.choice([1, 1, 2, 3, 4, 5, 7, 8, 16, 17]), random.choice([1, 2, 3, 4, 5, 8])
    window = _Window(random, pointwise=random.random() < 0.3)
    if window.kernel == (1, 1) and window.padding == (0, 0) and random.random() < 0.5:
        window.stride, window.output = (1, 1), window.input
    if random.random() < 0.1:
        inputs = random.choice([4, 8, 16])
        window.become_row(random)
    x = _values(random, (1, *window.input, inputs))
    w = _values(random, (outputs, *window.kernel, inputs), low=-127)
    quant = _PerChannel(random, outputs, taps=w[0].size)
    geometry = cmsis_nn.Window(
        (*window.input, inputs),
        window.kernel,
        (*window.output, outputs),
        window.stride,
        window.dilation,
        window.padding,
    )
    choices = {cmsis_nn.convolve_choice(extension, geometry).function for extension in EXTENSIONS}
    choices |= {arm_convolve_choice(extension, geometry).function for extension in EXTENSIONS}
    function = random.choice(sorted(choices & {*CONVOLUTIONS}))  # arm_convolve_s8 runs in the place of the first
    bias = np.zeros(outputs, np.int64) if quant.bias is None else quant.bias
    kernel_sum = _wrap(bias + quant.input_offset * w.sum(axis=(1, 2, 3)))
    scratch = cmsis_nn.arm_scratch_bytes("arm_convolve_s8", "none", geometry)
    room = 4 if geometry.in_one_piece else random.randint(1, 4)

    def expected() -> tuple[int, bytes]:
        sums = np.zeros((1, *window.output, outputs), np.int64)
        for y, x_, tap in window.taps(x, quant.input_offset):
            sums += tap @ w[:, y, x_].T
        return SUCCESS, quant.finish(sums)

    # The 1x1 kernels behind the wrapper know no padding, not even below and right.
    pointwise = window.kernel == (1, 1) and window.padding == (0, 0)
    beyond = pointwise and any((window.output[i] - 1) * window.stride[i] >= window.input[i] for i in (0, 1))
    return Case(
        CONVOLVE,
        (
            *(1, *window.input, inputs),
            *(outputs, *window.kernel, inputs),
            *(1, *window.output, outputs),
            *(*window.stride, *window.padding, *window.dilation),
            *(
                *quant.parameters,
                scratch,
                0 if geometry.in_one_piece else room * w[0].size,
                CONVOLUTIONS.index(function),
            ),
            room,
        ),
        (_bytes(x), _bytes(w), *quant.blobs, kernel_sum.astype("<i4").tobytes()),
        window.output[0] * window.output[1] * outputs,
        expected,
        frozenset({"1x1 beyond the edge"} if beyond else ()),
    )


def packed_convolution(random: Random) -> Case:
    """Return a convolution of packed filters, some with sums that are as large as they may be, or by one larger."""
    at_the_bound = random.random() < 0.3
    window = _Window(random, pointwise=random.random() < 0.3)
    inputs, outputs = random.choice([1, 2, 3, 4, 5, 8, 12, 16, 40]), random.choice([1, 3, 4, 4, 6, 8, 13, 16])
    if at_the_bound:
        window.become_whole(random)
    x = _values(random, (1, *window.input, inputs))
    w = _values(random, (outputs, *window.kernel, inputs), low=-127)
    if random.random() < 0.2:
        w[random.randrange(outputs), 0, 0, 0] = -128  # its four is not packed, nor any that follows
    quant = _PerChannel(random, outputs, taps=w[0].size)
    if random.random() < 0.4:
        quant.output_offset = -128  # as behind relu, where there is less to round
    if at_the_bound:
        filter, beyond = random.randrange(outputs), random.choice([0, 0, 1])
        x[0] = np.where(w[filter] > 0, 127, -128)
        most = (np.maximum(w * 127, w * -128)).sum(axis=(1, 2, 3))
        least = (np.minimum(w * 127, w * -128)).sum(axis=(1, 2, 3))
        sums = np.full(outputs, (1 << 23) - 1 + beyond) - most
        if random.random() < 0.5:
            x[0] = -1 - x[0]
            sums = np.full(outputs, -(1 << 23) - beyond) - least
        quant.bias = sums - quant.input_offset * w.sum(axis=(1, 2, 3))
        quant.shift = np.minimum(quant.shift, -1)
    bias = np.zeros(outputs, np.int64) if quant.bias is None else quant.bias
    kernel_sum = _wrap(bias + quant.input_offset * w.sum(axis=(1, 2, 3)))
    arrays = {"kernel": w.astype(np.int8), "kernel_sum": kernel_sum.astype(np.int32)}
    arrays |= {"multiplier": quant.multiplier.astype(np.int32), "shift": quant.shift.astype(np.int32)}
    packed = packed_conv2d.PackedConvolution(arrays)
    geometry = cmsis_nn.Window(
        (*window.input, inputs),
        window.kernel,
        (*window.output, outputs),
        window.stride,
        window.dilation,
        window.padding,
    )

    def expected() -> tuple[int, bytes]:
        sums = np.zeros((1, *window.output, outputs), np.int64)
        for y, x_, tap in window.taps(x, quant.input_offset):
            sums += tap @ w[:, y, x_].T
        return SUCCESS, quant.finish(sums)

    return Case(
        CONVOLVE_PACKED,
        (
            *(1, *window.input, inputs),
            *(outputs, *window.kernel, inputs),
            *(1, *window.output, outputs),
            *(*window.stride, *window.padding, *window.dilation),
            *quant.parameters,
            cmsis_nn.arm_scratch_bytes("arm_convolve_s8", "none", geometry),
            *(packed_conv2d.packed_scratch_bytes(geometry), 0, packed.count),
        ),
        (_bytes(x), _bytes(w), *quant.blobs, packed.kernel().tobytes(), packed.scale().tobytes()),
        window.output[0] * window.output[1] * outputs,
        expected,
    )


def depthwise_convolution(random: Random) -> Case:
    """Return a depthwise convolution by a kernel of Arm's, any channel multiplier."""
    window = _Window(random, square=random.random() < 0.4)
    channels, multiplier = random.choice([1, 2, 3, 4, 5, 8, 9, 17]), random.choice([1, 1, 1, 2, 3, 4])
    outputs, batches = channels * multiplier, random.choice([1, 1, 1, 2])
    x = _values(random, (batches, *window.input, channels))
    w = _values(random, (*window.kernel, outputs), low=-127)
    quant = _PerChannel(random, outputs, taps=w[..., 0].size)
    geometry = cmsis_nn.Window(
        (*window.input, channels),
        window.kernel,
        (*window.output, outputs),
        window.stride,
        window.dilation,
        window.padding,
    )
    choices = {arm_depthwise_choice(extension, geometry).function for extension in EXTENSIONS}
    function = random.choice(sorted(choices & {*DEPTHWISE_CONVOLUTIONS}))  # a plain one has its own cases
    scratch = cmsis_nn.arm_scratch_bytes(function, "none", geometry)

    def expected() -> tuple[int, bytes]:
        sums = np.zeros((batches, *window.output, outputs), np.int64)
        for y, x_, tap in window.taps(x, quant.input_offset):
            sums += np.repeat(tap, multiplier, axis=-1) * w[y, x_]
        return SUCCESS, quant.finish(sums)

    return Case(
        DEPTHWISE,
        (
            *(batches, *window.input, channels),
            *(1, *window.kernel, outputs),
            *(batches, *window.output, outputs),
            *(*window.stride, *window.padding, *window.dilation),
            *(*quant.parameters, scratch, multiplier, DEPTHWISE_CONVOLUTIONS.index(function)),
        ),
        (_bytes(x), _bytes(w), *quant.blobs),
        batches * window.output[0] * window.output[1] * outputs,
        expected,
        frozenset({"special batches"} if batches > 1 and function != "arm_depthwise_conv_s8" else ()),
    )


def own_depthwise_convolution(random: Random) -> Case:
    """Return a depthwise convolution of one image: also windows of more taps than are listed, many or few channels."""
    window = _Window(random)
    if random.random() < 0.15:
        window.become_large(random)
    multiplier = random.choice([1, 1, 1, 1, 2, 3, 4, 17])
    channels = random.randint(1, 40 // multiplier)
    if multiplier == 1 and random.random() < 0.1:
        channels = random.choice([64, 65, 80, 100])
    outputs = channels * multiplier
    x = _values(random, (1, *window.input, channels))
    w = _values(random, (*window.kernel, outputs), low=-127)
    quant = _PerChannel(random, outputs, taps=w[..., 0].size)
    if random.random() < 0.2:
        quant.input_offset = random.choice([128, -127])
    return _depthwise_of_ours(OWN_DEPTHWISE, window, x, w, quant)


def _depthwise_of_ours(kind: int, window: _Window, x: Ints, w: Ints, quant: _PerChannel, *more: int) -> Case:
    """Return a case of x (1, rows, columns, channels) and weights (rows, columns, outputs); `more` are parameters."""
    channels, outputs = x.shape[3], w.shape[2]
    multiplier = outputs // channels
    bias = np.zeros(outputs, np.int64) if quant.bias is None else quant.bias
    kernel_sum = _wrap(bias + quant.input_offset * w.sum(axis=(0, 1)))

    def expected() -> tuple[int, bytes]:
        sums = np.zeros((1, *window.output, outputs), np.int64)
        for y, x_, tap in window.taps(x, quant.input_offset):
            sums += np.repeat(tap, multiplier, axis=-1) * w[y, x_]
        return SUCCESS, quant.finish(sums)

    return Case(
        kind,
        (
            *(1, *window.input, channels),
            *(multiplier, *w.shape[:2], outputs),
            *(1, *window.output, outputs),
            *(*window.stride, *window.padding, *window.dilation),
            *(*quant.parameters, 0, multiplier, *more),
        ),
        (_bytes(x), _bytes(w), *quant.blobs, kernel_sum.astype("<i4").tobytes()),
        window.output[0] * window.output[1] * outputs,
        expected,
    )


def depthwise_3x3(random: Random) -> Case:
    """Return a depthwise convolution of 3x3 windows: strips of all sizes, in place where that is allowed."""
    while True:
        window = _Window(random, square=True)
        stride = random.choice([1, 1, 2])
        if window.stride == (stride, stride) or random.random() < 0.1:
            window.stride = (stride, stride)
            spans = [window.input[i] + window.padding[i] + random.randint(0, 2) - 3 for i in (0, 1)]
            if min(spans) >= 0:
                window.output = (spans[0] // stride + 1, spans[1] // stride + 1)
                break
    if random.random() < 0.4:
        window.padding, window.stride, window.output = (1, 1), (1, 1), window.input
    channels = random.choice([1, 2, 3, 4, 5, 8, 9, 12])
    x, w = _values(random, (1, *window.input, channels)), _values(random, (3, 3, channels), low=-127)
    quant = _PerChannel(random, channels, taps=9)
    if random.random() < 0.4:
        quant.output_offset = -128
    geometry = cmsis_nn.Window(
        (*window.input, channels),
        (3, 3),
        (*window.output, channels),
        window.stride,
        (1, 1),
        window.padding,
    )
    rows = random.choice([geometry.output_hwc[0], 2, 2, 4])
    rows = min(rows, geometry.output_hwc[0])
    in_place = window.stride == (1, 1) and window.input == window.output and random.random() < 0.7
    scratch = dsp_depthwise_conv2d.plane_bytes(geometry, rows)
    return _depthwise_of_ours(DEPTHWISE_3X3, window, x, w, quant, rows, scratch, int(in_place))


def dense(random: Random) -> Case:
    """Return a fully connected layer with symmetric weights."""
    return _dense(random, (random.choice([1, 1, 2, 3]), random.randint(1, 70), random.randint(1, 20)))


def dense_eights(random: Random) -> Case:
    """Return a fully connected layer of packed weights, all outputs in eights."""
    return _dense(random, (random.choice([1, 1, 2, 3]), _depth(random), 8 * random.randint(1, 3)), packed=True)


def dense_packed(random: Random) -> Case:
    """Return a fully connected layer of packed weights, and of some that are not."""
    outputs = 8 * random.randint(1, 2) + random.randint(1, 7)
    return _dense(random, (random.choice([1, 1, 2, 3]), _depth(random), outputs), packed=True)


def _depth(random: Random) -> int:
    """Return how many inputs there are; from 512 on the sums of packed weights are no more unambiguous as a whole."""
    return random.choice([random.randint(1, 70), random.randint(1, 70), random.randint(496, 530), 1100])


def _dense(random: Random, shape: tuple[int, int, int], *, packed: bool = False) -> Case:
    batches, depth, outputs = shape
    x, w = _values(random, (batches, depth)), _values(random, (outputs, depth), low=-128 if packed else -127)
    if packed and random.random() < 0.2:  # the largest sums that there are
        x[:], w[:] = random.choice([-128, 127]), random.choice([-128, 127])
    quant = _PerChannel(random, outputs, taps=depth, per_tensor=True)
    if packed:
        quant.multiplier = np.maximum(quant.multiplier, 1 << 30)

    def expected() -> tuple[int, bytes]:
        return SUCCESS, quant.finish((x + quant.input_offset) @ w.T)

    multiplier, shift = int(quant.multiplier[0]), int(quant.shift[0])
    limits = (quant.low, quant.high)
    offsets = (quant.input_offset, 0, quant.output_offset)
    bias = np.zeros(outputs, np.int64) if quant.bias is None else quant.bias
    kernel_sum = _wrap(bias + quant.input_offset * w.sum(axis=1))
    blobs = (_bytes(x), _bytes(w), quant.blobs[0], kernel_sum.astype("<i4").tobytes())
    if packed:
        eights = outputs // 8 * 8
        blobs = (blobs[0], packed_weights(w[:eights]).tobytes(), *blobs[2:], _bytes(w[eights:]), blobs[1])
    return Case(
        DENSE_PACKED if packed else DENSE,
        (batches, depth, outputs, *offsets, multiplier, shift, *limits),
        blobs,
        batches * outputs,
        expected,
    )


def pool(random: Random, *, average: bool) -> Case:
    """Return an average or max pool; CMSIS-NN before 6.0 knows one batch only."""
    window = _Window(random, pooling=True)
    channels, batches = random.choice([1, 2, 3, 4, 7, 16, 19]), random.choice([1, 1, 1, 1, 1, 2])
    x = _values(random, (batches, *window.input, channels))
    low, high = _limits(random)

    def expected() -> tuple[int, bytes]:
        counts = sum(tap for _, _, tap in window.taps(np.ones_like(x), 0))
        if average and np.any(counts == 0):
            return ARGUMENT_ERROR, b""
        if average:
            sums = sum(tap for _, _, tap in window.taps(x, 0))
            # Halves away from zero, in whole numbers: C's division cuts towards zero.
            pooled = np.sign(sums) * ((np.abs(sums) + counts // 2) // np.maximum(counts, 1))
        else:
            pooled = np.max([tap for _, _, tap in window.taps(x + 128, 0)], axis=0) - 128
        return SUCCESS, _bytes(np.clip(pooled, low, high))

    # Arm's max pool leaves the output as it was.
    wholly_outside = window.has_empty()
    return Case(
        AVERAGE_POOL if average else MAX_POOL,
        (
            *(batches, *window.input, channels),
            *(batches, *window.output, channels),
            *(*window.kernel, *window.stride, *window.padding),
            *(low, high),
        ),
        (_bytes(x),),
        batches * window.output[0] * window.output[1] * channels,
        expected,
        frozenset(({"empty window"} if wholly_outside else set()) | ({"batches"} if batches > 1 else set())),
    )


def softmax(random: Random) -> Case:
    """Return a softmax; a few rows are so long that probabilities vanish."""
    rows, size = random.randint(1, 4), random.choice([1, 2, 3, 10, 12, 35, 100, 700])
    x = _values(random, (rows, size))
    multiplier, shift = random.randint(1 << 30, (1 << 31) - 1), random.randint(18, 26)
    # The radius of five integer bits at that shift, or nearer.
    radius = min(255, ((1 << 5) - 1) << (31 - 5) >> shift)
    diff_min = -random.choice([radius, radius, random.randint(0, radius)])

    def expected() -> tuple[int, bytes]:
        return SUCCESS, b"".join(_bytes(_softmax_row(row, multiplier, shift, diff_min)) for row in x)

    parameters = (rows, size, multiplier, shift, diff_min)
    # From 512 values on their shifts can exceed 31 places, which C leaves undefined.
    flags = frozenset({"long rows"} if size >= 512 else ())
    return Case(SOFTMAX, parameters, (_bytes(x),), x.size, expected, flags)


def addition(random: Random) -> Case:
    """Return an elementwise sum."""
    size = random.choice([1, 2, 3, 4, 15, 64])
    a, b = _values(random, (size,)), _values(random, (size,))
    offsets = [random.randint(-127, 128) for _ in range(2)] + [random.randint(-128, 127)]
    multipliers = [random.randint(1 << 30, (1 << 31) - 1) for _ in range(3)]
    shifts = [random.randint(-12, 0), random.randint(-12, 0), random.randint(-24, -16)]
    if random.random() < 0.7:  # one of both has the larger scale, and so it is always in a network
        larger = random.randrange(2)
        multipliers[larger], shifts[larger] = 1 << 30, 0
    left, (low, high) = 20, _limits(random)

    def expected() -> tuple[int, bytes]:
        first = _requantize((a + offsets[0]) << left, multipliers[0], shifts[0])
        second = _requantize((b + offsets[1]) << left, multipliers[1], shifts[1])
        total = _requantize(first + second, multipliers[2], shifts[2]) + offsets[2]
        return SUCCESS, _bytes(np.clip(total, low, high))

    first_input, second_input, output = zip(offsets, multipliers, shifts, strict=True)
    return Case(
        ADD,
        (*first_input, *second_input, left, *output, low, high, size),
        (_bytes(a), _bytes(b)),
        size,
        expected,
    )


def concatenation(random: Random) -> Case:
    """Return one input's share of a concatenation along the channels."""
    x = _values(random, tuple(random.randint(1, 4) for _ in range(4)))
    before, after = random.randint(0, 5), random.randint(0, 5)
    width = before + x.shape[3] + after

    def expected() -> tuple[int, bytes]:
        out = np.full((*x.shape[:3], width), UNTOUCHED, np.int64)
        out[..., before : before + x.shape[3]] = x
        return SUCCESS, _bytes(out)

    shape = tuple(reversed(x.shape))
    return Case(CONCATENATE, (*shape, width, before), (_bytes(x),), x.size // shape[0] * width, expected)


def padding(random: Random) -> Case:
    """Return a padding along any axes."""
    x = _values(random, tuple(random.randint(1, 3) for _ in range(4)))
    pads = [(random.randint(0, 2), random.randint(0, 2)) for _ in range(4)]
    value = random.randint(-128, 127)
    out = np.pad(x, pads, constant_values=value)
    before, after = zip(*pads, strict=True)
    return Case(PAD, (value, *x.shape, *before, *after), (_bytes(x),), out.size, lambda: (SUCCESS, _bytes(out)))


def padding_of_image(random: Random) -> Case:
    """Return a padding of the rows and columns of one image."""
    x = _values(random, (1, *(random.randint(1, 5) for _ in range(3))))
    pads = [(0, 0), *((random.randint(0, 3), random.randint(0, 3)) for _ in range(2)), (0, 0)]
    value = random.randint(-128, 127)
    out = np.pad(x, pads, constant_values=value)
    before, after = zip(*pads, strict=True)
    return Case(OWN_PAD, (value, *x.shape, *before, *after), (_bytes(x),), out.size, lambda: (SUCCESS, _bytes(out)))


def table(random: Random) -> Case:
    """Return a table look-up of every value there is, and some more."""
    x = np.concatenate([np.arange(-128, 128), _values(random, (random.randint(0, 40),))])
    entries = _values(random, (256,))
    return Case(
        random.choice([TABLE, TABLE_IN_PLACE]),
        (x.size,),
        (_bytes(x), _bytes(entries)),
        x.size,
        lambda: (SUCCESS, _bytes(entries[x + 128])),
    )


def mean(random: Random) -> Case:
    """Return a mean over rows and columns, with the division folded into the multiplier."""
    x = _values(random, (random.randint(1, 2), random.randint(1, 9), random.randint(1, 9), random.randint(1, 9)))
    count = x.shape[1] * x.shape[2]
    input_offset, output_offset = random.randint(-127, 128), random.randint(-128, 127)
    places = count.bit_length() - 1
    multiplier = (random.randint(1 << 30, (1 << 31) - 1) << places) // count
    shift = random.randint(-4, 2) - places

    def expected() -> tuple[int, bytes]:
        sums = np.sum(x + input_offset, axis=(1, 2))
        return SUCCESS, _bytes(np.clip(_requantize(sums, multiplier, shift) + output_offset, -128, 127))

    offsets = (input_offset, multiplier, shift, output_offset)
    return Case(MEAN, (*x.shape, *offsets), (_bytes(x),), x.shape[0] * x.shape[3], expected)


class _Window:
    """Random geometry of a window over rows and columns; every pair is (height, width)."""

    def __init__(self, random: Random, *, pointwise: bool = False, square: bool = False, pooling: bool = False) -> None:
        while True:
            one_row = random.random() < 0.15
            self.input = (1 if one_row else random.randint(1, 9), random.randint(1, 12))
            self.kernel = (1 if one_row else random.randint(1, 4), random.randint(1, 5))
            self.stride = (random.randint(1, 3), random.randint(1, 3))
            self.dilation = random.choice([(1, 1), (1, 1), (1, 1), (2, 1), (1, 2), (2, 3)])
            self.padding = (random.randint(0, 3), random.randint(0, 3))
            if pointwise:
                self.kernel, self.padding, self.dilation = (1, 1), (0, 0), (1, 1)
            if square:
                self.kernel, self.dilation = (3, 3), (1, 1)
                self.padding = (random.randint(0, 1), random.randint(0, 1))
            after = (0, 0) if pointwise else (random.randint(0, 2), random.randint(0, 2))
            if pooling:
                self.dilation = (1, 1)
                if random.random() < 0.9:  # else windows may lie wholly outside
                    self.padding = (min(self.padding[0], self.kernel[0] - 1), min(self.padding[1], self.kernel[1] - 1))
                    after = (min(after[0], self.kernel[0] - 1), min(after[1], self.kernel[1] - 1))
            spans = [
                self.input[i] + self.padding[i] + after[i] - (self.kernel[i] - 1) * self.dilation[i] - 1 for i in (0, 1)
            ]
            if min(spans) >= 0:
                self.output = (spans[0] // self.stride[0] + 1, spans[1] // self.stride[1] + 1)
                return

    def become_row(self, random: Random) -> None:
        """Become what CMSIS-NN's kernel for a row takes on Helium: stride 1, 4 n outputs, zeros alike at both ends."""
        kernel, outputs = random.randint(2, 5), random.choice([4, 8, 12])
        zeros = random.randint(0, kernel - 1)
        self.input, self.kernel, self.output = (1, outputs - 1 + kernel - zeros), (1, kernel), (1, outputs)
        self.stride, self.dilation, self.padding = (1, 1), (1, 1), (0, zeros // 2)

    def become_whole(self, random: Random) -> None:
        """Become a window that is the whole image."""
        self.kernel = self.input = (random.randint(1, 6), random.randint(1, 6))
        self.output = self.stride = self.dilation = (1, 1)
        self.padding = (0, 0)

    def become_large(self, random: Random) -> None:
        """Become a window of up to 99 taps, reaching beyond its input on all sides or on none."""
        self.kernel, self.dilation, self.stride = (random.randint(1, 9), random.randint(5, 11)), (1, 1), (1, 1)
        self.output = (random.randint(1, 4), random.randint(1, 4))
        self.padding = random.choice([(0, 0), (self.kernel[0] // 2, self.kernel[1] // 2)])
        more = 1 if self.padding == (0, 0) else 0
        self.input = (self.output[0] + more * (self.kernel[0] - 1), self.output[1] + more * (self.kernel[1] - 1))

    def taps(self, x: Ints, offset: int) -> Iterable[tuple[int, int, Ints]]:
        """Yield each tap's place in the kernel and what it sees from every output pixel: 0 outside the input."""
        reach = [(self.output[i] - 1) * self.stride[i] + (self.kernel[i] - 1) * self.dilation[i] + 1 for i in (0, 1)]
        around = [(self.padding[i], max(0, reach[i] - self.padding[i] - self.input[i])) for i in (0, 1)]
        padded = np.pad(x + offset, [(0, 0), *around, (0, 0)])
        for y in range(self.kernel[0]):
            for x_ in range(self.kernel[1]):
                top, left = y * self.dilation[0], x_ * self.dilation[1]
                bottom = top + (self.output[0] - 1) * self.stride[0] + 1
                right = left + (self.output[1] - 1) * self.stride[1] + 1
                yield y, x_, padded[:, top : bottom : self.stride[0], left : right : self.stride[1]]

    def has_empty(self) -> bool:
        """Return whether a window lies wholly outside the input."""
        inside = [tap for _, _, tap in self.taps(np.ones((1, *self.input, 1), np.int64), 0)]
        return bool(np.any(sum(inside) == 0))


class _PerChannel:
    """Random bias, scales, offsets and limits of an output."""

    def __init__(self, random: Random, outputs: int, *, taps: int, per_tensor: bool = False) -> None:
        extreme = random.random() < 0.2  # sums and rescaled values that wrap at 32 bits
        self.input_offset, self.output_offset = random.randint(-127, 128), random.randint(-128, 127)
        self.low, self.high = _limits(random)
        self.bias: Ints | None = None
        if random.random() < 0.8:
            reach = (1 << 31) - 1 if extreme else 40000
            self.bias = np.array([random.randint(-reach, reach) for _ in range(outputs)])
        scales = 1 if per_tensor else outputs
        self.multiplier = np.array(
            [random.choice([0] + 15 * [random.randint(1 << 30, (1 << 31) - 1)]) for _ in range(scales)]
        )
        # Mostly such that outputs fill the range without leaving it.
        usual = -(taps * 20000).bit_length() + 9
        self.shift = np.array(
            [random.randint(-31, 30) if extreme else usual + random.randint(-3, 3) for _ in range(scales)]
        )

    @property
    def parameters(self) -> tuple[int, int, int, int]:
        return self.input_offset, self.output_offset, self.low, self.high

    @property
    def blobs(self) -> tuple[bytes, bytes, bytes]:
        bias = b"" if self.bias is None else self.bias.astype("<i4").tobytes()
        return bias, self.multiplier.astype("<i4").tobytes(), self.shift.astype("<i4").tobytes()

    def finish(self, sums: Ints) -> bytes:
        if self.bias is not None:
            sums = sums + self.bias
        scaled = _wrap(_requantize(sums, self.multiplier, self.shift) + self.output_offset)
        return _bytes(np.clip(scaled, self.low, self.high))


def _wrap(values: Ints) -> Ints:
    return (values + (1 << 31)) % (1 << 32) - (1 << 31)


def _requantize(values: Ints, multiplier: Ints | int, shift: Ints | int) -> Ints:
    """Return values * multiplier * 2^(shift - 31), rounded twice as gemmlowp does, wrapped where C would."""
    left, right = np.maximum(shift, 0), np.maximum(-np.asarray(shift), 0)
    product = _wrap(_wrap(values) << left) * multiplier
    nudge = np.where(product >= 0, 1 << 30, 1 - (1 << 30))
    high = np.sign(product + nudge) * (np.abs(product + nudge) >> 31)  # C's division by 2^31
    mask = (1 << right) - 1
    rounded: Ints = (high >> right) + ((high & mask) > (mask >> 1) + (high < 0))
    return rounded


def _softmax_row(row: Ints, multiplier: int, shift: int, diff_min: int) -> Ints:
    """Return the softmax of one row from the scalar fixed-point functions, one step of the formula at a time."""
    differences = [int(value) - int(row.max()) for value in row]
    exponentials = [
        exp_on_negative_values(int(_requantize(np.array(d), multiplier, shift)), 5) if d >= diff_min else None
        for d in differences
    ]
    total = sum(int(_requantize(np.array(e), 1 << 30, 1 - 12)) for e in exponentials if e is not None)
    scale, places = reciprocal(total, 12)
    places += 23
    out = []
    for e in exponentials:
        if e is None or places > 31:
            out.append(-128)
            continue
        product = int(_requantize(np.array(e), scale, 0))
        mask = (1 << places) - 1
        out.append(min(127, (product >> places) + ((product & mask) > mask >> 1) - 128))
    return np.array(out)


def _values(random: Random, shape: tuple[int, ...], low: int = -128) -> Ints:
    """Return int8 values: spread, or the two ends only, so that sums saturate."""
    size = int(np.prod(shape))
    if random.random() < 0.15:
        return np.array(random.choices([low, 127], k=size), np.int64).reshape(shape)
    return np.array(random.choices(range(low, 128), k=size), np.int64).reshape(shape)


def _limits(random: Random) -> tuple[int, int]:
    return random.choice([(-128, 127), (-128, 127), (random.randint(-128, 0), random.randint(1, 127))])


def _bytes(values: Ints) -> bytes:
    return np.asarray(values).astype(np.int8).tobytes()
