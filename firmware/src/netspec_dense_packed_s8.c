/* SPDX-License-Identifier: Apache-2.0 */
#include "netspec_kernels.h"

void netspec_dense_packed_s8(const netspec_dense_packed *layer, const int8_t *input, int8_t *output, int32_t rows)
{
    for (; rows > 0; rows--, input += layer->rest.inputs) {
        netspec_dense_eights_s8(&layer->eights, input, output, 1);
        output += layer->eights.outputs;
        netspec_dense_s8(&layer->rest, input, output, 1);
        output += layer->rest.outputs;
    }
}
