/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Eight outputs side by side. Two weights of two outputs, 256 * odd + (even + 128), are one factor of 16 bits. With s the
 * inner products and x the sum of the inputs, one sum of products is 256 * s_odd + s_even + 128 * x, another one, of the
 * low bytes alone, is s_even + 128 * x. Their difference gives s_odd, whatever both have wrapped to, as long as it is
 * within 24 bits: up to PART inputs at a time, for all weights and inputs, -128 included.
 */
#include "../portable/requantize.h"
#include "netspec_kernels.h"
#include "simd.h"

#if defined(NETSPEC_DSP_ASSEMBLY)

enum { PART = 504 }; /* a multiple of 8; PART * 2^14 is below 2^23 */

/* Two inputs, of all eight outputs: r0 to r7 are sums, of even outputs of low bytes and of odd ones of both. */
#define ADD_PAIR(x)                                                                                                   \
    "ldrd r10, r11, [lr], #8\n\t"                                                                                     \
    "smlad r1, " x ", r10, r1\n\t"                                                                                    \
    "uxtb16 r10, r10\n\t"                                                                                             \
    "smlad r3, " x ", r11, r3\n\t"                                                                                    \
    "uxtb16 r11, r11\n\t"                                                                                             \
    "smlad r0, " x ", r10, r0\n\t"                                                                                    \
    "smlad r2, " x ", r11, r2\n\t"                                                                                    \
    "ldrd r10, r11, [lr], #8\n\t"                                                                                     \
    "smlad r5, " x ", r10, r5\n\t"                                                                                    \
    "uxtb16 r10, r10\n\t"                                                                                             \
    "smlad r7, " x ", r11, r7\n\t"                                                                                    \
    "uxtb16 r11, r11\n\t"                                                                                             \
    "smlad r4, " x ", r10, r4\n\t"                                                                                    \
    "smlad r6, " x ", r11, r6\n\t"
#define ADD_FOUR                                                                                                      \
    "ldr r9, [r12], #4\n\t"                                                                                           \
    "sxtb16 r8, r9\n\t"                                                                                               \
    "sxtb16 r9, r9, ror #8\n\t" ADD_PAIR("r8") ADD_PAIR("r9")
/* An even output begins at what from holds, less excess, and an odd one at the same: what it holds is added last. */
#define BEGIN(even, odd)                                                                                              \
    "sub " even ", " even ", r8\n\t"                                                                                  \
    "mov " odd ", " even "\n\t"
#define END(even, odd, place)                                                                                         \
    "ldr r9, [r8, #" place "]\n\t"                                                                                    \
    "sub " odd ", " odd ", " even "\n\t"                                                                              \
    "add " odd ", r9, " odd ", asr #8\n\t"

/*
 * Return in sums what from holds plus the products of the inputs up to end, 4 n of them, less excess for even outputs.
 * Returns the weights that follow.
 */
static NS_ASSEMBLY const int8_t *add_inputs(const int8_t *input NS_IN_ASSEMBLY,
                                            const int8_t *weights NS_IN_ASSEMBLY,
                                            const int32_t *from NS_IN_ASSEMBLY,
                                            const int8_t *end NS_IN_ASSEMBLY,
                                            int32_t *sums NS_IN_ASSEMBLY,
                                            int32_t excess NS_IN_ASSEMBLY)
{
    __asm__ volatile("push {r2-r11, lr}\n\t" /* from and end at sp and sp + 4, the last two at sp + 44 */
                     "mov r12, r0\n\t"
                     "mov lr, r1\n\t"
                     "sub r9, r3, r0\n\t"
                     "ldr r8, [sp, #48]\n\t"
                     "ldm r2, {r0-r7}\n\t"
                     BEGIN("r0", "r1") BEGIN("r2", "r3") BEGIN("r4", "r5") BEGIN("r6", "r7")
                     "tst r9, #4\n\t"
                     "bne 2f\n"
                     "1:\n\t" ADD_FOUR "2:\n\t" ADD_FOUR
                     "ldr r8, [sp, #4]\n\t"
                     "cmp r12, r8\n\t"
                     "bne 1b\n\t"
                     "ldr r8, [sp]\n\t"
                     END("r0", "r1", "4") END("r2", "r3", "12") END("r4", "r5", "20") END("r6", "r7", "28")
                     "ldr r8, [sp, #44]\n\t"
                     "stm r8, {r0-r7}\n\t"
                     "mov r0, lr\n\t"
                     "pop {r2-r11, pc}\n\t");
}

/* Return 128 times the sum of the inputs: of so many words, and of one more. */
static int32_t excess_of(const int8_t *input, int32_t words, uint32_t last)
{
    uint32_t total = ns_add_bytes(0, last ^ 0x80808080U); /* of inputs plus 128 */
    for (int32_t left = words; left > 0; left--, input += 4) {
        total = ns_add_bytes(total, ns_word(input) ^ 0x80808080U);
    }
    return (int32_t)(128U * (total - 512U * ((uint32_t)words + 1U)));
}

/* Write eight outputs, whatever the scale and the limits are. */
static NS_SEPARATE void finish_eight(const netspec_dense *l, const int32_t *sums, int8_t *output)
{
    for (int32_t i = 0; i < 8; i++) {
        const int32_t value = ns_saturated_output(sums[i], l->multiplier, l->shift, l->output_offset);
        output[i] = (int8_t)ns_clamp(value, l->min, l->max);
    }
}

static void multiply(const netspec_dense *l, const int8_t *input, int8_t *output)
{
    const int32_t inputs = l->inputs;
    union {
        int8_t bytes[4];
        uint32_t word;
    } last = {{0, 0, 0, 0}}; /* inputs that fill no word */
    for (int32_t i = inputs & ~3; i < inputs; i++) {
        last.bytes[i & 3] = input[i];
    }
    const int32_t excess = excess_of(input, inputs / 4, last.word);
    const int any = l->shift >= 0 || l->max - l->min < UINT8_MAX;
    const int32_t factor = ns_factor(l->multiplier), places = -1 - l->shift;
    const int32_t twice = 2 * l->output_offset + 1;
    const int8_t *weights = l->kernel;
    const int32_t *kernel_sum = l->kernel_sum;
    for (const int8_t *const end = output + l->outputs; output < end; output += 8, kernel_sum += 8) {
        int32_t sums[8], left = inputs, less = excess;
        const int32_t *from = kernel_sum;
        const int8_t *x = input;
        do {
            int32_t part = left > PART ? PART : left & ~3;
            if (part == 0) {
                x = last.bytes;
                part = 4;
            }
            weights = add_inputs(x, weights, from, x + part, sums, less);
            from = sums;
            less = 0;
            x += part;
            left -= part;
        } while (left > 0);
        if (any) {
            finish_eight(l, sums, output);
            continue;
        }
        const int32_t *sum = sums;
        int8_t *to = output;
        do {
            uint32_t four = (uint32_t)ns_rounded_output(sum[0], factor, places, twice);
            NS_REPLACE_BYTE(four, 8, ns_rounded_output(sum[1], factor, places, twice));
            NS_REPLACE_BYTE(four, 16, ns_rounded_output(sum[2], factor, places, twice));
            NS_REPLACE_BYTE(four, 24, ns_rounded_output(sum[3], factor, places, twice));
            ns_put_word(to, four);
            to += 4;
            sum += 4;
        } while (sum < sums + 8);
    }
}

#else

static void multiply(const netspec_dense *l, const int8_t *input, int8_t *output)
{
    const int32_t words = (l->inputs + 3) / 4;
    for (int32_t o = 0; o < l->outputs; o++) {
        const int8_t *const weights = l->kernel + o / 8 * 32 * words + o % 8 / 2 * 4 + o % 2;
        const int32_t flipped = o % 2 == 0 ? -128 : 0; /* the sign of an even output's weights */
        uint32_t sum = (uint32_t)l->kernel_sum[o];
        for (int32_t i = 0; i < l->inputs; i++) {
            const int8_t weight = (int8_t)(weights[i / 4 * 32 + i % 2 * 16 + i % 4 / 2 * 2] ^ flipped);
            sum += (uint32_t)(input[i] * weight);
        }
        output[o] = ns_output((int32_t)sum, l->multiplier, l->shift, l->output_offset, l->min, l->max);
    }
}

#endif

void netspec_dense_eights_s8(const netspec_dense *layer, const int8_t *input, int8_t *output, int32_t rows)
{
    for (; rows > 0; rows--, input += layer->inputs, output += layer->outputs) {
        multiply(layer, input, output);
    }
}
