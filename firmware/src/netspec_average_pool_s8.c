/* SPDX-License-Identifier: Apache-2.0 */
#include "../portable/requantize.h"
#include "../portable/window.h"
#include "netspec_kernels.h"
#include "simd.h"

/* The part of the input under a window: rows and columns of pixels, the rows so many bytes apart. */
typedef struct {
    const int8_t *first;
    int32_t rows;
    int32_t columns;
    int32_t row_bytes;
    int32_t channels;
} view;

static int32_t divide_half_away_from_zero(int32_t sum, int32_t count)
{
    return (sum > 0 ? sum + count / 2 : sum - count / 2) / count;
}

/* Sum up the channels from the given one on, as many as fit in a vector; without vectors one. Returns how many. */
#if defined(NETSPEC_HELIUM)
enum { LANES = 4 };

static inline int32_t add_up(const view *window, int32_t channel, int32_t *sums)
{
    const int32_t left = window->channels - channel;
    int32x4_t sum = vdupq_n_s32(0);
    const int8_t *row = window->first + channel;
    for (int32_t i = 0; i < window->rows; i++, row += window->row_bytes) {
        const int8_t *at = row;
        if (left >= LANES) {
            for (int32_t x = 0; x < window->columns; x++, at += window->channels) {
                sum = vaddq_s32(sum, vldrbq_s32(at));
            }
            continue;
        }
        for (int32_t x = 0; x < window->columns; x++, at += window->channels) {
            sum = vaddq_s32(sum, vldrbq_z_s32(at, vctp32q((uint32_t)left)));
        }
    }
    vstrwq_s32(sums, sum);
    return left < LANES ? left : LANES;
}
#else
enum { LANES = 1 };

static inline int32_t add_up(const view *window, int32_t channel, int32_t *sums)
{
    int32_t sum = 0;
    const int8_t *row = window->first + channel;
    for (int32_t i = 0; i < window->rows; i++, row += window->row_bytes) {
        for (int32_t at = 0; at < window->columns * window->channels; at += window->channels) {
            sum += row[at];
        }
    }
    *sums = sum;
    return LANES;
}
#endif

arm_cmsis_nn_status netspec_average_pool_s8(const cmsis_nn_pool_params *pool_params,
                                            const cmsis_nn_dims *input_dims,
                                            const int8_t *input_data,
                                            const cmsis_nn_dims *filter_dims,
                                            const cmsis_nn_dims *output_dims,
                                            int8_t *output_data)
{
    const int32_t channels = input_dims->c;
    const int32_t row_bytes = input_dims->w * channels;
    if (input_dims->n < 1) {
        return ARM_CMSIS_NN_ARG_ERROR;
    }

    for (int32_t batch = 0; batch < input_dims->n; batch++) {
        for (int32_t y = 0; y < output_dims->h; y++) {
            const int32_t top = y * pool_params->stride.h - pool_params->padding.h;
            const ns_taps rows = ns_taps_inside(top, input_dims->h, filter_dims->h, 1);
            for (int32_t x = 0; x < output_dims->w; x++) {
                const int32_t left = x * pool_params->stride.w - pool_params->padding.w;
                const ns_taps columns = ns_taps_inside(left, input_dims->w, filter_dims->w, 1);
                if (rows.end <= rows.first || columns.end <= columns.first) {
                    return ARM_CMSIS_NN_ARG_ERROR;
                }
                const int32_t count = (rows.end - rows.first) * (columns.end - columns.first);
                const view window = {
                    .first = input_data + (top + rows.first) * row_bytes + (left + columns.first) * channels,
                    .rows = rows.end - rows.first,
                    .columns = columns.end - columns.first,
                    .row_bytes = row_bytes,
                    .channels = channels,
                };
                for (int32_t channel = 0; channel < channels;) {
                    int32_t sums[LANES];
                    const int32_t added = add_up(&window, channel, sums);
                    channel += added;
                    for (int32_t i = 0; i < added; i++) {
                        *output_data++ = (int8_t)ns_clamp(divide_half_away_from_zero(sums[i], count),
                                                          pool_params->activation.min,
                                                          pool_params->activation.max);
                    }
                }
            }
        }
        input_data += input_dims->h * row_bytes;
    }
    return ARM_CMSIS_NN_SUCCESS;
}
