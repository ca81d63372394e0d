/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "netspec_kernels.h"

void netspec_concatenate_s8(const int8_t *input, int32_t row_bytes, int32_t rows, int8_t *output, int32_t pitch)
{
    for (int32_t row = 0; row < rows; row++) {
        memcpy(output + row * pitch, input + row * row_bytes, (size_t)row_bytes);
    }
}
