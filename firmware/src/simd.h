/* SPDX-License-Identifier: Apache-2.0 */
/* Which instructions there are to compute several values at a time, and how to say them. */
#ifndef NETSPEC_SIMD_H
#define NETSPEC_SIMD_H

#include <stdint.h>
#include <string.h>

/* For functions that are to have all registers for themselves. */
#if defined(__GNUC__)
#define NS_SEPARATE __attribute__((noinline))
#else
#define NS_SEPARATE
#endif

#if defined(__ARM_FEATURE_MVE) && (__ARM_FEATURE_MVE & 1)

#define NETSPEC_HELIUM 1
#include <arm_mve.h>

/* Return values * 2^shift, halves away from zero, four at a time; shift is at most 0. */
static inline int32x4_t ns_scale_4(int32x4_t values, int32_t shift)
{
    if (shift == 0) {
        return values;
    }
    /* The instruction rounds halves up; one less makes that away from zero for what is negative. */
    return vrshlq_n_s32(vqaddq_s32(values, vshrq_n_s32(values, 31)), shift);
}

/* As ns_requantize, four at a time. */
static inline int32x4_t ns_requantize_4(int32x4_t values, int32_t multiplier, int32_t shift)
{
    const int32_t left = shift > 0 ? shift : 0;
    return ns_scale_4(vqrdmulhq_n_s32(vshlq_r_s32(values, left), multiplier), shift - left);
}

#endif

#if defined(__ARM_FEATURE_SIMD32) && defined(__GNUC__)

#if !defined(NETSPEC_HELIUM)
#define NETSPEC_DSP 1
#endif

/* Functions that are assembly from their first instruction to the last; Helium is no reason against them. */
#if defined(__ARM_ARCH_PROFILE) && __ARM_ARCH_PROFILE == 'M'
#define NETSPEC_DSP_ASSEMBLY 1
#define NS_ASSEMBLY __attribute__((noinline, naked))
#define NS_IN_ASSEMBLY __attribute__((unused)) /* a parameter, as far as the compiler sees */
#endif

/* Keep what two pointers point to from being read before a value is known. */
#define NS_AFTER(value, one, two) __asm__("" : "+r"(one), "+r"(two) : "r"(value))

/* Return four bytes, wherever they lie. */
static inline uint32_t ns_word(const int8_t *bytes)
{
    uint32_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

/* Return bytes 0 and 2 as two int16. */
static inline uint32_t ns_even(uint32_t word)
{
    uint32_t pair;
    __asm__("sxtb16 %0, %1" : "=r"(pair) : "r"(word));
    return pair;
}

/* Return bytes 1 and 3 as two int16. */
static inline uint32_t ns_odd(uint32_t word)
{
    uint32_t pair;
    __asm__("sxtb16 %0, %1, ror #8" : "=r"(pair) : "r"(word));
    return pair;
}

/* Return sum + a[0] * b[0] + a[1] * b[1], of two int16 each. */
static inline uint32_t ns_multiply_pairs(uint32_t sum, uint32_t a, uint32_t b)
{
    __asm__("smlad %0, %1, %2, %0" : "+r"(sum) : "r"(a), "r"(b));
    return sum;
}

/* Return sum + a[0] * b[0], of two int16 each. */
static inline uint32_t ns_multiply_low(uint32_t sum, uint32_t a, uint32_t b)
{
    __asm__("smlabb %0, %1, %2, %0" : "+r"(sum) : "r"(a), "r"(b));
    return sum;
}

/* Return sum + a[1] * b[1]. */
static inline uint32_t ns_multiply_high(uint32_t sum, uint32_t a, uint32_t b)
{
    __asm__("smlatt %0, %1, %2, %0" : "+r"(sum) : "r"(a), "r"(b));
    return sum;
}

/* Return sum plus each of four bytes, 0 to 255. */
static inline uint32_t ns_add_bytes(uint32_t sum, uint32_t word)
{
    __asm__("usada8 %0, %1, %2, %0" : "+r"(sum) : "r"(word), "r"(0));
    return sum;
}

/* Write four bytes, wherever they lie. */
static inline void ns_put_word(int8_t *bytes, uint32_t word)
{
    memcpy(bytes, &word, sizeof word);
}

/* Return a byte four times. */
static inline uint32_t ns_four_times(int8_t value)
{
    return 0x01010101U * (uint8_t)value;
}

/* Return the greater of each two bytes. The second instruction reads flags of the first. */
static inline uint32_t ns_greater_4(uint32_t a, uint32_t b)
{
    uint32_t greater;
    __asm__("ssub8 %0, %1, %2\n\tsel %0, %1, %2" : "=&r"(greater) : "r"(a), "r"(b) : "cc");
    return greater;
}

/* Return the lesser of each two bytes. */
static inline uint32_t ns_lesser_4(uint32_t a, uint32_t b)
{
    uint32_t lesser;
    __asm__("ssub8 %0, %1, %2\n\tsel %0, %2, %1" : "=&r"(lesser) : "r"(a), "r"(b) : "cc");
    return lesser;
}

/* Replace the byte of a word from a bit on by the lowest one of a value. */
#define NS_REPLACE_BYTE(word, bit, value) __asm__("bfi %0, %1, #" #bit ", #8" : "+r"(word) : "r"(value))

/* Return twice a multiplier, 2^32 less where that does not fit: from 2^30 on. */
static inline int32_t ns_factor(int32_t multiplier)
{
    return (int32_t)((uint32_t)multiplier << 1);
}

/* Return round(value * multiplier / 2^31), halves up, for multipliers from 2^30 on, given their factor. */
static inline int32_t ns_multiply_high_rounded(int32_t value, int32_t factor)
{
    int32_t high;
    __asm__("smmlar %0, %1, %2, %1" : "=r"(high) : "r"(value), "r"(factor));
    return high;
}

/*
 * Return an accumulator as an output value, as ns_output does where all int8 are allowed, for multipliers from 2^30 on and
 * shifts below 0. factor is ns_factor's, places -1 - shift, twice 2 * offset + 1.
 */
static inline int32_t ns_rounded_output(int32_t accumulator, int32_t factor, int32_t places, int32_t twice)
{
    int32_t high = ns_multiply_high_rounded(accumulator, factor), output;
    /* Halves away from zero: one less where negative, then halves up, with a place more that is cut off at the end. */
    high = (high + (high >> 31)) >> places;
    __asm__("qadd %0, %1, %2" : "=r"(high) : "r"(high), "r"(twice));
    __asm__("ssat %0, #8, %1, asr #1" : "=r"(output) : "r"(high));
    return output;
}

/* Return an accumulator as an output value, as ns_output does where all int8 are allowed. */
static inline int32_t ns_saturated_output(int32_t accumulator, int32_t multiplier, int32_t shift, int32_t offset)
{
    /* Twice the multiplier does not fit where it is 2^30 or more: it is 2^32 too small, and value is added instead. */
    const int32_t left = shift > 0 ? shift : 0, twice = (int32_t)((uint32_t)multiplier << 1);
    const int32_t value = (int32_t)((uint32_t)accumulator << left), lacking = value & twice >> 31;
    int32_t high, output;
    __asm__("smmlar %0, %1, %2, %3" : "=r"(high) : "r"(value), "r"(twice), "r"(lacking));
    if (shift >= 0) {
        high = (int32_t)((uint32_t)high + (uint32_t)offset);
        __asm__("ssat %0, #8, %1" : "=r"(output) : "r"(high));
        return output;
    }
    /* Halves away from zero: one less where negative, then halves up, with a place more that is cut off at the end. */
    high = (high + (high >> 31)) >> (-1 - shift);
    __asm__("qadd %0, %1, %2" : "=r"(high) : "r"(high), "r"(2 * offset + 1));
    __asm__("ssat %0, #8, %1, asr #1" : "=r"(output) : "r"(high));
    return output;
}

#endif

#endif
