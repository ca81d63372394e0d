/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The public types of Arm's CMSIS-NN, as far as int8 layers need them: same names, fields and order, so that code
 * written against CMSIS-NN 4.0 or later compiles against the portable kernels unchanged.
 */
#ifndef ARM_NN_TYPES_H
#define ARM_NN_TYPES_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a kernel returns. */
typedef enum {
    ARM_CMSIS_NN_SUCCESS = 0,
    ARM_CMSIS_NN_ARG_ERROR = -1,     /* shapes or parameters contradict each other */
    ARM_CMSIS_NN_NO_IMPL_ERROR = -2, /* CMSIS-NN only: no variant for this core */
    ARM_CMSIS_NN_FAILURE = -3        /* CMSIS-NN only: a variant met a case it does not handle */
} arm_cmsis_nn_status;

/* Scratch memory of a call; the portable kernels use none and accept a null buf. */
typedef struct {
    void *buf;
    int32_t size; /* bytes */
} cmsis_nn_context;

/* Shape of a tensor: batches, rows, columns, channels. Filters and vectors use the fields as each kernel says. */
typedef struct {
    int32_t n;
    int32_t h;
    int32_t w;
    int32_t c;
} cmsis_nn_dims;

/* A pair of numbers along the two axes of a window. Mind the order: width first. */
typedef struct {
    int32_t w;
    int32_t h;
} cmsis_nn_tile;

/* Inclusive limits of the output, in quantized units. */
typedef struct {
    int32_t min;
    int32_t max;
} cmsis_nn_activation;

/* Rescaling factors, one an output channel: multiplier is Q0.31 in [2^30, 2^31) or 0, shift is its power of two. */
typedef struct {
    int32_t *multiplier;
    int32_t *shift;
} cmsis_nn_per_channel_quant_params;

/* One rescaling factor for all outputs. */
typedef struct {
    int32_t multiplier;
    int32_t shift;
} cmsis_nn_per_tensor_quant_params;

/* Convolution. Padding is what lies above and left; what lies below and right follows from the output's shape. */
typedef struct {
    int32_t input_offset;  /* minus the input's zero point: -127 to 128 */
    int32_t output_offset; /* the output's zero point: -128 to 127 */
    cmsis_nn_tile stride;
    cmsis_nn_tile padding;
    cmsis_nn_tile dilation;
    cmsis_nn_activation activation;
} cmsis_nn_conv_params;

/* Depthwise convolution: as above, with the number of outputs of each input channel. */
typedef struct {
    int32_t input_offset;
    int32_t output_offset;
    int32_t ch_mult;
    cmsis_nn_tile stride;
    cmsis_nn_tile padding;
    cmsis_nn_tile dilation;
    cmsis_nn_activation activation;
} cmsis_nn_dw_conv_params;

/* Fully connected layer; filter_offset is minus the weights' zero point, 0 for symmetric weights. */
typedef struct {
    int32_t input_offset;
    int32_t filter_offset;
    int32_t output_offset;
    cmsis_nn_activation activation;
} cmsis_nn_fc_params;

/* Pooling: input and output share scale and zero point. */
typedef struct {
    cmsis_nn_tile stride;
    cmsis_nn_tile padding;
    cmsis_nn_activation activation;
} cmsis_nn_pool_params;

#ifdef __cplusplus
}
#endif

#endif
