/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything that emitted code calls: the int8 functions of CMSIS-NN, from Arm or from firmware/portable, and the
 * kernels that CMSIS-NN does not have and netspec always brings.
 */
#ifndef NETSPEC_KERNELS_H
#define NETSPEC_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "arm_nnfunctions.h"

/* Raised when a function below changes its arguments or its numbers; emitted code refuses another value. */
#define NETSPEC_KERNELS_VERSION 2

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

/* What arm_convolve_s8 takes before the shape of its output: from 7.0 on how much its input is upscaled, here not. */
#if defined(NETSPEC_CMSIS_NN_CONVOLVES_WITHOUT_UPSCALING)
#define NETSPEC_NO_UPSCALING
#else
#define NETSPEC_NO_UPSCALING NULL,
#endif

/* A convolution with symmetric weights and a scale for each filter. n of input and output is not read. */
typedef struct {
    const int8_t *kernel;      /* [outputs, rows, columns, channels]; of a depthwise one [rows, columns, outputs] */
    const int32_t *kernel_sum; /* one an output: its bias plus the input offset times the sum of its weights */
    const int32_t *multiplier; /* with shift the scale of the sums over that of the output: Q0.31, not negative */
    const int32_t *shift;      /* -31 to 30 */
    cmsis_nn_dims input;
    cmsis_nn_dims filter; /* of a depthwise one: n filters for each channel, whose c is 1 */
    cmsis_nn_dims output;
    cmsis_nn_tile stride;
    cmsis_nn_tile padding; /* above and left; what lies below and right follows from the output's shape */
    cmsis_nn_tile dilation;
    int8_t input_zero; /* what padding holds: the input's zero point */
    int8_t output_offset;
    int8_t min; /* of the output, both included */
    int8_t max;
} netspec_convolution;

/*
 * Convolve one image: CONV_2D. columns has room for that many windows of int8, at least one: on Helium 4 are used, with
 * DSP instructions 2, else 1; fewer are slower. It is not touched where windows lie in one piece of the input.
 */
void netspec_convolve_s8(
    const netspec_convolution *layer, const int8_t *input, int8_t *output, int8_t *columns, int32_t room);

/*
 * A convolution whose filters are packed for DSP instructions in fours, all or only the first of them. Taps are those of
 * [rows, columns, channels], with zeros behind them to a multiple of four.
 *
 * kernel is [packed / 4][taps / 4][tap % 2][filter / 2 % 2][tap / 2 % 2] of int16, 256 * B + A for the first two filters
 * A and B of four and 256 * C + D + 128 for the others; then [outputs - packed][taps] of int8. scale has three words for
 * each filter. Of four packed ones they are 0, then 256 * B + A, 256 * A + C and 256 * C + D of their kernel sums, then
 * a multiplier of Q0.31 and -1 - shift, 0 to 23, for each; of the others kernel sum, multiplier and shift, as in
 * netspec_convolution. Weights of packed filters are not -128, and their sums, with the kernel sum, stay within 24 bits for
 * every input.
 */
typedef struct {
    const int8_t *kernel; /* aligned to 4 bytes */
    const int32_t *scale;
    int32_t packed; /* filters that are, a multiple of 4 */
    cmsis_nn_dims input;
    cmsis_nn_dims filter;
    cmsis_nn_dims output;
    cmsis_nn_tile stride;
    cmsis_nn_tile padding;
    cmsis_nn_tile dilation;
    int8_t input_zero;
    int8_t output_offset;
    int8_t min; /* of the output, both included */
    int8_t max;
} netspec_packed_convolution;

/*
 * Convolve one image: CONV_2D. scratch, aligned to 4 bytes, has room for 4 bytes a tap, where channels are no multiple of
 * 4 for 5; taps are counted in fours.
 */
void netspec_convolve_packed_s8(const netspec_packed_convolution *layer,
                                const int8_t *input,
                                int8_t *output,
                                int8_t *scratch);

/*
 * Convolve each channel of one image with filters of its own: DEPTHWISE_CONV_2D. Filter i of channel c gives output
 * c * filter.n + i. Weights are -127 to 127: of two that follow each other in a filter, at most one may be -128.
 */
void netspec_depthwise_conv_s8(const netspec_convolution *layer, const int8_t *input, int8_t *output);

/*
 * As netspec_depthwise_conv_s8 for 3x3 windows without dilation, one filter a channel, both strides 1 or both 2, padding
 * of at most 2. scratch, aligned to 4 bytes, has room for the planes of four channels for so many output rows at a time:
 * 4 * pitch * ((rows - 1) * stride + 3) bytes, where rows are 2 at least if strides are 1, and pitch is twice
 * stride * output.w + 2, of a width of 2 at least, up to a multiple of 4.
 * In place is allowed where strides are 1 and both shapes are the same.
 */
void netspec_depthwise_conv_3x3_s8(
    const netspec_convolution *layer, const int8_t *input, int8_t *output, int8_t *scratch, int32_t rows);

/* A dense layer with symmetric weights and one scale in all. */
typedef struct {
    const int8_t *kernel;      /* [outputs, inputs] */
    const int32_t *kernel_sum; /* one an output: its bias plus the input offset times the sum of its weights */
    int32_t inputs;
    int32_t outputs;
    int32_t multiplier; /* with shift the scale of the sums over that of the output: Q0.31 and a power of two */
    int8_t shift;       /* -31 to 30 */
    int8_t output_offset;
    int8_t min; /* of the output, both included */
    int8_t max;
} netspec_dense;

/* Multiply vectors by the layer's matrix: FULLY_CONNECTED. input is [rows, inputs], output [rows, outputs]. */
void netspec_dense_s8(const netspec_dense *layer, const int8_t *input, int8_t *output, int32_t rows);

/*
 * As netspec_dense_s8, for DSP instructions: outputs in eights, a multiplier of at least 2^30 where the shift is negative,
 * and weights in another order, aligned to 4 bytes, [outputs / 8][inputs / 4, up][2][4][2][2], of which the last four
 * are input % 2, output / 2 % 4, input / 2 % 2 and output % 2. Those of even outputs have their sign bit flipped.
 */
void netspec_dense_eights_s8(const netspec_dense *layer, const int8_t *input, int8_t *output, int32_t rows);

/* A dense layer in two parts: eights of outputs, and up to seven more. */
typedef struct {
    netspec_dense eights; /* for netspec_dense_eights_s8 */
    netspec_dense rest;   /* for netspec_dense_s8 */
} netspec_dense_packed;

/* Multiply vectors by the matrices of both parts, whose outputs follow each other in every row. */
void netspec_dense_packed_s8(const netspec_dense_packed *layer, const int8_t *input, int8_t *output, int32_t rows);

/* A sum of two tensors of different scales. Multipliers are Q0.31 and not negative, shifts powers of two, at most 0. */
typedef struct {
    int32_t multiplier1; /* scale of the first input over twice the larger of both */
    int32_t multiplier2;
    int32_t multiplier; /* twice the larger of both over 2^20 times the output's scale */
    int16_t offset1;    /* minus the zero point of the first input */
    int16_t offset2;
    int8_t shift1;
    int8_t shift2;
    int8_t shift;
    int8_t output_offset;
    int8_t min; /* of the output, both included */
    int8_t max;
} netspec_add;

/* Add size values: ADD. In place is allowed: output may be either input. */
void netspec_add_s8(const netspec_add *sum, const int8_t *one, const int8_t *two, int8_t *output, int32_t size);

/*
 * Average int8 over windows: AVERAGE_POOL_2D, padding not counted, halves away from zero.
 *
 * filter_dims gives the window's h and w. Returns ARM_CMSIS_NN_ARG_ERROR, with output_data undefined, if a window
 * lies wholly outside the input: such an average does not exist.
 */
arm_cmsis_nn_status netspec_average_pool_s8(const cmsis_nn_pool_params *pool_params,
                                            const cmsis_nn_dims *input_dims,
                                            const int8_t *input_data,
                                            const cmsis_nn_dims *filter_dims,
                                            const cmsis_nn_dims *output_dims,
                                            int8_t *output_data);

/*
 * Take the greatest int8 of windows: MAX_POOL_2D, padding not counted.
 *
 * filter_dims gives the window's h and w. A window that lies wholly outside the input gives the least value allowed.
 */
arm_cmsis_nn_status netspec_max_pool_s8(const cmsis_nn_pool_params *pool_params,
                                        const cmsis_nn_dims *input_dims,
                                        const int8_t *input_data,
                                        const cmsis_nn_dims *filter_dims,
                                        const cmsis_nn_dims *output_dims,
                                        int8_t *output_data);

/*
 * Copy rows of bytes to where they are pitch bytes apart: CONCATENATION, one call an input. output is where the first
 * row of this input goes.
 */
void netspec_concatenate_s8(const int8_t *input, int32_t row_bytes, int32_t rows, int8_t *output, int32_t pitch);

/* Rows and columns around an image, counted in bytes. */
typedef struct {
    int32_t rows;      /* of the input, at least one */
    int32_t row_bytes; /* of the input */
    int32_t before;    /* the rows above and the columns left of the first row */
    int32_t between;   /* the columns right of a row and left of the next */
    int32_t after;     /* the columns right of the last row and the rows below */
    int8_t value;      /* what they hold: the zero point */
} netspec_pad;

/* Put rows and columns of one value around an image: PAD. */
void netspec_pad_s8(const netspec_pad *pad, const int8_t *input, int8_t *output);

/*
 * Take the softmax of each row of int8; outputs have scale 1/256 and zero point -128.
 *
 * mult and shift rescale differences to 5 integer bits; a difference below diff_min gives -128. In place is allowed.
 */
void netspec_softmax_s8(const int8_t *input,
                        int32_t num_rows,
                        int32_t row_size,
                        int32_t mult,
                        int32_t shift,
                        int32_t diff_min,
                        int8_t *output);

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
