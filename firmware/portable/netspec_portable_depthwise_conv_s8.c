/* SPDX-License-Identifier: Apache-2.0 */
#include "depthwise.h"
#include "requantize.h"
#include "window.h"

/* What does not change from one output pixel to the next; steps are in bytes. */
typedef struct {
    const cmsis_nn_dw_conv_params *params;
    const cmsis_nn_per_channel_quant_params *quant;
    const int32_t *bias;
    const int8_t *filter;
    int32_t channels;
    int32_t outputs;
    int32_t input_row_step; /* from one row of the window to the next, dilation included */
    int32_t input_tap_step; /* from one tap to the next */
    int32_t filter_row_step;
} depthwise;

/*
 * Compute all channels of one output pixel. corner is the index of tap (0, 0) in input; it lies outside where the
 * window begins in padding, and is only read at the given taps.
 */
static void convolve_pixel(
    const depthwise *d, const int8_t *input, int32_t corner, ns_taps rows, ns_taps columns, int8_t *output)
{
    const int32_t input_offset = d->params->input_offset;
    const int32_t first_input = corner + columns.first * d->input_tap_step;
    const int32_t first_weight = columns.first * d->outputs;
    int32_t o = 0;

    for (int32_t channel = 0; channel < d->channels; channel++) {
        for (int32_t i = 0; i < d->params->ch_mult; i++, o++) {
            uint32_t sum = d->bias ? (uint32_t)d->bias[o] : 0U;
            for (int32_t y = rows.first; y < rows.end; y++) {
                int32_t at = first_input + channel + y * d->input_row_step;
                int32_t weight = first_weight + o + y * d->filter_row_step;
                for (int32_t x = columns.first; x < columns.end; x++) {
                    sum += (uint32_t)((input[at] + input_offset) * d->filter[weight]);
                    at += d->input_tap_step;
                    weight += d->outputs;
                }
            }
            output[o] = ns_output((int32_t)sum,
                                  d->quant->multiplier[o],
                                  d->quant->shift[o],
                                  d->params->output_offset,
                                  d->params->activation.min,
                                  d->params->activation.max);
        }
    }
}

arm_cmsis_nn_status netspec_portable_depthwise_conv_s8(const cmsis_nn_dw_conv_params *dw_conv_params,
                                                       const cmsis_nn_per_channel_quant_params *quant_params,
                                                       const cmsis_nn_dims *input_dims,
                                                       const int8_t *input_data,
                                                       const cmsis_nn_dims *filter_dims,
                                                       const int8_t *filter_data,
                                                       const int32_t *bias_data,
                                                       const cmsis_nn_dims *output_dims,
                                                       int8_t *output_data)
{
    const int32_t channels = input_dims->c;
    if (output_dims->c != channels * dw_conv_params->ch_mult) {
        return ARM_CMSIS_NN_ARG_ERROR;
    }
    const cmsis_nn_tile dilation = dw_conv_params->dilation;
    const int32_t row_bytes = input_dims->w * channels;
    const depthwise d = {
        .params = dw_conv_params,
        .quant = quant_params,
        .bias = bias_data,
        .filter = filter_data,
        .channels = channels,
        .outputs = output_dims->c,
        .input_row_step = dilation.h * row_bytes,
        .input_tap_step = dilation.w * channels,
        .filter_row_step = filter_dims->w * output_dims->c,
    };

    for (int32_t batch = 0; batch < input_dims->n; batch++) {
        for (int32_t y = 0; y < output_dims->h; y++) {
            const int32_t top = y * dw_conv_params->stride.h - dw_conv_params->padding.h;
            const ns_taps rows = ns_taps_inside(top, input_dims->h, filter_dims->h, dilation.h);
            for (int32_t x = 0; x < output_dims->w; x++) {
                const int32_t left = x * dw_conv_params->stride.w - dw_conv_params->padding.w;
                const ns_taps columns = ns_taps_inside(left, input_dims->w, filter_dims->w, dilation.w);
                convolve_pixel(&d, input_data, top * row_bytes + left * channels, rows, columns, output_data);
                output_data += output_dims->c;
            }
        }
        input_data += input_dims->h * row_bytes;
    }
    return ARM_CMSIS_NN_SUCCESS;
}
