/* SPDX-License-Identifier: Apache-2.0 */
/* What app.c runs: a file that netspec writes for each network defines these. */
#ifndef NETSPEC_BOARD_NETWORK_H
#define NETSPEC_BOARD_NETWORK_H

#include <stddef.h>
#include <stdint.h>

/* Fills the memory of the network, then reads the inputs of one sample from a file; 0 at the end of the file. */
int netspec_app_load_sample(int file);

/* Runs the network on what was loaded: 0, or the status of the layer that failed. */
int netspec_app_run(void);

/* Writes the outputs of the network, one behind the other. */
void netspec_app_save_outputs(int file);

/* Returns the name of the layer that a status stands for; NULL where the network was not compiled to be traced. */
const char *netspec_app_status_name(int status);

/* For netspec_app_load_sample: fill memory with a pattern, and read an input; 0 at the end of the file, if `first`. */
void netspec_app_fill(void *memory, size_t size);
int netspec_app_read(int file, void *data, size_t size, int first);

/* The network calls this after each layer where it was compiled to be traced. */
void netspec_app_trace(int index, const int8_t *data, size_t size);

#endif
