/* SPDX-License-Identifier: Apache-2.0 */
#include "../portable/requantize.h"
#include "netspec_kernels.h"
#include "simd.h"

enum { LEFT_SHIFT = 20 }; /* of both inputs, so that rescaling them keeps 20 bits behind the point */

#if defined(NETSPEC_HELIUM)

/* Return four values of an input at the scale of the sum. */
static inline int32x4_t rescaled(const int8_t *input, int32x4_t ones, int32_t offset, int32_t multiplier, int32_t shift)
{
    const int32x4_t shifted = vmlasq_n_s32(vldrbq_s32(input), ones, offset);
    return ns_scale_4(vqrdmulhq_n_s32(shifted, multiplier), shift);
}

static inline int32_t add_vectors(const netspec_add *sum, const int8_t *one, const int8_t *two, int8_t *output, int32_t size)
{
    const int32x4_t ones = vdupq_n_s32(1 << LEFT_SHIFT);
    const int32_t offset1 = sum->offset1 * (1 << LEFT_SHIFT), offset2 = sum->offset2 * (1 << LEFT_SHIFT);
    for (int32_t vectors = size / 4; vectors > 0; vectors--) {
        const int32x4_t first = rescaled(one, ones, offset1, sum->multiplier1, sum->shift1);
        const int32x4_t second = rescaled(two, ones, offset2, sum->multiplier2, sum->shift2);
        const int32x4_t total = vqrdmulhq_n_s32(vaddq_s32(first, second), sum->multiplier);
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

void netspec_add_s8(const netspec_add *sum, const int8_t *one, const int8_t *two, int8_t *output, int32_t size)
{
    /* A copy, since for all that the compiler knows output may be the parameters. */
    const netspec_add s = *sum;
    int32_t i = 0;
#if defined(NETSPEC_HELIUM)
    i = add_vectors(&s, one, two, output, size);
#endif
    for (; i < size; i++) {
        const int32_t first = (one[i] + s.offset1) * (1 << LEFT_SHIFT);
        const int32_t second = (two[i] + s.offset2) * (1 << LEFT_SHIFT);
        const int32_t total = ns_add(ns_scale_down(first, s.multiplier1, -s.shift1),
                                     ns_scale_down(second, s.multiplier2, -s.shift2));
        const int32_t value = ns_scale_down(total, s.multiplier, -s.shift);
        output[i] = (int8_t)ns_clamp(ns_add(value, s.output_offset), s.min, s.max);
    }
}
