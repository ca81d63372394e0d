/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything that emitted code calls: the int8 functions of CMSIS-NN, from Arm or from firmware/portable, and the
 * kernels that CMSIS-NN does not have and netspec always brings.
 */
#ifndef NETSPEC_KERNELS_H
#define NETSPEC_KERNELS_H

#include <stdint.h>

#include "arm_nnfunctions.h"

/* Raised when a function below changes its arguments or its numbers; emitted code refuses another value. */
#define NETSPEC_KERNELS_VERSION 1

#if defined(__BYTE_ORDER__) && defined(__ORDER_LITTLE_ENDIAN__) && (__BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__)
#error "netspec emits tables for little-endian machines only"
#endif

#ifdef __cplusplus
extern "C" {
#endif

#if defined(NETSPEC_CMSIS_NN_LACKS_PAD_S8)
/* In CMSIS-NN from 7.0 on. Where it is lacking, the file of this name in firmware/portable fills in. */
arm_cmsis_nn_status arm_pad_s8(const int8_t *input,
                               int8_t *output,
                               const int8_t pad_value,
                               const cmsis_nn_dims *input_size,
                               const cmsis_nn_dims *pre_pad,
                               const cmsis_nn_dims *post_pad);
#endif

/*
 * Replace every value by table[value + 128].
 *
 * Any function of one int8 is such a table, made at build time. size is the number of values. In place is allowed:
 * output may be input. Returns ARM_CMSIS_NN_ARG_ERROR if size is negative.
 */
arm_cmsis_nn_status netspec_table_s8(const int8_t *input, const int8_t table[256], int8_t *output, int32_t size);

/*
 * Take the mean of int8 over rows and columns: MEAN of TensorFlow Lite Micro, not average pooling.
 *
 * input is [n, h, w, c], output [n, c]. input_offset is minus the input's zero point, output_offset the output's
 * zero point. multiplier and shift rescale the sum, the division by h * w included: the int8 specification folds it
 * in by multiplier << s over h * w, with s = floor(log2(h * w)) (QuantizedMeanOrSum in the reference kernels).
 * Returns ARM_CMSIS_NN_ARG_ERROR if a dimension is not positive.
 */
arm_cmsis_nn_status netspec_mean_s8(const int8_t *input,
                                    const cmsis_nn_dims *input_dims,
                                    int32_t input_offset,
                                    int32_t multiplier,
                                    int32_t shift,
                                    int32_t output_offset,
                                    int8_t *output);

#ifdef __cplusplus
}
#endif

#endif
