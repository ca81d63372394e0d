/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints the scratch bytes that CMSIS-NN's kernels ask for, a line of sizes for each line of geometry on standard input:
 * input h w c, kernel h w, outputs.
 *
 * The sizes are those of the depthwise convolution for DSP and Helium, of the convolution and of the average pool, on
 * this machine; with TARGET_SIZERS also those of the first with DSP instructions and on Helium, then of the last.
 */
#include <stdio.h>

#include "arm_nnfunctions.h"
#if defined(TARGET_SIZERS)
#include "arm_nnsupportfunctions.h" /* where the sizers of other cores than this one are declared */
#endif

int main(void)
{
    int v[6];
    for (;;) {
        for (int i = 0; i < 6; i++) {
            if (scanf("%d", &v[i]) != 1) {
                return i == 0 ? 0 : 2;
            }
        }
        const cmsis_nn_dims input = {1, v[0], v[1], v[2]};
        const cmsis_nn_dims filter = {1, v[3], v[4], v[5]};

        const cmsis_nn_dims filters = {v[5], v[3], v[4], v[2]};

        printf("%d %d %d",
               (int)arm_depthwise_conv_s8_opt_get_buffer_size(&input, &filter),
               (int)arm_convolve_s8_get_buffer_size(&input, &filters),
               (int)arm_avgpool_s8_get_buffer_size(v[1], v[2]));
#if defined(TARGET_SIZERS)
        printf(" %d %d %d %d",
               (int)arm_depthwise_conv_s8_opt_get_buffer_size_dsp(&input, &filter),
               (int)arm_depthwise_conv_s8_opt_get_buffer_size_mve(&input, &filter),
               (int)arm_avgpool_s8_get_buffer_size_dsp(v[1], v[2]),
               (int)arm_avgpool_s8_get_buffer_size_mve(v[1], v[2]));
#endif
        printf("\n");
    }
}
