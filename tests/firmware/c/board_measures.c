/* SPDX-License-Identifier: Apache-2.0 */
/* Loops and frames of known size, which the counter and the paint on the stack must give back. */
#include "netspec_board.h"

#define SHORT_ROUNDS 1000u
#define LONG_ROUNDS 1001000u

static volatile unsigned char sink;

/* Seven instructions a round. */
void seven(uint32_t rounds) __attribute__((noinline));
void seven(uint32_t rounds)
{
    __asm volatile(".syntax unified\n1: nop\n\tnop\n\tnop\n\tnop\n\tnop\n\tsubs %0, %0, #1\n\tbne 1b" : "+l"(rounds) : : "cc");
}

/* Writes all of a frame that is much larger than what is saved beside it. */
int large_frame(void);
int large_frame(void)
{
    volatile unsigned char bytes[512];
    for (unsigned i = 0; i < sizeof bytes; i++) {
        bytes[i] = 1;
    }
    sink = bytes[sizeof bytes - 1];
    return 42;
}

static uint32_t ticks_of(void (*loop)(uint32_t), uint32_t rounds)
{
    const uint32_t start = netspec_board_counter_ticks();
    loop(rounds);
    return netspec_board_counter_ticks() - start;
}

int main(void)
{
    char words[64];
    int result;
    netspec_board_report("stack", netspec_board_stack_of(large_frame, &result));
    netspec_board_report("result", (uint32_t)result);
    if (!netspec_board_counter_start()) {
        return NETSPEC_BOARD_IO_FAILED;
    }
    const uint32_t loops = ticks_of(netspec_board_spin, LONG_ROUNDS) - ticks_of(netspec_board_spin, SHORT_ROUNDS);
    netspec_board_report("calibration", loops);
    netspec_board_report("seven", ticks_of(seven, LONG_ROUNDS) - ticks_of(seven, SHORT_ROUNDS));
    netspec_board_command_line(words, sizeof words);
    for (const char *at = words; *at != '\0'; at++) {
        if (*at == '+') { /* as many as SysTick's 24 bits do not hold */
            netspec_board_report("long", ticks_of(netspec_board_spin, 400000000u));
        }
    }
    return NETSPEC_BOARD_OK;
}
