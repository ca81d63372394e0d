/* SPDX-License-Identifier: Apache-2.0 */
/* The part of a window that lies inside the input, along one axis. */
#ifndef NETSPEC_WINDOW_H
#define NETSPEC_WINDOW_H

#include <stdint.h>

/* Taps first to end - 1 lie inside; none does if end <= first. */
typedef struct {
    int32_t first;
    int32_t end;
} ns_taps;

/* Return the taps of a window that begins at start (negative in padding) and fall into an input of size values. */
static inline ns_taps ns_taps_inside(int32_t start, int32_t size, int32_t taps, int32_t dilation)
{
    ns_taps inside = {0, taps};
    if (start < 0) {
        inside.first = (-start + dilation - 1) / dilation;
    }
    if (start + (taps - 1) * dilation >= size) {
        inside.end = start < size ? (size - start + dilation - 1) / dilation : 0;
    }
    return inside;
}

#endif
