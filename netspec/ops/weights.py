"""Float weights -> int8: folding of affine ops, symmetric scales, biases that fit int32. One place for all layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from netspec.ops.affine import BatchNorm, Rescale
from netspec.ops.base import Affine
from netspec.ops.numbers import Integers, Quant, StoredWeights, Weights
from netspec.ops.words import Param

if TYPE_CHECKING:
    from numpy.typing import NDArray

# A weight scale so small that the accumulator barely moves the output wastes bits and, below 2**-31, loses the
# multiplier altogether (shift < -31). Scales are kept above this share of out / in.
_LEAST_MULTIPLIER = 2.0**-24
# Biases stay below 2**30, so that with the products they cannot leave int32 unnoticed.
_LARGEST_BIAS = 2**30


def folded(
    kernel: NDArray[Any], bias: Param | None, affine: tuple[Affine, ...], weights: Weights
) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Return kernel (outputs on the last axis) and bias in float64 with the affine ops folded in.

    For each, w <- w * a and b <- b * a + c, where a batch norm has a = gamma / sqrt(variance + epsilon) and
    c = beta - mean * a. The bias is None where there is neither a bias nor an affine op.
    """
    import numpy as np

    kernel = np.asarray(kernel, np.float64)
    total: NDArray[Any] = np.zeros(kernel.shape[-1])
    if bias is not None:
        total = total + weights(bias)
    for op in affine:
        if isinstance(op, Rescale):
            factor: NDArray[Any] = np.array(op.scale)
            term: NDArray[Any] = np.array(op.offset)
        else:
            assert isinstance(op, BatchNorm)
            factor = 1.0 / np.sqrt(weights(op.variance).astype(np.float64) + op.epsilon)
            if op.gamma is not None:
                factor = factor * weights(op.gamma)
            term = -weights(op.mean) * factor
            if op.beta is not None:
                term = term + weights(op.beta)
        kernel = kernel * factor
        total = total * factor + term
    return kernel, total if bias is not None or affine else None


def symmetric(
    rows: NDArray[Any], bias: NDArray[Any] | None, inputs: Quant, output: Quant, *, per_row: bool
) -> Integers:
    """Quantize `rows`, (outputs, weights of one output), to [-127, 127], and one bias a row.

    scale = max |row| / 127, raised where the bias would not fit or the multiplier would vanish.
    """
    import numpy as np

    from netspec.arithmetic import bias_scale, scale32, short_scale

    largest = np.abs(rows).max(axis=1, initial=0.0)
    scales = np.maximum(largest / 127.0, _least_scales(bias, len(rows), inputs, output))
    if not per_row:
        scales = np.full(len(rows), short_scale(float(scales.max())))
    scales = np.array([scale32(float(scale)) for scale in scales])
    integers = np.clip(np.round(rows / scales[:, None]), -127, 127).astype(np.int8)
    steps = np.array([bias_scale(inputs.scale, float(scale)) for scale in scales])
    bias_integers = None if bias is None else np.round(bias / steps).astype(np.int32)
    kept = slice(None) if per_row else slice(1)
    return Integers(integers, bias_integers, tuple(map(float, scales[kept])), tuple(map(float, steps[kept])))


def stored_integers(
    rows: NDArray[Any], kernel: Param, bias: Param | None, stored: StoredWeights, inputs: Quant
) -> Integers:
    """Return integers that are given: `rows`, (outputs, weights of one output), are those of `kernel`.

    The bias's scale is in * weight, whatever the file that it comes from says: so do all interpreters count.
    """
    import numpy as np

    from netspec.arithmetic import bias_scale

    scales = stored.scales(kernel)
    assert len(scales) in (1, len(rows)), f"{len(scales)} scales for {len(rows)} outputs"
    return Integers(
        np.ascontiguousarray(rows, np.int8),
        None if bias is None else stored(bias).astype(np.int32),
        scales,
        tuple(bias_scale(inputs.scale, scale) for scale in scales),
    )


def _least_scales(bias: NDArray[Any] | None, count: int, inputs: Quant, output: Quant) -> NDArray[Any]:
    import numpy as np

    least = np.full(count, _LEAST_MULTIPLIER * output.scale / inputs.scale)
    if bias is not None:
        least = np.maximum(least, np.abs(bias) / (inputs.scale * _LARGEST_BIAS))
    floor: NDArray[Any] = np.maximum(least, 1e-37)  # the least normal float32, roughly
    return floor


def require_accumulators(quantized: Integers, inputs: Quant, shifts: tuple[int, ...]) -> None:
    """Prove that no accumulator leaves int32, also after the left shift of a multiplier of 1 or more.

    The bound is sum |w| * max |q - zero point| + |bias| for every output. Raises ValueError where it is too large.
    """
    import numpy as np

    from netspec.arithmetic import INT32_MAX

    reach = max(127 - inputs.zero_point, inputs.zero_point + 128)
    bound = np.abs(quantized.rows.astype(np.int64)).sum(axis=1) * reach
    if quantized.bias is not None:
        bound = bound + np.abs(quantized.bias.astype(np.int64))
    # In double, where a shift by more than 63 does not come round to a small number again.
    shifted = bound * np.exp2(np.maximum(np.asarray(shifts, np.float64), 0))
    if shifted.max(initial=0) > INT32_MAX:
        raise ValueError(
            f"an accumulator may reach {float(shifted.max()):.4g}, which does not fit int32: the output's range is too "
            "small for these weights"
        )
