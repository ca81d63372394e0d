/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of MLPerf Tiny's harness that a submission meets, driven by standard input: samples of as many bytes as the
 * first argument says. For each it loads once and infers often, with warm-ups, as the harness does.
 */
#include "api/internally_implemented.h"
#include "api/submitter_implemented.h"

#include <stdlib.h>
#include <string.h>

#include <vector>

static std::vector<uint8_t> sample;

size_t ee_get_buffer(uint8_t *buffer, size_t max_len)
{
    const size_t count = sample.size() < max_len ? sample.size() : max_len;
    memcpy(buffer, sample.data(), count);
    return count;
}

/* A command is what th_command_ready hands on, outside the interrupt: the harness' own loop, here its test. */
void ee_serial_command_parser_callback(char *command)
{
    char text[16];
    th_strncpy(text, command, sizeof text);
    if (th_strncmp(text, "infer", sizeof text) != 0 || th_strnlen(text, sizeof text) != 5) {
        abort();
    }
    th_load_tensor();
    th_infer();
    th_infer();
    th_timestamp();
    th_pre();
    th_infer();
    th_infer();
    th_post();
    th_timestamp();
    th_results();
}

int main(int count, char **words)
{
    sample.resize(static_cast<size_t>(count > 1 ? th_atoi(words[1]) : 0));
    th_serialport_initialize();
    th_timestamp_initialize();
    th_final_initialize();
    /* The length, then the bytes: th_getchar cannot tell an end from the byte 255. */
    for (int samples = count > 2 ? th_atoi(words[2]) : 0; samples > 0; samples--) {
        for (uint8_t &byte : sample) {
            byte = static_cast<uint8_t>(th_getchar());
        }
        char command[] = "infer";
        th_command_ready(command);
    }
    return 0;
}
