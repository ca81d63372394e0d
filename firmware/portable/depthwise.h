/* SPDX-License-Identifier: Apache-2.0 */
/* The convolution behind CMSIS-NN's names for depthwise ones. */
#ifndef NETSPEC_DEPTHWISE_H
#define NETSPEC_DEPTHWISE_H

#include "arm_nnfunctions.h"

/* Convolve every channel with windows of its own: arguments as those of arm_depthwise_conv_s8. */
arm_cmsis_nn_status netspec_portable_depthwise_conv_s8(const cmsis_nn_dw_conv_params *dw_conv_params,
                                                       const cmsis_nn_per_channel_quant_params *quant_params,
                                                       const cmsis_nn_dims *input_dims,
                                                       const int8_t *input_data,
                                                       const cmsis_nn_dims *filter_dims,
                                                       const int8_t *filter_data,
                                                       const int32_t *bias_data,
                                                       const cmsis_nn_dims *output_dims,
                                                       int8_t *output_data);

#endif
