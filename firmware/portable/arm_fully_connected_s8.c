/* SPDX-License-Identifier: Apache-2.0 */
#include "arm_nnfunctions.h"
#include "requantize.h"

arm_cmsis_nn_status arm_fully_connected_s8(const cmsis_nn_context *ctx,
                                           const cmsis_nn_fc_params *fc_params,
                                           const cmsis_nn_per_tensor_quant_params *quant_params,
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
    if (fc_params->filter_offset != 0) {
        return ARM_CMSIS_NN_ARG_ERROR;
    }
    const int32_t depth = filter_dims->n;
    const int32_t outputs = output_dims->c;

    for (int32_t batch = 0; batch < input_dims->n; batch++) {
        const int8_t *weights = filter_data;
        for (int32_t o = 0; o < outputs; o++) {
            const uint32_t bias = bias_data ? (uint32_t)bias_data[o] : 0U;
            const uint32_t sum = ns_accumulate(bias, input_data, weights, fc_params->input_offset, depth);
            output_data[o] = ns_output((int32_t)sum,
                                       quant_params->multiplier,
                                       quant_params->shift,
                                       fc_params->output_offset,
                                       fc_params->activation.min,
                                       fc_params->activation.max);
            weights += depth;
        }
        input_data += depth;
        output_data += outputs;
    }
    return ARM_CMSIS_NN_SUCCESS;
}

int32_t arm_fully_connected_s8_get_buffer_size(const cmsis_nn_dims *filter_dims)
{
    (void)filter_dims;
    return 0;
}
