/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Outputs are computed a few side by side, so that each input is read once for all of them. At the end, where fewer are
 * left, what has no row of its own computes another's again, and is not written.
 */
#include "../portable/requantize.h"
#include "netspec_kernels.h"
#include "simd.h"

/*
 * Compute the next outputs: those of SIDE_BY_SIDE that are left. row is where the weights of the first begin, sums are
 * those of the kernel that belong to them.
 */
#if defined(NETSPEC_HELIUM)

enum { SIDE_BY_SIDE = 4 };

static inline void compute(const netspec_dense *l,
                           int32_t left,
                           const int8_t *input,
                           const int8_t *row,
                           const int32_t *sums,
                           int8_t *output)
{
    const int32_t inputs = l->inputs;
    const int8_t *second = row + (left > 1 ? inputs : 0);
    const int8_t *third = row + (left > 2 ? 2 * inputs : 0);
    const int8_t *fourth = row + (left > 3 ? 3 * inputs : 0);
    int32_t sum0 = 0, sum1 = 0, sum2 = 0, sum3 = 0;
    int32_t at = 0;
    for (int32_t vectors = inputs / 16; vectors > 0; vectors--, at += 16) {
        const int8x16_t x = vldrbq_s8(input + at);
        sum0 = vmladavaq_s8(sum0, x, vldrbq_s8(row + at));
        sum1 = vmladavaq_s8(sum1, x, vldrbq_s8(second + at));
        sum2 = vmladavaq_s8(sum2, x, vldrbq_s8(third + at));
        sum3 = vmladavaq_s8(sum3, x, vldrbq_s8(fourth + at));
    }
    if (at < inputs) {
        const mve_pred16_t rest = vctp8q((uint32_t)(inputs - at));
        const int8x16_t x = vldrbq_z_s8(input + at, rest);
        sum0 = vmladavaq_s8(sum0, x, vldrbq_z_s8(row + at, rest));
        sum1 = vmladavaq_s8(sum1, x, vldrbq_z_s8(second + at, rest));
        sum2 = vmladavaq_s8(sum2, x, vldrbq_z_s8(third + at, rest));
        sum3 = vmladavaq_s8(sum3, x, vldrbq_z_s8(fourth + at, rest));
    }
    const mve_pred16_t lanes = vctp32q((uint32_t)left);
    const int32_t products[SIDE_BY_SIDE] = {sum0, sum1, sum2, sum3};
    int32x4_t values = vaddq_s32(vldrwq_s32(products), vldrwq_z_s32(sums, lanes));
    values = ns_requantize_4(values, l->multiplier, l->shift);
    values = vaddq_n_s32(values, l->output_offset);
    vstrbq_p_s32(output, vminq_s32(vmaxq_s32(values, vdupq_n_s32(l->min)), vdupq_n_s32(l->max)), lanes);
}

#else

static inline int8_t finished(const netspec_dense *l, uint32_t sum)
{
    return ns_output((int32_t)sum, l->multiplier, l->shift, l->output_offset, l->min, l->max);
}

#if defined(NETSPEC_DSP)

enum { SIDE_BY_SIDE = 2 };

static inline void compute(const netspec_dense *l,
                           int32_t left,
                           const int8_t *input,
                           const int8_t *row,
                           const int32_t *sums,
                           int8_t *output)
{
    const int32_t pair = left > 1, to_second = pair ? l->inputs : 0;
    uint32_t first = (uint32_t)sums[0], second = (uint32_t)sums[pair];
    int32_t inputs = l->inputs;
    for (; inputs >= 4; inputs -= 4, input += 4) {
        const uint32_t x = ns_word(input), even = ns_even(x), odd = ns_odd(x);
        uint32_t w = ns_word(row + to_second);
        second = ns_multiply_pairs(ns_multiply_pairs(second, even, ns_even(w)), odd, ns_odd(w));
        w = ns_word(row);
        first = ns_multiply_pairs(ns_multiply_pairs(first, even, ns_even(w)), odd, ns_odd(w));
        row += 4;
    }
    for (; inputs > 0; inputs--) {
        second += (uint32_t)(*input * row[to_second]);
        first += (uint32_t)(*input++ * *row++);
    }
    for (int32_t i = 0; i <= pair; i++, first = second) {
        output[i] = finished(l, first);
    }
}

#else

enum { SIDE_BY_SIDE = 1 };

static inline void compute(const netspec_dense *l,
                           int32_t left,
                           const int8_t *input,
                           const int8_t *row,
                           const int32_t *sums,
                           int8_t *output)
{
    (void)left;
    uint32_t sum = (uint32_t)*sums;
    for (int32_t i = 0; i < l->inputs; i++) {
        sum += (uint32_t)(input[i] * row[i]);
    }
    *output = finished(l, sum);
}

#endif
#endif

void netspec_dense_s8(const netspec_dense *layer, const int8_t *input, int8_t *output, int32_t rows)
{
    /* A copy, since for all that the compiler knows output may be the layer. */
    const netspec_dense l = *layer;
    for (; rows > 0; rows--, input += l.inputs, output += l.outputs) {
        for (int32_t o = 0; o < l.outputs; o += SIDE_BY_SIDE) {
            compute(&l, l.outputs - o, input, l.kernel + o * l.inputs, l.kernel_sum + o, output + o);
        }
    }
}
