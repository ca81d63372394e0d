/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a program on one of netspec's boards may call: files and text of the host by semihosting, the instruction
 * counter, the stack, and how to end. Nothing here is meant for a product: it needs a debugger or an emulator behind
 * it, which netspec's `--run` brings. All names begin with netspec_, as those of no network do.
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
    NETSPEC_BOARD_OK = 0,
    NETSPEC_BOARD_NETWORK_FAILED = 1, /* a layer's kernel refused its arguments */
    NETSPEC_BOARD_IO_FAILED = 2,      /* a file of the host is not there, too short, or cannot be written */
    NETSPEC_BOARD_FAULT = 3,          /* the processor took a fault: fault.c has said where and why */
    NETSPEC_BOARD_ASSERTION = 4       /* an assertion of the emitted code failed */
};

/* Ends the program with a status of the list above. */
void netspec_board_exit(int status) __attribute__((noreturn));

/* Writes text to the host's console. */
void netspec_board_print(const char *text);

/* Writes 8 hexadecimal digits. */
void netspec_board_print_hex(uint32_t value);

/* Writes `netspec: <key> <8 hexadecimal digits>` and ends the line: how figures reach netspec. */
void netspec_board_report(const char *key, uint32_t value);

/* Copies the words that the host gave the program, at most `size` characters with the terminator; "" if it gave none. */
void netspec_board_command_line(char *text, size_t size);

/* Opens a file of the host to read, or a new one to write. Ends the program (NETSPEC_BOARD_IO_FAILED) if that fails. */
int netspec_board_open_to_read(const char *name);
int netspec_board_open_to_write(const char *name);
void netspec_board_close(int file);

/* Reads up to `size` bytes and returns how many there were: less than `size` only at the end of the file. */
size_t netspec_board_read(int file, void *data, size_t size);

/* Writes `size` bytes. Ends the program with NETSPEC_BOARD_IO_FAILED where that fails. */
void netspec_board_write(int file, const void *data, size_t size);

/*
 * The counter: SysTick on the processor's clock, extended to 32 bits. Emulated with one instruction a nanosecond, a
 * tick is a fixed number of instructions, which netspec_board_spin tells.
 */

/* Starts the counter from 0; returns 0 where the processor has no SysTick. */
int netspec_board_counter_start(void);
uint32_t netspec_board_counter_ticks(void);
void netspec_board_counter_stop(void);

/* Executes 2 * rounds instructions, and a handful for the call; rounds is at least 1. */
void netspec_board_spin(uint32_t rounds);

/*
 * Calls `function` and returns the largest number of bytes that it had on the stack, its own frame included.
 *
 * Found by paint: words that are never written are not seen. *result is what the function returned.
 */
uint32_t netspec_board_stack_of(int (*function)(void), int *result);

/* A fault calls this, where set, to say what the program was doing. */
extern void (*netspec_board_say_what_runs)(void);

/* For startup.S. */
void netspec_board_init(void);
void netspec_board_fault(const uint32_t *frame, uint32_t exception_return) __attribute__((noreturn));
void netspec_board_counter_wrapped(void);

/* Of the linker script. The stack grows down from stack_top to stack_bottom, the lowest address of the RAM. */
extern uint32_t netspec_board_stack_bottom[], netspec_board_stack_top[];

#endif
