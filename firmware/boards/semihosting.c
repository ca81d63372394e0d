/* SPDX-License-Identifier: Apache-2.0 */
/* Text, files and the end of the program, by Arm's semihosting: a breakpoint that the emulator or debugger answers. */
#include "netspec_board.h"

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

int netspec_board_semihost(int operation, const void *block);

static size_t length(const char *text)
{
    size_t count = 0;
    while (text[count] != '\0') {
        count++;
    }
    return count;
}

void netspec_board_exit(int status)
{
    const uint32_t block[2] = {APPLICATION_EXIT, (uint32_t)status};
    for (;;) {
        netspec_board_semihost(SYS_EXIT_EXTENDED, block);
    }
}

void netspec_board_print(const char *text)
{
    netspec_board_semihost(SYS_WRITE0, text);
}

void netspec_board_print_hex(uint32_t value)
{
    char digits[9];
    for (int i = 0; i < 8; i++) {
        digits[i] = "0123456789abcdef"[(value >> (28 - 4 * i)) & 15u];
    }
    digits[8] = '\0';
    netspec_board_print(digits);
}

void netspec_board_report(const char *key, uint32_t value)
{
    netspec_board_print("netspec: ");
    netspec_board_print(key);
    netspec_board_print(" ");
    netspec_board_print_hex(value);
    netspec_board_print("\n");
}

void netspec_board_command_line(char *text, size_t size)
{
    const struct {
        char *text;
        uint32_t size;
    } block = {text, (uint32_t)size};
    text[0] = '\0';
    if (netspec_board_semihost(SYS_GET_CMDLINE, &block) != 0) {
        text[0] = '\0';
    }
}

static int open_file(const char *name, uint32_t mode)
{
    const struct {
        const char *name;
        uint32_t mode, length;
    } block = {name, mode, (uint32_t)length(name)};
    const int file = netspec_board_semihost(SYS_OPEN, &block);
    if (file < 0) {
        netspec_board_print("cannot open ");
        netspec_board_print(name);
        netspec_board_print("\n");
        netspec_board_exit(NETSPEC_BOARD_IO_FAILED);
    }
    return file;
}

int netspec_board_open_to_read(const char *name)
{
    return open_file(name, MODE_READ_BINARY);
}

int netspec_board_open_to_write(const char *name)
{
    return open_file(name, MODE_WRITE_BINARY);
}

void netspec_board_close(int file)
{
    const int block[1] = {file};
    netspec_board_semihost(SYS_CLOSE, block);
}

/* Returns the bytes that were not read or written, as the operation does. */
static size_t transfer(int operation, int file, const void *data, size_t size)
{
    const struct {
        int file;
        const void *data;
        uint32_t size;
    } block = {file, data, (uint32_t)size};
    return (size_t)netspec_board_semihost(operation, &block);
}

size_t netspec_board_read(int file, void *data, size_t size)
{
    unsigned char *to = data;
    size_t done = 0;
    while (done < size) {
        const size_t left = transfer(SYS_READ, file, to + done, size - done);
        if (left > size - done) {
            netspec_board_print("cannot read\n");
            netspec_board_exit(NETSPEC_BOARD_IO_FAILED);
        }
        if (left == size - done) {
            break;
        }
        done = size - left;
    }
    return done;
}

void netspec_board_write(int file, const void *data, size_t size)
{
    if (size > 0 && transfer(SYS_WRITE, file, data, size) != 0) {
        netspec_board_print("cannot write\n");
        netspec_board_exit(NETSPEC_BOARD_IO_FAILED);
    }
}
