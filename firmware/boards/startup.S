/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Vector table and reset, for every Cortex-M from v6-M on.
 *
 * Exceptions run on the main stack, the program on the process stack: when the program's stack overflows, there is
 * one left on which to say so. The program's stack ends where the RAM begins, or at PSPLIM where there is one, so an
 * overflow is a fault and destroys nothing.
 */
    .syntax unified
    .thumb

    .section .netspec_board_vectors, "a"
    .word netspec_board_handler_stack_top
    .word Reset_Handler
    .word netspec_board_fault_entry   /* NMI */
    .word netspec_board_fault_entry   /* HardFault */
    .word netspec_board_fault_entry   /* MemManage   from here on reserved on v6-M */
    .word netspec_board_fault_entry   /* BusFault */
    .word netspec_board_fault_entry   /* UsageFault */
    .word netspec_board_fault_entry   /* SecureFault */
    .word 0, 0, 0
    .word netspec_board_fault_entry   /* SVCall */
    .word netspec_board_fault_entry   /* DebugMonitor */
    .word 0
    .word netspec_board_fault_entry   /* PendSV */
    .word netspec_board_counter_wrapped   /* SysTick */

    .section .text.Reset_Handler, "ax"
    .global Reset_Handler
    .type Reset_Handler, %function
    .thumb_func
Reset_Handler:
#if defined(__ARM_FP) || defined(__ARM_FEATURE_MVE)
    /* CPACR: full access to coprocessors 10 and 11, which are the FPU and MVE. Before any C, which may use them. */
    ldr     r0, =0xe000ed88
    ldr     r1, [r0]
    ldr     r2, =0x00f00000
    orrs    r1, r1, r2
    str     r1, [r0]
    dsb
    isb
#endif
    bl      netspec_board_init
    ldr     r0, =netspec_board_stack_top
    msr     psp, r0
#if __ARM_ARCH >= 8
    ldr     r0, =netspec_board_stack_bottom
    msr     psplim, r0
#endif
    movs    r0, #2                      /* CONTROL.SPSEL */
    msr     control, r0
    isb
    bl      main
    bl      netspec_board_exit
    .pool
    .size Reset_Handler, . - Reset_Handler

    /* Hands the registers that the processor stacked, and EXC_RETURN, to netspec_board_fault. */
    .section .text.netspec_board_fault_entry, "ax"
    .global netspec_board_fault_entry
    .type netspec_board_fault_entry, %function
    .thumb_func
netspec_board_fault_entry:
    mrs     r0, psp
    mov     r1, lr
    movs    r2, #4                      /* EXC_RETURN.SPSEL: which stack was in use */
    tst     r1, r2
    bne     1f
    mrs     r0, msp
1:  ldr     r2, =netspec_board_fault
    bx      r2
    .pool
    .size netspec_board_fault_entry, . - netspec_board_fault_entry

    /* void netspec_board_spin(uint32_t rounds) */
    .section .text.netspec_board_spin, "ax"
    .global netspec_board_spin
    .type netspec_board_spin, %function
    .thumb_func
netspec_board_spin:
1:  subs    r0, r0, #1
    bne     1b
    bx      lr
    .size netspec_board_spin, . - netspec_board_spin

    /* int netspec_board_semihost(int operation, const void *block) */
    .section .text.netspec_board_semihost, "ax"
    .global netspec_board_semihost
    .type netspec_board_semihost, %function
    .thumb_func
netspec_board_semihost:
    bkpt    0xab
    bx      lr
    .size netspec_board_semihost, . - netspec_board_semihost
