/* SPDX-License-Identifier: Apache-2.0 */
/* The instruction counter (SysTick) and the stack's high-water mark. */
#include "netspec_board.h"
#include "netspec_registers.h"

#define PAINT 0xa5c3965au

static volatile uint32_t wraps;

void netspec_board_counter_wrapped(void)
{
    wraps++;
}

int netspec_board_counter_start(void)
{
    SYST_CSR = 0;
    SYST_RVR = SYST_LAST;
    if (SYST_RVR != SYST_LAST) {
        return 0;
    }
    SYST_CVR = 0; /* any value clears it; it is loaded at the next tick */
    SYST_CSR = SYST_ENABLE | SYST_EXCEPTION | SYST_PROCESSOR_CLOCK;
    while (SYST_CVR == 0) {
    }
    wraps = 0;
    return 1;
}

uint32_t netspec_board_counter_ticks(void)
{
    uint32_t before, value;
    do {
        before = wraps;
        value = SYST_CVR;
    } while (before != wraps);
    /* 0 lasts for one tick, and the exception comes with it: it belongs to the round before. */
    return value == 0 ? (before << 24) - 1 : (before << 24) + (SYST_LAST - value);
}

void netspec_board_counter_stop(void)
{
    SYST_CSR = 0;
}

uint32_t netspec_board_stack_of(int (*function)(void), int *result)
{
    uint32_t *pointer;
    __asm volatile("mov %0, sp" : "=r"(pointer));
    for (volatile uint32_t *word = netspec_board_stack_bottom; word < pointer; word++) {
        *word = PAINT;
    }
    *result = function();
    const volatile uint32_t *word = netspec_board_stack_bottom;
    while (word < pointer && *word == PAINT) {
        word++;
    }
    return (uint32_t)((uintptr_t)pointer - (uintptr_t)word);
}
