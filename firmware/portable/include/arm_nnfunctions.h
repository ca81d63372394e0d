/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The int8 functions of Arm's CMSIS-NN that emitted code calls, implemented in portable C99.
 *
 * Names, types, arguments and results are those of CMSIS-NN, the same from 4.0 on, bit for bit; the arithmetic is the
 * int8 specification of TensorFlow Lite, with the double rounding of TensorFlow Lite Micro. Each function stands in a
 * file of its own name, so that it can also fill a gap in a CMSIS-NN.
 *
 * Tensors are NHWC. Inputs and outputs must not overlap unless a function says that they may. No function allocates,
 * keeps state or needs scratch. Sums wrap at 32 bits, as they do on the target.
 */
#ifndef ARM_NNFUNCTIONS_H
#define ARM_NNFUNCTIONS_H

#include "arm_nn_types.h"

#define NETSPEC_PORTABLE_KERNELS 1

#if defined(__BYTE_ORDER__) && defined(__ORDER_LITTLE_ENDIAN__) && (__BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__)
#error "netspec emits tables for little-endian machines only"
#endif

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Convolve int8 with a window of 1x1, strides of 1 and no padding, per-channel scales: a matrix product.
 *
 * input_data is [n, h, w, c], filter_data [outputs, 1, 1, c], output_data [n, h, w, outputs]. bias_data is one int32 an
 * output, or null; bias_dims is not read. Returns ARM_CMSIS_NN_ARG_ERROR for padding above or left and other strides.
 */
arm_cmsis_nn_status arm_convolve_1x1_s8_fast(const cmsis_nn_context *ctx,
                                             const cmsis_nn_conv_params *conv_params,
                                             const cmsis_nn_per_channel_quant_params *quant_params,
                                             const cmsis_nn_dims *input_dims,
                                             const int8_t *input_data,
                                             const cmsis_nn_dims *filter_dims,
                                             const int8_t *filter_data,
                                             const cmsis_nn_dims *bias_dims,
                                             const int32_t *bias_data,
                                             const cmsis_nn_dims *output_dims,
                                             int8_t *output_data);

/*
 * Convolve int8 with a window, per-channel scales.
 *
 * input_data is [n, h, w, c], filter_data [outputs, kernel h, kernel w, c], output_data [n, output_dims->h,
 * output_dims->w, outputs]; any output size is taken, taps outside the input count as zero. bias_data is one int32 an
 * output, or null; bias_dims is not read. upscale_dims, in CMSIS-NN from 7.0 on, must be null. Returns
 * ARM_CMSIS_NN_ARG_ERROR if it is not, and unless filter_dims->c = input channels.
 */
arm_cmsis_nn_status arm_convolve_s8(const cmsis_nn_context *ctx,
                                    const cmsis_nn_conv_params *conv_params,
                                    const cmsis_nn_per_channel_quant_params *quant_params,
                                    const cmsis_nn_dims *input_dims,
                                    const int8_t *input_data,
                                    const cmsis_nn_dims *filter_dims,
                                    const int8_t *filter_data,
                                    const cmsis_nn_dims *bias_dims,
                                    const int32_t *bias_data,
                                    const cmsis_nn_dims *upscale_dims,
                                    const cmsis_nn_dims *output_dims,
                                    int8_t *output_data);

/* Return the scratch bytes of arm_convolve_s8: 0. */
int32_t arm_convolve_s8_get_buffer_size(const cmsis_nn_dims *input_dims, const cmsis_nn_dims *filter_dims);

/* The same with a window of 1x1 and no padding above or left; else ARM_CMSIS_NN_ARG_ERROR. */
arm_cmsis_nn_status arm_convolve_1x1_s8(const cmsis_nn_context *ctx,
                                        const cmsis_nn_conv_params *conv_params,
                                        const cmsis_nn_per_channel_quant_params *quant_params,
                                        const cmsis_nn_dims *input_dims,
                                        const int8_t *input_data,
                                        const cmsis_nn_dims *filter_dims,
                                        const int8_t *filter_data,
                                        const cmsis_nn_dims *bias_dims,
                                        const int32_t *bias_data,
                                        const cmsis_nn_dims *output_dims,
                                        int8_t *output_data);

/* The same over one row, undilated; else ARM_CMSIS_NN_ARG_ERROR. */
arm_cmsis_nn_status arm_convolve_1_x_n_s8(const cmsis_nn_context *ctx,
                                          const cmsis_nn_conv_params *conv_params,
                                          const cmsis_nn_per_channel_quant_params *quant_params,
                                          const cmsis_nn_dims *input_dims,
                                          const int8_t *input_data,
                                          const cmsis_nn_dims *filter_dims,
                                          const int8_t *filter_data,
                                          const cmsis_nn_dims *bias_dims,
                                          const int32_t *bias_data,
                                          const cmsis_nn_dims *output_dims,
                                          int8_t *output_data);

/*
 * Convolve every channel of int8 with windows of its own, per-channel scales.
 *
 * input_data is [n, h, w, c], filter_data [1, kernel h, kernel w, outputs]; output channel i reads input channel
 * i / ch_mult. output_data is [n, output_dims->h, output_dims->w, outputs]; any output size is taken, taps outside the
 * input count as zero. bias_data is one int32 an output, or null; bias_dims is not read. Returns ARM_CMSIS_NN_ARG_ERROR unless outputs = input channels * ch_mult.
 */
arm_cmsis_nn_status arm_depthwise_conv_s8(const cmsis_nn_context *ctx,
                                          const cmsis_nn_dw_conv_params *dw_conv_params,
                                          const cmsis_nn_per_channel_quant_params *quant_params,
                                          const cmsis_nn_dims *input_dims,
                                          const int8_t *input_data,
                                          const cmsis_nn_dims *filter_dims,
                                          const int8_t *filter_data,
                                          const cmsis_nn_dims *bias_dims,
                                          const int32_t *bias_data,
                                          const cmsis_nn_dims *output_dims,
                                          int8_t *output_data);

/* The same where there are as many outputs as inputs; else ARM_CMSIS_NN_ARG_ERROR. */
arm_cmsis_nn_status arm_depthwise_conv_s8_opt(const cmsis_nn_context *ctx,
                                              const cmsis_nn_dw_conv_params *dw_conv_params,
                                              const cmsis_nn_per_channel_quant_params *quant_params,
                                              const cmsis_nn_dims *input_dims,
                                              const int8_t *input_data,
                                              const cmsis_nn_dims *filter_dims,
                                              const int8_t *filter_data,
                                              const cmsis_nn_dims *bias_dims,
                                              const int32_t *bias_data,
                                              const cmsis_nn_dims *output_dims,
                                              int8_t *output_data);

/* Return the scratch bytes of arm_depthwise_conv_s8_opt: 0. */
int32_t arm_depthwise_conv_s8_opt_get_buffer_size(const cmsis_nn_dims *input_dims, const cmsis_nn_dims *filter_dims);

/* The same with a window of 3x3 and at most one column of padding on the left; else ARM_CMSIS_NN_ARG_ERROR. */
arm_cmsis_nn_status arm_depthwise_conv_3x3_s8(const cmsis_nn_context *ctx,
                                              const cmsis_nn_dw_conv_params *dw_conv_params,
                                              const cmsis_nn_per_channel_quant_params *quant_params,
                                              const cmsis_nn_dims *input_dims,
                                              const int8_t *input_data,
                                              const cmsis_nn_dims *filter_dims,
                                              const int8_t *filter_data,
                                              const cmsis_nn_dims *bias_dims,
                                              const int32_t *bias_data,
                                              const cmsis_nn_dims *output_dims,
                                              int8_t *output_data);

/*
 * Multiply int8 vectors by a matrix, one scale for all outputs.
 *
 * input_data is [input_dims->n, filter_dims->n], filter_data [output_dims->c, filter_dims->n], output_data
 * [input_dims->n, output_dims->c]; bias_data is one int32 an output, or null. ctx is not read: CMSIS-NN on Helium
 * wants sums of the weights there. Returns ARM_CMSIS_NN_ARG_ERROR for weights with a zero point.
 */
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
                                           int8_t *output_data);

/* Return the bytes that arm_fully_connected_s8 reads through ctx: 0. */
int32_t arm_fully_connected_s8_get_buffer_size(const cmsis_nn_dims *filter_dims);

/*
 * Average int8 over windows, padding not counted, halves away from zero.
 *
 * filter_dims gives the window's h and w. Returns ARM_CMSIS_NN_ARG_ERROR, with output_data undefined, if a window
 * lies wholly outside the input: such an average does not exist.
 */
arm_cmsis_nn_status arm_avgpool_s8(const cmsis_nn_context *ctx,
                                   const cmsis_nn_pool_params *pool_params,
                                   const cmsis_nn_dims *input_dims,
                                   const int8_t *input_data,
                                   const cmsis_nn_dims *filter_dims,
                                   const cmsis_nn_dims *output_dims,
                                   int8_t *output_data);

/* Return the scratch bytes of arm_avgpool_s8: 0. */
int32_t arm_avgpool_s8_get_buffer_size(const int dim_dst_width, const int ch_src);

/*
 * Take the greatest int8 of windows; a window wholly outside the input gives the activation's minimum.
 *
 * filter_dims gives the window's h and w.
 */
arm_cmsis_nn_status arm_max_pool_s8(const cmsis_nn_context *ctx,
                                    const cmsis_nn_pool_params *pool_params,
                                    const cmsis_nn_dims *input_dims,
                                    const int8_t *input_data,
                                    const cmsis_nn_dims *filter_dims,
                                    const cmsis_nn_dims *output_dims,
                                    int8_t *output_data);

/*
 * Take the softmax of each row of int8; outputs have scale 1/256 and zero point -128.
 *
 * mult and shift rescale differences to 5 integer bits; a difference below diff_min gives -128. In place is allowed.
 */
void arm_softmax_s8(const int8_t *input,
                    const int32_t num_rows,
                    const int32_t row_size,
                    const int32_t mult,
                    const int32_t shift,
                    const int32_t diff_min,
                    int8_t *output);

/*
 * Add two int8 vectors of different scales.
 *
 * Each input plus its offset is shifted left by left_shift and rescaled; the sum is rescaled, offset and clamped. In
 * place is allowed: output may be either input.
 */
arm_cmsis_nn_status arm_elementwise_add_s8(const int8_t *input_1_vect,
                                           const int8_t *input_2_vect,
                                           const int32_t input_1_offset,
                                           const int32_t input_1_mult,
                                           const int32_t input_1_shift,
                                           const int32_t input_2_offset,
                                           const int32_t input_2_mult,
                                           const int32_t input_2_shift,
                                           const int32_t left_shift,
                                           int8_t *output,
                                           const int32_t out_offset,
                                           const int32_t out_mult,
                                           const int32_t out_shift,
                                           const int32_t out_activation_min,
                                           const int32_t out_activation_max,
                                           const int32_t block_size);

/*
 * Copy one input of a concatenation along the innermost axis to its place in the output.
 *
 * Here x is the innermost axis: the input has input_w * input_z * input_y rows of input_x bytes, the output rows of
 * output_x bytes, of which the input fills those from offset_x on.
 */
void arm_concatenation_s8_x(const int8_t *input,
                            const uint16_t input_x,
                            const uint16_t input_y,
                            const uint16_t input_z,
                            const uint16_t input_w,
                            int8_t *output,
                            const uint16_t output_x,
                            const uint32_t offset_x);

/* Surround an int8 tensor with pad_value: pre_pad before it and post_pad behind it along each axis. */
arm_cmsis_nn_status arm_pad_s8(const int8_t *input,
                               int8_t *output,
                               const int8_t pad_value,
                               const cmsis_nn_dims *input_size,
                               const cmsis_nn_dims *pre_pad,
                               const cmsis_nn_dims *post_pad);

#ifdef __cplusplus
}
#endif

#endif
