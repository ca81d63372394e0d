/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs kernels on the cases of a file and writes what they returned: `run_cases CASES RESULTS`.
 *
 * The same program is built against each provider of the kernels, and the results are compared. A case is a list of
 * int32: operation, number of parameters, number of blobs, bytes of output, then the parameters, then each blob as
 * its bytes and its content. A result is the status and the output. Every buffer is an allocation of its own and no
 * longer than the kernel may use, so that the address sanitizer sees a step too far.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "netspec_kernels.h"
#include "own_kernels.h"

enum { MAX_PARAMETERS = 32, MAX_BLOBS = 7 };

typedef struct {
    int32_t operation;
    int32_t parameters;
    int32_t blobs;
    int32_t output_bytes;
    int32_t p[MAX_PARAMETERS];
    void *blob[MAX_BLOBS]; /* null where the case gives no bytes */
    int8_t *output;
    cmsis_nn_context context;
} test_case;

static void fail(const char *reason)
{
    fprintf(stderr, "run_cases: %s\n", reason);
    exit(2);
}

static void *allocate(int32_t bytes)
{
    void *memory = malloc(bytes > 0 ? (size_t)bytes : 1);
    if (memory == NULL) {
        fail("out of memory");
    }
    return memory;
}

static void read_bytes(FILE *file, void *target, int32_t bytes)
{
    if (fread(target, 1, (size_t)bytes, file) != (size_t)bytes) {
        fail("the file of cases ends early");
    }
}

/*
 * Kernels of netspec whose work CMSIS-NN has a function for: with ARM_<NAME> defined that one is run in their place.
 */

typedef struct {
    cmsis_nn_dims input, filter, output;
    cmsis_nn_tile stride, padding, dilation;
    cmsis_nn_activation limits;
    cmsis_nn_per_channel_quant_params scales;
} convolution;

/* Parameters: input, filter, output dims; stride, padding, dilation; offsets, limits; scratch bytes; ch_mult; which. */
static convolution read_convolution(test_case *c)
{
    const int32_t *p = c->p;
    const convolution result = {dims(p), dims(p + 4), dims(p + 8), tile(p + 12), tile(p + 14), tile(p + 16),
                                {p[20], p[21]}, {c->blob[3], c->blob[4]}};
    return result;
}

/* The same; scratch bytes are those of arm_convolve_s8, those of the columns follow, which, and their number. */
static arm_cmsis_nn_status convolve(test_case *c)
{
    const convolution w = read_convolution(c);
    const cmsis_nn_conv_params params = {c->p[18], c->p[19], w.stride, w.padding, w.dilation, w.limits};
    if (c->p[24] == 1) {
        return arm_convolve_1x1_s8_fast(&c->context, &params, &w.scales, &w.input, c->blob[0], &w.filter, c->blob[1],
                                        NULL, c->blob[2], &w.output, c->output);
    }
    if (c->p[24] == 2) {
        return arm_convolve_1x1_s8(&c->context, &params, &w.scales, &w.input, c->blob[0], &w.filter, c->blob[1], NULL,
                                   c->blob[2], &w.output, c->output);
    }
    if (c->p[24] == 3) {
        return arm_convolve_1_x_n_s8(&c->context, &params, &w.scales, &w.input, c->blob[0], &w.filter, c->blob[1], NULL,
                                     c->blob[2], &w.output, c->output);
    }
#if defined(ARM_CONVOLVE_S8)
    return arm_convolve_s8(&c->context, &params, &w.scales, &w.input, c->blob[0], &w.filter, c->blob[1], NULL,
                           c->blob[2], NETSPEC_NO_UPSCALING &w.output, c->output);
#else
    const netspec_convolution layer = {
        c->blob[1], c->blob[5], c->blob[3], c->blob[4], w.input, w.filter, w.output, w.stride, w.padding, w.dilation,
        (int8_t)-c->p[18], (int8_t)c->p[19], (int8_t)w.limits.min, (int8_t)w.limits.max};
    int8_t *columns = c->p[23] > 0 ? allocate(c->p[23]) : NULL;
    netspec_convolve_s8(&layer, c->blob[0], c->output, columns, c->p[25]);
    free(columns);
    return ARM_CMSIS_NN_SUCCESS;
#endif
}

/* The same with packed filters: blobs are also those, and their scales. */
static arm_cmsis_nn_status convolve_packed(test_case *c)
{
#if defined(ARM_CONVOLVE_S8)
    return convolve(c);
#else
    int8_t *scratch = allocate(c->p[23]);
    run_convolve_packed(c->p, c->blob, c->output, scratch);
    free(scratch);
    return ARM_CMSIS_NN_SUCCESS;
#endif
}

static arm_cmsis_nn_status convolve_depthwise(test_case *c)
{
    const convolution w = read_convolution(c);
    const cmsis_nn_dw_conv_params params = {c->p[18], c->p[19], c->p[23], w.stride, w.padding, w.dilation, w.limits};
    const int8_t *x = c->blob[0], *kernel = c->blob[1];
    const int32_t *bias = c->blob[2];
    switch (c->p[24]) {
        case 0:
            return arm_depthwise_conv_s8(
                &c->context, &params, &w.scales, &w.input, x, &w.filter, kernel, NULL, bias, &w.output, c->output);
        case 1:
            return arm_depthwise_conv_3x3_s8(
                &c->context, &params, &w.scales, &w.input, x, &w.filter, kernel, NULL, bias, &w.output, c->output);
        default:
            return arm_depthwise_conv_s8_opt(
                &c->context, &params, &w.scales, &w.input, x, &w.filter, kernel, NULL, bias, &w.output, c->output);
    }
}

/* Parameters: as above, n of the filter being ch_mult. */
static arm_cmsis_nn_status convolve_own_depthwise(test_case *c)
{
#if defined(ARM_DEPTHWISE_CONV_S8)
    const convolution w = read_convolution(c);
    const cmsis_nn_dw_conv_params params = {c->p[18], c->p[19], c->p[23], w.stride, w.padding, w.dilation, w.limits};
    return arm_depthwise_conv_s8(&c->context, &params, &w.scales, &w.input, c->blob[0], &w.filter, c->blob[1], NULL,
                                 c->blob[2], &w.output, c->output);
#else
    run_depthwise(c->p, c->blob, c->output);
    return ARM_CMSIS_NN_SUCCESS;
#endif
}

static arm_cmsis_nn_status convolve_3x3(test_case *c)
{
#if defined(ARM_DEPTHWISE_CONV_S8)
    return convolve_own_depthwise(c);
#else
    int8_t *scratch = allocate(c->p[25]);
    run_depthwise_3x3(c->p, c->blob, c->output, scratch);
    free(scratch);
    return ARM_CMSIS_NN_SUCCESS;
#endif
}

/* Parameters: batches, depth, outputs; offsets; multiplier, shift; limits. */
static arm_cmsis_nn_status dense(test_case *c)
{
    const int32_t *p = c->p;
#if defined(ARM_FULLY_CONNECTED_S8)
    const cmsis_nn_dims input = {p[0], 1, 1, p[1]};
    const cmsis_nn_dims filter = {p[1], 1, 1, p[2]};
    const cmsis_nn_dims bias = {1, 1, 1, p[2]};
    const cmsis_nn_dims output = {p[0], 1, 1, p[2]};
    const cmsis_nn_fc_params params = {p[3], p[4], p[5], {p[8], p[9]}};
    const cmsis_nn_per_tensor_quant_params quant = {p[6], p[7]};
    return arm_fully_connected_s8(&c->context, &params, &quant, &input, c->blob[0], &filter, c->blob[1], &bias,
                                  c->blob[2], &output, c->output);
#else
    const netspec_dense layer = {c->blob[1], c->blob[3], p[1], p[2], p[6], (int8_t)p[7], (int8_t)p[5], (int8_t)p[8],
                                 (int8_t)p[9]};
    netspec_dense_s8(&layer, c->blob[0], c->output, p[0]);
    return ARM_CMSIS_NN_SUCCESS;
#endif
}

/* Parameters: as above; of the kernel the weights are packed, and those of the rest follow the sums. */
static arm_cmsis_nn_status dense_packed(test_case *c)
{
#if defined(ARM_FULLY_CONNECTED_S8)
    void *const packed = c->blob[1];
    c->blob[1] = c->blob[5];
    c->blob[5] = packed;
    return dense(c);
#else
    run_dense_packed(c->p, c->blob, c->output);
    return ARM_CMSIS_NN_SUCCESS;
#endif
}

/* Parameters: input, output dims; window, stride, padding; limits. */
static arm_cmsis_nn_status pool(test_case *c, int average)
{
    const int32_t *p = c->p;
    const cmsis_nn_dims input = dims(p);
    const cmsis_nn_dims output = dims(p + 4);
    const cmsis_nn_dims window = {1, p[8], p[9], 1};
    const cmsis_nn_pool_params params = {tile(p + 10), tile(p + 12), {p[14], p[15]}};
    if (!average) {
#if defined(ARM_MAX_POOL_S8)
        return arm_max_pool_s8(&c->context, &params, &input, c->blob[0], &window, &output, c->output);
#else
        return netspec_max_pool_s8(&params, &input, c->blob[0], &window, &output, c->output);
#endif
    }
#if defined(ARM_AVGPOOL_S8)
    return arm_avgpool_s8(&c->context, &params, &input, c->blob[0], &window, &output, c->output);
#else
    return netspec_average_pool_s8(&params, &input, c->blob[0], &window, &output, c->output);
#endif
}

static arm_cmsis_nn_status softmax(test_case *c)
{
    const int32_t *p = c->p;
#if defined(ARM_SOFTMAX_S8)
    arm_softmax_s8(c->blob[0], p[0], p[1], p[2], p[3], p[4], c->output);
#else
    netspec_softmax_s8(c->blob[0], p[0], p[1], p[2], p[3], p[4], c->output);
#endif
    return ARM_CMSIS_NN_SUCCESS;
}

/* Parameters: offset, multiplier, shift of both inputs; left shift; those of the output; limits; size. */
static arm_cmsis_nn_status add(test_case *c)
{
    const int32_t *p = c->p;
#if defined(ARM_ELEMENTWISE_ADD_S8)
    return arm_elementwise_add_s8(c->blob[0], c->blob[1], p[0], p[1], p[2], p[3], p[4], p[5], p[6], c->output, p[7],
                                  p[8], p[9], p[10], p[11], p[12]);
#else
    run_add(p, c->blob, c->output);
    return ARM_CMSIS_NN_SUCCESS;
#endif
}

/* Parameters: channels, width, height, batches; channels of the output, and how many come before these. */
static arm_cmsis_nn_status concatenate(test_case *c)
{
    const int32_t *p = c->p;
#if defined(ARM_CONCATENATION_S8_X)
    arm_concatenation_s8_x(c->blob[0], (uint16_t)p[0], (uint16_t)p[1], (uint16_t)p[2], (uint16_t)p[3], c->output,
                           (uint16_t)p[4], (uint32_t)p[5]);
#else
    netspec_concatenate_s8(c->blob[0], p[0], p[1] * p[2] * p[3], c->output + p[5], p[4]);
#endif
    return ARM_CMSIS_NN_SUCCESS;
}

/* Parameters: value; shapes of the input, of what comes before and after. Only Arm's kernel pads batches and channels. */
static arm_cmsis_nn_status pad(test_case *c, int around_an_image)
{
    const int32_t *p = c->p;
    const cmsis_nn_dims size = dims(p + 1), before = dims(p + 5), after = dims(p + 9);
#if !defined(ARM_PAD_S8)
    if (around_an_image) {
        const int32_t row = (before.w + size.w + after.w) * size.c;
        const netspec_pad layer = {size.h,
                                   size.w * size.c,
                                   before.h * row + before.w * size.c,
                                   (after.w + before.w) * size.c,
                                   after.w * size.c + after.h * row,
                                   (int8_t)p[0]};
        netspec_pad_s8(&layer, c->blob[0], c->output);
        return ARM_CMSIS_NN_SUCCESS;
    }
#else
    (void)around_an_image;
#endif
    return arm_pad_s8(c->blob[0], c->output, (int8_t)p[0], &size, &before, &after);
}

static arm_cmsis_nn_status run(test_case *c)
{
    const int32_t *p = c->p;
    const int8_t *first = c->blob[0];
    switch (c->operation) {
        case 0:
            return convolve(c);
        case 1:
            return convolve_depthwise(c);
        case 2:
            return dense(c);
        case 3:
            return pool(c, 1);
        case 4:
            return pool(c, 0);
        case 5:
            return softmax(c);
        case ADD:
            return add(c);
        case 7:
            return concatenate(c);
        case 8:
            return pad(c, 0);
        case 9:
            return netspec_table_s8(first, c->blob[1], c->output, p[0]);
        case 10: {
            const cmsis_nn_dims size = dims(p);
            return netspec_mean_s8(first, &size, p[4], p[5], p[6], p[7], c->output);
        }
        case 11: /* as 9, in place */
            memcpy(c->output, first, (size_t)p[0]);
            return netspec_table_s8(c->output, c->blob[1], c->output, p[0]);
        case OWN_DEPTHWISE:
            return convolve_own_depthwise(c);
        case 13:
            return pad(c, 1);
        case DENSE_PACKED:
            return dense_packed(c);
        case DEPTHWISE_3X3:
            return convolve_3x3(c);
        case CONVOLVE_PACKED:
            return convolve_packed(c);
        default:
            fail("unknown operation");
    }
    return ARM_CMSIS_NN_ARG_ERROR;
}

int main(int argc, char **argv)
{
    FILE *cases = argc == 3 ? fopen(argv[1], "rb") : NULL;
    FILE *results = argc == 3 ? fopen(argv[2], "wb") : NULL;
    if (cases == NULL || results == NULL) {
        fail("usage: run_cases CASES RESULTS");
    }
    for (;;) {
        test_case c = {0};
        if (fread(&c.operation, sizeof c.operation, 1, cases) != 1) {
            break;
        }
        read_bytes(cases, &c.parameters, 3 * (int32_t)sizeof(int32_t));
        if (c.parameters > MAX_PARAMETERS || c.blobs > MAX_BLOBS) {
            fail("a case is too large");
        }
        read_bytes(cases, c.p, c.parameters * (int32_t)sizeof(int32_t));
        for (int32_t i = 0; i < c.blobs; i++) {
            int32_t bytes = 0;
            read_bytes(cases, &bytes, (int32_t)sizeof bytes);
            if (bytes > 0) {
                c.blob[i] = allocate(bytes);
                read_bytes(cases, c.blob[i], bytes);
            }
        }
        c.output = allocate(c.output_bytes);
        memset(c.output, 0x55, (size_t)c.output_bytes);
        if (c.operation <= 1 || c.operation == CONVOLVE_PACKED) {
            c.context.size = c.p[22];
            c.context.buf = c.p[22] > 0 ? allocate(c.p[22]) : NULL;
        }

        const int32_t status = (int32_t)run(&c);
        fwrite(&status, sizeof status, 1, results);
        fwrite(c.output, 1, (size_t)c.output_bytes, results);

        free(c.context.buf);
        free(c.output);
        for (int32_t i = 0; i < c.blobs; i++) {
            free(c.blob[i]);
        }
    }
    fclose(cases);
    return fclose(results) == 0 ? 0 : 2;
}
