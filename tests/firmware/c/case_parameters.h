/* SPDX-License-Identifier: Apache-2.0 */
/* What the parameters of a case mean, for the programs that run cases on the host and on boards. */
#ifndef CASE_PARAMETERS_H
#define CASE_PARAMETERS_H

#include "netspec_kernels.h"

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

#endif
