/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Four channels at a time are taken apart into planes of int16, with what padding holds around them, so that pairs of
 * neighbours are multiplied at once and each is read once for 2x2 outputs. A plane holds the rows under a strip of output
 * rows; the last of them serve the next strip too. So each input is read before an output takes its place.
 */
#include "../portable/requantize.h"
#include "netspec_kernels.h"
#include "simd.h"

/* Return what the planes hold of a row of the input: up to the right end of the last window. */
static int32_t columns_of(const netspec_convolution *l)
{
    const int32_t end = (l->output.w - 1) * l->stride.w + 3 - l->padding.w;
    return end < l->input.w ? end : l->input.w;
}

#if defined(NETSPEC_DSP_ASSEMBLY)

enum { LARGEST_SUM = 1 << 22, MOST_PLACES = 23 };

/* What the functions below read, in this order, and change a copy of. */
typedef struct {
    int32_t multiplier;
    int32_t places;   /* -1 - shift */
    int32_t rounding; /* 2 * offset + 1, as many places to the left */
    int32_t sum;      /* twice the kernel sum */
    int32_t pitch;    /* bytes of a row of the plane */
    int8_t *output;
    int32_t pixel;      /* bytes to the next pixel; 0 where there is one column */
    int32_t row;        /* to the second row of two; 0 where there is one */
    const int8_t *last; /* of the windows in a row the last two, in the plane */
    int32_t back;       /* from the row below a window to the next two windows */
    int32_t rounds;     /* rows, or pairs of them */
    int32_t next[2];    /* bytes to the output and the windows of the second round */
    int32_t later[2];   /* and of the next one from there on */
    int32_t cut;        /* whether outputs below the offset would be cut off in any case */
    uint32_t weights[6]; /* twice those of each row, first and second, second and third */
} plane_job;

#define LOAD_TWO                                                                                                      \
    "ldr r0, [r2]\n\t"                                                                                                \
    "ldr r1, [r2, #4]\n\t"                                                                                            \
    "add r2, r2, lr\n\t"
/* A row of weights, for two outputs side by side. */
#define ADD_ROW(a, b, first, second, from_a, from_b)                                                                  \
    "smlatb " b ", r0, " first ", " from_b "\n\t"                                                                     \
    "smlad " a ", r0, " first ", " from_a "\n\t"                                                                      \
    "smlabt " a ", r1, " second ", " a "\n\t"                                                                         \
    "smlad " b ", r1, " second ", " b "\n\t"
/* The same for outputs of every second window. */
#define ADD_ROW_OF_THREE(first, second, from_a, from_b)                                                               \
    "ldr r0, [r2]\n\t"                                                                                                \
    "ldr r1, [r2, #4]\n\t"                                                                                            \
    "ldr r12, [r2, #8]\n\t"                                                                                           \
    "add r2, r2, lr\n\t"                                                                                              \
    "smlad r3, r0, " first ", " from_a "\n\t"                                                                         \
    "smlad r10, r1, " first ", " from_b "\n\t"                                                                        \
    "smlabt r3, r1, " second ", r3\n\t"                                                                               \
    "smlabt r10, r12, " second ", r10\n\t"
/* From twice a sum to an output. Halves away from zero, but where what is negative is cut off. */
#define SCALE(sum)                                                                                                    \
    "smmulr " sum ", " sum ", r0\n\t"                                                                                 \
    "add " sum ", " sum ", " sum ", asr #31\n\t"                                                                      \
    "add " sum ", " sum ", lr\n\t"                                                                                    \
    "asr " sum ", " sum ", r1\n\t"                                                                                    \
    "ssat " sum ", #8, " sum ", asr #1\n\t"
#define SCALE_CUT(sum)                                                                                                \
    "smmlar " sum ", " sum ", r0, lr\n\t"                                                                             \
    "asr " sum ", " sum ", r1\n\t"                                                                                    \
    "ssat " sum ", #8, " sum ", asr #1\n\t"
#define ENTER                                                                                                         \
    "push {r4-r11, lr}\n\t"                                                                                           \
    "sub sp, #72\n\t"                                                                                                 \
    "mov r2, r1\n\t"                                                                                                  \
    "mov r12, sp\n\t"                                                                                                 \
    "ldm r0!, {r3-r10}\n\t"                                                                                           \
    "stm r12!, {r3-r10}\n\t"                                                                                          \
    "mov r1, r8\n\t"                                                                                                  \
    "ldm r0!, {r3-r10}\n\t"                                                                                           \
    "stm r12!, {r3-r10}\n\t"                                                                                          \
    "stm r12, {r1, r2}\n\t"                                                                                           \
    "ldm r0, {r4-r9}\n"
/* Begin two windows: the next ones of the row, where one is left the last two, or the first two of the next row. */
#define NEXT(half)                                                                                                    \
    "add r0, r0, r1, lsl #1\n\t"                                                                                      \
    "str r0, [sp, #20]\n\t"                                                                                           \
    "ldrd r10, r3, [sp, #32]\n\t"                                                                                     \
    "add r2, r2, r3\n\t"                                                                                              \
    "cmp r2, r10\n\t"                                                                                                 \
    "bls 1b\n\t"                                                                                                      \
    "sub r3, r2, r10\n\t"                                                                                             \
    "cmp r3, #" half "\n\t"                                                                                           \
    "bne 4f\n\t"                                                                                                      \
    "mov r2, r10\n\t"                                                                                                 \
    "sub r0, r0, r1\n\t"                                                                                              \
    "str r0, [sp, #20]\n\t"                                                                                           \
    "b 1b\n"                                                                                                          \
    "4:\n\t"                                                                                                          \
    "ldrd r0, r2, [sp, #64]\n\t"                                                                                      \
    "ldrd r1, r3, [sp, #44]\n\t"                                                                                      \
    "add r0, r0, r1\n\t"                                                                                              \
    "add r2, r2, r3\n\t"                                                                                              \
    "add r10, r10, r3\n\t"                                                                                            \
    "strd r0, r2, [sp, #64]\n\t"                                                                                      \
    "str r0, [sp, #20]\n\t"                                                                                           \
    "str r10, [sp, #32]\n\t"                                                                                          \
    "ldrd r1, r3, [sp, #52]\n\t"                                                                                      \
    "strd r1, r3, [sp, #44]\n\t"                                                                                      \
    "ldr r1, [sp, #40]\n\t"                                                                                           \
    "subs r1, r1, #1\n\t"                                                                                             \
    "str r1, [sp, #40]\n\t"                                                                                           \
    "bne 1b\n\t"                                                                                                      \
    "add sp, #72\n\t"                                                                                                 \
    "pop {r4-r11, pc}\n\t"

/* Compute pairs of rows of a channel, two outputs of each at a time. */
static NS_ASSEMBLY void convolve_every(const plane_job *job NS_IN_ASSEMBLY, const int8_t *plane NS_IN_ASSEMBLY)
{
    __asm__ volatile(
        ENTER
        "1:\n\t"
        "ldrd r11, lr, [sp, #12]\n\t"
        LOAD_TWO ADD_ROW("r3", "r10", "r4", "r5", "r11", "r11")
        LOAD_TWO ADD_ROW("r3", "r10", "r6", "r7", "r3", "r10") ADD_ROW("r11", "r12", "r4", "r5", "r11", "r11")
        LOAD_TWO ADD_ROW("r3", "r10", "r8", "r9", "r3", "r10") ADD_ROW("r11", "r12", "r6", "r7", "r11", "r12")
        LOAD_TWO ADD_ROW("r11", "r12", "r8", "r9", "r11", "r12")
        "ldr r1, [sp, #60]\n\t"
        "cbz r1, 2f\n\t"
        "ldm sp, {r0, r1, lr}\n\t"
        SCALE_CUT("r3") SCALE_CUT("r10") SCALE_CUT("r11") SCALE_CUT("r12")
        "b 3f\n"
        "2:\n\t"
        "ldm sp, {r0, r1, lr}\n\t"
        SCALE("r3") SCALE("r10") SCALE("r11") SCALE("r12")
        "3:\n\t"
        "ldrd r0, r1, [sp, #20]\n\t"
        "ldr lr, [sp, #28]\n\t"
        "add lr, lr, r0\n\t"
        "strb r12, [lr, r1]\n\t" /* what does not exist is overwritten by what comes before it */
        "strb r11, [lr]\n\t"
        "strb r10, [r0, r1]\n\t"
        "strb r3, [r0]\n\t"
        NEXT("2"));
}

/* Compute rows of a channel with strides of 2, two outputs at a time. */
static NS_ASSEMBLY void convolve_every_second(const plane_job *job NS_IN_ASSEMBLY, const int8_t *plane NS_IN_ASSEMBLY)
{
    __asm__ volatile(
        ENTER
        "1:\n\t"
        "ldrd r11, lr, [sp, #12]\n\t"
        ADD_ROW_OF_THREE("r4", "r5", "r11", "r11")
        ADD_ROW_OF_THREE("r6", "r7", "r3", "r10")
        ADD_ROW_OF_THREE("r8", "r9", "r3", "r10")
        "ldr r1, [sp, #60]\n\t"
        "cbz r1, 2f\n\t"
        "ldm sp, {r0, r1, lr}\n\t"
        SCALE_CUT("r3") SCALE_CUT("r10")
        "b 3f\n"
        "2:\n\t"
        "ldm sp, {r0, r1, lr}\n\t"
        SCALE("r3") SCALE("r10")
        "3:\n\t"
        "ldrd r0, r1, [sp, #20]\n\t"
        "strb r10, [r0, r1]\n\t"
        "strb r3, [r0]\n\t"
        NEXT("4"));
}

/* Where a strip and its planes lie. */
typedef struct {
    int32_t pitch; /* bytes of a row of a plane */
    int32_t plane; /* bytes of one */
    int32_t first; /* of its output rows */
    int32_t count; /* of them */
} strip;

/* Fill a row of a plane with what padding holds. */
static void fill_row(int8_t *row, int32_t pitch, int32_t zero)
{
    for (int8_t *const end = row + pitch; row < end; row += 2) {
        *(int16_t *)(void *)row = (int16_t)zero;
    }
}

/* Take a row of four channels apart. */
static NS_SEPARATE void spread_row(const int8_t *from, int32_t columns, int32_t channels, int8_t *to, int32_t plane)
{
    int16_t *one = (int16_t *)(void *)to, *two = (int16_t *)(void *)(to + plane);
    int16_t *three = (int16_t *)(void *)(to + 2 * plane), *four = (int16_t *)(void *)(to + 3 * plane);
    for (; columns > 0; columns--, from += channels) {
        const uint32_t word = ns_word(from), even = ns_even(word), odd = ns_odd(word);
        *one++ = (int16_t)even;
        *two++ = (int16_t)odd;
        *three++ = (int16_t)(even >> 16);
        *four++ = (int16_t)(odd >> 16);
    }
}

/* Put the rows under a strip into the planes of n channels, but for the kept ones, which are there. */
static void spread(
    const netspec_convolution *l, const strip *s, const int8_t *input, int32_t n, int32_t kept, int8_t *planes)
{
    const int32_t channels = l->input.c, columns = columns_of(l), top = s->first * l->stride.h - l->padding.h;
    const int32_t rows = (s->count - 1) * l->stride.h + 3;
    for (int32_t i = kept; i < rows; i++) {
        int8_t *const row = planes + i * s->pitch;
        const int8_t *const from = input + (top + i) * l->input.w * channels;
        if (top + i < 0 || top + i >= l->input.h) {
            for (int32_t k = 0; k < n; k++) {
                fill_row(row + k * s->plane, s->pitch, l->input_zero);
            }
        } else if (n == 4) {
            spread_row(from, columns, channels, row + 2 * l->padding.w, s->plane);
        } else {
            for (int32_t k = 0; k < n; k++) {
                int16_t *to = (int16_t *)(void *)(row + k * s->plane) + l->padding.w;
                for (int32_t x = 0; x < columns; x++) {
                    *to++ = from[x * channels + k];
                }
            }
        }
    }
}

/* Compute the outputs of a strip and a channel whose scale or sums are beyond what int8 tensors come to. */
static NS_SEPARATE void convolve_any(
    const netspec_convolution *l, const strip *s, int32_t channel, const int8_t *plane, int8_t *output)
{
    const int32_t channels = l->output.c;
    for (int32_t y = 0; y < s->count; y++) {
        for (int32_t x = 0; x < l->output.w; x++, output += channels) {
            uint32_t sum = (uint32_t)l->kernel_sum[channel];
            for (int32_t tap = 0; tap < 9; tap++) {
                const int8_t *const row = plane + (y * l->stride.h + tap / 3) * s->pitch;
                const int32_t value = ((const int16_t *)(const void *)row)[x * l->stride.w + tap % 3];
                sum += (uint32_t)(value * l->kernel[tap * channels + channel]);
            }
            *output = (int8_t)ns_saturated_output(
                (int32_t)sum, l->multiplier[channel], l->shift[channel], l->output_offset);
        }
    }
}

/* Compute the outputs of a strip and a channel. */
static NS_SEPARATE void convolve_plane(
    const netspec_convolution *l, const strip *s, int32_t channel, const int8_t *plane, int8_t *output)
{
    const int32_t channels = l->output.c, sum = l->kernel_sum[channel], shift = l->shift[channel];
    const int32_t places = -1 - shift < MOST_PLACES ? -1 - shift : MOST_PLACES, row = l->output.w * channels;
    if (shift >= 0 || sum >= LARGEST_SUM || sum <= -LARGEST_SUM) {
        convolve_any(l, s, channel, plane, output);
        return;
    }
    const int32_t step = l->stride.w, together = step == 1 && s->count > 1 ? 2 : 1;
    const int32_t later = together * row, down = 2 * s->pitch, odd = together > 1 && s->count % 2 > 0;
    plane_job job = {.multiplier = l->multiplier[channel],
                     .places = places,
                     .rounding = (2 * l->output_offset + 1) * (1 << places),
                     .sum = 2 * sum,
                     .pitch = s->pitch,
                     .output = output,
                     .pixel = l->output.w > 1 ? channels : 0,
                     .row = s->count > 1 ? row : 0,
                     .last = plane + (l->output.w > 2 ? 2 * step * (l->output.w - 2) : 0),
                     .back = 4 * step - (step == 1 ? 4 : 3) * s->pitch,
                     .rounds = (s->count + together - 1) / together,
                     .next = {odd ? row : later, odd ? s->pitch : down}, /* of three rows the second is computed twice */
                     .later = {later, down},
                     .cut = l->output_offset == INT8_MIN};
    const int8_t *weights = l->kernel + channel;
    for (int32_t i = 0; i < 6; i += 2, weights += 3 * channels) {
        const uint32_t second = (uint32_t)(weights[channels] * 2);
        job.weights[i] = ((uint32_t)(weights[0] * 2) & 0xFFFFU) | second << 16;
        job.weights[i + 1] = (second & 0xFFFFU) | (uint32_t)(weights[2 * channels] * 2) << 16;
    }
    if (step == 1) {
        convolve_every(&job, plane);
    } else {
        convolve_every_second(&job, plane);
    }
}

static void limit(const netspec_convolution *l, int8_t *output)
{
    if (l->min > INT8_MIN || l->max < INT8_MAX) {
        for (int32_t left = l->output.h * l->output.w * l->output.c; left > 0; left--, output++) {
            *output = (int8_t)ns_clamp(*output, l->min, l->max);
        }
    }
}

void netspec_depthwise_conv_3x3_s8(
    const netspec_convolution *layer, const int8_t *input, int8_t *output, int8_t *scratch, int32_t rows)
{
    const netspec_convolution l = *layer;
    const int32_t channels = l.output.c, step = l.stride.h, least = step == 1 ? 2 : 1;
    strip s = {.pitch = ((l.output.w > 2 ? l.output.w : 2) * step + 3) / 2 * 4};
    s.plane = s.pitch * (((rows > least ? rows : least) - 1) * step + 3);
    fill_row(scratch, 4 * s.plane, l.input_zero);
    for (int32_t channel = 0; channel < channels; channel += 4) {
        const int32_t n = channels - channel < 4 ? channels - channel : 4;
        for (s.first = 0; s.first < l.output.h; s.first += rows) {
            const int32_t kept = s.first > 0 ? 3 - step : 0;
            s.count = l.output.h - s.first < rows ? l.output.h - s.first : rows;
            for (int32_t k = 0; k < 4 * kept; k++) {
                int8_t *const to = scratch + k / kept * s.plane + k % kept * s.pitch;
                memcpy(to, to + rows * step * s.pitch, (size_t)s.pitch);
            }
            spread(&l, &s, input + channel, n, kept, scratch);
            for (int32_t k = 0; k < n; k++) {
                int8_t *const to = output + s.first * l.output.w * channels + channel + k;
                convolve_plane(&l, &s, channel + k, scratch + k * s.plane, to);
            }
        }
    }
    limit(&l, output);
}

#else

/* A row of three of the input's after the other is kept in scratch, so that outputs may take the place of inputs here too. */
void netspec_depthwise_conv_3x3_s8(
    const netspec_convolution *layer, const int8_t *input, int8_t *output, int8_t *scratch, int32_t rows)
{
    const netspec_convolution *const l = layer;
    const int32_t channels = l->output.c, columns = columns_of(l);
    (void)rows;
    for (int32_t channel = 0; channel < channels; channel++) {
        int32_t next = 0; /* row of the input */
        for (int32_t y = 0; y < l->output.h; y++) {
            const int32_t top = y * l->stride.h - l->padding.h;
            for (; next < top + 3 && next < l->input.h; next++) {
                for (int32_t x = 0; x < columns; x++) {
                    scratch[next % 3 * columns + x] = input[(next * l->input.w + x) * channels + channel];
                }
            }
            for (int32_t x = 0; x < l->output.w; x++) {
                const int32_t left = x * l->stride.w - l->padding.w;
                uint32_t sum = (uint32_t)l->kernel_sum[channel];
                for (int32_t tap = 0; tap < 9; tap++) {
                    const int32_t row = top + tap / 3, column = left + tap % 3;
                    const int inside = row >= 0 && row < l->input.h && column >= 0 && column < columns;
                    const int32_t value = inside ? scratch[row % 3 * columns + column] : l->input_zero;
                    sum += (uint32_t)(value * l->kernel[tap * channels + channel]);
                }
                output[(y * l->output.w + x) * channels + channel] = ns_output(
                    (int32_t)sum, l->multiplier[channel], l->shift[channel], l->output_offset, l->min, l->max);
            }
        }
    }
}

#endif
