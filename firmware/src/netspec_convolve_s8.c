/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Windows of a few pixels are gathered side by side, as columns, so that each weight is read once for all of them; where
 * a window lies in one piece it is read where it lies. At the end, where fewer are left, what has none of its own
 * computes another's again, and is not written.
 */
#include <string.h>

#include "../portable/requantize.h"
#include "../portable/window.h"
#include "netspec_kernels.h"
#include "simd.h"

#if defined(NETSPEC_HELIUM)
enum { PIXELS = 4 };
#elif defined(NETSPEC_DSP)
enum { PIXELS = 2 };
#else
enum { PIXELS = 1 };
#endif

/*
 * Return a pointer to the values under the window of an output pixel: into the input, or to a copy in columns, first bytes
 * after its start. columns may be NULL where every window is contiguous, so nothing is added to it before that is known.
 */
static const int8_t *window_at(
    const netspec_convolution *l, const int8_t *input, int32_t pixel, int8_t *columns, int32_t first)
{
    const int32_t channels = l->input.c, row_bytes = l->filter.w * channels;
    const int32_t top = pixel / l->output.w * l->stride.h - l->padding.h;
    const int32_t left = pixel % l->output.w * l->stride.w - l->padding.w;
    const ns_taps rows = ns_taps_inside(top, l->input.h, l->filter.h, l->dilation.h);
    const ns_taps taps = ns_taps_inside(left, l->input.w, l->filter.w, l->dilation.w);
    const int32_t inside = taps.end > taps.first ? taps.end - taps.first : 0;
    const int in_one_piece = l->dilation.w == 1 || l->filter.w == 1;

    if (l->filter.h == 1 && rows.first < rows.end && inside == l->filter.w && in_one_piece) {
        return input + (top * l->input.w + left) * channels;
    }
    int8_t *const column = columns + first;
    if (inside < l->filter.w || rows.end - rows.first < l->filter.h) {
        memset(column, l->input_zero, (size_t)(l->filter.h * row_bytes));
    }
    for (int32_t y = rows.first; y < rows.end; y++) {
        const int8_t *from =
            input + ((top + y * l->dilation.h) * l->input.w + left + taps.first * l->dilation.w) * channels;
        int8_t *to = column + y * row_bytes + taps.first * channels;
        if (in_one_piece) {
            memcpy(to, from, (size_t)(inside * channels));
            continue;
        }
        for (int32_t x = 0; x < inside; x++) {
            memcpy(to, from, (size_t)channels);
            to += channels;
            from += l->dilation.w * channels;
        }
    }
    return column;
}

#if defined(NETSPEC_HELIUM)

/* Compute all outputs of the pixels whose windows are given, and write those of the first count. */
static void multiply(const netspec_convolution *l, const int8_t *const *windows, int32_t count, int8_t *output)
{
    const int32_t taps = l->filter.h * l->filter.w * l->input.c;
    const int8_t *first = windows[0], *second = windows[1], *third = windows[2], *fourth = windows[3];
    const mve_pred16_t lanes = vctp32q((uint32_t)count);
    const uint32x4_t places = vmulq_n_u32(vidupq_n_u32(0, 1), (uint32_t)l->output.c);
    const int8_t *weights = l->kernel;
    for (int32_t o = 0; o < l->output.c; o++) {
        int32_t sum0 = 0, sum1 = 0, sum2 = 0, sum3 = 0;
        int32_t at = 0;
        for (int32_t vectors = taps / 16; vectors > 0; vectors--, at += 16) {
            const int8x16_t w = vldrbq_s8(weights + at);
            sum0 = vmladavaq_s8(sum0, w, vldrbq_s8(first + at));
            sum1 = vmladavaq_s8(sum1, w, vldrbq_s8(second + at));
            sum2 = vmladavaq_s8(sum2, w, vldrbq_s8(third + at));
            sum3 = vmladavaq_s8(sum3, w, vldrbq_s8(fourth + at));
        }
        if (at < taps) {
            const mve_pred16_t rest = vctp8q((uint32_t)(taps - at));
            const int8x16_t w = vldrbq_z_s8(weights + at, rest);
            sum0 = vmladavaq_s8(sum0, w, vldrbq_z_s8(first + at, rest));
            sum1 = vmladavaq_s8(sum1, w, vldrbq_z_s8(second + at, rest));
            sum2 = vmladavaq_s8(sum2, w, vldrbq_z_s8(third + at, rest));
            sum3 = vmladavaq_s8(sum3, w, vldrbq_z_s8(fourth + at, rest));
        }
        weights += taps;
        const int32_t products[PIXELS] = {sum0, sum1, sum2, sum3};
        int32x4_t values = vaddq_n_s32(vldrwq_s32(products), l->kernel_sum[o]);
        values = ns_requantize_4(values, l->multiplier[o], l->shift[o]);
        values = vaddq_n_s32(values, l->output_offset);
        values = vminq_s32(vmaxq_s32(values, vdupq_n_s32(l->min)), vdupq_n_s32(l->max));
        vstrbq_scatter_offset_p_s32(output + o, places, values, lanes);
    }
}

#else

#if defined(NETSPEC_DSP)

/* Write the outputs of a filter: of the first window, and of the second where there are two. */
static inline void finish(
    const netspec_convolution *l, int32_t o, int32_t count, uint32_t first, uint32_t second, int8_t *output)
{
    /* Read before anything is written, since for all that the compiler knows output may be the layer. */
    const int32_t multiplier = l->multiplier[o], shift = l->shift[o], offset = l->output_offset;
    const int32_t min = l->min, max = l->max, outputs = l->output.c;
    int32_t one = ns_saturated_output((int32_t)first, multiplier, shift, offset);
    int32_t two = ns_saturated_output((int32_t)second, multiplier, shift, offset);
    if (min > INT8_MIN || max < INT8_MAX) {
        one = ns_clamp(one, min, max);
        two = ns_clamp(two, min, max);
    }
    output[o] = (int8_t)one;
    if (count > 1) {
        output[outputs + o] = (int8_t)two;
    }
}

static NS_SEPARATE void multiply(
    const netspec_convolution *l, const int8_t *const *windows, int32_t count, int8_t *output)
{
    const int32_t taps = l->filter.h * l->filter.w * l->input.c, outputs = l->output.c;
    const int8_t *weights = l->kernel;
    for (int32_t o = 0; o < outputs; o += 2) {
        const int32_t pair = outputs - o > 1, to_second = pair ? taps : 0;
        const int8_t *one = windows[0], *two = windows[1];
        /* sumij: filter i, window j. */
        uint32_t sum00 = (uint32_t)l->kernel_sum[o], sum01 = sum00;
        uint32_t sum10 = (uint32_t)l->kernel_sum[o + pair], sum11 = sum10;
        int32_t left = taps;
        for (; left >= 4; left -= 4, one += 4, two += 4, weights += 4) {
            const uint32_t x = ns_word(one), x_even = ns_even(x), x_odd = ns_odd(x);
            const uint32_t y = ns_word(two), y_even = ns_even(y), y_odd = ns_odd(y);
            uint32_t w = ns_word(weights + to_second), even = ns_even(w), odd = ns_odd(w);
            sum10 = ns_multiply_pairs(ns_multiply_pairs(sum10, x_even, even), x_odd, odd);
            sum11 = ns_multiply_pairs(ns_multiply_pairs(sum11, y_even, even), y_odd, odd);
            w = ns_word(weights), even = ns_even(w), odd = ns_odd(w);
            sum00 = ns_multiply_pairs(ns_multiply_pairs(sum00, x_even, even), x_odd, odd);
            sum01 = ns_multiply_pairs(ns_multiply_pairs(sum01, y_even, even), y_odd, odd);
        }
        for (; left > 0; left--, one++, two++, weights++) {
            sum00 += (uint32_t)(*one * weights[0]);
            sum10 += (uint32_t)(*one * weights[to_second]);
            sum01 += (uint32_t)(*two * weights[0]);
            sum11 += (uint32_t)(*two * weights[to_second]);
        }
        weights += to_second;
        for (int32_t i = o; i <= o + pair; i++, sum00 = sum10, sum01 = sum11) {
            finish(l, i, count, sum00, sum01, output);
        }
    }
}

#else

static void multiply(const netspec_convolution *l, const int8_t *const *windows, int32_t count, int8_t *output)
{
    (void)count;
    const int32_t taps = l->filter.h * l->filter.w * l->input.c, outputs = l->output.c;
    const int8_t *weights = l->kernel;
    for (int32_t o = 0; o < outputs; o += 2) {
        /* Two filters read a window together; the last of an odd number is computed twice. */
        const int32_t pair = outputs - o > 1;
        const int8_t *window = windows[0], *second = pair ? weights + taps : weights;
        uint32_t sum0 = (uint32_t)l->kernel_sum[o], sum1 = (uint32_t)l->kernel_sum[o + pair];
        for (int32_t left = taps; left > 0; left--) {
            const int32_t value = *window++;
            sum0 += (uint32_t)(value * *weights++);
            sum1 += (uint32_t)(value * *second++);
        }
        weights = second;
        for (int32_t i = o; i <= o + pair; i++, sum0 = sum1) {
            output[i] =
                ns_output((int32_t)sum0, l->multiplier[i], l->shift[i], l->output_offset, l->min, l->max);
        }
    }
}

#endif
#endif

void netspec_convolve_s8(
    const netspec_convolution *layer, const int8_t *input, int8_t *output, int8_t *columns, int32_t room)
{
    /* A copy, since for all that the compiler knows output may be the layer. */
    const netspec_convolution l = *layer;
    const int32_t taps = l.filter.h * l.filter.w * l.input.c, pixels = l.output.h * l.output.w;
    const int32_t together = room < PIXELS ? room : PIXELS;
    for (int32_t pixel = 0; pixel < pixels; pixel += together, output += together * l.output.c) {
        const int32_t count = pixels - pixel < together ? pixels - pixel : together;
        const int8_t *windows[PIXELS];
        for (int32_t i = 0; i < PIXELS; i++) {
            const int32_t at = i < count ? i : 0;
            windows[i] = window_at(&l, input, pixel + at, columns, at * taps);
        }
        multiply(&l, windows, count, output);
    }
}
