/* SPDX-License-Identifier: Apache-2.0 */
/* Sums and differences of two tensors: both are brought to one scale, put together, and brought to the output's. */
#ifndef NETSPEC_SUM_H
#define NETSPEC_SUM_H

#include "../portable/requantize.h"
#include "netspec_kernels.h"
#include "simd.h"

enum { NS_LEFT_SHIFT = 20 }; /* of both inputs, so that rescaling them keeps 20 bits behind the point */

#if defined(NETSPEC_HELIUM)

/* Return four values of an input at the scale of the sum. */
static inline int32x4_t ns_rescaled_4(
    const int8_t *input, int32x4_t ones, int32_t offset, int32_t multiplier, int32_t shift)
{
    const int32x4_t shifted = vmlasq_n_s32(vldrbq_s32(input), ones, offset);
    return ns_scale_4(vqrdmulhq_n_s32(shifted, multiplier), shift);
}

static inline int32_t ns_sum_vectors(
    const netspec_add *sum, const int8_t *one, const int8_t *two, int8_t *output, int32_t size, int negative)
{
    const int32x4_t ones = vdupq_n_s32(1 << NS_LEFT_SHIFT);
    const int32_t offset1 = sum->offset1 * (1 << NS_LEFT_SHIFT), offset2 = sum->offset2 * (1 << NS_LEFT_SHIFT);
    for (int32_t vectors = size / 4; vectors > 0; vectors--) {
        const int32x4_t first = ns_rescaled_4(one, ones, offset1, sum->multiplier1, sum->shift1);
        const int32x4_t second = ns_rescaled_4(two, ones, offset2, sum->multiplier2, sum->shift2);
        const int32x4_t both = negative ? vsubq_s32(first, second) : vaddq_s32(first, second);
        const int32x4_t total = vqrdmulhq_n_s32(both, sum->multiplier);
        int32x4_t value = vaddq_n_s32(ns_scale_4(total, sum->shift), sum->output_offset);
        value = vminq_s32(vmaxq_s32(value, vdupq_n_s32(sum->min)), vdupq_n_s32(sum->max));
        vstrbq_s32(output, value);
        one += 4;
        two += 4;
        output += 4;
    }
    return size & ~3;
}

#endif

/* Writes one + two or, if `negative`, one - two. A constant for `negative` leaves one of both in a function. */
static inline void ns_sum(
    const netspec_add *sum, const int8_t *one, const int8_t *two, int8_t *output, int32_t size, int negative)
{
    /* A copy, since for all that the compiler knows output may be the parameters. */
    const netspec_add s = *sum;
    int32_t i = 0;
#if defined(NETSPEC_HELIUM)
    i = ns_sum_vectors(&s, one, two, output, size, negative);
#endif
    for (; i < size; i++) {
        const int32_t shifted1 = (one[i] + s.offset1) * (1 << NS_LEFT_SHIFT);
        const int32_t shifted2 = (two[i] + s.offset2) * (1 << NS_LEFT_SHIFT);
        const int32_t first = ns_scale_down(shifted1, s.multiplier1, -s.shift1);
        const int32_t second = ns_scale_down(shifted2, s.multiplier2, -s.shift2);
        const int32_t total = negative ? ns_subtract(first, second) : ns_add(first, second);
        const int32_t value = ns_scale_down(total, s.multiplier, -s.shift);
        output[i] = (int8_t)ns_clamp(ns_add(value, s.output_offset), s.min, s.max);
    }
}

#endif
