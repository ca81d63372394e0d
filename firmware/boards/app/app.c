/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a network on the samples of a file of the host. The last word that the host gives says what for:
 *
 *   compare   every sample; all that the network's layers write goes to the file `output`
 *   outputs   every sample; the outputs alone, for a network that is not traced
 *   layers    the first sample, some times; the ticks of each layer, for a network that is traced
 *   measure   the first sample, some times; the ticks of the whole, the stack, and what a tick is worth
 *
 * What it says is written by board_report. Statuses are those of board.h.
 */
#include "board.h"
#include "network.h"

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
    if (running > 0) {
        board_print("fault: layer ");
        board_print(name_of_status(running));
        board_print("\n");
    }
}

void app_fill(void *memory, size_t size)
{
    volatile unsigned char *bytes = memory; /* volatile: or it becomes a call of memset */
    for (size_t i = 0; i < size; i++) {
        bytes[i] = 0x55; /* a layer that reads what nothing wrote shall be seen */
    }
}

int app_read(int file, void *data, size_t size, int first)
{
    const size_t count = board_read(file, data, size);
    if (count == 0 && first) {
        return 0;
    }
    if (count != size) {
        board_print("the last sample is incomplete\n");
        board_exit(BOARD_IO_FAILED);
    }
    return 1;
}

void app_trace(int index, const int8_t *data, size_t size)
{
    if (traced == TICKS) {
        const uint32_t now = board_counter_ticks();
        board_report("layer", (uint32_t)index);
        board_report("ticks", now - started);
        started = board_counter_ticks();
    } else if (traced == OUTPUT) {
        board_write(output, data, size);
    }
    running = index + 2;
}

static int run(void)
{
    running = 1;
    const int status = run_network();
    running = 0;
    if (status != 0) {
        board_print("the network failed with status 0x");
        board_print_hex((uint32_t)status);
        board_print(": ");
        board_print(name_of_status(status));
        board_print("\n");
        board_exit(BOARD_NETWORK_FAILED);
    }
    return status;
}

static void load_first(void)
{
    const int input = board_open_to_read("input");
    if (!load_sample(input)) {
        board_print("no sample\n");
        board_exit(BOARD_IO_FAILED);
    }
    board_close(input);
}

static int run_all(int all_layers)
{
    const int input = board_open_to_read("input");
    output = board_open_to_write("output");
    traced = all_layers ? OUTPUT : NOTHING;
    while (load_sample(input)) {
        run();
        if (!all_layers) {
            save_outputs(output);
        }
    }
    board_close(output);
    return BOARD_OK;
}

static uint32_t ticks_of(uint32_t rounds)
{
    const uint32_t start = board_counter_ticks();
    board_spin(rounds);
    return board_counter_ticks() - start;
}

/* Starts the counter and says what a tick is worth: so many instructions took so many ticks. */
static void calibrate(void)
{
    if (!board_counter_start()) {
        board_print("this processor has no SysTick\n");
        board_exit(BOARD_IO_FAILED);
    }
    board_report("calibration-instructions", 2 * (LONG_ROUNDS - SHORT_ROUNDS));
    board_report("calibration-ticks", ticks_of(LONG_ROUNDS) - ticks_of(SHORT_ROUNDS));
}

static int measure_layers(void)
{
    uint32_t spent = 0;
    calibrate();
    traced = TICKS;
    for (uint32_t i = 1; i <= MOST_RUNS && spent < ENOUGH_TICKS; i++) {
        load_first();
        board_spin(i);
        const uint32_t start = board_counter_ticks();
        started = board_counter_ticks();
        run();
        spent += board_counter_ticks() - start;
    }
    return BOARD_OK;
}

static int measure(void)
{
    uint32_t spent = 0;
    int status;
    load_first();
    board_report("stack", board_stack_of(run_network, &status)); /* without the counter's exception on it */
    calibrate();
    for (uint32_t i = 1; i <= MOST_RUNS && spent < ENOUGH_TICKS; i++) {
        load_first();
        board_spin(i);
        const uint32_t start = board_counter_ticks();
        run();
        const uint32_t ticks = board_counter_ticks() - start;
        board_report("total", ticks);
        spent += ticks;
    }
    return BOARD_OK;
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
    board_command_line(words, sizeof words);
    const char *word = words;
    for (const char *at = words; *at != '\0'; at++) {
        if (*at == ' ') {
            word = at + 1;
        }
    }
    board_say_what_runs = say_what_runs;
    if (is(word, "compare") || is(word, "outputs")) {
        return run_all(is(word, "compare"));
    }
    if (is(word, "layers")) {
        return measure_layers();
    }
    if (is(word, "measure")) {
        return measure();
    }
    board_print("no such thing to do: ");
    board_print(words);
    board_print("\n");
    return BOARD_IO_FAILED;
}
