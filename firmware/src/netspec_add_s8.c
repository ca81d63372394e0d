/* SPDX-License-Identifier: Apache-2.0 */
#include "sum.h"

void netspec_add_s8(const netspec_add *sum, const int8_t *one, const int8_t *two, int8_t *output, int32_t size)
{
    ns_sum(sum, one, two, output, size, 0);
}
