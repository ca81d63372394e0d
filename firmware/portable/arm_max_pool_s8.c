/* SPDX-License-Identifier: Apache-2.0 */
#include "arm_nnfunctions.h"
#include "requantize.h"
#include "window.h"

arm_cmsis_nn_status arm_max_pool_s8(const cmsis_nn_context *ctx,
                                    const cmsis_nn_pool_params *pool_params,
                                    const cmsis_nn_dims *input_dims,
                                    const int8_t *input_data,
                                    const cmsis_nn_dims *filter_dims,
                                    const cmsis_nn_dims *output_dims,
                                    int8_t *output_data)
{
    (void)ctx;
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
                const int32_t first = (top + rows.first) * row_bytes + (left + columns.first) * channels;
                const int32_t run = (columns.end - columns.first) * channels;
                for (int32_t channel = 0; channel < channels; channel++) {
                    int32_t greatest = INT8_MIN;
                    int32_t row = first + channel;
                    for (int32_t i = rows.first; i < rows.end; i++, row += row_bytes) {
                        for (int32_t at = 0; at < run; at += channels) {
                            const int32_t value = input_data[row + at];
                            greatest = value > greatest ? value : greatest;
                        }
                    }
                    *output_data++ =
                        (int8_t)ns_clamp(greatest, pool_params->activation.min, pool_params->activation.max);
                }
            }
        }
        input_data += input_dims->h * row_bytes;
    }
    return ARM_CMSIS_NN_SUCCESS;
}
