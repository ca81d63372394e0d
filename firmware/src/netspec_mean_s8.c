/* SPDX-License-Identifier: Apache-2.0 */
#include "../portable/requantize.h"
#include "netspec_kernels.h"

arm_cmsis_nn_status netspec_mean_s8(const int8_t *input,
                                    const cmsis_nn_dims *input_dims,
                                    int32_t input_offset,
                                    int32_t multiplier,
                                    int32_t shift,
                                    int32_t output_offset,
                                    int8_t *output)
{
    const int32_t channels = input_dims->c;
    if (input_dims->n < 1 || input_dims->h < 1 || input_dims->w < 1 || channels < 1) {
        return ARM_CMSIS_NN_ARG_ERROR;
    }
    const int32_t count = input_dims->h * input_dims->w;
    const int32_t offsets = (int32_t)((uint32_t)count * (uint32_t)input_offset);

    for (int32_t batch = 0; batch < input_dims->n; batch++) {
        for (int32_t channel = 0; channel < channels; channel++) {
            int32_t sum = 0;
            for (int32_t at = channel; at < count * channels; at += channels) {
                sum += input[at];
            }
            *output++ = ns_output(ns_add(sum, offsets), multiplier, shift, output_offset, INT8_MIN, INT8_MAX);
        }
        input += count * channels;
    }
    return ARM_CMSIS_NN_SUCCESS;
}
