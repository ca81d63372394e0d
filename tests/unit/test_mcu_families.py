"""What is answered to the name of a chip in place of a core."""

from __future__ import annotations

from typing import get_args

import pytest

from netspec.names.mcu_families import _CORES, core_help
from netspec.spec.sections import Core

CHIPS = {
    "cortex-m0": "stm32f030 nRF51822 lpc1114 xmc1100 PSoC4 cortex-m1 SC000",
    "cortex-m0+": "RP2040 pico stm32g071 stm32l073 stm32c011 samd21 ATSAMD21G18A kl25z lpc845 ra2a1 saml11 mspm0"
    " cortex-m23 efm32zg M0plus cortex-m0plus py32f002 stm32wb05 cm0+",
    "cortex-m3": "stm32f103 STM32L152 sam3x8e lpc1768 lpc1549 efm32gg cc2640 gd32f103 PSoC-5 bluepill efm32tg",
    "cortex-m4": "nrf52840 nRF52832 stm32f407VG stm32l476 stm32g474 stm32wb55 stm32wl55 samd51 same54 k64f mk66"
    " max78000 MAX78002 apollo3 Apollo4-plus efr32mg12 psoc6 xmc4500 lpc54608 lpc4088 ra4m1 ra6m3 msp432 cc1352 tm4c123"
    " at32f403 gd32f303 teensy3.6 arduino-nano-33-ble s32k144 stm32mp157"
    " max32666 cm4 m4f cortex-m4f armv7e-m microbit-v2",
    "cortex-m7": "stm32h7 STM32H743ZI stm32f746 imxrt1062 i.MX-RT1170 MIMXRT1060 rt1064 same70 samv71 s32k344 teensy4.1"
    " portenta-h7 kv58 xmc7200 m7",
    "cortex-m33": "rp2350 pico2 nRF5340 nrf54l15 nrf9160 stm32u585 stm32l552 stm32h563 stm32wba52 lpc55s69 ra4m2 ra6m5"
    " efr32mg24 EFR32BG22 mcxn947 imxrt595 rt685 gd32e503 cortex-m35p da14695",
    "cortex-m55": "stm32n6 STM32N657 alif-ensemble alif-e7 ensemble-e3 apollo510 PSoC-Edge m55m1 hx6538 corstone-300"
    " cortex-m52",
    "cortex-m85": "ra8d1 RA8M1 corstone-310 m85",
}
NO_CORTEX_M = {
    "Xtensa": "esp32 ESP32-S3 esp32s2 esp8266 xtensa",
    "RISC-V": "esp32-c3 esp32c6 esp32h2 esp32-p4 ch32v003 CH32V307 gd32vf103 riscv rv32imc bl602 k210 gap9 hpm6750",
    "AVR": "atmega328p ATtiny85 avr arduino-uno",
    "PIC": "pic16f877 pic18 pic24 dspic33",
    "MIPS": "pic32mx pic32mz",
    "MSP430": "msp430 msp430fr5994",
    "Cortex-A": "cortex-a53 raspberrypi4 sama5d2 zynq",
    "Cortex-R": "cortex-r5 tms570",
    "RX": "rx65n",
    "8-bit": "8051 stm8 efm8",
}


@pytest.mark.parametrize("core", CHIPS)
def test_a_chip_is_answered_with_its_core(core: str) -> None:
    for chip in CHIPS[core].split():
        help = core_help(chip)
        assert help is not None, chip
        assert help.endswith(f"write `core: {core}`"), (chip, help)


@pytest.mark.parametrize("kind", NO_CORTEX_M)
def test_what_has_no_cortex_m_is_said_to_have_none(kind: str) -> None:
    for chip in NO_CORTEX_M[kind].split():
        help = core_help(chip)
        assert help is not None, chip
        assert f"{chip} has " in help, (chip, help)
        assert kind in help, (chip, help)
        assert "no Cortex-M" in help, (chip, help)


def test_a_family_alone_asks_for_the_chips_core() -> None:
    for family in ("stm32", "nRF", "LPC", "efr32", "i.MX", "samd"):
        assert "have several cores" in str(core_help(family))


def test_an_npu_is_none() -> None:
    assert "is an NPU" in str(core_help("ethos-u55"))


def test_other_words_are_left_to_the_nearest_name() -> None:
    for word in ("cortex-m9", "cortex-m44", "foo", "", "x", "KEY; {}"):
        assert core_help(word) is None


def test_every_core_is_one_of_ours() -> None:
    named = {line.partition(":")[0] for line in _CORES.strip().split("\n") if line.startswith("cortex")}
    assert named == set(get_args(Core))
