/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a program on one of netspec's boards may call: files and text of the host by semihosting, the instruction
 * counter, the stack, and how to end. Nothing here is meant for a product: it needs a debugger or an emulator behind
 * it, which netspec's `--run` brings.
 *
 * A program defines main(); startup.S calls it on a stack of its own with FPU, MVE and caches on where they exist.
 * No function of a board uses the C library, so that what an image holds of it is the network's.
 */
#ifndef NETSPEC_BOARD_H
#define NETSPEC_BOARD_H

#include <stddef.h>
#include <stdint.h>

/* How a program ends: the status of the emulator. main() returns one of these. */
enum {
    BOARD_OK = 0,
    BOARD_NETWORK_FAILED = 1, /* a layer's kernel refused its arguments */
    BOARD_IO_FAILED = 2,      /* a file of the host is not there, too short, or cannot be written */
    BOARD_FAULT = 3,          /* the processor took a fault: fault.c has said where and why */
    BOARD_ASSERTION = 4       /* an assertion of the emitted code failed */
};

/* Ends the program with a status of the list above. */
void board_exit(int status) __attribute__((noreturn));

/* Writes text to the host's console. */
void board_print(const char *text);

/* Writes 8 hexadecimal digits. */
void board_print_hex(uint32_t value);

/* Writes `netspec: <key> <8 hexadecimal digits>` and ends the line: how figures reach netspec. */
void board_report(const char *key, uint32_t value);

/* Copies the words that the host gave the program, at most `size` characters with the terminator; "" if there are none. */
void board_command_line(char *text, size_t size);

/* Opens a file of the host to read, or a new one to write. Ends the program with BOARD_IO_FAILED where that fails. */
int board_open_to_read(const char *name);
int board_open_to_write(const char *name);
void board_close(int file);

/* Reads up to `size` bytes and returns how many there were: less than `size` only at the end of the file. */
size_t board_read(int file, void *data, size_t size);

/* Writes `size` bytes. Ends the program with BOARD_IO_FAILED where that fails. */
void board_write(int file, const void *data, size_t size);

/*
 * The counter: SysTick on the processor's clock, extended to 32 bits. Emulated with one instruction a nanosecond, a
 * tick is a fixed number of instructions, which board_spin tells.
 */

/* Starts the counter from 0; returns 0 where the processor has no SysTick. */
int board_counter_start(void);
uint32_t board_counter_ticks(void);
void board_counter_stop(void);

/* Executes 2 * rounds instructions, and a handful for the call; rounds is at least 1. */
void board_spin(uint32_t rounds);

/*
 * Calls `function` and returns the largest number of bytes that it had on the stack, its own frame included.
 *
 * Found by paint: words that are never written are not seen. *result is what the function returned.
 */
uint32_t board_stack_of(int (*function)(void), int *result);

/* A fault calls this, where set, to say what the program was doing. */
extern void (*board_say_what_runs)(void);

/* For startup.S. */
void board_init(void);
void board_fault(const uint32_t *frame, uint32_t exception_return) __attribute__((noreturn));
void board_counter_wrapped(void);

/* Of the linker script. The stack grows down from stack_top to stack_bottom, the lowest address of the RAM. */
extern uint32_t board_stack_bottom[], board_stack_top[];

#endif
