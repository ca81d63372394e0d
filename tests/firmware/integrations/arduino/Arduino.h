/* SPDX-License-Identifier: Apache-2.0 */
/* As much of Arduino's core as a sketch that prints needs, on the host. */
#ifndef ARDUINO_H
#define ARDUINO_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

unsigned long micros(void);
void setup(void);
void loop(void);

struct SerialPort {
    void begin(unsigned long) {}
    operator bool() const { return true; }
    void print(const char *text) { fputs(text, stdout); }
    void print(int value) { printf("%d", value); }
    void print(unsigned long value) { printf("%lu", value); }
    void println(const char *text) { puts(text); }
};
extern SerialPort Serial;

#endif
