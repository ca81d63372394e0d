/* SPDX-License-Identifier: Apache-2.0 */
/* Takes the fault that the host names: netspec's boards must say where and why. */
#include "netspec_board.h"

static char words[64];

static int named(const char *wanted)
{
    const char *word = words;
    for (const char *at = words; *at != '\0'; at++) {
        if (*at == ' ') {
            word = at + 1;
        }
    }
    while (*word != '\0' && *word == *wanted) {
        word++;
        wanted++;
    }
    return *word == *wanted;
}

/* No board has memory there. */
uint32_t read_bad_address(void) __attribute__((noinline));
uint32_t read_bad_address(void)
{
    return *(volatile uint32_t *)0x1f000000u;
}

static const uint32_t constants[2] = {1, 2};

void write_constant(void) __attribute__((noinline));
void write_constant(void)
{
    *(volatile uint32_t *)(uintptr_t)constants = 3;
}

void undefined_instruction(void) __attribute__((noinline));
void undefined_instruction(void)
{
    __asm volatile("udf #0");
}

/* Deeper than any stack. The pointer is volatile and the frame is read afterwards, so that it stays a recursion. */
uint32_t recurse(uint32_t depth);
static uint32_t (*volatile deeper)(uint32_t) = recurse;

uint32_t recurse(uint32_t depth)
{
    volatile uint32_t frame[16];
    frame[0] = depth;
    return depth == 0 ? 0 : deeper(depth - 1) + frame[0];
}

uint32_t divide(volatile int *by) __attribute__((noinline));
uint32_t divide(volatile int *by)
{
    return (uint32_t)(1000 / *by);
}

static void say(void)
{
    netspec_board_print("fault: layer of the test\n");
}

int main(void)
{
    netspec_board_command_line(words, sizeof words);
    netspec_board_say_what_runs = say;
    if (named("address")) {
        return (int)read_bad_address();
    }
    if (named("constant")) {
        write_constant();
    }
    if (named("undefined")) {
        undefined_instruction();
    }
    if (named("overflow")) {
        return (int)recurse(1000000);
    }
    if (named("jump")) {
        ((void (*)(void))0x1f000000u)(); /* the Thumb bit is not set */
    }
    if (named("divide")) {
        volatile int zero = 0;
        return (int)divide(&zero);
    }
    return NETSPEC_BOARD_OK;
}
