/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a network on the samples of a file of the host. The last word that the host gives says what for:
 *
 *   compare   every sample; all that the network's layers write goes to the file `output`
 *   outputs   every sample; the outputs alone, for a network that is not traced
 *   layers    the first sample, some times; the ticks of each layer, for a network that is traced
 *   measure   the first sample, some times; the ticks of the whole, the stack, and what a tick is worth
 *
 * What it says is written by netspec_board_report. Statuses are those of netspec_board.h.
 */
#include "netspec_board.h"
#include "netspec_network.h"

/* Instructions of the two loops by which a tick is calibrated; their difference is free of what a call costs. */
#define SHORT_ROUNDS (1u << 10)
#define LONG_ROUNDS ((1u << 24) + SHORT_ROUNDS)

/*
 * A tick is some tens of instructions. A small network runs several times, each time at another place between two
 * ticks, so that the mean is finer than one: until it ran so often, or took so many ticks that one does not matter.
 */
#define MOST_RUNS 16u
#define ENOUGH_TICKS (1u << 19)

static enum { NOTHING, OUTPUT, TICKS } traced;
static int output;
static uint32_t started;
static int running; /* status that the running layer would fail with; layers count from 1 there */

static void say_what_runs(void)
{
    const char *name = running > 0 ? netspec_app_status_name(running) : NULL;
    if (name != NULL) {
        netspec_board_print("fault: layer ");
        netspec_board_print(name);
        netspec_board_print("\n");
    }
}

void netspec_app_fill(void *memory, size_t size)
{
    volatile unsigned char *bytes = memory; /* volatile: or it becomes a call of memset */
    for (size_t i = 0; i < size; i++) {
        bytes[i] = 0x55; /* a layer that reads what nothing wrote shall be seen */
    }
}

int netspec_app_read(int file, void *data, size_t size, int first)
{
    const size_t count = netspec_board_read(file, data, size);
    if (count == 0 && first) {
        return 0;
    }
    if (count != size) {
        netspec_board_print("the last sample is incomplete\n");
        netspec_board_exit(NETSPEC_BOARD_IO_FAILED);
    }
    return 1;
}

void netspec_app_trace(int index, const int8_t *data, size_t size)
{
    if (traced == TICKS) {
        const uint32_t now = netspec_board_counter_ticks();
        netspec_board_report("layer", (uint32_t)index);
        netspec_board_report("ticks", now - started);
        started = netspec_board_counter_ticks();
    } else if (traced == OUTPUT) {
        netspec_board_write(output, data, size);
    }
    running = index + 2;
}

static int run(void)
{
    running = 1;
    const int status = netspec_app_run();
    running = 0;
    if (status != 0) {
        netspec_board_print("the network failed with status 0x");
        netspec_board_print_hex((uint32_t)status);
        const char *name = netspec_app_status_name(status);
        if (name != NULL) {
            netspec_board_print(": ");
            netspec_board_print(name);
        }
        netspec_board_print("\n");
        netspec_board_exit(NETSPEC_BOARD_NETWORK_FAILED);
    }
    return status;
}

static void load_first(void)
{
    const int input = netspec_board_open_to_read("input");
    if (!netspec_app_load_sample(input)) {
        netspec_board_print("no sample\n");
        netspec_board_exit(NETSPEC_BOARD_IO_FAILED);
    }
    netspec_board_close(input);
}

static int run_all(int all_layers)
{
    const int input = netspec_board_open_to_read("input");
    output = netspec_board_open_to_write("output");
    traced = all_layers ? OUTPUT : NOTHING;
    uint32_t samples = 0;
    while (netspec_app_load_sample(input)) {
        run();
        samples++;
        if (!all_layers) {
            netspec_app_save_outputs(output);
        }
    }
    netspec_board_close(output);
    netspec_board_report("samples", samples);
    return NETSPEC_BOARD_OK;
}

static uint32_t ticks_of(uint32_t rounds)
{
    const uint32_t start = netspec_board_counter_ticks();
    netspec_board_spin(rounds);
    return netspec_board_counter_ticks() - start;
}

/* Starts the counter and says what a tick is worth: so many instructions took so many ticks. */
static void calibrate(void)
{
    if (!netspec_board_counter_start()) {
        netspec_board_print("this processor has no SysTick\n");
        netspec_board_exit(NETSPEC_BOARD_IO_FAILED);
    }
    netspec_board_report("calibration-instructions", 2 * (LONG_ROUNDS - SHORT_ROUNDS));
    netspec_board_report("calibration-ticks", ticks_of(LONG_ROUNDS) - ticks_of(SHORT_ROUNDS));
}

static int measure_layers(void)
{
    uint32_t spent = 0;
    calibrate();
    traced = TICKS;
    for (uint32_t i = 1; i <= MOST_RUNS && spent < ENOUGH_TICKS; i++) {
        load_first();
        netspec_board_spin(i);
        const uint32_t start = netspec_board_counter_ticks();
        started = netspec_board_counter_ticks();
        run();
        spent += netspec_board_counter_ticks() - start;
    }
    return NETSPEC_BOARD_OK;
}

static int measure(void)
{
    uint32_t spent = 0;
    int status;
    load_first();
    /* Before the counter is started, whose exception would be on it. */
    netspec_board_report("stack", netspec_board_stack_of(netspec_app_run, &status));
    calibrate();
    for (uint32_t i = 1; i <= MOST_RUNS && spent < ENOUGH_TICKS; i++) {
        load_first();
        netspec_board_spin(i);
        const uint32_t start = netspec_board_counter_ticks();
        run();
        const uint32_t ticks = netspec_board_counter_ticks() - start;
        netspec_board_report("total", ticks);
        spent += ticks;
    }
    return NETSPEC_BOARD_OK;
}

static int is(const char *word, const char *wanted)
{
    while (*word != '\0' && *word == *wanted) {
        word++;
        wanted++;
    }
    return *word == *wanted;
}

int main(void)
{
    char words[64];
    netspec_board_command_line(words, sizeof words);
    const char *word = words;
    for (const char *at = words; *at != '\0'; at++) {
        if (*at == ' ') {
            word = at + 1;
        }
    }
    netspec_board_say_what_runs = say_what_runs;
    if (is(word, "compare") || is(word, "outputs")) {
        return run_all(is(word, "compare"));
    }
    if (is(word, "layers")) {
        return measure_layers();
    }
    if (is(word, "measure")) {
        return measure();
    }
    netspec_board_print("no such thing to do: ");
    netspec_board_print(words);
    netspec_board_print("\n");
    return NETSPEC_BOARD_IO_FAILED;
}
