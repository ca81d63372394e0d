/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fixed-point arithmetic of the int8 specification, with the double rounding of TensorFlow Lite Micro and CMSIS-NN
 * as both are built by default (TFLITE_SINGLE_ROUNDING and CMSIS_NN_USE_SINGLE_ROUNDING off).
 *
 * Sums and left shifts wrap at 32 bits, through unsigned types, because overflow of signed ones is undefined. Right
 * shifts of negative values are arithmetic in every compiler for Arm and x86, though C leaves that to the compiler.
 */
#ifndef NETSPEC_REQUANTIZE_H
#define NETSPEC_REQUANTIZE_H

#include <stdint.h>

static inline int32_t ns_clamp(int32_t value, int32_t low, int32_t high)
{
    if (value < low) {
        return low;
    }
    return value > high ? high : value;
}

static inline int32_t ns_add(int32_t a, int32_t b)
{
    return (int32_t)((uint32_t)a + (uint32_t)b);
}

static inline int32_t ns_subtract(int32_t a, int32_t b)
{
    return (int32_t)((uint32_t)a - (uint32_t)b);
}

static inline int32_t ns_shift_left(int32_t value, int32_t exponent)
{
    return (int32_t)((uint32_t)value << (uint32_t)exponent);
}

/* Return round(a * b / 2^31), halves up. -2^31 squared, which does not fit, is for callers to exclude. */
static inline int32_t ns_doubling_high_multiply(int32_t a, int32_t b)
{
    const int64_t product = (int64_t)a * b;
    return (int32_t)((product + ((int64_t)1 << 30)) >> 31);
}

/* Return value / 2^exponent, halves away from zero; exponent is 0 to 31. */
static inline int32_t ns_rounding_divide(int32_t value, int32_t exponent)
{
    const uint32_t mask = ((uint32_t)1 << (uint32_t)exponent) - 1U;
    const uint32_t remainder = (uint32_t)value & mask;
    const uint32_t threshold = (mask >> 1) + (value < 0 ? 1U : 0U);
    return (value >> exponent) + (remainder > threshold ? 1 : 0);
}

/* Return value * multiplier / 2^(31 + places), rounded twice; places is 0 to 31, multiplier not negative. */
static inline int32_t ns_scale_down(int32_t value, int32_t multiplier, int32_t places)
{
    return ns_rounding_divide(ns_doubling_high_multiply(value, multiplier), places);
}

/* Return value * multiplier * 2^(shift - 31), rounded twice; shift is -31 to 30, multiplier not negative. */
static inline int32_t ns_requantize(int32_t value, int32_t multiplier, int32_t shift)
{
    const int32_t left = shift > 0 ? shift : 0;
    return ns_scale_down(ns_shift_left(value, left), multiplier, left - shift);
}

/* Return an accumulator as an output value: rescaled, offset, clamped. */
static inline int8_t ns_output(
    int32_t accumulator, int32_t multiplier, int32_t shift, int32_t offset, int32_t low, int32_t high)
{
    return (int8_t)ns_clamp(ns_add(ns_requantize(accumulator, multiplier, shift), offset), low, high);
}

/* Return sum + the inner product of count values, each plus offset, and count weights. */
static inline uint32_t ns_accumulate(
    uint32_t sum, const int8_t *values, const int8_t *weights, int32_t offset, int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        sum += (uint32_t)(values[i] + offset) * (uint32_t)(int32_t)weights[i];
    }
    return sum;
}

#endif
