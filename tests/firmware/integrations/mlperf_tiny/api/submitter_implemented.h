/* SPDX-License-Identifier: Apache-2.0 */
/* What MLPerf Tiny's harness wants of a submitter: C++ functions, though their names are those of C. */
#ifndef SUBMITTER_IMPLEMENTED_H
#define SUBMITTER_IMPLEMENTED_H

#include <stdarg.h>
#include <stddef.h>

#ifndef TH_MODEL_VERSION
#error "the build names the benchmark: TH_MODEL_VERSION"
#endif
#ifndef EE_CFG_ENERGY_MODE
#define EE_CFG_ENERGY_MODE 0
#endif
#define EE_MSG_TIMESTAMP "m-lap-us-%lu\r\n"
#define EE_MSG_TIMESTAMP_MODE "m-timestamp-mode-performance\r\n"

void th_load_tensor();
void th_results();
void th_infer();
void th_timestamp(void);
void th_printf(const char *format, ...);
char th_getchar();

void th_serialport_initialize(void);
void th_timestamp_initialize(void);
void th_final_initialize(void);
void th_pre();
void th_post();
void th_command_ready(char volatile *command);

int th_strncmp(const char *a, const char *b, size_t size);
char *th_strncpy(char *to, const char *from, size_t size);
size_t th_strnlen(const char *text, size_t most);
char *th_strcat(char *to, const char *from);
char *th_strtok(char *text, const char *separators);
int th_atoi(const char *text);
void *th_memset(void *to, int value, size_t size);
void *th_memcpy(void *to, const void *from, size_t size);
int th_vprintf(const char *format, va_list arguments);

#endif
