/* SPDX-License-Identifier: Apache-2.0 */
/* Text, files and the end of the program, by Arm's semihosting: a breakpoint that the emulator or debugger answers. */
#include "board.h"

enum {
    SYS_OPEN = 0x01,
    SYS_CLOSE = 0x02,
    SYS_WRITE0 = 0x04,
    SYS_WRITE = 0x05,
    SYS_READ = 0x06,
    SYS_GET_CMDLINE = 0x15,
    SYS_EXIT_EXTENDED = 0x20,
    MODE_READ_BINARY = 1,
    MODE_WRITE_BINARY = 5
};
#define APPLICATION_EXIT 0x20026u

int board_semihost(int operation, const void *block);

static size_t length(const char *text)
{
    size_t count = 0;
    while (text[count] != '\0') {
        count++;
    }
    return count;
}

void board_exit(int status)
{
    const uint32_t block[2] = {APPLICATION_EXIT, (uint32_t)status};
    for (;;) {
        board_semihost(SYS_EXIT_EXTENDED, block);
    }
}

void board_print(const char *text)
{
    board_semihost(SYS_WRITE0, text);
}

void board_print_hex(uint32_t value)
{
    char digits[9];
    for (int i = 0; i < 8; i++) {
        digits[i] = "0123456789abcdef"[(value >> (28 - 4 * i)) & 15u];
    }
    digits[8] = '\0';
    board_print(digits);
}

void board_report(const char *key, uint32_t value)
{
    board_print("netspec: ");
    board_print(key);
    board_print(" ");
    board_print_hex(value);
    board_print("\n");
}

void board_command_line(char *text, size_t size)
{
    const struct {
        char *text;
        uint32_t size;
    } block = {text, (uint32_t)size};
    text[0] = '\0';
    if (board_semihost(SYS_GET_CMDLINE, &block) != 0) {
        text[0] = '\0';
    }
}

static int open_file(const char *name, uint32_t mode)
{
    const struct {
        const char *name;
        uint32_t mode, length;
    } block = {name, mode, (uint32_t)length(name)};
    const int file = board_semihost(SYS_OPEN, &block);
    if (file < 0) {
        board_print("cannot open ");
        board_print(name);
        board_print("\n");
        board_exit(BOARD_IO_FAILED);
    }
    return file;
}

int board_open_to_read(const char *name)
{
    return open_file(name, MODE_READ_BINARY);
}

int board_open_to_write(const char *name)
{
    return open_file(name, MODE_WRITE_BINARY);
}

void board_close(int file)
{
    const int block[1] = {file};
    board_semihost(SYS_CLOSE, block);
}

/* Returns the bytes that were not read or written, as the operation does. */
static size_t transfer(int operation, int file, const void *data, size_t size)
{
    const struct {
        int file;
        const void *data;
        uint32_t size;
    } block = {file, data, (uint32_t)size};
    return (size_t)board_semihost(operation, &block);
}

size_t board_read(int file, void *data, size_t size)
{
    unsigned char *to = data;
    size_t done = 0;
    while (done < size) {
        const size_t left = transfer(SYS_READ, file, to + done, size - done);
        if (left > size - done) {
            board_print("cannot read\n");
            board_exit(BOARD_IO_FAILED);
        }
        if (left == size - done) {
            break;
        }
        done = size - left;
    }
    return done;
}

void board_write(int file, const void *data, size_t size)
{
    if (size > 0 && transfer(SYS_WRITE, file, data, size) != 0) {
        board_print("cannot write\n");
        board_exit(BOARD_IO_FAILED);
    }
}

/* What assert() of newlib calls. */
void __assert_func(const char *file, int line, const char *function, const char *condition) __attribute__((noreturn));

void __assert_func(const char *file, int line, const char *function, const char *condition)
{
    (void)file; /* a name of the build's scratch folder */
    board_print("assertion failed in ");
    board_print(function != NULL ? function : "?");
    board_print(", line 0x");
    board_print_hex((uint32_t)line);
    board_print(": ");
    board_print(condition);
    board_print("\n");
    if (board_say_what_runs != NULL) {
        board_say_what_runs();
    }
    board_exit(BOARD_ASSERTION);
}
