/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs kernels of netspec's own on the cases of a file, as run_cases.c does on the host: cases.bin and results.bin.
 *
 * Bytes before and behind the output must stay as they are: nothing else sees a step too far here.
 */
#include "netspec_board.h"
#include "own_kernels.h"

enum { PARAMETERS = 32, BLOBS = 7, GUARD = 16, UNTOUCHED = 0x55 };

static int8_t memory[BLOBS + 1][65536] __attribute__((aligned(4)));

static int is_untouched(const int8_t *bytes)
{
    for (int i = 0; i < GUARD; i++) {
        if (bytes[i] != UNTOUCHED) {
            return 0;
        }
    }
    return 1;
}

/* Return so many bytes, the last of the memory: a fault tells a step too far. */
static int8_t *scratch_of(int32_t bytes)
{
    static int8_t scratch[8192] __attribute__((aligned(4)));
    return scratch + sizeof scratch - bytes;
}

static void *read_blob(int file, int8_t *target)
{
    int32_t bytes = 0;
    netspec_board_read(file, &bytes, sizeof bytes);
    if (bytes > (int32_t)sizeof memory[0]) {
        netspec_board_exit(NETSPEC_BOARD_IO_FAILED);
    }
    netspec_board_read(file, target, (size_t)bytes);
    return target;
}

int main(void)
{
    const int cases = netspec_board_open_to_read("cases.bin"), results = netspec_board_open_to_write("results.bin");
    int32_t head[4], p[PARAMETERS];
    uint32_t count = 0;
    while (netspec_board_read(cases, head, sizeof head) == sizeof head) {
        if (head[1] > PARAMETERS || head[2] > BLOBS || head[3] + 2 * GUARD > (int32_t)sizeof memory[0]) {
            return NETSPEC_BOARD_IO_FAILED;
        }
        netspec_board_read(cases, p, (size_t)head[1] * sizeof p[0]);
        void *blob[BLOBS];
        for (int32_t i = 0; i < head[2]; i++) {
            blob[i] = read_blob(cases, memory[i]);
        }
        int8_t *const around = memory[BLOBS], *const output = around + GUARD;
        for (int32_t i = 0; i < head[3] + 2 * GUARD; i++) {
            around[i] = UNTOUCHED;
        }
        if (head[0] == OWN_DEPTHWISE) {
            run_depthwise(p, blob, output);
        } else if (head[0] == ADD) {
            run_add(p, blob, output);
        } else if (head[0] == DENSE_PACKED) {
            run_dense_packed(p, blob, output);
        } else if (head[0] == DEPTHWISE_3X3) {
            run_depthwise_3x3(p, blob, output, scratch_of(p[25]));
        } else if (head[0] == CONVOLVE_PACKED) {
            run_convolve_packed(p, blob, output, scratch_of(p[23]));
        } else {
            return NETSPEC_BOARD_IO_FAILED;
        }
        const int32_t status = is_untouched(around) && is_untouched(output + head[3]) ? 0 : -1;
        netspec_board_write(results, &status, sizeof status);
        netspec_board_write(results, output, (size_t)head[3]);
        count++;
    }
    netspec_board_close(cases);
    netspec_board_close(results);
    netspec_board_report("cases", count);
    return NETSPEC_BOARD_OK;
}
