/* SPDX-License-Identifier: Apache-2.0 */
#include "arm_nnfunctions.h"
#include "requantize.h"
#include "window.h"

/* What does not change from one output pixel to the next; steps are in bytes. */
typedef struct {
    const cmsis_nn_conv_params *params;
    const cmsis_nn_per_channel_quant_params *quant;
    const int32_t *bias;
    const int8_t *filter;
    int32_t groups;
    int32_t group_inputs;
    int32_t group_outputs;
    int32_t input_row_step; /* from one row of the window to the next, dilation included */
    int32_t input_tap_step; /* from one tap to the next */
    int32_t filter_row_step;
    int32_t filter_step; /* from one output channel to the next */
} convolution;

/*
 * Compute all channels of one output pixel. corner is the index of tap (0, 0) in input; it lies outside where the
 * window begins in padding, and is only read at the given taps.
 */
static void convolve_pixel(
    const convolution *c, const int8_t *input, int32_t corner, ns_taps rows, ns_taps columns, int8_t *output)
{
    /* Where taps follow each other in memory a row of the window is one run, else every tap is a run of its own. */
    const int32_t taps = columns.end > columns.first ? columns.end - columns.first : 0;
    const int contiguous = c->input_tap_step == c->group_inputs;
    const int32_t runs = contiguous && taps > 0 ? 1 : taps;
    const int32_t run_length = contiguous ? taps * c->group_inputs : c->group_inputs;
    const int32_t first_input = corner + columns.first * c->input_tap_step;
    const int32_t first_weight = columns.first * c->group_inputs;
    const int8_t *filter = c->filter;
    int32_t o = 0;

    for (int32_t group = 0; group < c->groups; group++) {
        for (int32_t i = 0; i < c->group_outputs; i++, o++) {
            uint32_t sum = c->bias ? (uint32_t)c->bias[o] : 0U;
            for (int32_t y = rows.first; y < rows.end; y++) {
                int32_t at = first_input + group * c->group_inputs + y * c->input_row_step;
                int32_t weight = first_weight + y * c->filter_row_step;
                for (int32_t run = 0; run < runs; run++) {
                    sum = ns_accumulate(sum, input + at, filter + weight, c->params->input_offset, run_length);
                    at += c->input_tap_step;
                    weight += c->group_inputs;
                }
            }
            output[o] = ns_output((int32_t)sum,
                                  c->quant->multiplier[o],
                                  c->quant->shift[o],
                                  c->params->output_offset,
                                  c->params->activation.min,
                                  c->params->activation.max);
            filter += c->filter_step;
        }
    }
}

arm_cmsis_nn_status arm_convolve_wrapper_s8(const cmsis_nn_context *ctx,
                                            const cmsis_nn_conv_params *conv_params,
                                            const cmsis_nn_per_channel_quant_params *quant_params,
                                            const cmsis_nn_dims *input_dims,
                                            const int8_t *input_data,
                                            const cmsis_nn_dims *filter_dims,
                                            const int8_t *filter_data,
                                            const cmsis_nn_dims *bias_dims,
                                            const int32_t *bias_data,
                                            const cmsis_nn_dims *output_dims,
                                            int8_t *output_data)
{
    (void)ctx;
    (void)bias_dims;
    const int32_t channels = input_dims->c;
    if (filter_dims->c < 1 || channels % filter_dims->c != 0 || output_dims->c % (channels / filter_dims->c) != 0) {
        return ARM_CMSIS_NN_ARG_ERROR;
    }
    const int32_t groups = channels / filter_dims->c;
    const cmsis_nn_tile dilation = conv_params->dilation;
    const int32_t row_bytes = input_dims->w * channels;
    const convolution c = {
        .params = conv_params,
        .quant = quant_params,
        .bias = bias_data,
        .filter = filter_data,
        .groups = groups,
        .group_inputs = filter_dims->c,
        .group_outputs = output_dims->c / groups,
        .input_row_step = dilation.h * row_bytes,
        .input_tap_step = dilation.w * channels,
        .filter_row_step = filter_dims->w * filter_dims->c,
        .filter_step = filter_dims->h * filter_dims->w * filter_dims->c,
    };

    for (int32_t batch = 0; batch < input_dims->n; batch++) {
        for (int32_t y = 0; y < output_dims->h; y++) {
            const int32_t top = y * conv_params->stride.h - conv_params->padding.h;
            const ns_taps rows = ns_taps_inside(top, input_dims->h, filter_dims->h, dilation.h);
            for (int32_t x = 0; x < output_dims->w; x++) {
                const int32_t left = x * conv_params->stride.w - conv_params->padding.w;
                const ns_taps columns = ns_taps_inside(left, input_dims->w, filter_dims->w, dilation.w);
                convolve_pixel(&c, input_data, top * row_bytes + left * channels, rows, columns, output_data);
                output_data += output_dims->c;
            }
        }
        input_data += input_dims->h * row_bytes;
    }
    return ARM_CMSIS_NN_SUCCESS;
}

int32_t arm_convolve_wrapper_s8_get_buffer_size(const cmsis_nn_conv_params *conv_params,
                                                const cmsis_nn_dims *input_dims,
                                                const cmsis_nn_dims *filter_dims,
                                                const cmsis_nn_dims *output_dims)
{
    (void)conv_params;
    (void)input_dims;
    (void)filter_dims;
    (void)output_dims;
    return 0;
}
