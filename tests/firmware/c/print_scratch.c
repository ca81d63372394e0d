/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints the scratch bytes that CMSIS-NN asks for, a line of sizes for each line of geometry on standard input:
 * input h w c, kernel h w, output h w c, stride h w, dilation h w, padding top left, filter channels.
 *
 * The sizes are those of convolution, depthwise convolution, average pool and fully connected layer for this
 * machine; with TARGET_SIZERS also for DSP and Helium cores.
 */
#include <stdio.h>

#include "arm_nnfunctions.h"

int main(void)
{
    int v[15];
    for (;;) {
        for (int i = 0; i < 15; i++) {
            if (scanf("%d", &v[i]) != 1) {
                return i == 0 ? 0 : 2;
            }
        }
        const cmsis_nn_dims input = {1, v[0], v[1], v[2]};
        const cmsis_nn_dims filter = {v[7], v[3], v[4], v[14]};
        const cmsis_nn_dims depthwise_filter = {1, v[3], v[4], v[7]};
        const cmsis_nn_dims output = {1, v[5], v[6], v[7]};
        const cmsis_nn_dims matrix = {v[2], 1, 1, v[7]};
        const cmsis_nn_tile stride = {v[9], v[8]};
        const cmsis_nn_tile dilation = {v[11], v[10]};
        const cmsis_nn_tile padding = {v[13], v[12]};
        const cmsis_nn_activation limits = {-128, 127};
        const cmsis_nn_conv_params conv = {0, 0, stride, padding, dilation, limits};
        const cmsis_nn_dw_conv_params depthwise = {0, 0, v[7] / v[2], stride, padding, dilation, limits};

        printf("%d %d %d %d",
               (int)arm_convolve_wrapper_s8_get_buffer_size(&conv, &input, &filter, &output),
               (int)arm_depthwise_conv_wrapper_s8_get_buffer_size(&depthwise, &input, &depthwise_filter, &output),
               (int)arm_avgpool_s8_get_buffer_size(v[6], v[2]),
               (int)arm_fully_connected_s8_get_buffer_size(&matrix));
#if defined(TARGET_SIZERS)
        printf(" %d %d %d %d",
               (int)arm_convolve_wrapper_s8_get_buffer_size_dsp(&conv, &input, &filter, &output),
               (int)arm_depthwise_conv_wrapper_s8_get_buffer_size_dsp(&depthwise, &input, &depthwise_filter, &output),
               (int)arm_avgpool_s8_get_buffer_size_dsp(v[6], v[2]),
               (int)arm_fully_connected_s8_get_buffer_size_dsp(&matrix));
        printf(" %d %d %d %d",
               (int)arm_convolve_wrapper_s8_get_buffer_size_mve(&conv, &input, &filter, &output),
               (int)arm_depthwise_conv_wrapper_s8_get_buffer_size_mve(&depthwise, &input, &depthwise_filter, &output),
               (int)arm_avgpool_s8_get_buffer_size_mve(v[6], v[2]),
               (int)arm_fully_connected_s8_get_buffer_size_mve(&matrix));
#endif
        printf("\n");
    }
}
