/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>

#include "arm_nnfunctions.h"
#include "requantize.h"
#include "window.h"

/* Return the sum of one filter over the taps of a window that lie inside. top and left are where the window begins. */
static uint32_t convolve_window(const cmsis_nn_conv_params *params,
                                const cmsis_nn_dims *input_dims,
                                const int8_t *input,
                                const cmsis_nn_dims *filter_dims,
                                const int8_t *filter,
                                int32_t top,
                                int32_t left)
{
    const int32_t channels = input_dims->c;
    const ns_taps rows = ns_taps_inside(top, input_dims->h, filter_dims->h, params->dilation.h);
    const ns_taps columns = ns_taps_inside(left, input_dims->w, filter_dims->w, params->dilation.w);
    uint32_t sum = 0;
    for (int32_t y = rows.first; y < rows.end; y++) {
        const int32_t row = (top + y * params->dilation.h) * input_dims->w;
        for (int32_t x = columns.first; x < columns.end; x++) {
            const int8_t *values = input + (row + left + x * params->dilation.w) * channels;
            const int8_t *weights = filter + (y * filter_dims->w + x) * channels;
            sum = ns_accumulate(sum, values, weights, params->input_offset, channels);
        }
    }
    return sum;
}

arm_cmsis_nn_status arm_convolve_s8(const cmsis_nn_context *ctx,
                                    const cmsis_nn_conv_params *conv_params,
                                    const cmsis_nn_per_channel_quant_params *quant_params,
                                    const cmsis_nn_dims *input_dims,
                                    const int8_t *input_data,
                                    const cmsis_nn_dims *filter_dims,
                                    const int8_t *filter_data,
                                    const cmsis_nn_dims *bias_dims,
                                    const int32_t *bias_data,
                                    const cmsis_nn_dims *upscale_dims,
                                    const cmsis_nn_dims *output_dims,
                                    int8_t *output_data)
{
    (void)ctx;
    (void)bias_dims;
    const int32_t channels = input_dims->c;
    if (filter_dims->c != channels || upscale_dims != NULL) {
        return ARM_CMSIS_NN_ARG_ERROR;
    }
    const int32_t taps = filter_dims->h * filter_dims->w * channels;

    for (int32_t batch = 0; batch < input_dims->n; batch++) {
        for (int32_t y = 0; y < output_dims->h; y++) {
            const int32_t top = y * conv_params->stride.h - conv_params->padding.h;
            for (int32_t x = 0; x < output_dims->w; x++) {
                const int32_t left = x * conv_params->stride.w - conv_params->padding.w;
                const int8_t *filter = filter_data;
                for (int32_t o = 0; o < output_dims->c; o++, filter += taps) {
                    const uint32_t bias = bias_data ? (uint32_t)bias_data[o] : 0U;
                    const uint32_t sum =
                        bias + convolve_window(conv_params, input_dims, input_data, filter_dims, filter, top, left);
                    *output_data++ = ns_output((int32_t)sum,
                                               quant_params->multiplier[o],
                                               quant_params->shift[o],
                                               conv_params->output_offset,
                                               conv_params->activation.min,
                                               conv_params->activation.max);
                }
            }
        }
        input_data += input_dims->h * input_dims->w * channels;
    }
    return ARM_CMSIS_NN_SUCCESS;
}

int32_t arm_convolve_s8_get_buffer_size(const cmsis_nn_dims *input_dims, const cmsis_nn_dims *filter_dims)
{
    (void)input_dims;
    (void)filter_dims;
    return 0;
}
