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

enum { MAX_PARAMETERS = 32, MAX_BLOBS = 5 };

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

static cmsis_nn_dims dims(const int32_t *p)
{
    const cmsis_nn_dims result = {p[0], p[1], p[2], p[3]};
    return result;
}

static cmsis_nn_tile tile(const int32_t *p)
{
    const cmsis_nn_tile result = {.h = p[0], .w = p[1]};
    return result;
}

/* Parameters: input, filter, output dims; stride, padding, dilation; offsets, limits; scratch bytes; ch_mult. */
static arm_cmsis_nn_status convolve(test_case *c, int depthwise)
{
    const int32_t *p = c->p;
    const cmsis_nn_dims input = dims(p);
    const cmsis_nn_dims filter = dims(p + 4);
    const cmsis_nn_dims output = dims(p + 8);
    const cmsis_nn_dims bias = {1, 1, 1, output.c};
    const cmsis_nn_activation limits = {p[20], p[21]};
    const cmsis_nn_per_channel_quant_params quant = {c->blob[3], c->blob[4]};
    if (depthwise) {
        const cmsis_nn_dw_conv_params params = {p[18], p[19], p[23], tile(p + 12), tile(p + 14), tile(p + 16), limits};
        return arm_depthwise_conv_wrapper_s8(&c->context,
                                             &params,
                                             &quant,
                                             &input,
                                             c->blob[0],
                                             &filter,
                                             c->blob[1],
                                             &bias,
                                             c->blob[2],
                                             &output,
                                             c->output);
    }
    const cmsis_nn_conv_params params = {p[18], p[19], tile(p + 12), tile(p + 14), tile(p + 16), limits};
    return arm_convolve_wrapper_s8(&c->context,
                                   &params,
                                   &quant,
                                   &input,
                                   c->blob[0],
                                   &filter,
                                   c->blob[1],
                                   &bias,
                                   c->blob[2],
                                   &output,
                                   c->output);
}

/* Parameters: batches, depth, outputs; offsets; multiplier, shift; limits. */
static arm_cmsis_nn_status fully_connected(test_case *c)
{
    const int32_t *p = c->p;
    const cmsis_nn_dims input = {p[0], 1, 1, p[1]};
    const cmsis_nn_dims filter = {p[1], 1, 1, p[2]};
    const cmsis_nn_dims bias = {1, 1, 1, p[2]};
    const cmsis_nn_dims output = {p[0], 1, 1, p[2]};
    const cmsis_nn_fc_params params = {p[3], p[4], p[5], {p[8], p[9]}};
    const cmsis_nn_per_tensor_quant_params quant = {p[6], p[7]};
    return arm_fully_connected_s8(&c->context,
                                  &params,
                                  &quant,
                                  &input,
                                  c->blob[0],
                                  &filter,
                                  c->blob[1],
                                  &bias,
                                  c->blob[2],
                                  &output,
                                  c->output);
}

/* Parameters: input, output dims; window, stride, padding; limits. */
static arm_cmsis_nn_status pool(test_case *c, int average)
{
    const int32_t *p = c->p;
    const cmsis_nn_dims input = dims(p);
    const cmsis_nn_dims output = dims(p + 4);
    const cmsis_nn_dims window = {1, p[8], p[9], 1};
    const cmsis_nn_pool_params params = {tile(p + 10), tile(p + 12), {p[14], p[15]}};
    return (average ? arm_avgpool_s8 : arm_max_pool_s8)(
        &c->context, &params, &input, c->blob[0], &window, &output, c->output);
}

static arm_cmsis_nn_status run(test_case *c)
{
    const int32_t *p = c->p;
    const int8_t *first = c->blob[0];
    switch (c->operation) {
        case 0:
            return convolve(c, 0);
        case 1:
            return convolve(c, 1);
        case 2:
            return fully_connected(c);
        case 3:
            return pool(c, 1);
        case 4:
            return pool(c, 0);
        case 5:
            arm_softmax_s8(first, p[0], p[1], p[2], p[3], p[4], c->output);
            return ARM_CMSIS_NN_SUCCESS;
        case 6:
            return arm_elementwise_add_s8(first, c->blob[1], p[0], p[1], p[2], p[3], p[4], p[5], p[6], c->output,
                                          p[7], p[8], p[9], p[10], p[11], p[12]);
        case 7:
            arm_concatenation_s8_x(first, (uint16_t)p[0], (uint16_t)p[1], (uint16_t)p[2], (uint16_t)p[3], c->output,
                                   (uint16_t)p[4], (uint32_t)p[5]);
            return ARM_CMSIS_NN_SUCCESS;
        case 8: {
            const cmsis_nn_dims size = dims(p + 1);
            const cmsis_nn_dims before = dims(p + 5);
            const cmsis_nn_dims after = dims(p + 9);
            return arm_pad_s8(first, c->output, (int8_t)p[0], &size, &before, &after);
        }
        case 9:
            return netspec_table_s8(first, c->blob[1], c->output, p[0]);
        case 10: {
            const cmsis_nn_dims size = dims(p);
            return netspec_mean_s8(first, &size, p[4], p[5], p[6], p[7], c->output);
        }
        case 11: /* as 9, in place */
            memcpy(c->output, first, (size_t)p[0]);
            return netspec_table_s8(c->output, c->blob[1], c->output, p[0]);
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
        if (c.operation <= 1) {
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
