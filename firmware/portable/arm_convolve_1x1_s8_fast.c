/* SPDX-License-Identifier: Apache-2.0 */
#include "arm_nnfunctions.h"
#include "requantize.h"

arm_cmsis_nn_status arm_convolve_1x1_s8_fast(const cmsis_nn_context *ctx,
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
    (void)filter_dims;
    (void)bias_dims;
    if (conv_params->padding.w != 0 || conv_params->padding.h != 0 || conv_params->stride.w != 1 ||
        conv_params->stride.h != 1) {
        return ARM_CMSIS_NN_ARG_ERROR;
    }
    const int32_t channels = input_dims->c;
    for (int32_t pixels = input_dims->n * input_dims->h * input_dims->w; pixels > 0; pixels--) {
        const int8_t *weights = filter_data;
        for (int32_t o = 0; o < output_dims->c; o++, weights += channels) {
            const uint32_t sum = bias_data ? (uint32_t)bias_data[o] : 0U;
            *output_data++ =
                ns_output((int32_t)ns_accumulate(sum, input_data, weights, conv_params->input_offset, channels),
                          quant_params->multiplier[o],
                          quant_params->shift[o],
                          conv_params->output_offset,
                          conv_params->activation.min,
                          conv_params->activation.max);
        }
        input_data += channels;
    }
    return ARM_CMSIS_NN_SUCCESS;
}
