/* SPDX-License-Identifier: Apache-2.0 */
#include "arm_nnfunctions.h"
#include "requantize.h"

/* The inner product where the weights have a zero point too; symmetric weights, the usual case, go without. */
static uint32_t accumulate_asymmetric(
    uint32_t sum, const int8_t *values, const int8_t *weights, const cmsis_nn_fc_params *params, int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        sum += (uint32_t)((values[i] + params->input_offset) * (weights[i] + params->filter_offset));
    }
    return sum;
}

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
    const int32_t depth = filter_dims->n;
    const int32_t outputs = output_dims->c;

    for (int32_t batch = 0; batch < input_dims->n; batch++) {
        const int8_t *weights = filter_data;
        for (int32_t o = 0; o < outputs; o++) {
            uint32_t sum = bias_data ? (uint32_t)bias_data[o] : 0U;
            if (fc_params->filter_offset == 0) {
                sum = ns_accumulate(sum, input_data, weights, fc_params->input_offset, depth);
            } else {
                sum = accumulate_asymmetric(sum, input_data, weights, fc_params, depth);
            }
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
