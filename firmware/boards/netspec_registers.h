/* SPDX-License-Identifier: Apache-2.0 */
/* The registers of a Cortex-M that the boards use: names and bits of the Arm v6-M, v7-M and v8-M reference manuals. */
#ifndef NETSPEC_BOARD_REGISTERS_H
#define NETSPEC_BOARD_REGISTERS_H

#include <stdint.h>

#define NETSPEC_BOARD_REGISTER(address) (*(volatile uint32_t *)(address))

#if defined(__ARM_ARCH_6M__) || defined(__ARM_ARCH_8M_BASE__)
#define NETSPEC_BOARD_HAS_FAULT_STATUS 0 /* HardFault only, and no word on why */
#define NETSPEC_BOARD_HAS_CACHES 0
#else
#define NETSPEC_BOARD_HAS_FAULT_STATUS 1
#define NETSPEC_BOARD_HAS_CACHES 1 /* or says in CLIDR that it has none */
#endif
/* v8.1-M keeps where its loops begin and end, once told to. */
#if defined(__ARM_FEATURE_MVE)
#define NETSPEC_BOARD_HAS_LOOP_CACHE 1
#else
#define NETSPEC_BOARD_HAS_LOOP_CACHE 0
#endif

#define SYST_CSR NETSPEC_BOARD_REGISTER(0xe000e010u)
#define SYST_RVR NETSPEC_BOARD_REGISTER(0xe000e014u)
#define SYST_CVR NETSPEC_BOARD_REGISTER(0xe000e018u)
#define SYST_ENABLE 1u
#define SYST_EXCEPTION 2u
#define SYST_PROCESSOR_CLOCK 4u
#define SYST_LAST 0x00ffffffu

#define SCB_CCR NETSPEC_BOARD_REGISTER(0xe000ed14u)
#define CCR_DIVIDE_BY_ZERO (1u << 4)
#define CCR_DATA_CACHE (1u << 16)
#define CCR_INSTRUCTION_CACHE (1u << 17)
#define CCR_LOOP_CACHE (1u << 19)
#define SCB_SHCSR NETSPEC_BOARD_REGISTER(0xe000ed24u)
#define SHCSR_FAULTS_ENABLED (7u << 16) /* MemManage, BusFault, UsageFault */
#define SCB_CFSR NETSPEC_BOARD_REGISTER(0xe000ed28u)
#define SCB_HFSR NETSPEC_BOARD_REGISTER(0xe000ed2cu)
#define SCB_MMFAR NETSPEC_BOARD_REGISTER(0xe000ed34u)
#define SCB_BFAR NETSPEC_BOARD_REGISTER(0xe000ed38u)
#define MPU_TYPE NETSPEC_BOARD_REGISTER(0xe000ed90u)
#define MPU_REGIONS(type) (((type) >> 8) & 0xffu)
#define MPU_CTRL NETSPEC_BOARD_REGISTER(0xe000ed94u)
#define MPU_RNR NETSPEC_BOARD_REGISTER(0xe000ed98u)
#define MPU_RBAR NETSPEC_BOARD_REGISTER(0xe000ed9cu)
#define MPU_RASR NETSPEC_BOARD_REGISTER(0xe000eda0u) /* v7-M */
#define MPU_RLAR NETSPEC_BOARD_REGISTER(0xe000eda0u) /* v8-M */
#define MPU_MAIR0 NETSPEC_BOARD_REGISTER(0xe000edc0u)
#define SCB_CLIDR NETSPEC_BOARD_REGISTER(0xe000ed78u)
#define CLIDR_LEVEL1_INSTRUCTION 1u
#define CLIDR_LEVEL1_DATA 2u
#define SCB_CCSIDR NETSPEC_BOARD_REGISTER(0xe000ed80u)
#define SCB_CSSELR NETSPEC_BOARD_REGISTER(0xe000ed84u)
#define SCB_ICIALLU NETSPEC_BOARD_REGISTER(0xe000ef50u)
#define SCB_DCISW NETSPEC_BOARD_REGISTER(0xe000ef60u)

static inline void barrier(void)
{
    __asm volatile("dsb\n\tisb" ::: "memory");
}

#endif
