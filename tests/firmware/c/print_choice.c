/* SPDX-License-Identifier: Apache-2.0 */

/* Reads one layer a line, prints what CMSIS-NN's two wrappers call for it. Compiled with their sources, in which
 * every kernel is a macro that notes its name: so the conditions of any core are run on any host. */

#include <stdio.h>

#include "arm_nnfunctions.h"

const char *chosen;

arm_cmsis_nn_status note(const char *name)
{
    chosen = name;
    return ARM_CMSIS_NN_SUCCESS;
}

int main(void)
{
    int in_h, in_w, in_c, k_h, k_w, out_h, out_w, out_c, s_h, s_w, d_h, d_w, p_h, p_w, k_c;
    while (scanf("%d %d %d %d %d %d %d %d %d %d %d %d %d %d %d", &in_h, &in_w, &in_c, &k_h, &k_w, &out_h, &out_w,
                 &out_c, &s_h, &s_w, &d_h, &d_w, &p_h, &p_w, &k_c) == 15) {
        const cmsis_nn_context ctx = {0, 0};
        const cmsis_nn_per_channel_quant_params scales = {0, 0};
        const cmsis_nn_conv_params conv = {0, 0, {s_w, s_h}, {p_w, p_h}, {d_w, d_h}, {-128, 127}};
        const cmsis_nn_dw_conv_params depthwise = {
            0, 0, out_c / in_c, {s_w, s_h}, {p_w, p_h}, {d_w, d_h}, {-128, 127}};
        const cmsis_nn_dims input = {1, in_h, in_w, in_c}, output = {1, out_h, out_w, out_c};
        const cmsis_nn_dims filter = {out_c, k_h, k_w, k_c}, taps = {1, k_h, k_w, out_c}, bias = {1, 1, 1, out_c};
        (void)arm_convolve_wrapper_s8(&ctx, &conv, &scales, &input, 0, &filter, 0, &bias, 0, &output, 0);
        printf("%s", chosen);
        (void)arm_depthwise_conv_wrapper_s8(&ctx, &depthwise, &scales, &input, 0, &taps, 0, &bias, 0, &output, 0);
        printf(" %s\n", chosen);
    }
    return 0;
}
