/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Softmax in fixed point, as in the reference kernels of TensorFlow Lite. Qm.n in comments: m integer bits, n
 * fraction bits, sign apart. Products of two Q0.31 numbers are doubling high multiplications.
 */
#include "../portable/requantize.h"
#include "netspec_kernels.h"

enum {
    DIFFERENCE_FRACTION_BITS = 26, /* Q5.26 */
    SUM_INTEGER_BITS = 12          /* Q12.19: room for 4096 values */
};

/* Return value * 2^exponent, saturated. */
static int32_t shift_left_saturating(int32_t value, int32_t exponent)
{
    const int32_t limit = INT32_MAX >> exponent;
    if (value > limit) {
        return INT32_MAX;
    }
    return value < -limit - 1 ? INT32_MIN : ns_shift_left(value, exponent);
}

/* Return exp(a) in Q0.31 for a in [-1/4, 0), in Q0.31: the Taylor series to x^4 around -1/8. */
static int32_t exp_near_zero(int32_t a)
{
    const int32_t exp_minus_eighth = 1895147668;
    const int32_t third = 715827883;
    const int32_t x = a + (1 << 28);
    const int32_t x2 = ns_doubling_high_multiply(x, x);
    const int32_t x3 = ns_doubling_high_multiply(x2, x);
    const int32_t x4 = ns_doubling_high_multiply(x2, x2);
    const int32_t upper = ns_doubling_high_multiply(ns_rounding_divide(x4, 2) + x3, third);
    const int32_t series = ns_rounding_divide(upper + x2, 1); /* x^2/2 + x^3/6 + x^4/24 */
    return exp_minus_eighth + ns_doubling_high_multiply(exp_minus_eighth, x + series);
}

/* Return exp(a) in Q0.31 for a <= 0 in Q5.26. */
static int32_t exp_negative(int32_t a)
{
    /* exp(-1/4), exp(-1/2), exp(-1), ... exp(-16): a is cut into a multiple of 1/4 and a rest above -1/4. */
    static const int32_t powers[] = {1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242};
    const int32_t quarter = 1 << (DIFFERENCE_FRACTION_BITS - 2);
    if (a == 0) {
        return INT32_MAX;
    }
    const int32_t rest = (a & (quarter - 1)) - quarter;
    const uint32_t multiple = (uint32_t)ns_subtract(rest, a);
    int32_t result = exp_near_zero(ns_shift_left(rest, 31 - DIFFERENCE_FRACTION_BITS));

    for (uint32_t i = 0; i < sizeof powers / sizeof powers[0]; i++) {
        if (multiple & ((uint32_t)quarter << i)) {
            result = ns_doubling_high_multiply(result, powers[i]);
        }
    }
    return result;
}

/* Return 1 / (1 + a) in Q0.31 for a in [0, 1) in Q0.31: three Newton steps, in Q2.29. */
static int32_t reciprocal_of_one_plus(int32_t a)
{
    const int32_t forty_eight_seventeenths = 1515870810;
    const int32_t minus_thirty_two_seventeenths = -1010580540;
    const int32_t half = (int32_t)(((int64_t)a + INT32_MAX + 1) / 2); /* (1 + a) / 2, halves up */
    int32_t x = forty_eight_seventeenths + ns_doubling_high_multiply(half, minus_thirty_two_seventeenths);

    for (int32_t step = 0; step < 3; step++) {
        const int32_t error = (1 << 29) - ns_doubling_high_multiply(half, x);
        x += shift_left_saturating(ns_doubling_high_multiply(x, error), 2);
    }
    return shift_left_saturating(x, 1);
}

static int32_t leading_zeros(uint32_t value)
{
    int32_t count = 0;
    for (uint32_t bit = (uint32_t)1 << 31; bit != 0 && (value & bit) == 0; bit >>= 1) {
        count++;
    }
    return count;
}

void netspec_softmax_s8(const int8_t *input,
                        int32_t num_rows,
                        int32_t row_size,
                        int32_t mult,
                        int32_t shift,
                        int32_t diff_min,
                        int8_t *output)
{
    for (int32_t row = 0; row < num_rows; row++, input += row_size, output += row_size) {
        int32_t greatest = INT8_MIN;
        for (int32_t i = 0; i < row_size; i++) {
            greatest = input[i] > greatest ? input[i] : greatest;
        }

        uint32_t sum = 0;
        for (int32_t i = 0; i < row_size; i++) {
            const int32_t difference = input[i] - greatest;
            if (difference >= diff_min) {
                const int32_t scaled = ns_doubling_high_multiply(ns_shift_left(difference, shift), mult);
                sum += (uint32_t)ns_rounding_divide(exp_negative(scaled), SUM_INTEGER_BITS);
            }
        }

        /* sum = (1 + fraction) * 2^magnitude, in units of 2^-19; exp(0) is in it, so it is at least 1. */
        const int32_t headroom = leading_zeros(sum);
        const int32_t fraction = (int32_t)((sum << headroom) - ((uint32_t)1 << 31));
        const int32_t reciprocal = reciprocal_of_one_plus(fraction);
        const int32_t output_shift = SUM_INTEGER_BITS - headroom + 31 - 8;

        for (int32_t i = 0; i < row_size; i++) {
            const int32_t difference = input[i] - greatest;
            int32_t value = 0;
            /* Beyond 31 places, in rows of 512 values or more, nothing is left of a probability. */
            if (difference >= diff_min && output_shift <= 31) {
                const int32_t scaled = ns_doubling_high_multiply(ns_shift_left(difference, shift), mult);
                const int32_t product = ns_doubling_high_multiply(reciprocal, exp_negative(scaled));
                value = ns_rounding_divide(product, output_shift);
            }
            output[i] = (int8_t)ns_clamp(value + INT8_MIN, INT8_MIN, INT8_MAX);
        }
    }
}
