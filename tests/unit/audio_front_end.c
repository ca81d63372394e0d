/* SPDX-License-Identifier: Apache-2.0
 *
 * docs/audio-features.md written out in C, apart from netspec's Python: reads tables and clips, writes features.
 *
 * Standard input: nine int32 (frame_length, frame_step, N, M, coefficients or 0 for log-mel, frames, clips, 1 for
 * power or 0 for magnitude, 0), the log floor, the tables window, cos, sin, W (bins of the spectrum x M) and D
 * (coefficients x M), then the clips, all of them float32.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static float *floats(size_t count)
{
    float *values = calloc(count ? count : 1, sizeof *values);
    if (values == NULL || fread(values, sizeof *values, count, stdin) != count) {
        exit(2);
    }
    return values;
}

static float logarithm(float v)
{
    int e;
    float a = frexpf(v, &e);
    if (a < (float)0.70710678118654752440) {
        a = a + a;
        e = e - 1;
    }
    const float s = (a - 1.0f) / (a + 1.0f);
    const float q = s * s;
    float t = (float)(1.0 / 9.0) * q + (float)(1.0 / 7.0);
    t = t * q + (float)(1.0 / 5.0);
    t = t * q + (float)(1.0 / 3.0);
    t = t * q + 1.0f;
    return (float)e * (float)0.69314718055994530942 + (s + s) * t;
}

static void fourier(float *re, float *im, size_t n, const float *cosines, const float *sines)
{
    for (size_t i = 0, j = 0; i < n; i++) {
        if (i < j) {
            const float held = re[i];
            re[i] = re[j];
            re[j] = held;
        }
        size_t bit = n >> 1;
        while (bit && (j & bit)) {
            j ^= bit;
            bit >>= 1;
        }
        j |= bit;
    }
    for (size_t span = 2; span <= n; span *= 2) {
        for (size_t b = 0; b < n; b += span) {
            for (size_t j = 0; j < span / 2; j++) {
                const size_t e = b + j, o = e + span / 2, k = j * (n / span);
                const float tr = cosines[k] * re[o] - sines[k] * im[o];
                const float ti = cosines[k] * im[o] + sines[k] * re[o];
                re[o] = re[e] - tr;
                im[o] = im[e] - ti;
                re[e] = re[e] + tr;
                im[e] = im[e] + ti;
            }
        }
    }
}

int main(void)
{
    int32_t given[9];
    if (fread(given, sizeof given[0], 9, stdin) != 9) {
        return 2;
    }
    const size_t length = (size_t)given[0], step = (size_t)given[1], n = (size_t)given[2], bins = (size_t)given[3];
    const size_t coefficients = (size_t)given[4], frames = (size_t)given[5], clips = (size_t)given[6];
    const size_t half = n / 2 + 1;
    const float *floor_of = floats(1), *window = floats(length), *cosines = floats(n / 2), *sines = floats(n / 2);
    const float *weights = floats(half * bins), *dct = floats(coefficients * bins);
    float *re = malloc(n * sizeof *re), *im = malloc(n * sizeof *im), *level = malloc(bins * sizeof *level);
    if (re == NULL || im == NULL || level == NULL) {
        return 2;
    }
    for (size_t clip = 0; clip < clips; clip++) {
        const float *x = floats(length + (frames - 1) * step);
        for (size_t frame = 0; frame < frames; frame++) {
            for (size_t i = 0; i < n; i++) {
                re[i] = i < length ? x[frame * step + i] * window[i] : 0.0f;
                im[i] = 0.0f;
            }
            fourier(re, im, n, cosines, sines);
            for (size_t k = 0; k < half; k++) {
                re[k] = re[k] * re[k] + im[k] * im[k];
                if (!given[7]) {
                    re[k] = sqrtf(re[k]);
                }
            }
            for (size_t m = 0; m < bins; m++) {
                float sum = 0.0f;
                for (size_t k = 0; k < half; k++) {
                    if (weights[k * bins + m] > 0.0f) {
                        const float term = re[k] * weights[k * bins + m];
                        sum = sum + term;
                    }
                }
                level[m] = logarithm(sum > *floor_of ? sum : *floor_of);
            }
            for (size_t c = 0; c < coefficients; c++) {
                float sum = 0.0f;
                for (size_t m = 0; m < bins; m++) {
                    const float term = level[m] * dct[c * bins + m];
                    sum = sum + term;
                }
                re[c] = sum;
            }
            if (fwrite(coefficients ? re : level, sizeof *re, coefficients ? coefficients : bins, stdout) == 0) {
                return 2;
            }
        }
        free((void *)x);
    }
    return 0;
}
