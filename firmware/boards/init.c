/* SPDX-License-Identifier: Apache-2.0 */
/* What has to be there before main(): the variables, the caches, the faults by their own names, paint on the stack. */
#include "netspec_board.h"
#include "netspec_registers.h"

extern uint32_t netspec_board_data_start[], netspec_board_data_end[];
extern uint32_t netspec_board_bss_start[], netspec_board_bss_end[];
extern const uint32_t netspec_board_data_load[];

#if NETSPEC_BOARD_HAS_FAULT_STATUS
/* The memory that a program has: nothing else may be touched, and constants may not be written. */
extern const char netspec_board_flash_start[], netspec_board_flash_bytes[];
extern const char netspec_board_ram_start[], netspec_board_ram_bytes[];

static void protect(uint32_t region, const char *start, const char *bytes, int is_flash)
{
    const uint32_t base = (uint32_t)(uintptr_t)start, size = (uint32_t)(uintptr_t)bytes;
    MPU_RNR = region;
#if __ARM_ARCH >= 8
    /* Privileged only: read and run, or read and write. Normal memory, attributes 0. */
    MPU_RBAR = base | (is_flash ? 2u << 1 : 1u);
    MPU_RLAR = ((base + size - 1) & ~31u) | 1u;
#else
    uint32_t log2 = 0; /* sizes are powers of two */
    while ((size >> log2) > 1) {
        log2++;
    }
    /* Privileged only: read and run, write-through; or read and write, write-back. */
    const uint32_t access = is_flash ? (5u << 24) | (1u << 17) : (1u << 28) | (1u << 24) | (1u << 19) | (3u << 16);
    MPU_RBAR = base;
    MPU_RASR = access | ((log2 - 1) << 1) | 1u;
#endif
}

/* Emulated boards answer where no memory is, so that without this a stack would grow out of the RAM unseen. */
static void protect_memory(void)
{
    if (MPU_REGIONS(MPU_TYPE) < 2) {
        return;
    }
#if __ARM_ARCH >= 8
    MPU_MAIR0 = 0xffu; /* attributes 0: normal memory, write-back */
#endif
    protect(0, netspec_board_flash_start, netspec_board_flash_bytes, 1);
    protect(1, netspec_board_ram_start, netspec_board_ram_bytes, 0);
    MPU_CTRL = 1; /* without the background map */
    barrier();
}
#endif

#if NETSPEC_BOARD_HAS_CACHES
/* Arm's sequence: invalidate, then switch on; a data cache set by set and way by way. Nothing happens without one. */
static void enable_caches(void)
{
    const uint32_t levels = SCB_CLIDR;
    if ((levels & CLIDR_LEVEL1_INSTRUCTION) != 0) {
        SCB_ICIALLU = 0;
        barrier();
        SCB_CCR |= CCR_INSTRUCTION_CACHE;
        barrier();
    }
    if ((levels & CLIDR_LEVEL1_DATA) != 0) {
        SCB_CSSELR = 0;
        barrier();
        const uint32_t geometry = SCB_CCSIDR;
        const uint32_t last_set = (geometry >> 13) & 0x7fffu, last_way = (geometry >> 3) & 0x3ffu;
        for (uint32_t set = 0; set <= last_set; set++) {
            for (uint32_t way = 0; way <= last_way; way++) {
                SCB_DCISW = (set << 5) | (way << 30); /* lines of 32 bytes, 4 ways: all cores that have a cache */
            }
        }
        barrier();
        SCB_CCR |= CCR_DATA_CACHE;
        barrier();
    }
}
#endif

void netspec_board_init(void)
{
    const uint32_t *from = netspec_board_data_load;
    for (uint32_t *to = netspec_board_data_start; to < netspec_board_data_end; to++) {
        *to = *from++;
    }
    for (uint32_t *to = netspec_board_bss_start; to < netspec_board_bss_end; to++) {
        *to = 0;
    }
#if NETSPEC_BOARD_HAS_FAULT_STATUS
    SCB_SHCSR |= SHCSR_FAULTS_ENABLED;
    SCB_CCR |= CCR_DIVIDE_BY_ZERO;
    protect_memory();
#endif
#if NETSPEC_BOARD_HAS_CACHES
    enable_caches();
#endif
#if NETSPEC_BOARD_HAS_LOOP_CACHE
    SCB_CCR |= CCR_LOOP_CACHE;
    barrier();
#endif
}
