/* SPDX-License-Identifier: Apache-2.0 */
/* What MLPerf Tiny's harness gives to a submitter, as far as one calls it. */
#ifndef INTERNALLY_IMPLEMENTED_H
#define INTERNALLY_IMPLEMENTED_H

#include <stddef.h>
#include <stdint.h>

#define EE_MODEL_VERSION_KWS01 "kws01"
#define EE_MODEL_VERSION_VWW01 "vww01"
#define EE_MODEL_VERSION_AD01 "ad01"
#define EE_MODEL_VERSION_IC01 "ic01"

void ee_serial_command_parser_callback(char *command);
size_t ee_get_buffer(uint8_t *buffer, size_t max_len);

#endif
