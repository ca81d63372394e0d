/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the taps of a window lie is listed once for all channels of an output pixel, and once for all windows that lie
 * inside the input. A tap outside is read where the pixel itself will be written: until then its last bytes, as many as
 * a pixel of the input has, hold the input's zero point. So no scratch is needed; and no output is written before its
 * place has been read for the last time, since output o comes of channel o / n, n filters a channel, which lies at
 * outputs - channels + o / n >= o.
 */
#include <string.h>

#include "../portable/requantize.h"
#include "netspec_kernels.h"
#include "simd.h"

enum { LISTED = 32 }; /* taps at a time, an even number; a window with more is listed in parts, as often as needed */

#if defined(NETSPEC_HELIUM) && defined(__GNUC__) && defined(__OPTIMIZE__)
#define NETSPEC_HELIUM_ASSEMBLY 1 /* for which registers do not suffice where the compiler may not optimize */
enum { BLOCK = 16, LEAST = 1, TOGETHER = 4 * BLOCK }; /* channels whose products are summed up at a time; rescaled */
#elif defined(NETSPEC_DSP)
enum { BLOCK = 4, LEAST = BLOCK, TOGETHER = 8 * BLOCK };
#else
enum { TOGETHER = 16 };
#endif

typedef struct {
    const netspec_convolution *layer;
    const int8_t *input;
    const int8_t *padding; /* what taps outside the input read */
    int32_t top;           /* of the window for which taps are listed */
    int32_t left;
    int32_t offset;             /* from there to the window that is meant */
    int32_t first;              /* of the listed taps */
    int32_t count;              /* of them */
    int32_t more;               /* whether there are others */
    const int8_t *taps[LISTED]; /* the first channel of each */
} window;

/* List as many taps as asked for, from number first on. */
static NS_SEPARATE void list_taps(window *w)
{
    const netspec_convolution *const l = w->layer;
    const int32_t channels = l->input.c, columns = l->filter.w, width = l->input.w, step = l->dilation.w;
    const int8_t *const input = w->input, *const padding = w->padding;
    const int8_t **tap = w->taps, **const end = tap + w->count;
    int32_t row = w->top, x = w->first;
    for (; x >= columns; x -= columns) {
        row += l->dilation.h;
    }
    for (; tap < end; x = 0, row += l->dilation.h) {
        const uint32_t inside = row >= 0 && row < l->input.h ? (uint32_t)width : 0;
        int32_t column = w->left + x * step;
        int32_t at = (row * width + column) * channels;
        for (; x < columns && tap < end; x++) {
            *tap++ = (uint32_t)column < inside ? input + at : padding;
            column += step;
            at += step * channels;
        }
    }
}

/* List what follows, and return 1; where nothing does, the first again, and return 0. */
static NS_SEPARATE int list_next(window *w)
{
    const int32_t taps = w->layer->filter.h * w->layer->filter.w;
    w->first += w->count;
    if (w->first == taps) {
        w->first = 0;
    }
    w->count = taps - w->first < LISTED ? taps - w->first : LISTED;
    list_taps(w);
    return w->first > 0;
}

#if defined(NETSPEC_HELIUM_ASSEMBLY)

/*
 * q0 to q3 are the sums of channels 0, 4, 8, 12, of 1, 5, 9, 13, and so on, as products of bytes come apart; those of
 * two taps fit 16 bits. All registers are needed, and one vector is read twice: compilers keep sums in memory instead.
 */
#define ADD_PRODUCTS                                                                                                  \
    "vmovlb.s16 q5, q6\n\t"                                                                                           \
    "vadd.i32 q0, q0, q5\n\t"                                                                                         \
    "vmovlb.s16 q7, q4\n\t"                                                                                           \
    "vadd.i32 q1, q1, q7\n\t"                                                                                         \
    "vmovlt.s16 q6, q6\n\t"                                                                                           \
    "vadd.i32 q2, q2, q6\n\t"                                                                                         \
    "vmovlt.s16 q4, q4\n\t"                                                                                           \
    "vadd.i32 q3, q3, q4\n\t"
#define ADD_TAPS(read)                                                                                                \
    "vld40.32 {q0, q1, q2, q3}, [%[from]]\n\t"                                                                        \
    "vld41.32 {q0, q1, q2, q3}, [%[from]]\n\t"                                                                        \
    "vld42.32 {q0, q1, q2, q3}, [%[from]]\n\t"                                                                        \
    "vld43.32 {q0, q1, q2, q3}, [%[from]]\n\t"                                                                        \
    "lsr %[x], %[count], #1\n\t"                                                                                      \
    "wls lr, %[x], 2f\n"                                                                                              \
    "1:\n\t"                                                                                                          \
    "ldrd %[x], %[y], [%[tap]], #8\n\t"                                                                               \
    "add %[x], %[x], %[offset]\n\t"                                                                                   \
    "add %[y], %[y], %[offset]\n\t"                                                                                   \
    read " q4, [%[x]]\n\t"                                                                                            \
    read " q5, [%[weights]]\n\t"                                                                                      \
    "vmullb.s8 q6, q4, q5\n\t"                                                                                        \
    "vmullt.s8 q4, q4, q5\n\t"                                                                                        \
    "add %[weights], %[weights], %[outputs]\n\t"                                                                      \
    read " q5, [%[y]]\n\t"                                                                                            \
    read " q7, [%[weights]]\n\t"                                                                                      \
    "vmullb.s8 q7, q5, q7\n\t"                                                                                        \
    "vadd.i16 q6, q6, q7\n\t"                                                                                         \
    read " q7, [%[weights]]\n\t"                                                                                      \
    "vmullt.s8 q7, q5, q7\n\t"                                                                                        \
    "vadd.i16 q4, q4, q7\n\t"                                                                                         \
    "add %[weights], %[weights], %[outputs]\n\t"                                                                      \
    ADD_PRODUCTS                                                                                                      \
    "le lr, 1b\n"                                                                                                     \
    "2:\n\t"                                                                                                          \
    "tst %[count], #1\n\t"                                                                                            \
    "beq 3f\n\t"                                                                                                      \
    "ldr %[x], [%[tap]]\n\t"                                                                                          \
    "add %[x], %[x], %[offset]\n\t"                                                                                   \
    read " q4, [%[x]]\n\t"                                                                                            \
    read " q5, [%[weights]]\n\t"                                                                                      \
    "vmullb.s8 q6, q4, q5\n\t"                                                                                        \
    "vmullt.s8 q4, q4, q5\n\t"                                                                                        \
    ADD_PRODUCTS                                                                                                      \
    "3:\n\t"                                                                                                          \
    "vst40.32 {q0, q1, q2, q3}, [%[sums]]\n\t"                                                                        \
    "vst41.32 {q0, q1, q2, q3}, [%[sums]]\n\t"                                                                        \
    "vst42.32 {q0, q1, q2, q3}, [%[sums]]\n\t"                                                                        \
    "vst43.32 {q0, q1, q2, q3}, [%[sums]]\n\t"

/* Return in sums what from holds plus the products of the listed taps, for n channels from o on. */
static NS_SEPARATE void add_taps(
    const window *w, int32_t o, int32_t n, const int8_t *kernel, const int32_t *from, int32_t *sums)
{
    const int32_t count = w->count, outputs = w->layer->output.c;
    int32_t offset = w->offset + o;
    for (; n > 0; n -= BLOCK, offset += BLOCK, kernel += BLOCK, from += BLOCK, sums += BLOCK) {
        const int8_t *const *tap = w->taps;
        const int8_t *weights = kernel, *x, *y;
        if (n >= BLOCK) {
            __asm__ volatile(ADD_TAPS("vldrb.8")
                             : [x] "=&r"(x), [y] "=&r"(y), [tap] "+r"(tap), [weights] "+r"(weights)
                             : [count] "r"(count), [offset] "r"(offset), [outputs] "r"(outputs), [from] "r"(from),
                               [sums] "r"(sums)
                             : "q0", "q1", "q2", "q3", "q4", "q5", "q6", "q7", "lr", "cc", "memory");
            continue;
        }
        for (int32_t i = 0; i < n; i++) {
            sums[i] = from[i];
        }
        __asm__ volatile("vctp.8 %[n]\n\t" ADD_TAPS("vpst\n\tvldrbt.8")
                         : [x] "=&r"(x), [y] "=&r"(y), [tap] "+r"(tap), [weights] "+r"(weights)
                         : [count] "r"(count), [offset] "r"(offset), [outputs] "r"(outputs), [from] "r"(sums),
                           [sums] "r"(sums), [n] "r"(n)
                         : "q0", "q1", "q2", "q3", "q4", "q5", "q6", "q7", "lr", "cc", "memory");
    }
}

/* Write n outputs of their sums, from o on. */
static NS_SEPARATE void finish(const netspec_convolution *l, const int32_t *sums, int32_t o, int32_t n, int8_t *output)
{
    const int32_t *multiplier = l->multiplier + o, *shift = l->shift + o;
    output += o;
    /* As ns_requantize_4, with a multiplier and a shift for each. */
    __asm__ volatile("vmov.i32 q4, #0\n\t"
                     "vdup.32 q5, %[min]\n\t"
                     "vdup.32 q6, %[max]\n\t"
                     "wlstp.32 lr, %[n], 2f\n"
                     "1:\n\t"
                     "vldrw.32 q0, [%[sums]], #16\n\t"
                     "vldrw.32 q1, [%[shift]], #16\n\t"
                     "vldrw.32 q2, [%[multiplier]], #16\n\t"
                     "vmax.s32 q3, q1, q4\n\t"
                     "vshl.s32 q0, q0, q3\n\t"
                     "vqrdmulh.s32 q0, q0, q2\n\t"
                     "vmin.s32 q1, q1, q4\n\t"
                     "vand q2, q0, q1\n\t"
                     "vshr.s32 q2, q2, #31\n\t"
                     "vqadd.s32 q0, q0, q2\n\t"
                     "vrshl.s32 q0, q0, q1\n\t"
                     "vadd.i32 q0, q0, %[offset]\n\t"
                     "vmax.s32 q0, q0, q5\n\t"
                     "vmin.s32 q0, q0, q6\n\t"
                     "vstrb.32 q0, [%[output]], #4\n\t"
                     "letp lr, 1b\n"
                     "2:"
                     : [sums] "+r"(sums), [shift] "+r"(shift), [multiplier] "+r"(multiplier), [output] "+r"(output)
                     : [n] "r"(n), [min] "r"((int32_t)l->min), [max] "r"((int32_t)l->max),
                       [offset] "r"((int32_t)l->output_offset)
                     : "q0", "q1", "q2", "q3", "q4", "q5", "q6", "lr", "cc", "memory");
}

#else

#if defined(NETSPEC_DSP)

/* Add the products of a tap. */
static inline void add_tap(uint32_t *sum0, uint32_t *sum1, uint32_t *sum2, uint32_t *sum3, uint32_t x, uint32_t w)
{
    const uint32_t x_even = ns_even(x), w_even = ns_even(w), x_odd = ns_odd(x), w_odd = ns_odd(w);
    *sum0 = ns_multiply_low(*sum0, x_even, w_even);
    *sum2 = ns_multiply_high(*sum2, x_even, w_even);
    *sum1 = ns_multiply_low(*sum1, x_odd, w_odd);
    *sum3 = ns_multiply_high(*sum3, x_odd, w_odd);
}

/* Return in sums what from holds plus the products of the listed taps, for n channels from o on. */
static NS_SEPARATE void add_taps(
    const window *w, int32_t o, int32_t n, const int8_t *kernel, const int32_t *from, int32_t *sums)
{
    const int8_t *const *const end = w->taps + w->count;
    const int32_t outputs = w->layer->output.c;
    int32_t offset = w->offset + o;
    for (; n > 0; n -= BLOCK, offset += BLOCK, kernel += BLOCK, from += BLOCK, sums += BLOCK) {
        const int8_t *const *tap = w->taps;
        const int8_t *weights = kernel;
        uint32_t sum0 = (uint32_t)from[0], sum1 = (uint32_t)from[1], sum2 = (uint32_t)from[2], sum3 = (uint32_t)from[3];
        if ((end - tap) % 2 != 0) {
            add_tap(&sum0, &sum1, &sum2, &sum3, ns_word(*tap++ + offset), ns_word(weights));
            weights += outputs;
        }
        while (tap < end) {
            add_tap(&sum0, &sum1, &sum2, &sum3, ns_word(*tap++ + offset), ns_word(weights));
            weights += outputs;
            NS_AFTER(sum3, tap, weights); /* else registers do not suffice */
            add_tap(&sum0, &sum1, &sum2, &sum3, ns_word(*tap++ + offset), ns_word(weights));
            weights += outputs;
        }
        sums[0] = (int32_t)sum0;
        sums[1] = (int32_t)sum1;
        sums[2] = (int32_t)sum2;
        sums[3] = (int32_t)sum3;
    }
}

#endif

/* Write n outputs of their sums, from o on. */
static NS_SEPARATE void finish(const netspec_convolution *l, const int32_t *sums, int32_t o, int32_t n, int8_t *output)
{
    const int32_t *multiplier = l->multiplier + o, *shift = l->shift + o;
    const int32_t offset = l->output_offset, low = l->min, high = l->max;
    output += o;
#if defined(NETSPEC_DSP)
    const int is_clamped = low > -128 || high < 127;
    for (const int8_t *const end = output + n; output < end; output++) {
        int32_t value = ns_saturated_output(*sums++, *multiplier++, *shift++, offset);
        if (is_clamped) {
            value = ns_clamp(value, low, high);
        }
        *output = (int8_t)value;
    }
#else
    for (int32_t i = 0; i < n; i++) {
        output[i] = ns_output(sums[i], multiplier[i], shift[i], offset, low, high);
    }
#endif
}

#endif

/* As add_taps, for one output, which comes of any channel. */
static int32_t add_one(const window *w, int32_t channel, const int8_t *weights, int32_t sum)
{
    const int8_t *const *tap = w->taps, *const *const end = tap + w->count;
    const int32_t offset = w->offset + channel, outputs = w->layer->output.c;
    do {
        sum = (int32_t)((uint32_t)sum + (uint32_t)((*tap++)[offset] * *weights));
        weights += outputs;
    } while (tap < end);
    return sum;
}

/* Compute the outputs of a pixel. */
static NS_SEPARATE void convolve_pixel(window *w, int8_t *output)
{
    const netspec_convolution *const l = w->layer;
    const int32_t outputs = l->output.c, filters = l->filter.n;
    int32_t sums[TOGETHER];
    for (int32_t start = 0; start < outputs; start += TOGETHER) {
        const int32_t n = outputs - start < TOGETHER ? outputs - start : TOGETHER;
        const int8_t *weights = l->kernel + start;
        const int32_t *from = l->kernel_sum + start;
        do {
            int32_t i = 0;
#if defined(NETSPEC_DSP) || defined(NETSPEC_HELIUM_ASSEMBLY)
            if (filters == 1) {
                i = n - n % LEAST;
                add_taps(w, start, i, weights, from, sums);
            }
#endif
            for (; i < n; i++) {
                sums[i] = add_one(w, filters == 1 ? start + i : (start + i) / filters, weights + i, from[i]);
            }
            weights += LISTED * outputs;
            from = sums;
        } while (w->more && list_next(w));
        finish(l, sums, start, n, output);
    }
}

/* Set n bytes. memset of small C libraries sets them one by one. */
static void fill(int8_t *bytes, int8_t value, int32_t n)
{
#if defined(NETSPEC_HELIUM)
    for (; n >= 16; n -= 16, bytes += 16) {
        vstrbq_s8(bytes, vdupq_n_s8(value));
    }
#elif defined(NETSPEC_DSP)
    for (; n >= 4; n -= 4, bytes += 4) {
        ns_put_word(bytes, (uint8_t)value * 0x01010101U);
    }
#endif
    if (n > 0) {
        memset(bytes, value, (size_t)n);
    }
}

static int is_inside(const netspec_convolution *l, int32_t top, int32_t left)
{
    return top >= 0 && left >= 0 && top + (l->filter.h - 1) * l->dilation.h < l->input.h &&
           left + (l->filter.w - 1) * l->dilation.w < l->input.w;
}

void netspec_depthwise_conv_s8(const netspec_convolution *layer, const int8_t *input, int8_t *output)
{
    const int32_t taps = layer->filter.h * layer->filter.w;
    window w;
    w.layer = layer;
    w.input = input;
    w.padding = output;
    w.first = 0;
    w.more = taps > LISTED;
    w.count = w.more ? LISTED : taps;
    int lists_inside = 0;
    for (int32_t y = 0; y < layer->output.h; y++) {
        const int32_t top = y * layer->stride.h - layer->padding.h;
        int32_t left = -layer->padding.w;
        for (int32_t x = 0; x < layer->output.w; x++, left += layer->stride.w, output += layer->output.c) {
            const int inside = is_inside(layer, top, left);
            w.offset = inside ? (top * layer->input.w + left) * layer->input.c : 0;
            if (!inside) {
                int8_t *const padding = output + layer->output.c - layer->input.c;
                fill(padding, layer->input_zero, layer->input.c);
                w.padding = padding;
            }
            if (!inside || !lists_inside) {
                w.top = inside ? 0 : top;
                w.left = inside ? 0 : left;
                list_taps(&w);
                lists_inside = inside;
            }
            convolve_pixel(&w, output);
        }
    }
}
