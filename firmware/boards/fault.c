/* SPDX-License-Identifier: Apache-2.0 */
/* What a fault, or a failed assertion, says before the program ends: which, why, where, and what was running. */
#include "netspec_board.h"
#include "netspec_registers.h"

void (*netspec_board_say_what_runs)(void);

/* Where the processor puts the registers of what it interrupts. */
enum { FRAME_LR = 5, FRAME_PC = 6, FRAME_PSR = 7, FRAME_WORDS = 8 };

#define PROCESS_STACK (1u << 2) /* of EXC_RETURN */

struct cause {
    uint32_t bit;
    const char *text;
};

static void line(const char *key, uint32_t value)
{
    netspec_board_print("fault: ");
    netspec_board_print(key);
    netspec_board_print(" 0x");
    netspec_board_print_hex(value);
    netspec_board_print("\n");
}

static const char *name_of(uint32_t exception)
{
    switch (exception) {
    case 2:
        return "NMI";
    case 3:
        return "HardFault";
    case 4:
        return "MemManage";
    case 5:
        return "BusFault";
    case 6:
        return "UsageFault";
    case 7:
        return "SecureFault";
    default:
        return "unexpected exception";
    }
}

#if NETSPEC_BOARD_HAS_FAULT_STATUS
#define STACK_LIMIT (1u << 20)
#define MMFAR_VALID (1u << 7)
#define BFAR_VALID (1u << 15)
#define STACKING ((1u << 4) | (1u << 12)) /* MSTKERR, STKERR */

static const struct cause status_causes[] = {
    {1u << 0, "instruction fetched from memory that may not be executed"},
    {1u << 1, "data access that the memory protection forbids"},
    {1u << 3, "memory protection fault while returning from an exception"},
    {1u << 4, "memory protection fault while entering an exception"},
    {1u << 5, "memory protection fault while saving floating point registers"},
    {1u << 8, "bus error while fetching an instruction"},
    {1u << 9, "bus error at a data access"},
    {1u << 10, "bus error at an earlier data access"},
    {1u << 11, "bus error while returning from an exception"},
    {1u << 12, "bus error while entering an exception"},
    {1u << 13, "bus error while saving floating point registers"},
    {1u << 16, "undefined instruction"},
    {1u << 17, "jump to an address without the Thumb bit, or a broken execution state"},
    {1u << 18, "broken return from an exception"},
    {1u << 19, "instruction of a coprocessor (FPU or MVE) that is off or absent"},
    {STACK_LIMIT, "stack limit"},
    {1u << 24, "unaligned access where alignment is needed"},
    {1u << 25, "division by zero"},
};

static const struct cause hard_causes[] = {
    {1u << 1, "bus error while reading a vector"},
    {1u << 30, "raised from another fault that could not be taken"},
    {1u << 31, "debug event"},
};

static void explain(uint32_t value, const struct cause *causes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if ((value & causes[i].bit) != 0) {
            netspec_board_print("fault: ");
            netspec_board_print(causes[i].text);
            netspec_board_print("\n");
        }
    }
}
#endif

void netspec_board_fault(const uint32_t *frame, uint32_t exception_return)
{
    uint32_t exception;
    __asm volatile("mrs %0, ipsr" : "=r"(exception));
    netspec_board_print("fault: ");
    netspec_board_print(name_of(exception & 0x1ffu));
    netspec_board_print("\n");

    int overflow = 0;
#if NETSPEC_BOARD_HAS_FAULT_STATUS
    const uint32_t status = SCB_CFSR, hard = SCB_HFSR;
    line("CFSR", status);
    explain(status, status_causes, sizeof status_causes / sizeof status_causes[0]);
    line("HFSR", hard);
    explain(hard, hard_causes, sizeof hard_causes / sizeof hard_causes[0]);
    if ((status & BFAR_VALID) != 0) {
        line("address", SCB_BFAR);
    } else if ((status & MMFAR_VALID) != 0) {
        line("address", SCB_MMFAR);
    }
    overflow = (status & (STACK_LIMIT | STACKING)) != 0;
#else
    netspec_board_print("fault: an Armv6-M processor does not say why\n");
#endif

    if ((exception_return & PROCESS_STACK) != 0) {
        /* Registers are read only where they can have been saved: an overflow ends at, or below, the bottom. */
        const int saved = frame > netspec_board_stack_bottom && frame + FRAME_WORDS <= netspec_board_stack_top;
        if (overflow || !saved) {
            netspec_board_print("fault: stack overflow\n");
        }
        line("sp", (uint32_t)(uintptr_t)frame);
        line("stack from", (uint32_t)(uintptr_t)netspec_board_stack_bottom);
        line("stack to", (uint32_t)(uintptr_t)netspec_board_stack_top);
        if (saved) {
            line("pc", frame[FRAME_PC]);
            line("lr", frame[FRAME_LR]);
            line("psr", frame[FRAME_PSR]);
        } else {
            netspec_board_print("fault: pc not saved\n");
        }
    } else {
        netspec_board_print("fault: within an exception or before main\n");
        line("pc", frame[FRAME_PC]);
        line("lr", frame[FRAME_LR]);
    }
    if (netspec_board_say_what_runs != NULL) {
        netspec_board_say_what_runs();
    }
    netspec_board_exit(NETSPEC_BOARD_FAULT);
}

/* What assert() of newlib calls. */
void __assert_func(const char *file, int line, const char *function, const char *condition) __attribute__((noreturn));

void __assert_func(const char *file, int line, const char *function, const char *condition)
{
    (void)file; /* a name of the build's scratch folder */
    netspec_board_print("assertion failed in ");
    netspec_board_print(function != NULL ? function : "?");
    netspec_board_print(", line 0x");
    netspec_board_print_hex((uint32_t)line);
    netspec_board_print(": ");
    netspec_board_print(condition);
    netspec_board_print("\n");
    if (netspec_board_say_what_runs != NULL) {
        netspec_board_say_what_runs();
    }
    netspec_board_exit(NETSPEC_BOARD_ASSERTION);
}
