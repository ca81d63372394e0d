/* SPDX-License-Identifier: Apache-2.0 */
#include <Arduino.h>

SerialPort Serial;

unsigned long micros(void)
{
    return 0;
}

int main()
{
    setup();
    loop();
    return 0;
}
