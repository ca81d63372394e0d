/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Four filters by three multiplications. With A, B, C, D the weights of four filters at a tap and s their sums, sums
 *     t1 of 256 * B + A          are 256 * sB + sA,
 *     t2 of 256 * A + C          256 * sA + sC,
 *     t3 of 256 * C + (D + 128)  256 * sC + sD, begun 128 times the sum of the inputs lower.
 * The first and the third factor are stored, the second comes of both in two instructions. t3 - 256 * t2 + 65536 * t1 is
 * sD but for multiples of 2^24, whatever the sums have wrapped to; with sD follows sC from t3, then sA, then sB. That is
 * exact where no sum, its bias included, leaves 24 bits, which is known when weights are packed.
 *
 * The windows of two pixels are expanded to pairs of int16 side by side, so that each weight is read once for both.
 */
#include "../portable/requantize.h"
#include "../portable/window.h"
#include "netspec_kernels.h"
#include "simd.h"

/* Where the bytes under a window go. */
typedef struct {
    int8_t *column; /* NULL where they are expanded at once: whole taps are words */
    uint32_t *to;   /* the next pair; that of the other window follows it */
    uint32_t total; /* of the values that were expanded */
    int8_t padding;
} destination;

/* Put bytes into the column; padding where from is NULL. */
static void copy(destination *at, const int8_t *from, int32_t bytes)
{
    int8_t *to = at->column, *const end = to + bytes;
    at->column = end;
    if (from == NULL) {
        while (to < end) {
            *to++ = at->padding;
        }
    }
    while (to < end) {
        *to++ = *from++;
    }
}

#if defined(NETSPEC_DSP_ASSEMBLY)

/* Return a total that a word's values are added to. */
static inline uint32_t expand_word(uint32_t *to, uint32_t word, uint32_t total)
{
    const uint32_t even = ns_even(word), odd = ns_odd(word), ones = 0x00010001U;
    to[0] = even;
    to[2] = odd;
    return ns_multiply_pairs(ns_multiply_pairs(total, even, ones), odd, ones);
}

/* Expand words, or as many of padding. */
static void expand(destination *at, const int8_t *from, int32_t bytes)
{
    uint32_t *to = at->to, *const end = to + bytes, total = at->total;
    at->to = end;
    if (from == NULL) {
        for (; to < end; to += 4) {
            total = expand_word(to, ns_four_times(at->padding), total);
        }
    }
    for (; to + 4 < end; to += 8, from += 8) {
        total = expand_word(to, ns_word(from), total);
        total = expand_word(to + 4, ns_word(from + 4), total);
    }
    if (to < end) {
        total = expand_word(to, ns_word(from), total);
    }
    at->total = total;
}

#endif

/* Put bytes where they go: of the input, or as many of padding where from is NULL. */
static NS_SEPARATE void put(destination *at, const int8_t *from, int32_t bytes)
{
#if defined(NETSPEC_DSP_ASSEMBLY)
    if (at->column == NULL) {
        expand(at, from, bytes);
        return;
    }
#endif
    copy(at, from, bytes);
}

/* Put the bytes under the window of an output pixel, piece by piece. */
static NS_SEPARATE void put_window(
    const netspec_packed_convolution *l, const int8_t *input, int32_t top, int32_t left, destination *at)
{
    const int32_t channels = l->input.c, width = l->filter.w, step = l->dilation.w * channels;
    const ns_taps taps = ns_taps_inside(left, l->input.w, width, l->dilation.w);
    const int32_t inside = taps.end > taps.first ? taps.end - taps.first : 0;
    const int32_t before = inside > 0 ? taps.first * channels : 0;
    const int32_t after = (width - inside) * channels - before;
    const int32_t first = (left + taps.first * l->dilation.w) * channels;
    for (int32_t y = 0, row = top; y < l->filter.h; y++, row += l->dilation.h) {
        if (row < 0 || row >= l->input.h || inside == 0) {
            put(at, NULL, width * channels);
            continue;
        }
        const int8_t *from = input + row * l->input.w * channels + first;
        if (before > 0) {
            put(at, NULL, before);
        }
        if (l->dilation.w == 1) {
            put(at, from, inside * channels);
        } else {
            for (int32_t i = 0; i < inside; i++, from += step) {
                put(at, from, channels);
            }
        }
        if (after > 0) {
            put(at, NULL, after);
        }
    }
}

#if defined(NETSPEC_DSP_ASSEMBLY)

/* What the function below reads, in this order. */
typedef struct {
    const uint32_t *x; /* both windows, 16 pairs of taps less those that the first round skips before */
    const int8_t *kernel;
    int32_t skipped; /* bytes of the kernel before its first weight */
    int32_t entry;   /* bytes of code that the first round skips */
    const uint32_t *end;
    const int32_t *scale;
    const int32_t *scale_end;
    int8_t *output;
    int32_t distance; /* to the second pixel, or 0 */
    uint32_t less[2]; /* 128 times the sum of each window */
    int32_t cut;      /* whether outputs below the offset would be cut off in any case */
    int32_t limits;   /* whether there are limits */
    uint32_t min;     /* four times */
    uint32_t max;
    int32_t twice; /* 2 * offset + 1 */
} fours;

enum { TOGETHER = 16, PAIR_BYTES = 40 }; /* pairs of taps in a round, and what the code of one takes */

#define ADD_PAIR(at)                                                                                                  \
    "ldrd r0, r1, [r6, #" at "]\n\t"                                                                                  \
    "ldrd r2, r3, [r7, #" at "]\n\t"                                                                                  \
    "smlad r4, r0, r2, r4\n\t"                                                                                        \
    "smlad r5, r1, r2, r5\n\t"                                                                                        \
    "and r2, r12, r2, lsl #8\n\t"                                                                                     \
    "smlad r10, r0, r3, r10\n\t"                                                                                      \
    "smlad r11, r1, r3, r11\n\t"                                                                                      \
    "sxtab16 r2, r2, r3, ror #8\n\t"                                                                                  \
    "smlad r8, r0, r2, r8\n\t"                                                                                        \
    "smlad r9, r1, r2, r9\n\t"
/* From the sums of a window to twice sB, sA, sC, and sD. */
#define TAKE_APART(t1, t2, t3, d)                                                                                     \
    "sub " d ", " t2 ", " t1 ", lsl #8\n\t"                                                                           \
    "sub " d ", " t3 ", " d ", lsl #8\n\t"                                                                            \
    "lsl " d ", " d ", #8\n\t"                                                                                        \
    "asr " d ", " d ", #7\n\t"                                                                                        \
    "sub " t3 ", " t3 ", " d ", asr #1\n\t"                                                                           \
    "asr " t3 ", " t3 ", #7\n\t"                                                                                      \
    "sub " t2 ", " t2 ", " t3 ", asr #1\n\t"                                                                          \
    "asr " t2 ", " t2 ", #7\n\t"                                                                                      \
    "sub " t1 ", " t1 ", " t2 ", asr #1\n\t"                                                                          \
    "asr " t1 ", " t1 ", #7\n\t"
/* From twice a sum to an output. Halves away from zero, but where what is negative is cut off. */
#define SCALE_ONE(sum)                                                                                                \
    "smmulr " sum ", " sum ", r0\n\t"                                                                                 \
    "add " sum ", " sum ", " sum ", asr #31\n\t"                                                                      \
    "add " sum ", " sum ", r2\n\t"                                                                                    \
    "asr " sum ", " sum ", r1\n\t"                                                                                    \
    "ssat " sum ", #8, " sum ", asr #1\n\t"
#define SCALE_ONE_CUT(sum)                                                                                            \
    "smmlar " sum ", " sum ", r0, r2\n\t"                                                                             \
    "asr " sum ", " sum ", r1\n\t"                                                                                    \
    "ssat " sum ", #8, " sum ", asr #1\n\t"
#define SCALE_BOTH(scale_one, one, two) "ldm r7!, {r0, r1}\n\tlsl r2, lr, r1\n\t" scale_one(one) scale_one(two)
#define SCALE_ALL(scale_one)                                                                                          \
    SCALE_BOTH(scale_one, "r8", "r9") SCALE_BOTH(scale_one, "r4", "r5")                                               \
    SCALE_BOTH(scale_one, "r10", "r11") SCALE_BOTH(scale_one, "r6", "r3")
#define LIMIT(outputs)                                                                                                \
    "ssub8 r2, " outputs ", r0\n\t"                                                                                   \
    "sel " outputs ", " outputs ", r0\n\t"                                                                            \
    "ssub8 r2, " outputs ", r1\n\t"                                                                                   \
    "sel " outputs ", r1, " outputs "\n\t"

/* Compute the outputs of all packed filters for two windows. */
static NS_ASSEMBLY void convolve_fours(const fours *f NS_IN_ASSEMBLY)
{
    __asm__ volatile("push {r4-r11, lr}\n\t"
                     "sub sp, #64\n\t"
                     "mov r12, sp\n\t"
                     "ldm r0!, {r1-r8}\n\t"
                     "stm r12!, {r1-r8}\n\t"
                     "adr r11, 2f\n\t"
                     "add r4, r4, r11\n\t"
                     "orr r4, r4, #1\n\t"
                     "str r4, [sp, #12]\n\t"
                     "mov lr, r5\n\t"
                     "mov r9, r6\n\t"
                     "ldm r0, {r1-r8}\n\t"
                     "stm r12, {r1-r8}\n\t"
                     "mov r7, r9\n\t"
                     "mov r12, #0xFF00FF00\n"
                     "1:\n\t"
                     "ldm r7!, {r0, r4, r8, r10}\n\t"
                     "str r7, [sp, #20]\n\t"
                     "ldr r6, [sp]\n\t"
                     "ldr r7, [sp, #4]\n\t"
                     "ldr r0, [sp, #8]\n\t"
                     "ldr r1, [sp, #36]\n\t"
                     "ldr r2, [sp, #40]\n\t"
                     "mov r5, r4\n\t"
                     "mov r9, r8\n\t"
                     "subs r7, r7, r0\n\t"
                     "sub r11, r10, r2\n\t"
                     "sub r10, r10, r1\n\t"
                     "ldr pc, [sp, #12]\n\t"
                     ".balign 4\n"
                     "2:\n\t"
                     ADD_PAIR("0") ADD_PAIR("8") ADD_PAIR("16") ADD_PAIR("24")
                     ADD_PAIR("32") ADD_PAIR("40") ADD_PAIR("48") ADD_PAIR("56")
                     ADD_PAIR("64") ADD_PAIR("72") ADD_PAIR("80") ADD_PAIR("88")
                     ADD_PAIR("96") ADD_PAIR("104") ADD_PAIR("112") ADD_PAIR("120")
                     "adds r6, #128\n\t"
                     "adds r7, #128\n\t"
                     "cmp r6, lr\n\t"
                     "bne 2b\n\t"
                     "str r7, [sp, #4]\n\t"
                     "ldr r7, [sp, #20]\n\t"
                     TAKE_APART("r4", "r8", "r10", "r6") TAKE_APART("r5", "r9", "r11", "r3")
                     "ldr r0, [sp, #44]\n\t"
                     "ldr lr, [sp, #60]\n\t"
                     "cbz r0, 3f\n\t"
                     SCALE_ALL(SCALE_ONE_CUT)
                     "b 4f\n"
                     "3:\n\t"
                     SCALE_ALL(SCALE_ONE)
                     "4:\n\t"
                     "bfi r8, r4, #8, #8\n\t"
                     "bfi r8, r10, #16, #8\n\t"
                     "bfi r8, r6, #24, #8\n\t"
                     "bfi r9, r5, #8, #8\n\t"
                     "bfi r9, r11, #16, #8\n\t"
                     "bfi r9, r3, #24, #8\n\t"
                     "ldr lr, [sp, #16]\n\t"
                     "ldr r2, [sp, #48]\n\t"
                     "cbz r2, 5f\n\t"
                     "ldr r0, [sp, #52]\n\t"
                     "ldr r1, [sp, #56]\n\t"
                     LIMIT("r8") LIMIT("r9")
                     "5:\n\t"
                     "ldr r0, [sp, #28]\n\t"
                     "ldr r1, [sp, #32]\n\t"
                     "ldr r2, [sp, #24]\n\t"
                     "str r9, [r0, r1]\n\t" /* where there is no second pixel, the first overwrites it */
                     "str r8, [r0], #4\n\t"
                     "str r0, [sp, #28]\n\t"
                     "cmp r7, r2\n\t"
                     "bne 1b\n\t"
                     "add sp, #64\n\t"
                     "pop {r4-r11, pc}\n\t");
}

/* Compute the outputs of the filters that are not packed, for two windows; x is what both were expanded to. */
static NS_SEPARATE void convolve_rows(
    const netspec_packed_convolution *l, const uint32_t *x, int32_t words, int8_t *output, int32_t distance)
{
    const int8_t *weights = l->kernel + 4 * words * l->packed;
    const int32_t *scale = l->scale + l->packed * 3;
    for (int32_t o = l->packed; o < l->output.c; o++, scale += 3) {
        uint32_t sum0 = (uint32_t)scale[0], sum1 = sum0;
        const uint32_t *pair = x;
        for (int32_t left = words; left > 0; left--, weights += 4, pair += 4) {
            const uint32_t w = ns_word(weights), even = ns_even(w), odd = ns_odd(w);
            sum0 = ns_multiply_pairs(ns_multiply_pairs(sum0, pair[0], even), pair[2], odd);
            sum1 = ns_multiply_pairs(ns_multiply_pairs(sum1, pair[1], even), pair[3], odd);
        }
        const int32_t one = ns_saturated_output((int32_t)sum0, scale[1], scale[2], l->output_offset);
        const int32_t two = ns_saturated_output((int32_t)sum1, scale[1], scale[2], l->output_offset);
        output[o + distance] = (int8_t)ns_clamp(two, l->min, l->max);
        output[o] = (int8_t)ns_clamp(one, l->min, l->max);
    }
}

void netspec_convolve_packed_s8(const netspec_packed_convolution *layer,
                                const int8_t *input,
                                int8_t *output,
                                int8_t *scratch)
{
    const netspec_packed_convolution *const l = layer;
    const int32_t words = (l->filter.h * l->filter.w * l->input.c + 3) / 4, filters = l->output.c;
    const int32_t skipped = -2 * words & (TOGETHER - 1);
    uint32_t *const x = (uint32_t *)(void *)scratch;
    int8_t *const column = l->input.c % 4 == 0 ? NULL : scratch + 16 * words;
    fours f = {.skipped = 8 * skipped,
               .entry = PAIR_BYTES * skipped,
               .end = x + 4 * words,
               .scale = l->scale,
               .scale_end = l->scale + l->packed * 3,
               .cut = l->output_offset == INT8_MIN,
               .limits = l->min > INT8_MIN || l->max < INT8_MAX,
               .min = ns_four_times(l->min),
               .max = ns_four_times(l->max),
               .twice = 2 * l->output_offset + 1};
    f.x = (const uint32_t *)((uintptr_t)x - 8U * (uint32_t)skipped);
    int32_t left = -l->padding.w, top = -l->padding.h, column_of = 0;
    for (int32_t pixels = l->output.h * l->output.w; pixels > 0; pixels -= 2, output += 2 * filters) {
        for (int32_t i = 0; i < 2; i++) {
            destination window = {column, x + i, 0, l->input_zero};
            put_window(l, input, top, left, &window);
            if (column != NULL) {
                window.column = NULL;
                put(&window, column, 4 * words); /* what is behind the last tap meets weights of 0 */
            }
            f.less[i] = 128 * window.total;
            if (pixels == 1) { /* the second one is the first again */
                continue;
            }
            left += l->stride.w;
            if (++column_of == l->output.w) {
                column_of = 0;
                left = -l->padding.w;
                top += l->stride.h;
            }
        }
        f.distance = pixels > 1 ? filters : 0;
        f.kernel = l->kernel;
        f.output = output;
        if (l->packed > 0) {
            convolve_fours(&f);
        }
        if (l->packed < filters) {
            convolve_rows(l, x, words, output, f.distance);
        }
    }
}

#else

/* Return the weight of a filter at a tap. */
static int32_t weight_of(const netspec_packed_convolution *l, int32_t taps, int32_t filter, int32_t tap)
{
    const int32_t padded = (taps + 3) / 4 * 4;
    if (filter >= l->packed) {
        return l->kernel[filter * padded + tap];
    }
    const int32_t at = tap / 4 * 16 + tap % 2 * 8 + filter % 4 / 2 * 4 + tap % 4 / 2 * 2;
    const int8_t *const factor = l->kernel + filter / 4 * 4 * padded + at;
    switch (filter % 4) {
        case 0:
            return factor[0];
        case 1:
            return factor[1] + (factor[0] < 0 ? 1 : 0);
        case 2:
            return factor[1];
        default:
            return (uint8_t)factor[0] - 128;
    }
}

/* What an output begins with and how it is scaled. */
typedef struct {
    int32_t sum;
    int32_t multiplier;
    int32_t shift;
} output_scale;

static output_scale scale_of(const netspec_packed_convolution *l, int32_t filter)
{
    if (filter >= l->packed) {
        const int32_t *const scale = l->scale + 3 * filter;
        const output_scale plain = {scale[0], scale[1], scale[2]};
        return plain;
    }
    const int32_t *const four = l->scale + filter / 4 * 12, *const own = four + 4 + 2 * (filter % 4);
    const uint32_t t1 = (uint32_t)four[1], t2 = (uint32_t)four[2], t3 = (uint32_t)four[3];
    int32_t sums[4];
    sums[3] = (int32_t)((t3 - 256U * t2 + 65536U * t1) << 8) >> 8;
    sums[2] = (int32_t)(t3 - (uint32_t)sums[3]) >> 8;
    sums[0] = (int32_t)(t2 - (uint32_t)sums[2]) >> 8;
    sums[1] = (int32_t)(t1 - (uint32_t)sums[0]) >> 8;
    const output_scale packed = {sums[filter % 4], own[0], -1 - own[1]};
    return packed;
}

void netspec_convolve_packed_s8(const netspec_packed_convolution *layer,
                                const int8_t *input,
                                int8_t *output,
                                int8_t *scratch)
{
    const netspec_packed_convolution *const l = layer;
    const int32_t taps = l->filter.h * l->filter.w * l->input.c;
    for (int32_t pixel = 0; pixel < l->output.h * l->output.w; pixel++) {
        const int32_t top = pixel / l->output.w * l->stride.h - l->padding.h;
        const int32_t left = pixel % l->output.w * l->stride.w - l->padding.w;
        destination window = {scratch, NULL, 0, l->input_zero};
        put_window(l, input, top, left, &window);
        for (int32_t o = 0; o < l->output.c; o++) {
            const output_scale scale = scale_of(l, o);
            uint32_t sum = (uint32_t)scale.sum;
            for (int32_t i = 0; i < taps; i++) {
                sum += (uint32_t)(scratch[i] * weight_of(l, taps, o, i));
            }
            *output++ = ns_output((int32_t)sum, scale.multiplier, scale.shift, l->output_offset, l->min, l->max);
        }
    }
}

#endif
