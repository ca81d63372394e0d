/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "netspec_kernels.h"

void netspec_pad_s8(const netspec_pad *pad, const int8_t *input, int8_t *output)
{
    const int32_t row_bytes = pad->row_bytes;
    memset(output, pad->value, (size_t)pad->before);
    output += pad->before;
    for (int32_t left = pad->rows; left > 0; left--) {
        const int32_t zeros = left > 1 ? pad->between : pad->after;
        memcpy(output, input, (size_t)row_bytes);
        memset(output + row_bytes, pad->value, (size_t)zeros);
        input += row_bytes;
        output += row_bytes + zeros;
    }
}
