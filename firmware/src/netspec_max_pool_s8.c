/* SPDX-License-Identifier: Apache-2.0 */
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

/*
 * Write the greatest value of the channels from the given one on, between min and max: of as many channels as fit in a
 * vector. Returns how many. Each search begins with min, so that nothing less comes out.
 */
#if defined(NETSPEC_HELIUM)

static inline int32_t take_greatest(const view *window, int32_t channel, int8_t min, int8_t max, int8_t *output)
{
    const int32_t left = window->channels - channel;
    const mve_pred16_t lanes = vctp8q((uint32_t)left);
    int8x16_t greatest = vdupq_n_s8(min);
    const int8_t *row = window->first + channel;
    for (int32_t y = 0; y < window->rows; y++, row += window->row_bytes) {
        const int8_t *at = row;
        for (int32_t x = 0; x < window->columns; x++, at += window->channels) {
            greatest = vmaxq_s8(greatest, vldrbq_z_s8(at, lanes));
        }
    }
    vstrbq_p_s8(output, vminq_s8(greatest, vdupq_n_s8(max)), lanes);
    return left < 16 ? left : 16;
}

#else

static inline int32_t take_greatest(const view *window, int32_t channel, int8_t min, int8_t max, int8_t *output)
{
    const int8_t *row = window->first + channel;
#if defined(NETSPEC_DSP)
    if (window->channels - channel >= 4) {
        uint32_t greatest = ns_four_times(min);
        for (int32_t y = 0; y < window->rows; y++, row += window->row_bytes) {
            const int8_t *at = row;
            for (int32_t x = 0; x < window->columns; x++, at += window->channels) {
                greatest = ns_greater_4(greatest, ns_word(at));
            }
        }
        ns_put_word(output, ns_lesser_4(greatest, ns_four_times(max)));
        return 4;
    }
#endif
    int8_t greatest = min;
    for (int32_t y = 0; y < window->rows; y++, row += window->row_bytes) {
        for (int32_t at = 0; at < window->columns * window->channels; at += window->channels) {
            greatest = row[at] > greatest ? row[at] : greatest;
        }
    }
    *output = greatest > max ? max : greatest;
    return 1;
}

#endif

arm_cmsis_nn_status netspec_max_pool_s8(const cmsis_nn_pool_params *pool_params,
                                        const cmsis_nn_dims *input_dims,
                                        const int8_t *input_data,
                                        const cmsis_nn_dims *filter_dims,
                                        const cmsis_nn_dims *output_dims,
                                        int8_t *output_data)
{
    const int32_t channels = input_dims->c;
    const int32_t row_bytes = input_dims->w * channels;
    const int8_t min = (int8_t)pool_params->activation.min, max = (int8_t)pool_params->activation.max;
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
                const int some = rows.end > rows.first && columns.end > columns.first;
                const view window = {
                    .first = some ? input_data + (top + rows.first) * row_bytes + (left + columns.first) * channels
                                  : input_data,
                    .rows = some ? rows.end - rows.first : 0,
                    .columns = columns.end - columns.first,
                    .row_bytes = row_bytes,
                    .channels = channels,
                };
                for (int32_t channel = 0; channel < channels;) {
                    const int32_t taken = take_greatest(&window, channel, min, max, output_data);
                    channel += taken;
                    output_data += taken;
                }
            }
        }
        input_data += input_dims->h * row_bytes;
    }
    return ARM_CMSIS_NN_SUCCESS;
}
