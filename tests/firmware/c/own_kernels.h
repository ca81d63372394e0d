/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of netspec's own kernels on cases, for the programs that run cases on the host and on boards. */
#ifndef OWN_KERNELS_H
#define OWN_KERNELS_H

#include <string.h>

#include "case_parameters.h"
#include "netspec_kernels.h"

enum { ADD = 6, OWN_DEPTHWISE = 12, DENSE_PACKED = 14, CONVOLVE_PACKED = 15, DEPTHWISE_3X3 = 16 }; /* as in kernel_cases.py */

/* Parameters: input, filter, output dims; stride, padding, dilation; offsets, limits; scratch bytes; ch_mult. */
static inline void run_depthwise(const int32_t *p, void *const *blob, int8_t *output)
{
    const netspec_convolution layer = {
        blob[1], blob[5], blob[3], blob[4], dims(p), dims(p + 4), dims(p + 8), tile(p + 12), tile(p + 14),
        tile(p + 16), (int8_t)-p[18], (int8_t)p[19], (int8_t)p[20], (int8_t)p[21]};
    netspec_depthwise_conv_s8(&layer, blob[0], output);
}

/* Parameters: offset, multiplier, shift of both inputs; left shift; those of the output; limits; size. */
static inline void run_add(const int32_t *p, void *const *blob, int8_t *output)
{
    const netspec_add sum = {p[1], p[4], p[8], (int16_t)p[0], (int16_t)p[3], (int8_t)p[2], (int8_t)p[5], (int8_t)p[9],
                             (int8_t)p[7], (int8_t)p[10], (int8_t)p[11]};
    netspec_add_s8(&sum, blob[0], blob[1], output, p[12]);
}

/* Parameters: batches, depth, outputs; offsets; multiplier, shift; limits. */
static inline void run_dense_packed(const int32_t *p, void *const *blob, int8_t *output)
{
    const int32_t eights = p[2] / 8 * 8;
    const netspec_dense first = {blob[1], blob[3], p[1], eights, p[6], (int8_t)p[7], (int8_t)p[5], (int8_t)p[8],
                                 (int8_t)p[9]};
    netspec_dense rest = first;
    rest.kernel = blob[4];
    rest.kernel_sum += eights;
    rest.outputs = p[2] - eights;
    const netspec_dense_packed layer = {first, rest};
    if (rest.outputs > 0) {
        netspec_dense_packed_s8(&layer, blob[0], output, p[0]);
    } else {
        netspec_dense_eights_s8(&first, blob[0], output, p[0]);
    }
}

/* Parameters: as for run_depthwise, but behind the scratch of Arm's kernel that of ours, 0, and the packed filters. */
static inline void run_convolve_packed(const int32_t *p, void *const *blob, int8_t *output, int8_t *scratch)
{
    const netspec_packed_convolution layer = {
        blob[5], blob[6], p[25], dims(p), dims(p + 4), dims(p + 8), tile(p + 12), tile(p + 14), tile(p + 16),
        (int8_t)-p[18], (int8_t)p[19], (int8_t)p[20], (int8_t)p[21]};
    netspec_convolve_packed_s8(&layer, blob[0], output, scratch);
}

/* Parameters: as for run_depthwise; behind ch_mult the rows of a strip, the bytes of scratch, and whether it is in place. */
static inline void run_depthwise_3x3(const int32_t *p, void *const *blob, int8_t *output, int8_t *scratch)
{
    const netspec_convolution layer = {
        blob[1], blob[5], blob[3], blob[4], dims(p), dims(p + 4), dims(p + 8), tile(p + 12), tile(p + 14),
        tile(p + 16), (int8_t)-p[18], (int8_t)p[19], (int8_t)p[20], (int8_t)p[21]};
    const int8_t *input = blob[0];
    if (p[26] != 0) {
        memcpy(output, input, (size_t)(p[1] * p[2] * p[3]));
        input = output;
    }
    netspec_depthwise_conv_3x3_s8(&layer, input, output, scratch, p[24]);
}

#endif
