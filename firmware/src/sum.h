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

#elif defined(NETSPEC_DSP)

enum { NS_HALF = 1 << 30 }; /* the multiplier of the larger of two scales, twice which is that of the sum; its shift is 0 */

/* What one loop needs: total is to_half * half + half_offset, plus or minus the other input at the scale of the sum. */
typedef struct {
    const int8_t *half;
    const int8_t *other;
    int32_t to_half;
    int32_t half_offset;
    int32_t other_offset;
    int32_t factor; /* twice the multiplier of the other, 2^32 less where it does not fit */
    int32_t shift;  /* of the other, 0 or less */
} ns_halved_sum;

static inline void ns_sum_halved(const netspec_add *s, const ns_halved_sum *h, int8_t *output, int32_t size, int negative)
{
    const int8_t *half = h->half, *other = h->other;
    const int32_t to_half = h->to_half, half_offset = h->half_offset, other_offset = h->other_offset;
    const int32_t other_factor = h->factor, other_places = -h->shift, factor = ns_factor(s->multiplier);
    const int32_t rounds = other_places > 0 ? -1 : 0, rounding = other_places > 0 ? 1 << (other_places - 1) : 0;
    const int32_t places = -1 - s->shift, twice = 2 * s->output_offset + 1;
    for (const int8_t *const end = output + size; output < end; output++) {
        const int32_t first = *half++ * to_half + half_offset;
        int32_t second = ns_multiply_high_rounded(*other++ * (1 << NS_LEFT_SHIFT) + other_offset, other_factor);
        second = (second + (second >> 31 & rounds) + rounding) >> other_places;
        *output = (int8_t)ns_rounded_output(negative ? first - second : first + second, factor, places, twice);
    }
}

/* Do what ns_sum does where the scales are as they always are of int8 tensors. Returns whether they are. */
static inline int ns_sum_fast(
    const netspec_add *s, const int8_t *one, const int8_t *two, int8_t *output, int32_t size, int negative)
{
    const int first = s->multiplier1 == NS_HALF && s->shift1 == 0, step = 1 << (NS_LEFT_SHIFT - 1);
    const int second = s->multiplier2 == NS_HALF && s->shift2 == 0;
    const int32_t other_multiplier = first ? s->multiplier2 : s->multiplier1;
    if (!(first || second) || s->shift >= 0 || s->multiplier < NS_HALF || other_multiplier < NS_HALF) {
        return 0;
    }
    ns_halved_sum h = {one, two, step, s->offset1 * step, s->offset2 * 2 * step, ns_factor(other_multiplier), s->shift2};
    if (!first) {
        h.half = two;
        h.other = one;
        h.to_half = negative ? -step : step;
        h.half_offset = s->offset2 * h.to_half;
        h.other_offset = s->offset1 * 2 * step;
        h.shift = s->shift1;
    }
    if (negative && first) {
        ns_sum_halved(s, &h, output, size, 1);
    } else {
        ns_sum_halved(s, &h, output, size, 0);
    }
    if (s->min > INT8_MIN || s->max < INT8_MAX) {
        for (int32_t i = 0; i < size; i++) {
            output[i] = (int8_t)ns_clamp(output[i], s->min, s->max);
        }
    }
    return 1;
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
#elif defined(NETSPEC_DSP)
    if (ns_sum_fast(&s, one, two, output, size, negative)) {
        return;
    }
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
